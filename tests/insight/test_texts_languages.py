"""The invented company told in several languages, and in parts: each account in its owner's, and no number differs."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from invented import copied, leave
from shared_folders import Once

from connector.config import Config, CrmSettings
from connector.engine import DuckEngine, query
from connector.insight import compute_all, explain
from connector.job import INSIGHTS
from connector.schema import Context
from connector.steps.enrich import RESULTS, _columns, _save

TOLD = ("kam_why", "kam_coverage_text", "kam_top_idea", "kam_alert")
Rows = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def company(once: Once, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DuckEngine, Context]]:
    """An engine in which all but the texts is computed, once."""
    mirror, context = copied(once("invented", leave), tmp_path_factory.mktemp("languages"))
    made = Config(folder=mirror.path.parent, crm=CrmSettings(kind="salesforce", url="https://x.example", auth="token"))
    with DuckEngine(mirror.path, threads=1) as engine:
        engine.load("present_value", _columns(mirror.present("account")))
        for _ in compute_all(engine, context, {n: getattr(made, n) for n in INSIGHTS}):
            pass
        yield engine, context


def told(company: tuple[DuckEngine, Context], language: str, *, by_owner: bool) -> Rows:
    """Every account as it is told with this language configured."""
    engine, context = company
    explain.texts(engine, replace(context, language=language, by_owner=by_owner))
    columns = engine.arrays("SELECT * FROM account_result ORDER BY id")
    return {row["id"]: row for row in explain._rows({c: a.tolist() for c, a in columns.items()})}


def test_each_account_is_told_in_its_owners_language_and_no_number_differs(company) -> None:
    mixed = told(company, "ar", by_owner=True)
    # Users in four languages of Salesforce, every third one French by the way of Dynamics; some accounts have no owner.
    found = {row["language"] for row in mixed.values()}
    assert found >= {"en", "de", "fr", "es"}
    for language in ("de", "fr", "fa"):
        alone = told(company, language, by_owner=False)
        assert {row["language"] for row in alone.values()} == {language}
        assert [numbers(r) for r in alone.values()] == [numbers(r) for r in mixed.values()]
        for key, row in mixed.items():
            if row["language"] == language:
                assert [row[c] for c in TOLD] == [alone[key][c] for c in TOLD]


def test_accounts_in_parts_have_the_same_results_as_all_at_once(
    company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The widest result is computed and stored in parts, which nobody who reads it can tell."""
    engine, context = company
    rows, files = [], []
    for part in (explain._PART, 61):
        monkeypatch.setattr(explain, "_PART", part)
        explain.texts(engine, context)
        folder = tmp_path / f"by-{part}"
        folder.mkdir()
        _save(engine, RESULTS["account_result"], folder, "account_result", explain.parts(engine))
        rows.append(query(folder, "SELECT * FROM account_result ORDER BY id"))
        files.append(len(list(folder.glob("account_result.*.parquet"))))
    assert files == [1, len(rows[0]) // 61 + 1]
    assert rows[0] == rows[1]


def numbers(row: dict[str, Any]) -> str:
    """All that is no text of ours."""
    return repr({c: v for c, v in row.items() if c not in (*TOLD, "language")})
