"""An invented company for the report tests, and a deployment folder whose mirror holds it.

No CRM and no login: the report reads results only. Names are hostile, and contacts have names that must not leave.
"""

import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from connector import job
from connector.convert import convert
from connector.schema import TABLES
from connector.steps import money
from connector.store.mirror import Mirror
from connector.workspace import opened

DAY = "2026-06-30"
SCRIPT = "<script>alert('x')</script>\" onmouseover=\"alert(1)"
LONG = "Überlandwerke " + "Sehrlangername" * 20
NAMES = {
    "KEY": SCRIPT,
    "ARAB": "شرکت شیمیایی \u202eکینیک",
    "EMOJI": "👩‍🔧 Réparations & Söhne 🚀",
    "LONG": LONG,
    "KIDS": "Brakes and Gears",
    "SMALL": "Tom & <b>Jerry</b>",
}
FAMILIES = ("Pumps", "<i>Valves</i>", "مضخات", "Drives & Co")
PERSON = "Zyxomma Contactname"
_SCRIPTS = ("qxzjvwk", "жщыъэф", "ظغضذثژپ", "鑫驫鱻龘", "🦕🦖🐲", "<>&\"'{}%")


def secrets(key: str, size: int = 9) -> str:
    """Letters, signs and markup that stand nowhere else: invented anew for each key, the same in each run."""
    chance = random.Random(key)
    return "Zy" + "".join(chance.choice(chance.choice(_SCRIPTS)) for _ in range(size)) + "yZ"


CONFIG = """\
[crm]
kind = "salesforce"
url = "https://example.my.salesforce.com"
environment = "sandbox"
auth = "client_credentials"
client_id = "an id"
secret_env = "KAM_SECRET"
[engine]
threads = 1
"""


def crm_id(key: str) -> str:
    """An id of 18 characters, as Salesforce gives them."""
    return ("001" + key).ljust(18, "0")


def make_folder(folder: Path, tables: dict[str, list[dict[str, Any]]]) -> Path:
    """A deployment folder with these rows in its mirror."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(CONFIG, encoding="utf-8")
    mirror = Mirror(folder / "store")
    with mirror.atomic():
        for table, rows in tables.items():
            columns: dict[str, list[Any]] = {}
            for column in TABLES[table].columns:
                if any(column.name in row for row in rows):
                    columns |= convert(column, [row.get(column.name) for row in rows])
            ids = [str(r.get("id") or r.get("account_id") + str(r.get("contact_id", ""))) for r in rows]
            mirror.upsert(table, table, ids, columns, 1)
        money.fill(mirror, 1, money.Corporate())
    mirror.close()
    return folder


def enrich(folder: Path) -> Path:
    """Compute the results of a folder's mirror."""
    with opened(folder) as work:
        job.run_enrich(work, DAY)
    return folder


def company() -> dict[str, list[dict[str, Any]]]:
    """Six customers with hostile names: deals in four families, contacts on each level, meetings with some of them."""
    made: dict[str, list[dict[str, Any]]] = {t: [] for t in ("account", "programme", "contact", "opportunity")}
    made |= {t: [] for t in ("opportunity_line", "product", "activity", "activity_contact")}
    made["product"] = [
        {"id": f"P{i}", "name": f"Part {i}", "family": f, "is_active": 1} for i, f in enumerate(FAMILIES)
    ]
    for place, (key, name) in enumerate(NAMES.items()):
        _customer(made, place, crm_id(key), name)
    made["programme"] = [{"account_id": crm_id(k), "status": "Key"} for k in ("KEY", "ARAB", "LONG")]
    return made


def _customer(made: dict[str, list[dict[str, Any]]], place: int, account: str, name: str) -> None:
    made["account"].append(
        {"id": account, "name": name, "type": "customer", "industry": "<u>Steel</u>", "country": "Italy",
         "employees": 900, "currency": "EUR", "created_at": "2020-01-01T00:00:00Z"}
    )  # fmt: skip
    for n in range(6):
        deal = f"D{account}{n}"
        made["opportunity"].append(
            {"id": deal, "account_id": account, "name": "deal", "state": "won", "amount": 90_000.0 - place * 14_000,
             "currency": "EUR", "close_date": _ago(40 + n * 90), "created_at": f"{_ago(90 + n * 90)}T00:00:00Z"}
        )  # fmt: skip
        made["opportunity_line"].append(
            {"id": f"L{deal}", "opportunity_id": deal, "product_id": f"P{(n + place) % (2 + place % 3)}",
             "quantity": 1, "amount": 90_000.0 - place * 14_000}
        )  # fmt: skip
    titles = ("Chief Financial Officer", "Purchasing Manager", "Head of Operations", "Welder")
    for n, title in enumerate(titles):
        contact = f"C{account}{n}"
        made["contact"].append(
            {"id": contact, "account_id": account, "name": f"{PERSON} {n} {secrets(contact)}", "is_active": int(n != 2),
             "title": f"{title}, {secrets(title + contact)}", "reports_to_id": f"C{account}{n - 1}" if n else None,
             "created_at": "2021-01-01T00:00:00Z", "email": f"zyxomma{n}@example.com"}
        )  # fmt: skip
        for back in range(5, 80, 15) if n < 1 + place % 3 else ():
            meeting = f"A{contact}{back}"
            made["activity"].append(
                {"id": meeting, "kind": "meeting", "at": f"{_ago(back)}T10:00:00Z", "account_id": account,
                 "captured": 1}
            )  # fmt: skip
            made["activity_contact"].append({"activity_id": meeting, "contact_id": contact, "id": meeting})


def _ago(days: int) -> str:
    return (date.fromisoformat(DAY) - timedelta(days=days)).isoformat()
