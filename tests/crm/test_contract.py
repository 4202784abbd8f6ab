"""What every CRM must do, over real HTTP against its emulator: one suite for all of them."""

import inspect

import pytest

from connector.crm.http import HttpSettings, keep_reserve
from connector.crm.protocol import Crm, ReadRequest, RecordWrite
from connector.errors import AccessFault, ReserveReached, UnreachableFault, UsageFault


def everything(crm, request, since=None, known=()):
    """Rows, deletions (also of known records that are no longer among those alive) and the cursor of a whole read."""
    batches = list(crm.read(request, since))
    assert all(b.cursor is None for b in batches[:-1])
    alive = [b.alive for b in batches if b.alive is not None]
    dead = [k for k in known if k not in {i for ids in alive for i in ids}] if alive else []
    return [r for b in batches for r in b.rows], [d for b in batches for d in b.deleted] + dead, batches[-1].cursor


def names(far):
    """A request for ids and names."""
    return ReadRequest(far.its.record, (far.its.id, far.its.name))


def write(far, key, column, value):
    """The one outcome of writing one value."""
    (outcome,) = far.connect().write([RecordWrite("account", far.its.record, key, {column: value})])
    return outcome


def test_the_class_has_the_methods_of_the_protocol_and_no_others(far):
    def shape(kind):
        return {n: str(inspect.signature(f)) for n, f in inspect.getmembers(kind, inspect.isfunction) if n[0] != "_"}

    assert shape(type(far.connect())) == shape(Crm)


def test_the_login_says_who_and_where_we_are(far):
    me = far.connect().whoami()
    assert me.org_id == far.running.org.org_id
    assert me.is_sandbox
    assert me.user_id == far.running.org.admin_id
    assert me.user_name


def test_a_wrong_secret_is_an_access_fault_with_one_click(far):
    far.environ["KAM"] = "wrong"
    with pytest.raises(AccessFault, match=far.its.wrong_secret):
        far.connect()


def test_a_secret_that_is_not_set_names_its_variable(far):
    far.environ.clear()
    with pytest.raises(AccessFault, match="environment variable KAM is not set"):
        far.connect()


def test_a_wrong_host_is_unreachable(far, unused_port):
    with pytest.raises(UnreachableFault, match=r"crm\.url"):
        nowhere = f"http://127.0.0.1:{unused_port}"
        far.connect(url=nowhere, login_url=nowhere)


def test_settings_are_complained_of_together_before_any_call(far):
    with pytest.raises(UsageFault) as raised:
        far.connect(url="http://crm.example", client_id="", environment="test")
    assert [fault.partition(":")[0] for fault in raised.value.faults] == ["crm.url", "crm.environment", "crm.client_id"]


def test_a_session_token_logs_in_too(far):
    far.environ["KAM"] = far.running.token
    assert far.connect(auth="token").whoami().user_id == far.running.org.admin_id


def test_an_ended_session_token_says_where_to_put_a_fresh_one(far):
    far.environ["KAM"] = far.running.token[:-2]
    with pytest.raises(AccessFault, match=r"\$KAM has ended"):
        far.connect(auth="token").whoami()


def test_a_record_is_described_as_this_user_sees_it(far):
    fact = far.connect().describe(far.its.record)
    assert fact.fields[far.its.name].type == "string"
    assert fact.fields[far.its.name].updateable
    assert not fact.fields[far.its.stamp].updateable


def test_an_absent_record_is_described_as_none(far):
    assert far.connect().describe("NoSuchThing") is None


def test_a_field_hidden_from_this_user_is_told_as_missing_or_hidden(own):
    own.hide(own.its.website)
    crm = own.connect()
    assert own.its.website not in crm.describe(own.its.record).fields
    with pytest.raises(UsageFault, match=own.its.hidden):
        everything(crm, ReadRequest(own.its.record, (own.its.website,)))


def test_a_description_is_asked_for_once(far):
    crm = far.connect()
    crm.describe(far.its.record)
    before = crm.client.session.calls
    crm.describe(far.its.record)
    assert crm.client.session.calls == before


def test_records_are_counted_through_a_filter(far):
    far.add("One")
    far.add("Two")
    assert far.connect().count(far.its.record, far.its.is_two) == 1


@pytest.mark.parametrize("number", [0, 1])
def test_a_filter_that_is_not_understood_is_a_usage_fault(far, number):
    with pytest.raises(UsageFault, match=f"{far.its.record}: `where`"):
        far.connect().count(far.its.record, far.its.wrong_filters[number])


def test_a_read_gives_rows_in_the_order_of_the_fields(far):
    key = far.add("Åsa's & Söhne 🦆")
    assert everything(far.connect(), ReadRequest(far.its.record, (far.its.name, far.its.id)))[0] == [
        ("Åsa's & Söhne 🦆", key)
    ]


def test_a_path_through_a_lookup_is_followed_and_empty_where_the_lookup_is(far):
    parent = far.add("Parent")
    far.add("Child", **{far.its.parent: parent})
    rows, _, _ = everything(far.connect(), ReadRequest(far.its.record, (far.its.name, far.its.parent_name)))
    assert sorted(rows, key=str) == [("Child", "Parent"), ("Parent", None)]


def test_a_field_asked_for_twice_stands_in_the_row_twice(far):
    far.add("Twin")
    assert everything(far.connect(), ReadRequest(far.its.record, (far.its.name, far.its.name)))[0] == [("Twin", "Twin")]


def test_a_field_is_found_however_it_is_spelt(far):
    far.add("Loud")
    assert everything(far.connect(), ReadRequest(far.its.record, (far.its.name.upper(),)))[0] == [("Loud",)]


def test_missing_fields_are_named_together_with_the_nearest(far):
    with pytest.raises(UsageFault) as raised:
        everything(far.connect(), ReadRequest(far.its.record, (far.its.wrong_name, far.its.id, far.its.wrong_path)))
    assert len(raised.value.faults) == 2
    assert f'Nearest: "{far.its.name}"' in raised.value.faults[0]


def test_a_missing_field_behind_a_lookup_is_named(far):
    with pytest.raises(UsageFault, match=far.its.wrong_name):
        everything(far.connect(), ReadRequest(far.its.record, (far.its.wrong_behind,)))


def test_an_absent_record_cannot_be_read(far):
    with pytest.raises(UsageFault, match="NoSuchThing"):
        everything(far.connect(), ReadRequest("NoSuchThing", (far.its.id,)))


def test_a_read_of_many_pages_brings_each_record_once(far):
    keys = {far.add(f"No {n}") for n in range(25)}
    far.running.site.page_size = 10
    crm = far.connect()
    batches = list(crm.read(ReadRequest(far.its.record, (far.its.id,)), None))
    assert len(batches) > 3
    assert sorted(r[0] for b in batches for r in b.rows) == sorted(keys)


def test_a_second_read_brings_what_changed_since(later):
    later.add("Old")
    later.clock.forward(hours=1)
    _, _, cursor = everything(later.connect(), names(later))
    later.clock.forward(hours=1)
    fresh = later.add("Fresh")
    rows, deleted, _ = everything(later.connect(), names(later), cursor)
    assert (rows, deleted) == ([(fresh, "Fresh")], [])


def test_the_overlap_brings_late_rows_again(later):
    _, _, cursor = everything(later.connect(), names(later))
    late = later.slip_in("Late", minutes=5)
    later.clock.forward(hours=1)
    assert everything(later.connect(), names(later), cursor)[0] == [(late, "Late")]


def test_what_nobody_changed_is_not_read_for_ever(later):
    later.add("Quiet")
    later.clock.forward(hours=1)
    _, _, cursor = everything(later.connect(), names(later))
    later.clock.forward(hours=1)
    rows, _, cursor = everything(later.connect(), names(later), cursor)
    assert rows == []


def test_deleted_records_come_as_deletions(later):
    key = later.add("Short-lived")
    _, _, cursor = everything(later.connect(), names(later))
    later.clock.forward(hours=1)
    later.remove(key)
    rows, deleted, _ = everything(later.connect(), names(later), cursor)
    assert (rows, deleted) == ([], [key])


def test_a_record_that_no_longer_meets_the_filter_is_gone_to_us(later):
    request = ReadRequest(later.its.record, (later.its.name,), where=later.its.starts_with_a)
    key = later.add("Alpha")
    _, _, cursor = everything(later.connect(), request)
    later.clock.forward(hours=1)
    later.change(key, **{later.its.name: "Beta"})
    rows, deleted, _ = everything(later.connect(), request, cursor, [key])
    assert (rows, deleted) == ([], [key])


def test_a_cursor_of_another_mapping_reads_everything_again(later):
    key = later.add("Known")
    later.clock.forward(hours=1)
    _, _, cursor = everything(later.connect(), names(later))
    later.clock.forward(hours=1)
    wider = ReadRequest(later.its.record, (later.its.id, later.its.name, later.its.website))
    assert everything(later.connect(), wider, cursor)[0] == [(key, "Known", None)]


def test_a_cursor_that_cannot_be_read_says_how_to_begin_anew(far):
    with pytest.raises(UsageFault, match="kam pull --full"):
        everything(far.connect(), names(far), "gibberish")


def test_single_records_are_read_by_id_and_missing_ones_are_deletions(far):
    kept, gone, _ = far.add("Kept"), far.add("Gone"), far.add("Other")
    far.remove(gone)
    never = far.its.no_such_id
    request = ReadRequest(far.its.record, (far.its.id, far.its.name), ids=(kept, gone, never))
    rows, deleted, _ = everything(far.connect(), request)
    assert rows == [(kept, "Kept")]
    assert sorted(deleted) == sorted([gone, never])


def test_many_records_are_read_by_id_in_several_calls(far):
    keys = tuple(far.add(f"No {n}") for n in range(400))
    rows, deleted, _ = everything(far.connect(), ReadRequest(far.its.record, (far.its.id,), ids=keys))
    assert sorted(r[0] for r in rows) == sorted(keys)
    assert deleted == []


def test_an_id_that_is_none_never_reaches_the_crm(far):
    with pytest.raises(UsageFault, match="1 of 1 ids"):
        everything(far.connect(), ReadRequest(far.its.record, (far.its.id,), ids=("' OR Name != '",)))


def test_values_are_written_and_told_one_by_one(far):
    keys = [far.add(f"No {n}") for n in range(3)]
    outcomes = list(
        far.connect().write([RecordWrite("account", far.its.record, k, {far.its.website: "x.example"}) for k in keys])
    )
    assert {(o.id, o.state) for o in outcomes} == {(k, "written") for k in keys}
    assert [far.value(k, far.its.website) for k in keys] == ["x.example"] * 3


def test_a_value_can_be_blanked(far):
    key = far.add("Full", **{far.its.website: "x.example"})
    assert write(far, key, far.its.website, None).state == "written"
    assert far.value(key, far.its.website) is None


def test_a_deleted_record_is_told_as_gone(far):
    key = far.add("Gone")
    far.remove(key)
    assert write(far, key, far.its.website, "x").state == "gone"


def test_a_refused_row_is_told_with_its_field_and_without_its_value(far):
    key, fine = far.add("Long"), far.add("Fine")
    long = "Ada Lovelace " * 30
    writes = [RecordWrite("account", far.its.record, k, {far.its.website: v}) for k, v in ((key, long), (fine, "ok"))]
    outcomes = {o.id: o for o in far.connect().write(writes)}
    assert outcomes[fine].state == "written"
    assert (outcomes[key].state, outcomes[key].columns) == ("refused", (far.its.website,))
    assert "Lovelace" not in outcomes[key].message


def test_one_bad_row_of_two_hundred_is_named_and_the_others_are_written_once(far):
    keys = [far.add(f"No {n}") for n in range(200)]
    values = ["x" * 300 if n == 36 else "x.example" for n in range(200)]
    writes = [
        RecordWrite("account", far.its.record, k, {far.its.website: v}) for k, v in zip(keys, values, strict=True)
    ]
    outcomes = list(far.connect().write(writes))
    (refused,) = [o for o in outcomes if o.state != "written"]
    assert (refused.id, refused.code, refused.columns) == (keys[36], far.its.too_long, (far.its.website,))
    assert sorted(o.id for o in outcomes) == sorted(keys)
    assert (far.written(keys[36]), far.written(keys[35])) == (0, 1)


def test_a_number_that_is_none_is_refused_here_rather_than_blanked_there(far):
    key = far.add("Counted", **{far.its.employees: 5})
    outcome = write(far, key, far.its.employees, float("nan"))
    assert (outcome.state, outcome.columns) == ("refused", (far.its.employees,))
    assert far.value(key, far.its.employees) == 5


def test_a_locked_row_is_sent_again_until_it_is_free(far):
    key = far.add("Locked")
    far.running.faults.add(kind="lock", path=far.its.writes, times=2)
    assert write(far, key, far.its.website, "x").state == "written"


def test_a_row_that_stays_locked_is_refused(far):
    key = far.add("Locked")
    far.running.faults.add(kind="lock", path=far.its.writes)
    outcome = write(far, key, far.its.website, "x")
    assert (outcome.state, outcome.code) == ("refused", far.its.busy)


def test_a_change_whose_answer_is_lost_is_unknown_and_not_sent_again(far):
    key = far.add("Silent")
    far.running.faults.add(kind="hangup", path=far.its.writes, when="after")
    assert write(far, key, far.its.website, "x").state == "unknown"
    assert far.value(key, far.its.website) == "x"
    assert far.written(key) == 1


def test_a_session_that_ends_midway_is_renewed_and_nothing_is_lost(own):
    key = own.add("Ended")
    own.running.faults.add(kind="session", path=own.its.writes, times=1)
    assert write(own, key, own.its.website, "x").state == "written"


def test_a_read_survives_an_overloaded_and_a_dropped_page(far):
    for n in range(25):
        far.add(f"No {n}")
    far.running.site.page_size = 10
    far.running.faults.add(kind="status", path=far.its.reads, nth=2)
    far.running.faults.add(kind="drop", path=far.its.reads, nth=3)
    assert len(everything(far.connect(), ReadRequest(far.its.record, (far.its.id,)))[0]) == 25


def test_the_days_calls_are_told(far):
    limits = far.connect().limits()
    assert 0 < limits.remaining <= limits.maximum


def test_the_share_of_others_is_left_alone(far):
    with pytest.raises(ReserveReached, match="reserve"):
        crm = far.connect(before_call=keep_reserve(1.0))
        for _ in range(2):
            everything(crm, names(far))


def test_a_user_without_the_right_is_told_which_one(own):
    crm = own.connect()
    crm.describe(own.its.record)
    own.take_rights()
    with pytest.raises(AccessFault, match=own.its.no_right):
        everything(crm, names(own))


def test_patience_has_an_end(far):
    crm = far.connect(http=HttpSettings(attempts=2))
    far.running.faults.add(kind="status", path=far.its.reads)
    with pytest.raises(UnreachableFault, match="503"):
        everything(crm, names(far))
