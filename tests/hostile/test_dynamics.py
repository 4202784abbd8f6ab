"""A Dynamics org that refuses, forgets, hides and hangs up, as a user of `kam` meets it."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from bench import Bench, Said
from world import SECRET, keep_results, world

from connector.crm import dynamics
from connector.emulator.faults import Rule

ONE_BY_ONE = "DELETE FROM sdkmessagefilter WHERE primaryobjecttypecode = 'account'"  # so writes go in a `$batch`
NOBODY = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the connector would have waited: it does not wait here."""
    waited: list[float] = []
    monkeypatch.setitem(dynamics.connect.__kwdefaults__, "sleep", waited.append)
    return waited


@contextmanager
def served(template: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A copy of a template, and its folder, with the secret in the environment."""
    with world(template, folder, kind="dynamics") as made:
        keep_results(made.folder)
        monkeypatch.setenv(SECRET, made.running.secret)
        yield Bench(made.running, made.folder, dict(zip(map(str, range(99)), made.accounts, strict=False)))


@pytest.fixture
def fresh(
    dynamics_ready: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> Iterator[Bench]:
    """An org to which nothing was written yet; what is to be is computed already."""
    with served(dynamics_ready, tmp_path / "world", monkeypatch) as bench:
        yield bench


@pytest.fixture
def known(
    dynamics_filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> Iterator[Bench]:
    """An org after a first run."""
    with served(dynamics_filled, tmp_path / "world", monkeypatch) as bench:
        yield bench


def refresh(site: Bench) -> Said:
    """The nightly run."""
    return site.kam("run", "refresh", "--as-of", "2026-06-30")


def mirrored(site: Bench) -> dict[str, str]:
    """Names of the accounts in the mirror."""
    return dict(site.rows("SELECT id, name FROM account"))


def cells(site: Bench) -> Counter[tuple[str, str]]:
    """How often each of our cells was sent."""
    writes = site.running.site.writes.entries
    return Counter((w.id, name) for w in writes for name in w.values if name.startswith("kam_"))


def runs(site: Bench) -> list[Any]:
    """States of the runs."""
    return [row[0] for row in site.rows("SELECT state FROM runs", file="journal")]


# logins


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({"secret_expired": True}, "AADSTS7000222"),
        ({"user_missing": True}, "New app user"),
        ({"user_disabled": True}, "Activate"),
        ({"no_role": True}, "no security role"),
    ],
    ids=lambda wish: next(iter(wish)) if isinstance(wish, dict) else "",
)
def test_a_login_that_cannot_work_names_the_one_thing_to_do(fresh: Bench, wish: dict[str, Any], told: str) -> None:
    fresh.steer(**wish)
    said = fresh.kam("check")
    assert said.code == 3, said.all
    assert told in said.err
    assert "Power Platform admin center" in said.err or "Entra admin center" in said.err
    assert fresh.running.secret not in said.all


def test_a_wrong_tenant_is_a_wrong_setting(fresh: Bench) -> None:
    fresh.configure(tenant=f'"{NOBODY}"')
    said = fresh.kam("check")
    assert said.code == 2, said.all
    assert "crm.tenant" in said.err


def test_production_declared_as_sandbox_reads_and_writes_nothing(fresh: Bench) -> None:
    fresh.steer(is_sandbox=False)
    said = fresh.first_run()
    assert said.code == 2
    assert "Nothing was read or written" in said.err
    assert not [call for call in fresh.running.calls if "/accounts" in call]


# reads


def test_a_table_without_change_tracking_is_read_by_stamp_and_swept_for_deletions(fresh: Bench) -> None:
    fresh.org.table("account").change_tracking = False
    assert fresh.first_run().code == 0
    gone = fresh.ids["7"]
    fresh.org.delete(fresh.org.admin_id, "account", gone)
    fresh.change("account", fresh.ids["3"], name="Renamed")
    said = refresh(fresh)
    assert said.code == 0, said.all
    assert gone not in mirrored(fresh)
    assert mirrored(fresh)[fresh.ids["3"]] == "Renamed"
    assert len(mirrored(fresh)) == 29


def test_a_change_token_that_expired_is_announced_and_everything_read_anew(known: Bench) -> None:
    gone, new = known.ids["7"], known.make("account", name="Meanwhile")
    known.org.delete(known.org.admin_id, "account", gone)
    known.steer(tracking_expired=True)
    said = known.kam("pull")
    assert said.code == 0, said.all
    assert "account: the change token had expired; everything was read anew." in said.err
    assert (gone in mirrored(known), mirrored(known)[new], len(mirrored(known))) == (False, "Meanwhile", 30)
    assert "expired" not in known.kam("pull").err


def test_a_column_that_was_secured_is_named_and_never_taken_as_empty(known: Bench) -> None:
    before = known.rows("SELECT id, annual_revenue FROM account ORDER BY id")
    known.steer(secured_columns=["account.revenue"])
    said = refresh(known)
    assert said.code == 2, said.all
    assert '"revenue"' in said.err
    assert "(column security) hides it" in said.err
    assert known.rows("SELECT id, annual_revenue FROM account ORDER BY id") == before
    assert all(revenue for _, revenue in before)


def test_a_next_page_on_another_host_is_refused_and_named(fresh: Bench) -> None:
    fresh.steer(page_size=10, next_link_host="evil.example")
    said = fresh.kam("pull")
    assert said.code == 3, said.all
    assert "evil.example" in said.err
    assert "does not follow" in said.err


def test_a_storm_of_refusals_is_waited_out_and_the_run_completes(fresh: Bench, pauses: list[float]) -> None:
    fresh.running.faults.add(kind="limit", path="/api/data/*", every=2)
    said = fresh.first_run()
    assert said.code == 0, said.all
    assert len([p for p in pauses if p == 30.0]) > 20
    assert set(cells(fresh).values()) == {1}
    assert runs(fresh) == ["done"]


# writes


def test_a_label_that_the_choice_lacks_is_refused_by_name_and_the_others_are_written(fresh: Bench) -> None:
    flag = fresh.org.table("account").columns["kam_flag"]
    fresh.org.replace_column("account", flag.with_(options=tuple(o for o in flag.options if o.label != "Emerging")))
    said = fresh.first_run()
    assert said.code == 4, said.all
    refused = fresh.rows("SELECT record_id, code, message FROM rejects", file="journal")
    emerging = fresh.rows("SELECT id FROM account_result WHERE kam_flag = 'Emerging'")
    assert {key for key, *_ in refused} == {key for (key,) in emerging}
    assert {code for _, code, _ in refused} == {"OPTION_UNKNOWN"}
    assert all("kam setup --apply" in message for *_, message in refused)
    assert len({key for key, _ in cells(fresh)}) + len(refused) == 25


def test_one_bad_row_of_a_block_is_named_and_the_others_are_written_once(fresh: Bench) -> None:
    assert fresh.kam("run", "preview", "--as-of", "2026-06-30").code == 0
    whys = dict(fresh.rows("SELECT id, kam_why FROM account_result WHERE kam_why IS NOT NULL"))
    longest = max(map(len, whys.values()))
    too_long = {key for key, why in whys.items() if len(why) == longest}
    column = fresh.org.table("account").columns["kam_why"]
    fresh.org.replace_column("account", column.with_(max_length=longest - 1))
    said = fresh.first_run()
    assert said.code == 4, said.all
    refused = fresh.rows("SELECT record_id, code FROM rejects", file="journal")
    assert set(refused) == {(key, "0x80044331") for key in too_long}
    assert set(cells(fresh).values()) == {1}
    assert len({key for key, _ in cells(fresh)}) + len(refused) == 25
    assert not too_long & {key for key, _ in cells(fresh)}


class AtTheWrite(Rule):
    """Strikes the `$batch` that writes: descriptions come in batches, too, but before a question about the table."""

    def strikes(self, method: str, path: str) -> bool:
        """Count the question; strike what comes after it."""
        self.seen += path.endswith("/sdkmessagefilters")
        self.struck += bool(self.seen and path.endswith("/$batch") and not self.struck)
        return bool(self.seen and path.endswith("/$batch"))


@pytest.mark.parametrize("way", ["bulk", "batch"])
def test_an_answer_that_breaks_off_is_settled_by_reading_and_nothing_is_written_twice(fresh: Bench, way: str) -> None:
    if way == "batch":
        fresh.org.db.execute(ONE_BY_ONE)
        rule: Rule = AtTheWrite("drop", when="after")
    else:
        rule = Rule("hangup", path="*UpdateMultiple", when="after")
    fresh.running.faults.rules.append(rule)
    said = fresh.first_run()
    assert said.code == 0, said.all
    assert rule.struck == 1
    assert set(cells(fresh).values()) == {1}
    assert len({key for key, _ in cells(fresh)}) == 25
    states = fresh.rows("SELECT DISTINCT state FROM journal", file="journal")
    assert states == [("written",)]
