"""What open deals shall hold: of accounts in scope, and what was written once; closed ones keep what they said."""

from pathlib import Path

import duckdb

from connector.steps.opportunities import wanted
from connector.store.mirror import Mirror

MISSING = "economic_buyer=missing,champion=in_touch"
TEXT = "1 of 2 roles in touch; missing: economic buyer"


def test_out_of_scope_only_what_was_written_is_kept_true_and_closed_deals_are_left_as_they_are(tmp_path: Path) -> None:
    deals = "SELECT * FROM (VALUES ('O1', 'A1', 1), ('O2', 'A2', 1), ('O3', 'A2', 1), ('O4', NULL, 1), ('O5', 'A1', 0))"
    deals = f"SELECT *, '{MISSING}' AS role_states FROM ({deals} AS t(opportunity_id, account_id, is_open))"
    accounts = "SELECT id, (id = 'A1')::INT AS in_programme FROM (VALUES ('A1'), ('A2')) AS t(id)"
    for name, sql in (("opportunity_result", deals), ("account_result", accounts)):
        duckdb.sql(f"COPY ({sql}) TO '{tmp_path / name}.parquet'")
    mirror = Mirror(tmp_path / "store")
    mirror.set_present("opportunity", ["O3", "O5"], {"stakeholder_text": ["as it was"] * 2})
    found = {w.id: w for w in wanted(mirror, tmp_path, "programme", "en")}
    everything = {w.id for w in wanted(mirror, tmp_path, "all", "en")}
    mirror.close()
    assert {i: bool(w.in_scope) for i, w in found.items()} == {"O1": True, "O3": False}
    assert everything == {"O1", "O2", "O3", "O4"}
    for wish in found.values():
        assert (wish.name, wish.values) == ("", {"stakeholder_text": TEXT, "missing_roles": "Economic buyer"})
