"""Queries whose rows are not plain rows of one table: aggregates, FetchXML and SQL.

The text of a query comes in; JSON texts of its rows leave. Next room: `read`.
"""
