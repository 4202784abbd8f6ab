"""The same company in both CRMs gives the same results, to the cent and the character; ids aside."""

import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from connector import job
from connector.cli.demo import prepare
from connector.emulator.company import LAST_DAY, build
from connector.emulator.kinds import KINDS
from connector.emulator.server import start
from connector.engine import query
from connector.steps.enrich import RESULTS
from connector.steps.pull import pull
from connector.store import results as stored
from connector.workspace import Workspace, opened, stamp

Rows = dict[str, list[tuple[Any, ...]]]
SETS = {"adventureworks": "2013-12-01", "maven-crm": "2018-01-01"}
TABLES = {"accounts": "account", "contacts": "contact", "opportunities": "opportunity", "users": "user"}
FILES = {
    "account": ("Account", "account"),
    "opportunity": ("Opportunity", "opportunity"),
    "user": ("User", "systemuser"),
}


def results(kind: str, folder: Path, fill: Callable[[Any], dict[str, str]], as_of: date) -> Rows:
    """Every result table after a pull and an enrich, with ids replaced by what `fill` calls the records."""
    org = KINDS[kind].make()
    try:
        named = fill(org)
        with start(org) as crm:
            prepare(kind, folder, crm)
            with opened(folder) as work:
                pull(work.crm, work.fieldmap, work.mirror, now=stamp(work.clock()), money_settings=work.corporate)
                job.run_enrich(work, as_of.isoformat())
                return {table: _plain(work, table, named) for table in RESULTS}
    finally:
        org.db.close()


def _plain(work: Workspace, table: str, named: dict[str, str]) -> list[tuple[Any, ...]]:
    rows = query(stored.folder(work.mirror), f'SELECT * FROM "{table}"')
    plain = [tuple((c, named.get(v, v) if isinstance(v, str) else v) for c, v in row.items()) for row in rows]
    return sorted(plain, key=repr)


def same(one: Rows, other: Rows) -> None:
    """Compare table by table, and name the first cells that differ."""
    for table in RESULTS:
        assert len(one[table]) == len(other[table]), table
        cells = zip(one[table], other[table], strict=True)
        wrong = [(table, a[0], x, y) for a, b in cells for x, y in zip(a, b, strict=True) if x != y]
        assert wrong[:5] == []
    assert one["account_result"]


def test_the_invented_company_has_the_same_results_in_both_crms(tmp_path: Path) -> None:
    company = build("small", 1)

    def planted(kind: str) -> Callable[[Any], dict[str, str]]:
        def fill(org: Any) -> dict[str, str]:
            ids = KINDS[kind].seed(org, company)
            return {i: f"{TABLES[t]} {n}" for t in TABLES for n, i in enumerate(ids[t])}

        return fill

    same(*(results(kind, tmp_path / kind, planted(kind), LAST_DAY) for kind in KINDS))


@pytest.mark.shared
@pytest.mark.parametrize("name", list(SETS))
def test_public_data_has_the_same_results_in_both_crms(name: str, shared_data: Path, tmp_path: Path) -> None:
    def loaded(kind: str) -> Callable[[Any], dict[str, str]]:
        def fill(org: Any) -> dict[str, str]:
            folder = shared_data / name / kind
            KINDS[kind].load(org, folder)
            return {i: f"{t} {n}" for t, f in FILES.items() for n, i in enumerate(_ids(folder, f))}

        return fill

    as_of = date.fromisoformat(SETS[name])
    same(*(results(kind, tmp_path / kind, loaded(kind), as_of) for kind in KINDS))


def _ids(folder: Path, names: tuple[str, str]) -> list[str]:
    """Ids of an export in the order of its rows: both exports of a set hold the same rows in the same order."""
    path = next(folder / f"{n}.csv" for n in names if (folder / f"{n}.csv").exists())
    with path.open(encoding="utf-8", newline="") as file:
        return [row[0] for row in list(csv.reader(file))[1:]]
