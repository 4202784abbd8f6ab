"""How the seller and the customers' people deal with each other: meetings, calls, mails, tasks, and cases.

Plans, accounts, people and deals come in; activities and cases leave, with the contacts that are truly engaged:
they meet and write both ways every few weeks up to the end. Outside well-knit accounts nobody else comes near that.
Next room: `corner`.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import NamedTuple

from connector.emulator.company.draw import between, moment, pick, stream, workday
from connector.emulator.company.model import LAST_DAY, Account, Activity, Case, Contact, User
from connector.emulator.company.people import Seat
from connector.emulator.company.plan import ACTIVITY_MONTHS, Plan

# Days between touches of one kind with one contact.
_PACE: dict[str, dict[str, float]] = {
    "strong": {"meeting": 34, "email_in": 21, "email_out": 18, "call": 60},
    "warm": {"meeting": 75, "email_in": 48, "email_out": 40, "call": 110},
    "weak": {"meeting": 210, "email_in": 130, "email_out": 75, "call": 220},
}
_GAPS = [
    timedelta(days=max(1, days)) for days in range(1 + int(1.3 * max(max(pace.values()) for pace in _PACE.values())))
]
_SOON = timedelta(minutes=5)
_END = datetime.combine(LAST_DAY + timedelta(days=1), time(tzinfo=UTC))
_CAPTURED = 0.9
_MINUTES = {"meeting": 60, "call": 15, "email_in": 2, "email_out": 5, "task": 0}
_CASES_A_YEAR = {
    "key": 3.0,
    "large": 14.0,
    "faded": 4.0,
    "emerging": 1.0,
    "lapsing": 2.0,
    "lapsed": 0.5,
    "solid": 1.5,
    "minor": 0.5,
}
_SUBJECTS = (
    "Late delivery",
    "Leaking seal",
    "Wrong part delivered",
    "Controller alarm",
    "Invoice question",
    "Noise at start-up",
    "Documentation missing",
)
_USUAL = ("high", "medium", "medium", "medium", "medium", "medium", "low", "low", "low", "low")
_HOT = ("high", "high", "high", "high", "medium", "medium", "medium", "medium", "medium", "low", "low")


class Term(NamedTuple):
    """A deal as a calendar knows it: from when to when people talk about it."""

    no: int
    created: datetime
    close_day: date


@dataclass
class Touches:
    """All activities and cases, and the engaged contacts of each account that has any."""

    activities: list[Activity] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    engaged: dict[int, list[int]] = field(default_factory=dict)


class Diary:
    """Writes one account after another into the calendar and the service desk."""

    def __init__(self, seed: int, size: str, users: list[User]) -> None:
        self.touches = Touches()
        self._rng = stream(seed, "touch")
        self._users = {user.no: user for user in users}
        self._service = [user.no for user in users if user.role == "service"]
        self._linked_from = LAST_DAY - timedelta(days=30 * ACTIVITY_MONTHS[size])

    def keep(self, plan: Plan, account: Account, staff: list[tuple[Contact, Seat]], deals: list[Term]) -> None:
        """All touches and cases of one account."""
        here = [(contact, seat) for contact, seat in staff if contact.left_on is None]
        paces = _paces(self._rng, plan, here)
        strong = [contact.no for contact, seat in here if paces.get(contact.no) == "strong"]
        if strong:
            self.touches.engaged[plan.no] = strong
        for contact, _ in staff:
            pace = paces.get(contact.no)
            if pace:
                self._touch(plan, account, contact, pace, strong, deals)
        if plan.ties == "paper" and here:
            self._paper(account, [contact for contact, _ in here[:3]])
        self._gone(plan, account, staff)
        self._cases(plan, account, staff)

    def _touch(
        self, plan: Plan, account: Account, contact: Contact, pace: str, strong: list[int], deals: list[Term]
    ) -> None:
        rng = self._rng
        first = max(self._linked_from, contact.created.date(), plan.first - timedelta(days=45))
        if pace == "strong" and rng.random() < 0.5:  # half of the ties began some time after the link did
            first = max(first, between(rng, first, max(first, LAST_DAY - timedelta(days=300))))
        ends = (
            min(LAST_DAY, plan.last + timedelta(days=int(plan.gap))) if plan.kind in ("lapsing", "lapsed") else LAST_DAY
        )
        ours = self._ours(plan, account, contact.no)
        company = [other for other in strong if other != contact.no]
        random = rng.random
        for kind, period in _PACE[pace].items():
            day = first + timedelta(days=int(random() * period))
            while day <= ends:
                captured = random() < _CAPTURED
                others = (pick(rng, company),) if kind == "meeting" and company and random() < 0.25 else ()
                self._note(kind, moment(rng, workday(day)), captured, account, contact, others, pick(rng, ours), deals)
                day += _GAPS[int(period * (0.7 + (1.3 - 0.7) * random()))]
        if pace == "strong" and rng.random() < 0.2:
            coming = LAST_DAY + timedelta(days=rng.randrange(2, 26))
            self._note("meeting", moment(rng, workday(coming)), True, account, contact, (), ours[0], deals)

    def _ours(self, plan: Plan, account: Account, contact: int) -> list[int]:
        """Our people on that contact: the owner (or, after he left, the manager), and others on accounts of weight."""
        owner = self._users[account.owner]
        lead = owner.no if owner.active or owner.manager is None else owner.manager
        if plan.ties == "multi" and owner.manager is not None:
            return [lead, lead, owner.manager, self._service[contact % len(self._service)]]
        return [lead]

    def _note(
        self,
        kind: str,
        at: datetime,
        captured: bool,
        account: Account,
        contact: Contact,
        others: tuple[int, ...],
        owner: int,
        deals: list[Term],
    ) -> None:
        rng = self._rng
        if at < contact.created:
            return
        deal = pick(rng, deals) if deals else None
        if deal and not (deal.created <= at and at.date() <= deal.close_day):
            deal = None
        ahead = at >= _END
        logged = at + _SOON if captured else at + timedelta(hours=rng.randrange(1, 90))
        if ahead or logged >= _END:
            logged = moment(rng, LAST_DAY - timedelta(days=1 if ahead else 0))
        rows = self.touches.activities
        rows.append(
            Activity(
                len(rows) + 1,
                kind,
                at,
                logged if logged >= contact.created else contact.created,
                captured,
                account.no,
                contact.no,
                others,
                owner,
                deal.no if deal else None,
                _MINUTES[kind],
            )
        )

    def _paper(self, account: Account, contacts: list[Contact]) -> None:
        """Somebody typed dozens of tasks and calls that no mail or calendar link ever saw."""
        rng = self._rng
        for _ in range(rng.randrange(45, 80)):
            contact = pick(rng, contacts)
            day = workday(between(rng, max(contact.created.date(), LAST_DAY - timedelta(days=120)), LAST_DAY))
            kind = pick(rng, ("task", "task", "call", "email_out"))
            self._note(kind, moment(rng, day), False, account, contact, (), account.owner, [])

    def _gone(self, plan: Plan, account: Account, staff: list[tuple[Contact, Seat]]) -> None:
        """People who left were in touch until they did."""
        for contact, _ in staff:
            if contact.left_on is not None and plan.ties == "multi":
                day = max(contact.created.date(), self._linked_from)
                while day < contact.left_on:
                    self._note(
                        "meeting", moment(self._rng, workday(day)), True, account, contact, (), account.owner, []
                    )
                    day += timedelta(days=self._rng.randrange(20, 60))

    def _cases(self, plan: Plan, account: Account, staff: list[tuple[Contact, Seat]]) -> None:
        rng = self._rng
        rate = _CASES_A_YEAR.get(plan.kind, 0)
        first, last = max(plan.first, account.created.date()), min(LAST_DAY, plan.last + timedelta(days=60))
        if not rate or last <= first:
            return
        for _ in range(int(rate * (last - first).days / 365 * rng.uniform(0.6, 1.4) + rng.random())):
            opened = max(account.created, moment(rng, workday(between(rng, first, last))))
            priority = pick(rng, _HOT if plan.kind == "large" else _USUAL)
            closed: datetime | None = opened + timedelta(
                hours=rng.randrange(2, 24 * (40 if plan.kind == "large" else 14))
            )
            if closed is not None and closed.date() > LAST_DAY:
                closed = None
            known = [contact.no for contact, _ in staff if contact.created <= opened]
            rows = self.touches.cases
            rows.append(
                Case(
                    len(rows) + 1,
                    account.no,
                    pick(rng, known) if known else None,
                    pick(rng, self._service),
                    pick(rng, _SUBJECTS),
                    priority,
                    opened,
                    closed,
                    _satisfaction(rng, plan) if closed and rng.random() < 0.6 else None,
                )
            )


def _satisfaction(rng: Random, plan: Plan) -> int:
    return pick(rng, {"key": (4, 5, 5), "large": (1, 2, 2, 3)}.get(plan.kind, (2, 3, 4, 4, 5)))


def _paces(rng: Random, plan: Plan, here: list[tuple[Contact, Seat]]) -> dict[int, str]:
    """Who of the people there is in touch, and how closely."""
    if not here or plan.ties == "none":
        return {}
    top = [contact.no for contact, seat in here if seat.level >= 4]
    rest = [contact.no for contact, seat in here if 1 <= seat.level < 4]
    rng.shuffle(top)
    rng.shuffle(rest)
    everyone = top + rest
    if plan.ties == "single":
        return {(rest or everyone)[0]: "strong"} if everyone else {}
    if plan.ties == "multi":
        execs, others = (rng.randrange(1, 3), rng.randrange(3, 5)) if plan.kind == "key" else (pick(rng, (0, 1, 1)), 2)
        strong = (top[:execs] + rest[:others]) or everyone[:2]
        if len(strong) < 2:
            strong = everyone[:2]
        warm = [no for no in everyone if no not in strong][: rng.randrange(1, 4)]
        faint = [no for no in everyone if no not in strong and no not in warm][:2]
        return {**dict.fromkeys(strong, "strong"), **dict.fromkeys(warm, "warm"), **dict.fromkeys(faint, "weak")}
    if plan.ties == "weak":
        return dict.fromkeys(everyone[: pick(rng, (1, 1, 2))], "weak")
    return {}
