"""The whole story of one account: every number, its inputs, and what would change it.

Result rows of one account come in; titled lines of text leave, for `kam explain` and the report.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connector.convert import iso_day
from connector.insight import key_accounts
from connector.insight.explain import CRITERIA, basis, money, slot_words
from connector.insight.texts import catalogue
from connector.schema import Context

Part = tuple[str, list[str]]
Row = Mapping[str, Any]


# What each state of a product family means; `whitespace` is the state of an idea.
_FAMILY = {
    "owned": "has it",
    "lapsed": "had it, stopped",
    "whitespace": "could have it",
    "pipeline": "an open deal is about it",
    "lost": "a deal about it was lost lately",
    "not_enough_data": "not enough data",
}
# What opens a gate again, where a person can do something about it.
_OPENS = {
    "not_eligible": "kam programme override with --status Standard",
    "not_customer": "another type of the account in the CRM",
    "credit_hold": "the end of the credit hold",
    "not_active": "a won deal",
    "new": "time: half a year after the first won deal",
    "few_purchases": "one more won deal",
}


def story(
    row: Row,
    slots: Sequence[Row],
    cells: Sequence[Row],
    context: Context,
    settings: key_accounts.Settings,
    *,
    parent: str | None = None,
    asks: Sequence[str] = (),
) -> Iterator[Part]:
    """Titled lines: status, value, score, relationship, coverage, chart, whitespace.

    `parent` names a branch's company, `asks` tells whom to ask for an introduction.
    """
    said = catalogue(context.language)
    parent = parent or str(row["root_id"])
    yield "Key account status", list(_status(row, said, parent))
    yield "Net value", list(_value(row, context))
    yield "Score", list(_score(row, said, settings, parent))
    yield "Relationship", list(_relationship(row))
    yield "Coverage", list(_coverage(row, slots, said))
    yield "Org chart", [*_chart(row), *asks]
    yield "Whitespace", list(_whitespace(row, cells, context))


def _is_branch(row: Row) -> bool:
    return bool(row["root_id"] != row["id"])


def _status(row: Row, said: Mapping[str, Any], parent: str) -> Iterator[str]:
    yield f"status: {row['status'] or 'not decided'}; proposal: {row['kam_proposal']}; flag: {row['kam_flag']}"
    yield f"why: {row['kam_why']}"
    if _is_branch(row):
        yield f"counted with its parent company: {parent}; status and rank are decided there"
        if row["in_loop"]:
            yield "its parent accounts form a loop, so the first of them leads: correct the parent account in the CRM"
    elif row["gate"]:
        gate = said["why"]["gate"].get(row["gate"], row["gate"])
        opens = f"; what would change that: {_OPENS[row['gate']]}" if row["gate"] in _OPENS else ""
        yield f"can't be proposed: {gate}{opens}"
    if row["locked_until_day"]:
        yield f"no demotion is proposed before {iso_day(row['locked_until_day'])}; strikes so far: {row['strikes']}"
    if row["next_rank_gap"] and row["next_rank_gap"] > 0:
        yield f"ranks {row['rank']}; the programme has {row['cap']} {'place' if row['cap'] == 1 else 'places'}"


def _value(row: Row, context: Context) -> Iterator[str]:
    if row["first_won_day"] is None:
        yield "unknown: no won deal up to this day"
        return
    if row["rateless_deals"]:
        yield f"left out, as their currency has no exchange rate: {row['rateless_deals']} won in the last 365 days"
    if row["amountless_deals"]:
        yield f"left out, as they have no amount: {row['amountless_deals']} won in the last 365 days"
    for days in (180, 365):
        net, revenue = row[f"net_{days}_minor"], row[f"revenue_{days}_minor"]
        yield f"last {days} days: revenue {exact(revenue, context)}, net {exact(net, context)}"
    yield f"value = ½ · net of 180 days + ½ · (net of 365 days ÷ 2) = {exact(row['value_minor'], context)} a half year"
    yield f"a year: {exact(row['yearly_minor'], context)} ({_BASIS[basis(row)]})"
    if row["rank"] is not None or row["value_rank"] is not None:
        yield f"rank by value {row['value_rank']}, by revenue {row['revenue_rank']}; Pareto class {row['pareto_class']}"
    yield f"won deals in two years: {row['won_deals_24m']}; last on {iso_day(row['last_won_day'])}"
    if _is_branch(row):
        yield f"these are its own deals; the group of {row['members']} accounts is summed at its parent company"
    elif row["members"] and row["members"] > 1:
        yield f"a group of {row['members']} accounts, summed here at its topmost company"


_BASIS = {
    "net": "net of cost",
    "estimated": "some deals have no cost: they count at the usual margin of all deals",
    "revenue": "revenue, not net: costs are unknown",
}


def exact(minor: int | None, context: Context) -> str:
    """An amount in full, with thousands parted by commas."""
    return "unknown" if minor is None else f"{minor * 10.0**-context.digits:,.{context.digits}f} {context.currency}"


def _score(row: Row, said: Mapping[str, Any], settings: key_accounts.Settings, parent: str) -> Iterator[str]:
    if _is_branch(row):
        yield f"scored with its parent company: {parent}"
        return
    if row["score"] is None:
        yield "not scored: no won deals" if row["first_won_day"] is None else "not scored: its value is unknown"
        return
    yield f"{row['score']:.1f} of 100 over what is known ({row['confidence']:.0%} of the weight)"
    if None not in (row["score_low"], row["score_high"]) and row["score_low"] != row["score_high"]:
        yield (
            f"{row['score_low']:.1f} to {row['score_high']:.1f} when each unknown counts as a weak (25th percentile) or"
            " a good (75th) account of this portfolio"
        )
    if row["rank"] is not None:
        yield f"rank {row['rank']}, by the lower of the two"
    weights = dict(zip(CRITERIA, settings.weights, strict=True))
    for criterion in CRITERIA:
        name, points, against = said["criterion"][criterion], row[f"s_{criterion}"], row[f"c_{criterion}"]
        if points is None:
            yield f"{name:<18} weight {weights[criterion]:>2}: unknown"
        else:
            peers = "" if against is None else f", {against:+.1f} points of the score against the average account"
            yield f"{name:<18} weight {weights[criterion]:>2}: {points:.0%}{peers}"
    if row["most_wanted"]:
        yield f"what would help most to know: {said['criterion'][row['most_wanted']]}"
    if row["change_criterion"]:
        yield (
            f"smallest change that crosses the next threshold: {said['criterion'][row['change_criterion']]} to"
            f" {row['change_to']:.0%}"
        )


def _relationship(row: Row) -> Iterator[str]:
    if row["strength"] is None:
        yield "Unknown: no activity names a contact of this account"
        return
    yield f"{row['strength']:.0f} of 100: {row['kam_relationship_band']}"
    yield f"strong contacts: {row['strong_contacts']}; in two-way contact: {row['two_way_contacts']}"
    if row["top_contact_share"] is not None and row["strength"] > 0:
        yield f"one contact carries {row['top_contact_share']:.0%} of it"
    if row["last_two_way_day"] is not None:
        yield f"last two-way contact on {iso_day(row['last_two_way_day'])}"


def _coverage(row: Row, slots: Sequence[Row], said: Mapping[str, Any]) -> Iterator[str]:
    yield str(row["kam_coverage_text"])
    if row["coverage_percent"] is None:
        return
    yield f"covered {row['coverage_percent']} % of the roles by weight; somebody is known in {row['known_percent']} %"
    for slot in slots:
        yield f"{slot_words(slot['slot'], said):<24} weight {slot['weight']}: {_slot_state(slot)}"


def _slot_state(slot: Row) -> str:
    if not slot["known"]:
        return "unknown" if slot["known"] is None else "nobody known"
    if slot["value"] is None:
        return "known"
    return f"known, covered {slot['value']:.0%}" if slot["value"] > 0 else "known, not in touch"


def _chart(row: Row) -> Iterator[str]:
    if not row["chart_people"]:
        yield "Unknown: nobody is known here"
        return
    if row["map_completeness"] is not None:
        yield f"map: somebody is known in {row['map_completeness']:.0%} of the seats by function and level"
    if row["chart_reach"] is None:
        yield "reporting lines are unknown: the CRM has none of anybody"
    else:
        layers, widest = row["chart_depth"], row["chart_span"]
        yield f"{row['chart_people']} people; the manager is known of {row['chart_reach']:.0%}"
        yield f"layers: {layers}; most people who report to one: {widest}"
        if row["chart_orphans"]:
            yield f"below director and without a known manager: {row['chart_orphans']}"
        if row["chart_ghosts"]:
            yield f"left, but others still report to them in the CRM: {row['chart_ghosts']}"
        if row["chart_loops"]:
            yield (
                f"loops of reporting lines, each cut at the line least likely to be true: {row['chart_loops']};"
                " correct them in the CRM"
            )
    if row["chart_suggested"]:
        yield f"likely managers found for: {row['chart_suggested']}"


def _whitespace(row: Row, cells: Sequence[Row], context: Context) -> Iterator[str]:
    band, idea = str(row["kam_whitespace_band"]), str(row["kam_top_idea"])
    yield idea if idea.startswith(band) else f"{band}: {idea}"
    for cell in cells:
        line = f"{cell['family']:<26} {_FAMILY.get(cell['state'], cell['state'])}"
        if cell["score"] is not None:
            line += f", propensity {100 * cell['score']:.0f} of 100"
        if cell["peer_owners"]:
            have = "has" if cell["peer_owners"] == 1 else "have"
            line += f", {cell['peer_owners']} of {cell['peers']} similar accounts {have} it"
        if cell["pulled_by"]:
            line += f", goes with {cell['pulled_by']}"
        if cell["typical_minor"] is not None and cell["state"] == "whitespace":
            line += f", typically {money(cell['typical_minor'], context)} (an estimate, not a forecast)"
        if cell["shown"]:
            line += f"  ← idea {cell['shown']}"
        yield line
