"""What speaks for each idea, and what to do next: the lines on whitespace of `kam explain`.

An account's results, its cells and its seats come in; lines of text leave, with roles only. Next room: `insight.story`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connector.convert import iso_day
from connector.insight.explain import money, slot_words
from connector.schema import Context

Row = Mapping[str, Any]

# What each state of a product family means; the states are told in the docstring of this package.
_MEANS = {
    "owned": "has it",
    "lapsed": "had it, stopped",
    "whitespace": "could have it",
    "speculative": "speculative: nothing relates it to what it has",
    "pipeline": "an open deal is about it",
    "accepted": "somebody accepted the idea",
    "lost": "a deal about it was lost lately",
    "competitor": "a competitor has it",
    "in_house": "makes it itself",
    "no_need": "does not need it",
    "not_eligible": "does not suit it",
    "not_enough_data": "not enough data",
}
# Why an idea counts as related to a family that the account has; the similar accounts are told anyhow.
_RELATED = {"catalogue": "as the catalogue says", "together": "bought together more often than not"}
# The rule of the settings that an account breaks.
_BROKEN = {
    "country": "its country",
    "industry": "its industry",
    "employees": "its size",
    "needs": "it lacks the family this one needs",
    "excludes": "it has a family this one excludes",
}
_DATED = ("owned", "lapsed", "lost", "accepted", "no_need", "in_house", "competitor")


def lines(
    row: Row, cells: Sequence[Row], slots: Sequence[Row], said: Mapping[str, Any], context: Context, lost_days: int
) -> Iterator[str]:
    """The band and the idea, then each family: its state, what speaks for it, what it may bring, the next step."""
    band, idea = str(row["kam_whitespace_band"]), str(row["kam_top_idea"])
    yield idea if idea.startswith(band) else f"{band}: {idea}"
    seat = talk_to(slots)
    for cell in cells:
        yield f"{cell['family']:<26} {', '.join(_parts(cell, context))}"
        if step := next_step(cell, seat, said, lost_days):
            yield f"{'':<26} next: {step}"


def model_lines(model: Row, context: Context) -> Iterator[str]:
    """What the company's own past says about these numbers; one row of whitespace_model."""
    if model["begins_day"] is None:
        yield "nothing is learned from the past yet: too short a history, or too few accounts or families"
        return
    days = f"{iso_day(int(model['begins_day']))} to {iso_day(int(model['ends_day']))}"
    if model["calibrated"]:
        error = model["calibration_error"]
        apart = "" if error is None else f"; in the newest half of that time promise and rate lay {error:.1%} apart"
        yield f"probabilities by {model['adoptions']:.0f} first purchases from {days}{apart}"
    else:
        yield f"bands instead of probabilities: only {model['adoptions']:.0f} first purchases from {days}"
    if model["recall_ours"] is not None:
        yield (
            f"of what was bought anew then, {model['recall_ours']:.0%} stood among an account's first five ideas, by"
            f" popularity {model['recall_popular']:.0%}" + _COUNTS[model["beats_popular"]]
        )
    if model["total_minor"]:
        ratio = model["total_ratio"]
        yield f"all accounts together: {money(int(model['total_minor']), context)} a year; " + (
            "no year is known yet to hold that against"
            if ratio is None
            else f"a year ago such a total came to {ratio:.2f} times what was then spent"
        )


# Whether the order of ideas beat popularity, and what follows for the key account score.
_COUNTS = {
    1: "",
    0: ": no better than chance, so the key account score leaves whitespace out",
    None: ": that may be chance, or too few bought to tell",
}


def talk_to(slots: Sequence[Row]) -> str | None:
    """The seat to talk to: the one best in touch, else the weightiest where we know somebody; None when nobody is."""
    seats = [s for s in slots if not s["slot"].startswith("role.") and s["known"]]
    best = max(seats, key=lambda s: (s["value"] or 0, s["weight"]), default=None)
    return str(best["slot"]) if best else None


def next_step(cell: Row, seat: str | None, said: Mapping[str, Any], lost_days: int) -> str | None:
    """One short sentence on what to do about a family; None where nothing is to be done."""
    steps, state = said["idea"]["next"], str(cell["state"])
    if state not in steps or (state == "whitespace" and not cell["shown"]):
        return None
    if seat is None and state in ("whitespace", "lapsed"):
        state = "nobody"
    lost = cell.get("since_day")
    day = iso_day(lost + lost_days) if state == "lost" and lost is not None else ""
    words = "" if seat is None else slot_words(seat, said)
    return str(steps[state].format(seat=words, family=cell["family"], day=day))


def _parts(cell: Row, context: Context) -> Iterator[str]:
    """What is known of one family, piece by piece."""
    state, since, reason = cell["state"], cell.get("since_day"), cell.get("reason")
    word = "last bought on" if state in ("owned", "lapsed") else "since"
    dated = f" ({word} {iso_day(since)})" if since is not None and state in _DATED else ""
    yield f"{_MEANS.get(state, state)}{dated}"
    if reason and state not in ("whitespace", "speculative"):
        yield _BROKEN.get(reason, str(reason))
    if cell["score"] is not None:
        yield f"propensity {100 * cell['score']:.0f} of 100"
    if cell["peer_owners"]:
        have = "has" if cell["peer_owners"] == 1 else "have"
        share = f" ({cell['peer_owners'] / cell['peers']:.0%})" if cell["peers"] else ""
        yield f"{cell['peer_owners']} of {cell['peers']} similar accounts{share} {have} it"
    if cell["pulled_by"]:
        yield f"goes with {cell['pulled_by']}{f' ({_RELATED[reason]})' if reason in _RELATED else ''}"
    if cell.get("probability") is not None:
        chance = cell["probability"]
        yield f"{chance:.0%} likely within a year" if chance >= 0.01 else "less than 1% likely within a year"
    elif cell.get("likelihood") is not None:
        yield f"likelihood {cell['likelihood']}"
    if cell["typical_minor"] is not None and state == "whitespace":
        yield f"typically {money(cell['typical_minor'], context)} (an estimate, not a forecast)"
    if cell.get("potential_minor"):
        yield f"realistic potential {money(cell['potential_minor'], context)}"
    if cell["shown"]:
        shown = cell.get("shown_day")
        since = f", shown since {iso_day(shown)}" if shown is not None else ""
        yield f"← idea {cell['shown']}{since}"
