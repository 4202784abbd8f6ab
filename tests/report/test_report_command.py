"""`kam report`: what it writes, says, and refuses."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from report_company import make_folder

from connector.cli import kam
from connector.cli.report import write_report
from connector.errors import UsageFault
from connector.report.shelf import put
from connector.workspace import opened


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(kam, ["report", *map(str, arguments)])


def test_it_says_where_the_overview_is(enriched: Path, tmp_path: Path) -> None:
    result = run("--dir", enriched, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert f"Open in a browser: {tmp_path / 'out' / 'index.html'}" in result.output
    assert "as of 2026-06-30" in result.output
    assert (tmp_path / "out" / "index.html").is_file()


def test_without_a_folder_it_writes_beside_the_configuration(own: Callable[[], Path]) -> None:
    folder = own()
    assert run("--dir", folder).exit_code == 0
    assert (folder / "report" / "index.html").is_file()


def test_json_names_every_page(enriched: Path, tmp_path: Path) -> None:
    told = json.loads(run("--dir", enriched, "--out", tmp_path, "--json").stdout)
    assert (told["version"], told["as_of"]) == (1, "2026-06-30")
    assert Path(told["index"]) == tmp_path / "index.html"
    files = {Path(item["file"]) for item in told["items"]}
    assert files == set((tmp_path / "accounts").iterdir())
    assert {item["id"] for item in told["items"]} == {f.stem for f in files}


def test_named_accounts_get_the_only_pages(enriched: Path, tmp_path: Path) -> None:
    assert run("--dir", enriched, "--out", tmp_path, "brakes and GEARS", "001EMOJI0000000000").exit_code == 0
    made = sorted(f.name for f in (tmp_path / "accounts").iterdir())
    assert made == ["001EMOJI0000000000.html", "001KIDS00000000000.html"]


def test_an_unknown_account_is_told_and_nothing_is_written(enriched: Path, tmp_path: Path) -> None:
    with opened(enriched) as work, pytest.raises(UsageFault, match='no account is called "Nobody Ltd"'):
        write_report(work, tmp_path / "out", ["Brakes and Gears", "Nobody Ltd"])
    assert not (tmp_path / "out").exists()


def test_an_account_that_was_pulled_after_the_last_enrich_needs_an_enrich(own: Callable[[], Path]) -> None:
    folder = own()
    with opened(folder) as work, work.mirror.atomic():
        new = {"id": ["001NEW000000000000"], "name": ["New"]}
        work.mirror.upsert("account", "account", new["id"], new, 2)
    with opened(folder) as work, pytest.raises(UsageFault, match=r"no results for account .* Run: kam enrich"):
        write_report(work, folder / "out", ["New"])


def test_without_results_it_says_what_to_run(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "work", {})
    with opened(folder) as work, pytest.raises(UsageFault, match=r"no results yet\. Run: kam enrich"):
        write_report(work, tmp_path / "out")


def test_a_folder_that_cannot_be_written_is_named_with_a_way_out(enriched: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with (
        opened(enriched) as work,
        pytest.raises(UsageFault, match=r"cannot be written: .*kam report --out DIR") as told,
    ):
        write_report(work, tmp_path / "file" / "out")
    assert str(tmp_path / "file") in str(told.value)


def test_as_of_computes_for_that_day_first(own: Callable[[], Path], tmp_path: Path) -> None:
    folder = own()
    result = run("--dir", folder, "--out", tmp_path / "out", "--as-of", "2026-03-31")
    assert result.exit_code == 0, result.output
    assert "As of 2026-03-31" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_a_page_that_cannot_be_finished_leaves_the_old_one_whole(tmp_path: Path) -> None:
    put(tmp_path, [("index.html", "old")])
    with pytest.raises(UnicodeEncodeError):
        put(tmp_path, [("index.html", "new" * 10_000 + "\ud800")])
    assert [f.name for f in tmp_path.iterdir()] == ["index.html"]
    assert (tmp_path / "index.html").read_text() == "old"
