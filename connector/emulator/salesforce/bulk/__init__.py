"""Bulk API 2.0: jobs that read or write many records as CSV, worked on beside the requests.

In: job descriptions, SOQL, uploads; out: CSV results in pages. Reading order: `settings` (what a test may fix), `jobs`
(what a job is, and how it goes on), `tables` (CSV kept in a file), `extract` and `query_jobs` (records out), `intake`,
`ingest` and `ingest_jobs` (records in). Next room: `composite`.
"""
