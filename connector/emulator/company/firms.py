"""The seller's people, products and exchange rates, and the accounts themselves.

Plans come in, rows of users, products, rates and accounts leave. Next room: `people`.
"""

from datetime import date, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

from connector.emulator.company.draw import bent, between, moment, pick, stream, words
from connector.emulator.company.model import CORPORATE, LAST_DAY, Account, Product, Rate, User
from connector.emulator.company.plan import ACCOUNTS, Plan

FOUNDED = date(2018, 1, 1)
REPS = {"small": 14, "medium": 60, "large": 400}
_DATED = {"USD": 1.09, "GBP": 0.86}
STATIC = "JPY"
_STATIC_RATE = 161.5
_GRADES = ("Spare Part", "Kit", "Unit", "System")


def users(size: str, seed: int) -> list[User]:
    """Two executives, sales managers under them, reps and service under the managers; a tenth of the reps has left."""
    rng = stream(seed, "users")
    reps = REPS[size]
    managers = max(2, reps // 7)
    roles = ["executive"] * 2 + ["manager"] * managers + ["rep"] * reps + ["service"] * max(2, reps // 6)
    titles = {"manager": "Regional Sales Manager", "rep": "Account Manager", "service": "Service Engineer"}
    rows = []
    for no, role in enumerate(roles, 1):
        language = rng.choices(("en", "de", "fr", "es"), (5, 3, 1, 1))[0]
        title = ("Chief Executive Officer", "VP Sales")[no - 1] if role == "executive" else titles[role]
        manager = None if no == 1 else 1 if no == 2 else 2 if role == "manager" else 3 + no % managers
        place = words("places")[language]
        first, last = pick(rng, place["first"]), pick(rng, place["last"])
        active = role != "rep" or no % 10 != 0
        rows.append(User(no, first, last, title, role, manager, language, active, moment(rng, FOUNDED)))
    return rows


def products(seed: int) -> list[Product]:
    """Four products a family, from a small part to a whole system; cost is about six tenths of the list price."""
    rng = stream(seed, "products")
    rows: list[Product] = []
    for family, entry in words("range")["families"].items():
        for grade, price in zip(_GRADES, entry["prices"], strict=True):
            no = len(rows) + 1
            code = f"{entry['code']}-{100 * (_GRADES.index(grade) + 1)}"
            cost = round(price * rng.uniform(0.56, 0.64), 2)
            rows.append(Product(no, code, f"{family} {grade}", family, float(price), cost, True, moment(rng, FOUNDED)))
    return rows


def rates(seed: int) -> list[Rate]:
    """Quarterly rates that wander, the corporate currency at 1, and one currency with a single rate without a date."""
    rng = stream(seed, "rates")
    starts = [date(year, month, 1) for year in range(2018, 2027) for month in (1, 4, 7, 10)]
    starts = [start for start in starts if start <= LAST_DAY]
    rows = [Rate(CORPORATE, None, None, 1.0, 2), Rate(STATIC, None, None, _STATIC_RATE, 0)]
    for currency, rate in _DATED.items():
        for start, end in pairwise([*starts, None]):
            rate *= 1 + rng.uniform(-0.025, 0.025)  # noqa: PLW2901 - the rate wanders from quarter to quarter
            rows.append(Rate(currency, start, end, round(rate, 4), 2))
    return rows


class Exchange:
    """Answers what a corporate unit is worth in a currency on a day."""

    def __init__(self, rows: list[Rate]) -> None:
        self._rates: dict[str, list[Rate]] = {}
        for row in rows:
            self._rates.setdefault(row.currency, []).append(row)
        self._seen: dict[tuple[str, date], float] = {}

    def rate(self, currency: str, day: date) -> float:
        """Units of the currency for one corporate unit on that day."""
        known = self._seen.get((currency, day))
        if known is None:
            held = [r for r in self._rates[currency] if r.from_day is None or r.from_day <= day]
            known = self._seen[currency, day] = held[-1].rate
        return known

    def digits(self, currency: str) -> int:
        """Decimal places of the currency."""
        return self._rates[currency][0].digits


def accounts(size: str, seed: int, plans: list[Plan], staff: list[User], exchange: Exchange) -> list[Account]:
    """One account per plan, with invented names of which none is used twice, owners, and some trees of subsidiaries."""
    rng = stream(seed, "accounts")
    names = _Names(rng, ACCOUNTS[size])
    owners = [user.no for user in staff if user.role == "rep"]
    parents = _parents(rng, plans)
    return [_account(rng, plan, names, owners, parents.get(plan.no), exchange) for plan in plans]


class _Names:
    """Invented firm names of each language, none used twice."""

    def __init__(self, rng: Random, wanted: int) -> None:
        self._rng, self._used, self._wanted = rng, set[str](), wanted
        self._languages = list(words("places"))
        self._shares = [words("places")[language]["share"] for language in self._languages]

    def language(self) -> str:
        """A language, by its share."""
        return self._rng.choices(self._languages, self._shares)[0]

    def name(self, place: dict[str, Any]) -> str:
        """A firm name of that language that nobody has yet."""
        choice = self._rng.choice
        while True:
            root = choice(place["starts"]) + choice(place["ends"])
            name: str = place["pattern"].format(root=root, trade=choice(place["trades"]), form=choice(place["forms"]))
            if name in self._used:  # a crowded language: the branch number is what makes the name unique
                name = f"{name} {self._rng.randrange(2, 2 + self._wanted)}"
            if name not in self._used:
                self._used.add(name)
                return name


def _parents(rng: Random, plans: list[Plan]) -> dict[int, int]:
    """Subsidiaries are minor customers and prospects, so that a group's value stays its head's; some have their own."""
    heads = [plan.no for plan in plans if plan.kind in ("key", "solid")]
    children = [
        plan.no for plan in plans if (plan.kind == "minor" and plan.ties != "single") or plan.kind == "prospect"
    ]
    parents: dict[int, int] = {}
    for child in rng.sample(children, len(children) // 6):
        grown = list(parents)
        parents[child] = pick(rng, grown) if grown and rng.random() < 0.15 else pick(rng, heads)
    return parents


def _account(
    rng: Random, plan: Plan, names: _Names, owners: list[int], parent: int | None, exchange: Exchange
) -> Account:
    language = names.language()
    place = words("places")[language]
    country = pick(rng, place["countries"])
    created = _created(rng, plan)
    kind = {"partner": "partner", "competitor": "competitor", "prospect": "prospect", "empty": None}
    buys = plan.yearly > 0
    currency = country["currency"]
    rate, digits = exchange.rate(currency, LAST_DAY), exchange.digits(currency)
    turnover = round(plan.employees * bent(rng, 180_000, 0.4, 60_000, 500_000) * rate, -3)
    serve = (
        round(plan.yearly * _serve_share(rng, plan) * rate, digits)
        if buys and rng.random() < _serve_known(plan)
        else None
    )
    empty = plan.kind == "empty"
    return Account(
        plan.no,
        names.name(place),
        parent,
        pick(rng, owners),
        kind.get(plan.kind, "customer"),
        None if empty else plan.industry,
        None if empty else country["name"],
        None if empty else pick(rng, country["cities"]),
        None if empty else plan.employees,
        None if empty or rng.random() < 0.1 else turnover,
        currency,
        serve,
        _payment_days(rng, plan) if buys and rng.random() < 0.75 else None,
        _strategic_fit(rng, plan) if buys and rng.random() < 0.6 else None,
        plan.kind == "minor" and rng.random() < 0.03,
        created,
        max(created, moment(rng, between(rng, created.date(), LAST_DAY))),
    )


def _created(rng: Random, plan: Plan) -> datetime:
    if plan.kind == "emerging":
        day = plan.first - timedelta(days=rng.randrange(5, 25))
    elif plan.yearly:
        day = between(rng, FOUNDED, plan.first - timedelta(days=30))
    else:
        day = between(rng, FOUNDED, LAST_DAY - timedelta(days=20))
    return moment(rng, day)


def _serve_known(plan: Plan) -> float:
    return 1.0 if plan.kind in ("key", "large", "faded") else 0.6


def _serve_share(rng: Random, plan: Plan) -> float:
    return rng.uniform(0.07, 0.12) if plan.kind == "large" else rng.uniform(0.015, 0.05)


def _payment_days(rng: Random, plan: Plan) -> int:
    return rng.randrange(55, 110) if plan.kind == "large" else int(bent(rng, 32, 0.35, 7, 95))


def _strategic_fit(rng: Random, plan: Plan) -> int:
    return pick(rng, (4, 4, 5)) if plan.kind == "key" else pick(rng, (0, 1, 1, 2, 2, 3))
