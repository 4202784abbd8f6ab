"""Whom we know and lack on each open deal, and how deals end by how many people were in touch early on.

`contact_strength` and the roles that people set come in; `opportunity_coverage` leaves, a row for each open deal, and
`deal_win_rate`, a row for each band of contacts. Only people fill a role: on the deal, on its account, or on the
contact, in this order of trust; nothing is inferred from a title here. Formula: methods, sections 3.3 and 3.4.
role_states tells the state of every role that is asked for, as `champion=missing,user=in_touch`: `missing` (nobody has
it), `known` (somebody; no activities are connected), `silent` (somebody, not in touch), `lately` (not in touch any
more, but until lately), `in_touch`. Next room: `whitespace`; `told` puts it into words.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from connector.convert import listed
from connector.insight.deals import win_rate
from connector.insight.steps import run_steps
from connector.schema import DEAL_ROLES, Context, Engine

# By the digit that stands for it in deal_code.
STATES = ("", "missing", "known", "silent", "lately", "in_touch")
_UNITS = {role: 10**place for place, role in enumerate(DEAL_ROLES)}


@dataclass(frozen=True)
class Settings:
    """Settings of deals; each says its meaning."""

    roles: tuple[str, ...] = field(
        default=("economic_buyer", "champion", "technical", "user"),
        metadata={"meaning": "Roles a deal needs; leave out those that nobody keeps in your CRM."},
    )
    small_below: float = field(
        default=0.0,
        metadata={"meaning": "A deal of less, in company currency, needs small_roles only; 0: none is small."},
    )
    small_roles: tuple[str, ...] = field(
        default=("economic_buyer", "user"), metadata={"meaning": "Roles a small deal needs."}
    )
    held_days: int = field(
        default=104, metadata={"meaning": "A role shown as in touch stays so this long after the last two-way contact,"}
    )
    held_strength: float = field(default=37.0, metadata={"meaning": "and down to this strength."})
    by_days: int = field(default=30, metadata={"meaning": "Win rate: contacts engaged within the deal's first days."})
    years: int = field(default=3, metadata={"meaning": "Win rate: deals closed in the last years."})
    least_deals: int = field(default=30, metadata={"meaning": "Win rate: fewer deals in a band tell nothing."})

    def __post_init__(self) -> None:
        """Refuse values that make no sense."""
        for name in ("roles", "small_roles"):
            given = getattr(self, name)
            if not given or len(set(given)) < len(given):
                raise ValueError(f"{name}: give at least one, each once")
            for role in given:
                if role not in DEAL_ROLES:
                    raise ValueError(f'{name}: unknown role "{role}". Known: {", ".join(DEAL_ROLES)}')
        for name in ("by_days", "years", "least_deals"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be at least 1, is {getattr(self, name)}")
        if self.small_below < 0 or not math.isfinite(self.small_below):
            raise ValueError(f"small_below: must be at least 0, is {self.small_below}")
        if self.held_days < 0:
            raise ValueError(f"held_days: must be at least 0, is {self.held_days}")
        if not 0 <= self.held_strength <= 100:
            raise ValueError(f"held_strength: must lie between 0 and 100, is {self.held_strength}")


def compute(engine: Engine, context: Context, settings: Settings) -> None:
    """Make `opportunity_coverage` and `deal_win_rate`, after `relationship`."""
    rules = [("full", role) for role in settings.roles] + [("small", role) for role in settings.small_roles]
    columns = {
        "size": np.array([size for size, _ in rules], dtype=object),
        "role": np.array([role for _, role in rules], dtype=object),
        "unit": np.array([_UNITS[role] for _, role in rules], dtype=np.int64),
    }
    engine.load("deal_rule", columns)
    params = {
        "as_of": context.as_of,
        "small_minor": round(settings.small_below * 10**context.digits),
        "held_day": context.as_of - settings.held_days,
        "held_strength": float(settings.held_strength),
    }
    run_steps(engine, "deals/roles", params)
    codes = listed(engine.arrays("SELECT DISTINCT code FROM deal_code ORDER BY code")["code"])
    words = [_words(code) for code in codes]
    texts = {c: np.array([w[c] for w in words], dtype=object) for c in ("missing_roles", "role_states")}
    counts = {c: np.array([w[c] for w in words], dtype=np.int64) for c in ("roles", "roles_known", "roles_in_touch")}
    engine.load("deal_word", {"code": np.array(codes, dtype=np.int64), **texts, **counts})
    run_steps(engine, "deals/coverage", params)
    win_rate.compute(engine, context, settings.by_days, settings.years, settings.least_deals)


def _words(code: int) -> dict[str, Any]:
    """What a code says: roles by state, and how many there are."""
    states = dict(_states(code))
    return {
        "roles": len(states),
        "roles_known": sum(s != "missing" for s in states.values()),
        "roles_in_touch": sum(s == "in_touch" for s in states.values()),
        "missing_roles": ",".join(r for r, s in states.items() if s == "missing"),
        "role_states": ",".join(f"{r}={s}" for r, s in states.items()),
    }


def _states(code: int) -> Iterator[tuple[str, str]]:
    for role, unit in _UNITS.items():
        if state := STATES[code // unit % 10]:
            yield role, state


def states(row: Mapping[str, Any]) -> dict[str, str]:
    """State of each role of a row of `opportunity_coverage`; none where roles are not kept."""
    return dict(part.split("=") for part in (row["role_states"] or "").split(",") if part)
