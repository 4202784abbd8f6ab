"""The whole story of one account: every number, its inputs, and what would change it.

Result rows of one account come in; titled lines of text leave, for `kam explain` and the report.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connector.convert import iso_day
from connector.insight import key_accounts
from connector.insight.explain import CRITERIA, money, slot_words
from connector.insight.texts import catalogue
from connector.schema import Context

Part = tuple[str, list[str]]
Row = Mapping[str, Any]


def story(
    row: Row, slots: Sequence[Row], cells: Sequence[Row], context: Context, settings: key_accounts.Settings
) -> Iterator[Part]:
    """Titled lines: status, value, score, relationship, coverage, whitespace."""
    said = catalogue(context.language)
    yield "Key account status", list(_status(row))
    yield "Net value", list(_value(row, context))
    yield "Score", list(_score(row, said, settings))
    yield "Relationship", list(_relationship(row))
    yield "Coverage", list(_coverage(row, slots, said))
    yield "Whitespace", list(_whitespace(row, cells, context))


def _status(row: Row) -> Iterator[str]:
    yield f"status: {row['status'] or 'not decided'}; proposal: {row['kam_proposal']}; flag: {row['kam_flag']}"
    yield f"why: {row['kam_why']}"
    if row["gate"]:
        yield f"gate that is closed: {row['gate']}"
    if row["locked_until_day"]:
        yield f"no demotion is proposed before {iso_day(row['locked_until_day'])}; strikes so far: {row['strikes']}"
    if row["next_rank_gap"] and row["next_rank_gap"] > 0:
        yield f"{row['next_rank_gap']} ranks short of the {row['cap']} places of the programme"


def _value(row: Row, context: Context) -> Iterator[str]:
    if row["first_won_day"] is None:
        yield "unknown: no won deal up to this day"
        return
    for days in (180, 365):
        net, revenue = row[f"net_{days}_minor"], row[f"revenue_{days}_minor"]
        yield f"last {days} days: revenue {exact(revenue, context)}, net {exact(net, context)}"
    yield f"value = ½ · net of 180 days + ½ · (net of 365 days ÷ 2) = {exact(row['value_minor'], context)} a half year"
    yield f"a year: {exact(row['yearly_minor'], context)} ({_basis(row)})"
    if row["rank"] is not None or row["value_rank"] is not None:
        yield f"rank by value {row['value_rank']}, by revenue {row['revenue_rank']}; Pareto class {row['pareto_class']}"
    yield f"won deals in two years: {row['won_deals_24m']}; last on {iso_day(row['last_won_day'])}"
    if row["members"] and row["members"] > 1:
        yield f"a group of {row['members']} accounts, counted together at its topmost company"


def _basis(row: Row) -> str:
    return "net of cost" if row["cost_state"] == "net" else "revenue, not net: costs are unknown"


def exact(minor: int | None, context: Context) -> str:
    """An amount in full, with thousands parted by commas."""
    return "unknown" if minor is None else f"{minor * 10.0**-context.digits:,.{context.digits}f} {context.currency}"


def _score(row: Row, said: Mapping[str, Any], settings: key_accounts.Settings) -> Iterator[str]:
    if row["score"] is None:
        yield "not scored"
        return
    yield f"{row['score']:.1f} of 100 over what is known ({row['confidence']:.0%} of the weight)"
    if row["score_low"] != row["score_high"]:
        yield f"{row['score_low']:.1f} to {row['score_high']:.1f}, whatever the unknown criteria turn out to be"
    if row["rank"] is not None:
        yield f"rank {row['rank']} by the lower bound, where each unknown counts as the portfolio's 25th percentile"
    weights = dict(zip(CRITERIA, settings.weights, strict=True))
    for criterion in CRITERIA:
        name, points, against = said["criterion"][criterion], row[f"s_{criterion}"], row[f"c_{criterion}"]
        if points is None:
            yield f"{name:<18} weight {weights[criterion]:>2}: unknown"
        else:
            peers = "" if against is None else f", {against:+.1f} points against the peers' mean"
            yield f"{name:<18} weight {weights[criterion]:>2}: {points:.2f} of 1{peers}"
    if row["most_wanted"]:
        yield f"what would help most to know: {said['criterion'][row['most_wanted']]}"
    if row["change_criterion"]:
        yield (
            f"smallest change that crosses the next threshold: {said['criterion'][row['change_criterion']]} to"
            f" {row['change_to']:.2f} of 1"
        )


def _relationship(row: Row) -> Iterator[str]:
    if row["strength"] is None:
        yield "Unknown: no activity names a contact of this account"
        return
    yield f"{row['strength']:.0f} of 100: {row['kam_relationship_band']}"
    yield f"strong contacts: {row['strong_contacts']}; in two-way contact: {row['two_way_contacts']}"
    if row["top_contact_share"] is not None:
        yield f"one contact carries {row['top_contact_share']:.0%} of it"
    if row["last_two_way_day"] is not None:
        yield f"last two-way contact on {iso_day(row['last_two_way_day'])}"


def _coverage(row: Row, slots: Sequence[Row], said: Mapping[str, Any]) -> Iterator[str]:
    yield str(row["kam_coverage_text"])
    if row["coverage_percent"] is not None:
        yield f"covered {row['coverage_percent']} %, known {row['known_percent']} % of the weighted roles"
    for slot in slots:
        known = {None: "unknown", 0: "nobody known", 1: "known"}[slot["known"]]
        value = "" if slot["value"] is None else f", covered {slot['value']:.0%}"
        yield f"{slot_words(slot['slot'], said):<24} weight {slot['weight']}: {known}{value}"


def _whitespace(row: Row, cells: Sequence[Row], context: Context) -> Iterator[str]:
    yield f"{row['kam_whitespace_band']}: {row['kam_top_idea']}"
    for cell in cells:
        line = f"{cell['family']:<26} {cell['state']}"
        if cell["score"] is not None:
            line += f", propensity rank {cell['score']:.2f}"
        if cell["peer_owners"]:
            line += f", {cell['peer_owners']} of {cell['peers']} similar accounts have it"
        if cell["pulled_by"]:
            line += f", goes with {cell['pulled_by']}"
        if cell["typical_minor"] is not None and cell["state"] == "whitespace":
            line += f", typically {money(cell['typical_minor'], context)} (an estimate, not a forecast)"
        if cell["shown"]:
            line += f"  ← idea {cell['shown']}"
        yield line
