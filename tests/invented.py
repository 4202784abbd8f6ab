"""A mirror of the invented company, made without a CRM: its rows go straight into the tables.

A folder comes in, a `Mirror` and the context of a run leave. What the company has not but the insights read is made
up here: decisions of people, what an earlier run wrote, related products. Every third row or so, so that each case
of the SQL meets some.
"""

import pickle
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from connector.convert import convert, epoch_day
from connector.emulator.company import LAST_DAY, Company, build
from connector.job import known_names
from connector.schema import TABLES, Context
from connector.steps import money
from connector.store.mirror import Mirror

ROLES = {
    "Economic Buyer": "economic_buyer",
    "Decision Maker": "economic_buyer",
    "Executive Sponsor": "sponsor",
    "Technical Buyer": "technical",
    "Evaluator": "technical",
    "Business User": "user",
}


def invented(folder: Path, size: str = "small", seed: int = 1) -> tuple[Mirror, Context]:
    """An invented company in a new mirror, and the context of a run on its last day."""
    mirror = Mirror(folder)
    company = build(size, seed)
    corporate = money.Corporate()
    with mirror.atomic():
        for table, rows in _tables(company).items():
            _store(mirror, table, list(rows))
        _earlier_run(mirror, company)
    money.fill(mirror, 1, corporate)
    context = Context(
        as_of=epoch_day(LAST_DAY.isoformat()) or 0,
        digits=money.read_rates(mirror, corporate).digits,
        known=known_names(mirror),
    )
    return mirror, context


def leave(folder: Path) -> None:
    """Leave an invented company in a folder, to be copied."""
    mirror, context = invented(folder)
    mirror.close()
    (folder / "context").write_bytes(pickle.dumps(context))


def copied(left: Path, folder: Path) -> tuple[Mirror, Context]:
    """A copy of an invented company that was left in a folder, and the context of a run on its last day."""
    with closing(Mirror(left)) as mirror:
        return mirror.copy(folder), pickle.loads((left / "context").read_bytes())


def _store(mirror: Mirror, table: str, rows: Sequence[dict[str, Any]]) -> None:
    columns: dict[str, list[Any]] = {}
    for column in TABLES[table].columns:
        if column.name in rows[0]:
            columns |= convert(column, [_text(r[column.name]) for r in rows])
    mirror.upsert(table, "invented", [str(n) for n in range(len(rows))], columns, 1)


def _text(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _id(prefix: str, no: int | None) -> str | None:
    return None if no is None else f"{prefix}{no:06d}"


def _tables(company: Company) -> dict[str, Iterable[dict[str, Any]]]:
    """Rows of every table of the mirror, in its columns."""
    return {
        "account": (
            {
                "id": _id("A", a.no), "name": a.name, "parent_id": _id("A", a.parent), "owner_id": _id("U", a.owner),
                "type": a.kind, "industry": a.industry if a.no % 13 else "Banking", "country": a.country,
                "city": a.city, "employees": a.employees, "annual_revenue": a.annual_revenue,
                "currency": a.currency, "created_at": a.created, "modified_at": a.modified,
                "cost_to_serve": a.cost_to_serve, "payment_days": a.payment_days, "strategic_fit": a.strategic_fit,
                "credit_hold": a.credit_hold,
                "satisfaction": None if a.no % 3 else a.no % 100, "partnership": None if a.no % 4 else a.no % 6,
                "sponsor_id": None if a.no % 9 else "U000001",
                "group_key": None if a.no % 11 else f"G{a.no % 5}",
            }
            for a in company.accounts
        ),
        "programme": (
            {
                "account_id": _id("A", a.no),
                "status": (None, "Key", "Standard", "Not eligible", "Key")[a.no % 5],
                "nominated": a.no % 7 == 0,
                "nominated_until": None if a.no % 3 == 0 else LAST_DAY + timedelta(days=a.no % 50 - 10),
                "decided_at": LAST_DAY - timedelta(days=a.no % 400),
                "review_due": None if a.no % 3 else LAST_DAY + timedelta(days=a.no % 80 - 40),
                "since": LAST_DAY - timedelta(days=a.no % 700) if a.no % 5 in (1, 4) else None,
                "strikes": a.no % 3,
                "last_review": None if a.no % 4 else LAST_DAY - timedelta(days=a.no % 150),
            }
            for a in company.accounts
            if a.no % 2
        ),
        "contact": (
            {
                "id": _id("C", c.no), "account_id": _id("A", c.account), "name": f"{c.first} {c.last}",
                "title": c.title, "department": c.department, "email": c.email,
                "reports_to_id": _id("C", c.reports_to), "owner_id": _id("U", c.owner),
                "role": "champion" if c.no % 17 == 0 else None, "attitude": None if c.no % 6 else c.no % 5 - 2,
                "is_active": True, "left_at": c.left_on, "no_profiling": c.no_profiling,
                "created_at": c.created, "modified_at": c.modified,
            }
            for c in company.contacts
        ),
        "opportunity": (
            {
                "id": _id("O", o.no), "account_id": _id("A", o.account), "owner_id": _id("U", o.owner),
                "name": o.name, "state": o.state, "stage": o.stage, "amount": o.amount, "currency": o.currency,
                "close_date": o.close_day, "created_at": o.created, "modified_at": o.modified, "type": o.kind,
                "probability": {"won": 100, "lost": 0}.get(o.state, 10 + o.no % 9 * 10), "pushed": o.pushed,
                "lost_reason": o.lost_reason, "competitor": o.competitor,
            }
            for o in company.opportunities
        ),
        "opportunity_line": (
            {
                "id": _id("L", x.no), "opportunity_id": _id("O", x.opportunity), "product_id": _id("P", x.product),
                "quantity": x.quantity, "amount": x.quantity * x.unit_price, "cost": x.cost,
                "ends_at": None if x.no % 97 else LAST_DAY + timedelta(days=x.no % 500 - 90),
            }
            for x in company.lines
        ),
        "product": (
            {"id": _id("P", p.no), "name": p.name, "code": p.code, "family": p.family, "is_active": p.active}
            for p in company.products
        ),
        "revenue": (
            {
                "id": _id("I", e.no), "account_id": _id("A", e.account), "product_id": _id("P", e.product),
                "source": ("invoice", "order", "contract", "contract")[e.no % 4], "amount": 1000 + e.no * 7 % 900,
                "cost": None if e.no % 5 == 0 else 300, "currency": "USD" if e.no % 6 == 0 else "EUR",
                # Some begin in the days after those that are looked at: then days alone let them count.
                "starts_at": LAST_DAY + timedelta(days=60 + e.no % 9) if e.no % 7 == 0 else e.installed,
                "ends_at": e.ends,
            }
            for e in company.assets
        ),
        "product_relation": (
            {
                "id": _id("R", p.no), "product_id": _id("P", p.no), "other_id": _id("P", p.no * 5 % 48 + 1),
                "kind": ("cross_sell", "substitute", "up_sell", "accessory", "cross_sell")[p.no % 5],
                "both_ways": p.no % 2 == 0,
            }
            for p in company.products
            if p.no % 3 == 0
        ),
        "verdict": (
            {
                "id": _id("V", a.no), "account_id": _id("A", a.no), "answered_by": "U000001",
                "subject": company.products[a.no % 48].family,
                "answer": ("accepted", "no_need", "already_has", "competitor", "in_house", "")[a.no % 6],
                "answered_at": None if a.no % 11 == 0 else LAST_DAY - timedelta(days=a.no * 7 % 500 - 20),
            }
            for a in company.accounts
            if a.no % 3
        ),
        "stakeholder": (
            {
                "id": _id("S", r.no), "contact_id": _id("C", r.contact), "opportunity_id": _id("O", r.opportunity),
                "role": ROLES.get(r.role, "other"), "is_primary": r.primary,
            }
            for r in company.contact_roles
            if r.no % 2
        ),
        "activity": (
            {
                "id": _id("T", t.no), "kind": t.kind, "at": t.at, "logged_at": t.logged, "captured": t.captured,
                "account_id": _id("A", t.account), "owner_id": _id("U", t.owner),
                "opportunity_id": _id("O", t.opportunity),
            }
            for t in company.activities
        ),
        "activity_contact": (
            {"activity_id": _id("T", t.no), "contact_id": _id("C", no)}
            for t in company.activities
            for no in (t.contact, *t.others)
            if no is not None
        ),
        "user": (
            {
                "id": _id("U", u.no), "name": f"{u.first} {u.last}", "title": u.title,
                "manager_id": _id("U", u.manager), "locale": u.locale if u.no % 3 else None, "is_active": u.active,
            }
            for u in company.users
        ),
        "user_setting": ({"id": _id("U", u.no), "locale": "1036"} for u in company.users if u.no % 3 == 0),
        "case": (
            {
                "id": _id("K", k.no), "account_id": _id("A", k.account), "opened_at": k.opened,
                "closed_at": k.closed if k.no % 8 else None, "priority": ("high", "medium", "low", "medium")[k.no % 4],
                "satisfaction": None if k.satisfaction is None else (k.satisfaction - 1) * 25,
            }
            for k in company.cases
        ),
        "asset": (
            {
                "id": _id("E", e.no), "account_id": _id("A", e.account), "product_id": _id("P", e.product),
                "status": e.status, "installed_at": e.installed, "ends_at": e.ends, "rival": e.rival,
            }
            for e in company.assets
        ),
        "currency_rate": (
            {"currency": r.currency, "from_day": r.from_day, "rate": r.rate, "digits": r.digits}
            for r in company.rates
        ),
    }  # fmt: skip


def _earlier_run(mirror: Mirror, company: Company) -> None:
    """What the CRM shows of an earlier run: present bands and flags keep accounts calm near a border."""
    numbers = [a.no for a in company.accounts if a.no % 3]
    shown = {
        "kam_flag": ("On watch", "Large, not key", "None", "Emerging"),
        "kam_proposal": ("Promote", "Demote", "None"),
        "kam_relationship_band": ("Strong", "Warm", "Weak", "Cold"),
        "kam_whitespace_band": ("Large", "Medium", "Small", "None"),
        "kam_quadrant": ("Strategic", "Star", "Status quo", "Streamline"),
        "kam_score": ("40.5", "61", "55.25", None),
    }
    mirror.set_present(
        "account",
        [str(_id("A", no)) for no in numbers],
        {column: [values[no % len(values)] for no in numbers] for column, values in shown.items()},
    )
