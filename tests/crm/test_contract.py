"""What every CRM must do, over real HTTP against its emulator: one suite for all of them."""

import inspect

import pytest

from connector.crm.http import HttpSettings, keep_reserve
from connector.crm.protocol import Crm, ReadRequest, RecordWrite
from connector.errors import AccessFault, ReserveReached, UnreachableFault, UsageFault


def everything(crm, request, since=None):
    """Rows, deletions and the cursor of a whole read."""
    batches = list(crm.read(request, since))
    assert all(b.cursor is None for b in batches[:-1])
    return [r for b in batches for r in b.rows], [d for b in batches for d in b.deleted], batches[-1].cursor


@pytest.fixture
def names():
    return ReadRequest("Account", ("Id", "Name"))


def test_the_class_has_the_methods_of_the_protocol_and_no_others(far):
    def shape(kind):
        return {n: str(inspect.signature(f)) for n, f in inspect.getmembers(kind, inspect.isfunction) if n[0] != "_"}

    assert shape(type(far.connect())) == shape(Crm)


def test_the_login_says_who_and_where_we_are(far):
    me = far.connect().whoami()
    assert me.org_id == far.running.org.org_id
    assert me.is_sandbox
    assert me.user_id == far.running.org.admin_id
    assert "@" in me.user_name


def test_a_wrong_secret_is_an_access_fault_with_one_click(far):
    far.environ["KAM"] = "wrong"
    with pytest.raises(AccessFault, match="Consumer Secret"):
        far.connect()


def test_a_secret_that_is_not_set_names_its_variable(far):
    far.environ.clear()
    with pytest.raises(AccessFault, match="environment variable KAM is not set"):
        far.connect()


def test_a_wrong_host_is_unreachable(far, unused_port):
    with pytest.raises(UnreachableFault, match=r"crm\.url"):
        far.connect(url=f"http://127.0.0.1:{unused_port}")


def test_settings_are_complained_of_together_before_any_call(far):
    with pytest.raises(UsageFault) as raised:
        far.connect(url="http://crm.example", client_id="", environment="test")
    assert [fault.partition(":")[0] for fault in raised.value.faults] == ["crm.url", "crm.environment", "crm.client_id"]


def test_a_signed_assertion_logs_in_too(far):
    user = "integration.user@example.com"
    crm = far.connect(auth="jwt", username=user, key_file=far.running.key_file, secret_env="")
    assert crm.whoami().user_name == user


def test_an_unknown_user_is_refused_with_one_click(far):
    with pytest.raises(AccessFault, match=r"pre-authorized.*crm\.username"):
        far.connect(auth="jwt", username="nobody@example.com", key_file=far.running.key_file, secret_env="")


def test_an_org_of_another_environment_is_named_at_login(far):
    user = "integration.user@example.com"
    with pytest.raises(AccessFault, match=r"Correct crm\.environment"):
        far.connect(auth="jwt", username=user, key_file=far.running.key_file, environment="production")


def test_a_session_token_logs_in_too(far):
    far.environ["KAM"] = far.running.token
    assert far.connect(auth="token").whoami().user_id == far.running.org.admin_id


def test_an_ended_session_token_says_where_to_put_a_fresh_one(far):
    far.environ["KAM"] = far.running.token[:-2]
    with pytest.raises(AccessFault, match=r"\$KAM has ended"):
        far.connect(auth="token").whoami()


def test_a_record_is_described_as_this_user_sees_it(far):
    fact = far.connect().describe(far.record)
    assert fact.fields[far.name].type == "string"
    assert fact.fields[far.name].updateable
    assert not fact.fields[far.stamp].updateable


def test_an_absent_record_is_described_as_none(far):
    assert far.connect().describe("NoSuchThing") is None


def test_a_field_hidden_from_this_user_is_told_as_missing_or_hidden(far):
    far.running.org.hide(far.record, "Website")
    crm = far.connect()
    assert "Website" not in crm.describe(far.record).fields
    with pytest.raises(UsageFault, match="or field-level security hides it"):
        everything(crm, ReadRequest(far.record, ("Website",)))


def test_a_description_is_asked_for_once(far):
    crm = far.connect()
    crm.describe(far.record)
    before = crm.client.session.calls
    crm.describe(far.record)
    assert crm.client.session.calls == before


def test_records_are_counted_through_a_filter(far):
    far.add("One")
    far.add("Two")
    assert far.connect().count(far.record, f"{far.name} = 'Two'") == 1


@pytest.mark.parametrize("where", ["Nme = 'x'", "Name ="])
def test_a_filter_that_is_not_understood_is_a_usage_fault(far, where):
    with pytest.raises(UsageFault, match=r"Account: `where`"):
        far.connect().count(far.record, where)


def test_a_read_gives_rows_in_the_order_of_the_fields(far):
    key = far.add("Åsa's & Söhne 🦆")
    assert everything(far.connect(), ReadRequest(far.record, (far.name, "Id")))[0] == [("Åsa's & Söhne 🦆", key)]


def test_a_path_through_a_lookup_is_followed_and_empty_where_the_lookup_is(far):
    parent = far.add("Parent")
    far.add("Child", ParentId=parent)
    rows, _, _ = everything(far.connect(), ReadRequest(far.record, (far.name, "Parent.Name")))
    assert sorted(rows, key=str) == [("Child", "Parent"), ("Parent", None)]


def test_a_field_asked_for_twice_stands_in_the_row_twice(far):
    far.add("Twin")
    assert everything(far.connect(), ReadRequest(far.record, (far.name, far.name)))[0] == [("Twin", "Twin")]


def test_a_field_is_found_however_it_is_spelt(far):
    far.add("Loud")
    assert everything(far.connect(), ReadRequest(far.record, ("NAME",)))[0] == [("Loud",)]


def test_missing_fields_are_named_together_with_the_nearest(far):
    with pytest.raises(UsageFault) as raised:
        everything(far.connect(), ReadRequest(far.record, ("Nme", "Id", "Prnt.Name")))
    assert len(raised.value.faults) == 2
    assert 'Nearest: "Name"' in raised.value.faults[0]


def test_a_missing_field_behind_a_lookup_is_named(far):
    with pytest.raises(UsageFault, match="Nme"):
        everything(far.connect(), ReadRequest(far.record, ("Parent.Nme",)))


def test_an_absent_record_cannot_be_read(far):
    with pytest.raises(UsageFault, match="NoSuchThing"):
        everything(far.connect(), ReadRequest("NoSuchThing", ("Id",)))


def test_a_read_of_many_pages_brings_each_record_once(far):
    keys = {far.add(f"No {n}") for n in range(25)}
    far.running.site.page_size = 10
    crm = far.connect()
    batches = list(crm.read(ReadRequest(far.record, ("Id",)), None))
    assert len(batches) > 3
    assert sorted(r[0] for b in batches for r in b.rows) == sorted(keys)


def test_a_second_read_brings_what_changed_since(later, names):
    later.add("Old")
    later.clock.forward(hours=1)
    _, _, cursor = everything(later.connect(), names)
    later.clock.forward(hours=1)
    fresh = later.add("Fresh")
    rows, deleted, _ = everything(later.connect(), names, cursor)
    assert (rows, deleted) == ([(fresh, "Fresh")], [])


def test_the_overlap_brings_late_rows_again(later, names):
    _, _, cursor = everything(later.connect(), names)
    late = later.slip_in("Late", minutes=5)
    later.clock.forward(hours=1)
    assert everything(later.connect(), names, cursor)[0] == [(late, "Late")]


def test_what_nobody_changed_is_not_read_for_ever(later, names):
    later.add("Quiet")
    later.clock.forward(hours=1)
    _, _, cursor = everything(later.connect(), names)
    later.clock.forward(hours=1)
    rows, _, cursor = everything(later.connect(), names, cursor)
    assert rows == []


def test_deleted_records_come_as_deletions(later, names):
    key = later.add("Short-lived")
    _, _, cursor = everything(later.connect(), names)
    later.clock.forward(hours=1)
    later.remove(key)
    rows, deleted, _ = everything(later.connect(), names, cursor)
    assert (rows, deleted) == ([], [key])


def test_a_record_that_no_longer_meets_the_filter_is_gone_to_us(later):
    request = ReadRequest(later.record, (later.name,), where="Name LIKE 'A%'")
    key = later.add("Alpha")
    _, _, cursor = everything(later.connect(), request)
    later.clock.forward(hours=1)
    later.change(key, Name="Beta")
    rows, deleted, _ = everything(later.connect(), request, cursor)
    assert (rows, deleted) == ([], [key])


def test_a_cursor_of_another_mapping_reads_everything_again(later, names):
    key = later.add("Known")
    later.clock.forward(hours=1)
    _, _, cursor = everything(later.connect(), names)
    later.clock.forward(hours=1)
    wider = ReadRequest(later.record, ("Id", "Name", "Website"))
    assert everything(later.connect(), wider, cursor)[0] == [(key, "Known", None)]


def test_a_cursor_that_cannot_be_read_says_how_to_begin_anew(far, names):
    with pytest.raises(UsageFault, match="kam pull --full"):
        everything(far.connect(), names, "gibberish")


def test_single_records_are_read_by_id_and_missing_ones_are_deletions(far, names):
    kept, gone, _ = far.add("Kept"), far.add("Gone"), far.add("Other")
    far.remove(gone)
    never = "001000000000000AAA"
    rows, deleted, _ = everything(far.connect(), ReadRequest(far.record, ("Id", "Name"), ids=(kept, gone, never)))
    assert rows == [(kept, "Kept")]
    assert sorted(deleted) == sorted([gone, never])


def test_many_records_are_read_by_id_in_several_calls(far):
    keys = tuple(far.add(f"No {n}") for n in range(400))
    rows, deleted, _ = everything(far.connect(), ReadRequest(far.record, ("Id",), ids=keys))
    assert sorted(r[0] for r in rows) == sorted(keys)
    assert deleted == []


def test_an_id_that_is_none_never_reaches_the_crm(far):
    with pytest.raises(UsageFault, match="1 of 1 ids"):
        everything(far.connect(), ReadRequest(far.record, ("Id",), ids=("' OR Name != '",)))


def test_more_fields_than_fit_one_address_are_read_in_parts_and_joined(far, monkeypatch):
    monkeypatch.setattr("connector.crm.salesforce.parts.URL_ROOM", 190)
    parent = far.add("Parent", Phone="1", Website="w")
    far.add("Child", ParentId=parent, Phone="2")
    fields = ("Name", "Phone", "Parent.Name", "Website", "Parent.Phone", "Industry")
    rows, _, _ = everything(far.connect(), ReadRequest(far.record, fields))
    assert sorted(rows) == [
        ("Child", "2", "Parent", None, "1", None),
        ("Parent", "1", None, "w", None, None),
    ]
    assert far.running.calls["GET /services/data/{version}/queryAll"] > 1


def test_values_are_written_and_told_one_by_one(far):
    keys = [far.add(f"No {n}") for n in range(3)]
    outcomes = list(
        far.connect().write([RecordWrite("account", far.record, k, {"Website": "x.example"}) for k in keys])
    )
    assert {(o.id, o.state) for o in outcomes} == {(k, "written") for k in keys}
    assert [far.value(k, "Website") for k in keys] == ["x.example"] * 3


def test_a_value_can_be_blanked(far):
    key = far.add("Full", Website="x.example")
    list(far.connect().write([RecordWrite("account", far.record, key, {"Website": None})]))
    assert far.value(key, "Website") is None


def test_a_deleted_record_is_told_as_gone(far):
    key = far.add("Gone")
    far.remove(key)
    (outcome,) = far.connect().write([RecordWrite("account", far.record, key, {"Website": "x"})])
    assert outcome.state == "gone"


def test_a_refused_row_is_told_with_its_field_and_without_its_value(far):
    key, fine = far.add("Long"), far.add("Fine")
    long = "Ada Lovelace " * 30
    writes = [RecordWrite("account", far.record, k, {"Website": v}) for k, v in ((key, long), (fine, "ok"))]
    outcomes = {o.id: o for o in far.connect().write(writes)}
    assert outcomes[fine].state == "written"
    assert (outcomes[key].state, outcomes[key].columns) == ("refused", ("Website",))
    assert "Lovelace" not in outcomes[key].message


def test_an_admins_validation_rule_refuses_one_row_of_two_hundred(far):
    keys = [far.add(f"No {n}") for n in range(200)]
    far.running.org.add_rule(
        {"object": "Account", "field": "Name", "op": "eq", "value": "No 77", "message": "Ask the credit desk first"}
    )
    outcomes = list(far.connect().write([RecordWrite("account", far.record, k, {"Website": "x"}) for k in keys]))
    (refused,) = [o for o in outcomes if o.state != "written"]
    assert (refused.id, refused.code) == (keys[77], "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    assert "credit desk" in refused.message


def test_a_number_that_is_none_is_refused_here_rather_than_blanked_there(far):
    key = far.add("Counted", NumberOfEmployees=5)
    (outcome,) = far.connect().write([RecordWrite("account", far.record, key, {"NumberOfEmployees": float("nan")})])
    assert (outcome.state, outcome.columns) == ("refused", ("NumberOfEmployees",))
    assert far.value(key, "NumberOfEmployees") == 5


def test_a_locked_row_is_sent_again_until_it_is_free(far):
    key = far.add("Locked")
    far.running.faults.add(kind="lock", path="*composite/sobjects*", times=2)
    (outcome,) = far.connect().write([RecordWrite("account", far.record, key, {"Website": "x"})])
    assert outcome.state == "written"


def test_a_row_that_stays_locked_is_refused(far):
    key = far.add("Locked")
    far.running.faults.add(kind="lock", path="*composite/sobjects*")
    (outcome,) = far.connect().write([RecordWrite("account", far.record, key, {"Website": "x"})])
    assert (outcome.state, outcome.code) == ("refused", "UNABLE_TO_LOCK_ROW")


def test_a_change_whose_answer_is_lost_is_unknown_and_not_sent_again(far):
    key = far.add("Silent")
    far.running.faults.add(kind="hangup", path="*composite/sobjects*", when="after")
    crm = far.connect()
    before = crm.client.session.calls
    (outcome,) = crm.write([RecordWrite("account", far.record, key, {"Website": "x"})])
    assert outcome.state == "unknown"
    assert crm.client.session.calls == before + 1
    assert far.value(key, "Website") == "x"


def test_a_session_that_ends_midway_is_renewed_and_nothing_is_lost(far):
    key = far.add("Ended")
    crm = far.connect()
    far.running.faults.add(kind="session", path="*composite/sobjects*", times=1)
    (outcome,) = crm.write([RecordWrite("account", far.record, key, {"Website": "x"})])
    assert outcome.state == "written"


def test_a_read_survives_an_overloaded_and_a_dropped_page(far):
    for n in range(25):
        far.add(f"No {n}")
    far.running.site.page_size = 10
    far.running.faults.add(kind="status", path="*query*", nth=2)
    far.running.faults.add(kind="drop", path="*query*", nth=3)
    assert len(everything(far.connect(), ReadRequest(far.record, ("Id",)))[0]) == 25


def test_the_days_calls_are_told(far):
    limits = far.connect().limits()
    assert 0 < limits.remaining <= limits.maximum


def test_spent_calls_end_the_run_until_next_time(far, names):
    crm = far.connect()
    far.running.faults.add(kind="limit", path="*query*")
    with pytest.raises(ReserveReached, match="resumes next time"):
        everything(crm, names)


def test_the_share_of_others_is_left_alone(far, names):
    crm = far.connect(before_call=keep_reserve(1.0))
    with pytest.raises(ReserveReached, match="reserve"):
        for _ in range(2):
            everything(crm, names)


def test_a_user_without_api_permission_is_told_which_one(far, names):
    crm = far.connect()
    far.steer(api_enabled=False)
    with pytest.raises(AccessFault, match="API Enabled"):
        everything(crm, names)


def test_patience_has_an_end(far, names):
    crm = far.connect(http=HttpSettings(attempts=2))
    far.running.faults.add(kind="status", path="*query*")
    with pytest.raises(UnreachableFault, match="503"):
        everything(crm, names)
