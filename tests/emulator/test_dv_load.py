"""Exports in the words of Dynamics 365: what a folder of CSV files becomes, and how a bad file is told."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from connector.emulator.dynamics.load import load
from connector.emulator.dynamics.org.records import Org
from connector.emulator.export import LoadError

ONE, TWO, THREE = (f"{n}{n}{n}{n}{n}{n}{n}{n}-0000-4000-8000-00000000000{n}" for n in (1, 2, 3))


class _UndoneError(Exception):
    """Takes back what a test did to the shared org."""


@pytest.fixture(scope="module")
def shared() -> Iterator[Org]:
    org = Org()
    yield org
    org.db.close()


@pytest.fixture
def org(shared: Org) -> Iterator[Org]:
    with suppress(_UndoneError), shared.transaction():
        yield shared
        raise _UndoneError


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.csv").write_bytes(text.encode())
    return folder


def only(org: Org, table: str) -> dict[str, object]:
    found = org.dicts(f'SELECT * FROM "{table}"')
    assert len(found) == 1
    return dict(found[0])


def test_rows_keep_their_ids_and_stamps_in_whatever_spelling_they_come(org: Org, tmp_path: Path) -> None:
    key = f"{{{ONE.upper()}}}"
    write(tmp_path, account=f'\ufeff"accountid","name","createdon"\r\n{key},"شركة 🚀, Köln",2020-01-02T03:04:05Z\r\n')
    assert load(org, tmp_path).rows == {"account": 1}
    row = only(org, "account")
    assert (row["accountid"], row["name"], row["createdon"]) == (ONE, "شركة 🚀, Köln", "2020-01-02T03:04:05Z")
    assert row["ownerid"] == org.admin_id


def test_labels_become_options_that_the_choice_lacked(org: Org, tmp_path: Path) -> None:
    before = {option.label: option.value for option in org.table("account").column("industrycode").options}
    write(tmp_path, account="name,industry_label\nA,Warehouse\nB,Insurance\nC,\nD,Warehouse\n")
    load(org, tmp_path)
    options = {option.label: option.value for option in org.table("account").column("industrycode").options}
    assert options.keys() - before.keys() == {"Warehouse"}
    held = org.rows("SELECT industrycode FROM account ORDER BY name")
    assert held == [(options["Warehouse"],), (before["Insurance"],), (None,), (options["Warehouse"],)]


def test_labels_of_no_known_choice_make_a_new_one(org: Org, tmp_path: Path) -> None:
    write(tmp_path, account="name,shoe_label\nA,Large\nB,Small\n")
    load(org, tmp_path)
    column = org.table("account").column("new_shoe")
    assert (column.type, [option.label for option in column.options]) == ("picklist", ["Large", "Small"])


@pytest.mark.parametrize(
    ("values", "kind", "detail"),
    [
        (["true", "FALSE", ""], "boolean", ""), (["1", "-20", ""], "integer", ""), (["1.50", "2"], "decimal", "2"),
        (["3000000000"], "decimal", "0"), (["1e30"], "double", "5"), (["2020-01-31", ""], "datetime", "DateOnly"),
        (["2020-01-31T10:00:00Z"], "datetime", "UserLocal"), (["007"], "string", ""), (["", ""], "string", ""),
        (["x" * 4001], "memo", ""), ([ONE], "lookup", "account"), ([THREE], "uniqueidentifier", ""),
    ],
)  # fmt: skip
def test_an_unknown_column_becomes_a_custom_column_of_the_narrowest_type(
    org: Org, tmp_path: Path, values: list[str], kind: str, detail: str
) -> None:
    rows = "".join(f"A{number},{value}\n" for number, value in enumerate(values))
    write(tmp_path, contact="lastname,Extra\n" + rows, account=f"accountid,name\n{ONE},A\n")
    load(org, tmp_path)
    column = org.table("contact").column("new_extra")
    told = {"decimal": str(column.precision), "double": str(column.precision), "datetime": column.behavior}
    assert (column.type, column.custom) == (kind, True)
    assert told.get(kind, "".join(column.targets)) == detail
    assert org.rows("SELECT COUNT(new_extra) FROM contact") == [(sum(map(bool, values)),)]


def test_a_lookup_finds_its_table_by_the_id_it_holds(org: Org, tmp_path: Path) -> None:
    write(
        tmp_path,
        account=f"accountid,name\n{ONE},A\n",
        contact=f"contactid,lastname,_parentcustomerid_value\n{TWO},B,{ONE.upper()}\n",
        opportunity=f"name,customerid,customeridtype\nDeal,{TWO},contact\n",
        task=f"subject,regardingobjectid\nCall,{TWO}\n",
    )
    notes = load(org, tmp_path).notes
    assert only(org, "contact")["accountid"] == ONE
    assert only(org, "opportunity")["contactid"] == TWO
    assert only(org, "task")["regardingobjectid.type"] == "contact"
    assert notes == ["opportunity.csv: column customeridtype left aside; it repeats what other columns hold"]


def test_amounts_are_in_the_base_currency_unless_the_export_says_otherwise(org: Org, tmp_path: Path) -> None:
    write(tmp_path, account="name,revenue\nA,1500.50\n")
    load(org, tmp_path)
    row = only(org, "account")
    assert (row["transactioncurrencyid"], row["exchangerate"], row["revenue_base"]) == (org.currency_id, 1.0, 1500.5)


def test_deals_without_a_probability_get_that_of_their_phase_and_a_note_says_so(org: Org, tmp_path: Path) -> None:
    deals = "A,Prospecting,0\nB,Odd phase,0\nC,Odd phase,1\nD,Closed Lost,2\n"
    write(tmp_path, opportunity="name,stepname,statecode\n" + deals)
    notes = load(org, tmp_path).notes
    held = org.rows("SELECT closeprobability FROM opportunity ORDER BY name")
    assert held == [(10,), (None,), (100,), (0,)]
    assert len(notes) == 1 and "closeprobability" in notes[0]


def test_a_table_with_a_prefix_is_made_and_may_be_looked_up(org: Org, tmp_path: Path) -> None:
    write(
        tmp_path,
        new_gap=f"new_gapid,new_name,size\n{ONE},Pumps,3\n",
        account=f"name,gap\nA,{ONE}\n",
    )
    load(org, tmp_path)
    assert org.table("account").column("new_gap").targets == ("new_gap",)
    assert only(org, "new_gap")["new_size"] == 3
    assert org.can(org.admin_id, "new_gap", "Write")


def test_a_table_without_a_prefix_is_refused_with_advice(org: Org, tmp_path: Path) -> None:
    write(tmp_path, gadget="name\nA\n")
    with pytest.raises(LoadError, match=r"gadget.csv line 1: the org has no table 'gadget'; rename the file to new_g"):
        load(org, tmp_path)


def test_a_lookup_to_nothing_is_kept_and_noted(org: Org, tmp_path: Path) -> None:
    write(tmp_path, account=f"name,parentaccountid\nA,{ONE}\nB,\n")
    assert load(org, tmp_path).notes == [
        "account.csv: 1 rows have a parentaccountid that no file brings; it is kept as it is"
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"accountid,name\n{ONE},A\n{TWO},A,B\n", "line 3: 3 values for 2 columns"),
        ("name,revenue\nA,5\nB,lots\n", "line 3: revenue is 'lots', which is not a money; correct or empty it"),
        ("name,numberofemployees\nA,1.5\n", "line 2: numberofemployees is '1.5', which is not a integer"),
        ("name,createdon\nA,yesterday\n", "line 2: createdon is 'yesterday', which is not a datetime"),
        ("name,industrycode\nA,Retail\n", "line 2: industrycode is 'Retail', which is not a picklist; give the o"),
        ("name,ownerid\nA,me\n", "line 2: ownerid is 'me', which is not a owner"),
        (f"accountid,name\n{ONE},A\n{ONE.upper()},B\n", f"line 3: the id {ONE} stands on line 2"),
        ("accountid,name\n7,A\n", "line 2: '7' is not an id of account"),
        ("name,_name_value\nA,B\n", "line 1: two columns are name"),
        ("name,Name\nA,B\n", "line 1: the column 'name' stands twice"),
    ],
)  # fmt: skip
def test_a_bad_file_is_named_with_its_line_and_nothing_is_loaded(
    org: Org, tmp_path: Path, text: str, message: str
) -> None:
    write(tmp_path, account=text, contact="lastname,extra\nGood,1\n")
    with pytest.raises(LoadError) as caught:
        load(org, tmp_path)
    assert str(caught.value).startswith("account.csv " + message)
    assert org.rows("SELECT COUNT(*) FROM contact") == [(0,)]
    assert "new_extra" not in org.table("contact").columns
