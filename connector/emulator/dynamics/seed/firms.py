"""The company's currencies, its own people and products, and its customers with their people, cases and assets.

An org that is set up and the company come in; rows go into the org. Next room: `deals`.
"""

from datetime import datetime, time

from connector.emulator.company.model import CORPORATE, LAST_DAY, Company
from connector.emulator.dynamics.load.columns import offer
from connector.emulator.dynamics.org.records import Org
from connector.emulator.dynamics.seed.rows import Ids, load_rows, moment, priced, stamps, state

_TYPES = {"customer": 3, "prospect": 8, "partner": 5, "competitor": 1}
_PRIORITIES = {"high": 1, "medium": 2, "low": 3}
_LANGUAGES = {"en": 1033, "de": 1031, "fr": 1036, "es": 3082}  # as Windows numbers them
_CURRENCIES = {"EUR": ("Euro", "€"), "USD": ("US Dollar", "$"), "GBP": ("Pound Sterling", "£"), "JPY": ("Yen", "¥")}


def currencies(org: Org, company: Company, ids: Ids) -> None:
    """The currencies with today's rate; the base currency is there from the start."""
    codes = list(dict.fromkeys(rate.currency for rate in company.rates))
    sql = "SELECT isocurrencycode FROM transactioncurrency WHERE transactioncurrencyid = ?"
    base = str(org.rows(sql, org.currency_id)[0][0])
    if base != CORPORATE:
        raise ValueError(
            f"the company keeps its books in {CORPORATE}, the org in {base}: make the org in that currency"
        )
    ids.currencies = {code: org.currency_id if code == base else org.new_guid("transactioncurrency") for code in codes}
    load_rows(org, "transactioncurrency", [code for code in codes if code != base], {
        "transactioncurrencyid": lambda code: ids.currencies[code],
        "isocurrencycode": lambda code: code,
        "currencyname": lambda code: _CURRENCIES[code][0],
        "currencysymbol": lambda code: _CURRENCIES[code][1],
        "currencyprecision": ids.exchange.digits,
        "exchangerate": lambda code: ids.exchange.rate(code, LAST_DAY),
        **state(0, 1),
    })  # fmt: skip


def sellers(org: Org, company: Company, ids: Ids) -> None:
    """Our own people, and the products below their families."""
    load_rows(org, "systemuser", company.users, {
        "systemuserid": lambda u: ids.of("users", u.no),
        "firstname": lambda u: u.first,
        "lastname": lambda u: u.last,
        "domainname": lambda u: f"user{u.no}@seller.example",
        "internalemailaddress": lambda u: f"user{u.no}@seller.example",
        "title": lambda u: u.title,
        "parentsystemuserid": lambda u: ids.of("users", u.manager),
        "isdisabled": lambda u: not u.active,
        "businessunitid": lambda u: org.business_unit_id,
        "accessmode": lambda u: 0,
        **stamps(lambda u: u.created, lambda u: u.created),
    })  # fmt: skip
    load_rows(org, "usersettings", company.users, {
        "systemuserid": lambda u: ids.of("users", u.no),
        "businessunitid": lambda u: org.business_unit_id,
        "uilanguageid": lambda u: _LANGUAGES[u.locale],
        **stamps(lambda u: u.created, lambda u: u.created),
    })  # fmt: skip
    first = {product.family: product for product in reversed(company.products)}
    load_rows(org, "product", list(ids.families), {
        "productid": lambda family: ids.families[family],
        "name": lambda family: family,
        "productnumber": lambda family: f"FAM-{family}"[:100],
        "productstructure": lambda family: 2,
        **state(0, 1),
        **stamps(lambda family: first[family].created, lambda family: first[family].created),
    })  # fmt: skip
    load_rows(org, "product", company.products, {
        "productid": lambda p: ids.of("products", p.no),
        "name": lambda p: p.name,
        "productnumber": lambda p: p.code,
        "productstructure": lambda p: 1,
        "parentproductid": lambda p: ids.families[p.family],
        "price": lambda p: p.price,
        "currentcost": lambda p: p.cost,
        **priced(ids, lambda p: CORPORATE, lambda p: LAST_DAY),
        "statecode": lambda p: 0 if p.active else 1,
        "statuscode": lambda p: 1 if p.active else 2,
        **stamps(lambda p: p.created, lambda p: p.created),
    })  # fmt: skip


def customers(org: Org, company: Company, ids: Ids) -> None:
    """Accounts and contacts; what is longer than its column is cut, because a real org would never have let it in."""
    industries = offer(org, "account", "industrycode", ())
    load_rows(org, "account", company.accounts, {
        "accountid": lambda a: ids.of("accounts", a.no),
        "name": lambda a: a.name[:255],
        "parentaccountid": lambda a: ids.of("accounts", a.parent),
        "ownerid": lambda a: ids.link("users", a.owner),
        "customertypecode": lambda a: _TYPES[a.kind] if a.kind else None,
        "industrycode": lambda a: industries[a.industry] if a.industry else None,
        "address1_country": lambda a: a.country,
        "address1_city": lambda a: a.city,
        "numberofemployees": lambda a: a.employees,
        "revenue": lambda a: a.annual_revenue,
        **priced(ids, lambda a: a.currency, lambda a: LAST_DAY),
        "new_costtoserve": lambda a: a.cost_to_serve,
        "new_paymentdays": lambda a: a.payment_days,
        "new_strategicfit": lambda a: a.strategic_fit,
        "new_credithold": lambda a: a.credit_hold,
        **state(0, 1),
        **stamps(lambda a: a.created, lambda a: a.modified),
    })  # fmt: skip
    currency = [account.currency for account in company.accounts]
    load_rows(org, "contact", company.contacts, {
        "contactid": lambda c: ids.of("contacts", c.no),
        "parentcustomerid": lambda c: ids.link("accounts", c.account),
        "firstname": lambda c: c.first,
        "lastname": lambda c: c.last,
        "jobtitle": lambda c: c.title[:128].strip() if c.title else None,
        "department": lambda c: c.department,
        "emailaddress1": lambda c: c.email,
        "new_reportstoid": lambda c: ids.of("contacts", c.reports_to),
        "ownerid": lambda c: ids.link("users", c.owner),
        **priced(ids, lambda c: currency[c.account - 1] if c.account else CORPORATE, lambda c: LAST_DAY),
        "new_leftcompanyon": lambda c: c.left_on,
        "new_noprofiling": lambda c: c.no_profiling,
        **state(0, 1),
        **stamps(lambda c: c.created, lambda c: c.modified),
    })  # fmt: skip


def service(org: Org, company: Company, ids: Ids) -> None:
    """Cases and assets."""
    statuses = offer(org, "msdyn_customerasset", "new_status", ())
    load_rows(org, "incident", company.cases, {
        "incidentid": lambda c: ids.of("cases", c.no),
        "ticketnumber": lambda c: f"CAS-{c.no:05d}",
        "customerid": lambda c: ids.link("accounts", c.account),
        "primarycontactid": lambda c: ids.of("contacts", c.contact),
        "ownerid": lambda c: ids.link("users", c.owner),
        "title": lambda c: c.subject,
        "prioritycode": lambda c: _PRIORITIES[c.priority],
        "caseorigincode": lambda c: 2,
        "statecode": lambda c: 1 if c.closed else 0,
        "statuscode": lambda c: 5 if c.closed else 1,
        "new_closedon": lambda c: moment(c.closed) if c.closed else None,
        "new_satisfaction": lambda c: c.satisfaction,
        "customersatisfactioncode": lambda c: c.satisfaction,
        **stamps(lambda c: c.opened, lambda c: c.closed or c.opened),
    })  # fmt: skip
    load_rows(org, "msdyn_customerasset", company.assets, {
        "msdyn_customerassetid": lambda a: ids.of("assets", a.no),
        "msdyn_account": lambda a: ids.of("accounts", a.account),
        "msdyn_product": lambda a: ids.of("products", a.product),
        "msdyn_name": lambda a: a.name,
        "new_quantity": lambda a: a.quantity,
        "new_status": lambda a: statuses[a.status.title()],
        "new_installedon": lambda a: a.installed,
        "new_endson": lambda a: a.ends,
        "new_rival": lambda a: a.rival,
        **state(0, 1),
        **stamps(lambda a: datetime.combine(a.installed, time()), lambda a: datetime.combine(a.installed, time())),
    })  # fmt: skip
