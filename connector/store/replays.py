"""What the newest back-test of whitespace found, for whoever shows or weighs whitespace.

Plain rows come in and go out; each back-test takes the place of the one before. Next room: `cli.status`, `report.book`.
"""

import json
from typing import Any

from connector.store.mirror import Mirror

_KEY = "whitespace_backtest"


def keep(mirror: Mirror, found: dict[str, Any]) -> None:
    """Remember what a back-test found."""
    mirror.meta(_KEY, json.dumps(found))


def newest(mirror: Mirror) -> dict[str, Any] | None:
    """What the newest back-test found, None where there was none."""
    text = mirror.meta(_KEY)
    found: dict[str, Any] | None = None if text is None else json.loads(text)
    return found
