"""Reasons one can read: the texts of the CRM fields, and the whole story of one account.

The insights' tables come in; `account_result` and `contact_result` leave, with texts of at most 255 characters.
Roles only, never a contact's name or title. Next room: `steps.diff`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from connector.convert import iso_day, listed
from connector.insight import criteria, numbers
from connector.insight.steps import run_steps
from connector.insight.texts import ISOLATE, POP, catalogue
from connector.insight.texts.line import LONGEST, cut, joined, length, one_line
from connector.insight.texts.owners import load_owners
from connector.schema import Context, Engine

# Points of contribution below which a criterion speaks neither for nor against.
_NOTEWORTHY = 1.0
_BUCKETS = (3, 10, 25, 50, 100, 250, 500, 1000)
_WEIGHED = (
    "SELECT r.* FROM criterion_result AS r JOIN criterion_weight AS w ON w.criterion = r.criterion ORDER BY w.place"
)
# Text → flag of `account_telling`: whether this account tells it.
_TOLD = {
    "kam_why": "tells_why",
    "kam_coverage_text": "tells_coverage",
    "kam_top_idea": "tells_idea",
    "kam_alert": "tells_alert",
    "idea_range": "tells_range",
}
_RANGE = 100  # what the money at the end of an idea takes of its text at most
# Wide rows of so many accounts are held at once.
_PART = 100_000


def texts(engine: Engine, context: Context) -> None:
    """Make `account_result` and `contact_result`.

    The one loop in Python: SQL can't read a catalogue of texts. One account speaks for all with the same facts.
    """
    load_owners(engine, context)
    run_steps(engine, "explain", {"as_of": context.as_of, "language": context.language})
    made = []
    for number, part in enumerate(parts(engine)):
        columns = engine.arrays(f"SELECT * FROM account_telling WHERE {part}")  # noqa: S608
        told: dict[str, list[Any]] = {c: [] for c in ("id", *_TOLD)}
        for row in _rows({c: listed(a) for c, a in columns.items()}):
            told["id"].append(row["id"])
            said = catalogue(row["language"])
            for column, flag in _TOLD.items():
                told[column].append(_TEXTS[column](row, said, context) if row[flag] else None)
        made.append(f"account_text_{number}")
        engine.load(made[-1], {c: np.array(v, dtype=object) for c, v in told.items()})
    engine.view("account_text", " UNION ALL ".join(f"SELECT * FROM {name}" for name in made), {})  # noqa: S608
    _load_numbers(engine)
    run_steps(engine, "explain_result", {"unit": 10.0**-context.digits})


def parts(engine: Engine) -> list[str]:
    """Conditions on `id` that part all accounts into ranges of a hundred thousand: a wide join of more takes too much
    memory.

    A range is what a join hands on to all its sides, so that each holds its part only. It makes the join dearer: one
    part that is all has none.
    """
    places = "SELECT id, row_number() OVER (ORDER BY id) AS place, COUNT(*) OVER () AS accounts FROM account"
    wanted = f"SELECT id FROM ({places}) AS p WHERE place % {_PART} = 0 AND place < accounts ORDER BY id"  # noqa: S608
    ids = ["'" + str(i).replace("'", "''") + "'" for i in engine.arrays(wanted)["id"]]
    ends = [*(f"id <= {i}" for i in ids), "TRUE"]
    return [end if n == 0 else f"id > {ids[n - 1]} AND {end}" for n, end in enumerate(ends)]


def _load_numbers(engine: Engine) -> None:
    """Make `account_numbers`, for accounts in the programme only."""
    weighed = list(_rows({c: listed(a) for c, a in engine.arrays(_WEIGHED).items()}))
    columns = engine.arrays("SELECT f.* FROM account_fact AS f WHERE f.in_programme = 1")
    rows = list(_rows({c: listed(a) for c, a in columns.items()}))
    made = {"id": [row["id"] for row in rows], "insight_json": [numbers.as_json(row, weighed) for row in rows]}
    engine.load("account_numbers", {c: np.array(v, dtype=object) for c, v in made.items()})


def _rows(columns: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


def account_texts(row: Mapping[str, Any], context: Context) -> dict[str, str]:
    """The four texts of one account, in its owner's language where that is known."""
    said = catalogue(row.get("language") or context.language)
    made = {column: make(row, said, context) for column, make in _TEXTS.items() if column != "idea_range"}
    return {**made, "kam_top_idea": made["kam_top_idea"] + idea_range(row, said, context)}


def money(minor: int, context: Context) -> str:
    """An amount as `1.2M EUR`, two digits, never more exact than it is known."""
    value = float(f"{minor * 10.0**-context.digits:.1e}")
    for size, letter in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{round(value / size, 1):g}{letter} {context.currency}"
    return f"{round(value)} {context.currency}"


def why(row: Mapping[str, Any], said: Mapping[str, Any], context: Context) -> list[str]:
    """Reasons for flag and proposal, the weightiest first: gate or flag, worth, rank, two for, one against, unknown."""
    words, before = said["why"], _said_before(row, said)
    parts = []
    if row["flag"] in words["flag"]:
        parts.append(words["flag"][row["flag"]])
    if row["nominated"]:
        parts.append(words["nominated"])
    if row["endless"]:
        parts.append(words["endless"])
    gate, worth = row["gate"], _worth_words(row, words, context)
    idle = gate == "not_active"  # then the gate and the worth would say one thing twice
    told = (gate == "new" and row["flag"] == "Emerging") or (idle and row["first_won_day"] is None)
    if gate is not None and not told:
        parts.append(words["gate"].get(gate) or words["gate"]["other"].format(gate=gate))
    if not (idle and row["first_won_day"] is not None and row["yearly_minor"] == 0):
        parts.append(worth)
    if row["flag"] == "Needs data":
        parts += _wanted_words(row, said, before)
    near = _near_programme(row, words, before)
    if row["rank"] is not None and near:
        parts.append(_rank_words(row, words, before))
    if row["score"] is not None and gate is None:
        parts += _criteria_words(row, said, before, weighed=near)
    return parts


def basis(row: Mapping[str, Any]) -> str:
    """What a value is: `net` of cost, `estimated` where some cost was taken at the usual margin, else `revenue`."""
    if row["cost_state"] == "net":
        return "net"
    return "estimated" if row["costs_known"] else "revenue"


def _worth_words(row: Mapping[str, Any], words: Mapping[str, Any], context: Context) -> str:
    """What the account brings a year; deals that have no value in our currency make it a lower bound, or unknown."""
    if row["first_won_day"] is None:
        return str(words["none"])
    dark, yearly = row["rateless_deals"] or row["amountless_deals"], row["yearly_minor"] or 0
    if dark and yearly <= 0:
        return str(words["no_rate" if row["rateless_deals"] else "no_amount"])
    worth = words["loss" if yearly < 0 else "worth"]
    worth = str(worth.format(money=money(abs(yearly), context), basis=words[basis(row)]))
    return str(words["at_least"].format(worth=worth)) if dark else worth


def _touch_words(row: Mapping[str, Any], words: Mapping[str, Any]) -> list[str]:
    """Whom we are not in touch with; the widest lack says it all."""
    if row["coverage_state"] == "no_contacts":
        return [words["no_contacts"]]
    if row["single_threaded"] and not row["engaged_contacts"]:
        return [words["nobody"]]
    parts = [words["single"]] if row["single_threaded"] else []
    if row["executive_engaged"] == 0 and row["coverage_state"] != "getting_to_know":
        parts.append(words["no_executive"])
    return parts


def _sponsor_words(row: Mapping[str, Any], words: Mapping[str, Any]) -> list[str]:
    """What is wrong with the sponsor of a key account; the month of the last contact stays true tomorrow."""
    if row["sponsor_state"] == "silent":
        return [words["sponsor"]["silent"].format(day=iso_day(row["sponsor_day"])[:7])]
    said = words["sponsor"].get(row["sponsor_state"])
    return [said] if said else []


def _said_before(row: Mapping[str, Any], said: Mapping[str, Any]) -> Sequence[str]:
    """The reasons that the CRM shows now, in small letters: what was said stays said while it is nearly true."""
    return str(row.get("present_why") or "").lower().split(said["form"]["parts"])


def _near_programme(row: Mapping[str, Any], words: Mapping[str, Any], before: Sequence[str]) -> bool:
    """Rank and reasons are news about accounts near the programme; elsewhere they are noise that moves every night."""
    if row["in_programme"] or row["rank"] is None or row["cap"] is None:
        return bool(row["in_programme"])
    told = any(words["top"].format(n=bucket).lower() in before for bucket in _BUCKETS)
    return bool(row["rank"] <= (2.5 if told else 2.0) * row["cap"])


def _rank_words(row: Mapping[str, Any], words: Mapping[str, Any], before: Sequence[str]) -> str:
    """A rank as the round number it lies within; the one that was said stays within a quarter of its bounds."""
    rank, floor = row["rank"], 0
    for bucket in _BUCKETS:
        text = str(words["top"].format(n=bucket))
        if text.lower() in before and 0.8 * floor < rank <= 1.25 * bucket:
            return text
        floor = bucket
    within = next((b for b in _BUCKETS if rank <= b), None)
    return str(words["top"].format(n=within) if within else words["beyond"].format(n=_BUCKETS[-1]))


def _criteria_words(
    row: Mapping[str, Any], said: Mapping[str, Any], before: Sequence[str], *, weighed: bool
) -> Iterator[str]:
    names = dict(said["criterion"])
    if basis(row) == "revenue":
        names["value"] = names["revenue"]

    def told(key: str, chosen: Sequence[str]) -> str:
        words = said["form"]["list"].join(names[c] for c in criteria.NAMES if c in chosen)
        return str(said["why"][key].format(list=words))

    known = {c: row[f"c_{c}"] for c in criteria.NAMES if weighed and row[f"c_{c}"] is not None}
    # By size of the contribution, then told in the fixed order, so that two near ones don't swap places at night.
    best = sorted((c for c in known if known[c] > 0), key=lambda c: -known[c])
    worst = sorted((c for c in known if known[c] < 0), key=lambda c: known[c])
    # A value without peers to hold it against is still known, and was told above.
    unknown = [
        c for c in criteria.of_bits(row["unknown_bits"]) if not (c == "value" and row["yearly_minor"] is not None)
    ]
    pairs = [pair for n in (2, 1) for pair in combinations(best[:3], n)]
    for key, chosen, others in (("for", best[:2], pairs), ("against", worst[:1], [(c,) for c in worst[:2]])):
        stays = next((list(o) for o in others if told(key, o).lower() in before), None)
        picked = stays or [c for c in chosen if abs(known[c]) >= _NOTEWORTHY]
        if picked:
            yield told(key, picked)
    if weighed:
        yield from _change_words(row, said["why"], names, before)
    if unknown:
        yield told("unknown", unknown)


def _wanted_words(row: Mapping[str, Any], said: Mapping[str, Any], before: Sequence[str]) -> list[str]:
    """What to find out first; the one that was said stays said until it is known."""
    unknown = [*criteria.of_bits(row["unknown_bits"]), *([row["most_wanted"]] if row["most_wanted"] else [])]
    made = {c: str(said["why"]["wanted"].format(criterion=said["criterion"][c])) for c in unknown}
    kept = next((text for text in made.values() if text.lower() in before), None)
    return [kept or made[row["most_wanted"]]] if row["most_wanted"] else []


def _change_words(
    row: Mapping[str, Any], words: Mapping[str, Any], names: Mapping[str, str], before: Sequence[str]
) -> Iterator[str]:
    """By which criterion the next border is nearest; the one that was said stays while it nearly reaches it."""
    text = words["way_in" if row["change_upward"] else "way_out"]
    able = {c: str(text.format(criterion=names[c])) for c in criteria.of_bits(row["change_able"])}
    kept = next((told for told in able.values() if told.lower() in before), None)
    if kept or row["change_criterion"]:
        yield kept or able[row["change_criterion"]]


def coverage(row: Mapping[str, Any], said: Mapping[str, Any]) -> list[str]:
    """Which seats we cover: the champion who left, counts, the executive, and gaps by their weight."""
    words = said["coverage"]
    state = row["coverage_state"]
    if state not in ("ok", "no_activities"):
        return [words[state]]
    parts = [words["champion_left"]] if row["champion_left"] else []
    if state == "ok":
        parts.append(words["counted"].format(covered=row["slots_covered"], slots=row["slots"]))
    else:
        parts.append(words["known"].format(known=row["slots_known"], slots=row["slots"]))
    if not row["executive_known"]:
        parts.append(words["no_executive"])
    if row["first_gap"] is not None:
        key = "gap_known" if row["first_gap_known"] else "gap"
        parts.append(words[key].format(slot=slot_words(row["first_gap"], said)))
        then = [slot_words(row[gap], said) for gap in ("second_gap", "third_gap") if row[gap] is not None]
        parts += [words["then"].format(list=said["form"]["list"].join(then))] if then else []
    if row["single_threaded"]:
        parts.append(words["single" if row["engaged_contacts"] else "nobody"])
    if state == "no_activities":
        parts.append(words["no_activities"])
    return parts


def slot_words(slot: str, said: Mapping[str, Any]) -> str:
    """`finance.executive` as `finance executive`; `role.champion` as `champion`."""
    first, second = slot.split(".", 1)
    words = said["slot"]
    level = str(words.get(second, second.replace("_", " ")))
    if first in ("role", "any"):
        return level
    return str(said["form"]["slot"].format(function=words.get(first, first.replace("_", " ")), level=level))


def idea(row: Mapping[str, Any], said: Mapping[str, Any]) -> str:
    """The first idea and its evidence: `Helmets: 34 of 50 similar accounts have it, goes with Gloves`."""
    words, form = said["idea"], said["form"]
    if row["whitespace_state"] not in ("ok", "cold"):
        return str(words.get(row["whitespace_state"], words["not_enough_data"]))
    if row["top_family"] is None:
        reason = words["reason"].get(row["held_back"])
        return str(words["held"].format(reason=reason) if reason else words["none"])
    parts = []
    if row["top_peer_owners"]:
        key = "peers_one" if row["top_peer_owners"] == 1 else "peers"
        parts.append(words[key].format(owners=row["top_peer_owners"], peers=row["top_peers"]))
    if row["top_pulled_by"] is not None:
        parts.append(words["pulled"].format(family=one_line(row["top_pulled_by"])))
    longest = LONGEST if row["high_told"] is None else LONGEST - _RANGE
    if row["ideas"] and row["ideas"] > 1 and longest == LONGEST:
        parts.append(words["more"].format(n=row["ideas"] - 1))
    name = cut(one_line(row["top_family"]), longest - 55)
    family = name or words["nameless"]
    first = form["idea"].format(family=family, evidence=parts[0]) if parts else family
    return joined([first, *parts[1:]], form["list"], longest, named=bool(name))


def idea_range(row: Mapping[str, Any], said: Mapping[str, Any], context: Context) -> str:
    """What all the ideas shown may bring: `; 3 ideas, roughly 40k–180k EUR a year, an estimate, not a forecast`."""
    if row["whitespace_state"] != "ok" or not row["ideas"] or None in (row["top_family"], row["high_told"]):
        return ""
    low, high = money(row["low_told"], context).removesuffix(f" {context.currency}"), money(row["high_told"], context)
    span = high if high.startswith(f"{low} ") else f"{low}–{high}"
    text = said["idea"]["range_one" if row["ideas"] == 1 else "range"].format(n=row["ideas"], range=span)
    text = said["form"]["parts"] + text
    return text if length(text) <= _RANGE else ""


def family_of(text: Any) -> str | None:
    """Family that an idea's text names, or None: the inverse of `idea`, whatever the language."""
    return text.partition(": ")[0].strip(f" {ISOLATE}{POP}") if isinstance(text, str) and ": " in text else None


def alerts(row: Mapping[str, Any], said: Mapping[str, Any]) -> list[str]:
    """What needs attention; `None open` when nothing does."""
    words = said["alert"]
    parts = []
    if row["lapsing"] and row["last_won_day"] is not None:
        # The month, not the number of days: it stays true tomorrow.
        day = iso_day(row["last_won_day"])[:7]
        gap = max(1, round(row["order_gap"]))
        parts.append(words["silent_daily" if gap == 1 else "silent"].format(gap=gap, day=day))
    if row["renewal_due"]:
        parts.append(words["renewal"].format(day=iso_day(row["renewal_day"])))
    parts += [words["champion_left"]] if row["champion_left"] else []
    parts += _touch_words(row, words)
    parts += _sponsor_words(row, words)
    if row["in_loop"]:
        parts.append(words["loop"])
    return parts or [words["none"]]


_TEXTS: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any], Context], str]] = {
    "kam_why": lambda row, said, context: joined(why(row, said, context), said["form"]["parts"]),
    "kam_coverage_text": lambda row, said, _: joined(coverage(row, said), said["form"]["list"]),
    "kam_top_idea": lambda row, said, _: idea(row, said),
    "kam_alert": lambda row, said, _: joined(alerts(row, said), said["form"]["parts"]),
    "idea_range": idea_range,
}
