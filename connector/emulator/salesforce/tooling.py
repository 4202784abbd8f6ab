"""The Tooling API's queries: the org's own objects and fields as records that SOQL can ask for.

A query comes in; what the org's schema says at that moment is put into tables of their own and answered from there.
Next room: `metadata`.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, cast

from starlette.responses import Response
from starlette.routing import Route

from connector.emulator.salesforce.directory import DATA
from connector.emulator.salesforce.org import ids
from connector.emulator.salesforce.org.catalogue import make_table, quoted
from connector.emulator.salesforce.org.model import Field, ObjectType, Problem
from connector.emulator.salesforce.org.records import Org
from connector.emulator.salesforce.query import column_metadata
from connector.emulator.salesforce.site import Call, Site
from connector.emulator.salesforce.soql.query import run

_NAMED = ("DeveloperName", "NamespacePrefix", "Name")
TABLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "EntityDefinition": ("4ie", (
        "DurableId", "QualifiedApiName", "DeveloperName", "Label", "PluralLabel", "KeyPrefix", "NamespacePrefix",
        "IsCustomizable?", "IsQueryable?", "IsTriggerable?", "IsCustomSetting?",
    )),
    "FieldDefinition": ("4if", (
        "DurableId", "QualifiedApiName", "DeveloperName", "Label", "DataType", "NamespacePrefix", "EntityDefinitionId>",
        "Length#", "Precision#", "Scale#", "IsNillable?", "IsIndexed?", "IsCalculated?", "ReferenceTo", "Description",
        "RelationshipName",
    )),
    "CustomObject": ("01I", ("DeveloperName", "NamespacePrefix", "Description")),
    "CustomField": ("00N", ("DeveloperName", "NamespacePrefix", "TableEnumOrId", "FullName", "EntityDefinitionId>")),
    **{name: (prefix, _NAMED) for name, prefix in (
        ("ApexClass", "01p"), ("ApexTrigger", "01q"), ("ApexPage", "066"), ("Flow", "301"), ("FlowDefinition", "300"),
        ("Layout", "00h"), ("ValidationRule", "03d"), ("WorkflowRule", "01Q"), ("SourceMember", "0MZ"),
    )},
}  # fmt: skip
"""The objects and their fields; `?` marks a boolean, `#` a whole number, `>` a reference to EntityDefinition."""


class Schema:
    """What SOQL needs of an org, filled with what a real org's schema says."""

    def __init__(self, org: Org, user_id: str) -> None:
        self.lock, self.clock, self.currency = org.lock, org.clock, org.currency
        self.objects = {name.lower(): _kind(name, prefix, fields) for name, (prefix, fields) in TABLES.items()}
        self.db = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        for kind in self.objects.values():
            make_table(self.db, kind)
        for name, row in _records(org, user_id):
            marks = ", ".join("?" * len(row))
            columns = ", ".join(map(quoted, row))
            self.db.execute(f"INSERT INTO {quoted(name)} ({columns}) VALUES ({marks})", list(row.values()))

    def readable(self, _user_id: str, name: str) -> frozenset[str]:
        """All fields: whoever may ask the Tooling API sees them."""
        return frozenset(field.name for field in self.objects[name.lower()].fields.values())


def routes(site: Site) -> list[Route]:
    """Queries of the Tooling API."""
    return [Route(f"{DATA}/tooling/query", site.handler(partial(_query, site)), methods=["GET"])]


def _query(site: Site, call: Call) -> Response:
    text = call.query.get("q")
    if not text:
        raise Problem(400, "MALFORMED_QUERY", "The q parameter must hold a SOQL query")
    schema = Schema(site.org, call.user_id)
    try:
        # the duck is an org in all that a query asks of it
        result = run(cast(Org, schema), call.user_id, text, include_deleted=True, version=call.version)
        records = result.page()
    finally:
        schema.db.close()
    answer: dict[str, Any] = {
        "size": len(records), "totalSize": result.total, "done": True, "queryLocator": None,
        "entityTypeName": result.object_name, "records": records,
    }  # fmt: skip
    if call.query.get("columns", "").lower() == "true":
        answer["columnMetadata"] = column_metadata(result)
    return site.json(answer)


def _kind(name: str, prefix: str, fields: Sequence[str]) -> ObjectType:
    made = ObjectType(name, name, name, prefix, soft_delete=False)
    listed = [Field("Id", "id", "Id", 18, nillable=False)]
    for entry in fields:
        bare = entry.rstrip("?#>")
        kind = {"?": "boolean", "#": "int", ">": "reference"}.get(entry[len(bare) :], "string")
        field = Field(bare, kind, bare, 0 if kind != "string" else 255)
        if kind == "reference":
            field = field.with_(reference_to=("EntityDefinition",), relationship_name="EntityDefinition")
        listed.append(field)
    made.fields = {field.name.lower(): field for field in listed}
    return made


def _records(org: Org, user_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows, with ids counted up: the schema is the same for as long as a query takes."""
    number = 0
    for kind in org.objects.values():
        readable = org.readable(user_id, kind.name)
        if not readable:
            continue
        number += 1
        entity = ids.compose("4ie", "Em0", number)
        yield "EntityDefinition", {
            "Id": entity, "DurableId": kind.name, "QualifiedApiName": kind.name, "DeveloperName": _bare(kind.name),
            "Label": kind.label, "PluralLabel": kind.label_plural, "KeyPrefix": kind.key_prefix,
            "IsCustomizable": kind.custom or kind.createable, "IsQueryable": True, "IsTriggerable": kind.createable,
            "IsCustomSetting": False,
        }  # fmt: skip
        if kind.custom:
            yield "CustomObject", {"Id": ids.compose("01I", "Em0", number), "DeveloperName": _bare(kind.name)}
        for field in kind.fields.values():
            if field.name not in readable:
                continue
            number += 1
            yield "FieldDefinition", _field_row(kind, field, number, entity)
            if field.custom:
                yield "CustomField", {
                    "Id": ids.compose("00N", "Em0", number), "DeveloperName": _bare(field.name),
                    "TableEnumOrId": kind.name, "FullName": f"{kind.name}.{field.name}", "EntityDefinitionId": entity,
                }  # fmt: skip


def _field_row(kind: ObjectType, field: Field, number: int, entity: str) -> dict[str, Any]:
    return {
        "Id": ids.compose("4if", "Em0", number), "DurableId": f"{kind.name}.{_bare(field.name)}",
        "QualifiedApiName": field.name, "DeveloperName": _bare(field.name), "Label": field.label,
        "DataType": f"Lookup({','.join(field.reference_to)})" if field.reference_to else field.type.title(),
        "EntityDefinitionId": entity, "Length": field.length, "Precision": field.precision, "Scale": field.scale,
        "IsNillable": field.nillable, "IsIndexed": field.external_id or field.id_lookup,
        "IsCalculated": field.calculated, "ReferenceTo": ",".join(field.reference_to) or None,
        "Description": field.description, "RelationshipName": field.relationship_name,
    }  # fmt: skip


def _bare(name: str) -> str:
    return name.removesuffix("__c")
