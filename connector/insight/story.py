"""The whole story of one account: every number, its inputs, and what would change it.

Result rows of one account come in; titled lines of text leave, for `kam explain` and the report.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil, exp, floor, log
from typing import Any

from connector.convert import iso_day
from connector.insight import criteria, key_accounts
from connector.insight.explain import money, slot_words
from connector.insight.relationship import then_day
from connector.insight.texts import catalogue
from connector.insight.value_story import value_lines
from connector.insight.whitespace import evidence
from connector.schema import Context

Part = tuple[str, list[str]]
Row = Mapping[str, Any]


# What opens a gate again, where a person can do something about it.
_OPENS = {
    "not_eligible": "kam programme override with --status Standard",
    "not_customer": "another type of the account in the CRM",
    "credit_hold": "the end of the credit hold",
    "not_active": "a purchase",
    "new": "time: half a year after the first purchase",
    "few_purchases": "one more purchase",
}


def story(
    row: Row,
    slots: Sequence[Row],
    cells: Sequence[Row],
    context: Context,
    settings: key_accounts.Settings,
    *,
    parent: str | None = None,
    weighed: Sequence[Row] = (),
    fields: Mapping[str, str] | None = None,
    asks: Sequence[str] = (),
    lost_days: int = 365,
    model: Row | None = None,
) -> Iterator[Part]:
    """Titled lines: status, value, score, relationship, quadrant, coverage, chart, whitespace.

    `parent` names a branch's company, `weighed` is what the criteria are held against, `fields` the CRM's names of our
    columns of account; `asks` tells whom to ask for an introduction; a lost family cools for `lost_days`;
    `model` is what the past says about whitespace.
    """
    said = catalogue(context.language)
    parent = parent or str(row["root_id"])
    yield "Key account status", list(_status(row, said, parent))
    yield "Net value", list(value_lines(row, context))
    yield "Lapse", list(_lapse(row))
    yield "Score", list(_score(row, said, settings, parent, fields or {}))
    if row["score"] is not None and not _is_branch(row):
        held = {w["criterion"]: w for w in weighed}
        yield "What would change it", list(_change(row, said, settings, held, context))
    yield "Relationship", list(_relationship(row, then_day(context.as_of)))
    yield "Quadrant", list(_quadrant(row, said, parent))
    yield "Coverage", list(_coverage(row, slots, said))
    if sponsor := list(_sponsor(row, context)):
        yield "Sponsor", sponsor
    yield "Org chart", [*_chart(row), *asks]
    past = evidence.model_lines(model, context) if model else ()
    yield "Whitespace", [*evidence.lines(row, cells, slots, said, context, lost_days), *past]


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
    if row["endless"]:
        yield "nominated without an end, which would hold for ever: fill in nominated_until, then the nomination counts"
    if row["nominated"] and row["nominated_until_day"]:
        yield f"nominated by a person until {iso_day(row['nominated_until_day'])}: no gate stands in its way"
    if row["locked_until_day"]:
        yield f"no demotion is proposed before {iso_day(row['locked_until_day'])}; strikes so far: {row['strikes']}"
    if row["next_rank_gap"] and row["next_rank_gap"] > 0:
        yield f"ranks {row['rank']}; the programme has {row['cap']} {'place' if row['cap'] == 1 else 'places'}"


def _lapse(row: Row) -> Iterator[str]:
    """Whether it may have stopped buying: its own rhythm, and what the chance rests on."""
    if row["lapse_basis"] == "contract":
        if row["renewal_day"] is None:
            yield "sold by contract, and the last term has ended"
        else:
            due = "; no deal is open" if row["renewal_due"] else ""
            yield f"sold by contract: the next term ends on {iso_day(row['renewal_day'])}{due}"
        return
    if row["order_gap"] is not None and row["silent_days"] is not None:
        yield f"usually orders every {row['order_gap']:.0f} days, now {row['silent_days']} days without an order"
    if row["p_dead"] is None:
        yield "the chance that it stopped buying is unknown: too few orders"
    else:
        yield f"chance that it stopped buying: {row['p_dead']:.0%} ({_RISK[row['lapse_basis']]})"


_RISK = {
    "bg_nbd": "BG/NBD, fitted to the order days of all accounts",
    "silence": "from its silence and its usual gap alone: too few accounts order again for a model",
}


def _score(
    row: Row, said: Mapping[str, Any], settings: key_accounts.Settings, parent: str, fields: Mapping[str, str]
) -> Iterator[str]:
    if _is_branch(row):
        yield f"scored with its parent company: {parent}"
        return
    if row["score"] is None:
        yield "not scored: no purchases" if row["first_won_day"] is None else "not scored: its value is unknown"
        return
    yield f"{row['score']:.1f} of 100 over what is known ({row['confidence']:.0%} of the weight)"
    if row["confidence"] < settings.least_confidence:
        yield f"unrated, needs data: less than {settings.least_confidence:.0%} of the weight is known"
    if None not in (row["score_low"], row["score_high"]) and row["score_low"] != row["score_high"]:
        yield (
            f"{row['score_low']:.1f} to {row['score_high']:.1f} when each unknown counts as a weak (25th percentile) or"
            " a good (75th) account of this portfolio"
        )
    if row["rank"] is not None:
        yield f"rank {row['rank']}, by the lower of the two"
    names, total = criteria.chosen(settings.criteria), sum(settings.criteria.values())
    width = max(len(said["criterion"][c]) for c in names)
    for name in names:
        head = f"{said['criterion'][name]:<{width}} weight {settings.criteria[name]:>2} of {total}"
        yield f"{head}: {_standing(row, name)}{_scale(name, fields)}"
    if row["most_wanted"]:
        wanted = criteria.CATALOGUE[row["most_wanted"]]
        yield f"what would move it most to know: {said['criterion'][wanted.name]}, from {wanted.needs}"


def _standing(row: Row, name: str) -> str:
    """Where an account stands in one criterion, and what that does for its score among its peers."""
    share, points = row[f"s_{name}"], row[f"c_{name}"]
    if share is None:
        return f"unknown; it would come from {criteria.CATALOGUE[name].needs}"
    peers = "" if points is None else f", {points:+.1f} points of the score against the average account"
    return f"{share:.0%}{peers}"


def _scale(name: str, fields: Mapping[str, str]) -> str:
    """The anchors of a scale that people type, with the field of the CRM where it is known."""
    found = criteria.CATALOGUE[name]
    where = fields.get(found.typed, f"account.{found.typed}")
    return f"; typed in {where}: {found.anchors.rstrip('.')}" if found.typed else ""


def _change(
    row: Row,
    said: Mapping[str, Any],
    settings: key_accounts.Settings,
    weighed: Mapping[str, Row],
    context: Context,
) -> Iterator[str]:
    """The nearest border and the smallest change of one criterion that crosses it."""
    border = row["into_score"] if row["change_upward"] else row["out_score"]
    if row["rank"] is None:
        yield "nothing by itself: it is not ranked"
        return
    if row["next_score_gap"] is None:
        yield _waiting(row)
        return
    way = "to be proposed it lacks" if row["change_upward"] else "it would leave the range of key accounts by losing"
    at = f"; the account at that border has {border:.1f}" if border is not None else ""
    yield f"{way} {row['next_score_gap']:.1f} points of the lower bound{at}, the threshold is {row['threshold']:g}"
    if row["change_criterion"]:
        name, to = row["change_criterion"], row["change_to"]
        told = _amount_at(name, to, settings, weighed.get(name), context, up=bool(row["change_upward"]))
        yield f"smallest change that crosses it: {said['criterion'][name]} to {to:.0%}{told}"
    else:
        yield "no single criterion can do it alone"


def _waiting(row: Row) -> str:
    """Why an account that is good enough is not proposed; or that it is."""
    if row["kam_proposal"] == "Promote":
        return "nothing is needed: it is proposed"
    if row["status"] != "Key" and row["settled"]:
        return "a person decided about it: it is looked at again at its review"
    if row["status"] != "Key" and not row["free_seats"]:
        return "its score is enough, but no seat of the programme is free"
    return "no border is near"


def _amount_at(
    name: str, share: float, settings: key_accounts.Settings, held: Row | None, context: Context, *, up: bool
) -> str:
    """What a share of a criterion stands for, in the words of what is measured; empty where there are none."""
    if name in ("value", "growth"):
        if held is None or not held["middle_minor"] or not held["top_minor"]:
            return ""
        low, high = log(held["middle_minor"]), log(held["top_minor"])
        yearly = exp(low + share * (high - low)) * (2 if name == "value" else 1)
        return f", about {money(round(yearly), context)} a year"
    if name == "payment":
        return f", {'at most' if up else 'about'} {settings.late_days * (1 - share):.0f} days beyond terms"
    if name == "relationship":
        return f", {100 * share:.0f} of 100 with partnership where it is typed"
    return f", {ceil(round(5 * share, 6)) if up else floor(round(5 * share, 6))} of 5"


def _quadrant(row: Row, said: Mapping[str, Any], parent: str) -> Iterator[str]:
    if _is_branch(row):
        yield f"placed with its parent company: {parent}"
        return
    sides = ("attractiveness", "relationship_axis")
    x, y = ("unknown" if row[c] is None else f"{row[c]:.0f} of 100" for c in sides)
    yield f"{row['box']}: attractiveness {x}, relationship {y}"
    yield str(said["treatment"].get(row["box"], said["treatment"]["Unknown"]))


def _relationship(row: Row, then: int) -> Iterator[str]:
    if row["strength"] is None:
        yield "Unknown: no activity names a contact of this account"
        return
    yield f"{row['strength']:.0f} of 100: {row['kam_relationship_band']}"
    yield f"strong contacts: {row['strong_contacts']}; in two-way contact: {row['two_way_contacts']}"
    if row["top_contact_share"] is not None and row["strength"] > 0:
        yield f"one contact carries {row['top_contact_share']:.0%} of it"
    if row["contact_hhi"] is not None:
        yield f"spread over the contacts: HHI {row['contact_hhi']:.2f} (1 = all with one person)"
    if row["our_share"] is not None:
        yield f"one of us carries {row['our_share']:.0%} of the contact since {iso_day(then)}"
    if row["trend"] is not None:
        yield f"trend: {row['trend']:+.0f} points since {iso_day(then)}, when it was {row['strength_then']:.0f}"
    if row["last_two_way_day"] is not None:
        yield f"last two-way contact on {iso_day(row['last_two_way_day'])}"


# What is told of the sponsor of a key account; `silent` says since when.
_SPONSOR = {
    "none": "No sponsor named",
    "left": "the sponsor named is not active any more: name another one",
    "never": "no two-way contact between the sponsor and this account's contacts is known",
}


def _sponsor(row: Row, context: Context) -> Iterator[str]:
    state, day = row["sponsor_state"], row["sponsor_day"]
    if state in _SPONSOR:
        yield _SPONSOR[state]
    elif state in ("silent", "in touch"):
        days = context.as_of - day
        silent = f"sponsor silent {days} days" if state == "silent" else "sponsor in touch"
        yield f"{silent}: last two-way contact with this account's contacts on {iso_day(day)}"
    elif row["status"] == "Key":
        yield "a sponsor is named; whether in touch is unknown: no two-way contact was captured anywhere"
    if row["sponsor_suggested"] is not None:
        who = row.get("suggested_name") or row["sponsor_suggested"]
        yield f"suggested: {who}; a person names the sponsor in the CRM"


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
