"""The public data sets beside the repository load whole, quickly, and with the sums their description gives."""

import time
from pathlib import Path

import pytest

from connector.emulator.salesforce.load import load
from connector.emulator.salesforce.org.records import Org

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

pytestmark = pytest.mark.shared


def folder(name: str) -> Path:
    path = DATA / name / "salesforce"
    if not path.is_dir():
        pytest.skip(f"the public data sets are not there: {name} was looked for in ../shared/data")
    return path


def test_the_bicycle_maker_s_orders_load_in_seconds_not_minutes() -> None:
    path, org = folder("adventureworks"), Org()
    begun = time.process_time()
    report = load(org, path)
    assert time.process_time() - begun < 15  # about 4 on an idle core; the margin is for busy machines
    assert report.rows == {
        "User": 17,
        "Product2": 250,
        "Account": 701,
        "Opportunity": 3796,
        "OpportunityLineItem": 60855,
    }
    assert report.notes == []
    total = org.rows('SELECT ROUND(SUM("TotalPrice"), 2), COUNT("PricebookEntryId") FROM "OpportunityLineItem"')
    assert total == [(80_450_596.98, 60855)]
    assert org.field(org.object("OpportunityLineItem"), "Cost__c").type == "double"


def test_the_computer_seller_s_deals_load_with_those_that_have_no_account() -> None:
    org = Org()
    report = load(org, folder("maven-crm"))
    assert (report.rows["Opportunity"], report.rows["OpportunityLineItem"]) == (8800, 8800)
    sql = 'SELECT SUM("IsWon"), SUM("IsClosed" AND NOT "IsWon"), SUM("AccountId" IS NULL) FROM "Opportunity"'
    assert org.rows(sql) == [(4238, 2473, 1425)]
