"""What only one of the CRMs has: its ways to log in, its rules, the way it counts the day's calls."""

from pathlib import Path

import pytest

from connector.crm.http import keep_reserve
from connector.crm.protocol import ReadRequest, RecordWrite
from connector.errors import AccessFault, KamError, ReserveReached, UsageFault

USER = "integration.user@example.com"  # who the emulated Salesforce knows


def rows(crm, request):
    """Rows of a whole read."""
    return [row for batch in crm.read(request, None) for row in batch.rows]


# Salesforce


@pytest.fixture
def signed(salesforce_far):
    """Settings of a login by signed assertion."""
    return {"auth": "jwt", "username": USER, "key_file": salesforce_far.running.key_file, "secret_env": ""}


def test_a_signed_assertion_logs_in_too(salesforce_far, signed):
    assert salesforce_far.connect(**signed).whoami().user_name == USER


def test_an_unknown_user_is_refused_with_one_click(salesforce_far, signed):
    with pytest.raises(AccessFault, match=r"pre-authorized.*crm\.username"):
        salesforce_far.connect(**{**signed, "username": "nobody@example.com"})


def test_an_org_of_another_environment_is_named_at_login(salesforce_far, signed):
    with pytest.raises(AccessFault, match=r"Correct crm\.environment"):
        salesforce_far.connect(**signed, environment="production")


def test_more_fields_than_fit_one_address_are_read_in_parts_and_joined(salesforce_far, monkeypatch):
    monkeypatch.setattr("connector.crm.salesforce.parts.URL_ROOM", 190)
    far = salesforce_far
    parent = far.add("Parent", Phone="1", Website="w")
    far.add("Child", ParentId=parent, Phone="2")
    far.running.calls.clear()
    fields = ("Name", "Phone", "Parent.Name", "Website", "Parent.Phone", "Industry")
    assert sorted(rows(far.connect(), ReadRequest("Account", fields))) == [
        ("Child", "2", "Parent", None, "1", None),
        ("Parent", "1", None, "w", None, None),
    ]
    assert far.running.calls["GET /services/data/{version}/queryAll"] > 1


def test_an_admins_validation_rule_refuses_one_row_of_two_hundred(salesforce_alone):
    far = salesforce_alone
    keys = [far.add(f"No {n}") for n in range(200)]
    far.org.add_rule(
        {"object": "Account", "field": "Name", "op": "eq", "value": "No 77", "message": "Ask the credit desk first"}
    )
    outcomes = list(far.connect().write([RecordWrite("account", "Account", k, {"Website": "x"}) for k in keys]))
    (refused,) = [o for o in outcomes if o.state != "written"]
    assert (refused.id, refused.code) == (keys[77], "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    assert "credit desk" in refused.message


def test_spent_calls_end_the_run_until_next_time(salesforce_far):
    crm = salesforce_far.connect()
    salesforce_far.running.faults.add(kind="limit", path="*query*")
    with pytest.raises(ReserveReached, match="resumes next time"):
        rows(crm, ReadRequest("Account", ("Id",)))


# Dynamics


def test_a_certificate_logs_in_too(dynamics_far):
    crm = dynamics_far.connect(auth="certificate", key_file=dynamics_far.running.key_file, secret_env="")
    assert crm.whoami().user_id == dynamics_far.org.admin_id


def test_a_certificate_of_another_app_is_to_be_uploaded(dynamics_far, keys, tmp_path: Path):
    from connector.emulator.keys import DYNAMICS, open_keys

    other = open_keys(tmp_path, "org", DYNAMICS).key_file
    with pytest.raises(AccessFault, match=r"Upload the certificate that is in crm\.key_file"):
        dynamics_far.connect(auth="certificate", key_file=other, secret_env="")


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"tenant": "11111111-2222-3333-4444-555555555555"}, r"AADSTS90002.*Correct crm\.tenant"),
        ({"client_id": "11111111-2222-3333-4444-555555555555"}, r"AADSTS700016.*crm\.client_id and crm\.tenant"),
        ({"url": "https://elsewhere.crm4.dynamics.com"}, r"AADSTS500011.*Correct crm\.url"),
    ],
    ids=["tenant", "app", "org"],
)
def test_each_wrong_setting_of_a_login_is_named(dynamics_far, changes, advice):
    with pytest.raises(KamError, match=advice):
        dynamics_far.connect(**changes)


def test_a_secret_that_expired_is_to_be_made_anew(dynamics_alone):
    dynamics_alone.steer(secret_expired=True)
    with pytest.raises(AccessFault, match=r"AADSTS7000222.*make a new one"):
        dynamics_alone.connect()


def test_an_app_that_is_no_user_of_the_environment_is_to_be_added(dynamics_alone):
    org = dynamics_alone.org
    org.update(org.admin_id, "systemuser", org.admin_id, {"applicationid": None}, system=True)
    with pytest.raises(AccessFault, match=r"0x80072560.*New app user"):
        dynamics_alone.connect().whoami()


def test_a_disabled_application_user_is_to_be_activated(dynamics_alone):
    dynamics_alone.steer(user_disabled=True)
    with pytest.raises(AccessFault, match=r"0x80040225.*Activate"):
        dynamics_alone.connect().whoami()


def test_it_reads_as_itself_and_writes_for_the_user_that_is_named(dynamics_alone):
    org = dynamics_alone.org
    ada = org.add_user("Ada Owner", domainname="ada@example.com", roles=("System Administrator",))
    some = [org.create(org.admin_id, "account", {"name": name}) for name in ("One", "Two", "Three")]
    crm = dynamics_alone.connect(username="ada@example.com")
    assert crm.whoami().user_id == org.admin_id
    for ids in (some, some[:1]):  # all at once, and alone
        list(crm.write([RecordWrite("account", "account", i, {"telephone1": f"{len(ids)}"}) for i in ids]))
    assert {org.get(org.admin_id, "account", i)["modifiedby"] for i in some} == {ada}
    with pytest.raises(AccessFault, match=r"crm\.username"):
        dynamics_alone.connect(username="nobody@example.com")


def test_requests_spent_elsewhere_today_are_counted_and_end_the_run(dynamics_far):
    with pytest.raises(ReserveReached, match="resumes next time"):
        dynamics_far.connect(daily_requests=100, spent=80, before_call=keep_reserve(0.3)).whoami()


def test_each_record_of_a_bulk_write_counts_as_a_request(dynamics_far):
    keys = [dynamics_far.add(f"No {n}") for n in range(50)]
    crm = dynamics_far.connect()
    writes = [RecordWrite("account", "account", k, {"websiteurl": "x"}) for k in keys]
    list(crm.write(writes))
    before = crm.limits().remaining
    list(crm.write(writes))
    assert before - crm.limits().remaining == 50


def test_a_text_that_no_option_has_is_refused_by_name(dynamics_far):
    key = dynamics_far.add("Chosen")
    (outcome,) = dynamics_far.connect().write(
        [RecordWrite("account", "account", key, {"customertypecode": "Astronaut"})]
    )
    assert (outcome.state, outcome.code, outcome.columns) == ("refused", "OPTION_UNKNOWN", ("customertypecode",))


def test_a_change_token_that_expired_is_announced_and_everything_read_anew(dynamics_alone):
    key = dynamics_alone.add("Known")
    request = ReadRequest("account", ("name",))
    (*_, last) = dynamics_alone.connect().read(request, None)
    dynamics_alone.steer(tracking_expired=True)
    batches = list(dynamics_alone.connect().read(request, last.cursor))
    assert batches[0].restart
    assert "expired" in " ".join(b.note for b in batches)
    assert [row for b in batches for row in b.rows] == [("Known",)]
    assert key
    assert batches[-1].cursor not in (None, last.cursor)


def test_a_read_that_asks_too_often_waits_as_told_and_goes_on(dynamics_far):
    dynamics_far.add("Patient")
    waits = []
    crm = dynamics_far.connect()
    crm.client.session.sleep = waits.append
    dynamics_far.running.faults.add(kind="limit", path="*/accounts*", times=2)
    assert rows(crm, ReadRequest("account", ("name",))) == [("Patient",)]


def test_a_next_page_elsewhere_is_not_fetched(dynamics_alone):
    for n in range(5):
        dynamics_alone.add(f"No {n}")
    dynamics_alone.steer(page_size=2, next_link_host="evil.example")
    with pytest.raises(AccessFault, match=r"evil\.example"):
        rows(dynamics_alone.connect(), ReadRequest("account", ("name",)))


def test_a_filter_in_the_language_of_another_crm_is_a_usage_fault(dynamics_far):
    with pytest.raises(UsageFault, match="`where`"):
        dynamics_far.connect().count("account", "Name = 'Two'")


def test_a_table_is_described_alike_where_definitions_are_refused_in_a_batch(dynamics_alone):
    together = dynamics_alone.connect().describe("account")
    dynamics_alone.running.faults.add(kind="status", status=501, path="*batch")
    alone = dynamics_alone.connect().describe("account")
    assert alone.fields == together.fields
    assert dynamics_alone.running.calls["POST /$batch"] == 1
