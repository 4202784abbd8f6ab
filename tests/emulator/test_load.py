"""Exports in: what a folder of CSV files becomes, and how a bad file is told."""

from pathlib import Path

import pytest

from connector.emulator.export import LoadError
from connector.emulator.salesforce.load import load
from connector.emulator.salesforce.org.model import PicklistValue
from connector.emulator.salesforce.org.records import Org

ACCOUNT = "001Kz0000000001"
DEAL = "006Kz0000000001IAA"
PRODUCT = "01tKz0000000001IAA"


@pytest.fixture
def org() -> Org:
    return Org()


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.csv").write_bytes(text.encode())
    return folder


def only(org: Org, kind: str) -> dict[str, object]:
    found = org.rows(f'SELECT "Id" FROM "{kind}"')
    assert len(found) == 1
    return dict(org.get(org.admin_id, kind, str(found[0][0])))


def test_records_keep_their_ids_and_short_ones_are_extended(org: Org, tmp_path: Path) -> None:
    write(tmp_path, Account=f"Id,Name,CreatedDate\n{ACCOUNT},Acme,2020-01-02T03:04:05.000Z\n")
    assert load(org, tmp_path).rows == {"Account": 1}
    row = only(org, "Account")
    assert (row["Id"], row["Name"], row["CreatedDate"]) == (ACCOUNT + "IAA", "Acme", "2020-01-02T03:04:05.000+0000")
    assert row["OwnerId"] == org.admin_id


def test_a_mark_at_the_start_windows_lines_and_quoted_line_breaks_are_read(org: Org, tmp_path: Path) -> None:
    write(tmp_path, Account='\ufeff"Id","Name","Description"\r\n"001Kz0000000001IAA","A ""B"", C","one\ntwo"\r\n\r\n')
    load(org, tmp_path)
    row = only(org, "Account")
    assert (row["Name"], row["Description"]) == ('A "B", C', "one\ntwo")


def test_text_of_many_alphabets_survives(org: Org, tmp_path: Path) -> None:
    write(tmp_path, Account="Name,Site\nشركة 🚀,Köln\n")
    load(org, tmp_path)
    assert (only(org, "Account")["Name"], only(org, "Account")["Site"]) == ("شركة 🚀", "Köln")


@pytest.mark.parametrize(
    ("values", "kind", "scale"),
    [
        (["true", "FALSE", ""], "boolean", 0), (["1", "-20", ""], "double", 0), (["1.50", "2"], "double", 2),
        (["2020-01-31", ""], "date", 0), (["2020-01-31T10:00:00Z"], "datetime", 0), (["2020-02-31"], "string", 0),
        (["007"], "string", 0), (["+49 30"], "string", 0), (["N/A", "null"], "string", 0), (["", ""], "string", 0),
        (["x" * 256], "textarea", 0), (["005Kz0000000001IAA"], "reference", 0), (["1e3"], "double", 6),
        (["005Kz0000000001IAX"], "string", 0), (["005Kz0000000001IAA", "001Kz0000000001IAA"], "string", 0),
    ],
)  # fmt: skip
def test_an_unknown_column_becomes_a_custom_field_of_the_narrowest_type(
    org: Org, tmp_path: Path, values: list[str], kind: str, scale: int
) -> None:
    rows = "".join(f"A{number},{value}\n" for number, value in enumerate(values))
    write(tmp_path, Account="Name,Extra__c\n" + rows)
    load(org, tmp_path)
    field = org.field(org.object("Account"), "Extra__c")
    assert (field.type, field.scale, field.custom) == (kind, scale, True)
    loaded = [str(row[0]) for row in org.rows('SELECT "Extra__c" FROM "Account" WHERE "Extra__c" IS NOT NULL')]
    assert kind in ("boolean", "double", "datetime") or loaded == [value for value in values if value]


def test_custom_fields_get_the_api_suffix_and_only_the_token_s_user_sees_them(org: Org, tmp_path: Path) -> None:
    write(tmp_path, Account="Name,Cost to serve,2nd\nA,5,x\n")
    load(org, tmp_path)
    assert {"Cost_to_serve__c", "X2nd__c"} <= org.readable(org.admin_id, "Account") & org.editable(
        org.admin_id, "Account"
    )
    assert not {"Cost_to_serve__c", "X2nd__c"} & org.readable(org.user_id("Standard User"), "Account")
    assert org.field(org.object("Account"), "Cost_to_serve__c").label == "Cost to serve"


def test_an_unknown_object_with_the_suffix_is_made_and_may_be_looked_up(org: Org, tmp_path: Path) -> None:
    write(
        tmp_path,
        Account="Name,Gap__c\nA,a0XKz0000000001MAA\n",
        Gap__c="Id,Name,Size__c\na0XKz0000000001,Pumps,3\n",
    )
    load(org, tmp_path)
    assert org.object("Gap__c").key_prefix == "a0X"
    assert org.field(org.object("Account"), "Gap__c").reference_to == ("Gap__c",)
    assert only(org, "Gap__c")["Size__c"] == 3.0
    assert org.access.can(org.admin_id, "Gap__c", "edit")


def test_an_unknown_object_without_the_suffix_is_refused_with_advice(org: Org, tmp_path: Path) -> None:
    write(tmp_path, Gadget="Id\n")
    with pytest.raises(
        LoadError, match=r"Gadget.csv line 1: the org has no object 'Gadget'; rename the file to Gadget__c"
    ):
        load(org, tmp_path)


def test_lines_that_name_only_a_product_get_a_price_book_entry(org: Org, tmp_path: Path) -> None:
    write(
        tmp_path,
        A="",
        Product2=f"Id,Name,ProductCode\n{PRODUCT},Pump,P1\n",
        OpportunityLineItem=f"OpportunityId,Product2Id,Quantity,TotalPrice\n{DEAL},{PRODUCT},2,10\n{DEAL},{PRODUCT},1,6\n",
        Opportunity=f"Id,Name,StageName,CloseDate\n{DEAL},Deal,Closed Won,2020-02-01\n",
    )
    (tmp_path / "A.csv").unlink()
    load(org, tmp_path)
    sql = 'SELECT "ProductCode", "Name", "UnitPrice", "PricebookEntryId" FROM "OpportunityLineItem" ORDER BY rowid'
    entry = only(org, "PricebookEntry")["Id"]
    assert org.rows(sql) == [("P1", "Deal Pump", 5.0, entry), ("P1", "Deal Pump", 6.0, entry)]
    row = only(org, "Opportunity")
    assert (row["Amount"], row["HasOpportunityLineItem"], row["IsWon"]) == (16.0, 1, 1)


def test_a_given_amount_stays_whatever_the_lines_add_up_to(org: Org, tmp_path: Path) -> None:
    write(
        tmp_path,
        Product2=f"Id,Name\n{PRODUCT},Pump\n",
        Opportunity=f"Id,Name,StageName,CloseDate,Amount\n{DEAL},Deal,Closed Won,2020-02-01,99\n",
        OpportunityLineItem=f"OpportunityId,Product2Id,Quantity,TotalPrice\n{DEAL},{PRODUCT},2,10\n",
    )
    load(org, tmp_path)
    assert only(org, "Opportunity")["Amount"] == 99.0


def test_unknown_stages_are_added_with_what_the_deals_say_of_them(org: Org, tmp_path: Path) -> None:
    header = "Name,StageName,CloseDate,IsClosed,IsWon\n"
    write(
        tmp_path,
        Opportunity=header
        + "A,Gewonnen,2020-01-01,true,true\nB,Verloren,2020-01-01,true,false\nC,Offen,2020-01-01,,\n",
    )
    load(org, tmp_path)
    sql = (
        'SELECT "MasterLabel", "IsClosed", "IsWon" FROM "OpportunityStage" WHERE "SortOrder" > 10 ORDER BY "SortOrder"'
    )
    assert org.rows(sql) == [("Gewonnen", 1, 1), ("Verloren", 1, 0), ("Offen", 0, 0)]
    stages = org.field(org.object("Opportunity"), "StageName").picklist
    assert PicklistValue("Offen", "Offen") in stages
    assert org.rows('SELECT "IsClosed", "IsWon" FROM "Opportunity" ORDER BY rowid') == [(1, 1), (1, 0), (0, 0)]


def test_files_switch_on_the_features_they_belong_to(org: Org, tmp_path: Path) -> None:
    write(
        tmp_path,
        AccountTeamMember=f"AccountId,UserId,TeamMemberRole\n{ACCOUNT},{org.admin_id},Sales Rep\n",
        Account=f"Id,Name,CurrencyIsoCode\n{ACCOUNT},A,USD\n",
    )
    load(org, tmp_path)
    assert only(org, "AccountTeamMember")["TeamMemberRole"] == "Sales Rep"
    assert only(org, "Account")["CurrencyIsoCode"] == "USD"


def test_an_export_s_own_organization_and_stages_replace_the_new_org_s(org: Org, tmp_path: Path) -> None:
    write(
        tmp_path,
        Organization="Id,Name,IsSandbox\n00DKz0000000001MAA,Real GmbH,false\n",
        OpportunityStage="Id,MasterLabel,IsActive,IsClosed,IsWon,SortOrder,DefaultProbability\n"
        "01JKz0000000001MAA,Won,true,true,true,1,100\n",
        Pricebook2="Id,Name,IsStandard,IsActive\n01sKz0000000001IAA,Standard,true,true\n",
    )
    load(org, tmp_path)
    assert (org.org_id, org.is_sandbox) == ("00DKz0000000001MAA", False)
    assert [value.value for value in org.field(org.object("Opportunity"), "StageName").picklist] == ["Won"]
    assert org.pricebook_id == only(org, "Pricebook2")["Id"] == "01sKz0000000001IAA"


def test_columns_that_repeat_other_fields_are_left_aside_with_a_note(org: Org, tmp_path: Path) -> None:
    write(tmp_path, Account="Name,Owner.Name,BillingAddress,BillingCity\nA,Me,Somewhere,Rome\n")
    notes = load(org, tmp_path).notes
    assert len(notes) == 2 and "Owner.Name" in notes[0] and "BillingAddress" in notes[1]
    assert only(org, "Account")["BillingCity"] == "Rome"


def test_a_lookup_to_nothing_is_kept_and_noted(org: Org, tmp_path: Path) -> None:
    write(tmp_path, Contact=f"LastName,AccountId\nA,{ACCOUNT}IAA\nB,\n")
    assert load(org, tmp_path).notes == [
        "Contact.csv: 1 rows have a AccountId that no file brings; it is kept as it is"
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Id,Name\n001Kz0000000001IAA,A\n001Kz0000000002IAA,A,B\n", "line 3: 3 values for 2 columns"),
        ('Name,Site\n"a\nb",x\nA\n', "line 4: 1 values for 2 columns"),
        ("Name,AnnualRevenue\nA,5\nB,lots\n", "line 3: AnnualRevenue is 'lots', which is not a currency"),
        ("Name,NumberOfEmployees\nA,1.5\n", "line 2: NumberOfEmployees is '1.5', which is not a int"),
        ("Name,CreatedDate\nA,yesterday\n", "line 2: CreatedDate is 'yesterday', which is not a datetime"),
        (f"Id,Name\n{ACCOUNT},A\n{ACCOUNT}IAA,B\n", "line 3: the id 001Kz0000000001IAA stands on line 2"),
        ("Id,Name\n003Kz0000000001AAA,A\n", "line 2: '003Kz0000000001AAA' is not an id of Account"),
        ("Id,Name\n,A\n", "line 2: '' is not an id of Account"),
        ('Name\n"A" B\n', "line 2: not readable as CSV"),
        ('Name\n"A\n', "line 2: not readable as CSV"),
        ("Name,name\nA,B\n", "line 1: the column 'name' stands twice"),
        ("Name,\nA,B\n", "line 1: a column has no name"),
        ("", "line 1: the file is empty"),
    ],
)  # fmt: skip
def test_a_bad_file_is_named_with_its_line_and_nothing_is_loaded(
    org: Org, tmp_path: Path, text: str, message: str
) -> None:
    write(tmp_path, Account=text, AContact="")
    (tmp_path / "AContact.csv").unlink()
    write(tmp_path, Contact="LastName,New__c\nGood,1\n")
    with pytest.raises(LoadError) as caught:
        load(org, tmp_path)
    assert str(caught.value).startswith("Account.csv " + message)
    assert org.rows('SELECT COUNT(*) FROM "Contact"') == [(0,)]
    assert org.object("Contact").field("New__c") is None


def test_a_file_in_another_encoding_is_named_with_its_line(org: Org, tmp_path: Path) -> None:
    (tmp_path / "Account.csv").write_bytes("Name\nA\nKöln\n".encode("latin-1"))
    with pytest.raises(LoadError, match=r"Account.csv line 3: not UTF-8"):
        load(org, tmp_path)


def test_an_empty_folder_is_told(org: Org, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"holds no .csv file"):
        load(org, tmp_path)


def test_a_header_without_rows_is_fine(org: Org, tmp_path: Path) -> None:
    write(tmp_path, Account="Id,Name\n")
    assert load(org, tmp_path).rows == {"Account": 0}
