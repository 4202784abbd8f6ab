"""Whether key account management suits this company at all, by its own sales.

The mirror's deals, products and account managers come in; findings leave, each with its figure and what it says.
Nothing else reads them: they are for a person who decides whether to begin. Next room: `cli.check`, which shows them.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from connector.insight import hierarchy, key_accounts, net_value
from connector.insight.steps import run_steps
from connector.schema import Context, Engine

# What of the mirror is read, under the names that insights give it.
READS = ("account", "opportunity", "opportunity_line", "revenue", "product", "service_case", "activity")
Says = Literal["for", "against", "unknown", "fault"]
# A sale that is quicker is an errand, and more accounts for each manager are a list, not key accounts.
_CYCLE_DAYS, _PER_MANAGER = 14, 10
# Shares of accounts that come back, and of value that the best fifth brings, below which key accounts hold little.
_REPEAT, _FIFTH, _HEAVY = 0.3, 0.5, 0.2
# The short window of net value: who buys more seldom is mostly seen as buying nothing.
_WINDOW = 180


class Finding(NamedTuple):
    """One measure, its figure in words, whether it speaks for key account management, and why."""

    measure: str
    figure: str
    says: Says
    because: str


def measure(engine: Engine, context: Context, settings: net_value.Settings) -> dict[str, Any]:
    """The figures, of the mirror as it stands; what can't be known is None."""
    engine.load("present_value", {c: np.array([], dtype=object) for c in ("account_id", "pareto_class")})
    hierarchy.compute(engine, context)
    net_value.compute(engine, context, settings)
    run_steps(engine, "fit", net_value.parameters(context, settings))
    row = engine.arrays("SELECT * FROM fit")
    return {c: None if np.ma.is_masked(v) or v[0] != v[0] else v[0].item() for c, v in row.items()}


def findings(row: Mapping[str, Any], settings: key_accounts.Settings, sold: str) -> Iterator[Finding]:
    """What the figures say; `sold` is what a purchase is called: won deals, invoices, orders or contracts."""
    yield _cycle(row)
    yield _repeat(row)
    yield _families(row)
    yield _gap(row, sold)
    yield _concentration(row)
    yield _capacity(row, settings)


def verdict(found: list[Finding]) -> str:
    """The whole in one sentence."""
    against = [f.measure for f in found if f.says in ("against", "fault")]
    unknown = [f.measure for f in found if f.says == "unknown"]
    tail = f" Not known: {', '.join(unknown)}." if unknown else ""
    if len(unknown) > len(found) / 2:
        return f"Too little is known to say whether key account management suits this company.{tail}"
    if not against:
        return f"Key account management suits this company.{tail}"
    words = "does not suit this company" if len(against) > 2 else "suits this company in part"
    return f"Key account management {words}. Against it: {', '.join(against)}.{tail}"


def _cycle(row: Mapping[str, Any]) -> Finding:
    name = "sales cycle"
    if not row["cycles"]:
        return Finding(name, "unknown", "unknown", "no won deal of two years was made before the day it was closed")
    figure = f"{row['cycle_days']:.0f} days (median of {row['cycles']:,} won deals)"
    if row["cycle_days"] < _CYCLE_DAYS:
        return Finding(name, figure, "against", "sales are quick: a shop or an inside team serves them at less cost")
    return Finding(name, figure, "for", "sales take time and talks: somebody who knows the account pays")


def _repeat(row: Mapping[str, Any]) -> Finding:
    name = "repeat business"
    if not row["buyers"]:
        return Finding(name, "unknown", "unknown", "nobody bought in two years")
    share = row["repeaters"] / row["buyers"]
    figure = f"{share:.0%} of {row['buyers']:,} buying accounts bought on two days or more in two years"
    # A term that runs on is business that repeats.
    if share < _REPEAT and not _termed(row):
        return Finding(name, figure, "against", "most buy once: there is no account to develop, only sales to win")
    return Finding(name, figure, "for", "accounts come back: what is built with them lasts")


def _families(row: Mapping[str, Any]) -> Finding:
    name = "products per account"
    if not row["family_accounts"]:
        return Finding(name, "unknown", "unknown", "no sale of two years names a product with a family")
    figure = f"{row['families']:g} of {row['families_known']} families (median of {row['family_accounts']:,} accounts)"
    if row["families_known"] < 2 or row["families"] < 2:
        return Finding(name, figure, "against", "most buy of one family: little to combine or to add")
    return Finding(name, figure, "for", "accounts buy across families: there is something to combine")


def _termed(row: Mapping[str, Any]) -> bool:
    return bool(row["buyers"] and row["termed"] * 2 > row["buyers"])


def _gap(row: Mapping[str, Any], sold: str) -> Finding:
    name = "gap between purchases"
    if _termed(row):
        return Finding(
            name, "spread over terms", "for", f"most {sold} have a term: each window holds its share of days"
        )
    if not row["waiting"]:
        return Finding(name, "unknown", "unknown", "no account bought on two days")
    figure = f"{row['gap_days']:.0f} days (median of {row['waiting']:,} accounts that bought twice)"
    if row["gap_days"] > _WINDOW:
        return Finding(
            name,
            figure,
            "fault",
            f"most accounts buy more seldom than the {_WINDOW} days that net value looks back: it would mostly say who"
            f" bought just now. {sold.capitalize()} are the wrong source here: map contracts, invoices or orders, and"
            " set [revenue] source in config.toml",
        )
    return Finding(name, figure, "for", f"the windows of {_WINDOW} and 365 days see most accounts buy")


def _concentration(row: Mapping[str, Any]) -> Finding:
    name = "concentration"
    if not row["accounts"]:
        return Finding(name, "unknown", "unknown", "no account has a known value above zero")
    figure = (
        f"the best fifth brings {row['fifth_share']:.0%} of the value; 80 % takes {row['pareto_share']:.0%} of"
        f" {row['accounts']:,} accounts; Gini {row['gini']:.2f}; HHI {row['hhi']:.3f}; the largest"
        f" {row['top_share']:.0%}"
    )
    if row["fifth_share"] < _FIFTH:
        return Finding(name, figure, "against", "value is spread evenly: a few key accounts would hold little of it")
    if row["top_share"] > _HEAVY:
        return Finding(name, figure, "for", "a few accounts matter, and one so much that its loss would hurt")
    return Finding(name, figure, "for", "a few accounts bring most of the value")


def _capacity(row: Mapping[str, Any], settings: key_accounts.Settings) -> Finding:
    name = "capacity"
    most = min(settings.cap, -int(-settings.cap_share * (row["buyers"] or 0) // 1))
    if not row["managers"]:
        because = "no account names a key account manager: map account.kam_manager_id"
        return Finding(name, f"up to {most} key accounts, managers unknown", "unknown", because)
    each = most / row["managers"]
    figure = f"up to {most} key accounts for {row['managers']} managers: {each:.1f} each"
    if each > _PER_MANAGER:
        return Finding(name, figure, "against", "too many for each: name more managers, or lower [key_accounts] cap")
    return Finding(name, figure, "for", "each manager has time for each account")
