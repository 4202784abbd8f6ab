"""Random edits of a mirror, and the enrich after them done twice: by what changed, and in full on a copy.

For the test and the benchmark of the incremental enrich. Rows are changed, moved, deleted and added in every table that
insights read, by the mirror's own writers; days pass; people decide; the CRM shows other values.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from invented import invented

from connector.config import Config, CrmSettings
from connector.engine import KeepingEngine, query
from connector.job import INSIGHTS
from connector.schema import TABLES, Context, mirror_columns
from connector.steps import money
from connector.steps.enrich import RESULTS, enrich
from connector.store import results
from connector.store.mirror import Mirror

EDITED = (
    *("account", "contact", "opportunity", "opportunity_line", "product", "product_relation", "stakeholder"),
    *("activity", "activity_contact", "asset", "case", "programme", "revenue"),
)
_LATER = 70
KINDS = ("change", "change", "delete", "add", "day")
Tables = Mapping[str, list[Any]]


@dataclass(frozen=True)
class Round:
    """What one round came to: what was said of it, and the tables of both ways."""

    said: str
    taken_over: Tables
    in_full: Tables


def rounds(
    folder: Path,
    seed: int,
    passed: tuple[int, ...],
    edits: int = 26,
    revenue: str = "won_deals",
    begin: Callable[[Path], tuple[Mirror, Context]] = invented,
) -> Iterator[Round]:
    """A round of edits for each of these days that pass, after a first enrich in full."""
    mirror, made = begin(folder / "edited")
    # Some weeks after the company's last day: then only edits and windows touch an account, not each day's activities.
    context = replace(made, as_of=made.as_of + _LATER, revenue=revenue)
    dice = random.Random(seed)
    try:
        yield Round(enriched(mirror, context), {}, {})
        for number, days in enumerate(passed):
            context = replace(context, as_of=context.as_of + days)
            # A product touches everyone who bought it, and would hide what else does: it comes last, with won deals.
            last = number == len(passed) - 1 and revenue == "won_deals"
            tables = [t for t in EDITED if t != "product" or last]
            with mirror.atomic():
                for kind in range(edits):
                    edit(mirror, dice, tables[kind % len(tables)], context.as_of, number + 2)
                show(mirror, dice)
            money.fill(mirror, number + 2, money.Corporate())
            copy = mirror.copy(folder / f"copy-{number}")
            said = enriched(mirror, context)
            enriched(copy, context, least=1 << 60)
            yield Round(said, cells(mirror), cells(copy))
            copy.close()
    finally:
        mirror.close()


def edit(mirror: Mirror, dice: random.Random, table: str, day: int, pull: int) -> None:
    """Change, move, delete or add one row of a table, or bring one of its days near to a bound."""
    places = dice.sample(range(mirror.count(table)), 2)
    picked = f'SELECT * FROM "{table}" ORDER BY _source, _record LIMIT 1 OFFSET ?'
    one, other = (next(mirror.rows(picked, [place])) for place in places)
    kind, row, keys = dice.choice(KINDS), dict(one), TABLES[table].key
    columns = [c for c, _ in mirror_columns(table) if not c.endswith("_minor")]
    # What a row stands for; who took part in an activity may change, as the row has an id of its own in the CRM.
    fixed = () if table == "activity_contact" else keys
    days = [c for c in columns if c.endswith("_day")]
    if kind == "delete":
        mirror.delete(table, "invented", [one["_source"]])
        return
    if kind == "add":
        row |= {c: dice.choice((one, other))[c] for c in columns}
        row |= {c: f"new-{dice.getrandbits(32)}" for c in fixed}
    elif kind == "day" and days:
        row[dice.choice(days)] = day + dice.randrange(-3, 9) - dice.choice((0, 0, 0, 365, 730))
    else:
        for column in dice.sample(columns, min(len(columns), 3)):
            if column not in fixed:
                row[column] = dice.choice((other[column], None))
    source = f"new-{dice.getrandbits(32)}" if kind == "add" else one["_source"]
    mirror.upsert(table, "invented", [source], {c: [row[c]] for c in columns}, pull)


def show(mirror: Mirror, dice: random.Random) -> None:
    """Let the CRM show other values of a few accounts."""
    ids = [r["id"] for r in dice.sample(list(mirror.rows("SELECT id FROM account ORDER BY id")), 4)]
    bands = [dice.choice(("Strong", "Cold", None)) for _ in ids]
    mirror.set_present("account", ids, {"kam_relationship_band": bands, "kam_why": ["Top 10"] * len(ids)})
    mirror.forget_present("account", ids[:1])


def enriched(mirror: Mirror, context: Context, *, least: int = 0) -> str:
    """Enrich a mirror as a run that writes does; what it said first."""
    made = Config(folder=mirror.path.parent, crm=CrmSettings(kind="salesforce", url="https://x.example", auth="token"))
    settings, said = {n: getattr(made, n) for n in INSIGHTS}, list[str]()
    enrich(
        mirror,
        lambda path: KeepingEngine(path, threads=1, large=least, least=least),
        context,
        settings,
        said.append,
        remember=True,
    )
    return said[0]


def cells(mirror: Mirror) -> Tables:
    """Every cell of every result, and what is remembered of accounts."""
    folder = results.folder(mirror)
    return {
        **{t: sorted(query(folder, f'SELECT * FROM "{t}"'), key=repr) for t in RESULTS},
        "listed": list(mirror.rows("SELECT * FROM account_result ORDER BY id")),
        "remembered": list(mirror.rows("SELECT * FROM programme ORDER BY _source")),
    }
