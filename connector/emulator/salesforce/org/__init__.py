"""The emulated org: its objects, its records, who may see what, and how it describes itself.

In: writes by a user, whole exports, metadata deploys; out: rows in one SQLite database, and JSON. Reading order:
`model`, `ids`, `catalogue`, `schema`, `access`, `rows`, `founding`, `records` (class Org), `describe`.
Next room: `soql`, which reads the tables, then the wire modules.
"""
