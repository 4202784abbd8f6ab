"""Awkward pages of a Dynamics far away: links, tokens and values, and that nothing is believed that should not be."""

import json
from urllib.parse import unquote, urlsplit

import dataverse_wire as far
import pytest
import requests
import responses
from dataverse_wire import BASE, DELTA, HOST, NAMES, ROW, attribute, definition, error, guid, page, query, read

from connector.crm.protocol import ReadRequest
from connector.errors import AccessFault, UnreachableFault, UsageFault


def test_values_come_as_people_know_them(wire, login, tables):
    currency = definition(
        "transactioncurrency",
        "transactioncurrencies",
        [attribute("transactioncurrencyid", "Uniqueidentifier"), attribute("isocurrencycode", "String")],
        [],
    )
    tables(definition(), currency)
    one = {
        "accountid": guid(1), "industrycode": 1, "kam_tags": "10,20", "kam_flag": True,
        "_parentaccountid_value": guid(2), "_customerid_value": guid(3), "_transactioncurrencyid_value": guid(9),
        "_parentaccountid_value@OData.Community.Display.V1.FormattedValue": "Parent",
        "_customerid_value@Microsoft.Dynamics.CRM.lookuplogicalname": "contact",
    }  # fmt: skip
    empty = dict.fromkeys(k for k in one if "@" not in k) | {"accountid": guid(4), "industrycode": 77}
    wire.get(f"{BASE}accounts", json=page(one, empty, deltaLink=f"{BASE}accounts{DELTA}"))
    wire.get(f"{BASE}transactioncurrencies", json=page({"transactioncurrencyid": guid(9), "isocurrencycode": "EUR"}))
    fields = (
        "accountid", "IndustryCode", "industrycode.value", "kam_tags", "kam_flag", "parentaccountid",
        "parentaccountid.name", "customerid_account", "customerid_contact", "transactioncurrencyid.isocurrencycode",
    )  # fmt: skip
    crm = login(auth="token")
    assert read(crm, ReadRequest("account", fields)) == [
        (guid(1), "Steel", 1, "Old;Big", True, guid(2), "Parent", None, guid(3), "EUR"),
        (guid(4), "77", 77, None, None, None, None, None, None, None),
    ]
    calls = crm.client.session.calls
    read(crm, ReadRequest("account", fields))
    assert crm.client.session.calls == calls + 1


def test_annotations_are_asked_for_only_where_they_are_needed(wire, login, tables):
    tables()
    wire.get(f"{BASE}accounts", json=page(deltaLink=f"{BASE}accounts{DELTA}"))
    crm = login(auth="token")
    read(crm)
    assert wire.calls[-1].request.headers["Prefer"] == "odata.maxpagesize=5000,odata.track-changes"
    read(crm, ReadRequest("account", ("customerid_account",)))
    assert 'include-annotations="Microsoft.Dynamics.CRM.lookuplogicalname"' in wire.calls[-1].request.headers["Prefer"]


def test_a_column_of_another_table_is_joined_and_not_tracked(wire, login, tables):
    tables()
    row = {"accountid": guid(1), "modifiedon": "2026-05-01T07:00:00Z"}
    wire.get(
        f"{BASE}accounts",
        json=page(row | {"parentaccountid": {"industrycode": 1}}, row | {"parentaccountid": None}),
    )
    rows = read(login(auth="token"), ReadRequest("account", ("accountid", "parentaccountid.industrycode")))
    assert rows == [(guid(1), "Steel"), (guid(1), None)]
    assert query(wire.calls[-1])["$expand"] == "parentaccountid($select=industrycode)"
    assert "track" not in wire.calls[-1].request.headers["Prefer"]


def test_changes_and_deletions_are_read_behind_the_link_of_the_last_read(wire, login, tables):
    tables()
    wire.get(f"{BASE}accounts", json=page(ROW, deltaLink=f"{BASE}accounts{DELTA}"))
    crm = login(auth="token")
    *_, last = crm.read(NAMES, None)
    gone = {"@odata.context": f"{BASE}$metadata#accounts/$deletedEntity", "id": guid(2), "reason": "deleted"}
    wire.replace(responses.GET, f"{BASE}accounts", json=page(ROW, gone, deltaLink=f"{BASE}accounts{DELTA}1"))
    batches_ = list(crm.read(NAMES, last.cursor))
    assert [b.rows for b in batches_] == [[(guid(1), "Ada")], []]
    assert batches_[0].deleted == [guid(2)]
    assert not any(b.restart for b in batches_)
    assert unquote(wire.calls[-1].request.url) == f"{BASE}accounts{DELTA}"


def test_an_expired_change_token_starts_over_and_says_so(wire, login, tables):
    tables()
    wire.get(f"{BASE}accounts", json=page(ROW, deltaLink=f"{BASE}accounts{DELTA}"))
    crm = login(auth="token")
    *_, last = crm.read(NAMES, None)
    wire.replace(responses.GET, f"{BASE}accounts", status=400, json=error("0x80044352", "expired"))
    wire.get(f"{BASE}accounts", json=page(ROW, deltaLink=f"{BASE}accounts{DELTA}"))
    first, *others = crm.read(NAMES, last.cursor)
    assert (first.restart, first.rows, "expired" in first.note) == (True, [], True)
    assert [r for b in others for r in b.rows] == [(guid(1), "Ada")]
    assert others[-1].cursor == last.cursor


def test_a_choice_that_got_another_name_is_read_anew(wire, login, tables):
    tables()
    request = ReadRequest("account", ("accountid", "industrycode"))
    wire.get(f"{BASE}accounts", json=page(deltaLink=f"{BASE}accounts{DELTA}"))
    *_, last = login(auth="token").read(request, None)
    wire.remove(responses.POST, f"{BASE}$batch")
    option = {"LogicalName": "industrycode", "OptionSet": {"Options": [{"Value": 1, "Label": far.label("Metal")}]}}
    tables(details={"Picklist": [option]})
    assert next(login(auth="token").read(request, last.cursor)).restart


def test_a_user_who_may_not_track_changes_reads_by_stamp(wire, login, tables):
    tables()
    wire.get(f"{BASE}accounts", status=403, json=error("0x80040220", "is missing prvReadAccount at organization level"))
    wire.get(f"{BASE}accounts", json=page(ROW))
    crm = login(auth="token")
    *_, last = crm.read(NAMES, None)
    assert json.loads(last.cursor)["stamp"]
    assert [b.alive for b in crm.read(NAMES, last.cursor)][1] == [guid(1)]


def test_a_read_by_stamp_begins_a_little_before_and_brings_every_id_besides(wire, login, tables):
    tables(definition(ChangeTrackingEnabled=False))
    dated = {"Date": "Fri, 01 May 2026 08:00:00 GMT"}
    wire.get(f"{BASE}accounts", json=page(ROW), headers=dated)
    crm = login(auth="token")
    read(crm)
    *_, last = crm.read(NAMES, None)
    found = list(crm.read(NAMES, last.cursor))
    assert [b.alive for b in found] == [None, [guid(1)], None]
    changed, keys = (query(c) for c in list(wire.calls)[-2:])
    assert changed["$filter"].startswith("modifiedon ge 2026-05-01T07:50:0")
    assert keys == {"$select": "accountid", "$orderby": "accountid"}


def test_a_table_without_stamps_is_read_by_version(wire, login, tables):
    plain = [attribute("partyid", "Uniqueidentifier"), attribute("versionnumber", "BigInt")]
    tables(definition("party", "parties", plain, [], ChangeTrackingEnabled=False))
    wire.get(f"{BASE}parties", json=page({"partyid": guid(1), "versionnumber": 5000}))
    crm, request = login(auth="token"), ReadRequest("party", ("partyid",))
    *_, last = crm.read(request, None)
    assert [b.alive for b in crm.read(request, last.cursor)] == [None, [guid(1)], None]
    assert query(wire.calls[-2])["$filter"] == "versionnumber ge 4000"


def test_a_table_without_stamp_and_version_is_read_whole_each_time(wire, login, tables):
    tables(definition("party", "parties", [attribute("partyid", "Uniqueidentifier")], [], ChangeTrackingEnabled=False))
    wire.get(f"{BASE}parties", json=page({"partyid": guid(1)}))
    crm, request = login(auth="token"), ReadRequest("party", ("partyid",))
    *_, last = crm.read(request, None)
    assert [(b.rows, b.alive) for b in crm.read(request, last.cursor)] == [([(guid(1),)], [guid(1)]), ([], None)]


@pytest.mark.parametrize("name", ["nextLink", "deltaLink"])
@pytest.mark.parametrize("link", ["https://evil.example/next", f"http://{urlsplit(HOST).netloc}/next"])
def test_a_link_elsewhere_is_not_followed(wire, login, tables, name, link):
    tables()
    wire.get(f"{BASE}accounts", json=page(ROW, **{name: link}))
    with pytest.raises(AccessFault, match="does not follow"):
        read(login(auth="token"))
    assert all(call.request.url.startswith(HOST) for call in wire.calls)


@pytest.mark.parametrize("body", ["", "<html>maintenance</html>", "[]", '{"value":1}'])
def test_an_answer_that_is_no_page_ends_as_unreachable_and_not_as_no_rows(wire, login, tables, body):
    tables()
    wire.get(f"{BASE}accounts", body=body)
    with pytest.raises(UnreachableFault, match="try again later") as raised:
        read(login(auth="token"))
    assert "maintenance</html>" not in str(raised.value)


@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 429, "json": error("0x80072322", "Number of requests exceeded"), "headers": {"Retry-After": "7"}},
        {"status": 503},
        {"status": 500, "json": error("0x80044150", "Generic SQL error. Sql Number: 1205")},
        {"body": requests.exceptions.ChunkedEncodingError("cut")},
        {"body": '{"value":[{"acc', "content_type": "application/json"},
    ],
)
def test_a_read_outlasts_what_passes(wire, login, tables, trouble):
    tables()
    wire.get(f"{BASE}accounts", **trouble)
    wire.get(f"{BASE}accounts", json=page(ROW, deltaLink=f"{BASE}accounts{DELTA}"))
    assert len(read(login(auth="token"))) == 1


def test_a_server_that_asks_for_patience_gets_as_much(wire, login, tables):
    tables()
    wire.get(f"{BASE}accounts", status=429, json=error("0x80072326"), headers={"Retry-After": "17"})
    wire.get(f"{BASE}accounts", json=page(deltaLink=f"{BASE}accounts{DELTA}"))
    crm, pauses = login(auth="token"), []
    crm.client.session.sleep = pauses.append
    read(crm)
    assert pauses == [17.0]


def test_records_are_counted_to_the_last_where_the_count_stops_counting(wire, login, tables):
    tables()
    wire.get(f"{BASE}accounts/$count", body=b"\xef\xbb\xbf5000", content_type="text/plain")
    wire.get(f"{BASE}accounts", json=page({"accountid": guid(1)}, nextLink=f"{BASE}more"))
    wire.get(f"{BASE}more", json=page({"accountid": guid(2)}))
    assert login(auth="token").count("account") == 2


@pytest.mark.parametrize(
    "since", ["gibberish", "[]", "{}", '{"asked":"x","stamp":"tomorrow"}', '{"asked":"x","delta":"u"}']
)
def test_a_cursor_that_cannot_be_read_says_how_to_begin_anew(login, tables, since):
    tables()
    with pytest.raises(UsageFault, match="kam pull --full"):
        read(login(auth="token"), since=since)
