"""simple-salesforce itself against the emulator: what it sends must be understood, what it reads must be there."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce, SalesforceLogin, SFType
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)

from connector.emulator.salesforce.org.model import Field


@pytest.fixture
def session(secure) -> Iterator[requests.Session]:
    """A session that trusts the emulator's CA, as an admin's machine would."""
    with requests.Session() as made:
        made.trust_env = False
        made.verify = str(secure.ca)
        yield made


@pytest.fixture
def sf(secure, session) -> Salesforce:
    return Salesforce(instance_url=secure.url, session_id=secure.token, session=session)


class Diverted(HTTPAdapter):
    """Sends what is meant for Salesforce's login hosts to the emulator, which has no such name."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.target = urlsplit(url)

    def send(self, request, **more):
        parts = urlsplit(request.url)
        request.url = parts._replace(netloc=self.target.netloc).geturl()
        return super().send(request, **more)


def test_it_queries_page_by_page(secure, sf):
    secure.org.bulk_load("Account", ("Name",), ((f"A{number}",) for number in range(4100)))
    assert sf.query("SELECT COUNT() FROM Account")["totalSize"] == 4100
    assert len(list(sf.query_all_iter("SELECT Id, Name FROM Account"))) == 4100
    assert len(sf.query_all("SELECT Id FROM Account")["records"]) == 4100
    assert sf.api_usage["api-usage"].total == 100000


def test_it_creates_changes_upserts_and_deletes(secure, sf):
    account = sf.Account.create({"Name": "Ärger"})
    assert account["success"] is True
    assert sf.Account.update(account["id"], {"Name": "Söhne"}) == 204
    assert sf.Account.get(account["id"])["Name"] == "Söhne"
    assert sf.Account.upsert(f"Id/{account['id']}", {"Name": "Töchter"}) == 200
    assert sf.Account.delete(account["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound):
        sf.Account.get(account["id"])


def test_it_describes(sf):
    assert "Account" in [one["name"] for one in sf.describe()["sobjects"]]
    described = sf.Account.describe()
    assert described["name"] == "Account" and described["fields"]
    assert sf.Account.metadata()["objectDescribe"]["name"] == "Account"


def test_it_reads_limits_and_any_other_resource(sf):
    assert sf.limits()["DailyApiRequests"]["Max"] == 100000
    assert sf.restful("limits/recordCount", params={"sObjects": "User"})["sObjects"][0]["name"] == "User"


def test_it_asks_what_was_updated_and_deleted(sf):
    now = datetime.now(UTC)
    kept, gone = (sf.Account.create({"Name": name})["id"] for name in "AB")
    sf.Account.delete(gone)
    span = (now - timedelta(hours=1), now + timedelta(minutes=2))
    assert sf.Account.updated(*span)["ids"] == [kept]
    assert [one["id"] for one in sf.Account.deleted(*span)["deletedRecords"]] == [gone]


def test_it_works_with_a_type_of_its_own_and_an_old_version(secure, session):
    host = urlsplit(secure.url).netloc
    contacts = SFType("Contact", session_id=secure.token, sf_instance=host, sf_version="42.0", session=session)
    made = contacts.create({"LastName": "Ada"})
    assert contacts.get(made["id"])["LastName"] == "Ada"


def test_it_writes_collections(sf):
    records = [{"attributes": {"type": "Account"}, "Name": name} for name in "ABC"]
    made = sf.restful("composite/sobjects", method="POST", json={"allOrNone": False, "records": records})
    assert [one["success"] for one in made] == [True] * 3
    fresh = [{"attributes": {"type": "Account"}, "id": one["id"], "Name": "new"} for one in made]
    done = sf.restful("composite/sobjects", method="PATCH", json={"records": fresh})
    assert [one["id"] for one in done] == [one["id"] for one in made]
    ids = ",".join(one["id"] for one in made)
    assert all(one["success"] for one in sf.restful("composite/sobjects", params={"ids": ids}, method="DELETE"))


def test_its_exceptions_are_those_it_has_for_each_status(secure, sf):
    number = Field("Number__c", "string", "Number", length=40, custom=True, external_id=True, id_lookup=True)
    secure.org.add_field("Account", number)
    own = secure.org.create(secure.org.admin_id, "PermissionSet", {"Name": "Keyed", "Label": "Keyed"}, system=True)
    pair = {"PermissionSetId": own, "AssigneeId": secure.org.admin_id}
    secure.org.create(secure.org.admin_id, "PermissionSetAssignment", pair, system=True)
    secure.org.grant(own, "Account", "Number__c", edit=True)
    for name in "AB":
        sf.Account.create({"Name": name, "Number__c": "7"})
    with pytest.raises(SalesforceMoreThanOneRecord):
        sf.Account.get_by_custom_id("Number__c", "7")
    with pytest.raises(SalesforceMalformedRequest):
        sf.query("SELECT Nothing FROM Account")
    with pytest.raises(SalesforceResourceNotFound):
        sf.Account.get("001000000000000AAA")
    secure.site.usage.limit = 0
    with pytest.raises(SalesforceRefusedRequest):
        sf.limits()
    secure.site.sessions.end()
    with pytest.raises(SalesforceExpiredSession):
        sf.limits()


def test_it_logs_in_with_a_signed_assertion(secure, session):
    session.mount("https://", Diverted(secure.url))
    token, host = SalesforceLogin(
        username="integration.user@example.com",
        consumer_key=secure.client_id,
        privatekey_file=str(secure.key_file),
        domain="test",
        session=session,
    )
    assert token.startswith(secure.org.org_id[:15] + "!") and host == urlsplit(secure.url).netloc


def test_it_logs_in_by_soap_with_a_user_name(secure, session):
    session.mount("https://", Diverted(secure.url))
    given = {"username": "integration.user@example.com", "security_token": "ABC", "session": session, "domain": "test"}
    token, _ = SalesforceLogin(password=secure.site.keys.password, sf_version="59.0", **given)
    assert secure.site.sessions.user_of(token) == secure.org.admin_id
    with pytest.raises(SalesforceAuthenticationFailed) as caught:
        SalesforceLogin(password="wrong", sf_version="59.0", **given)
    assert caught.value.code == "INVALID_LOGIN"


def test_it_logs_in_with_client_credentials(secure, session):
    session.mount("https://", Diverted(secure.url))
    token, _ = SalesforceLogin(
        consumer_key=secure.client_id, consumer_secret=secure.secret, domain="acme.my", session=session
    )
    assert secure.site.sessions.user_of(token) == secure.org.admin_id
