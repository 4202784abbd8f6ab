"""SOQL: a query's text in, records out, as a Salesforce org would answer it.

In: an org, a user and the text of a query; out: a `Result` to page through, or a `Problem` with the org's own code and
text. Reading order: `grammar.lark`, `tree` (what a query is made of), `parse` (text → tree), `names` (paths → tables
and columns, and who may see them), `terms` (fields, date functions, TODAY and its kin), `where` (conditions → SQL),
`select` (columns → SQL and JSON), `groups` (aggregates), `query` (run it). Next room: the wire modules, which page
through the result.
"""
