"""The arithmetic: every insight is one .py and one .sql, and runs on whatever engine it is handed.

Order: hierarchy → titles → relationship → chart → coverage → whitespace.estimate → net_value → lapse → key_accounts →
quadrant → sponsor → whitespace.show → explain.
Growth potential uses the estimate before hold-backs; hold-backs use the quadrant.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from connector.insight import (
    chart,
    coverage,
    hierarchy,
    key_accounts,
    lapse,
    net_value,
    quadrant,
    relationship,
    sponsor,
    titles,
    whitespace,
)
from connector.insight.chart import introduction
from connector.schema import Context, Engine

Compute = Callable[[Engine, Context, Any], object]
# Step → (function, name of its settings).
ORDER: tuple[tuple[str, Compute, str], ...] = (
    ("hierarchy", hierarchy.compute, "titles"),
    ("titles", titles.compute, "titles"),
    ("relationship", relationship.compute, "relationship"),
    ("chart", chart.compute, "chart"),
    ("coverage", coverage.compute, "coverage"),
    ("chart.complete", chart.complete, "chart"),
    ("introduction", introduction.compute, "chart"),
    ("whitespace.estimate", whitespace.estimate, "whitespace"),
    ("net_value", net_value.compute, "net_value"),
    ("lapse", lapse.compute, "lapse"),
    ("key_accounts", key_accounts.compute, "key_accounts"),
    ("quadrant", quadrant.compute, "quadrant"),
    ("sponsor", sponsor.compute, "sponsor"),
    ("whitespace.show", whitespace.show, "whitespace"),
)


def horizons(settings: Mapping[str, Any]) -> tuple[tuple[str, str, int], ...]:
    """Where the passing of days alone alters a kept table: table, column, and the days back from as-of that count."""
    family = settings["whitespace"]
    windows = {0, 365, family.halve_days, family.lost_days}
    terms = {0, 365, family.halve_days}
    return (
        ("contact", "created_day", 0),
        ("contact", "left_day", 0),
        ("activity", "at_day", 0),
        *(("opportunity", "close_day", days) for days in sorted(windows)),
        ("opportunity", "created_day", 0),
        *(("revenue", "starts_day", days) for days in sorted(terms)),
        ("revenue", "ends_day", 0),
        ("asset", "installed_day", 0),
        ("asset", "ends_day", 0),
        ("case", "opened_day", 0),
        ("case", "closed_day", 0),
    )


def compute_all(engine: Engine, context: Context, settings: Mapping[str, Any]) -> Iterator[str]:
    """Run every insight in order; yields each one's name when it is done."""
    for name, compute, section in ORDER:
        compute(engine, context, settings[section])
        yield name
