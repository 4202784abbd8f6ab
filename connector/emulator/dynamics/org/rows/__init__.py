"""One row at a time, and many: reading values, checking them, completing rows, loading whole exports.

In: what callers and exports give; out: rows fit to be stored. Reading order: `values`, `writing`, `derived`, `twins`,
`removal`, `bulk`. Next room: `records`.
"""
