"""Enrich at scale: seconds, CPU and peak memory of one enrich of a made-up mirror, stage by stage.

Run: python benchmarks/enrich.py [--accounts 100000] [--keep FOLDER] [--changed 0.001]. For each account the mirror
holds 5 contacts, 5 deals, 20 lines and 20 activities. The enrich runs in a process of its own, so that the memory is
its own. With --changed, a contact, a deal and an activity of this share of the accounts are altered after the full
enrich, and it runs again, for the same day and for the next: the ratio of the CPU is what counts. With --prove 30, so
many rounds of random edits of a small company are enriched both ways and every cell is compared.
"""

import argparse
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import duckdb

from connector.config import Config, CrmSettings
from connector.convert import epoch_day
from connector.engine import KeepingEngine
from connector.engine.duck import scanner_file
from connector.job import INSIGHTS, known_names
from connector.schema import ASKED, Context, mirror_columns
from connector.steps.enrich import enrich
from connector.store import kept
from connector.store.mirror import Mirror

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

DAY = epoch_day("2026-06-30") or 0
# A number between 0 and 1 that looks random and is the same every time.
DICE = "((hash({0}, {1}) % 1000003) / 1000003.0)"
INDUSTRIES = (
    "Chemicals",
    "Energy",
    "Food",
    "Retail",
    "Banking",
    "Automotive",
    "Health",
    "Media",
    "Telecom",
    "Logistics",
)
COUNTRIES = ("DE", "FR", "GB", "US", "NL", "ES", "IT", "PL", "SE", "AT")
TITLES = (
    *("Chief Executive Officer", "CFO", "Head of Procurement", "IT Manager", "Plant Engineer", "VP Sales"),
    *("Buyer", "Director of Operations", "Maintenance Technician", "Legal Counsel", "HR Business Partner"),
)
MADE: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "account": (
        "{accounts}",
        {
            "id": "'A' || lpad(i::VARCHAR, 9, '0')",
            "name": "'Company ' || i",
            "type": "CASE WHEN {d1} < 0.6 THEN 'customer' ELSE 'prospect' END",
            "industry": "list_extract({industries}, 1 + (hash(i, 2) % 10)::INT)",
            "country": "list_extract({countries}, 1 + (hash(i, 3) % 10)::INT)",
            "city": "'City ' || hash(i, 4) % 500",
            "parent_id": "CASE WHEN {d5} < 0.1 THEN 'A' || lpad((hash(i, 6) % {accounts})::VARCHAR, 9, '0') END",
            "owner_id": "'U' || hash(i, 7) % 200",
            "employees": "(10 * exp(7 * {d8}))::BIGINT",
            "annual_revenue": "1e5 * exp(8 * {d8})",
            "annual_revenue_minor": "(1e7 * exp(8 * {d8}))::BIGINT",
            "created_at": "'2020-01-01T00:00:00Z'",
            "created_day": "18262",
        },
    ),
    "contact": (
        "5 * {accounts}",
        {
            "id": "'C' || lpad(i::VARCHAR, 9, '0')",
            "account_id": "'A' || lpad((i // 5)::VARCHAR, 9, '0')",
            "name": "'Person ' || i",
            "title": "list_extract({titles}, 1 + (hash(i, 2) % 11)::INT) || CASE WHEN {d3} < 0.3 THEN ' ' ||"
            " hash(i, 4) % 5000 ELSE '' END",
            "reports_to_id": "CASE WHEN i % 5 > 0 THEN 'C' || lpad((i - i % 5)::VARCHAR, 9, '0') END",
            "is_active": "1",
        },
    ),
    "opportunity": (
        "5 * {accounts}",
        {
            "id": "'O' || lpad(i::VARCHAR, 9, '0')",
            "account_id": "'A' || lpad((hash(i, 1) % {accounts})::VARCHAR, 9, '0')",
            "name": "'Deal ' || i",
            "state": "CASE WHEN {d2} < 0.5 THEN 'won' WHEN {d2} < 0.8 THEN 'lost' ELSE 'open' END",
            "amount": "round(1000 * exp(4 * {d3}), 2)",
            "amount_minor": "round(1e5 * exp(4 * {d3}))::BIGINT",
            "close_day": "{day} - (hash(i, 4) % 1000)::BIGINT",
            "created_day": "{day} - 1100",
            "probability": "50",
            "owner_id": "'U' || hash(i, 7) % 200",
        },
    ),
    "opportunity_line": (
        "20 * {accounts}",
        {
            "id": "'L' || lpad(i::VARCHAR, 9, '0')",
            "opportunity_id": "'O' || lpad((i // 4)::VARCHAR, 9, '0')",
            "product_id": "'P' || (hash(i, 1) % 200)",
            "quantity": "1",
            "amount": "round(300 * exp(3 * {d2}), 2)",
            "amount_minor": "round(3e4 * exp(3 * {d2}))::BIGINT",
            "cost": "round(200 * exp(3 * {d2}), 2)",
            "cost_minor": "round(2e4 * exp(3 * {d2}))::BIGINT",
        },
    ),
    "product": (
        "200",
        {
            "id": "'P' || i",
            "name": "'Product ' || i",
            "code": "'P' || i",
            "family": "'Family ' || i % 25",
            "is_active": "1",
        },
    ),
    "activity": (
        "20 * {accounts}",
        {
            "id": "'T' || lpad(i::VARCHAR, 9, '0')",
            "kind": "list_extract(['meeting', 'call', 'email_in', 'email_out', 'task'], 1 + (hash(i, 1) % 5)::INT)",
            "at_day": "{day} - (hash(i, 2) % 400)::BIGINT",
            "logged_day": "{day} - (hash(i, 2) % 400)::BIGINT",
            "captured": "(hash(i, 3) % 2)::BIGINT",
            "account_id": "'A' || lpad((i // 20)::VARCHAR, 9, '0')",
            "owner_id": "'U' || hash(i, 5) % 200",
        },
    ),
    "activity_contact": (
        "20 * {accounts}",
        {
            "activity_id": "'T' || lpad(i::VARCHAR, 9, '0')",
            "contact_id": "'C' || lpad((5 * (i // 20) + hash(i, 1) % 5)::VARCHAR, 9, '0')",
        },
    ),
    "user": ("200", {"id": "'U' || i", "name": "'User ' || i", "is_active": "1"}),
}


def main() -> None:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--accounts", type=int, default=100_000)
    arguments.add_argument("--keep", type=Path, help="Folder to keep the mirror in, made when it is not there.")
    arguments.add_argument(
        "--changed", type=float, default=0.001, help="Share of the accounts that change after the full enrich."
    )
    arguments.add_argument("--prove", type=int, help="Rounds of random edits to compare, and nothing else.")
    arguments.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    arguments.add_argument("--later", type=int, default=0, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.prove:
        prove(given.prove)
        return
    if given.inside:
        _enrich(given.inside, given.later)
        return
    folder = given.keep or Path(tempfile.mkdtemp(prefix="kam-bench-"))
    try:
        if not (folder / "mirror.db").exists():
            make(folder, given.accounts)
        mirror = Mirror(folder)
        kept.forget(mirror, "a full enrich is measured")
        inside = [sys.executable, __file__, "--inside", str(folder)]
        whole = _cpu(inside)
        if given.changed:
            change(mirror, given.changed)
            for later, name in ((0, "the same day"), (1, "the next day")):
                print(
                    f"{given.changed:.1%} changed, {name}: {_cpu([*inside, '--later', str(later)]) / whole:.2f} of it"
                )
        mirror.close()
    finally:
        if not given.keep:
            shutil.rmtree(folder, ignore_errors=True)


def _cpu(command: list[str]) -> float:
    """CPU seconds of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def change(mirror: Mirror, share: float) -> None:
    """Alter a contact, a deal and an activity of this share of the accounts, as a pull would."""
    number = mirror.count("account")
    ids = [f"A{i:09d}" for i in random.Random(mirror.next_pull()).sample(range(number), int(number * share))]
    marks = ", ".join("?" * len(ids))
    for table, column, value in (
        ("contact", "title", "CFO"),
        ("opportunity", "amount_minor", 777),
        ("activity", "captured", 1),
    ):
        sql = f'SELECT * FROM "{table}" WHERE account_id IN ({marks}) GROUP BY account_id'
        rows = [{**row, column: value} for row in mirror.rows(sql, ids)]
        columns = {c: [row[c] for row in rows] for c, _ in mirror_columns(table)}
        with mirror.atomic():
            mirror.upsert(table, table, [row["_source"] for row in rows], columns, 2)


def prove(rounds: int) -> None:
    """Compare both ways after so many rounds of random edits; the tests do the first of them."""
    import edits

    from connector.steps import enrich as enriching

    enriching._MOST_CHANGED = 1.0
    days = random.Random(2).choices((0, 1, 7, -3), k=rounds)
    with tempfile.TemporaryDirectory() as folder:
        for number, done in enumerate(edits.rounds(Path(folder), 2, tuple(days))):
            wrong = [table for table, rows in done.taken_over.items() if rows != done.in_full[table]]
            print(f"round {number}: {done.said}: {', '.join(wrong) or 'equal'}")
            if wrong:
                sys.exit(1)


def make(folder: Path, accounts: int) -> None:
    """A mirror of so many accounts, filled by DuckDB."""
    began = time.monotonic()
    folder.mkdir(exist_ok=True, parents=True)
    mirror = Mirror(folder)
    mirror.db.conn.execute("PRAGMA synchronous = OFF")
    mirror.close()
    db = duckdb.connect(":memory:", config={"memory_limit": "1GB", "temp_directory": str(folder / "spill")})
    db.execute(f"LOAD '{scanner_file()}'")
    db.execute(f"ATTACH '{folder / 'mirror.db'}' AS mirror (TYPE sqlite)")
    words = {
        "accounts": accounts,
        "day": DAY,
        "industries": list(INDUSTRIES),
        "countries": list(COUNTRIES),
        "titles": list(TITLES),
        **{f"d{n}": DICE.format("i", n) for n in range(1, 10)},
    }
    for table, (number, columns) in MADE.items():
        made = {
            **columns,
            "_source": columns.get("id", "lpad(i::VARCHAR, 9, '0')"),
            "_record": f"'{table}'",
            "_pull": "1",
        }
        picked = ", ".join(f'{text.format(**words)} AS "{name}"' for name, text in made.items())
        names = ", ".join(f'"{name}"' for name in made)
        db.execute(
            f'INSERT INTO mirror."{table}" ({names}) SELECT {picked} FROM range({number.format(**words)}) AS t(i)'
        )
    db.close()
    print(f"made {accounts:,} accounts in {time.monotonic() - began:.0f} s", file=sys.stderr)


def _enrich(folder: Path, later: int) -> None:
    mirror = Mirror(folder)
    config = Config(folder=folder, crm=CrmSettings(kind="salesforce", url="https://x.example", auth="token"))
    context = Context(as_of=DAY + later, known=known_names(mirror, ASKED))
    settings = {n: getattr(config, n) for n in INSIGHTS}
    began, last = time.monotonic(), [time.monotonic(), time.process_time()]
    stages: list[tuple[str, float, float, float]] = []

    def say(name: str) -> None:
        now = [time.monotonic(), time.process_time()]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        stages.append((name, now[0] - last[0], now[1] - last[1], peak))
        print("  {:<36} {:>7.1f} s {:>7.1f} s CPU {:>8,.0f} MB".format(*stages[-1]), flush=True)
        last[:] = now

    counts = enrich(mirror, lambda path: KeepingEngine(path, least=0), context, settings, say)
    say("the list into the mirror")
    print(
        f"{counts['account_result']:,} accounts: {time.monotonic() - began:.1f} s, {stages[-1][3]:,.0f} MB at the peak"
    )


if __name__ == "__main__":
    main()
