"""Results of an enrich: the widest one is computed and stored in parts, which nobody who reads it can tell."""

from pathlib import Path

from invented import invented

from connector.config import Config, CrmSettings
from connector.engine import DuckEngine, query
from connector.insight import explain
from connector.job import INSIGHTS
from connector.steps.enrich import enrich
from connector.store import results


def test_accounts_in_parts_have_the_same_results_as_all_at_once(tmp_path: Path, monkeypatch) -> None:
    mirror, context = invented(tmp_path)
    config = Config(folder=tmp_path, crm=CrmSettings(kind="salesforce", url="https://x.example", auth="token"))
    settings = {n: getattr(config, n) for n in INSIGHTS}
    rows, files = [], []
    try:
        for part in (explain._PART, 61):
            monkeypatch.setattr(explain, "_PART", part)
            enrich(mirror, DuckEngine, context, settings)
            folder = results.folder(mirror)
            rows.append(query(folder, "SELECT * FROM account_result ORDER BY id"))
            files.append(len(list(folder.glob("account_result.*.parquet"))))
    finally:
        mirror.close()
    assert files == [1, len(rows[0]) // 61 + 1]
    assert rows[0] == rows[1]
