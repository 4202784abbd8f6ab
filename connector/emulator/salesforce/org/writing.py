"""The write path: what a user gives is checked as a real org checks it, and what follows from it is worked out.

In: values by field name, the row as it stands; out: the row to store, or the Problem that a real org answers.
Next room: `records`, which stores it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from connector.emulator.salesforce.org import ids
from connector.emulator.salesforce.org.catalogue import quoted
from connector.emulator.salesforce.org.model import Field, ObjectType, Problem
from connector.emulator.salesforce.org.values import Stored, checked, instant, later, parse_instant, stored

if TYPE_CHECKING:
    from connector.emulator.salesforce.org.records import Org

Row = dict[str, Stored]

_ACCOUNT_OF = {"006": "Opportunity", "800": "Contract", "801": "Order", "500": "Case", "02i": "Asset", "003": "Contact"}
_ONE_PER_PARENT = {"FieldPermissions": ("ParentId", "Field"), "ObjectPermissions": ("ParentId", "SobjectType")}
_FORECAST_NAMES = {"BestCase": "Best Case", "MostLikely": "Most Likely", "Forecast": "Commit"}


@dataclass(frozen=True)
class Rule:
    """An admin's validation rule: records of `object` for which `refuses` holds are refused with `message`."""

    object: str
    refuses: Callable[[Mapping[str, Stored]], bool]
    message: str
    field: str | None = None


def rule(condition: Mapping[str, object]) -> Rule:
    """Build a rule from its JSON form: object, field, op (eq, ne, gt, lt, blank), value, message."""
    name, value, op = str(condition["field"]), condition.get("value"), str(condition.get("op", "eq"))

    def refuses(row: Mapping[str, Stored]) -> bool:
        have = next((held for key, held in row.items() if key.lower() == name.lower()), None)
        if op == "blank" or have is None:
            return have is None and (op == "blank" or (op == "eq" and value is None) or (op == "ne" and value is not None))
        if op in ("eq", "ne"):
            return (have == value) == (op == "eq")
        if value is None or isinstance(have, str) != isinstance(value, str):
            return False
        return have > value if op == "gt" else have < value  # type: ignore[operator]

    if op not in ("eq", "ne", "gt", "lt", "blank"):
        raise ValueError(f"validation rule for {condition.get('object')}: unknown op {op!r}; use eq, ne, gt, lt or blank")
    return Rule(str(condition["object"]), refuses, str(condition["message"]), name)


def changes(org: "Org", user_id: str, kind: ObjectType, given: Mapping[str, object], *, new: bool, system: bool) -> Row:
    """Check the given values one by one and turn them into column values by API name."""
    row: Row = {}
    refused: list[str] = []
    editable = frozenset() if system else org.access.editable(user_id, kind.name)
    for key, value in given.items():
        if key.lower() == "attributes":
            continue
        field, value = _resolved(org, kind, key, value)
        if not system and not _writable(field, editable, new=new):
            refused.append(field.name)
            continue
        row[field.name] = _value(org, field, value, system=system)
    if refused:
        message = (
            f"Unable to create/update fields: {', '.join(refused)}. Please check the security settings of this field and "
            "verify that it is read/write for your profile or permission set."
        )
        raise Problem(400, "INVALID_FIELD_FOR_INSERT_UPDATE", message, refused)
    return row


def complete(org: "Org", user_id: str, kind: ObjectType, row: Row) -> None:
    """Fill a new row's defaults: picklist defaults, owner, currency, numbers of numbered records."""
    for field in kind.fields.values():
        if not field.stored or row.get(field.name) is not None:
            continue
        if field.auto_number:
            row[field.name] = org.next_number(kind.name)
        elif field.name == "OwnerId":
            row[field.name] = user_id
        elif field.name == "CurrencyIsoCode":
            row[field.name] = org.currency
        elif field.name not in row or field.type == "boolean":
            row[field.name] = stored(field, field.default)


def require(kind: ObjectType, row: Row) -> None:
    """Refuse a row in which a required field is empty."""
    missing = [
        field.name for field in kind.fields.values()
        if not field.nillable and not field.defaulted and (field.createable or field.updateable) and row.get(field.name) is None
    ]  # fmt: skip
    missing += _also_required(kind.name, row)
    if missing:
        message = f"Required fields are missing: [{', '.join(missing)}]"
        raise Problem(400, "REQUIRED_FIELD_MISSING", message, missing)


def validate(org: "Org", kind: ObjectType, row: Row, old: Row | None, *, rules: bool) -> None:
    """Refuse duplicates of unique values and whatever the admin's validation rules refuse."""
    _unique(org, kind, row, old)
    if kind.name == "PermissionSetAssignment" and old is None:
        _one_assignment(org, row)
    for one in org.validation_rules if rules else ():
        if one.object.lower() == kind.name.lower() and one.refuses(row):
            raise Problem(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", one.message, [one.field] if one.field else [])


def derive(org: "Org", kind: ObjectType, row: Row, given: Mapping[str, object], old: Row | None) -> None:
    """Work out the fields that follow from others, before the row is stored."""
    step = _DERIVED.get(kind.name)
    if step is not None:
        step(org, row, {name for name in given}, old)


def _resolved(org: "Org", kind: ObjectType, key: str, value: object) -> tuple[Field, object]:
    field = kind.field(key)
    if field is not None:
        return field, value
    if isinstance(value, Mapping) or value is None:
        parent = next((f for f in kind.fields.values() if (f.relationship_name or "").lower() == key.lower()), None)
        if parent is not None:
            return parent, None if value is None else _parent_id(org, parent, value)
    raise Problem(400, "INVALID_FIELD", f"No such column '{key}' on sobject of type {kind.name}")


def _parent_id(org: "Org", field: Field, reference: Mapping[str, object]) -> str:
    attributes = reference.get("attributes")
    kind_name = str(attributes["type"]) if isinstance(attributes, Mapping) and "type" in attributes else field.reference_to[0]
    named = [(key, value) for key, value in reference.items() if key.lower() != "attributes"]
    kind = org.object(kind_name)
    key, value = named[0] if len(named) == 1 else ("", None)
    external = kind.field(key)
    if external is None or not (external.external_id or external.id_lookup):
        message = f"Field name provided, {key} is not an External ID or indexed field for {kind.name}"
        raise Problem(400, "INVALID_FIELD", message)
    found = org.find(kind, external, value)
    if len(found) != 1:
        message = f"Foreign key external ID: {value} not found for field {external.name} in entity {kind.name}"
        raise Problem(400, "INVALID_FIELD", message)
    return found[0]


def _writable(field: Field, editable: frozenset[str], *, new: bool) -> bool:
    return field.name in editable and (field.createable if new else field.updateable)


def _value(org: "Org", field: Field, value: object, *, system: bool) -> Stored:
    if field.type == "boolean" and value is None and not system:
        message = f"Cannot deserialize instance of boolean from null value null for field {field.name}"
        raise Problem(400, "JSON_PARSER_ERROR", message, [field.name])
    result = checked(field, value)
    if field.type == "reference" and result is not None and not system:
        _check_reference(org, field, str(result))
    return result


def _check_reference(org: "Org", field: Field, record_id: str) -> None:
    targets = [org.objects[name.lower()] for name in field.reference_to if name.lower() in org.objects]
    kind = next((kind for kind in targets if kind.key_prefix == record_id[:3]), None)
    if kind is None:
        message = f"{field.label}: id value of incorrect type: {record_id}"
        raise Problem(400, "MALFORMED_ID", message, [field.name])
    row = org.raw(kind, record_id)
    if row is None:
        message = f"insufficient access rights on cross-reference id: {record_id[:15]}"
        raise Problem(400, "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", message, [])
    if row.get("IsDeleted"):
        raise Problem(400, "ENTITY_IS_DELETED", "entity is deleted", [])
    if field.name == "OwnerId" and kind.name == "User" and not row["IsActive"]:
        message = f"operation performed with inactive user [{record_id[:15]}] as owner of record"
        raise Problem(400, "INACTIVE_OWNER_OR_USER", message, [field.name])


def _also_required(name: str, row: Row) -> list[str]:
    match name:
        case "OpportunityLineItem":
            return [] if row.get("PricebookEntryId") or row.get("Product2Id") else ["PricebookEntryId"]
        case "Asset":
            return [] if row.get("AccountId") or row.get("ContactId") else ["AccountId"]
        case "Event":
            start = row.get("StartDateTime") or row.get("ActivityDateTime") or (row.get("IsAllDayEvent") and row.get("ActivityDate"))
            length = row.get("DurationInMinutes") is not None or row.get("EndDateTime") or row.get("IsAllDayEvent")
            return ([] if start else ["ActivityDateTime"]) + ([] if length else ["DurationInMinutes"])
        case "PermissionSetAssignment":
            return [] if row.get("PermissionSetId") or row.get("PermissionSetGroupId") else ["PermissionSetId"]
    return []


def _unique(org: "Org", kind: ObjectType, row: Row, old: Row | None) -> None:
    for field in kind.fields.values():
        value = row.get(field.name)
        if not (field.unique or (kind.name, field.name) == ("User", "Username")) or value is None:
            continue
        if old is not None and old.get(field.name) == value:
            continue
        other = [found for found in org.find(kind, field, value) if found != row.get("Id")]
        if other:
            message = f"duplicate value found: {field.name} duplicates value on record with id: {other[0][:15]}"
            raise Problem(400, "DUPLICATE_VALUE", message, [field.name])
    pair = _ONE_PER_PARENT.get(kind.name)
    if pair and old is None:
        where = " AND ".join(f"{quoted(name)} = ? COLLATE NOCASE" for name in pair)
        clash = org.rows(f'SELECT "Id" FROM {quoted(kind.name)} WHERE {where}', *(row[name] for name in pair))  # noqa: S608
        if clash:
            message = f"duplicate value found: {pair[1]} duplicates value on record with id: {str(clash[0][0])[:15]}"
            raise Problem(400, "DUPLICATE_VALUE", message, [pair[1]])


def _one_assignment(org: "Org", row: Row) -> None:
    sql = 'SELECT 1 FROM "PermissionSetAssignment" WHERE "AssigneeId" = ? AND "PermissionSetId" = ?'
    if org.rows(sql, row["AssigneeId"], row["PermissionSetId"]):
        message = (
            f"Duplicate PermissionSetAssignment.  Assignee: {row['AssigneeId']}; Permission Set: {row['PermissionSetId']}"
        )
        raise Problem(400, "DUPLICATE_VALUE", message, ["AssigneeId", "PermissionSetId"])


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
        held: Row = {"IsClosed": closed, "IsWon": won, "ForecastCategory": forecast}  # type: ignore[dict-item]
        row.update({name: value for name, value in held.items() if name not in given})
        row["LastStageChangeDate"] = org.stamp() if old is not None else None
        if "Probability" not in given or row["Probability"] is None:
            row["Probability"] = float(share)  # type: ignore[arg-type]
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
        row.update({"Product2Id": product, "ProductCode": code, "ListPrice": price})  # type: ignore[dict-item]
        row["Name"] = f"{deal[0][0]} {name}" if deal else str(name)
    quantity, off = float(row.get("Quantity") or 0), 1 - float(row.get("Discount") or 0) / 100
    if {"UnitPrice", "TotalPrice"} <= given and not org.loading and row["UnitPrice"] is not None and row["TotalPrice"] is not None:
        message = "You can specify either the unit price or the total price, but not both"
        raise Problem(400, "FIELD_INTEGRITY_EXCEPTION", message, ["UnitPrice", "TotalPrice"])
    if row.get("TotalPrice") is not None and "TotalPrice" in given and quantity and off and row.get("UnitPrice") in (None, _old(old, "UnitPrice")):
        row["UnitPrice"] = round(float(row["TotalPrice"] or 0) / quantity / off, 2)
    elif row.get("UnitPrice") is None:
        row["UnitPrice"] = row.get("ListPrice")
    if not (org.loading and "TotalPrice" in given):
        row["TotalPrice"] = round(float(row["UnitPrice"] or 0) * quantity * off, 2)
    row["Subtotal"] = round(float(row["UnitPrice"] or 0) * quantity, 2)


def _old(old: Row | None, name: str) -> Stored:
    return None if old is None else old.get(name)


def _entry(org: "Org", row: Row, given: set[str], old: Row | None) -> None:
    for name, code in org.rows('SELECT "Name", "ProductCode" FROM "Product2" WHERE "Id" = ?', row["Product2Id"]):
        row.update({"Name": name, "ProductCode": code})  # type: ignore[dict-item]


def _activity(org: "Org", row: Row) -> None:
    row["AccountId"] = None
    for link in ("WhatId", "WhoId"):
        target = str(row.get(link) or "")
        if target.startswith("001"):
            row["AccountId"] = target
        elif target[:3] in _ACCOUNT_OF:
            found = org.rows(f'SELECT "AccountId" FROM {quoted(_ACCOUNT_OF[target[:3]])} WHERE "Id" = ?', target)  # noqa: S608
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
        row["AccountId"] = found[0][0] if found else None  # type: ignore[assignment]


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
        row.update({"Product2Id": product, "ListPrice": price})  # type: ignore[dict-item]
        row["UnitPrice"] = row["UnitPrice"] if row.get("UnitPrice") is not None else price  # type: ignore[assignment]
    if row.get("UnitPrice") is not None and not (org.loading and "TotalPrice" in given):
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
