"""Solution files: the zip of an unmanaged solution, read and written.

Reading order: `xmltext`, `archive` (the zip), `bodies` (its XML as bodies of metadata writes), `importing`, `security`
(roles, profiles and views), `exporting`.
"""
