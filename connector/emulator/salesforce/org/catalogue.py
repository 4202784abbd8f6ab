"""The catalogue: which objects and fields an org starts with, and the SQLite tables that hold their records.

In: `standard.toml`, one line per field, and what deploys and loads add; out: `ObjectType`s by lower-cased name, and
tables named like them. Next room: `values`.
"""

import re
import sqlite3
import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

from connector.emulator.salesforce.org.model import Field, ObjectType, PicklistValue

_LINE = re.compile(r'(\w+) (\w+)(?:\(([^)]*)\))? (\S+)([^"]*)(?:"(.*)")?')
_NOT_GROUPABLE = {"double", "currency", "percent", "datetime", "multipicklist", "address", "location", "base64"}
_COLUMN_TYPES = {"boolean": "INTEGER", "int": "INTEGER", "double": "REAL", "currency": "REAL", "percent": "REAL"}
_LENGTHS = {"phone": 40, "url": 255, "email": 80, "picklist": 255, "multipicklist": 4099}


@lru_cache
def standard() -> tuple[dict[str, ObjectType], list[dict[str, object]]]:
    """Read the standard objects and the first rows of OpportunityStage; both are shared, so copy to change."""
    book = tomllib.loads(files(__package__).joinpath("standard.toml").read_text(encoding="utf-8"))
    stages, lists = _stages(book.pop("stages")), book.pop("picklists")
    lists["stages"] = [str(stage["MasterLabel"]) for stage in stages]
    return {name.lower(): _object(name, entry, lists) for name, entry in book.items()}, stages


def finished(field: Field) -> Field:
    """Fill what follows from a field's type: length, sorting and grouping, permissions, relationship name."""
    changes: dict[str, object] = {"label": field.label or _label(field)}
    long_text = field.type == "textarea" and field.length > 255
    if field.type in ("id", "reference"):
        changes["length"] = 18
    elif not field.length and field.type in _LENGTHS:
        changes["length"] = _LENGTHS[field.type]
    if long_text or field.type in ("address", "base64"):
        changes["filterable"] = changes["sortable"] = changes["groupable"] = False
    elif field.type in _NOT_GROUPABLE:
        changes["groupable"] = False
        changes["sortable"] = field.sortable and field.type not in ("multipicklist", "location")
    if field.type in ("address", "location"):
        changes["stored"] = changes["createable"] = changes["updateable"] = False
    if field.type == "boolean":
        changes.update(nillable=False, defaulted=True, default=bool(field.default))
    if field.custom and field.type == "reference" and not field.relationship_name:
        changes["relationship_name"] = re.sub("__c$", "__r", field.name)
    if (field.external_id or field.unique) and field.custom:
        changes["id_lookup"] = field.external_id
    universally_required = not field.nillable and not field.defaulted and field.type != "boolean"
    if universally_required or field.name_field or (field.cascade_delete and field.custom):
        changes["permissionable"] = False
    return field.with_(**changes)


def with_system_fields(kind: ObjectType) -> ObjectType:
    """Put Id first and the audit fields last, and the name and owner that every custom object has."""
    own = dict(kind.fields)
    head = [_system("Id", "id", "Record ID", id_lookup=True)]
    if kind.soft_delete:
        head.append(_system("IsDeleted", "boolean", "Deleted"))
    if kind.custom:
        if not any(field.name_field for field in own.values()):
            own["name"] = finished(Field("Name", "string", kind.label + " Name", 80, name_field=True, id_lookup=True))
        if not any(field.cascade_delete for field in own.values()) and "ownerid" not in own:
            owner = Field("OwnerId", "reference", "Owner ID", nillable=False, reference_to=("Group", "User"))
            owner = owner.with_(relationship_name="Owner", defaulted=True, permissionable=False)
            head.append(finished(owner))
    tail = []
    for when, who in (("Created", "CreatedBy"), ("Last Modified", "LastModifiedBy")):
        tail.append(_system(when.replace(" ", "") + "Date", "datetime", when + " Date", groupable=False))
        tail.append(_system(who + "Id", "reference", when + " By ID", reference_to=("User",), relationship_name=who))
    tail.append(_system("SystemModstamp", "datetime", "System Modstamp", groupable=False))
    ordered = [*head, *own.values(), *tail]
    kind.fields = {field.name.lower(): field for field in ordered}
    return kind


def inserted(fields: Mapping[str, Field], field: Field) -> dict[str, Field]:
    """Put a field in its old place, else after the others."""
    if field.name.lower() in fields:
        return {key: field if key == field.name.lower() else one for key, one in fields.items()}
    return {**fields, field.name.lower(): field}


def quoted(name: str) -> str:
    """Quote a table or column name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def make_table(db: sqlite3.Connection, kind: ObjectType) -> None:
    """Create the object's table with its columns and indexes, or add those that are missing."""
    table = quoted(kind.name)
    present = {str(row[1]) for row in db.execute(f"PRAGMA table_info({table})")}
    lacking = [field for field in kind.fields.values() if field.stored and field.name not in present]
    if not present:
        db.execute(f"CREATE TABLE {table} ({', '.join(map(_column, lacking))})")
        db.execute(f'CREATE INDEX {quoted(f"{kind.name}.changed")} ON {table} ("SystemModstamp", "Id")')
    for field in lacking:
        if present:
            db.execute(f"ALTER TABLE {table} ADD COLUMN {_column(field)}")
        if _indexed(field):
            column = quoted(field.name)
            index = quoted(f"{kind.name}.{field.name}")
            collation = "" if field.type == "reference" or field.type in _COLUMN_TYPES else " COLLATE NOCASE"
            db.execute(f"CREATE INDEX {index} ON {table} ({column}{collation}) WHERE {column} IS NOT NULL")


def drop_column(db: sqlite3.Connection, kind: ObjectType, field: Field) -> None:
    """Take a field's column away, its values with it."""
    db.execute(f"DROP INDEX IF EXISTS {quoted(f'{kind.name}.{field.name}')}")
    db.execute(f"ALTER TABLE {quoted(kind.name)} DROP COLUMN {quoted(field.name)}")


def _column(field: Field) -> str:
    if field.name == "Id":
        return '"Id" TEXT PRIMARY KEY'
    default = f" NOT NULL DEFAULT {int(bool(field.default))}" if field.type == "boolean" else ""
    return f"{quoted(field.name)} {_COLUMN_TYPES.get(field.type, 'TEXT')}{default}"


def _indexed(field: Field) -> bool:
    """Index what queries join and look up by; who made and owns a record is asked too rarely to pay for it."""
    audit = field.name in ("CreatedById", "LastModifiedById", "OwnerId")
    return (field.type == "reference" and not audit) or (field.id_lookup and field.type != "id") or field.unique


def _stages(table: Mapping[str, Any]) -> list[dict[str, object]]:
    return [stage(name, number, share) for number, (name, share) in enumerate(zip(*table.values(), strict=True), 1)]


def stage(name: str, order: int, probability: float, *, won: bool | None = None) -> dict[str, object]:
    """Lay out an OpportunityStage row; without `won`, a share of 100 means won and 0 means lost."""
    is_won = probability == 100 if won is None else won
    closed = is_won or probability == 0
    forecast = ("Closed", "Closed") if is_won else ("Omitted", "Omitted") if closed else ("Pipeline", "Pipeline")
    return {
        "MasterLabel": name, "ApiName": name, "IsActive": True, "SortOrder": order, "IsClosed": closed, "IsWon": is_won,
        "ForecastCategory": forecast[0], "ForecastCategoryName": forecast[1], "DefaultProbability": float(probability),
    }  # fmt: skip


def _object(name: str, entry: Mapping[str, Any], lists: Mapping[str, list[str]]) -> ObjectType:
    label = entry.get("label") or _spaced(name)
    rights = entry.get("rights", "CUD")
    kind = ObjectType(
        name, label, entry.get("plural", label + "s"), entry["prefix"], feature=entry.get("feature"),
        soft_delete=entry.get("soft_delete", True), undeletable=entry.get("undeletable", True),
        createable="C" in rights, updateable="U" in rights, deletable="D" in rights,
        replicateable=entry.get("replicateable", True),
    )  # fmt: skip
    kind.undeletable = kind.undeletable and kind.soft_delete
    kind.fields = {field.name.lower(): field for field in _fields(name, entry["fields"], lists)}
    if not entry.get("permissionable", True):
        kind.fields = {key: field.with_(permissionable=False) for key, field in kind.fields.items()}
    return with_system_fields(kind)


def _fields(kind: str, lines: str, lists: Mapping[str, list[str]]) -> Iterator[Field]:
    for line in lines.strip().splitlines():
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise ValueError(f"standard.toml [{kind}]: cannot read the line {line!r}; write: Name type(size) rights …")
        yield finished(_field(match, lists))


def _field(match: re.Match[str], lists: Mapping[str, list[str]]) -> Field:
    name, kind, size, rights, rest, label = match.groups()
    options = dict(word.partition("=")[::2] for word in rest.split())
    values = tuple(
        PicklistValue(v.removeprefix("*"), v.removeprefix("*"), default=v.startswith("*"))
        for v in lists.get(options.get("values", ""), ())
    )
    default = next((v.value for v in values if v.default), None)
    field = Field(
        name, "reference" if kind == "ref" else kind, label or "", nillable="N" in rights, createable="C" in rights,
        updateable="U" in rights, picklist=values, restricted="restricted" in options, default=default,
        defaulted="defaulted" in options or default is not None or name in ("OwnerId", "CurrencyIsoCode"),
        relationship_name=options.get("rel"), child_relationship=options.get("child"),
        cascade_delete="cascade" in options,
        name_field="name" in options, id_lookup="idlookup" in options, compound=options.get("compound"),
        permissionable="noperm" not in options and rights != "-", filterable="nofilter" not in options,
        auto_number="autonumber" in options, feature=options.get("feature"),
    )  # fmt: skip
    if kind == "ref":
        return field.with_(reference_to=tuple(size.split(",")))
    if kind in ("double", "currency", "percent"):
        whole, _, scale = size.partition(",")
        return field.with_(precision=int(whole), scale=int(scale))
    if kind == "int":
        return field.with_(precision=int(size))
    return field.with_(length=int(size or 0))


def _system(name: str, kind: str, label: str, **more: object) -> Field:
    field = Field(name, kind, label, 18 if kind in ("id", "reference") else 0, nillable=False, createable=False)
    return field.with_(updateable=False, defaulted=True, permissionable=False, **more)


def _label(field: Field) -> str:
    if field.custom:
        return field.name.removesuffix("__c").replace("_", " ")
    return _spaced(field.name)


def _spaced(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace(" Id", " ID")
