"""Awkward answers of a Dynamics far away: what the wire can say, and that nothing is believed that should not be."""

import datetime
import json
import logging
import threading
from urllib.parse import parse_qs, unquote, urlsplit

import dataverse_wire as far
import pytest
import requests
import responses
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from dataverse_wire import BASE, HOST, attribute, definition, described, error, guid, page, parts

from connector.crm.dynamics import connect
from connector.crm.dynamics.batch import decode
from connector.crm.dynamics.faults import DATA, ROWS, TOKEN, fault_of, row_outcome, scrub, token_fault
from connector.crm.dynamics.login import login_host
from connector.crm.dynamics.write import batches
from connector.crm.failures import Refusal
from connector.crm.http import HttpSettings, keep_reserve
from connector.crm.protocol import Limits, ReadRequest, RecordWrite
from connector.crm.settings import CrmSettings
from connector.errors import AccessFault, ReserveReached, UnreachableFault, UsageFault

NAMES = ReadRequest("account", ("accountid", "name"))
DELTA = "?$deltatoken=9!05/01/2026"
FILTERS = f"{BASE}sdkmessagefilters"
UPDATE = f"{BASE}accounts/Microsoft.Dynamics.CRM.UpdateMultiple"
ROW = {"@odata.etag": 'W/"1"', "name": "Ada", "modifiedon": "2026-05-01T07:00:00Z", "accountid": guid(1)}


@pytest.fixture
def wire():
    """Plays answers; nothing leaves this machine."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as played:
        played.get(far.DISCOVERY, json=far.ENDPOINTS)
        played.post(far.TOKEN_URL, json=far.TOKEN)
        yield played


@pytest.fixture
def tables(wire):
    """Answers questions about tables; says which there are."""

    def tell(*known, **more):
        wire.add_callback(responses.POST, f"{BASE}$batch", described(*(known or (definition(),)), **more))

    return tell


@pytest.fixture
def login():
    """Logs in with a client secret, or as the settings say."""
    made = []

    def log_in(**changes):
        connecting = {k: changes.pop(k) for k in ("http", "before_call", "spent", "on_spent") if k in changes}
        settings = {"kind": "dynamics", "url": HOST, "auth": "client_secret", "client_id": "app"}
        settings |= {"tenant": far.TENANT, "secret_env": "S"} | changes
        environ = {"S": "p4ss"}
        made.append(connect(CrmSettings(**settings), environ=environ, sleep=lambda seconds: None, **connecting))
        return made[-1]

    yield log_in
    for one in made:
        one.client.session.close()


def key_and_certificate(days=30):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kam")])
    now = datetime.datetime.now(datetime.UTC)
    ends = now + datetime.timedelta(days=days)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, ends - datetime.timedelta(days=60), ends)
    words = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    certificate = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    return key.private_bytes(*words).decode(), certificate.decode()


@pytest.fixture(scope="module")
def pair():
    return key_and_certificate()


@pytest.fixture(scope="module")
def old():
    return key_and_certificate(days=-1)


def read(crm, request=NAMES, since=None):
    return [r for batch in crm.read(request, since) for r in batch.rows]


def query(call):
    return {k: v[0] for k, v in parse_qs(urlsplit(call.request.url).query).items()}


# login


def test_a_token_is_for_the_environment_and_asked_for_at_the_clouds_login(wire, login):
    login(url="https://acme.api.crm4.dynamics.com")
    form = parse_qs(wire.calls[-1].request.body)
    assert form["scope"] == [f"{HOST}/.default"]
    assert [urlsplit(c.request.url).netloc for c in wire.calls] == ["login.microsoftonline.com"] * 2


def test_each_cloud_has_its_login_host():
    hosts = {u: login_host(u) for u in (HOST, "https://a.crm.microsoftdynamics.us", "https://a.crm.dynamics.cn")}
    assert [urlsplit(h).netloc for h in hosts.values()] == [
        "login.microsoftonline.com",
        "login.microsoftonline.us",
        "login.partner.microsoftonline.cn",
    ]


def test_a_certificate_signs_the_login_and_stays_here(wire, login, pair, tmp_path):
    (tmp_path / "both.pem").write_text("\n".join(pair))
    login(auth="certificate", key_file=tmp_path / "both.pem", secret_env="")
    form = parse_qs(wire.calls[-1].request.body)
    assert form["client_assertion_type"] == ["urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
    assert "client_secret" not in form


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{key}", "holds no certificate"),
        ("{certificate}", "holds no private key"),
        ("hush", "no private key and no certificate"),
        ("{key}{other}", "not that of the private key"),
        ("-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----\n{certificate}", "can't be used"),
        ("{old_key}{old}", "ended on"),
    ],
)
def test_what_is_wrong_with_a_key_file_is_told_before_anything_is_sent(wire, login, pair, old, tmp_path, text, said):
    words = {"key": pair[0], "certificate": pair[1], "other": old[1], "old_key": old[0], "old": old[1]}
    (tmp_path / "key.pem").write_text(text.format(**words))
    with pytest.raises((UsageFault, AccessFault), match=said) as raised:
        login(auth="certificate", key_file=tmp_path / "key.pem", secret_env="")
    assert "hush" not in str(raised.value)
    assert len(wire.calls) == 0


def test_the_secret_goes_to_no_host_but_the_login(wire, login):
    wire.replace(responses.GET, far.DISCOVERY, json={**far.ENDPOINTS, "token_endpoint": "https://evil.example/t/token"})
    with pytest.raises(AccessFault, match="the secret does not go there"):
        login()
    assert len(wire.calls) == 1


@pytest.mark.parametrize(("body", "kind"), [("<html>guest network</html>", UnreachableFault), ("{}", UsageFault)])
def test_a_login_answered_by_something_else_says_what_to_do(wire, login, body, kind):
    wire.replace(responses.GET, far.DISCOVERY, body=body)
    with pytest.raises(kind, match=r"proxy|crm\.login_url") as raised:
        login()
    assert "guest" not in str(raised.value)


@pytest.mark.parametrize("code", sorted(TOKEN))
def test_every_refused_login_has_its_click(code):
    fault = token_fault(Refusal("POST login", 401, code, f"{code}: No. Trace ID: 5 Correlation ID: 6"))
    assert type(fault) is TOKEN[code][0]
    assert TOKEN[code][1] in str(fault)
    assert "Trace" not in str(fault)


def test_a_refused_login_is_known_by_its_number(wire, login):
    body = {"error": "invalid_client", "error_description": "AADSTS7000222: The keys are expired. Trace ID: 1"}
    wire.replace(responses.POST, far.TOKEN_URL, status=401, json={**body, "error_codes": [7000222]})
    with pytest.raises(AccessFault, match=r"AADSTS7000222 .*make a new one"):
        login()


def test_an_overloaded_login_is_tried_again(wire, login):
    wire.replace(responses.POST, far.TOKEN_URL, status=503)
    wire.post(far.TOKEN_URL, json=far.TOKEN)
    login()
    assert len(wire.calls) == 3


def test_an_ended_token_is_renewed_once_and_the_new_one_used(wire, login, tables):
    tables()
    crm = login()
    wire.replace(responses.POST, far.TOKEN_URL, json={**far.TOKEN, "access_token": "hush-2"})
    wire.get(f"{BASE}accounts", status=401)
    wire.get(f"{BASE}accounts", json=page(ROW, deltaLink=f"{BASE}accounts{DELTA}"))
    assert len(read(crm)) == 1
    assert wire.calls[-1].request.headers["Authorization"] == "Bearer hush-2"


def test_a_token_that_is_refused_twice_is_an_access_fault(wire, login, tables):
    tables()
    wire.get(f"{BASE}accounts", status=401)
    with pytest.raises(AccessFault, match=r"crm\.tenant"):
        read(login())


def test_a_token_from_the_environment_cannot_be_renewed(wire, login):
    wire.get(f"{BASE}WhoAmI", status=401)
    with pytest.raises(AccessFault, match=r"\$S has ended"):
        login(auth="token").whoami()


def test_the_user_to_act_for_is_found_by_name_and_told_with_each_write(wire, login):
    wire.get(f"{BASE}systemusers", json=page({"systemuserid": guid(7)}))
    wire.get(f"{BASE}WhoAmI", json={"UserId": guid(8)})
    client = login(auth="token", username="o'neil@acme.example").client
    assert (client.user_id, client.acting_id) == (guid(8), guid(7))
    asked, then = (c.request for c in wire.calls)
    assert "domainname eq 'o''neil@acme.example'" in unquote(asked.url)
    assert "MSCRMCallerID" not in then.headers
    assert client.acting == {"MSCRMCallerID": guid(7)}


def test_an_unknown_user_to_act_for_is_named(wire, login):
    wire.get(f"{BASE}systemusers", json=page())
    with pytest.raises(AccessFault, match=r'crm\.username: no user .* "nobody@acme.example"'):
        login(auth="token", username="nobody@acme.example")


@pytest.mark.parametrize(
    ("status", "code", "message", "said"),
    [
        (403, "0x80072560", "The user is not a member of the organization.", "New app user"),
        (403, "0x80040225", "The specified user is disabled.", "Activate"),
        (
            403,
            "0x80040220",
            "Principal user (Id=…, type=8, roleCount=0), is missing prvReadAccount",
            "no security role",
        ),
        (
            403,
            "0x80040220",
            "Principal user (roleCount=5) is missing prvReadincident privilege",
            "lacks prvReadincident",
        ),
        (403, "", "", "security role KAM Connector"),
    ],
)
def test_a_user_without_rights_is_told_which_click_helps(wire, login, status, code, message, said):
    wire.get(f"{BASE}WhoAmI", status=status, json=error(code, message) if code else {})
    with pytest.raises(AccessFault, match=said):
        login(auth="token").whoami()


# describe


@pytest.mark.parametrize(
    ("kind", "sandbox"), [("CustomerTest", True), ("Developer", True), (13, True), ("Customer", False)]
)
def test_what_kind_of_org_it_is_says_the_org(wire, login, kind, sandbox):
    wire.get(f"{BASE}WhoAmI", json={"UserId": guid(1), "OrganizationId": guid(2)})
    detail = {"OrganizationType": kind, "FriendlyName": "Acme"}
    wire.get(f"{BASE}RetrieveCurrentOrganization(AccessType=@p1)", json={"Detail": detail})
    wire.get(f"{BASE}systemusers({guid(1)})", json={"domainname": None, "fullname": "KAM"})
    me = login(auth="token").whoami()
    assert (me.is_sandbox, me.org_name, me.org_id, me.user_name) == (sandbox, "Acme", guid(2), "KAM")


def test_a_table_is_described_in_one_call(wire, login, tables):
    tables()
    crm = login(auth="token")
    fact = crm.describe("account")
    assert crm.client.session.calls == 1
    assert (fact.name, fact.label, fact.id_field) == ("account", "Account", "accountid")
    assert {n: f.type for n, f in fact.fields.items() if "." not in n} == {
        "accountid": "uniqueidentifier",
        "name": "string",
        "industrycode": "picklist",
        "kam_tags": "multiselect",
        "parentaccountid": "lookup",
        "customerid": "lookup",
        "customerid_account": "lookup",
        "customerid_contact": "lookup",
        "transactioncurrencyid": "lookup",
        "kam_due": "date",
        "kam_flag": "boolean",
        "numberofemployees": "integer",
        "modifiedon": "datetime",
    }
    assert fact.fields["industrycode"].values == ("Steel", "Bau")
    assert fact.fields["name"].length == 160
    assert fact.fields["customerid_contact"].reference_to == ("contact",)
    assert fact.fields["parentaccountid"].relationship_name == "parentaccountid"


def test_a_secured_column_without_permission_is_left_out_and_one_to_read_only_is_not_to_be_edited(wire, login, tables):
    columns = [attribute(n, "String", IsSecured=True) for n in ("hidden", "shown", "open")]
    tables(definition(attributes=[*far.ATTRIBUTES, *columns]))
    wire.get(f"{BASE}WhoAmI", json={"UserId": guid(1)})
    told = [
        {"AttributeId": "shown", "CanRead": 4, "CanCreate": 0, "CanUpdate": 0},
        {"AttributeId": "open", "CanRead": 4, "CanCreate": 4, "CanUpdate": 4},
    ]
    path = f"systemusers({guid(1)})/Microsoft.Dynamics.CRM.RetrievePrincipalAttributePrivileges()"
    wire.get(f"{BASE}{path}", json={"AttributePrivileges": told})
    fields = login(auth="token").describe("account").fields
    assert "hidden" not in fields
    assert [fields[n].updateable for n in ("shown", "open")] == [False, True]


def test_an_absent_table_is_described_as_none(login, tables):
    tables()
    assert login(auth="token").describe("nosuchthing") is None


def test_a_table_that_no_role_lets_this_user_read_is_described_as_none(wire, login, tables):
    rights = [{"PrivilegeType": kind, "PrivilegeId": guid(n)} for n, kind in ((1, "Create"), (2, "Read"))]
    tables(definition(Privileges=rights), definition("contact", Privileges=rights[:1]))
    wire.get(f"{BASE}WhoAmI", json={"UserId": guid(9)})
    path = f"{BASE}systemusers({guid(9)})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()"
    wire.get(path, json={"RolePrivileges": [{"PrivilegeId": guid(1), "Depth": "Global"}]})
    crm = login(auth="token")
    assert crm.describe("account") is None
    assert crm.describe("contact") is not None


def test_a_name_that_can_be_no_table_never_reaches_the_crm(wire, login):
    with pytest.raises(UsageFault, match="can't be the name"):
        login(auth="token").describe("account')/Keys")
    assert len(wire.calls) == 0


# reading


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


# writing


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


# words and figures


def test_requests_of_the_day_are_counted_here_and_the_share_of_others_is_kept(wire, login):
    wire.get(f"{BASE}WhoAmI", json={})
    told = []
    crm = login(auth="token", daily_requests=100, spent=68, on_spent=told.append, before_call=keep_reserve(0.3))
    crm.client.get("WhoAmI")
    crm.client.get("WhoAmI")
    crm.client.get("WhoAmI")
    with pytest.raises(ReserveReached, match="29 of 100"):
        crm.client.get("WhoAmI")
    assert told == [69, 70, 71]


@pytest.mark.parametrize("line", ["\r\n", "\n"])
def test_answers_in_parts_are_read_with_either_end_of_line(line):
    headers, body = parts([(204, None), (400, error("0x1", "--no"))], line=line)
    replies = decode(headers["Content-Type"], body)
    assert [(r.status, r.body) for r in replies] == [(204, None), (400, error("0x1", "--no"))]


@pytest.mark.parametrize("code", sorted(DATA))
def test_every_known_code_says_what_to_do(code):
    assert DATA[code][1] in str(fault_of(Refusal("GET acme/accounts", 400, code.upper().replace("X", "x"), "")))


@pytest.mark.parametrize("code", sorted(ROWS))
def test_every_known_row_code_says_what_to_do(code):
    state, _, message, _ = row_outcome(Refusal("PATCH", 400, code, "", ()), {})
    assert (state, message) == ROWS[code]


def test_an_admins_words_are_kept_without_values_people_or_secrets():
    said = scrub(
        f"Not for Why not (ada@acme.example, 'Lovelace', {guid(1)}, +49 30 1234567): ask Finance", {"a": "Why not"}
    )
    assert not [w for w in ("ada@", "1234567", "Lovelace", "0000", "Why not") if w in said]
    assert said.endswith("ask Finance")


def test_no_secret_and_no_value_reaches_the_log(wire, login, tables, caplog):
    caplog.set_level(logging.DEBUG)
    tables(definition(ChangeTrackingEnabled=False))
    wire.get(f"{BASE}accounts", json=page(ROW))
    read(login(), ReadRequest("account", ("name",), where="name eq 'Lovelace'"))
    assert not [w for w in ("hush", "p4ss", "Lovelace", "Ada") if w in caplog.text]


def test_settings_are_complained_of_by_key():
    settings = CrmSettings(kind="dynamics", url=HOST, auth="client_secret", tenant="../x", daily_requests=0)
    assert [c.partition(":")[0] for c in settings.complaints()] == [
        "crm.tenant",
        "crm.daily_requests",
        "crm.client_id",
        "crm.secret_env",
    ]
