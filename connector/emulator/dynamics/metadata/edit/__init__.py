"""Changes of metadata: tables, columns, keys, relationships and option sets, checked as in a real organisation.

Reading order: `rights`, `wording`, `columns`, `definitions`, `tables`, `relations`, `keys`, `options`.
"""
