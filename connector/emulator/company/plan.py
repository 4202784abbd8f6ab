"""What each account is meant to be: the hidden cause from which its rows are drawn and by which the truth is written.

A size and a seed come in, one `Plan` per account leaves: how much it buys, how often, at what margin, which product
families it owns, how it is tied to us, and what is planted in it. Next room: `firms`.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from connector.emulator.company.draw import bent, between, evenly, stream, words
from connector.emulator.company.model import FIRST_DAY, LAST_DAY

CORNER = 12  # hostile accounts, the last ones of every size

# key: true key accounts · large: much revenue, negative margin · faded: valuable but shrinking and distant
# emerging: under six months · lapsing: overdue by their own rhythm · lapsed: gone for more than a year
# solid, minor: ordinary customers · empty: nothing is known of them
_KINDS = ("key", "large", "faded", "emerging", "lapsing", "lapsed", "solid", "minor", "partner", "competitor", "empty")
COUNTS = {  # of each kind; what is left of the size are prospects
    "small": (11, 6, 4, 8, 8, 15, 60, 75, 12, 6, 10),
    "medium": (25, 20, 20, 100, 100, 300, 700, 1_200, 150, 60, 200),
    "large": (25, 60, 100, 1_000, 1_000, 4_000, 5_000, 15_000, 1_500, 500, 8_000),
}
ACCOUNTS = {"small": 300, "medium": 5_000, "large": 100_000}
ACTIVITY_MONTHS = {"small": 18, "medium": 15, "large": 8}  # how far back the calendar link goes
CUSTOMERS = ("key", "large", "faded", "emerging", "lapsing", "lapsed", "solid", "minor")
EXECUTIVE_FUNCTIONS = ("general", "finance", "it", "operations", "procurement")


@dataclass(slots=True)
class Plan:
    """One account's hidden cause; money in the corporate currency."""

    no: int
    kind: str
    industry: str = ""
    employees: int = 20
    yearly: float = 0.0  # bought in the last twelve months
    growth: float = 0.0  # a year
    margin: float = 0.3
    gap: float = 120.0  # days between purchases
    first: date = FIRST_DAY  # first and last purchase
    last: date = LAST_DAY
    ties: str = "none"  # multi, single, weak, paper (only typed by hand), none
    missing: tuple[str, ...] = ()  # functions whose executives we do not know
    cost_known: bool = True
    families: set[str] = field(default_factory=set)
    ripe: set[str] = field(default_factory=set)  # pulled by what it owns, not bought yet


def plans(size: str, seed: int) -> list[Plan]:
    """One plan per account, in account order; the hostile corner comes last."""
    rng = stream(seed, "plans")
    kinds = [kind for kind, count in zip(_KINDS, COUNTS[size], strict=True) for _ in range(count)]
    kinds += ["prospect"] * (ACCOUNTS[size] - CORNER - len(kinds))
    rng.shuffle(kinds)
    made = [_plan(rng, no, kind) for no, kind in enumerate(kinds + ["corner"] * CORNER, 1)]
    _plant_ties(rng, made)
    _plant_missing(rng, made)
    for plan in rng.sample([p for p in made if p.kind == "minor"], max(3, len(made) // 200)):
        plan.cost_known = False
    _own(rng, [plan for plan in made if plan.kind in CUSTOMERS])
    return made


def _plan(rng: Random, no: int, kind: str) -> Plan:
    plan = Plan(no, kind, industry=rng.choice(words("range")["industries"]))
    draw = _SHAPES.get(kind)
    if draw:
        draw(rng, plan)
    else:
        plan.employees = int(bent(rng, 90, 1.2, 3, 9000))
        plan.ties = "weak" if kind == "prospect" and rng.random() < 0.5 else "none"
    return plan


def _key(rng: Random, plan: Plan) -> None:
    plan.employees = int(bent(rng, 3500, 0.7, 900, 28000))
    plan.yearly, plan.growth = bent(rng, 1_150_000, 0.3, 800_000, 2_600_000), rng.uniform(0.14, 0.4)
    plan.margin, plan.gap, plan.ties = rng.uniform(0.29, 0.38), rng.uniform(25, 38), "multi"
    plan.last = _recent(rng, plan.gap)


def _large(rng: Random, plan: Plan) -> None:
    plan.employees = int(bent(rng, 6000, 0.7, 1200, 40000))
    plan.yearly, plan.growth = bent(rng, 1_900_000, 0.3, 1_300_000, 4_000_000), rng.uniform(-0.08, 0.06)
    plan.margin, plan.gap = rng.uniform(-0.13, -0.04), rng.uniform(28, 42)
    plan.ties = rng.choice(["multi", "single", "weak"])
    plan.last = _recent(rng, plan.gap)


def _faded(rng: Random, plan: Plan) -> None:
    plan.employees = int(bent(rng, 2500, 0.5, 700, 12000))
    plan.yearly, plan.growth = bent(rng, 620_000, 0.2, 480_000, 780_000), rng.uniform(-0.35, -0.2)
    plan.margin, plan.gap, plan.ties = rng.uniform(0.22, 0.28), rng.uniform(30, 45), "weak"
    plan.last = _recent(rng, plan.gap)


def _emerging(rng: Random, plan: Plan) -> None:
    plan.employees = int(bent(rng, 180, 0.9, 20, 3000))
    plan.yearly, plan.growth = bent(rng, 140_000, 0.5, 40_000, 400_000), 0.0
    plan.margin, plan.gap = rng.uniform(0.25, 0.36), rng.uniform(18, 30)
    plan.first = between(rng, LAST_DAY - timedelta(days=150), LAST_DAY - timedelta(days=90))
    plan.last, plan.ties = _recent(rng, plan.gap), "weak"


def _lapsing(rng: Random, plan: Plan) -> None:
    plan.employees = int(bent(rng, 250, 0.8, 30, 3000))
    plan.yearly, plan.growth = bent(rng, 110_000, 0.4, 40_000, 280_000), rng.uniform(-0.1, 0.1)
    plan.margin, plan.gap, plan.ties = rng.uniform(0.22, 0.34), rng.uniform(24, 45), "weak"
    plan.last = LAST_DAY - timedelta(days=int(plan.gap * rng.uniform(2.9, 4.5)))


def _lapsed(rng: Random, plan: Plan) -> None:
    plan.employees = int(bent(rng, 90, 0.9, 8, 1500))
    plan.yearly = bent(rng, 40_000, 0.7, 6_000, 160_000)
    plan.margin, plan.gap = rng.uniform(0.2, 0.34), rng.uniform(60, 150)
    plan.last = between(rng, FIRST_DAY + timedelta(days=150), LAST_DAY - timedelta(days=400))


def _solid(rng: Random, plan: Plan) -> None:
    plan.employees = int(bent(rng, 320, 0.9, 40, 6000))
    plan.yearly, plan.growth = bent(rng, 95_000, 0.6, 35_000, 350_000), rng.uniform(-0.12, 0.16)
    plan.margin, plan.gap = rng.uniform(0.18, 0.32), rng.uniform(60, 110)
    plan.ties = rng.choices(["multi", "weak", "none"], (35, 45, 20))[0]
    plan.last = _recent(rng, plan.gap)


def _minor(rng: Random, plan: Plan) -> None:
    plan.employees = int(bent(rng, 60, 0.9, 4, 900))
    plan.yearly, plan.growth = bent(rng, 16_000, 0.6, 3_000, 60_000), rng.uniform(-0.15, 0.15)
    plan.margin, plan.gap = rng.uniform(0.2, 0.36), rng.uniform(110, 210)
    plan.ties = rng.choices(["weak", "none"], (45, 55))[0]
    plan.first = between(rng, FIRST_DAY, LAST_DAY - timedelta(days=450)) if rng.random() < 0.4 else FIRST_DAY
    plan.last = _recent(rng, plan.gap)


_SHAPES = {
    "key": _key,
    "large": _large,
    "faded": _faded,
    "emerging": _emerging,
    "lapsing": _lapsing,
    "lapsed": _lapsed,
    "solid": _solid,
    "minor": _minor,
}


def _recent(rng: Random, gap: float) -> date:
    """A last purchase that is not overdue: less than one usual gap ago."""
    return LAST_DAY - timedelta(days=int(rng.random() * 0.9 * gap))


def _plant_ties(rng: Random, made: list[Plan]) -> None:
    """Single-threaded accounts, and accounts that look busy only because somebody typed a lot."""
    ordinary = [plan for plan in made if plan.kind in ("solid", "minor") and plan.ties in ("weak", "none")]
    rng.shuffle(ordinary)
    singles, papers = max(14, len(ordinary) // 6), max(3, len(ordinary) // 60)
    for plan in ordinary[:singles]:
        plan.ties = "single"
    for plan in ordinary[singles : singles + papers]:
        plan.ties = "paper"


def _plant_missing(rng: Random, made: list[Plan]) -> None:
    """In a quarter of the bigger customers the executives of one or two functions are unknown to us."""
    for plan in made:
        if plan.kind in CUSTOMERS and plan.employees >= 500 and rng.random() < 0.25:
            known = EXECUTIVE_FUNCTIONS[1:] if plan.kind == "key" else EXECUTIVE_FUNCTIONS
            plan.missing = tuple(sorted(rng.sample(known, 1 if plan.kind == "key" else rng.choice([1, 2]))))


def _own(rng: Random, customers: list[Plan]) -> None:
    """Which families each customer owns: pulled pairs together, the unrelated ones independent of everything.

    The unrelated families are dealt out at even steps of an order made by the families they must not relate to, so that
    their lift is near 1 even among few customers; plain chance would leave pairs that look related.
    """
    families = words("range")["families"]
    pairs = words("range")["non_relations"]
    pulling = {name: entry["pulls"] for name, entry in families.items() if "pulls" in entry}
    for plan in customers:
        for name, pulled in pulling.items():
            owns = rng.random() < (0.55 if plan.industry in families[name]["for"] else 0.14)
            _take(rng, plan, name, pulled, owns)
        if not plan.families:
            fitting = [name for name in pulling if plan.industry in families[name]["for"]] or list(pulling)
            _take(rng, plan, rng.choice(fitting), "", True)
    by_no = {plan.no: plan for plan in customers}
    for name in (n for n in families if n not in pulling and n not in pulling.values()):
        strangers = [other for pair in pairs if name in pair for other in pair if other != name]
        order = sorted(by_no, key=lambda no: ([s in by_no[no].families for s in strangers], rng.random()))
        for no in evenly(rng, order, rng.uniform(0.22, 0.3)):
            by_no[no].families.add(name)


def _take(rng: Random, plan: Plan, name: str, pulled: str, owns: bool) -> None:
    if owns:
        plan.families.add(name)
    if not pulled:
        return
    if owns and rng.random() < 0.8:
        ripe = plan.kind in ("key", "large", "solid", "minor") and rng.random() < 0.15
        (plan.ripe if ripe else plan.families).add(pulled)
    elif not owns and rng.random() < 0.07:
        plan.families.add(pulled)
