"""What SOQL refuses, with the code, the words and the caret with which an org does."""

import string
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.emulator.salesforce.org.model import Problem
from connector.emulator.salesforce.org.records import Org
from connector.emulator.salesforce.soql.parse import parse
from connector.emulator.salesforce.soql.query import run
from connector.emulator.salesforce.soql.tree import Comparison


@pytest.fixture(scope="module")
def org() -> Iterator[Org]:
    made = Org()
    made.create(made.admin_id, "Account", {"Name": "Acme"})
    yield made
    made.db.close()


def refused(org: Org, soql: str) -> Problem:
    with pytest.raises(Problem) as caught:
        run(org, org.admin_id, soql)
    return caught.value


REFUSALS = [
    ("SELECT Id FROM Acount", "INVALID_TYPE", "sObject type 'Acount' is not supported. If you are attempting"),
    ("SELECT Foo FROM Account", "INVALID_FIELD", "No such column 'Foo' on entity 'Account'. If you are attempting"),
    ("SELECT Id FROM Account WHERE Foo__c = 1", "INVALID_FIELD", "No such column 'Foo__c' on entity 'Account'"),
    ("SELECT Id FROM Contact ORDER BY Account.Foo", "INVALID_FIELD", "No such column 'Foo' on entity 'Account'"),
    ("SELECT What.Foo FROM Task", "INVALID_FIELD", "No such column 'Foo' on entity 'Name'"),
    ("SELECT Foo.Name FROM Account", "INVALID_FIELD", "Didn't understand relationship 'Foo' in field path"),
    (
        "SELECT Id, (SELECT Id FROM Foos) FROM Account",
        "INVALID_TYPE", "Didn't understand relationship 'Foos' in FROM part",
    ),
    ("SELECT Id, Name, id FROM Account", "INVALID_FIELD", "duplicate field selected: Id"),
    (
        "SELECT Id FROM Account WHERE Description = 'x'",
        "INVALID_FIELD", "field 'Description' can not be filtered in a query call",
    ),
    (
        "SELECT Id FROM Account WHERE BillingAddress = 'x'",
        "INVALID_FIELD", "Address fields can only be filtered using Distance",
    ),
    (
        "SELECT Id FROM Account ORDER BY Description",
        "MALFORMED_QUERY", "field 'Description' can not be sorted in a query call",
    ),
    (
        "SELECT COUNT(Id) FROM Account GROUP BY CreatedDate",
        "MALFORMED_QUERY", "field 'CreatedDate' can not be grouped",
    ),
    ("SELECT Name, COUNT(Id) FROM Account", "MALFORMED_QUERY", "Field must be grouped or aggregated: Name"),
    (
        "SELECT Industry FROM Account GROUP BY Industry ORDER BY Name",
        "MALFORMED_QUERY", "Ordered field must be grouped",
    ),
    ("SELECT SUM(Name) FROM Account", "MALFORMED_QUERY", "field Name does not support aggregate operator SUM"),
    (
        "SELECT COUNT(Description) FROM Account",
        "MALFORMED_QUERY", "field Description does not support aggregate operator COUNT",
    ),
    (
        "SELECT COUNT(Id) FROM Account LIMIT 1",
        "MALFORMED_QUERY", "Non-grouped query that uses overall aggregate functions",
    ),
    ("SELECT COUNT(Id) a, MAX(Id) a FROM Account", "MALFORMED_QUERY", "duplicate alias: a"),
    ("SELECT Id FROM Account WHERE Id = 'abc'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: abc"),
    ("SELECT Id FROM Account WHERE Id LIKE '001%'", "INVALID_QUERY_FILTER_OPERATOR", "invalid operator on id field"),
    (
        "SELECT Id FROM Account WHERE IsDeleted > TRUE",
        "INVALID_QUERY_FILTER_OPERATOR", "invalid operator on boolean field",
    ),
    (
        "SELECT Id FROM Account WHERE Name INCLUDES ('a')",
        "INVALID_QUERY_FILTER_OPERATOR", "invalid operator on string field",
    ),
    (
        "SELECT Id FROM Account WHERE Name = 5",
        "INVALID_FIELD", "'Name' must be of type string and should be enclosed in quotes",
    ),
    (
        "SELECT Id FROM Account WHERE CreatedDate > 2020-01-01",
        "INVALID_FIELD", "must be of type dateTime and should not be",
    ),
    (
        "SELECT Id FROM Account WHERE CreatedDate > '2020-01-01'",
        "INVALID_FIELD", "must be of type dateTime and should not be",
    ),
    (
        "SELECT Id FROM Opportunity WHERE CloseDate = 2020-01-01T00:00:00Z",
        "INVALID_FIELD", "must be of type date and should not",
    ),
    (
        "SELECT Id FROM Opportunity WHERE Amount = '5'",
        "INVALID_FIELD", "must be of type double and should not be enclosed",
    ),
    (
        "SELECT Id FROM Opportunity WHERE IsWon = 'true'",
        "INVALID_FIELD", "must be of type boolean and should not be enclosed",
    ),
    ("SELECT Id FROM Opportunity WHERE CloseDate = 2020-02-30", "MALFORMED_QUERY", "Invalid date: 2020-02-30"),
    (
        "SELECT Id FROM Opportunity WHERE CloseDate = LAST_N_YEARS:9999",
        "MALFORMED_QUERY", "Invalid date: LAST_N_YEARS:9999",
    ),
    ("SELECT Id FROM Account WHERE CreatedDate = 0001-01-01T00:00:00+10:00", "MALFORMED_QUERY", "Invalid date"),
    ("SELECT Id FROM Account WHERE Name = foo", "MALFORMED_QUERY", "unexpected token: 'foo'"),
    ("SELECT Id FROM Account WHERE Name = :foo", "MALFORMED_QUERY", "Bind variables only allowed in Apex code"),
    ("SELECT Id FROM Account WHERE Id IN :foo", "MALFORMED_QUERY", "Bind variables only allowed in Apex code"),
    (
        "SELECT Id FROM Account WHERE Name = 'a' AND Name = 'b' OR Name = 'c'",
        "MALFORMED_QUERY", "unexpected token: 'OR'",
    ),
    ("SELECT Id FROM Account WHERE Name IS NULL", "MALFORMED_QUERY", "unexpected token: 'IS'"),
    ("SELECT * FROM Account", "MALFORMED_QUERY", "no viable alternative at character '*'"),
    ("SELECT Id, FROM Account", "MALFORMED_QUERY", "unexpected token: 'FROM'"),
    ("SELECT Id FROM Account WHERE Name = 'a", "MALFORMED_QUERY", "mismatched character '<EOF>' expecting '''"),
    (
        "SELECT Id FROM Account WHERE Name = 'a\\d'",
        "MALFORMED_QUERY", "Illegal character sequence '\\d' in string literal.",
    ),
    ("SELECT Id FROM Account WHERE Name = '\\ud800'", "MALFORMED_QUERY", "Invalid string literal"),
    ("SELECT Id FROM", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
    ("", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
    ("SELECT Id FROM Account ALL ROWS", "MALFORMED_QUERY", "ALL ROWS not allowed in this context"),
    ("SELECT Id FROM Account OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000"),
    ("SELECT Id FROM Account LIMIT 99999999999", "NUMBER_OUTSIDE_VALID_RANGE", "LIMIT is out of range"),
    ("SELECT Id FROM Account LIMIT -1", "MALFORMED_QUERY", "unexpected token: '-1'"),
    (
        "SELECT FIELDS(ALL) FROM Account",
        "MALFORMED_QUERY", "The SOQL FIELDS function must have a LIMIT of at most 200",
    ),
    (
        "SELECT FIELDS(ALL) FROM Account LIMIT 201",
        "MALFORMED_QUERY", "The SOQL FIELDS function must have a LIMIT of at most 200",
    ),
    ("SELECT FIELDS(ALL), Id FROM Account LIMIT 1", "INVALID_FIELD", "duplicate field selected: Id"),
    ("SELECT Name n FROM Account", "MALFORMED_QUERY", "only aggregate expressions use field aliasing"),
    ("SELECT Id FROM Account USING SCOPE nonsense", "INVALID_QUERY_SCOPE", "nonsense"),
    ("SELECT Parent.Parent.Parent.Parent.Parent.Parent.Name FROM Account", "MALFORMED_QUERY", "relationships"),
    (
        "SELECT Id FROM Account WHERE Name = 'a' OR Id IN (SELECT AccountId FROM Contact)",
        "MALFORMED_QUERY", "Semi join sub-selects are not allowed with the 'OR' operator",
    ),
    (
        "SELECT Id FROM Account WHERE Id IN (SELECT ParentId FROM Account)",
        "MALFORMED_QUERY", "The inner and outer selects should not be on the same object type",
    ),
    (
        "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Task)",
        "MALFORMED_QUERY", "Entity 'Task' is not supported for semi join inner selects",
    ),
    (
        "SELECT Id FROM Account WHERE Id IN (SELECT Name FROM Contact)",
        "MALFORMED_QUERY", "should be an id or a reference field",
    ),
    (
        "SELECT Id FROM Account WHERE Id IN (SELECT OwnerId FROM Contact)",
        "MALFORMED_QUERY", "should point to the same object type",
    ),
    (
        "SELECT Id FROM Account WHERE Name IN (SELECT AccountId FROM Contact)",
        "MALFORMED_QUERY", "The left operand field in the where expression for outer query should be an id field",
    ),
    (
        "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact WHERE Id IN (SELECT ContactId FROM Case))",
        "MALFORMED_QUERY", "Nesting of semi join sub-selects is not supported",
    ),
    (
        "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact) AND Id IN (SELECT AccountId FROM Case)"
        " AND Id IN (SELECT AccountId FROM Asset)",
        "MALFORMED_QUERY", "Maximum 2 semi join sub-selects are allowed",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("soql", "code", "message"), REFUSALS, ids=[soql for soql, _, _ in REFUSALS])
def test_a_wrong_query_is_refused_with_the_code_and_the_words_of_an_org(
    org: Org, soql: str, code: str, message: str
) -> None:
    problem = refused(org, soql)
    assert (problem.status, problem.code) == (400, code)
    assert message in problem.message


def test_the_message_shows_the_text_around_the_place_with_a_caret_under_it(org: Org) -> None:
    lines = refused(org, "Select Id, Status, Location, Body from Case").message.split("\n")
    assert lines[:4] == ["", "Select Id, Status, Location, Body from Case", " " * 19 + "^", "ERROR at Row:1:Column:20"]
    lines = refused(org, "SELECT Id, Name,\n  Foo FROM Account").message.split("\n")
    assert lines[1:4] == ["  Foo FROM Account", "  ^", "ERROR at Row:2:Column:3"]


def test_only_a_window_of_a_long_query_is_shown(org: Org) -> None:
    fields = ", ".join(
        f.name for f in org.object("Account").fields.values() if f.name in org.readable(org.admin_id, "Account")
    )
    lines = refused(org, f"SELECT {fields}, Fooo, BillingCity FROM Account").message.split("\n")
    assert len(lines[1]) < 120
    assert lines[1][lines[2].index("^") :].startswith("Fooo, BillingCity")


def test_a_query_may_not_be_longer_than_an_org_takes() -> None:
    with pytest.raises(Problem) as caught:
        parse("SELECT Id FROM Account WHERE Name = 'a' " + " " * 100_000)
    assert "100000 characters" in caught.value.message


def test_endless_nesting_is_refused_and_not_run(org: Org) -> None:
    deep = "(NOT " * 5_000 + "Name = 'a'" + ")" * 5_000
    assert refused(org, f"SELECT Id FROM Account WHERE {deep}").code == "QUERY_TOO_COMPLICATED"
    many = " OR ".join(["Name = 'a'"] * 6_000)
    assert refused(org, f"SELECT Id FROM Account WHERE {many}").code == "QUERY_TOO_COMPLICATED"
    calls = "f(" * 9_000 + "x" + ")" * 9_000
    assert refused(org, f"SELECT {calls} FROM Account").code == "MALFORMED_QUERY"
    lists = "(SELECT Id, " * 9 + "Name" + " FROM ChildAccounts)" * 9
    assert refused(org, f"SELECT {lists} FROM Account").code == "MALFORMED_QUERY"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a\\nb", "a\nb"), ("\\r\\t\\b\\f", "\r\t\b\f"), ('\\"', '"'), ("\\'", "'"), ("\\\\", "\\"), ("\\u00e4", "ä"),
        ("\\uD83D\\uDE00", "😀"), ("\\%\\_", "%_"), ("tab\tand\nline", "tab\tand\nline"),
    ],
)  # fmt: skip
def test_escapes_in_strings_mean_what_the_reference_says(written: str, meant: str) -> None:
    where = parse(f"SELECT Id FROM Account WHERE Name = '{written}'").where
    assert isinstance(where, Comparison)
    assert where.values[0].value == meant


_VOCABULARY = (
    "SELECT FROM WHERE AND OR NOT ( ) , Id Name Account Contacts Contact What.Name Account.Name = != < > >= LIKE"
    " IN NOT IN null TRUE 'a' '%' 5 -1.5 2020-01-01 2020-01-01T00:00:00Z TODAY LAST_N_DAYS:3 LAST_N_DAYS: COUNT()"
    " COUNT(Id) MAX(Name) x GROUP BY ORDER BY HAVING LIMIT OFFSET 9 ASC DESC NULLS LAST FIELDS(ALL) toLabel(Name)"
    " CALENDAR_YEAR(CreatedDate) CreatedDate TYPEOF WHEN THEN ELSE END FOR VIEW ALL ROWS USING SCOPE mine : . ' \\ \""
    " INCLUDES EXCLUDES Task Industry"
)
_WORDS = st.sampled_from(_VOCABULARY.split())


def only_problems(org: Org, soql: str) -> None:
    try:
        run(org, org.admin_id, soql).page()
    except Problem as problem:
        assert problem.status == 400
        assert problem.code.isupper()


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80))
def test_no_text_at_all_raises_anything_but_a_problem(org: Org, text: str) -> None:
    only_problems(org, text)
    only_problems(org, f"SELECT Id FROM Account WHERE {text}")
    only_problems(org, f"SELECT {text} FROM Account")


@settings(max_examples=150, deadline=None)
@given(st.lists(_WORDS, max_size=14), st.lists(_WORDS, max_size=14))
def test_no_salad_of_keywords_raises_anything_but_a_problem(org: Org, items: list[str], rest: list[str]) -> None:
    only_problems(org, f"SELECT {' '.join(items) or 'Id'} FROM Account {' '.join(rest)}")
    only_problems(org, f"SELECT Id FROM Task WHERE {' '.join(rest)}")


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=string.printable + "äß\u2028😀\x00", max_size=40))
def test_a_quoted_text_means_itself_and_nothing_else(org: Org, text: str) -> None:
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    where = parse(f"SELECT Id FROM Account WHERE Name = '{quoted}'").where
    assert isinstance(where, Comparison)
    assert where.values[0].value == text
    assert run(org, org.admin_id, f"SELECT COUNT() FROM Account WHERE Name = '{quoted}'").total == (
        text.lower() == "acme"
    )
