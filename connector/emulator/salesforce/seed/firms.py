"""The company's currencies, its own people and products, and its customers with their people, cases and assets.

Rows come in, batches of records leave. What is longer than its field is cut, because a real org would never have let
it in. Next room: `deals`.
"""

from collections.abc import Iterator
from datetime import datetime, time

from connector.emulator.company.firms import Exchange
from connector.emulator.company.model import (
    CORPORATE,
    LAST_DAY,
    Account,
    Asset,
    Case,
    Company,
    Contact,
    Product,
    Rate,
    User,
)
from connector.emulator.salesforce.seed.rows import (
    Batch,
    Columns,
    Ids,
    batches,
    days,
    moments,
    same,
    stamps,
    turned,
)

_TYPES = {
    "customer": "Customer - Direct",
    "prospect": "Prospect",
    "partner": "Channel Partner / Reseller",
    "competitor": "Competitor",
    None: None,
}
_LANGUAGES = {"en": "en_US", "de": "de", "fr": "fr", "es": "es"}
_LOCALES = {"en": "en_GB", "de": "de_DE", "fr": "fr_FR", "es": "es_ES"}


def money(company: Company, ids: Ids) -> Iterator[Batch]:
    """The corporate currency, the others with today's rate, and dated rates for those that have a history."""
    exchange = Exchange(company.rates)
    codes = list(dict.fromkeys(rate.currency for rate in company.rates))
    yield from batches("CurrencyType", codes, lambda rows: {
        "Id": ids.one_by_one("CurrencyType", len(rows)),
        "IsoCode": rows,
        "ConversionRate": [exchange.rate(code, LAST_DAY) for code in rows],
        "DecimalPlaces": map(exchange.digits, rows),
        "IsActive": same(True, rows),
        "IsCorporate": [code == CORPORATE for code in rows],
    })  # fmt: skip

    def dated(rows: list[Rate]) -> Columns:
        r = turned(rows)
        return {
            "Id": ids.one_by_one("DatedConversionRate", len(rows)),
            "IsoCode": r.currency,
            "StartDate": days(r.from_day),
            "NextStartDate": days(r.to_day),
            "ConversionRate": r.rate,
        }

    yield from batches("DatedConversionRate", [rate for rate in company.rates if rate.from_day], dated)


def sellers(company: Company, ids: Ids) -> Iterator[Batch]:
    """Our own people and the products."""

    def users(rows: list[User]) -> Columns:
        u = turned(rows)
        addresses = [f"user{no}@seller.example" for no in u.no]
        created = moments(u.created)
        return {
            "Id": ids.pointed_at("users", rows),
            "FirstName": u.first,
            "LastName": u.last,
            "Username": addresses,
            "Email": addresses,
            "Alias": [f"u{no}" for no in u.no],
            "Title": u.title,
            "IsActive": u.active,
            "ProfileId": same(ids.facts.profile, rows),
            "UserType": same("Standard", rows),
            "LanguageLocaleKey": [_LANGUAGES[locale] for locale in u.locale],
            "LocaleSidKey": [_LOCALES[locale] for locale in u.locale],
            "ManagerId": ids.of("users", u.manager),
            **stamps(created, created),
        }

    def products(rows: list[Product]) -> Columns:
        p = turned(rows)
        created = moments(p.created)
        return {
            "Id": ids.pointed_at("products", rows),
            "Name": p.name,
            "ProductCode": p.code,
            "Family": p.family,
            "IsActive": p.active,
            "CurrencyIsoCode": same(CORPORATE, rows),
            **stamps(created, created),
        }

    ids.take("users", len(company.users))
    yield from batches("User", company.users, users)
    ids.take("products", len(company.products))
    yield from batches("Product2", company.products, products)


def customers(company: Company, ids: Ids) -> Iterator[Batch]:
    """Accounts and contacts."""

    def accounts(rows: list[Account]) -> Columns:
        a = turned(rows)
        return {
            "Id": own[a.no[0] - 1 : a.no[-1]],
            "Name": [name[:255] for name in a.name],
            "ParentId": ids.of("accounts", a.parent),
            "OwnerId": ids.of("users", a.owner),
            "Type": [_TYPES[kind] for kind in a.kind],
            "Industry": a.industry,
            "BillingCountry": a.country,
            "BillingCity": a.city,
            "NumberOfEmployees": a.employees,
            "AnnualRevenue": a.annual_revenue,
            "CurrencyIsoCode": a.currency,
            "Cost_To_Serve__c": a.cost_to_serve,
            "Payment_Days__c": a.payment_days,
            "Strategic_Fit__c": a.strategic_fit,
            "Credit_Hold__c": a.credit_hold,
            **stamps(moments(a.created), moments(a.modified)),
        }

    def contacts(rows: list[Contact]) -> Columns:
        c = turned(rows)
        firms = company.accounts
        return {
            "Id": people[c.no[0] - 1 : c.no[-1]],
            "AccountId": ids.of("accounts", c.account),
            "FirstName": c.first,
            "LastName": c.last,
            "Name": [
                f"{first} {last}".strip(" ") if first else last for first, last in zip(c.first, c.last, strict=True)
            ],
            "Title": [title[:128].strip() or None if title else None for title in c.title],
            "Department": c.department,
            "Email": c.email,
            "ReportsToId": ids.of("contacts", c.reports_to),
            "OwnerId": ids.of("users", c.owner),
            "CurrencyIsoCode": [firms[no - 1].currency if no else CORPORATE for no in c.account],
            "Left_Company_On__c": days(c.left_on),
            "No_Profiling__c": c.no_profiling,
            **stamps(moments(c.created), moments(c.modified)),
        }

    ids.take("accounts", len(company.accounts))
    own = ids.pointed_at("accounts", company.accounts)
    yield from batches("Account", company.accounts, accounts)
    ids.take("contacts", len(company.contacts))
    people = ids.pointed_at("contacts", company.contacts)
    yield from batches("Contact", company.contacts, contacts)


def service(company: Company, ids: Ids) -> Iterator[Batch]:
    """Cases and assets."""

    def cases(rows: list[Case]) -> Columns:
        c = turned(rows)
        opened, closed = moments(c.opened), moments(c.closed)
        return {
            "Id": ids.more("cases", rows),
            "CaseNumber": [f"{no:08d}" for no in c.no],
            "AccountId": ids.of("accounts", c.account),
            "ContactId": ids.of("contacts", c.contact),
            "OwnerId": ids.of("users", c.owner),
            "Subject": c.subject,
            "Priority": map(str.title, c.priority),
            "Status": ["Closed" if at else "Working" for at in closed],
            "Origin": same("Email", rows),
            "IsClosed": [at is not None for at in closed],
            "ClosedDate": closed,
            "Satisfaction__c": c.satisfaction,
            **stamps(opened, [end or begin for begin, end in zip(opened, closed, strict=True)]),
        }

    def assets(rows: list[Asset]) -> Columns:
        a = turned(rows)
        installed = moments(datetime.combine(day, time()) for day in a.installed)
        return {
            "Id": ids.more("assets", rows),
            "AccountId": ids.of("accounts", a.account),
            "Product2Id": ids.of("products", a.product),
            "Name": a.name,
            "Quantity": a.quantity,
            "Status": map(str.title, a.status),
            "InstallDate": days(a.installed),
            "UsageEndDate": days(a.ends),
            "IsCompetitorProduct": a.rival,
            **stamps(installed, installed),
        }

    yield from batches("Case", company.cases, cases)
    yield from batches("Asset", company.assets, assets)
