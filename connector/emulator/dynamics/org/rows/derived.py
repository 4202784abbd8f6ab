"""What rows hold that nobody gives: names, mirrors, owners' units, money in the base currency, paths, codes.

In: a row with its given values; out: the same row, complete. Next room: `twins`.
"""

from typing import TYPE_CHECKING

from connector.emulator.dynamics.org.catalogue.activities import CONCRETE
from connector.emulator.dynamics.org.model import Table
from connector.emulator.dynamics.org.rows.values import Row, Stored
from connector.emulator.dynamics.org.storage import quoted

if TYPE_CHECKING:
    from connector.emulator.dynamics.org.records import Org

MIRRORS = {
    "contact": ("parentcustomerid", "accountid", "parentcontactid"),
    "opportunity": ("customerid", "accountid", "contactid"),
    "incident": ("customerid", "accountid", "contactid"),
}
"""Per table the customer column, and the read-only lookups that repeat it: an account, a contact."""


def derive(org: "Org", table: Table, row: Row, named: set[str], old: Row | None) -> None:
    """Complete one row; `named` are the columns that the caller gave."""
    if table.name == "systemuser":
        _application(row)
    if table.name in ("contact", "systemuser"):
        parts = [str(row[name]) for name in ("firstname", "lastname") if row.get(name)]
        if "fullname" not in named or table.name == "contact":
            row["fullname"] = " ".join(parts) or None
    if table.name in MIRRORS:
        _mirror(org, table, row, named)
    if table.name == "product" and (old is None or {"name", "parentproductid"} & named):
        row["hierarchypath"] = _path(org, row)
    elif table.name in CONCRETE or table.name == "activitypointer":
        _activity(org, table, row, old)
    elif table.name == "opportunityproduct":
        _line(org, row, named)
    elif table.name == "opportunity":
        _deal(org, row, old)
    elif table.name == "incident" and row.get("ticketnumber") is None:
        row["ticketnumber"] = org.next_number("incident")
    elif table.name == "systemuser":
        row["ownerid"] = row["systemuserid"]
    _owner(org, table, row, old)
    _money(org, table, row, named, old)


def ripple(org: "Org", table: Table, old: Row | None, row: Row) -> None:
    """Carry a change over to the rows that repeat it: paths of the products below, names of lines."""
    if table.name != "product" or old is None:
        return
    if old.get("hierarchypath") != row.get("hierarchypath") or old.get("name") != row.get("name"):
        for (child,) in org.rows('SELECT "productid" FROM "product" WHERE "parentproductid" = ?', row["productid"]):
            below = org.raw(table, str(child))
            if below is not None:
                org.rewrite(table, below, {"hierarchypath": _path(org, below)})


def _mirror(org: "Org", table: Table, row: Row, named: set[str]) -> None:
    customer, account, contact = MIRRORS[table.name]
    kind = f"{customer}.type"
    if table.name == "opportunity" and row.get(customer) is None:  # as the form does
        for name, target in (("parentaccountid", "account"), ("parentcontactid", "contact")):
            if row.get(name) is not None:
                row[customer], row[kind] = row[name], target
                break
    row[account] = row[customer] if row.get(customer) and row.get(kind) == "account" else None
    row[contact] = row[customer] if row.get(customer) and row.get(kind) == "contact" else None
    if table.name == "opportunity" and customer in named:
        for name, mirror in (("parentaccountid", account), ("parentcontactid", contact)):
            if row.get(name) is None:
                row[name] = row[mirror]


def _application(row: Row) -> None:
    """Name a user that an application brings and nobody named."""
    client = row.get("applicationid")
    if client is not None:
        mail = f"{client}@example.com"
        for name, value in (("firstname", "#"), ("lastname", str(client)), ("domainname", mail), ("accessmode", 4)):
            row[name] = row.get(name) or value
        row["internalemailaddress"] = row.get("internalemailaddress") or mail


def _path(org: "Org", row: Row) -> Stored:
    """Join the names of the families above a product and its own."""
    names: list[str] = [str(row.get("name") or "")]
    seen, parent = {row.get("productid")}, row.get("parentproductid")
    while parent is not None and parent not in seen:
        seen.add(parent)
        found = org.rows('SELECT "name", "parentproductid" FROM "product" WHERE "productid" = ?', parent)
        if not found:
            break
        names.insert(0, str(found[0][0]))
        parent = found[0][1]
    return "\\".join(names)[:450]


def _activity(org: "Org", table: Table, row: Row, old: Row | None) -> None:
    if table.name in CONCRETE:
        row["activitytypecode"] = table.name
    completed = row.get("statecode") == 1 and (old is None or old.get("statecode") != 1)
    if completed and row.get("actualend") is None:
        row["actualend"] = org.stamp()


def _line(org: "Org", row: Row, named: set[str]) -> None:
    if "opportunityproductname" not in named:
        name = org.rows('SELECT "name" FROM "product" WHERE "productid" = ?', row.get("productid"))
        row["opportunityproductname"] = name[0][0] if name else row.get("productdescription")
    if row.get("isproductoverridden") is None or "isproductoverridden" not in named:
        row["isproductoverridden"] = int(row.get("productid") is None)
    price, quantity = row.get("priceperunit"), row.get("quantity")
    if price is not None and quantity is not None:
        if "baseamount" not in named:
            row["baseamount"] = round(float(price) * float(quantity), 4)
        if "extendedamount" not in named:
            discount, tax = float(row.get("manualdiscountamount") or 0), float(row.get("tax") or 0)
            row["extendedamount"] = round(float(row.get("baseamount") or 0) - discount + tax, 4)
    if "transactioncurrencyid" not in named:
        deal = org.rows(
            'SELECT "transactioncurrencyid" FROM "opportunity" WHERE "opportunityid" = ?', row.get("opportunityid")
        )
        row["transactioncurrencyid"] = deal[0][0] if deal else row.get("transactioncurrencyid")


def _deal(org: "Org", row: Row, old: Row | None) -> None:
    closed = row.get("statecode") in (1, 2) and (old is None or old.get("statecode") == 0)
    if closed and row.get("actualclosedate") is None:
        row["actualclosedate"] = org.stamp()[:10]


def _owner(org: "Org", table: Table, row: Row, old: Row | None) -> None:
    if "owninguser" not in table.columns or (old is not None and old.get("ownerid") == row.get("ownerid")):
        return
    team = row.get("ownerid.type") == "team"
    row["owninguser"], row["owningteam"] = (None, row.get("ownerid")) if team else (row.get("ownerid"), None)
    source, key = ("team", "teamid") if team else ("systemuser", "systemuserid")
    unit = org.rows(f'SELECT "businessunitid" FROM {quoted(source)} WHERE {quoted(key)} = ?', row.get("ownerid"))
    row["owningbusinessunit"] = unit[0][0] if unit and unit[0][0] else org.business_unit_id


def _money(org: "Org", table: Table, row: Row, named: set[str], old: Row | None) -> None:
    twins = [(column.base_of, column.name) for column in table.columns.values() if column.base_of]
    if not twins or table.name == "transactioncurrency":
        return
    rate = org.exchange_rate(row.get("transactioncurrencyid"))
    if old is None or {money for money, _ in twins} & named or "transactioncurrencyid" in named:
        row["exchangerate"] = rate
    for money, base in twins:
        if row.get(money) is None:
            row[base] = None
        elif old is None or old.get(money) != row[money] or old.get("exchangerate") != row["exchangerate"]:
            row[base] = round(float(str(row[money])) / float(str(row["exchangerate"] or 1)), 4)
