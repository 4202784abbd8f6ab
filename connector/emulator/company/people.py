"""The customers' people: who sits where, who they really report to, and what the CRM says about it.

Plans and accounts come in, contacts leave together with the seats that are true of them: function, level, manager.
Three lines in ten are deleted, a few are wrong, a few accounts hold loops. Next room: `trade`.
"""

import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from random import Random

from connector.emulator.company.draw import between, moment, pick, stream, words
from connector.emulator.company.model import LAST_DAY, Account, Contact
from connector.emulator.company.plan import CUSTOMERS, Plan

BIG = 500  # from here on every executive seat exists
_SPARSE = ("prospect", "competitor", "minor")
_LANGUAGES = {place["name"]: key for key, entry in words("places").items() for place in entry["countries"]}


@dataclass(frozen=True, slots=True)
class Seat:
    """What is true of one contact: the seat, and the contact above it where we know that person."""

    contact: int
    account: int
    key: str
    function: str
    level: int
    manager: int | None


@dataclass
class Staff:
    """All contacts, their seats by contact number, and the accounts in which loops were planted."""

    contacts: list[Contact]
    seats: dict[int, Seat]
    loops: list[int]


def people(seed: int, plans: list[Plan], accounts: list[Account]) -> Staff:
    """Contacts of every account that has any, and what is true of them."""
    rng = stream(seed, "people")
    staff = Staff([], {}, [])
    looped = {p.no for p in rng.sample([p for p in plans if p.kind == "solid" and p.employees >= 200], 3)}
    for plan, account in zip(plans, accounts, strict=True):
        chosen = _seats(rng, plan)
        rows = _fill(rng, account, chosen, plan, len(staff.contacts) + 1, staff.seats)
        if plan.no in looped and len(rows) >= 4:
            rows = _loop(rows)
            staff.loops.append(plan.no)
        staff.contacts += rows
    return staff


def _seats(rng: Random, plan: Plan) -> list[str]:
    """Keys of the seats whose holders we know, from the top down."""
    seats = words("seats")
    if plan.kind in ("empty", "corner") or (plan.kind in _SPARSE and plan.employees < BIG and rng.random() < 0.2):
        return []
    big = plan.employees >= BIG and plan.kind in CUSTOMERS
    wanted = _wanted(rng, plan)
    open_to = [key for key, seat in seats.items() if seat["from"] <= plan.employees]
    always = [key for key in open_to if big and seats[key].get("always")]
    rest = [key for key in open_to if key not in always]
    chosen = set(always) | set(rng.sample(rest, max(0, min(len(rest), wanted - len(always)))))
    unknown = {key for key in chosen if seats[key]["level"] >= 4 and seats[key]["function"] in plan.missing}
    return [key for key in seats if key in chosen - unknown]


def _wanted(rng: Random, plan: Plan) -> int:
    if plan.kind == "key":
        return rng.randrange(15, 20)
    if plan.kind not in CUSTOMERS:
        return rng.randrange(1, 4)
    least, most = (10, 15) if plan.employees >= BIG else (4, 9) if plan.employees >= 50 else (1, 4)
    return rng.randrange(least, most) if plan.kind != "lapsed" else max(1, least // 2)


def _fill(
    rng: Random, account: Account, chosen: list[str], plan: Plan, first_no: int, seats: dict[int, Seat]
) -> list[Contact]:
    """Contacts for the chosen seats; the CRM's lines are the true ones less what is deleted or wrong."""
    numbers = {key: first_no + at for at, key in enumerate(chosen)}
    language = _LANGUAGES[account.country] if account.country else "en"
    local = rng.random() < 0.6
    rows = []
    for key, no in numbers.items():
        above = _manager(key, numbers, plan)
        entry = words("seats")[key]
        seats[no] = Seat(no, account.no, key, entry["function"], entry["level"], above)
        rows.append(_contact(rng, no, account, key, language, local, _said(rng, no, above, list(numbers.values()))))
    return rows


def _manager(key: str, numbers: dict[str, int], plan: Plan) -> int | None:
    """The true manager: the next seat above that is filled; nobody when its holder exists but is unknown to us."""
    seats = words("seats")
    above = seats[key].get("above")
    while above is not None:
        if above in numbers:
            return numbers[above]
        if seats[above]["level"] >= 4 and seats[above]["function"] in plan.missing and seats[above].get("always"):
            return None
        above = seats[above].get("above")
    return None


def _said(rng: Random, no: int, above: int | None, colleagues: list[int]) -> int | None:
    """What the CRM says of a line: three in ten are deleted, three in a hundred name the wrong person."""
    draw = rng.random()
    if above is None or draw < 0.30:
        return None
    others = [
        other for other in colleagues if other not in (no, above) and other < no
    ]  # upwards only: loops are planted
    return pick(rng, others) if draw < 0.33 and others else above


def _contact(
    rng: Random, no: int, account: Account, key: str, language: str, local: bool, reports_to: int | None
) -> Contact:
    place = words("places")[language]
    first, last = pick(rng, place["first"]), pick(rng, place["last"])
    seat = words("seats")[key]
    tongue = place.get("titles", language) if local else "en"
    left = between(rng, LAST_DAY - timedelta(days=300), LAST_DAY) if seat["level"] < 5 and rng.random() < 0.02 else None
    created = moment(rng, between(rng, account.created.date(), max(account.created.date(), date(2024, 3, 1))))
    created = max(created, account.created)
    modified = moment(rng, between(rng, created.date(), LAST_DAY))
    return Contact(
        no,
        account.no,
        first,
        last,
        _title(rng, seat[tongue], left is not None, seat["level"]),
        words("range")["departments"][seat["function"]] if rng.random() < 0.7 else None,
        f"{_ascii(first, no)}.{_ascii(last, no)}@a{account.no}.example" if rng.random() < 0.9 else None,
        reports_to,
        account.owner,
        left,
        rng.random() < 0.005,
        created,
        max(created, modified),
    )


def _title(rng: Random, known: list[str], left: bool, level: int) -> str | None:
    """A title of the seat; now and then none, and for half of those who left one that says so."""
    if level < 4 and rng.random() < 0.03:
        return None
    title = pick(rng, known)
    return f"Former {title}" if left and rng.random() < 0.5 else title


@cache
def _folded(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return plain if plain.isalpha() else ""


def _ascii(name: str, no: int) -> str:
    """The name in plain letters; other alphabets give the contact's number instead."""
    return _folded(name) or f"c{no}"


def _loop(rows: list[Contact]) -> list[Contact]:
    """The first two report to each other, the last to itself."""
    rows[0] = rows[0]._replace(reports_to=rows[1].no)
    rows[1] = rows[1]._replace(reports_to=rows[0].no)
    rows[-1] = rows[-1]._replace(reports_to=rows[-1].no)
    return rows
