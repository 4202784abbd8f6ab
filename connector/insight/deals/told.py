"""Puts into words which roles of a deal are filled, and how deals end by contacts in touch: roles only, never a name.

Rows of `opportunity_coverage` and `deal_win_rate` come in; texts leave. Next room: `steps.opportunities`.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import combinations
from typing import Any

from connector.convert import iso_day
from connector.insight.deals import states
from connector.insight.texts import catalogue
from connector.insight.texts.line import joined
from connector.schema import DEAL_ROLES

Row = Mapping[str, Any]


def stakeholder_text(role_states: str | None, shown: Any, language: str) -> str:
    """Text of at most 255 characters; what is shown stays while it says no more than was true until lately."""
    said = _wordings(role_states, language)
    return str(shown) if shown in said else said[0]


@cache
def _wordings(role_states: str | None, language: str) -> tuple[str, ...]:
    """The text, and behind it how it reads with some of the roles that fell silent lately still in touch."""
    found, words = states({"role_states": role_states}), catalogue(language)["deal"]
    if not found:
        return (words["unknown"],)
    lately = [role for role, state in found.items() if state == "lately"]
    held = [chosen for n in range(len(lately) + 1) for chosen in combinations(lately, n)]
    return tuple(_wording(found | dict.fromkeys(chosen, "in_touch"), words) for chosen in held)


def _wording(found: Mapping[str, str], words: Mapping[str, Any]) -> str:
    by_state: dict[str, list[str]] = {}
    for role, state in found.items():
        by_state.setdefault("silent" if state == "lately" else state, []).append(words["role"][role])
    if "known" in by_state or set(by_state) == {"missing"}:
        parts = [words["known"].format(known=len(by_state.get("known", ())), roles=len(found))]
    else:
        parts = [words["in_touch"].format(in_touch=len(by_state.get("in_touch", ())), roles=len(found))]
    parts += [words[key].format(list=", ".join(by_state[key])) for key in ("silent", "missing") if key in by_state]
    return joined(parts, "; ")


def missing_roles(role_states: str | None) -> str:
    """Missing roles in the words of the CRM, the same in every language, to filter by: `Champion; User`."""
    if role_states is None:
        return "Unknown"
    found = [DEAL_ROLES[role] for role, state in states({"role_states": role_states}).items() if state == "missing"]
    return "; ".join(found) or "None"


def deal_lines(deals: Sequence[Row], language: str) -> Iterator[str]:
    """Open deals of an account, one line each: `name`, `shown` and the row of `opportunity_coverage`."""
    if not deals:
        yield "no open deal"
    for deal in deals:
        people = ""
        if deal["contacts"]:
            count = "1 person" if deal["contacts"] == 1 else f"{deal['contacts']} people"
            touch = "" if deal["engaged"] is None else f", {deal['engaged']} in touch"
            people = f" ({count} named for it{touch})"
        yield f"{deal['name']}: {stakeholder_text(deal['role_states'], deal['shown'], language)}{people}"


def win_rate_about(row: Row, language: str) -> str:
    """What the figures stand on."""
    words = catalogue(language)["win_rate"]
    if row["since_day"] is None:
        return str(words["unknown"])
    oldest, since = iso_day(row["oldest_day"] + 1), iso_day(row["since_day"])
    parts = [words["about"].format(oldest=oldest, since=since, days=row["by_days"])]
    parts += [words["early"].format(n=row["early"])] if row["early"] else []
    parts.append(words["adjusted"])
    if (row["adjusted_share"] or 1) < 1:
        parts.append(words["partly"].format(share=round(100 * row["adjusted_share"])))
    return " ".join(parts)


def win_rates(row: Row, language: str) -> tuple[str, str]:
    """The raw and the adjusted win rate of a band, with their intervals; or why there is none."""
    words = catalogue(language)["win_rate"]
    if row["rate"] is None:
        return str(words["few"].format(least=row["least_deals"])), ""
    raw = _share(row["rate"], row["low"], row["high"], words)
    if row["adjusted"] is None:
        return raw, str(words["apart"])
    return raw, _share(row["adjusted"], row["adjusted_low"], row["adjusted_high"], words)


def _share(rate: float, low: float, high: float, words: Mapping[str, Any]) -> str:
    rate, low, high = (round(100 * share) for share in (rate, low, high))
    return str(words["rate"].format(rate=rate, low=low, high=high))
