"""What the organisation's tables look like as metadata answers: dictionaries in the published shapes.

Reading order: `labels`, `shape`, `options`, `attributes`, `tables`, `relations`, `extras`, and `shelf`, which keeps
what was made.
"""
