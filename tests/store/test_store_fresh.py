"""Room on the disk after tables were swapped: given back when that is safe, and told when it isn't."""

import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest

from connector.store import fresh
from connector.store.mirror import Mirror


def test_room_that_a_file_does_not_use_is_given_back_unless_somebody_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fresh, "LEAST", 1 << 20)
    mirror = Mirror(tmp_path)
    assert fresh.give_back(mirror) == ""
    with mirror.atomic():
        mirror.db.conn.execute("CREATE TABLE large (x)")
        mirror.db.conn.executemany("INSERT INTO large VALUES (zeroblob(?))", [(1 << 20,)] * 4)
    reader = sqlite3.connect(mirror.path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM account").fetchone()
    mirror.db.conn.execute("DROP TABLE large")
    assert "somebody reads" in fresh.give_back(mirror)
    reader.close()
    with monkeypatch.context() as little:
        little.setattr(fresh.shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 20))
        assert "the disk has 1" in fresh.give_back(mirror)
    assert fresh.give_back(mirror).endswith("given back to the disk")
    assert mirror.path.stat().st_size < 1 << 20
    assert mirror.db.conn.execute("PRAGMA busy_timeout").fetchone() == (10000,)
    mirror.close()
