"""The invented company in a Dynamics 365 org: every row arrives in that org's own terms, as people left it."""

from collections import Counter
from collections.abc import Iterator

import pytest

from connector.emulator.company import LAST_DAY, Company, Exchange, build
from connector.emulator.dynamics.org.records import Org
from connector.emulator.dynamics.seed import seed
from connector.emulator.dynamics.seed.deals import STAGES
from connector.emulator.dynamics.seed.setup import COLUMNS
from connector.emulator.salesforce.org.records import Org as SalesforceOrg
from connector.emulator.salesforce.seed import STAGES as SALESFORCE_STAGES

TABLES = {
    "account": "accounts", "contact": "contacts", "opportunity": "opportunities", "opportunityproduct": "lines",
    "incident": "cases", "msdyn_customerasset": "assets",
}  # fmt: skip
ACTIVITIES = ("appointment", "phonecall", "email", "task")
Seeded = tuple[Org, dict[str, list[str]]]


@pytest.fixture(scope="module")
def company() -> Company:
    """The small company, less most of what hangs on deals and people: thousands of rows show nothing more."""
    whole = build("small", 11)
    paper = next(at for at, one in enumerate(whole.activities) if one.kind == "task")
    whole.activities = [*whole.activities[:900], *whole.activities[paper : paper + 40]]
    whole.activities = [one._replace(no=no) for no, one in enumerate(whole.activities, 1)]
    whole.contact_roles, whole.lines = whole.contact_roles[:300], whole.lines[:600]
    return whole


@pytest.fixture(scope="module")
def seeded(company: Company) -> Iterator[Seeded]:
    org = Org()
    ids = seed(org, company)
    yield org, ids
    org.db.close()


def test_every_row_becomes_a_row(seeded: Seeded, company: Company) -> None:
    org, ids = seeded
    for name, table in TABLES.items():
        assert org.rows(f'SELECT COUNT(*) FROM "{name}"') == [(len(getattr(company, table)),)], name
    counts = [org.rows(f'SELECT COUNT(*) FROM "{name}"')[0][0] for name in (*ACTIVITIES, "activitypointer")]
    assert sum(counts[:-1]) == counts[-1] == len(company.activities) == len(ids["activities"])


def test_ids_follow_the_order_of_the_company(seeded: Seeded) -> None:
    _, ids = seeded
    for table, found in ids.items():
        assert found == sorted(found), table


def test_two_orgs_get_the_same_company_row_for_row(seeded: Seeded, company: Company) -> None:
    (org, ids), other = seeded, Org()
    assert seed(other, company) == ids
    for name in (*TABLES, *ACTIVITIES, "activityparty", "connection"):
        sql = f'SELECT * FROM "{name}" ORDER BY 1'
        assert org.rows(sql) == other.rows(sql), name
    other.db.close()


def test_every_lookup_finds_its_row_in_the_table_it_names(seeded: Seeded) -> None:
    org, _ = seeded
    known = {n: {r[0] for r in org.rows(f'SELECT "{t.primary_id}" FROM "{n}"')} for n, t in org.tables.items()}
    for name in (*TABLES, *ACTIVITIES, "activityparty", "connection", "product"):
        for column in org.table(name).columns.values():
            if not column.targets:
                continue
            kind = f'"{column.name}.type"' if column.many_targets else f"'{column.targets[0]}'"
            for row_id, table in org.rows(f'SELECT DISTINCT "{column.name}", {kind} FROM "{name}"'):
                assert row_id is None or row_id in known[table], (name, column.name)


def test_values_fit_the_columns_that_hold_them(seeded: Seeded) -> None:
    org, _ = seeded
    for name in (*TABLES, *ACTIVITIES, "product", "systemuser", "connection"):
        for column in org.table(name).columns.values():
            held = {row[0] for row in org.rows(f'SELECT DISTINCT "{column.name}" FROM "{name}"')} - {None}
            if column.max_length:
                assert max((len(one) for one in held), default=0) <= column.max_length, (name, column.name)
            if column.options:
                assert held <= {option.value for option in column.options}, (name, column.name)


def test_reasons_belong_to_the_states_they_stand_with(seeded: Seeded) -> None:
    org, _ = seeded
    for name in (*TABLES.keys() - {"opportunityproduct"}, *ACTIVITIES, "connection", "product"):
        states = {option.value: option.state for option in org.table(name).column("statuscode").options}
        pairs = org.rows(f'SELECT DISTINCT statecode, statuscode FROM "{name}"')
        assert all(states[reason] == state for state, reason in pairs), name


def test_deals_stand_in_the_phases_and_chances_that_salesforce_shows(seeded: Seeded, company: Company) -> None:
    other = SalesforceOrg()
    shares = dict(other.rows('SELECT "MasterLabel", "DefaultProbability" FROM "OpportunityStage"'))
    other.db.close()
    assert {key: name for key, (name, _) in STAGES.items()} == SALESFORCE_STAGES
    assert all(shares[name] == share for name, share in STAGES.values())
    org, ids = seeded
    columns = "stepname, closeprobability, statecode, COALESCE(actualvalue, estimatedvalue), actualclosedate"
    held = {row[0]: row[1:] for row in org.rows(f"SELECT opportunityid, {columns} FROM opportunity")}
    for deal in company.opportunities:
        day = None if deal.state == "open" else deal.close_day.isoformat()
        state = {"open": 0, "won": 1, "lost": 2}[deal.state]
        assert held[ids["opportunities"][deal.no - 1]] == (*STAGES[deal.stage], state, deal.amount, day)


def test_deals_keep_the_rate_of_the_day_they_close_and_lines_that_of_their_deal(
    seeded: Seeded, company: Company
) -> None:
    org, ids = seeded
    exchange = Exchange(company.rates)
    held = {
        row[0]: row[1:]
        for row in org.rows("SELECT opportunityid, exchangerate, estimatedvalue, estimatedvalue_base FROM opportunity")
    }
    for deal in company.opportunities:
        rate, amount, base = held[ids["opportunities"][deal.no - 1]]
        assert rate == exchange.rate(deal.currency, deal.close_day)
        assert amount is None or base == pytest.approx(amount / rate, abs=1e-4)
    odd = "SELECT 1 FROM opportunityproduct l JOIN opportunity o USING (opportunityid)"
    assert org.rows(f"{odd} WHERE l.exchangerate <> o.exchangerate") == []
    today = dict(org.rows("SELECT isocurrencycode, exchangerate FROM transactioncurrency"))
    assert today == {code: exchange.rate(code, LAST_DAY) for code in ("EUR", "USD", "GBP", "JPY")}


def test_a_stakeholder_is_one_row_from_the_deal_and_its_twin_back(seeded: Seeded, company: Company) -> None:
    org, ids = seeded
    sql = (
        "SELECT c.connectionid, c.record1id, c.record2id, r.name, c.ismaster, t.record1id, t.record2id"
        " FROM connection c JOIN connectionrole r ON r.connectionroleid = c.record2roleid"
        " JOIN connection t ON t.connectionid = c.relatedconnectionid AND t.relatedconnectionid = c.connectionid"
        " WHERE c.record1objecttypecode = 3 AND c.record2objecttypecode = 2"
    )
    held = {row[0]: row[1:] for row in org.rows(sql)}
    assert len(held) * 2 == org.rows("SELECT COUNT(*) FROM connection")[0][0]
    for role in company.contact_roles:
        deal, person = ids["opportunities"][role.opportunity - 1], ids["contacts"][role.contact - 1]
        assert held[ids["contact_roles"][role.no - 1]] == (deal, person, role.role, 1, person, deal)


def test_activities_say_who_took_part_and_which_way_mails_went(seeded: Seeded, company: Company) -> None:
    org, ids = seeded
    came: dict[str, Counter[str]] = {}
    for activity, who in org.rows("SELECT activityid, partyid FROM activityparty WHERE \"partyid.type\" = 'contact'"):
        came.setdefault(activity, Counter())[who] += 1
    out = dict(org.rows("SELECT activityid, directioncode FROM email"))
    for one in company.activities:
        row_id = ids["activities"][one.no - 1]
        assert came[row_id] == Counter(ids["contacts"][who - 1] for who in (one.contact, *one.others) if who)
        assert one.kind not in ("email_in", "email_out") or out[row_id] == (one.kind == "email_out")


def test_the_account_of_an_activity_can_be_told_from_what_it_regards(seeded: Seeded, company: Company) -> None:
    org, ids = seeded
    sql = (
        "SELECT a.activityid, COALESCE(f.accountid, o.parentaccountid, c.accountid) FROM activitypointer a"
        " LEFT JOIN account f ON f.accountid = a.regardingobjectid"
        " LEFT JOIN opportunity o ON o.opportunityid = a.regardingobjectid"
        " LEFT JOIN contact c ON c.contactid = a.regardingobjectid"
    )
    held = dict(org.rows(sql))
    assert all(held[ids["activities"][a.no - 1]] == ids["accounts"][a.account - 1] for a in company.activities)


def test_industries_are_options_with_the_company_s_own_words(seeded: Seeded, company: Company) -> None:
    org, ids = seeded
    labels = {option.value: option.label for option in org.table("account").column("industrycode").options}
    held = dict(org.rows("SELECT accountid, industrycode FROM account"))
    for account in company.accounts:
        code = held[ids["accounts"][account.no - 1]]
        assert (labels[code] if code else None) == account.industry


def test_products_stand_below_their_families(seeded: Seeded, company: Company) -> None:
    org, ids = seeded
    joined = "product p JOIN product f ON f.productid = p.parentproductid"
    sql = f"SELECT p.productid, f.name, f.productstructure FROM {joined}"
    held = {row[0]: row[1:] for row in org.rows(sql)}
    assert held == {ids["products"][p.no - 1]: (p.family, 2) for p in company.products}


def test_the_admin_s_columns_are_there_with_their_base_twins(seeded: Seeded) -> None:
    org, _ = seeded
    for table, columns in COLUMNS.items():
        for column in columns:
            own = org.table(table).column(column.name)
            assert own.custom and own.schema_name.lower() == own.name
            assert column.type != "money" or f"{column.name}_base" in org.table(table).columns


def test_a_company_does_not_go_into_an_org_of_another_currency() -> None:
    with pytest.raises(ValueError, match="keeps its books in EUR, the org in USD"):
        seed(Org(currency="USD"), Company("small", 1))
