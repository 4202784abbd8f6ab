"""Writing to a Dynamics far away: batches, refused rows, lost answers, and that nothing is sent twice."""

import json
import threading

import pytest
import requests
import responses
from dataverse_wire import BASE, FILTERS, UPDATE, definition, error, guid, page, parts

from connector.crm.dynamics.write import batches
from connector.crm.http import HttpSettings
from connector.crm.protocol import Limits, RecordWrite
from connector.errors import AccessFault, UnreachableFault


def changes(*numbers, record="account", group="", **values):
    return [RecordWrite(record, record, guid(n), values or {"name": "because"}, group) for n in numbers]


@pytest.fixture
def several(wire):
    """The table takes UpdateMultiple."""
    wire.get(FILTERS, json=page({"sdkmessagefilterid": guid(1)}))


def test_values_are_sent_as_dataverse_takes_them(wire, login, tables):
    tables()
    wire.get(f"{BASE}EntityDefinitions", json=page({"LogicalName": "contact", "EntitySetName": "contacts"}))
    wire.patch(f"{BASE}accounts({guid(1)})", status=204)
    values = {
        "industrycode": "Bau", "kam_tags": "Big;Old", "kam_flag": 1, "numberofemployees": 5.0, "name": None,
        "customerid_contact": guid(2), "parentaccountid": None, "kam_due": "2026-05-01",
    }  # fmt: skip
    assert [o.state for o in login(auth="token").write(changes(1, **values))] == ["written"]
    assert json.loads(wire.calls[-1].request.body) == {
        "industrycode": 2, "kam_tags": "20,10", "kam_flag": True, "numberofemployees": 5, "name": None,
        "customerid_contact@odata.bind": f"/contacts({guid(2)})", "parentaccountid@odata.bind": None,
        "kam_due": "2026-05-01",
    }  # fmt: skip
    assert wire.calls[-1].request.headers["If-Match"] == "*"


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"industrycode": "Gold"}, "OPTION_UNKNOWN"),
        ({"kam_tags": "Old;New"}, "OPTION_UNKNOWN"),
        ({"nosuch": 1}, "COLUMN_UNKNOWN"),
        ({"numberofemployees": float("nan")}, "NOT_A_NUMBER"),
        ({"customerid": guid(1)}, "LOOKUP_AMBIGUOUS"),
    ],
)
def test_what_dataverse_would_not_take_is_refused_here_and_the_others_go(wire, login, tables, values, code):
    tables()
    wire.patch(f"{BASE}accounts({guid(2)})", status=204)
    bad, good = login(auth="token").write([*changes(1, **values), *changes(2)])
    assert (bad.state, bad.code, bad.columns) == ("refused", code, tuple(values))
    assert good.state == "written"


def answered(wire, *told, **more):
    headers, body = parts(told, **more)
    wire.post(f"{BASE}$batch", body=body, content_type=headers["Content-Type"])


def test_a_batch_is_written_at_once_where_the_table_takes_it(wire, login, tables, several):
    tables()
    wire.post(UPDATE, status=204)
    crm = login(auth="token", spent=100)
    assert [o.state for o in crm.write(changes(1, 2, 3))] == ["written"] * 3
    sent = json.loads(wire.calls[-1].request.body)["Targets"][0]
    assert sent == {"@odata.type": "Microsoft.Dynamics.CRM.account", "accountid": guid(1), "name": "because"}
    # definitions in ten parts, one question about the table, three records
    assert crm.limits() == Limits(500_000 - 100 - 11 - 1 - 3, 500_000)


def test_of_a_refused_batch_each_bad_row_is_named_with_its_own_reason(wire, login, tables, several):
    tables()
    crm = login(auth="token")
    crm.describe("account")
    wire.post(UPDATE, status=400, json=error("0x80044331", "too long"))
    wire.remove(responses.POST, f"{BASE}$batch")
    long = "The length of the 'name' attribute of the 'account' entity exceeded the maximum allowed length of '160'."
    gone = error("0x80040217", "account With Id = x Does Not Exist")
    answered(
        wire, (204, None), (400, error("0x80044331", long)), (404, gone), (400, error("0x80040265", "Ask Finance"))
    )
    outcomes = {o.id: o for o in crm.write(changes(1, 2, 3, 4))}
    assert [outcomes[guid(n)].state for n in (1, 2, 3, 4)] == ["written", "refused", "gone", "refused"]
    assert outcomes[guid(2)].columns == ("name",)
    assert outcomes[guid(4)].message == "Ask Finance"
    assert b"odata.continue-on-error" in str(wire.calls[-1].request.headers).encode()
    assert wire.calls[-1].request.body.count(b"If-Match: *") == 4


def test_a_batch_whose_answer_is_lost_is_unknown_and_not_sent_again(wire, login, tables, several):
    tables()
    wire.post(UPDATE, body=requests.exceptions.ChunkedEncodingError("cut"))
    assert [o.state for o in login(auth="token").write(changes(1, 2))] == ["unknown"] * 2
    assert [c.request.url for c in wire.calls].count(UPDATE) == 1


def test_answers_in_parts_that_break_off_leave_every_record_unknown(wire, login, tables):
    tables()
    crm = login(auth="token")
    crm.describe("account")
    wire.get(FILTERS, json=page())
    wire.remove(responses.POST, f"{BASE}$batch")
    answered(wire, (204, None), (204, None), end=b"")
    assert [o.state for o in crm.write(changes(1, 2))] == ["unknown"] * 2


def test_only_what_met_a_deadlock_is_sent_again(wire, login, tables):
    tables()
    crm = login(auth="token")
    crm.describe("account")
    wire.get(FILTERS, json=page())
    wire.remove(responses.POST, f"{BASE}$batch")
    answered(wire, (204, None), (500, error("0x80044150", "Generic SQL error. Sql Number: 1205")))
    wire.patch(f"{BASE}accounts({guid(2)})", status=204)
    assert [o.state for o in crm.write(changes(1, 2))] == ["written"] * 2
    assert wire.calls[-1].request.method == "PATCH"


def test_a_throttled_org_is_not_asked_for_row_after_row(wire, login, tables, several):
    tables()
    wire.post(UPDATE, status=429, json=error("0x80072321", "Combined execution time"))
    with pytest.raises(UnreachableFault, match="try again later"):
        list(login(auth="token", http=HttpSettings(attempts=2)).write(changes(1, 2)))
    assert [c.request.url for c in wire.calls].count(UPDATE) == 2


def test_an_error_leaves_only_after_every_outcome_that_is_known(wire, login, tables, several):
    tables(definition(), definition("contact", "contacts"))
    wire.post(UPDATE, status=204)
    wire.post(f"{BASE}contacts/Microsoft.Dynamics.CRM.UpdateMultiple", status=401)
    seen = []
    with pytest.raises(AccessFault):
        for outcome in login(auth="token").write([*changes(1, 2), *changes(3, 4, record="contact")]):
            seen.append(outcome.id)
    assert sorted(seen) == [guid(1), guid(2)]


def test_a_batch_holds_five_hundred_of_one_record():
    sizes = [len(b) for b in batches([*changes(*range(1100)), *changes(*range(5), record="contact")])]
    assert sizes == [500, 500, 100, 5]


def test_children_of_one_parent_stay_in_one_batch():
    first = [w for n in range(400) for w in changes(n, group="a")]
    second = [w for n in range(400, 800) for w in changes(n, group="b")]
    assert [{w.group for w in b} for b in batches([*first, *second])] == [{"a"}, {"b"}]


def test_one_record_twice_is_written_one_after_the_other_though_threads_are_free(wire, login, tables):
    tables()
    under_way, most, later = [], [], threading.Event()

    def patched(request):
        under_way.append(request)
        later.wait(0.05)  # room for another to come in between
        most.append(len(under_way))
        under_way.remove(request)
        return 204, {}, ""

    wire.add_callback(responses.PATCH, f"{BASE}accounts({guid(1)})", patched)
    crm = login(auth="token")
    crm.client.parallel = 4
    outcomes = list(crm.write([*changes(1, name="first"), *changes(1, name="second")]))
    assert [o.state for o in outcomes] == ["written"] * 2
    assert [json.loads(c.request.body)["name"] for c in list(wire.calls)[-2:]] == ["first", "second"]
    assert most == [1, 1]
