"""The two SQLite files on our own machine: `mirror.db` (rows, present, cursors, results) and `journal.db`.

The journal commits first and is the one that must not be lost; the mirror can be pulled again.
"""

import sys

# sqlite-utils loads pandas where it is installed, to know its types when it sees them; we never show it any, and a
# command would take a second longer.
if "pandas" not in sys.modules:
    sys.modules["pandas"] = None  # type: ignore[assignment]
    try:
        import sqlite_utils  # noqa: F401
    finally:
        del sys.modules["pandas"]
