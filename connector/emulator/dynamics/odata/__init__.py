"""Reading rows: what a query asks for becomes SQL, and what SQL finds becomes JSON as the wire has it.

Query options come in; texts of rows and links to further pages leave. Next room: `read`.
"""
