"""The two SQLite files on our own machine: `mirror.db` (rows, present, cursors, results) and `journal.db`.

The journal commits first and is the one that must not be lost; the mirror can be pulled again.
"""
