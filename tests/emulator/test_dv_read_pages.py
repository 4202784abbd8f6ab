"""Pages, changes and reports: paging cookies, delta links, aggregates, FetchXML and SQL."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote
from xml.sax.saxutils import escape

import pytest
import requests
from dv_caller import Dataverse, refusal, serving

from connector.emulator.dynamics.odata.rows.paging import read_skiptoken

CRM = "Microsoft.Dynamics.CRM"
FORMATTED = "OData.Community.Display.V1.FormattedValue"
ALL = {"Prefer": 'odata.include-annotations="*"'}


@pytest.fixture(scope="module")
def call() -> Iterator[Dataverse]:
    """Seven accounts, of which two share a city and three have none, and five contacts of the first two."""
    with serving() as caller:
        org = caller.org
        cities = (None, "Bonn", "bonn", None, "Aachen & 50%41 <Nord>", "Celle", None)
        caller.accounts = [
            org.create(org.admin_id, "account", {"name": f"A{n}", "address1_city": city, "revenue": 100 * n})
            for n, city in enumerate(cities)
        ]
        caller.contacts = [
            org.create(org.admin_id, "contact", {"lastname": f"L{n}", "parentcustomerid": ("account", owner)})
            for n, owner in enumerate((*caller.accounts[:2], *caller.accounts[:2], caller.accounts[0]))
        ]
        org.update(org.admin_id, "account", caller.accounts[0], {"primarycontactid": caller.contacts[0]})
        yield caller


def pages(call: Dataverse, path: str, size: int, **headers: str) -> list[dict[str, Any]]:
    """All pages of a query, by following the links as they stand."""
    headers = {"Prefer": f"odata.maxpagesize={size}{headers.pop('prefer', '')}", **headers}
    found = [call("GET", path, headers=headers).json()]
    while "@odata.nextLink" in found[-1]:
        found.append(call.session.get(found[-1]["@odata.nextLink"], headers=headers, timeout=30).json())
    return found


def rows(found: list[dict[str, Any]], column: str) -> list[Any]:
    """One column of all pages."""
    return [row[column] for page in found for row in page["value"]]


def test_the_next_link_has_the_published_shape(call):
    page = call("GET", "accounts?$select=name", headers={"Prefer": "odata.maxpagesize=2"}).json()
    first, last = (guid.upper() for guid in call.accounts[:2])
    inner = f'<cookie page="1"><accountid last="{{{last}}}" first="{{{first}}}" /></cookie>'
    encoded = inner
    for _ in range(2):
        encoded = quote(encoded, safe="")
        for letters in ("3C", "3E", "3D", "2F", "7B", "7D"):
            encoded = encoded.replace(f"%{letters}", f"%{letters.lower()}")
    assert page["@odata.nextLink"] == (
        f"{call.root}accounts?$select=name&$skiptoken=%3Ccookie%20pagenumber=%222%22%20pagingcookie=%22{encoded}%22"
        "%20istracking=%22False%22%20/%3E"
    )


@pytest.mark.parametrize(
    "order", ["", "address1_city", "address1_city desc", "revenue desc", "_primarycontactid_value"]
)
def test_pages_show_every_row_once_in_any_order(call, order):
    path = "accounts?$select=name,address1_city" + (f"&$orderby={order}" if order else "")
    found = pages(call, path, 2)
    assert [len(page["value"]) for page in found] == [2, 2, 2, 1]
    assert rows(found, "name") == rows(pages(call, path, 5000), "name")
    assert sorted(rows(found, "name")) == [f"A{n}" for n in range(7)]


def test_rows_made_between_two_pages_move_nothing(call):
    org = call.org
    prefer = {"Prefer": "odata.maxpagesize=3"}
    page = call("GET", "accounts?$select=name&$orderby=name", headers=prefer).json()
    early = org.create(org.admin_id, "account", {"name": "A0 early"})
    rest = call.session.get(page["@odata.nextLink"], headers=prefer, timeout=30).json()
    org.delete(org.admin_id, "account", early)
    assert [row["name"] for row in rest["value"]] == ["A3", "A4", "A5"]


def test_top_counts_only_without_a_page_size(call):
    assert len(call("GET", "accounts?$select=name&$top=3").json()["value"]) == 3
    page = call("GET", "accounts?$select=name&$top=1", headers={"Prefer": "odata.maxpagesize=3"})
    assert len(page.json()["value"]) == 3
    assert page.headers["Preference-Applied"] == "odata.maxpagesize=3"


def test_a_damaged_cookie_is_refused(call):
    for token in ("nonsense", "<cookie pagenumber='2' pagingcookie='%3ccookie/%3e'/>"):
        assert refusal(call("GET", "accounts", params={"$skiptoken": token})) == (400, "0x80060888")


def test_tests_may_make_pages_small_and_links_point_elsewhere(call):
    call.steer(page_size=2, next_link_host="elsewhere.example")
    link = call("GET", "accounts?$select=name").json()["@odata.nextLink"]
    call.steer(page_size=None, next_link_host=None)
    assert link.startswith("http://elsewhere.example/api/data/v9.2/accounts?$select=name&$skiptoken=")


@pytest.fixture
def tracked() -> Iterator[Dataverse]:
    """An organisation whose changes one test makes alone."""
    with serving() as caller:
        org = caller.org
        caller.accounts = [org.create(org.admin_id, "account", {"name": f"T{n}"}) for n in range(5)]
        yield caller


def follow(call: Dataverse, link: str, **headers: str) -> dict[str, Any]:
    answer = call.session.get(link, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_delta_shows_what_changed_then_what_went(tracked):
    org, ids = tracked.org, tracked.accounts
    found = pages(tracked, "accounts?$select=name", 2, prefer=",odata.track-changes")
    assert rows(found, "name") == [f"T{n}" for n in range(5)]
    assert ["@odata.deltaLink" in page for page in found] == [False, False, True]
    link = found[-1]["@odata.deltaLink"]
    assert f"$select=name&$deltatoken={org.version}%21" in link
    assert follow(tracked, link)["value"] == []
    org.update(org.admin_id, "account", ids[3], {"name": "three"})
    org.delete(org.admin_id, "account", ids[1])
    org.update(org.admin_id, "account", ids[0], {"fax": "1"})
    org.delete(org.admin_id, "account", org.create(org.admin_id, "account", {"name": "brief"}))
    delta = follow(tracked, link)
    assert delta["@odata.context"] == f"{tracked.root}$metadata#accounts(name)/$delta"
    assert [row.get("name") for row in delta["value"]] == ["three", "T0", None, None]
    gone = {"@odata.context": f"{tracked.root}$metadata#accounts/$deletedEntity", "id": ids[1], "reason": "deleted"}
    assert delta["value"][2] == gone
    counted = tracked("GET", "accounts/$count?" + link.partition("?")[2].partition("&")[2])
    assert counted.text == "4"
    small = [follow(tracked, link, Prefer="odata.maxpagesize=1")]
    org.update(org.admin_id, "account", ids[2], {"name": "later"})
    org.delete(org.admin_id, "account", ids[4])
    while "@odata.nextLink" in small[-1]:
        small.append(follow(tracked, small[-1]["@odata.nextLink"], Prefer="odata.maxpagesize=1"))
    assert [row for page in small for row in page["value"]] == delta["value"]
    after = follow(tracked, small[-1]["@odata.deltaLink"])["value"]
    assert [row.get("name", row.get("id")) for row in after] == ["later", ids[4]]


def test_a_change_while_pages_are_read_comes_with_the_next_delta(tracked):
    org = tracked.org
    prefer = {"Prefer": "odata.track-changes,odata.maxpagesize=3"}
    first = tracked("GET", "accounts?$select=name", headers=prefer)
    assert first.headers["Preference-Applied"] == "odata.maxpagesize=3,odata.track-changes"
    org.update(org.admin_id, "account", tracked.accounts[0], {"name": "meanwhile"})
    last = follow(tracked, first.json()["@odata.nextLink"], **prefer)
    assert [row["name"] for row in follow(tracked, last["@odata.deltaLink"])["value"]] == ["meanwhile"]


def test_a_stale_token_is_refused(tracked):
    tracking = {"Prefer": "odata.track-changes"}
    link = tracked("GET", "accounts?$select=name", headers=tracking).json()["@odata.deltaLink"]
    tracked.steer(tracking_expired=True)
    assert refusal(tracked.session.get(link, timeout=30)) == (400, "0x80044352")


@pytest.mark.parametrize("option", ["filter=name eq 'x'", "orderby=name", "expand=owninguser", "top=1"])
def test_options_that_change_tracking_lacks_are_refused(call, option):
    answer = call("GET", f"accounts?${option}", headers={"Prefer": "odata.track-changes"})
    name = option.partition("=")[0]
    message = f'The "{name}" query parameter isn\'t supported when Change Tracking is enabled.'
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, message)


def test_a_table_without_change_tracking_is_refused(call):
    answer = call("GET", "connections", headers={"Prefer": "odata.track-changes"})
    assert refusal(answer) == (400, "0x80072491")


def aggregate(call: Dataverse, text: str, **headers: str) -> list[dict[str, Any]]:
    answer = call("GET", "accounts", params={"$apply": text}, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["@odata.context"] == f"{call.root}$metadata#accounts"
    return list(answer.json()["value"])


def test_rows_are_aggregated_and_grouped(call):
    total = aggregate(call, "aggregate(revenue with sum as total,revenue with average as mean,$count as n)", **ALL)[0]
    assert (total["total"], total["mean"], total["n"]) == (2100.0, 300.0, 7)
    assert total[f"total@{FORMATTED}"] == "€2,100.00"
    groups = aggregate(call, "filter(revenue gt 0)/groupby((address1_city),aggregate($count as n))")
    assert groups == [{"n": 2}, {"address1_city": "Aachen & 50%41 <Nord>", "n": 1},
                      {"address1_city": "Bonn", "n": 2}, {"address1_city": "Celle", "n": 1}]  # fmt: skip
    by_name = aggregate(call, "groupby((primarycontactid/fullname),aggregate(revenue with max as most))")
    assert by_name == [{"most": 600.0}, {"contact_fullname": "L0", "most": 0.0}]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("$apply=groupby((createdon))", "0x80060888"),
        ("$apply=groupby((statuscode),aggregate($count as n))&$orderby=n", "0x80060888"),
        ("$apply=aggregate(name with sum as x)", "0x80060888"),
        ("$apply=topcount(1,revenue)", "0x80060888"),
    ],
)
def test_aggregates_that_the_service_lacks_are_refused(call, query, code):
    assert refusal(call("GET", f"accounts?{query}")) == (400, code)


def test_an_aggregate_over_too_many_rows_is_refused(call):
    call.org.set_setting("aggregate_limit", 5)
    answer = call("GET", "accounts?$apply=aggregate($count as n)")
    call.org.set_setting("aggregate_limit", 50_000)
    assert refusal(answer) == (400, "0x8004E023")


def fetched(call: Dataverse, xml: str, path: str = "accounts", **headers: str) -> requests.Response:
    return call("GET", path, params={"fetchXml": xml}, headers=headers)


def test_fetchxml_joins_and_leaves_out_what_is_empty(call):
    xml = """<fetch><entity name='account'><attribute name='name'/><attribute name='address1_city'/>
      <attribute name='primarycontactid'/><order attribute='name'/>
      <filter type='or'><condition attribute='name' operator='in'><value>a0</value><value>A5</value></condition>
      </filter>
      <link-entity name='contact' from='contactid' to='primarycontactid' link-type='outer' alias='c'>
        <attribute name='lastname'/><attribute name='parentcustomerid'/></link-entity></entity></fetch>"""
    answer = fetched(call, xml, **ALL).json()
    first, second = answer["value"]
    assert set(second) == {"@odata.etag", "name", "address1_city", "accountid"}
    assert (first["_primarycontactid_value"], first["c.lastname"]) == (call.contacts[0], "L0")
    assert first["c.parentcustomerid"] == call.accounts[0]
    assert first[f"c.parentcustomerid@{CRM}.lookuplogicalname"] == "account"
    assert "address1_city" not in first
    assert f"@{CRM}.morerecords" not in answer
    inner = xml.replace("link-type='outer'", "")
    assert len(fetched(call, inner).json()["value"]) == 1


def test_fetchxml_is_paged_by_its_cookie(call):
    shape = "<fetch count='2' page='{}'{}><entity name='account'><attribute name='name'/>{}</entity></fetch>"
    order, seen, cookie, page = "<order attribute='address1_city' descending='true'/>", [], "", 1
    while True:
        answer = fetched(call, shape.format(page, cookie, order), **ALL).json()
        seen += [row["name"] for row in answer["value"]]
        text = answer.get(f"@{CRM}.fetchxmlpagingcookie")
        assert (text is None) == (f"@{CRM}.morerecords" not in answer)
        if text is None:
            break
        assert text.startswith(
            f'<cookie pagenumber="{page + 1}" pagingcookie="%253ccookie%2520page%253d%2522{page}%2522'
        )
        inner = unquote(unquote(text.split('pagingcookie="')[1].split('"')[0]))
        cookie, page = f" paging-cookie='{escape(inner, {chr(39): '&apos;'})}'", page + 1
    assert seen == ["A5", "A1", "A2", "A4", "A0", "A3", "A6"]


def test_an_order_of_a_joined_table_gives_no_cookie(call):
    xml = """<fetch count='2'><entity name='contact'><attribute name='lastname'/>
      <link-entity name='account' from='accountid' to='parentcustomerid' alias='a'>
      <order attribute='name' descending='true'/></link-entity></entity></fetch>"""
    answer = fetched(call, xml, "contacts", **ALL).json()
    assert [row["lastname"] for row in answer["value"]] == ["L1", "L3"]
    assert answer[f"@{CRM}.morerecords"] is True
    assert f"@{CRM}.fetchxmlpagingcookie" not in answer


def test_fetchxml_aggregates(call):
    xml = """<fetch aggregate='true'><entity name='account'>
      <attribute name='accountid' alias='n' aggregate='count'/><attribute name='revenue' alias='s' aggregate='sum'/>
      <attribute name='createdon' alias='year' groupby='true' dategrouping='year'/><order alias='n'/>
      </entity></fetch>"""
    (row,) = fetched(call, xml).json()["value"]
    assert (row["n"], row["s"], row["year"]) == (7, 2100.0, call.org.clock().year)
    distinct = "<fetch distinct='true'><entity name='account'><attribute name='statecode'/></entity></fetch>"
    assert fetched(call, distinct).json()["value"] == [{"statecode": 0}]
    some = """<fetch top='2'><entity name='account'><attribute name='name'/><filter>
      <condition attribute='revenue' operator='between'><value>200</value><value>600</value></condition>
      <condition attribute='name' operator='not-like' value='%4'/><condition attribute='name' operator='last-x-days'
      value='3'/></filter></entity></fetch>"""
    assert refusal(fetched(call, some)) == (400, "0x80060888")
    plain = some.replace("attribute='name' operator='last", "attribute='createdon' operator='last")
    assert [row["name"] for row in fetched(call, plain).json()["value"]] == ["A2", "A3"]


def test_fetchxml_asks_for_rows_that_have_or_lack_related_rows(call):
    xml = """<fetch><entity name='account'><attribute name='name'/><filter><link-entity name='contact'
      from='parentcustomerid' to='accountid' link-type='{}'><filter><condition attribute='lastname' operator='eq'
      value='L1'/></filter></link-entity></filter></entity></fetch>"""
    assert [row["name"] for row in fetched(call, xml.format("any")).json()["value"]] == ["A1"]
    assert len(fetched(call, xml.format("not any")).json()["value"]) == 6


@pytest.mark.parametrize(
    ("xml", "code"),
    [
        ("<fetch", "0x80060888"),
        ("<fetch><entity name='contact'/></fetch>", "0x80060888"),
        ("<fetch><entity name='account'><attribute name='nope'/></entity></fetch>", "0x80041103"),
        ("<fetch><entity name='account'><link-entity name='nope' from='a' to='b'/></entity></fetch>", "0x80041102"),
    ],
)
def test_fetchxml_that_cannot_be_read_is_refused(call, xml, code):
    assert refusal(fetched(call, xml)) == (400, code)


def test_a_view_is_run_by_its_id(call):
    org = call.org
    xml = """<fetch><entity name='account'><attribute name='name'/><filter>
      <condition attribute='name' operator='eq' value='A6'/></filter></entity></fetch>"""
    view = org.create(org.admin_id, "savedquery", {"name": "Six", "returnedtypecode": "account", "fetchxml": xml})
    answer = call("GET", f"accounts?savedQuery={view}")
    assert [row["name"] for row in answer.json()["value"]] == ["A6"]


def selected(call: Dataverse, sql: str, **headers: str) -> requests.Response:
    return call("GET", "accounts", params={"sql": sql}, headers=headers)


def test_sql_selects_and_joins(call):
    sql = """SELECT a.name AS firm, c.lastname FROM account AS a
      INNER JOIN contact c ON a.accountid = c.parentcustomerid
      WHERE (c.lastname LIKE 'l%' AND a.statecode <> 1) AND a.revenue BETWEEN 0 AND 50 ORDER BY c.lastname DESC"""
    answer = selected(call, sql, **ALL).json()
    assert answer["@odata.context"] == f"{call.root}$metadata#accounts(accountid,firm,lastname)"
    first = answer["value"][0]
    assert list(first)[:1] == ["@odata.etag"]
    assert (first["firm"], first["firm@OData.Community.Display.V1.AttributeName"]) == ("A0", "name")
    assert [row["lastname"] for row in answer["value"]] == ["L4", "L2", "L0"]
    recent = "SELECT name FROM account WHERE createdon > DATEADD(day, -1, GETUTCDATE()) AND address1_city IS NULL"
    assert len(selected(call, recent).json()["value"]) == 3


def test_sql_groups_and_pages(call):
    cities = "address1_city IN ('bonn', 'Celle') GROUP BY address1_city"
    grouped = f"SELECT address1_city, COUNT(*) AS n FROM account WHERE {cities}"
    assert [row["n"] for row in selected(call, grouped).json()["value"]] == [2, 1]
    path = "accounts?sql=" + quote("SELECT name FROM account ORDER BY name DESC")
    assert rows(pages(call, path, 3), "name") == [f"A{n}" for n in reversed(range(7))]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM account",
        "SELECT TOP 3 name FROM account",
        "SELECT name FROM account WHERE accountid IN (SELECT accountid FROM account)",
        "SELECT name FROM account UNION SELECT name FROM account",
        "SELECT name, COUNT(*) FROM account GROUP BY name HAVING COUNT(*) > 1",
        "SELECT name FROM account RIGHT JOIN contact ON account.accountid = contact.parentcustomerid",
        "SELECT name FROM account WHERE 1 = 1",
        "SELECT lastname FROM contact",
        "DELETE FROM account",
    ],
)
def test_sql_beyond_the_documented_part_is_refused(call, sql):
    assert refusal(selected(call, sql)) == (400, "0x80060888")


def test_a_cookie_gives_back_the_values_it_was_made_of(call):
    found = pages(call, "accounts?$select=name&$orderby=address1_city desc", 4)
    link = call("GET", "accounts?$select=name&$orderby=address1_city desc", headers={"Prefer": "odata.maxpagesize=4"})
    token = unquote(link.json()["@odata.nextLink"].partition("$skiptoken=")[2])
    assert read_skiptoken(token).last[0] == "Aachen & 50%41 <Nord>"
    assert rows(found, "name") == ["A5", "A1", "A2", "A4", "A0", "A3", "A6"]
