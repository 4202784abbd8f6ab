"""Whole exports into the emulated Dataverse organisation, and its guids."""

import threading

import pytest

from connector.emulator.dynamics.org.records import Org
from connector.emulator.dynamics.org.rows.bulk import Unreadable

GUID = "{}0000000-0000-4000-8000-00000000000{}"


@pytest.fixture(scope="module")
def org() -> Org:
    """One organisation for the module; every test loads its own rows."""
    return Org()


def test_loaded_rows_keep_what_they_bring_and_get_the_rest(org: Org) -> None:
    account, stamp = GUID.format("a", 1), "2024-02-29T10:00:00Z"
    columns = ["accountid", "name", "revenue", "createdon", "modifiedon", "statuscode", "donotemail"]
    loaded = org.bulk_load("account", columns, [
        (account.upper(), "Acme", "12.5", "2020-01-02", stamp, "2", "yes"),
        (GUID.format("a", 2), "", None, "", "", "", ""),
    ])  # fmt: skip
    row, other = (org.get(org.admin_id, "account", GUID.format("a", number)) for number in (1, 2))
    assert (loaded, row["accountid"], row["createdon"], row["modifiedon"]) == (
        2,
        account,
        "2020-01-02T00:00:00Z",
        stamp,
    )
    assert (row["revenue"], row["revenue_base"], row["exchangerate"]) == (12.5, 12.5, 1)
    assert (row["statecode"], row["statuscode"], row["donotemail"], row["ownerid.type"]) == (1, 2, 1, "systemuser")
    assert (other["name"], other["statecode"], other["statuscode"], other["createdby"]) == (None, 0, 1, org.admin_id)
    assert other["createdon"] == other["modifiedon"] and row["versionnumber"] != other["versionnumber"]


def test_ids_without_a_table_find_the_row_they_mean(org: Org) -> None:
    account = org.create(org.admin_id, "account", {"name": "A"})
    contact = org.create(org.admin_id, "contact", {"lastname": "B"})
    columns = ["contactid", "lastname", "firstname", "parentcustomerid"]
    cells = [account.upper(), contact, ("contact", GUID.format("f", 1)), ""]
    org.bulk_load("contact", columns, [(GUID.format("c", n), "L", "F", cell) for n, cell in enumerate(cells)])
    rows = [org.get(org.admin_id, "contact", GUID.format("c", number)) for number in range(4)]
    assert [row["parentcustomerid.type"] for row in rows] == ["account", "contact", "contact", None]
    assert [row["accountid"] for row in rows] == [account, None, None, None]
    assert [row["parentcontactid"] for row in rows] == [None, contact, GUID.format("f", 1), None]
    assert rows[0]["fullname"] == "F L"


def test_the_first_cell_that_cannot_be_read_is_named_and_nothing_stays(org: Org) -> None:
    before = org.rows('SELECT COUNT(*) FROM "account"')
    with pytest.raises(Unreadable) as caught:
        org.bulk_load("account", ["name", "numberofemployees"], [("A", "1"), ("B", "many"), ("C", "x")])
    assert (caught.value.row, caught.value.column.name, caught.value.value) == (1, "numberofemployees", "many")
    with pytest.raises(ValueError, match="row 1: 1 values for 2 columns"):
        org.bulk_load("account", ["name", "sic"], [("A", "1"), ("B",)])
    assert org.rows('SELECT COUNT(*) FROM "account"') == before


def test_loaded_activities_show_among_all_activities(org: Org) -> None:
    made = GUID.format("d", 1)
    org.bulk_load("task", ["activityid", "subject", "statecode"], [(made, "s", 1)])
    pointer = org.get(org.admin_id, "activitypointer", made)
    assert (pointer["activitytypecode"], pointer["statecode"], pointer["statuscode"]) == ("task", 1, 2)
    assert org.get(org.admin_id, "task", made)["statuscode"] == 5


def test_loaded_connections_are_paired_or_get_their_reverse(org: Org) -> None:
    one, other = (org.create(org.admin_id, "account", {"name": name}) for name in ("A", "B"))
    columns = ["connectionid", "record1id", "record2id"]
    pair = [(GUID.format("b", 1), one, other), (GUID.format("b", 2), other, one)]
    org.bulk_load("connection", columns, [*pair, (GUID.format("b", 3), one, one)])
    rows = [org.get(org.admin_id, "connection", GUID.format("b", number)) for number in (1, 2, 3)]
    assert [row["relatedconnectionid"] for row in rows[:2]] == [rows[1]["connectionid"], rows[0]["connectionid"]]
    assert ([row["ismaster"] for row in rows], [row["name"] for row in rows]) == ([1, 0, 1], ["B", "A", "A"])
    assert org.rows('SELECT COUNT(*) FROM "connection" WHERE ? IN ("record1id", "record2id")', one) == [(4,)]


def test_the_base_currency_of_an_export_takes_the_place_of_our_own() -> None:
    org = Org()
    euro = GUID.format("e", 1)
    columns = ["transactioncurrencyid", "currencyname", "isocurrencycode", "currencysymbol", "exchangerate"]
    org.bulk_load(
        "transactioncurrency", columns, [(euro, "Euro", "EUR", "€", 1), (GUID.format("e", 2), "X", "X", "x", 2)]
    )
    assert (org.currency_id, org.rows('SELECT "basecurrencyid" FROM "organization"')) == (euro, [(euro,)])
    org.bulk_load("account", ["accountid", "revenue", "transactioncurrencyid"], [
        (GUID.format("e", 3), "10", GUID.format("e", 2)), (GUID.format("e", 4), "10", ""),
    ])  # fmt: skip
    found = org.rows('SELECT "revenue_base", "exchangerate" FROM "account" ORDER BY "accountid"')
    assert found == [(5, 2), (10, 1)]


def test_guids_sort_in_the_order_made_and_keep_clear_of_loaded_ones() -> None:
    org, twin = Org(), Org()
    made = [org.new_guid(name) for name in ("account", "contact", "account")]
    assert made == sorted(made) == [twin.new_guid("x") for _ in range(3)]
    ahead = [twin.new_guid("x") for _ in range(50)][-1]
    org.bulk_load("account", ["accountid", "name", "versionnumber"], [(ahead, "A", 5_000_000)])
    assert org.new_guid("account") > ahead and org.version >= 5_000_000


def test_threads_may_share_an_organisation(org: Org) -> None:
    start = threading.Barrier(4)
    made: list[str] = []

    def work(number: int) -> None:
        start.wait()
        for index in range(10):
            made.append(org.create(org.admin_id, "account", {"name": f"{number}-{index}"}))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = [org.get(org.admin_id, "account", one) for one in made]
    assert len({row["versionnumber"] for row in rows}) == len({row["accountid"] for row in rows}) == 40
