"""Reasons one can read: the texts of the CRM fields, and the whole story of one account.

The insights' tables come in; `account_result` and `contact_result` leave, with texts of at most 255 characters.
Roles only, never a contact's name or title. Next room: `steps.diff`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any
from unicodedata import category

import numpy as np

from connector.convert import iso_day, listed
from connector.insight import criteria, numbers
from connector.insight.steps import run_steps
from connector.insight.texts import catalogue
from connector.schema import Context, Engine

LONGEST = 255
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
# What the money at the end of an idea takes at most of its text.
_RANGE = 100
# Wide rows of so many accounts are held at once.
_PART = 100_000


def texts(engine: Engine, context: Context) -> None:
    """Make `account_result` and `contact_result`.

    The one loop in Python: a text is put together from a catalogue, which SQL can't read. It goes over facts that
    differ, not over accounts: one account speaks for all with the same facts.
    """
    run_steps(engine, "explain", {"as_of": context.as_of})
    said, made = catalogue(context.language), []
    for number, part in enumerate(parts(engine)):
        columns = engine.arrays(f"SELECT * FROM account_telling WHERE {part}")  # noqa: S608
        told: dict[str, list[Any]] = {c: [] for c in ("id", *_TOLD)}
        for row in _rows({c: listed(a) for c, a in columns.items()}):
            told["id"].append(row["id"])
            for column, flag in _TOLD.items():
                told[column].append(_TEXTS[column](row, said, context) if row[flag] else None)
        made.append(f"account_text_{number}")
        engine.load(made[-1], {c: np.array(v, dtype=object) for c, v in told.items()})
    engine.view("account_text", " UNION ALL ".join(f"SELECT * FROM {name}" for name in made), {})  # noqa: S608
    _load_numbers(engine)
    run_steps(engine, "explain_result", {"unit": 10.0**-context.digits})


def parts(engine: Engine) -> list[str]:
    """Conditions on `id` that part all accounts into ranges of a hundred thousand: a wide join of more takes too much
    memory."""
    places = "SELECT id, row_number() OVER (ORDER BY id) AS place FROM account"
    last = engine.arrays(f"SELECT id FROM ({places}) AS p WHERE place % {_PART} = 0 ORDER BY id")["id"]  # noqa: S608
    ids = ["'" + str(i).replace("'", "''") + "'" for i in last]
    ends = [*(f"id <= {i}" for i in ids), "TRUE"]
    return [end if n == 0 else f"id > {ids[n - 1]} AND {end}" for n, end in enumerate(ends)]


def _load_numbers(engine: Engine) -> None:
    """Make `account_numbers`, for accounts in the programme only."""
    weighed = list(_rows({c: listed(a) for c, a in engine.arrays(_WEIGHED).items()}))
    columns = engine.arrays("SELECT f.* FROM account_fact AS f WHERE f.in_programme = 1")
    rows = list(_rows({c: listed(a) for c, a in columns.items()}))
    texts = [numbers.as_json(row, weighed) for row in rows]
    made = {"id": [row["id"] for row in rows], "insight_json": texts}
    engine.load("account_numbers", {c: np.array(v, dtype=object) for c, v in made.items()})


def _rows(columns: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


def account_texts(row: Mapping[str, Any], context: Context) -> dict[str, str]:
    """The four texts of one account."""
    said = catalogue(context.language)
    made = {column: make(row, said, context) for column, make in _TEXTS.items()}
    made["kam_top_idea"] += made.pop("idea_range")
    return made


def joined(parts: Sequence[str], glue: str, longest: int = LONGEST) -> str:
    """Parts in one text of at most 255 characters; parts that don't fit are left out whole."""
    text = ""
    for part in parts:
        longer = f"{text}{glue}{part}" if text else part
        if len(longer) <= longest:
            text = longer
    text = text or parts[0][:longest]
    return text[:1].upper() + text[1:]


def money(minor: int, context: Context) -> str:
    """An amount as `1.2M EUR`, two digits, never more exact than it is known."""
    value = float(f"{minor * 10.0**-context.digits:.1e}")
    for size, letter in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{round(value / size, 1):g}{letter} {context.currency}"
    return f"{round(value)} {context.currency}"


def why(row: Mapping[str, Any], said: Mapping[str, Any], context: Context) -> list[str]:
    """Reasons for flag and proposal, the weightiest first: gate or flag, worth, rank, two for, one against, unknown."""
    words = said["why"]
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
        parts += _wanted_words(row, said)
    near = _near_programme(row, words)
    if row["rank"] is not None and near:
        parts.append(_rank_words(row, words))
    if row["score"] is not None and gate is None:
        parts += _criteria_words(row, said, weighed=near)
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


def _said_before(row: Mapping[str, Any], text: str) -> bool:
    """Whether the reasons the CRM shows now contain a phrase: what was said stays said while it is nearly true."""
    return text.lower() in str(row.get("present_why") or "").lower()


def _near_programme(row: Mapping[str, Any], words: Mapping[str, Any]) -> bool:
    """Rank and reasons are news about accounts near the programme; elsewhere they are noise that moves every night."""
    if row["in_programme"] or row["rank"] is None or row["cap"] is None:
        return bool(row["in_programme"])
    told = _said_before(row, words["top"].partition("{")[0])
    return bool(row["rank"] <= (2.5 if told else 2.0) * row["cap"])


def _rank_words(row: Mapping[str, Any], words: Mapping[str, Any]) -> str:
    """A rank as the round number it lies within; the one that was said stays within a quarter of its bounds."""
    rank, floor = row["rank"], 0
    for bucket in _BUCKETS:
        text = str(words["top"].format(n=bucket))
        kept = _said_before(row, f"{text};") or _ends(row, text)
        if kept and 0.8 * floor < rank <= 1.25 * bucket:
            return text
        floor = bucket
    within = next((b for b in _BUCKETS if rank <= b), None)
    return str(words["top"].format(n=within) if within else words["beyond"].format(n=_BUCKETS[-1]))


def _ends(row: Mapping[str, Any], text: str) -> bool:
    return str(row.get("present_why") or "").lower().endswith(text.lower())


def _criteria_words(row: Mapping[str, Any], said: Mapping[str, Any], *, weighed: bool) -> Iterator[str]:
    names = dict(said["criterion"])
    if basis(row) == "revenue":
        names["value"] = names["revenue"]

    def told(key: str, chosen: Sequence[str]) -> str:
        return str(said["why"][key].format(list=", ".join(names[c] for c in criteria.NAMES if c in chosen)))

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
        stays = next(
            (list(o) for o in others if _said_before(row, f"{told(key, o)};") or _ends(row, told(key, o))), None
        )
        picked = stays or [c for c in chosen if abs(known[c]) >= _NOTEWORTHY]
        if picked:
            yield told(key, picked)
    if weighed:
        yield from _change_words(row, said["why"], names)
    if unknown:
        yield told("unknown", unknown)


def _wanted_words(row: Mapping[str, Any], said: Mapping[str, Any]) -> list[str]:
    """What to find out first; the one that was said stays said until it is known."""
    unknown = [*criteria.of_bits(row["unknown_bits"]), *([row["most_wanted"]] if row["most_wanted"] else [])]
    made = {c: str(said["why"]["wanted"].format(criterion=said["criterion"][c])) for c in unknown}
    kept = next((text for text in made.values() if _said_before(row, f"{text};") or _ends(row, text)), None)
    return [kept or made[row["most_wanted"]]] if row["most_wanted"] else []


def _change_words(row: Mapping[str, Any], words: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[str]:
    """By which criterion the next border is nearest; the one that was said stays while it nearly reaches it."""
    text = words["way_in" if row["change_upward"] else "way_out"]
    able = {c: str(text.format(criterion=names[c])) for c in criteria.of_bits(row["change_able"])}
    kept = next((told for told in able.values() if _said_before(row, f"{told};") or _ends(row, told)), None)
    if kept or row["change_criterion"]:
        yield kept or able[row["change_criterion"]]


def coverage(row: Mapping[str, Any], said: Mapping[str, Any]) -> list[str]:
    """Which seats we cover: counts, the executive, the first gap."""
    words = said["coverage"]
    state = row["coverage_state"]
    if state not in ("ok", "no_activities"):
        return [words[state]]
    if state == "ok":
        parts = [words["counted"].format(covered=row["slots_covered"], slots=row["slots"])]
    else:
        parts = [words["known"].format(known=row["slots_known"], slots=row["slots"])]
    if not row["executive_known"]:
        parts.append(words["no_executive"])
    if row["first_gap"] is not None:
        key = "gap_known" if row["first_gap_known"] else "gap"
        parts.append(words[key].format(slot=slot_words(row["first_gap"], said)))
    if row["single_threaded"]:
        parts.append(words["single" if row["engaged_contacts"] else "nobody"])
    if state == "no_activities":
        parts.append(words["no_activities"])
    return parts


def slot_words(slot: str, said: Mapping[str, Any]) -> str:
    """`finance.executive` as `finance executive`; `role.champion` as `champion`."""
    first, second = slot.split(".", 1)
    words = said["slot"]
    level = words.get(second, second.replace("_", " "))
    return level if first in ("role", "any") else f"{words.get(first, first.replace('_', ' '))} {level}"


def idea(row: Mapping[str, Any], said: Mapping[str, Any]) -> str:
    """The first idea and its evidence: `Helmets: 34 of 50 similar accounts have it, goes with Gloves`."""
    words = said["idea"]
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
    ranged = row["high_told"] is not None  # then the number of ideas is told with the money
    if row["ideas"] and row["ideas"] > 1 and not ranged:
        parts.append(words["more"].format(n=row["ideas"] - 1))
    family = one_line(row["top_family"]) or words["nameless"]
    longest = LONGEST - _RANGE if ranged else LONGEST
    return joined([f"{family[: longest - 55]}: {parts[0]}" if parts else family, *parts[1:]], ", ", longest)


def idea_range(row: Mapping[str, Any], said: Mapping[str, Any], context: Context) -> str:
    """What all the ideas shown may bring: `; 3 ideas, roughly 40k–180k EUR a year, an estimate, not a forecast`."""
    if not row["ideas"] or row["high_told"] is None or row["top_family"] is None or row["whitespace_state"] != "ok":
        return ""
    low, high = money(row["low_told"], context), money(row["high_told"], context)
    span = high if low == high else f"{low.removesuffix(f' {context.currency}')}–{high}"
    text = said["idea"]["range_one" if row["ideas"] == 1 else "range"].format(n=row["ideas"], range=span)
    return f"; {text}" if len(text) <= _RANGE - 2 else ""


def one_line(text: str) -> str:
    """A text of the CRM without line ends and control characters."""
    return " ".join("".join(" " if category(c) == "Cc" else c for c in text).split())


def family_of(text: Any) -> str | None:
    """Family that an idea's text names, or None: the inverse of `idea`."""
    return text.partition(": ")[0] if isinstance(text, str) and ": " in text else None


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
    parts += _touch_words(row, words)
    parts += _sponsor_words(row, words)
    if row["in_loop"]:
        parts.append(words["loop"])
    return parts or [words["none"]]


_TEXTS: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any], Context], str]] = {
    "kam_why": lambda row, said, context: joined(why(row, said, context), "; "),
    "kam_coverage_text": lambda row, said, _: joined(coverage(row, said), ", "),
    "kam_top_idea": lambda row, said, _: idea(row, said),
    "kam_alert": lambda row, said, _: joined(alerts(row, said), "; "),
    "idea_range": idea_range,
}
