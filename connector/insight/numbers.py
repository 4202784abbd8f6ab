"""The numbers behind an account's score and rank as JSON, for programs that read the CRM.

Facts of one account and what its criteria are held against come in; a text leaves. It holds numbers and words of our
own, never a name: whose they are says the record they stand on. `v` grows when a key changes its meaning or goes away.
Next room: `steps.diff`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

VERSION = 1

Row = Mapping[str, Any]


def as_json(row: Row, weighed: Sequence[Row]) -> str:
    """Scores, bounds, contributions, ranks, gate and thresholds of one account; null is what is not known."""
    change = None
    if row["change_criterion"]:
        change = {"criterion": row["change_criterion"], "to": row["change_to"], "up": row["change_upward"]}
    made = {
        "v": VERSION,
        "gate": row["gate"],
        "score": {"is": row["score"], "low": row["score_low"], "high": row["score_high"]},
        "confidence": row["confidence"],
        "rank": {"is": row["rank"], "value": row["value_rank"], "revenue": row["revenue_rank"]},
        "criteria": {w["criterion"]: _criterion(row, w) for w in weighed},
        "threshold": {
            "score": row["threshold"], "cap": row["cap"], "own_cap": row["own_cap"], "band": row["band_rank"],
            "into": row["into_score"], "out": row["out_score"],
        },
        "change": change,
    }  # fmt: skip
    return json.dumps(_rounded(made), separators=(",", ":"))


def _criterion(row: Row, weighed: Row) -> dict[str, Any]:
    """One criterion: its weight, where the account stands from 0 to 1, and points of the score against its peers."""
    name = weighed["criterion"]
    peers = {key: weighed[key] for key in ("mean", "low", "high")}
    return {"weight": weighed["weight"], "is": row[f"s_{name}"], "points": row[f"c_{name}"], **peers}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    return round(value, 3) if isinstance(value, float) else value
