"""Pages of rows: which columns, in what order, with what beside them, and where the next page begins.

Parsed options come in; JSON texts of rows leave. Next room: `reports`.
"""
