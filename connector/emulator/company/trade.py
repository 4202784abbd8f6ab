"""What the accounts bought, lost and are thinking about: deals, lines, contact roles, and the machines they have.

Plans, accounts, people, products and rates come in; opportunities, lines, contact roles and assets leave. Purchases
follow each account's own rhythm up to its last one, so nothing breaks off on the company's last day.
Next room: `touch`.
"""

import math
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from random import Random

from connector.emulator.company.draw import between, moment, pick, stream, words, workday
from connector.emulator.company.firms import Exchange
from connector.emulator.company.model import (
    FIRST_DAY,
    LAST_DAY,
    STAGES,
    Account,
    Asset,
    ContactRole,
    Line,
    Opportunity,
    Product,
)
from connector.emulator.company.people import Seat
from connector.emulator.company.plan import CUSTOMERS, Plan

_OPEN = {
    "key": (2, 5),
    "large": (1, 4),
    "faded": (0, 2),
    "emerging": (0, 3),
    "solid": (0, 3),
    "minor": (0, 1),
    "prospect": (0, 1),
}
_PUSHED_WON = (0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3)
_PUSHED = (0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3)


@dataclass
class Trade:
    """The rows of all deals, growing account by account."""

    opportunities: list[Opportunity] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    contact_roles: list[ContactRole] = field(default_factory=list)
    assets: list[Asset] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Deal:
    """One deal before it becomes a row: state, days, worth in the corporate currency, and the families on it."""

    state: str
    day: date
    worth: float
    families: list[str]


class Desk:
    """Turns one account after another into rows; holds what all accounts share."""

    def __init__(self, seed: int, products: list[Product], exchange: Exchange) -> None:
        self.trade = Trade()
        self._rng, self._exchange = stream(seed, "trade"), exchange
        self._range: dict[str, list[Product]] = {}
        for product in products:
            self._range.setdefault(product.family, []).append(product)
        self._lost_reasons, self._rivals = words("range")["lost_reasons"], words("range")["competitors"]
        self._asset_families = {name for name, entry in words("range")["families"].items() if entry.get("asset")}

    def serve(self, plan: Plan, account: Account, seats: list[Seat]) -> None:
        """All deals of one account, with everything that hangs on them."""
        for deal in _deals(self._rng, plan, account):
            self._write(plan, account, seats, deal)
        if plan.kind in ("solid", "minor") and self._rng.random() < 0.04:
            self._rival(plan, account)

    def _write(self, plan: Plan, account: Account, seats: list[Seat], deal: _Deal) -> None:
        rng, trade = self._rng, self.trade
        no = len(trade.opportunities) + 1
        first_line = len(trade.lines)
        listed = deal.state == "won" or rng.random() < 0.6
        if listed:
            self._lines(plan, account, deal, no)
        digits = self._exchange.digits(account.currency)
        day = min(deal.day, LAST_DAY)
        amount = (
            sum(line.quantity * line.unit_price for line in trade.lines[first_line:])
            if listed
            else deal.worth * self._exchange.rate(account.currency, day)
        )
        trade.opportunities.append(self._opportunity(no, account, deal, round(amount, digits)))
        if seats and rng.random() < 0.6:
            self._roles(no, deal, seats)

    def _opportunity(self, no: int, account: Account, deal: _Deal, amount: float) -> Opportunity:
        rng = self._rng
        cycle = int(12 + 9 * math.log10(max(deal.worth, 10)) * rng.uniform(0.5, 2.2))
        created = moment(rng, max(account.created.date(), min(deal.day, LAST_DAY) - timedelta(days=cycle)))
        created = max(created, account.created)
        lost = deal.state == "lost"
        if deal.state == "open":
            stage, changed = pick(rng, STAGES[:6]), between(rng, created.date(), LAST_DAY)
        else:
            stage, changed = deal.state, min(deal.day + timedelta(days=rng.randrange(0, 3)), LAST_DAY)
        reason = pick(rng, self._lost_reasons) if lost and rng.random() < 0.85 else None
        return Opportunity(
            no,
            account.no,
            account.owner,
            f"{account.name[:70]} – {deal.families[0]} {deal.day.isoformat()[:7]}",
            deal.state,
            stage,
            amount,
            account.currency,
            deal.day,
            "existing" if deal.state == "won" or rng.random() < 0.5 else "new",
            pick(rng, _PUSHED if deal.state != "won" else _PUSHED_WON),
            reason,
            pick(rng, self._rivals) if reason == "Competitor" or rng.random() < 0.05 else None,
            created,
            max(created, moment(rng, changed)),
        )

    def _lines(self, plan: Plan, account: Account, deal: _Deal, no: int) -> None:
        """One line per family; the price is the cost over one less the margin: a negative margin sells below cost."""
        rng, trade = self._rng, self.trade
        rate = self._exchange.rate(account.currency, min(deal.day, LAST_DAY))
        digits = self._exchange.digits(account.currency)
        weights = [rng.uniform(0.5, 1.5) for _ in deal.families]
        whole = sum(weights)
        for family, weight in zip(deal.families, weights, strict=True):
            share = deal.worth * weight / whole
            fitting = [product for product in self._range[family] if product.price <= share]
            product = pick(rng, fitting[-2:]) if fitting else self._range[family][0]
            unit_cost = product.cost * rng.uniform(0.95, 1.05)
            unit_price = unit_cost / (1 - plan.margin - rng.uniform(-0.04, 0.04))
            quantity = max(1, round(share / unit_price))
            cost = round(unit_cost * quantity * rate, digits) if plan.cost_known else None
            price = max(round(unit_price * rate, digits), 1.0)
            trade.lines.append(Line(len(trade.lines) + 1, no, product.no, quantity, price, cost))
            if deal.state == "won" and family in self._asset_families and product.price > 5000:
                self._install(account, product, min(quantity, 12), deal.day + timedelta(days=rng.randrange(15, 60)))

    def _install(self, account: Account, product: Product, quantity: int, day: date) -> None:
        if day > LAST_DAY:
            return
        assets = self.trade.assets
        status = "obsolete" if self._rng.random() < 0.05 else "installed"
        ends = day + timedelta(days=365 * self._rng.randrange(2, 9))
        no = len(assets) + 1
        assets.append(Asset(no, account.no, product.no, f"{product.name} #{no}", quantity, status, day, ends, False))

    def _rival(self, plan: Plan, account: Account) -> None:
        """A machine of somebody else, of a family that the account neither owns nor is about to want."""
        others = sorted(self._asset_families - plan.families - plan.ripe)
        if others:
            product = self._range[pick(self._rng, others)][2]
            day = between(self._rng, LAST_DAY - timedelta(days=900), LAST_DAY - timedelta(days=30))
            name = f"{pick(self._rng, self._rivals)} {product.family}"
            no = len(self.trade.assets) + 1
            self.trade.assets.append(Asset(no, account.no, product.no, name, 1, "installed", day, None, True))

    def _roles(self, no: int, deal: _Deal, seats: list[Seat]) -> None:
        """Who took part; more people on the deals that were won."""
        most = min(len(seats), 4 if deal.state == "won" else 2)
        for at, seat in enumerate(self._rng.sample(seats, self._rng.randrange(1, most + 1))):
            rows = self.trade.contact_roles
            rows.append(ContactRole(len(rows) + 1, no, seat.contact, _role(self._rng, seat), at == 0))


def _role(rng: Random, seat: Seat) -> str:
    if seat.level >= 4:
        return pick(rng, ("Economic Buyer", "Decision Maker", "Executive Sponsor"))
    if seat.function in ("engineering", "it", "quality"):
        return "Technical Buyer"
    return {"procurement": "Evaluator", "operations": "Business User"}.get(seat.function, "Influencer")


def _deals(rng: Random, plan: Plan, account: Account) -> list[_Deal]:
    """Won deals by the account's rhythm, lost ones between them, open ones ahead; in order of their days."""
    days = _purchase_days(rng, plan) if plan.kind in CUSTOMERS else []
    baskets = _baskets(rng, plan, days)
    gaps = [int(plan.gap), *((after - before).days for before, after in pairwise(days))]
    deals = [
        _Deal("won", day, _worth(rng, plan, day, gap), basket)
        for day, gap, basket in zip(days, gaps, baskets, strict=False)  # no purchases, one gap
    ]
    size = plan.yearly * plan.gap / 365 if days else plan.employees * rng.uniform(60, 160)
    tried = _tried(plan)
    lost = round(len(days) * rng.uniform(0.2, 0.45)) if days else pick(rng, (0, 0, 1, 2)) * (plan.kind == "prospect")
    for _ in range(lost):
        first = max(plan.first, account.created.date() + timedelta(days=1))
        last = plan.last if plan.last > first else LAST_DAY
        day = max(FIRST_DAY, workday(between(rng, min(first, last), last)))
        deals.append(_Deal("lost", day, size * rng.uniform(0.5, 1.8), [pick(rng, tried)]))
    least, most = _OPEN.get(plan.kind, (0, 0))
    for _ in range(rng.randrange(least, most + 1)):
        day = workday(LAST_DAY + timedelta(days=rng.randrange(-12, 240)))
        deals.append(_Deal("open", day, size * rng.uniform(0.6, 2.2), [pick(rng, tried)]))
    return sorted(deals, key=lambda deal: deal.day)


def _tried(plan: Plan) -> list[str]:
    """Families of deals that were not won: what it owns and the unrelated ones, never what is ripe."""
    families = words("range")["families"]
    pulled = {entry["pulls"] for entry in families.values() if "pulls" in entry}
    loose = [name for name, entry in families.items() if "pulls" not in entry and name not in pulled]
    return sorted(plan.families) * 2 + loose


def _purchase_days(rng: Random, plan: Plan) -> list[date]:
    """Purchases counted back from the last one, the gaps scattered around the usual one."""
    days: list[date] = []
    day = plan.last
    while day >= plan.first or not days:
        days.append(max(FIRST_DAY, workday(day)))
        gap = min(1.8, max(0.35, rng.gammavariate(5, 0.2))) * plan.gap
        day -= timedelta(days=max(2, int(gap)))
    return sorted(set(days))


def _worth(rng: Random, plan: Plan, day: date, gap: int) -> float:
    """What is bought after a gap: what was used up in it, by the account's trend and the season."""
    years = (plan.last - day).days / 365 - 0.5
    season = 1 + 0.12 * math.sin(2 * math.pi * (day.timetuple().tm_yday - 60) / 365)
    trend = math.pow(1 + plan.growth, -years)
    return plan.yearly * gap / 365 * trend * season * rng.lognormvariate(-0.045, 0.3)


def _baskets(rng: Random, plan: Plan, days: list[date]) -> list[list[str]]:
    """Families on each purchase: each is first bought on the first purchase after its own day, later ones repeat."""
    if not days:
        return []
    starts = _starts(rng, plan, days)
    baskets: list[list[str]] = []
    held: list[str] = []
    for at, day in enumerate(days):
        new = [name for name in starts if name not in held and (starts[name] <= day or at == len(days) - 1)]
        if not held and not new:
            new = [min(starts, key=lambda name: (starts[name], name))]
        again = [name for name in held if rng.random() < 0.45]
        held += new
        baskets.append((new + again) or [pick(rng, held)])
    return baskets


def _starts(rng: Random, plan: Plan, days: list[date]) -> dict[str, date]:
    """The day from which each owned family is bought; the pulled one of a pair follows the one that pulls it."""
    families = words("range")["families"]
    starts: dict[str, date] = {}
    for name in (name for name in families if name in plan.families):
        starts[name] = days[0] if rng.random() < 0.45 else between(rng, days[0], days[-1])
    for name, entry in families.items():
        pulled = entry.get("pulls")
        if name in starts and pulled in starts:
            starts[pulled] = starts[name] + timedelta(days=rng.randrange(20, 300))
    return starts
