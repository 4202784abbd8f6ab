"""Microsoft's own clients against the emulator: what they send must be understood, what they read must be there."""

from collections.abc import Iterator
from enum import IntEnum

import msal
import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential
from PowerPlatform.Dataverse.client import DataverseClient
from PowerPlatform.Dataverse.core.errors import HttpError, MetadataError
from PowerPlatform.Dataverse.models.filters import col
from PowerPlatform.Dataverse.models.upsert import UpsertItem

from connector.emulator.dynamics.org.records import Org
from connector.emulator.server import Running, start

JOINED = """
<fetch {more}><entity name="contact"><attribute name="fullname"/><order attribute="fullname"/>
<link-entity name="account" from="accountid" to="parentcustomerid" alias="a"><attribute name="name"/>
<filter><condition attribute="name" operator="like" value="%Söhne%"/></filter></link-entity></entity></fetch>
"""


class Colour(IntEnum):
    """Options of a choice."""

    RED = 1
    GREEN = 2


@pytest.fixture(scope="module")
def dataverse() -> Iterator[Running]:
    """An org behind TLS with its own authority."""
    org = Org()
    with start(org, tls=True) as running:
        yield running
    org.db.close()


@pytest.fixture(autouse=True)
def _trusted(dataverse: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(dataverse.ca))
    dataverse.faults.clear()
    dataverse.site.page_size = None


def login(dataverse: Running, **wrong: str) -> ClientSecretCredential:
    """A login by azure-identity with the emulator as the authority."""
    given = {"tenant_id": str(dataverse.tenant), "client_id": dataverse.client_id, "client_secret": dataverse.secret}
    return ClientSecretCredential(**{**given, **wrong}, authority=dataverse.url, disable_instance_discovery=True)


@pytest.fixture
def client(dataverse: Running) -> Iterator[DataverseClient]:
    """A client that logs in by itself, in an org without customers and without their keys."""
    org = dataverse.org
    for name in ("contact", "account"):
        for (row,) in org.rows(f'SELECT "{name}id" FROM "{name}"'):
            org.delete(org.admin_id, name, row)
    with DataverseClient(dataverse.url, login(dataverse)) as made:
        yield made


@pytest.fixture
def keyed(client: DataverseClient) -> Iterator[DataverseClient]:
    """The same where the account number is an alternate key."""
    key = client.tables.create_alternate_key("account", "new_bynumber", ["accountnumber"])
    looks = iter(range(10))  # its index is built meanwhile
    while [k.status for k in client.tables.get_alternate_keys("account")] != ["Active"]:
        next(looks)
    yield client
    client.tables.delete_alternate_key("account", key.metadata_id)


# logins


def test_azure_identity_is_told_what_is_wrong(dataverse: Running) -> None:
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        login(dataverse, client_secret="wrong").get_token(f"{dataverse.url}/.default")


def test_msal_logs_in_once_and_again_with_a_certificate(dataverse: Running) -> None:
    pem = dataverse.key_file.read_text(encoding="utf-8")
    key, _, certificate = pem.partition("-----BEGIN CERTIFICATE-----")
    proofs = [dataverse.secret, {"private_key": key, "public_certificate": f"-----BEGIN CERTIFICATE-----{certificate}"}]
    for proof in proofs:
        app = msal.ConfidentialClientApplication(
            dataverse.client_id,
            client_credential=proof,
            authority=f"{dataverse.url}/{dataverse.tenant}",
            instance_discovery=False,
        )
        told = [app.acquire_token_for_client([f"{dataverse.url}/.default"]) for _ in range(2)]
        assert [t["token_source"] for t in told] == ["identity_provider", "cache"], told[0]
        who = requests.get(
            f"{dataverse.url}/api/data/v9.2/WhoAmI",
            headers={"Authorization": f"Bearer {told[0]['access_token']}"},
            timeout=10,
        )
        assert who.json()["UserId"] == dataverse.org.admin_id


def test_msal_is_told_that_the_tenant_does_not_exist(dataverse: Running) -> None:
    nobody = "11111111-2222-3333-4444-555555555555"
    with pytest.raises(ValueError, match="double check your tenant"):
        msal.ConfidentialClientApplication(
            dataverse.client_id,
            client_credential="x",
            authority=f"{dataverse.url}/{nobody}",
            instance_discovery=False,
        ).acquire_token_for_client([f"{dataverse.url}/.default"])


# powerplatform-dataverse-client


def test_it_creates_reads_changes_and_deletes_one_row(client: DataverseClient) -> None:
    key = client.records.create("account", {"name": "Ärger & Söhne", "numberofemployees": 5, "industrycode": 1})
    got = client.records.retrieve("account", key, select=["name", "numberofemployees", "revenue"])
    assert got is not None
    assert (got["name"], got["numberofemployees"], got["revenue"]) == ("Ärger & Söhne", 5, None)
    client.records.update("account", key, {"name": "Töchter", "revenue": 12.5})
    again = client.records.retrieve("account", key, include_annotations="*")
    assert again is not None
    assert (again["name"], again["revenue"]) == ("Töchter", 12.5)
    assert again["revenue@OData.Community.Display.V1.FormattedValue"]
    client.records.delete("account", key)
    assert client.records.retrieve("account", key) is None
    with pytest.raises(HttpError) as gone:
        client.records.update("account", key, {"name": "x"})
    assert gone.value.status_code == 404


def test_it_writes_labels_of_a_choice(client: DataverseClient, dataverse: Running) -> None:
    option = dataverse.org.table("account").columns["industrycode"].options[3]
    key = client.records.create("account", {"name": "By label", "industrycode": option.label})
    got = client.records.retrieve("account", key, select=["industrycode"])
    assert got is not None
    assert got["industrycode"] == option.value


def test_it_creates_and_changes_many(client: DataverseClient) -> None:
    keys = client.records.create("account", [{"name": f"No {n:02d}"} for n in range(25)])
    client.records.update("account", keys, {"telephone1": "555"})
    client.records.update("account", keys[:2], [{"name": "First"}, {"name": "Second"}])
    rows = client.records.list("account", filter="telephone1 eq '555'", select=["name"], orderby=["name desc"])
    assert [r["name"] for r in rows][:2] == ["Second", "No 24"]
    assert len(rows) == 25


def test_it_lists_page_by_page_with_filter_and_order(client: DataverseClient) -> None:
    client.records.create("account", [{"name": f"No {n:02d}", "numberofemployees": n} for n in range(25)])
    client.records.create("account", {"name": "Other"})
    pages = list(
        client.records.list_pages(
            "account",
            filter="contains(name,'no ') and numberofemployees ge 3",
            orderby=["name"],
            page_size=10,
            count=True,
        )
    )
    assert [len(p) for p in pages] == [10, 10, 2]
    assert [r["name"] for p in pages for r in p] == [f"No {n:02d}" for n in range(3, 25)]
    few = client.records.list("account", orderby=["numberofemployees desc"], select=["name"], top=2)
    assert [r["name"] for r in few] == ["No 24", "No 23"]


def test_its_builder_expands_a_lookup(client: DataverseClient) -> None:
    account = client.records.create("account", {"name": "Parent"})
    client.records.create(
        "contact", {"lastname": "Ada", "parentcustomerid_account@odata.bind": f"/accounts({account})"}
    )
    client.records.create("contact", {"lastname": "Bob"})
    query = client.query.builder("contact").select("lastname").where(col("lastname") == "ada")
    (row,) = query.expand("parentcustomerid_account").include_formatted_values().execute()
    assert row["parentcustomerid_account"]["name"] == "Parent"


def test_it_upserts_one_and_many_by_an_alternate_key(keyed: DataverseClient) -> None:
    def named() -> list[tuple[str, str]]:
        rows = keyed.records.list("account", select=["accountnumber", "name"], orderby=["accountnumber"])
        return [(r["accountnumber"], r["name"]) for r in rows]

    keyed.records.upsert("account", [UpsertItem({"accountnumber": "A-1"}, {"name": "One"})])
    keyed.records.upsert("account", [UpsertItem({"accountnumber": "A-1"}, {"name": "Uno"})])
    assert named() == [("A-1", "Uno")]
    items = [UpsertItem({"accountnumber": f"A-{n}"}, {"name": f"No {n}"}) for n in (1, 2, 3)]
    keyed.records.upsert("account", items)
    assert named() == [("A-1", "No 1"), ("A-2", "No 2"), ("A-3", "No 3")]


def test_it_deletes_many_one_by_one_or_by_a_job(client: DataverseClient, dataverse: Running) -> None:
    keys = client.records.create("account", [{"name": f"No {n}"} for n in range(4)])
    client.records.delete("account", keys[:2], use_bulk_delete=False)
    assert client.records.delete("account", keys[2:])
    assert dataverse.org.rows('SELECT "accountid" FROM "account"') == []


def test_a_batch_carries_out_what_it_can_and_a_change_set_all_or_nothing(client: DataverseClient) -> None:
    kept, gone = client.records.create("account", [{"name": "Kept"}, {"name": "Gone"}])
    batch = client.batch.new()
    batch.records.update("account", kept, {"name": "It's kept"})
    batch.records.delete("account", gone)
    with batch.changeset() as whole:
        made = whole.records.create("contact", {"lastname": "New"})
        whole.records.update("contact", made, {"jobtitle": "Head of Procurement"})
        whole.records.create("account", {"name": "With contact", "primarycontactid@odata.bind": made})
    with batch.changeset() as torn:
        torn.records.create("account", {"name": "Never"})
        torn.records.update("account", gone, {"name": "x"})
    batch.records.list("account", filter="name eq 'It''s kept'", select=["name"])
    told = batch.execute(continue_on_error=True)
    assert [r.status_code for r in told.responses] == [204, 204, 204, 204, 204, 404, 200]
    assert told.responses[5].error_code == "0x80040217"
    assert told.responses[6].data["value"][0]["name"] == "It's kept"
    rows = client.records.list("account", select=["name"], expand=["primarycontactid"], orderby=["name"])
    assert [r["name"] for r in rows] == ["It's kept", "With contact"]
    assert rows[1]["primarycontactid"]["jobtitle"] == "Head of Procurement"


def test_a_batch_stops_at_its_first_error_unless_told_otherwise(client: DataverseClient) -> None:
    batch = client.batch.new()
    batch.records.create("account", {"name": "Before"})
    batch.records.create("account", {"name": "x" * 500})
    batch.records.create("account", {"name": "After"})
    told = batch.execute()
    assert [r.status_code for r in told.responses] == [204, 400]
    assert told.responses[1].error_code == "0x80044331"
    assert [r["name"] for r in client.records.list("account", select=["name"])] == ["Before"]


def test_it_asks_in_fetchxml_page_by_page(client: DataverseClient) -> None:
    account = client.records.create("account", {"name": "Ärger & Söhne"})
    bound = {"parentcustomerid_account@odata.bind": f"/accounts({account})"}
    client.records.create("contact", [{"firstname": "P", "lastname": f"{n:02d}", **bound} for n in range(5)])
    client.records.create("contact", {"lastname": "Alone"})
    rows = client.query.fetchxml(JOINED.format(more="")).execute()
    assert [(r["fullname"], r["a.name"]) for r in rows] == [(f"P {n:02d}", "Ärger & Söhne") for n in range(5)]
    pages = list(client.query.fetchxml(JOINED.format(more='count="2"')).execute_pages())
    assert [[r["fullname"] for r in p] for p in pages] == [["P 00", "P 01"], ["P 02", "P 03"], ["P 04"]]


def test_it_counts_in_fetchxml(client: DataverseClient) -> None:
    client.records.create("account", [{"name": f"No {n}", "numberofemployees": 10 * n} for n in range(3)])
    (row,) = client.query.fetchxml(
        '<fetch aggregate="true"><entity name="account"><attribute name="accountid" aggregate="count" alias="n"/>'
        '<attribute name="numberofemployees" aggregate="sum" alias="people"/></entity></fetch>'
    ).execute()
    assert (row["n"], row["people"]) == (3, 30)


def test_it_asks_in_sql(client: DataverseClient) -> None:
    client.records.create("account", [{"name": f"O'No {n}", "numberofemployees": n} for n in range(4)])
    rows = client.query.sql("SELECT name, numberofemployees FROM account WHERE numberofemployees >= 2 ORDER BY name")
    assert [(r["name"], r["numberofemployees"]) for r in rows] == [("O'No 2", 2), ("O'No 3", 3)]


def test_it_makes_a_table_with_columns_and_rows_and_drops_it(client: DataverseClient) -> None:
    columns = {"new_Note": "memo", "new_Size": "int", "new_Price": "decimal", "new_Seen": "datetime", "new_Hue": Colour}
    made = client.tables.create("new_Thing", {**columns, "new_Open": "bool"}, display_name="Thing")
    try:
        assert (made.logical_name, made.entity_set_name) == ("new_thing", "new_things")
        assert client.tables.add_columns("new_Thing", {"new_Weight": "float", "new_Code": "string"})
        known = {c["LogicalName"]: c["AttributeType"] for c in client.tables.list_columns("new_Thing")}
        wanted = {"new_note": "Memo", "new_hue": "Picklist", "new_weight": "Double", "new_code": "String"}
        assert {name: known[name] for name in wanted} == wanted
        row = client.records.create("new_Thing", {"new_Name": "One", "new_Size": 7, "new_Hue": "GREEN"})
        got = client.records.retrieve("new_Thing", row, select=["new_name", "new_size", "new_hue"])
        assert got is not None
        assert (got["new_name"], got["new_size"], got["new_hue"]) == ("One", 7, 2)
        assert client.tables.remove_columns("new_Thing", "new_Weight")
        assert client.tables.get_column("new_Thing", "new_Weight") is None
        link = client.tables.create_lookup_field("new_Thing", "new_AccountId", "account", display_name="Customer")
        account = client.records.create("account", {"name": "Owner"})
        client.records.update("new_Thing", row, {f"{link.lookup_schema_name}@odata.bind": f"/accounts({account})"})
        (held,) = client.records.list("new_Thing", expand=[link.lookup_schema_name])
        assert held[link.lookup_schema_name]["name"] == "Owner"
    finally:
        client.tables.delete("new_Thing")
    assert client.tables.get("new_Thing") is None


def test_it_makes_lists_and_drops_alternate_keys(client: DataverseClient) -> None:
    made = client.tables.create_alternate_key("account", "new_Number", ["accountnumber", "address1_postalcode"])
    (found,) = [k for k in client.tables.get_alternate_keys("account") if k.schema_name == "new_Number"]
    assert (found.key_attributes, found.metadata_id) == (["accountnumber", "address1_postalcode"], made.metadata_id)
    assert found.status in ("Pending", "InProgress", "Active")
    client.tables.delete_alternate_key("account", made.metadata_id)
    assert "new_Number" not in [k.schema_name for k in client.tables.get_alternate_keys("account")]


def test_its_errors_are_those_it_has_for_each_refusal(client: DataverseClient, dataverse: Running) -> None:
    with pytest.raises(MetadataError):
        client.records.list("nothing")
    with pytest.raises(HttpError) as wrong:
        client.records.list("account", filter="nme eq 'x'")
    assert (wrong.value.status_code, wrong.value.details["service_error_code"]) == (400, "0x80060888")
    dataverse.faults.add(kind="limit", path="*/accounts*", times=1)
    with pytest.raises(HttpError) as throttled:
        client.records.list("account")
    assert throttled.value.is_transient
    assert throttled.value.details["retry_after"] > 0
    assert throttled.value.details["service_request_id"]


# dynamics-web-api for JavaScript: no part of this project runs it, so these are its requests by hand, to the letter


@pytest.fixture
def script(client: DataverseClient, dataverse: Running) -> Iterator[requests.Session]:
    """A session with the headers of dynamics-web-api; it depends on `client` for an org without customers."""
    with requests.Session() as session:
        session.headers.update(
            {
                "Accept": "application/json",
                "OData-MaxVersion": "4.0",
                "OData-Version": "4.0",
                "Content-Type": "application/json",
                "Authorization": f"Bearer {dataverse.token}",
            }
        )
        yield session


def test_dynamics_web_api_reads_whole_tables_and_learns_what_changed(
    script: requests.Session, dataverse: Running
) -> None:
    root = f"{dataverse.url}/api/data/v9.2/"
    made = script.post(f"{root}accounts", data='{"name":"\\u00c4rger"}')
    assert made.headers["OData-EntityId"].endswith(")")
    prefer = {"Prefer": "odata.track-changes,odata.maxpagesize=1"}
    script.post(f"{root}accounts", data='{"name":"B"}')
    first = script.get(f"{root}accounts?$select=name", headers=prefer).json()
    assert first["@odata.nextLink"].startswith(root)
    last = script.get(first["@odata.nextLink"], headers=prefer).json()
    assert last["@odata.deltaLink"].startswith(root)
    assert script.get(last["@odata.deltaLink"], headers=prefer).json()["value"] == []


def test_dynamics_web_api_sends_a_long_query_as_a_batch_of_one(script: requests.Session, dataverse: Running) -> None:
    root = f"{dataverse.url}/api/data/v9.2/"
    script.post(f"{root}accounts", data='{"name":"A B"}')
    boundary = "dwa_batch_XXXXXXXX-7d5c-4d5f-8c55-2b7e7f0a1f6a"
    line = f"GET {root}accounts?$select=name&$filter=name eq 'A B' HTTP/1.1"
    parts = ["", f"--{boundary}", "Content-Type: application/http", "Content-Transfer-Encoding: binary", "", line]
    body = "\r\n".join([*parts, "Accept: application/json", "", f"--{boundary}--", ""])
    kind = {"Content-Type": f"multipart/mixed;boundary={boundary}"}
    answer = script.post(f"{root}$batch", data=body.encode(), headers=kind)
    assert answer.status_code == 200
    assert answer.text.startswith("--batchresponse_")
    assert '"name":"A B"' in answer.text


def test_dynamics_web_api_writes_in_a_change_set_of_its_own_numbers(
    script: requests.Session, dataverse: Running
) -> None:
    root = f"{dataverse.url}/api/data/v9.2/"
    batch, change = "dwa_batch_1", "changeset_1"
    http = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    head = ["", f"--{batch}", f"Content-Type: multipart/mixed;boundary={change}"]
    one = ["", f"--{change}", *http, "Content-ID: 100001", "", f"POST {root}contacts HTTP/1.1"]
    two = [f"--{change}", *http, "Content-ID: 100002", "", f"POST {root}accounts HTTP/1.1"]
    kind = ["Content-Type: application/json", ""]
    bound = '{"name":"A","primarycontactid@odata.bind":"$100001"}'
    lines = [*head, *one, *kind, '{"lastname":"Ada"}', *two, *kind, bound, f"--{change}--", f"--{batch}--", ""]
    answer = script.post(
        f"{root}$batch",
        data="\r\n".join(lines).encode(),
        headers={"Content-Type": f"multipart/mixed;boundary={batch}"},
    )
    assert answer.status_code == 200, answer.text
    # Its reader wants the inner type as the only header of that part, and the status line word by word.
    outer = answer.text.split("\r\n")
    assert outer[1].startswith("Content-Type: multipart/mixed; boundary=changesetresponse_")
    assert (outer[2], outer[3].startswith("--changesetresponse_")) == ("", True)
    assert answer.text.count("HTTP/1.1 204 No Content") == 2
    (account,) = script.get(f"{root}accounts?$expand=primarycontactid($select=lastname)").json()["value"]
    assert account["primarycontactid"]["lastname"] == "Ada"
    assert script.get(f"{root}WhoAmI()").json()["UserId"] == dataverse.org.admin_id
