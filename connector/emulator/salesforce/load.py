"""CSV exports in: every `<Object>.csv` of a folder becomes records of an emulated org, with the ids they had.

In: a folder as an export tool writes it, files in any order; out: records, custom fields and objects for what the org
did not know, and notes on what was left aside. All files are read before anything is stored; one fault, and nothing is.
Next room: `server`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from connector.emulator.export import Export, Loaded, LoadError, kind_of, places_of, read_folder
from connector.emulator.salesforce.org import ids
from connector.emulator.salesforce.org.catalogue import quoted
from connector.emulator.salesforce.org.model import Field, ObjectType
from connector.emulator.salesforce.org.records import Org
from connector.emulator.salesforce.org.rows.bulk import Unreadable
from connector.emulator.salesforce.org.rows.values import parse_instant
from connector.emulator.salesforce.org.schema import FEATURES

PERMISSION_SET = "Loaded_Fields"
"""The permission set that lets the token's user see and edit what a load added to the schema."""

_ORDER = [
    "Organization", "Profile", "UserRole", "User", "RecordType", "CurrencyType", "DatedConversionRate", "Product2",
    "Pricebook2", "PricebookEntry", "OpportunityStage", "Account", "Contact", "Opportunity", "Contract", "Order",
    "Asset", "Case",
]  # fmt: skip
_API_NAME = re.compile(r"[A-Za-z]\w*")
_LONGEST = 131_072


def load(org: Org, directory: Path) -> Loaded:
    """Read every `<Object>.csv` of a folder into the org, or raise LoadError and change nothing."""
    exports = read_folder(directory, "<Object>.csv")
    report = Loaded()
    with org.transaction():
        kinds = {name: _object(org, name, export) for name, export in exports.items()}
        columns = {name: _fields(org, kinds[name], export, report) for name, export in exports.items()}
        for name in sorted(exports, key=_rank):
            kind = org.object(kinds[name].name)
            _make_room(org, kind, exports[name])
            report.rows[kind.name] = _store(org, kind, columns[name], exports[name])
            _adopt(org, kind)
        for name, export in exports.items():
            report.notes += _dangling(org, org.object(kinds[name].name), columns[name], export)
    return report


def _object(org: Org, name: str, export: Export) -> ObjectType:
    """Find the object that a file is about; switch its feature on, or make it, when the org lacks it."""
    if name in FEATURES:
        org.enable_feature(name)
    elif name in ("CurrencyType", "DatedConversionRate") or "CurrencyIsoCode" in export.header:
        org.enable_feature("MultiCurrency")
    if name.lower() in org.objects:
        return org.objects[name.lower()]
    if not name.endswith("__c") or not _API_NAME.fullmatch(name):
        raise LoadError(
            export.path, 1, f"the org has no object {name!r}; rename the file to {name}__c.csv to have one made"
        )
    label = name.removesuffix("__c").replace("_", " ")
    kind = ObjectType(name, label, label + "s", _prefix(org, export), custom=True)
    kind = org.add_object(kind)
    org.grant_object(_permission_set(org), kind.name, "Read", "Create", "Edit", "Delete")
    return kind


def _prefix(org: Org, export: Export) -> str | None:
    """Take a custom object's key prefix from its first id, unless another object has it."""
    position = next((i for i, name in enumerate(export.header) if name.lower() == "id"), None)
    first = export.rows[0][position][:3] if position is not None and export.rows else None
    return None if first in {kind.key_prefix for kind in org.objects.values()} else first


def _fields(org: Org, kind: ObjectType, export: Export, report: Loaded) -> dict[int, Field]:
    """Find the field of each column by position; add a custom field where there is none."""
    found: dict[int, Field] = {}
    for index, name in enumerate(export.header):
        if name == "RecordTypeId":
            org.offer_record_type(kind)
        own = kind.field(name) or (None if name.endswith("__c") else kind.field(_api_name(name)))
        if "." in name or (own is not None and not own.stored):
            report.notes.append(f"{export.path.name}: column {name} left aside; it repeats what other fields hold")
            continue
        if own is None:
            own = org.add_field(kind.name, _guess(org, _api_name(name), name, list(export.column(index))))
            if own.permissionable:
                org.grant(_permission_set(org), kind.name, own.name, edit=True)
        found[index] = own
    return found


def _api_name(name: str) -> str:
    """Give a column that no field has the name of a custom field."""
    plain = re.sub(r"_+", "_", re.sub(r"\W", "_", name.removesuffix("__c"))).strip("_") or "Column"
    return (plain if plain[0].isalpha() else "X" + plain)[:40] + "__c"


def _guess(org: Org, name: str, label: str, values: Sequence[str]) -> Field:
    """Choose the narrowest type that holds all values of a column."""
    made = Field(name, "string", "" if label.endswith("__c") else label, length=255, custom=True)
    kind = kind_of(values, parse_instant)
    if kind == "number":
        return made.with_(type="double", length=0, precision=18, scale=min(places_of(values), 8))
    if kind != "text":
        return made.with_(type={"boolean": "boolean", "day": "date", "moment": "datetime"}[kind], length=0)
    if not values:
        return made
    target = _target(org, values)
    if target is not None:
        return made.with_(type="reference", length=18, reference_to=(target,))
    longest = max(map(len, values))
    if longest > 255 or any("\n" in value for value in values):
        return made.with_(type="textarea", length=_LONGEST if longest > 32_768 else 32_768)
    return made


def _target(org: Org, values: Sequence[str]) -> str | None:
    """Name the object that all values are ids of; None when they are no ids, or of several objects."""
    prefixes = {value[:3] for value in values}
    if len(prefixes) != 1 or not all(ids.check(value) for value in values):
        return None
    return next((kind.name for kind in org.objects.values() if kind.key_prefix in prefixes), None)


def _rank(name: str) -> tuple[int, str]:
    return (_ORDER.index(name) if name in _ORDER else len(_ORDER), name)


def _make_room(org: Org, kind: ObjectType, export: Export) -> None:
    """Let an export's own stages and organization stand in for those of the new org; learn unknown stages."""
    if kind.name in ("OpportunityStage", "Organization") and export.rows:
        org.db.execute(f"DELETE FROM {quoted(kind.name)}")
    if kind.name == "Opportunity":
        at = {name.lower(): index for index, name in enumerate(export.header)}
        marks: dict[str, tuple[bool, bool]] = {}
        for row in export.rows if "stagename" in at else []:
            stage = row[at["stagename"]]
            if stage and stage not in marks:
                closed, won = (key in at and row[at[key]].lower() in ("true", "1") for key in ("isclosed", "iswon"))
                marks[stage] = (closed, won)
        for stage, (closed, won) in marks.items():
            org.add_stage(stage, closed=closed, won=won)


def _store(org: Org, kind: ObjectType, columns: dict[int, Field], export: Export) -> int:
    names = [one.name for one in columns.values()]
    at = next((index for index, one in columns.items() if one.name == "Id"), None)
    rows: Iterable[list[str]] = export.rows if at is None else _with_checked_ids(org, kind, at, export)
    if len(columns) < len(export.header):
        rows = ([row[index] for index in columns] for row in rows)
    try:
        return org.bulk_load(kind.name, names, rows)
    except Unreadable as fault:
        what = (
            f"{fault.field.name} is {str(fault.value)[:80]!r}, which is not a {fault.field.type}; correct or empty it"
        )
        raise LoadError(export.path, export.lines[fault.row], what) from fault


def _with_checked_ids(org: Org, kind: ObjectType, at: int, export: Export) -> Iterator[list[str]]:
    seen = {str(row[0]): 0 for row in org.rows(f'SELECT "Id" FROM {quoted(kind.name)}')}
    for row, line in zip(export.rows, export.lines, strict=True):
        full = ids.check(row[at])
        if full is None or full[:3] != kind.key_prefix:
            what = f"{row[at]!r} is not an id of {kind.name}: 15 or 18 characters that begin with {kind.key_prefix}"
            raise LoadError(export.path, line, what)
        if full in seen:
            where = f"on line {seen[full]}" if seen[full] else "in the org already"
            raise LoadError(export.path, line, f"the id {full} stands {where}; each record may come once")
        seen[full] = line
        yield row


def _adopt(org: Org, kind: ObjectType) -> None:
    """Take over what an export says about the org itself."""
    if kind.name == "Organization":
        found = org.rows('SELECT "Id" FROM "Organization"')
        org.set_identity(str(found[0][0])) if found else None
    elif kind.name == "Pricebook2":
        found = org.rows('SELECT "Id" FROM "Pricebook2" WHERE "IsStandard" AND "Id" <> ?', org.pricebook_id)
        if found:
            org.set_standard_pricebook(str(found[0][0]))


def _permission_set(org: Org) -> str:
    """Find the permission set for loaded fields, made and assigned to the token's user when it is not there."""
    found = org.rows('SELECT "Id" FROM "PermissionSet" WHERE "Name" = ?', PERMISSION_SET)
    if found:
        return str(found[0][0])
    made = org.create(
        org.admin_id, "PermissionSet", {"Name": PERMISSION_SET, "Label": "Loaded fields", "IsCustom": True}, system=True
    )
    org.create(
        org.admin_id, "PermissionSetAssignment", {"PermissionSetId": made, "AssigneeId": org.admin_id}, system=True
    )
    return made


def _dangling(org: Org, kind: ObjectType, columns: dict[int, Field], export: Export) -> list[str]:
    """Note the lookups whose target no file brought and the org does not have."""
    notes = []
    for one in [field for field in columns.values() if field.type == "reference"]:
        targets = [org.objects[name.lower()].name for name in one.reference_to if name.lower() in org.objects]
        absent = " AND ".join(
            f'NOT EXISTS (SELECT 1 FROM {quoted(t)} p WHERE p."Id" = c.{quoted(one.name)})' for t in targets
        )
        if absent:
            sql = f"SELECT COUNT(*) FROM {quoted(kind.name)} c WHERE c.{quoted(one.name)} IS NOT NULL AND {absent}"
            count = int(str(org.rows(sql)[0][0]))
            if count:
                notes.append(
                    f"{export.path.name}: {count} rows have a {one.name} that no file brings; it is kept as it is"
                )
    return notes
