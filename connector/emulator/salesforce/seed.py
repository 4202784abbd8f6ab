"""The invented company as Salesforce records: what its admin set up, and what people and links then filled in.

An empty org and a `Company` come in; custom fields, currencies and the records of every table go into the org,
numbered in the company's order, and the ids leave by table. Long because it is a table: a line for each field of each
object. Next room: `soql` reads them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from itertools import islice
from operator import attrgetter
from typing import TypeAlias, TypeVar

from connector.emulator.company.firms import Exchange
from connector.emulator.company.model import CORPORATE, LAST_DAY, Activity, Company
from connector.emulator.salesforce.org.ids import to18
from connector.emulator.salesforce.org.model import Field, PicklistValue
from connector.emulator.salesforce.org.records import Org

T = TypeVar("T")
Make: TypeAlias = Callable[[T], object]
Column: TypeAlias = list[object]
Shape: TypeAlias = Callable[[Column], Column]

STAGES = {
    "prospecting": "Prospecting",
    "qualification": "Qualification",
    "analysis": "Needs Analysis",
    "proposition": "Value Proposition",
    "proposal": "Proposal/Price Quote",
    "negotiation": "Negotiation/Review",
    "won": "Closed Won",
    "lost": "Closed Lost",
}
_TYPES = {
    "customer": "Customer - Direct",
    "prospect": "Prospect",
    "partner": "Channel Partner / Reseller",
    "competitor": "Competitor",
}
_DEALS = {"new": "New Customer", "existing": "Existing Customer - Upgrade"}
_LANGUAGES = {"en": "en_US", "de": "de", "fr": "fr", "es": "es"}
_LOCALES = {"en": "en_GB", "de": "de_DE", "fr": "fr_FR", "es": "es_ES"}
_SUBTYPES = {"call": "Call", "email_in": "Email", "email_out": "Email", "task": "Task"}
_TASK_TYPES = {"call": "Call", "email_in": "Email Received", "email_out": "Email Sent", "task": "Other"}
_LOGGED: "Make[Activity]" = attrgetter("logged")  # one function for all stamps, so that they are worked out once


def _logged_first(pair: tuple[Activity, object]) -> object:
    return pair[0].logged


_LOSSES = ("Price", "Competitor", "No budget", "Timing", "No decision", "Product fit")


def _custom(name: str, kind: str, label: str, precision: int = 0, scale: int = 0, length: int = 0) -> Field:
    return Field(name, kind, label, length, precision, scale, custom=True)


FIELDS = {
    "Account": [
        _custom("Cost_To_Serve__c", "currency", "Cost to Serve (a year)", 18, 2),
        _custom("Payment_Days__c", "double", "Usual Days to Payment", 3),
        _custom("Strategic_Fit__c", "double", "Strategic Fit (0-5)", 1),
        _custom("Credit_Hold__c", "boolean", "Credit Hold"),
    ],
    "Contact": [
        _custom("Left_Company_On__c", "date", "Left Company On"),
        _custom("No_Profiling__c", "boolean", "No Profiling"),
    ],
    "Opportunity": [
        _custom("Push_Count__c", "double", "Times Pushed", 3),
        _custom("Loss_Reason__c", "picklist", "Loss Reason").with_(
            picklist=tuple(PicklistValue(v, v) for v in _LOSSES)
        ),
        _custom("Main_Competitor__c", "string", "Main Competitor", length=80),
    ],
    "OpportunityLineItem": [_custom("Cost__c", "currency", "Cost (whole line)", 18, 2)],
    "Task": [_custom("Captured__c", "boolean", "Captured by Mail or Calendar Link")],
    "Event": [_custom("Captured__c", "boolean", "Captured by Mail or Calendar Link")],
    "Case": [_custom("Satisfaction__c", "double", "Satisfaction (1-5)", 1)],
}
"""The custom fields that the company's admin made, by object."""

_PREFIXES = {
    "users": "005",
    "products": "01t",
    "accounts": "001",
    "contacts": "003",
    "opportunities": "006",
    "lines": "00k",
    "contact_roles": "00K",
    "cases": "500",
    "assets": "02i",
}


class Ids:
    """Record ids of the company's rows, by table and row number."""

    def __init__(self, org: Org, company: Company) -> None:
        self.tables = {name: org.new_ids(prefix, len(getattr(company, name))) for name, prefix in _PREFIXES.items()}
        self.prices: dict[tuple[int, str], str] = {}  # by product and currency

    def link(self, table: str, name: str) -> Callable[[object], str | None]:
        """What gives the id of the row that a row names by number in its attribute `name`."""
        numbers, named = self.tables[table], attrgetter(name)
        return lambda row: numbers[no - 1] if (no := named(row)) else None

    def of(self, table: str, no: int | None) -> str | None:
        """The id of row `no`; nothing for nothing."""
        return None if no is None else self.tables[table][no - 1]


def seed(org: Org, company: Company, tell: Callable[[str], None] = lambda _: None) -> dict[str, list[str]]:
    """Fill an empty org with the company; the ids come back by the company's table names, in row order."""
    with org.transaction():
        _set_up(org, company)
        ids = Ids(org, company)
        for what, put in (
            ("money", _money),
            ("users and products", _sellers),
            ("accounts and contacts", _firms),
            ("deals", _deals),
            ("activities", _activities),
            ("cases and assets", _service),
        ):
            tell(f"{what} into the stand-in CRM")
            put(org, company, ids)
    return ids.tables


def _load(org: Org, name: str, rows: Iterable[T], fields: Mapping[str, Callable[[T], object]]) -> None:
    """Load one record per row; a field is worked out by the function beside its name."""
    kind = org.object(name)
    shapes = [_SHAPES.get(org.field(kind, field).type, _text) for field in fields]
    org.bulk_load(name, list(fields), _records(rows, list(fields.values()), shapes), stored=True)


def _records(rows: Iterable[T], makers: Sequence[Make[T]], shapes: Sequence[Shape]) -> Iterator[tuple[object, ...]]:
    """Records as columns hold them, made column by column, which is quicker than row by row."""
    rows = iter(rows)
    while chunk := list(islice(rows, 5_000)):
        known: dict[tuple[int, Shape], list[object]] = {}  # two of the three stamps come from one function
        for make, shape in zip(makers, shapes, strict=True):
            if (id(make), shape) not in known:
                known[id(make), shape] = shape([make(row) for row in chunk])
        yield from zip(*(known[id(make), shape] for make, shape in zip(makers, shapes, strict=True)), strict=True)


def _text(values: Column) -> Column:
    return [value or None for value in values]


def _as_given(values: Column) -> Column:
    return values


def _truth(values: Column) -> Column:
    return [int(bool(value)) for value in values]


def _days(values: Column) -> Column:
    return [value.isoformat()[:10] if isinstance(value, date) else None for value in values]


def _moments(values: Column) -> Column:
    """Moments in UTC, as all of the company's are."""
    return [
        value.isoformat(timespec="milliseconds")[:23] + "+0000" if isinstance(value, datetime) else None
        for value in values
    ]


_SHAPES: dict[str, Shape] = {
    "boolean": _truth, "date": _days, "datetime": _moments, "int": _as_given, "double": _as_given,
    "currency": _as_given, "percent": _as_given,
}  # fmt: skip


def _stamps(created: Make[T], modified: Make[T]) -> dict[str, Callable[[T], object]]:
    return {"CreatedDate": created, "LastModifiedDate": modified, "SystemModstamp": modified}


def _set_up(org: Org, company: Company) -> None:
    """Features, custom fields with the right to see them, and picklist values that the standard lists lack."""
    org.enable_feature("MultiCurrency")
    org.enable_feature("EventRelation")
    given = {"Name": "Company_Fields", "Label": "Company fields"}
    granted = org.create(org.admin_id, "PermissionSet", given, system=True)
    holder = {"PermissionSetId": granted, "AssigneeId": org.admin_id}
    org.create(org.admin_id, "PermissionSetAssignment", holder, system=True)
    for name, fields in FIELDS.items():
        for field in fields:
            org.add_field(name, field)
            org.grant(granted, name, field.name, edit=True)
    _offer(org, "Account", "Type", ["Competitor"])
    _offer(org, "Product2", "Family", dict.fromkeys(product.family for product in company.products))
    _offer(org, "Task", "Type", ["Email Received", "Email Sent"])


def _offer(org: Org, name: str, field_name: str, values: Iterable[str]) -> None:
    field = org.field(org.object(name), field_name)
    org.add_field(name, field.with_(picklist=field.picklist + tuple(PicklistValue(value, value) for value in values)))


def _money(org: Org, company: Company, _: Ids) -> None:
    """The corporate currency, the others with today's rate, and dated rates for those that have a history."""
    exchange = Exchange(company.rates)
    codes = dict.fromkeys(rate.currency for rate in company.rates)
    _load(org, "CurrencyType", codes, {
        "IsoCode": lambda code: code,
        "ConversionRate": lambda code: exchange.rate(code, LAST_DAY),
        "DecimalPlaces": exchange.digits,
        "IsActive": lambda code: True,
        "IsCorporate": lambda code: code == CORPORATE,
    })  # fmt: skip
    _load(org, "DatedConversionRate", [rate for rate in company.rates if rate.from_day], {
        "IsoCode": lambda rate: rate.currency,
        "StartDate": lambda rate: rate.from_day,
        "NextStartDate": lambda rate: rate.to_day,
        "ConversionRate": lambda rate: rate.rate,
    })  # fmt: skip


def _sellers(org: Org, company: Company, ids: Ids) -> None:
    """Our own people, the products, and a standard price for each product in every currency."""
    profile = org.rows('SELECT "Id" FROM "Profile" WHERE "Name" = ?', "Standard User")[0][0]
    _load(org, "User", company.users, {
        "Id": ids.link("users", "no"),
        "FirstName": attrgetter("first"),
        "LastName": attrgetter("last"),
        "Username": lambda u: f"user{u.no}@seller.example",
        "Email": lambda u: f"user{u.no}@seller.example",
        "Alias": lambda u: f"u{u.no}",
        "Title": attrgetter("title"),
        "ManagerId": ids.link("users", "manager"),
        "IsActive": attrgetter("active"),
        "ProfileId": lambda u: profile,
        "UserType": lambda u: "Standard",
        "LanguageLocaleKey": lambda u: _LANGUAGES[u.locale],
        "LocaleSidKey": lambda u: _LOCALES[u.locale],
        **_stamps(attrgetter("created"), attrgetter("created")),
    })  # fmt: skip
    _load(org, "Product2", company.products, {
        "Id": ids.link("products", "no"),
        "Name": attrgetter("name"),
        "ProductCode": attrgetter("code"),
        "Family": attrgetter("family"),
        "IsActive": attrgetter("active"),
        "CurrencyIsoCode": lambda p: CORPORATE,
        **_stamps(attrgetter("created"), attrgetter("created")),
    })  # fmt: skip
    exchange = Exchange(company.rates)
    codes = dict.fromkeys(rate.currency for rate in company.rates)
    pairs = [(product, code) for product in company.products for code in codes]
    ids.prices = {(product.no, code): org.new_id("01u") for product, code in pairs}
    _load(org, "PricebookEntry", pairs, {
        "Id": lambda pair: ids.prices[pair[0].no, pair[1]],
        "Pricebook2Id": lambda pair: org.pricebook_id,
        "Product2Id": lambda pair: ids.of("products", pair[0].no),
        "CurrencyIsoCode": lambda pair: pair[1],
        "UnitPrice": lambda pair: round(pair[0].price * exchange.rate(pair[1], LAST_DAY), exchange.digits(pair[1])),
        "IsActive": lambda pair: True,
        **_stamps(lambda pair: pair[0].created, lambda pair: pair[0].created),
    })  # fmt: skip


def _firms(org: Org, company: Company, ids: Ids) -> None:
    """Accounts and contacts; what is longer than its field is cut, because a real org would never have let it in."""
    _load(org, "Account", company.accounts, {
        "Id": ids.link("accounts", "no"),
        "Name": lambda a: a.name[:255],
        "ParentId": ids.link("accounts", "parent"),
        "OwnerId": ids.link("users", "owner"),
        "Type": lambda a: _TYPES[a.kind] if a.kind else None,
        "Industry": attrgetter("industry"),
        "BillingCountry": attrgetter("country"),
        "BillingCity": attrgetter("city"),
        "NumberOfEmployees": attrgetter("employees"),
        "AnnualRevenue": attrgetter("annual_revenue"),
        "CurrencyIsoCode": attrgetter("currency"),
        "Cost_To_Serve__c": attrgetter("cost_to_serve"),
        "Payment_Days__c": attrgetter("payment_days"),
        "Strategic_Fit__c": attrgetter("strategic_fit"),
        "Credit_Hold__c": attrgetter("credit_hold"),
        **_stamps(attrgetter("created"), attrgetter("modified")),
    })  # fmt: skip
    currency = [account.currency for account in company.accounts]
    _load(org, "Contact", company.contacts, {
        "Id": ids.link("contacts", "no"),
        "AccountId": ids.link("accounts", "account"),
        "FirstName": attrgetter("first"),
        "LastName": attrgetter("last"),
        "Title": lambda c: c.title[:128].strip() if c.title else None,
        "Department": attrgetter("department"),
        "Email": attrgetter("email"),
        "ReportsToId": ids.link("contacts", "reports_to"),
        "OwnerId": ids.link("users", "owner"),
        "CurrencyIsoCode": lambda c: currency[c.account - 1] if c.account else CORPORATE,
        "Left_Company_On__c": attrgetter("left_on"),
        "No_Profiling__c": attrgetter("no_profiling"),
        **_stamps(attrgetter("created"), attrgetter("modified")),
    })  # fmt: skip


def _deals(org: Org, company: Company, ids: Ids) -> None:
    """Deals with their amounts, then lines and contact roles, stamped like their deal."""
    deals = company.opportunities
    _load(org, "Opportunity", deals, {
        "Id": ids.link("opportunities", "no"),
        "AccountId": ids.link("accounts", "account"),
        "OwnerId": ids.link("users", "owner"),
        "Name": lambda o: o.name[:120],
        "StageName": lambda o: STAGES[o.stage],
        "Amount": attrgetter("amount"),
        "CurrencyIsoCode": attrgetter("currency"),
        "CloseDate": attrgetter("close_day"),
        "Type": lambda o: _DEALS[o.kind],
        "Push_Count__c": attrgetter("pushed"),
        "Loss_Reason__c": attrgetter("lost_reason"),
        "Main_Competitor__c": attrgetter("competitor"),
        **_stamps(attrgetter("created"), attrgetter("modified")),
    })  # fmt: skip
    _load(org, "OpportunityLineItem", company.lines, {
        "Id": ids.link("lines", "no"),
        "OpportunityId": ids.link("opportunities", "opportunity"),
        "PricebookEntryId": lambda line: ids.prices[line.product, deals[line.opportunity - 1].currency],
        "Product2Id": ids.link("products", "product"),
        "Quantity": attrgetter("quantity"),
        "UnitPrice": attrgetter("unit_price"),
        "TotalPrice": lambda line: round(line.quantity * line.unit_price, 2),
        "CurrencyIsoCode": lambda line: deals[line.opportunity - 1].currency,
        "Cost__c": attrgetter("cost"),
        **_stamps(lambda line: deals[line.opportunity - 1].created, lambda line: deals[line.opportunity - 1].modified),
    })  # fmt: skip
    _load(org, "OpportunityContactRole", company.contact_roles, {
        "Id": ids.link("contact_roles", "no"),
        "OpportunityId": ids.link("opportunities", "opportunity"),
        "ContactId": ids.link("contacts", "contact"),
        "Role": attrgetter("role"),
        "IsPrimary": attrgetter("primary"),
        **_stamps(lambda r: deals[r.opportunity - 1].created, lambda r: deals[r.opportunity - 1].modified),
    })  # fmt: skip


def _activities(org: Org, company: Company, ids: Ids) -> None:
    """Meetings become events with their attendees, all else tasks that are done."""
    shared: dict[str, Callable[[Activity], object]] = {
        "WhoId": ids.link("contacts", "contact"),
        "WhatId": lambda a: ids.of("opportunities", a.opportunity) or ids.of("accounts", a.account),
        "AccountId": ids.link("accounts", "account"),
        "OwnerId": ids.link("users", "owner"),
        "ActivityDate": lambda a: a.at.date(),
        "Captured__c": attrgetter("captured"),
        **_stamps(_LOGGED, _LOGGED),
    }
    meetings = [activity for activity in company.activities if activity.kind == "meeting"]
    numbers = org.new_ids("00T", len(company.activities))
    ids.tables["activities"] = [
        to18("00U" + number[3:]) if activity.kind == "meeting" else number
        for activity, number in zip(company.activities, numbers, strict=True)
    ]
    _load(org, "Event", meetings, {
        "Id": ids.link("activities", "no"),
        "Subject": lambda a: "Meeting",
        "Type": lambda a: "Meeting",
        "StartDateTime": attrgetter("at"),
        "DurationInMinutes": attrgetter("minutes"),
        "IsGroupEvent": lambda a: bool(a.others),
        **shared,
    })  # fmt: skip
    attendances = [(meeting, who) for meeting in meetings for who in (meeting.contact, *meeting.others) if who]
    relations = dict(zip(map(id, attendances), org.new_ids("0RE", len(attendances)), strict=True))
    _load(org, "EventRelation", attendances, {
        "Id": lambda pair: relations[id(pair)],
        "EventId": lambda pair: ids.of("activities", pair[0].no),
        "RelationId": lambda pair: ids.of("contacts", pair[1]),
        "AccountId": lambda pair: ids.of("accounts", pair[0].account),
        "IsWhat": lambda pair: False,
        "IsParent": lambda pair: pair[1] == pair[0].contact,
        "IsInvitee": lambda pair: pair[1] != pair[0].contact,
        "Status": lambda pair: "Accepted",
        **_stamps(_logged_first, _logged_first),
    })  # fmt: skip
    _load(org, "Task", [activity for activity in company.activities if activity.kind != "meeting"], {
        "Id": ids.link("activities", "no"),
        "TaskSubtype": lambda a: _SUBTYPES[a.kind],
        "Type": lambda a: _TASK_TYPES[a.kind],
        "Subject": lambda a: _SUBTYPES[a.kind],
        "Status": lambda a: "Completed",
        "IsClosed": lambda a: True,
        "CallType": lambda a: "Outbound" if a.kind == "call" else None,
        "CompletedDateTime": attrgetter("at"),
        **shared,
    })  # fmt: skip


def _service(org: Org, company: Company, ids: Ids) -> None:
    """Cases and assets."""
    _load(org, "Case", company.cases, {
        "Id": ids.link("cases", "no"),
        "CaseNumber": lambda c: f"{c.no:08d}",
        "AccountId": ids.link("accounts", "account"),
        "ContactId": ids.link("contacts", "contact"),
        "OwnerId": ids.link("users", "owner"),
        "Subject": attrgetter("subject"),
        "Priority": lambda c: c.priority.title(),
        "Status": lambda c: "Closed" if c.closed else "Working",
        "Origin": lambda c: "Email",
        "IsClosed": lambda c: c.closed is not None,
        "ClosedDate": attrgetter("closed"),
        "Satisfaction__c": attrgetter("satisfaction"),
        **_stamps(attrgetter("opened"), lambda c: c.closed or c.opened),
    })  # fmt: skip
    org.set_setting("number.Case", len(company.cases))
    _load(org, "Asset", company.assets, {
        "Id": ids.link("assets", "no"),
        "AccountId": ids.link("accounts", "account"),
        "Product2Id": ids.link("products", "product"),
        "Name": attrgetter("name"),
        "Quantity": attrgetter("quantity"),
        "Status": lambda a: a.status.title(),
        "InstallDate": attrgetter("installed"),
        "UsageEndDate": attrgetter("ends"),
        "IsCompetitorProduct": attrgetter("rival"),
        **_stamps(lambda a: datetime.combine(a.installed, time()), lambda a: datetime.combine(a.installed, time())),
    })  # fmt: skip
