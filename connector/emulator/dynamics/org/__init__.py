"""The emulated Dataverse organisation: its tables, its rows, who may see what, and what changed since when.

In: writes by a user, whole exports, schema changes; out: rows in one SQLite database. Reading order: `model`,
`catalogue`, `storage`, `schema`, `access`, `tracking`, `rows`, `founding`, `records` (class Org).
Next room: `odata`, which reads the tables, then the wire modules.
"""
