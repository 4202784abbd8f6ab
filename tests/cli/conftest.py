"""The same bench as for hostile input."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "hostile"))

from bench import _no_waiting, after_first_run, bare, ready_site, secure, site, walked

__all__ = ["_no_waiting", "after_first_run", "bare", "ready_site", "secure", "site", "walked"]
