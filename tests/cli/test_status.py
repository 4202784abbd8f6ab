"""`kam status` before and after anything happened."""

import json
import subprocess
import sys

from bench import AS_OF, Bench


def test_before_anything_happened_status_says_so_without_a_login(site: Bench) -> None:
    said = site.kam("status")
    assert said.code == 0
    assert "none yet" in said.out
    assert not site.running.calls


def test_after_a_run_it_tells_the_day_and_how_the_run_ended(walked: Bench) -> None:
    told = json.loads(walked.kam("status", "--json").out)
    assert told["status"]["results_as_of"] == AS_OF
    assert told["status"]["currencies_without_rate"] == {}
    assert told["items"][-1]["state"] == "done"


def test_it_loads_neither_http_nor_duckdb() -> None:
    heavy = "{'duckdb', 'requests', 'scipy', 'pandas'}"
    code = f"import sys, connector.cli.status; print(*sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == []
