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
        "Id": lambda u: ids.of("users", u.no),
        "FirstName": lambda u: u.first,
        "LastName": lambda u: u.last,
        "Username": lambda u: f"user{u.no}@seller.example",
        "Email": lambda u: f"user{u.no}@seller.example",
        "Alias": lambda u: f"u{u.no}",
        "Title": lambda u: u.title,
        "ManagerId": lambda u: ids.of("users", u.manager),
        "IsActive": lambda u: u.active,
        "ProfileId": lambda u: profile,
        "UserType": lambda u: "Standard",
        "LanguageLocaleKey": lambda u: _LANGUAGES[u.locale],
        "LocaleSidKey": lambda u: _LOCALES[u.locale],
        **_stamps(lambda u: u.created, lambda u: u.created),
    })  # fmt: skip
    _load(org, "Product2", company.products, {
        "Id": lambda p: ids.of("products", p.no),
        "Name": lambda p: p.name,
        "ProductCode": lambda p: p.code,
        "Family": lambda p: p.family,
        "IsActive": lambda p: p.active,
        "CurrencyIsoCode": lambda p: CORPORATE,
        **_stamps(lambda p: p.created, lambda p: p.created),
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
        "Id": lambda a: ids.of("accounts", a.no),
        "Name": lambda a: a.name[:255],
        "ParentId": lambda a: ids.of("accounts", a.parent),
        "OwnerId": lambda a: ids.of("users", a.owner),
        "Type": lambda a: _TYPES[a.kind] if a.kind else None,
        "Industry": lambda a: a.industry,
        "BillingCountry": lambda a: a.country,
        "BillingCity": lambda a: a.city,
        "NumberOfEmployees": lambda a: a.employees,
        "AnnualRevenue": lambda a: a.annual_revenue,
        "CurrencyIsoCode": lambda a: a.currency,
        "Cost_To_Serve__c": lambda a: a.cost_to_serve,
        "Payment_Days__c": lambda a: a.payment_days,
        "Strategic_Fit__c": lambda a: a.strategic_fit,
        "Credit_Hold__c": lambda a: a.credit_hold,
        **_stamps(lambda a: a.created, lambda a: a.modified),
    })  # fmt: skip
    currency = [account.currency for account in company.accounts]
    _load(org, "Contact", company.contacts, {
        "Id": lambda c: ids.of("contacts", c.no),
        "AccountId": lambda c: ids.of("accounts", c.account),
        "FirstName": lambda c: c.first,
        "LastName": lambda c: c.last,
        "Title": lambda c: c.title[:128].strip() if c.title else None,
        "Department": lambda c: c.department,
        "Email": lambda c: c.email,
        "ReportsToId": lambda c: ids.of("contacts", c.reports_to),
        "OwnerId": lambda c: ids.of("users", c.owner),
        "CurrencyIsoCode": lambda c: currency[c.account - 1] if c.account else CORPORATE,
        "Left_Company_On__c": lambda c: c.left_on,
        "No_Profiling__c": lambda c: c.no_profiling,
        **_stamps(lambda c: c.created, lambda c: c.modified),
    })  # fmt: skip


def _deals(org: Org, company: Company, ids: Ids) -> None:
    """Deals with their amounts, then lines and contact roles, stamped like their deal."""
    deals = company.opportunities
    _load(org, "Opportunity", deals, {
        "Id": lambda o: ids.of("opportunities", o.no),
        "AccountId": lambda o: ids.of("accounts", o.account),
        "OwnerId": lambda o: ids.of("users", o.owner),
        "Name": lambda o: o.name[:120],
        "StageName": lambda o: STAGES[o.stage],
        "Amount": lambda o: o.amount,
        "CurrencyIsoCode": lambda o: o.currency,
        "CloseDate": lambda o: o.close_day,
        "Type": lambda o: _DEALS[o.kind],
        "Push_Count__c": lambda o: o.pushed,
        "Loss_Reason__c": lambda o: o.lost_reason,
        "Main_Competitor__c": lambda o: o.competitor,
        **_stamps(lambda o: o.created, lambda o: o.modified),
    })  # fmt: skip
    _load(org, "OpportunityLineItem", company.lines, {
        "Id": lambda line: ids.of("lines", line.no),
        "OpportunityId": lambda line: ids.of("opportunities", line.opportunity),
        "PricebookEntryId": lambda line: ids.prices[line.product, deals[line.opportunity - 1].currency],
        "Product2Id": lambda line: ids.of("products", line.product),
        "Quantity": lambda line: line.quantity,
        "UnitPrice": lambda line: line.unit_price,
        "TotalPrice": lambda line: round(line.quantity * line.unit_price, 2),
        "CurrencyIsoCode": lambda line: deals[line.opportunity - 1].currency,
        "Cost__c": lambda line: line.cost,
        **_stamps(lambda line: deals[line.opportunity - 1].created, lambda line: deals[line.opportunity - 1].modified),
    })  # fmt: skip
    _load(org, "OpportunityContactRole", company.contact_roles, {
        "Id": lambda r: ids.of("contact_roles", r.no),
        "OpportunityId": lambda r: ids.of("opportunities", r.opportunity),
        "ContactId": lambda r: ids.of("contacts", r.contact),
        "Role": lambda r: r.role,
        "IsPrimary": lambda r: r.primary,
        **_stamps(lambda r: deals[r.opportunity - 1].created, lambda r: deals[r.opportunity - 1].modified),
    })  # fmt: skip


def _activities(org: Org, company: Company, ids: Ids) -> None:
    """Meetings become events with their attendees, all else tasks that are done."""
    shared: dict[str, Callable[[Activity], object]] = {
        "WhoId": lambda a: ids.of("contacts", a.contact),
        "WhatId": lambda a: ids.of("opportunities", a.opportunity) or ids.of("accounts", a.account),
        "AccountId": lambda a: ids.of("accounts", a.account),
        "OwnerId": lambda a: ids.of("users", a.owner),
        "ActivityDate": lambda a: a.at.date(),
        "Captured__c": lambda a: a.captured,
        **_stamps(_LOGGED, _LOGGED),
    }
    meetings = [activity for activity in company.activities if activity.kind == "meeting"]
    numbers = org.new_ids("00T", len(company.activities))
    ids.tables["activities"] = [
        to18("00U" + number[3:]) if activity.kind == "meeting" else number
        for activity, number in zip(company.activities, numbers, strict=True)
    ]
    _load(org, "Event", meetings, {
        "Id": lambda a: ids.of("activities", a.no),
        "Subject": lambda a: "Meeting",
        "Type": lambda a: "Meeting",
        "StartDateTime": lambda a: a.at,
        "DurationInMinutes": lambda a: a.minutes,
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
        "Id": lambda a: ids.of("activities", a.no),
        "TaskSubtype": lambda a: _SUBTYPES[a.kind],
        "Type": lambda a: _TASK_TYPES[a.kind],
        "Subject": lambda a: _SUBTYPES[a.kind],
        "Status": lambda a: "Completed",
        "CallType": lambda a: "Outbound" if a.kind == "call" else None,
        "CompletedDateTime": lambda a: a.at,
        **shared,
    })  # fmt: skip


def _service(org: Org, company: Company, ids: Ids) -> None:
    """Cases and assets."""
    _load(org, "Case", company.cases, {
        "Id": lambda c: ids.of("cases", c.no),
        "CaseNumber": lambda c: f"{c.no:08d}",
        "AccountId": lambda c: ids.of("accounts", c.account),
        "ContactId": lambda c: ids.of("contacts", c.contact),
        "OwnerId": lambda c: ids.of("users", c.owner),
        "Subject": lambda c: c.subject,
        "Priority": lambda c: c.priority.title(),
        "Status": lambda c: "Closed" if c.closed else "Working",
        "Origin": lambda c: "Email",
        "IsClosed": lambda c: c.closed is not None,
        "ClosedDate": lambda c: c.closed,
        "Satisfaction__c": lambda c: c.satisfaction,
        **_stamps(lambda c: c.opened, lambda c: c.closed or c.opened),
    })  # fmt: skip
    org.set_setting("number.Case", len(company.cases))
    _load(org, "Asset", company.assets, {
        "Id": lambda a: ids.of("assets", a.no),
        "AccountId": lambda a: ids.of("accounts", a.account),
        "Product2Id": lambda a: ids.of("products", a.product),
        "Name": lambda a: a.name,
        "Quantity": lambda a: a.quantity,
        "Status": lambda a: a.status.title(),
        "InstallDate": lambda a: a.installed,
        "UsageEndDate": lambda a: a.ends,
        "IsCompetitorProduct": lambda a: a.rival,
        **_stamps(lambda a: datetime.combine(a.installed, time()), lambda a: datetime.combine(a.installed, time())),
    })  # fmt: skip
