"""Bulk API 2.0: jobs that the org works on for us, for reads and writes of many records.

Reading order: `choose` (REST, collections or Bulk, and why), `jobs` (one job from its making to its end), `query` (a
read), `pages` (results, several at once, checked), `cuts` (CSV to columns), `table` (columns to raw values), `ingest`
(a write). Next room: back to `read` and `write`, which both ask `choose` first.
"""
