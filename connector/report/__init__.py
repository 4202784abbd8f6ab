"""The HTML report: one overview of the programme and one page per account, readable without network or script.

Result tables of the mirror come in; files leave. In reading order: `book` reads, `plot`, `scatter`, `curve` and
`seats` lay out what is drawn, `pages` writes the HTML, `shelf` puts it on disk.
"""
