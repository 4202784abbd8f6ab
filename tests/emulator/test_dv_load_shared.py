"""A public data set beside the repository loads whole into the Dynamics face, with the sums of its description."""

from pathlib import Path

import pytest

from connector.emulator.dynamics.load import load
from connector.emulator.dynamics.org.records import Org

pytestmark = pytest.mark.shared


def test_the_computer_seller_s_deals_load_with_those_that_have_no_account(shared_data: Path) -> None:
    org = Org()
    report = load(org, shared_data / "maven-crm" / "dynamics")
    assert report.rows == {
        "systemuser": 41, "product": 10, "account": 85, "opportunity": 8800, "opportunityproduct": 8800,
    }  # fmt: skip
    sql = "SELECT SUM(statecode = 1), SUM(statecode = 2), SUM(parentaccountid IS NULL) FROM opportunity"
    assert org.rows(sql) == [(4238, 2473, 1425)]
    labels = {option.label for option in org.table("account").column("industrycode").options}
    assert "technolgy" in labels
    families = "SELECT COUNT(DISTINCT f.name) FROM product p JOIN product f ON f.productid = p.parentproductid"
    assert org.rows(families) == [(3,)]
