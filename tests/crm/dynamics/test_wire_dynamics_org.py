"""The Dynamics adapter against the emulator over real HTTP: changes, deletions, choices, batches, threads."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from connector import mapping
from connector.crm.dynamics import Dynamics, connect, login
from connector.crm.dynamics.login import log_in
from connector.crm.protocol import ReadRequest, RecordWrite
from connector.crm.settings import CrmSettings
from connector.emulator.dynamics.org.records import Org
from connector.emulator.server import Running, start
from connector.errors import AccessFault

NAMES = ReadRequest("account", ("accountid", "name"))
NEVER = "00000000-0000-0000-0000-000000000001"


@dataclass
class Far:
    """An emulated org that all tests of this file share, each with accounts of its own."""

    running: Running
    sessions: list[requests.Session] = field(default_factory=list)

    @property
    def org(self) -> Org:
        """Its rows."""
        return self.running.org

    def connect(self, **changes) -> Dynamics:
        """A fresh login with the client secret, unless the changes say another way."""
        settings = {
            "url": self.running.url,
            "login_url": self.running.url,
            "auth": "client_secret",
            "client_id": self.running.client_id,
            "tenant": self.running.tenant,
            "secret_env": "KAM",
        }
        environ = {"KAM": self.running.secret}
        made = connect(CrmSettings(kind="dynamics", **settings | changes), environ=environ, sleep=lambda seconds: None)
        self.sessions.append(made.client.session)
        return made

    def add(self, name, record="account", **values) -> str:
        """A record made by somebody else."""
        return self.org.create(self.org.admin_id, record, {"name": name, **values} if name else values)

    def value(self, key, column, record="account"):
        """What the org holds now."""
        return self.org.get(self.org.admin_id, record, key)[column]

    def steer(self, **wish) -> None:
        """Change the emulator's settings by its control endpoint."""
        requests.post(f"{self.running.url}/_emulator/org", json=wish, timeout=10).raise_for_status()


@pytest.fixture(scope="module")
def _running() -> Iterator[Running]:
    org = Org()
    with start(org) as running:
        yield running
    org.db.close()


@pytest.fixture
def far(_running) -> Iterator[Far]:
    made = Far(_running)
    yield made
    for session in made.sessions:
        session.close()
    _running.faults.clear()
    _running.site.page_size = None
    with made.org.transaction():
        for (key,) in made.org.rows('SELECT "accountid" FROM "account"'):
            made.org.delete(made.org.admin_id, "account", key)


def everything(crm, request, since=None):
    """Rows, deletions, ids that are there, and the cursor of a whole read."""
    batches = list(crm.read(request, since))
    assert all(b.cursor is None for b in batches[:-1])
    alive = [b.alive for b in batches if b.alive is not None]
    return (
        [r for b in batches for r in b.rows],
        [d for b in batches for d in b.deleted],
        [i for ids in alive for i in ids] if alive else None,
        batches[-1].cursor,
    )


def test_the_login_says_who_and_where_we_are(far):
    me = far.connect().whoami()
    assert (me.org_id, me.user_id, me.is_sandbox) == (far.org.org_id, far.org.admin_id, True)


def test_a_certificate_logs_in_too(far):
    crm = far.connect(auth="certificate", key_file=far.running.key_file, secret_env="")
    assert crm.whoami().user_id == far.org.admin_id


def test_a_wrong_secret_is_an_access_fault_with_one_click(far, monkeypatch):
    monkeypatch.setattr(far.running, "secret", "wrong")
    with pytest.raises(AccessFault, match=r"AADSTS7000215 .*Certificates & secrets"):
        far.connect()


def test_every_table_we_read_is_described_in_one_call_each(far):
    crm = far.connect()
    crm.whoami()
    crm.client.once(f"systemusers({crm.client.user_id})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()")
    before = crm.client.session.calls
    for record in ("account", "contact", "opportunity", "activitypointer", "activityparty", "connection", "systemuser"):
        assert len(crm.describe(record).fields) > 10
    assert crm.client.session.calls == before + 7


def test_changes_and_deletions_come_by_change_tracking(far):
    kept, gone = far.add("Kept"), far.add("Gone")
    crm = far.connect()
    rows, _, _, cursor = everything(crm, NAMES)
    assert sorted(rows) == sorted([(kept, "Kept"), (gone, "Gone")])
    far.org.update(far.org.admin_id, "account", kept, {"name": "Changed"})
    far.org.delete(far.org.admin_id, "account", gone)
    fresh = far.add("Fresh")
    rows, deleted, alive, cursor = everything(crm, NAMES, cursor)
    assert (sorted(rows), deleted, alive) == (sorted([(kept, "Changed"), (fresh, "Fresh")]), [gone], None)
    assert everything(crm, NAMES, cursor)[:2] == ([], [])


def test_an_expired_token_is_a_read_of_everything_that_says_so(far):
    key = far.add("Known")
    crm = far.connect()
    *_, cursor = everything(crm, NAMES)
    far.steer(tracking_expired=True)
    first, *others = crm.read(NAMES, cursor)
    assert (first.restart, "expired" in first.note) == (True, True)
    assert [r for b in others for r in b.rows] == [(key, "Known")]
    assert everything(crm, NAMES, others[-1].cursor)[0] == []


def test_with_a_filter_the_ids_that_meet_it_tell_what_is_gone(far):
    stays, leaves = far.add("Alpha"), far.add("Also")
    request = ReadRequest("account", ("name",), where="startswith(name,'Al')")
    crm = far.connect()
    *_, cursor = everything(crm, request)
    far.org.update(far.org.admin_id, "account", leaves, {"name": "Beta"})
    _, deleted, alive, _ = everything(crm, request, cursor)
    assert (deleted, alive) == ([], [stays])


def test_values_and_names_come_as_people_know_them(far):
    money = {"revenue": 12.5, "transactioncurrencyid": far.org.currency_id}
    parent = far.add("Parent", industrycode=1, **money)
    far.add("Child", parentaccountid=parent)
    fields = (
        "name", "industrycode", "industrycode.value", "revenue", "transactioncurrencyid.isocurrencycode",
        "parentaccountid", "parentaccountid.name", "parentaccountid.industrycode", "statecode",
    )  # fmt: skip
    rows, *_ = everything(far.connect(), ReadRequest("account", fields))
    assert sorted(rows) == [
        ("Child", None, None, None, "EUR", parent, "Parent", "Accounting", "Active"),
        ("Parent", "Accounting", 1, 12.5, "EUR", None, None, None, "Active"),
    ]


def test_a_lookup_to_several_tables_is_told_by_the_table_it_points_at(far):
    account = far.add("Acme")
    person = far.add(None, "contact", lastname="Lovelace", parentcustomerid=("account", account))
    fields = (
        "parentcustomerid",
        "parentcustomerid_account",
        "parentcustomerid_contact",
        "parentcustomerid_account.name",
    )
    rows, *_ = everything(far.connect(), ReadRequest("contact", fields, ids=(person,)))
    assert rows == [(account, account, None, "Acme")]


def test_how_products_go_together_is_read_by_the_mapping_of_the_wheel(far):
    pump, hose = (far.org.new_guid("product") for _ in range(2))
    far.org.bulk_load("product", ["productid", "name"], [[pump, "Pump"], [hose, "Hose"]])
    relation = {"productid": pump, "substitutedproductid": hose, "salesrelationshiptype": 2, "direction": 1}
    made = far.add(None, "productsubstitute", **relation)
    given = mapping.load(Path(__file__).parents[3] / "mappings" / "dynamics.toml")
    source = next(s for s in given.sources if s.table == "product_relation")
    fields = tuple(f for rule in source.read for f in rule.fields)
    rows, *_ = everything(far.connect(), ReadRequest(source.record, fields))
    found = mapping.row_columns(source, fields, rows)
    assert {name: values[0] for name, values in found.items()} == {
        "id": made, "product_id": pump, "other_id": hose, "kind": "accessory", "both_ways": 1,
    }  # fmt: skip


@pytest.mark.parametrize("where", [None, "name ne 'x'"])
def test_a_read_of_many_pages_brings_each_record_once(far, where):
    keys = {far.add(f"No {n}") for n in range(25)}
    far.running.site.page_size = 10
    request, crm = ReadRequest("account", ("accountid",), where), far.connect()
    rows, _, _, cursor = everything(crm, request)
    assert sorted(r[0] for r in rows) == sorted(keys)
    alive = everything(crm, request, cursor)[2]
    assert alive is None if where is None else sorted(alive) == sorted(keys)


def test_single_records_are_read_by_id_in_several_calls_and_missing_ones_are_deletions(far, monkeypatch):
    monkeypatch.setattr("connector.crm.dynamics.read.IDS_AT_ONCE", 10)
    keys = [far.add(f"No {n}") for n in range(25)]
    request = ReadRequest("account", ("accountid",), ids=(*keys, NEVER))
    rows, deleted, *_ = everything(far.connect(), request)
    assert sorted(r[0] for r in rows) == sorted(keys)
    assert deleted == [NEVER]


def test_a_next_page_elsewhere_is_not_fetched(far):
    for n in range(3):
        far.add(f"No {n}")
    far.running.site.page_size = 2
    far.steer(next_link_host="evil.example")
    try:
        with pytest.raises(AccessFault, match=r"evil\.example, and the connector does not follow"):
            everything(far.connect(), NAMES)
    finally:
        far.steer(next_link_host="")


def writes(keys, **values):
    return [RecordWrite("account", "account", key, values) for key in keys]


def test_one_bad_row_of_many_is_named_and_the_others_are_written(far, monkeypatch):
    monkeypatch.setattr("connector.crm.dynamics.write.BATCH", 20)
    keys = [far.add(f"No {n}") for n in range(100)]
    crm = far.connect()
    long = [RecordWrite("account", "account", keys[77], {"websiteurl": "x" * 300})]
    outcomes = {
        o.id: o for o in crm.write([*writes(keys[:77], websiteurl="y"), *long, *writes(keys[78:], websiteurl="y")])
    }
    assert [o.id for o in outcomes.values() if o.state != "written"] == [keys[77]]
    assert (outcomes[keys[77]].state, outcomes[keys[77]].columns) == ("refused", ("websiteurl",))
    assert [far.value(k, "websiteurl") for k in (keys[0], keys[77], keys[99])] == ["y", None, "y"]


def test_a_record_that_is_gone_is_told_as_gone_and_not_made_anew(far):
    keys = [far.add("There"), NEVER]
    assert {o.id: o.state for o in far.connect().write(writes(keys, websiteurl="y"))} == {
        keys[0]: "written",
        NEVER: "gone",
    }
    assert far.connect().count("account") == 1


def test_a_table_that_takes_one_at_a_time_is_written_in_parts(far):
    account = far.add("Acme")
    roles = {"record1id": ("account", account), "record2id": ("account", far.add("Other"))}
    link = far.add(None, "connection", **roles)
    sent = [RecordWrite("x", "connection", key, {"description": "d"}) for key in (link, NEVER)]
    assert {o.id: o.state for o in far.connect().write(sent)} == {link: "written", NEVER: "gone"}
    assert far.value(link, "description", "connection") == "d"


def test_a_choice_is_written_by_its_label(far):
    key = far.add("Acme")
    assert [o.state for o in far.connect().write(writes([key], industrycode="Brokers"))] == ["written"]
    assert far.value(key, "industrycode") == 4


@pytest.mark.parametrize(("path", "count"), [("*UpdateMultiple", 3), ("*accounts(*", 1)])
def test_a_change_whose_answer_is_lost_is_unknown_and_not_sent_again(far, path, count):
    keys = [far.add(f"No {n}") for n in range(count)]
    crm = far.connect()
    crm.describe("account")
    far.running.faults.add(kind="hangup", path=path, when="after")
    assert {o.state for o in crm.write(writes(keys, websiteurl="y"))} == {"unknown"}
    assert [far.value(k, "websiteurl") for k in keys] == ["y"] * count


def test_answers_in_parts_that_break_off_leave_the_records_unknown(far):
    account = far.add("Acme")
    link = [far.add(None, "connection", record1id=("account", account), record2id=("account", account)) for _ in "ab"]
    crm = far.connect()
    crm.describe("connection")
    far.running.faults.add(kind="drop", path="*batch", when="after")
    sent = [RecordWrite("x", "connection", key, {"description": "d"}) for key in link]
    assert [o.state for o in crm.write(sent)] == ["unknown"] * 2


def test_threads_that_find_the_session_ended_share_one_fresh_login(far, monkeypatch):
    monkeypatch.setattr("connector.crm.dynamics.write.BATCH", 10)
    keys = [far.add(f"No {n}") for n in range(80)]
    crm = far.connect()
    crm.describe("account")
    far.running.faults.add(kind="session", path="*UpdateMultiple", times=1)
    logins = []
    monkeypatch.setattr(login, "log_in", lambda *given: logins.append(given) or log_in(*given))
    assert {o.state for o in crm.write(writes(keys, websiteurl="y"))} == {"written"}
    assert len(logins) == 1


def test_a_secured_column_is_hidden_from_a_user_without_permission(far):
    far.steer(secured_columns=["account.tickersymbol"])
    try:
        assert "tickersymbol" not in far.connect().describe("account").fields
    finally:
        far.steer(secured_columns=[])


def test_a_user_without_a_role_is_told_where_to_give_one(far):
    far.steer(no_role=True)
    try:
        with pytest.raises(AccessFault, match="no security role"):
            far.connect().whoami()
    finally:
        far.steer(no_role=False)
