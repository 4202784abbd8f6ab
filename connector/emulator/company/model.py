"""The tables of the invented company, in no CRM's words: plain rows that point at each other by sequence number.

Nothing comes in; `build` fills these, each face's `seed` turns them into records. Days are dates, moments are UTC,
money is in the row's own currency. A number is the row's place in its table, counted from 1; None where there is no
such row. Next room: `plan`.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

LAST_DAY = date(2026, 6, 30)
FIRST_DAY = date(2023, 7, 1)
CORPORATE = "EUR"


class User(NamedTuple):
    """One of the seller's own people."""

    no: int
    first: str
    last: str
    title: str
    role: str  # executive, manager, rep, service
    manager: int | None
    locale: str
    active: bool
    created: datetime


class Product(NamedTuple):
    """One product; price and cost per piece in the corporate currency."""

    no: int
    code: str
    name: str
    family: str
    price: float
    cost: float
    active: bool
    created: datetime


class Rate(NamedTuple):
    """Units of the currency for one corporate unit, from a day on; `from_day` None is a rate without a date."""

    currency: str
    from_day: date | None
    to_day: date | None
    rate: float
    digits: int


class Account(NamedTuple):
    """One firm."""

    no: int
    name: str
    parent: int | None
    owner: int
    kind: str | None  # customer, prospect, partner, competitor
    industry: str | None
    country: str | None
    city: str | None
    employees: int | None
    annual_revenue: float | None
    currency: str
    cost_to_serve: float | None  # a year
    payment_days: int | None
    strategic_fit: int | None  # 0 to 5
    credit_hold: bool
    created: datetime
    modified: datetime


class Contact(NamedTuple):
    """One person at a firm; `reports_to` is what the CRM says, which is not always true."""

    no: int
    account: int | None
    first: str | None
    last: str
    title: str | None
    department: str | None
    email: str | None
    reports_to: int | None
    owner: int
    left_on: date | None
    no_profiling: bool
    created: datetime
    modified: datetime


class Opportunity(NamedTuple):
    """One deal; stage is one of `STAGES`."""

    no: int
    account: int | None
    owner: int
    name: str
    state: str  # open, won, lost
    stage: str
    amount: float | None
    currency: str
    close_day: date
    kind: str  # new, existing
    pushed: int
    lost_reason: str | None
    competitor: str | None
    created: datetime
    modified: datetime


class Line(NamedTuple):
    """One product on a deal; price is per piece, cost is of the whole line."""

    no: int
    opportunity: int
    product: int
    quantity: int
    unit_price: float
    cost: float | None


class ContactRole(NamedTuple):
    """A contact's part in a deal."""

    no: int
    opportunity: int
    contact: int
    role: str
    primary: bool


class Activity(NamedTuple):
    """One touch; `others` are further contacts who took part; `captured` came by a mail or calendar link."""

    no: int
    kind: str  # meeting, call, email_in, email_out, task
    at: datetime
    logged: datetime
    captured: bool
    account: int
    contact: int | None
    others: tuple[int, ...]
    owner: int
    opportunity: int | None
    minutes: int


class Case(NamedTuple):
    """One service case; satisfaction 1 to 5 where the customer answered."""

    no: int
    account: int
    contact: int | None
    owner: int
    subject: str
    priority: str  # high, medium, low
    opened: datetime
    closed: datetime | None
    satisfaction: int | None


class Asset(NamedTuple):
    """One machine that stands at a customer's; `rival` when somebody else sold it."""

    no: int
    account: int
    product: int
    name: str
    quantity: int
    status: str  # installed, obsolete
    installed: date
    ends: date | None
    rival: bool


STAGES = ("prospecting", "qualification", "analysis", "proposition", "proposal", "negotiation", "won", "lost")


@dataclass
class Company:
    """The invented company: its tables, and the truth that was planted in them."""

    size: str
    seed: int
    users: list[User] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)
    rates: list[Rate] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)
    opportunities: list[Opportunity] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    contact_roles: list[ContactRole] = field(default_factory=list)
    activities: list[Activity] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    assets: list[Asset] = field(default_factory=list)
    truth: dict[str, Any] = field(default_factory=dict)
