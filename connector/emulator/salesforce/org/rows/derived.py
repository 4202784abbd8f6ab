"""What follows from what: names, stages, line totals, the account of an activity, worked out whenever a row is written.

In: a row about to be stored, the names that were given, the row before; out: the same row, completed.
Next room: `bulk` for whole columns, `records` for one row.
"""

from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING

from connector.emulator.salesforce.org.catalogue import quoted
from connector.emulator.salesforce.org.model import ObjectType, Problem
from connector.emulator.salesforce.org.rows.values import Row, Stored, later, parse_instant

if TYPE_CHECKING:
    from connector.emulator.salesforce.org.records import Org

_ACCOUNT_OF = {"006": "Opportunity", "800": "Contract", "801": "Order", "500": "Case", "02i": "Asset", "003": "Contact"}


def derive(org: "Org", kind: ObjectType, row: Row, given: set[str], old: Row | None) -> None:
    """Work out the fields that follow from others, before the row is stored."""
    step = _DERIVED.get(kind.name)
    if step is not None:
        step(org, row, given, old)


def ripple(org: "Org", user_id: str, kind: ObjectType, old: Row | None, new: Row | None) -> None:
    """Carry a stored change over to other records: roll-ups to the deal, last activity, direct contact relations."""
    if kind.name == "OpportunityLineItem":
        for deal in {row["OpportunityId"] for row in (old, new) if row is not None}:
            _roll_up(org, user_id, str(deal))
    elif kind.name in ("Task", "Event") and new is not None:
        _last_activity(org, kind, new)
    elif kind.name == "OpportunityContactRole" and new is not None and new["IsPrimary"]:
        sql = 'UPDATE "OpportunityContactRole" SET "IsPrimary" = 0, "SystemModstamp" = ?'
        org.db.execute(
            sql + ' WHERE "OpportunityId" = ? AND "Id" <> ? AND "IsPrimary"',
            (org.stamp(), new["OpportunityId"], new["Id"]),
        )
    elif kind.name == "Contact" and "accountcontactrelation" in org.objects:
        _direct_relation(org, old, new)
    elif kind.name == "Profile" and new is not None:
        _pass_on_permissions(org, new, "PermissionSet", "ProfileId", new["Id"])
    elif kind.name == "PermissionSet" and new is not None and new["ProfileId"] is not None:
        _pass_on_permissions(org, new, "Profile", "Id", new["ProfileId"])


def _pass_on_permissions(org: "Org", row: Row, table: str, key: str, value: Stored) -> None:
    """Keep a profile and the permission set that it owns alike."""
    names = [name for name in row if name.startswith("Permissions")]
    settings = ", ".join(f"{quoted(name)} = ?" for name in names)
    org.db.execute(f'UPDATE "{table}" SET {settings} WHERE "{key}" = ?', [*(row[name] for name in names), value])


def _roll_up(org: "Org", user_id: str, deal: str) -> None:
    sql = 'SELECT COUNT(*), SUM("TotalPrice") FROM "OpportunityLineItem" WHERE "OpportunityId" = ? AND NOT "IsDeleted"'
    count, total = org.rows(sql, deal)[0]
    amount = '"Amount"' if not count else "?"
    sql = (
        f'UPDATE "Opportunity" SET "Amount" = {amount}, "HasOpportunityLineItem" = ?, "SystemModstamp" = ?,'
        ' "Pricebook2Id" = COALESCE("Pricebook2Id", ?), "LastModifiedDate" = ?, "LastModifiedById" = ? WHERE "Id" = ?'
    )
    stamp = org.stamp()
    given = [int(bool(count)), stamp, org.pricebook_id if count else None, stamp, user_id, deal]
    org.db.execute(sql, ([total] if count else []) + given)
    org.db.execute(
        'UPDATE "Opportunity" SET "ExpectedRevenue" = "Amount" * "Probability" / 100 WHERE "Id" = ?', (deal,)
    )


def _last_activity(org: "Org", kind: ObjectType, row: Row) -> None:
    done = row["IsClosed"] if kind.name == "Task" else str(row["ActivityDate"]) <= org.stamp()[:10]
    if not done or row["ActivityDate"] is None:
        return
    for table, link in (("Account", "AccountId"), ("Contact", "WhoId"), ("Opportunity", "WhatId")):
        sql = f'UPDATE "{table}" SET "LastActivityDate" = ? WHERE "Id" = ? AND COALESCE("LastActivityDate", \'\') < ?'
        org.db.execute(sql, (row["ActivityDate"], row.get(link), row["ActivityDate"]))


def _direct_relation(org: "Org", old: Row | None, new: Row | None) -> None:
    was, now = _old(old, "AccountId"), _old(new, "AccountId")
    if was == now:
        return
    contact = (new or old or {})["Id"]
    org.db.execute('DELETE FROM "AccountContactRelation" WHERE "ContactId" = ? AND "IsDirect"', (contact,))
    if now is not None:
        org.db.execute('DELETE FROM "AccountContactRelation" WHERE "ContactId" = ? AND "AccountId" = ?', (contact, now))
        row: dict[str, object] = {"AccountId": now, "ContactId": contact, "IsDirect": True, "IsActive": True}
        org.create(org.admin_id, "AccountContactRelation", row, system=True)


def _person(org: "Org", row: Row, given: set[str], old: Row | None) -> None:
    row["Name"] = " ".join(str(part) for part in (row.get("FirstName"), row.get("LastName")) if part) or row.get("Name")


def _opportunity(org: "Org", row: Row, given: set[str], old: Row | None) -> None:
    if old is not None and old["HasOpportunityLineItem"] and "Amount" in given:
        row["Amount"] = old["Amount"]  # with products, a real org ignores the amount that a caller sends
    if old is None or old["StageName"] != row["StageName"]:
        sql = (
            'SELECT "IsClosed", "IsWon", "DefaultProbability", "ForecastCategory", "ForecastCategoryName"'
            ' FROM "OpportunityStage" WHERE "MasterLabel" = ? COLLATE NOCASE'
        )
        found = org.rows(sql, row["StageName"])
        closed, won, share, forecast, forecast_name = found[0] if found else (0, 0, 0.0, "Pipeline", "Pipeline")
        held: Row = {"IsClosed": closed, "IsWon": won, "ForecastCategory": forecast}
        row.update({name: value for name, value in held.items() if name not in given})
        row["LastStageChangeDate"] = org.stamp() if old is not None else None
        if "Probability" not in given or row["Probability"] is None:
            row["Probability"] = float(share)
        if "ForecastCategoryName" not in given or row["ForecastCategoryName"] is None:
            row["ForecastCategoryName"] = str(forecast_name)
    if row.get("Amount") is not None:
        row["ExpectedRevenue"] = float(row["Amount"] or 0) * float(row["Probability"] or 0) / 100
    if row.get("CloseDate"):
        month = int(str(row["CloseDate"])[5:7])
        row["FiscalYear"], row["FiscalQuarter"] = int(str(row["CloseDate"])[:4]), (month + 2) // 3
        row["Fiscal"] = f"{row['FiscalYear']} {row['FiscalQuarter']}"


def _line(org: "Org", row: Row, given: set[str], old: Row | None) -> None:
    if row.get("PricebookEntryId") is None and row.get("Product2Id") is not None:
        row["PricebookEntryId"] = org.entry_for(str(row["Product2Id"]), row.get("UnitPrice"))
    sql = (
        'SELECT e."Product2Id", p."ProductCode", p."Name", e."UnitPrice" FROM "PricebookEntry" e'
        ' JOIN "Product2" p ON p."Id" = e."Product2Id" WHERE e."Id" = ?'
    )
    for product, code, name, price in org.rows(sql, row.get("PricebookEntryId")):
        deal = org.rows('SELECT "Name" FROM "Opportunity" WHERE "Id" = ?', row["OpportunityId"])
        row.update({"Product2Id": product, "ProductCode": code, "ListPrice": price})
        row["Name"] = f"{deal[0][0]} {name}" if deal else str(name)
    quantity, off = float(row.get("Quantity") or 0), 1 - float(row.get("Discount") or 0) / 100
    by_total = "TotalPrice" in given and row["TotalPrice"] is not None
    by_unit = "UnitPrice" in given and row["UnitPrice"] is not None
    if by_total and not by_unit and quantity and off:
        row["UnitPrice"] = round(float(row["TotalPrice"] or 0) / quantity / off, 2)
    elif row.get("UnitPrice") is None:
        row["UnitPrice"] = row.get("ListPrice")
    if not by_total:
        row["TotalPrice"] = round(float(row["UnitPrice"] or 0) * quantity * off, 2)
    row["Subtotal"] = round(float(row["UnitPrice"] or 0) * quantity, 2)


def _old(old: Row | None, name: str) -> Stored:
    return None if old is None else old.get(name)


def _entry(org: "Org", row: Row, given: set[str], old: Row | None) -> None:
    for name, code in org.rows('SELECT "Name", "ProductCode" FROM "Product2" WHERE "Id" = ?', row["Product2Id"]):
        row.update({"Name": name, "ProductCode": code})


def _activity(org: "Org", row: Row) -> None:
    row["AccountId"] = None
    for link in ("WhatId", "WhoId"):
        target = str(row.get(link) or "")
        if target.startswith("001"):
            row["AccountId"] = target
        elif target[:3] in _ACCOUNT_OF:
            found = org.rows(f'SELECT "AccountId" FROM {quoted(_ACCOUNT_OF[target[:3]])} WHERE "Id" = ?', target)
            row["AccountId"] = str(found[0][0]) if found and found[0][0] else None
        if row["AccountId"]:
            return


def _task(org: "Org", row: Row, given: set[str], old: Row | None) -> None:
    _activity(org, row)
    was = bool(_old(old, "IsClosed"))
    row["IsClosed"] = int(row.get("Status") == "Completed")
    row["IsHighPriority"] = int(row.get("Priority") == "High")
    if row["IsClosed"] and not was and row.get("CompletedDateTime") is None:
        row["CompletedDateTime"] = org.stamp()
    elif not row["IsClosed"]:
        row["CompletedDateTime"] = None


def _event(org: "Org", row: Row, given: set[str], old: Row | None) -> None:
    _activity(org, row)
    source = "StartDateTime" if "StartDateTime" in given or not row.get("ActivityDateTime") else "ActivityDateTime"
    start = row.get(source) or (f"{row['ActivityDate']}T00:00:00.000+0000" if row.get("ActivityDate") else None)
    if start is None:
        return
    row["StartDateTime"] = row["ActivityDateTime"] = start
    row["ActivityDate"] = str(start)[:10]
    if "EndDateTime" in given and row.get("EndDateTime") and "DurationInMinutes" not in given:
        length = parse_instant(str(row["EndDateTime"])) - parse_instant(str(start))
        if length < timedelta(0):
            message = "Event duration cannot be negative"
            raise Problem(400, "FIELD_INTEGRITY_EXCEPTION", message, ["DurationInMinutes"])
        row["DurationInMinutes"] = int(length.total_seconds() // 60)
    if row.get("DurationInMinutes") is None and row.get("IsAllDayEvent"):
        row["DurationInMinutes"] = 1440
    row["EndDateTime"] = later(str(start), float(row["DurationInMinutes"] or 0) * 60)
    row["EndDate"] = str(row["EndDateTime"])[:10]


def _case(org: "Org", row: Row, given: set[str], old: Row | None) -> None:
    closed = row.get("Status") == "Closed"
    if closed and not _old(old, "IsClosed") and row.get("ClosedDate") is None:
        row["ClosedDate"] = org.stamp()
    if not closed:
        row["ClosedDate"] = None
    row["IsClosed"] = int(closed)
    if row.get("AccountId") is None and row.get("ContactId") is not None and "AccountId" not in given:
        found = org.rows('SELECT "AccountId" FROM "Contact" WHERE "Id" = ?', row["ContactId"])
        row["AccountId"] = found[0][0] if found else None


def _contract(org: "Org", row: Row, given: set[str], old: Row | None) -> None:
    row["StatusCode"] = row.get("Status")
    if row.get("StartDate") and row.get("ContractTerm"):
        start = date.fromisoformat(str(row["StartDate"]))
        months = start.year * 12 + start.month - 1 + int(row["ContractTerm"] or 0)
        last = date(months // 12, months % 12 + 1, 1) + timedelta(days=31)
        day = min(start.day, (last.replace(day=1) - timedelta(days=1)).day)
        row["EndDate"] = (date(months // 12, months % 12 + 1, day) - timedelta(days=1)).isoformat()
    if row["Status"] == "Activated" and not row.get("ActivatedDate"):
        row["ActivatedDate"] = org.stamp()


def _order(org: "Org", row: Row, given: set[str], old: Row | None) -> None:
    row["StatusCode"] = row.get("Status")


def _order_item(org: "Org", row: Row, given: set[str], old: Row | None) -> None:
    if row.get("PricebookEntryId") is None and row.get("Product2Id") is not None:
        row["PricebookEntryId"] = org.entry_for(str(row["Product2Id"]), row.get("UnitPrice"))
    sql = 'SELECT "Product2Id", "UnitPrice" FROM "PricebookEntry" WHERE "Id" = ?'
    for product, price in org.rows(sql, row.get("PricebookEntryId")):
        row.update({"Product2Id": product, "ListPrice": price})
        row["UnitPrice"] = row["UnitPrice"] if row.get("UnitPrice") is not None else price
    if row.get("UnitPrice") is not None and "TotalPrice" not in given:
        row["TotalPrice"] = round(float(row["UnitPrice"] or 0) * float(row.get("Quantity") or 0), 2)


def _grant(org: "Org", row: Row, given: set[str], old: Row | None) -> None:
    row["PermissionsRead"] = int(bool(row.get("PermissionsRead") or row.get("PermissionsEdit")))
    name, _, field_name = str(row["Field"]).partition(".")
    kind = org.objects.get(name.lower())
    field = kind.field(field_name) if kind is not None else None
    if field is None or kind is None or not field.permissionable:
        message = f"Field Name: bad value for restricted picklist field: {row['Field']}"
        raise Problem(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, ["Field"])
    row["SobjectType"], row["Field"] = kind.name, f"{kind.name}.{field.name}"
    if row.get("PermissionsEdit") and (field.calculated or field.auto_number):
        message = f"You cannot grant edit access to {row['Field']}: the field is read only"
        raise Problem(400, "FIELD_INTEGRITY_EXCEPTION", message, ["PermissionsEdit"])


_DERIVED: dict[str, Callable[["Org", Row, set[str], Row | None], None]] = {
    "Contact": _person, "User": _person, "Opportunity": _opportunity, "OpportunityLineItem": _line, "Order": _order,
    "PricebookEntry": _entry, "Task": _task, "Event": _event, "Case": _case, "Contract": _contract,
    "OrderItem": _order_item, "FieldPermissions": _grant,
}  # fmt: skip
