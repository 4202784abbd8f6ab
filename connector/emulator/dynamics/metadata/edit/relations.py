"""Relationships: one table's lookups to another, lookups to accounts or contacts, and many-to-many.

A body comes in; relationships as the organisation keeps them leave. Next room: `keys`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from connector.emulator.dynamics.metadata.edit import rights, wording
from connector.emulator.dynamics.metadata.edit.columns import free
from connector.emulator.dynamics.metadata.shapes import extras
from connector.emulator.dynamics.metadata.shapes.attributes import NAMES as CLASSES
from connector.emulator.dynamics.metadata.shapes.labels import texts
from connector.emulator.dynamics.metadata.shapes.relations import CASCADES, NAMES
from connector.emulator.dynamics.org.model import Column, Problem, Relationship, Table
from connector.emulator.dynamics.org.records import Org

LINKS = ("NoCascade", "Cascade", "Active", "UserOwned", "RemoveLink", "Restrict")
CUSTOMER_TARGETS = ("account", "contact")


def add_relation(org: Org, user_id: str, body: Mapping[str, Any], solution: str | None = None) -> Relationship:
    """Add the relationship that a body of either class describes."""
    kind = wording.class_of(body)
    if kind == "ManyToManyRelationshipMetadata":
        return _many_to_many(org, user_id, body, solution)
    if kind != "OneToManyRelationshipMetadata":
        raise Problem(400, "0x80048d19", f"A type named '{kind or '(none)'}' cannot be made: give @odata.type.")
    wording.undeclared(body, NAMES[kind] | {"Lookup"}, kind)
    lookup = body.get("Lookup")
    if not isinstance(lookup, Mapping):
        raise Problem(400, "0x80040203", "A one-to-many relationship needs a Lookup that describes its column.")
    referencing = _table(org, body, "ReferencingEntity")
    column = lookup_column(org, referencing, lookup, "lookup")
    one = _one_to_many(org, body, referencing, column, column.schema_name)
    kept = _keep_lookup(org, user_id, referencing, column, [one], lookup, solution)[0]
    _note(org, kept, body)
    return kept


def add_customer(
    org: Org, user_id: str, lookup: Mapping[str, Any], bodies: Sequence[Mapping[str, Any]], solution: str | None
) -> tuple[list[Relationship], Column]:
    """Add a lookup to accounts and contacts, with a relationship to each."""
    targets = sorted(str(body.get("ReferencedEntity", "")).lower() for body in bodies)
    if targets != sorted(CUSTOMER_TARGETS):
        text = "A customer lookup needs two relationships, one to account and one to contact."
        raise Problem(400, "0x80040203", text)
    referencing = _table(org, bodies[0], "ReferencingEntity")
    column = lookup_column(org, referencing, lookup, "customer")
    made = []
    for body in bodies:
        target = str(body["ReferencedEntity"]).lower()
        made.append(_one_to_many(org, body, referencing, column, f"{column.schema_name}_{target}"))
    kept = _keep_lookup(org, user_id, referencing, column, made, lookup, solution)
    return kept, org.tables[referencing.name].columns[column.name]


def lookup_column(org: Org, table: Table, body: Mapping[str, Any], kind: str) -> Column:
    """The lookup column that a body describes, without its targets."""
    wording.undeclared(body, CLASSES["LookupAttributeMetadata"], "LookupAttributeMetadata")
    schema = wording.schema_name(org, body, "Attribute")
    free(table, schema)
    return Column(
        schema.lower(), kind, wording.labelled(body, "DisplayName", schema)[0], schema,
        wording.labelled(body, "Description")[0], required=wording.required(body), custom=True,
        secured=wording.flag(body, "IsSecured", False),
    )  # fmt: skip


def drop_relation(org: Org, user_id: str, one: Relationship) -> None:
    """Take a custom relationship away, with its lookup column or the table between."""
    if not one.custom:
        text = f"You cannot delete Relationship {one.name}. Deletion cannot be performed when Relationship is managed."
        raise Problem(400, "0x8004f013", text)
    column = org.tables[one.referencing].columns.get(one.column)
    org.drop_relationship(one.name)
    for metadata_id in (one.metadata_id, *([column.metadata_id] if column and column.custom else [])):
        rights.gone(org, user_id, metadata_id)
        extras.drop_note(org, metadata_id)


def change_relation(org: Org, one: Relationship, body: Mapping[str, Any]) -> None:
    """Change how a relationship is shown; how it cascades is settled when it is made."""
    kind = f"{one.kind}RelationshipMetadata"
    wording.undeclared(body, NAMES[kind], kind)
    wanted = _cascade(body) if body.get("CascadeConfiguration") else {}
    if any(one.cascade.get(name, "NoCascade") != link for name, link in wanted.items() if name != "Archive"):
        text = f"The cascades of {one.name} cannot be changed: delete the relationship and create it anew."
        raise Problem(400, "0x80044155", text)
    _note(org, one, body)


def _one_to_many(
    org: Org, body: Mapping[str, Any], referencing: Table, column: Column, navigation: str
) -> Relationship:
    schema = _schema(org, body)
    referenced = _table(org, body, "ReferencedEntity")
    key = str(body.get("ReferencedAttribute") or referenced.primary_id).lower()
    if key != referenced.primary_id:
        text = f"The ReferencedAttribute {key} must be the primary key {referenced.primary_id} of {referenced.name}."
        raise Problem(400, "0x80040203", text)
    nav_one = str(body.get("ReferencingEntityNavigationPropertyName") or navigation)
    nav_many = str(body.get("ReferencedEntityNavigationPropertyName") or schema)
    return Relationship(
        schema, "OneToMany", referenced.name, referencing.name, column.name, nav_one, nav_many, custom=True,
        metadata_id=org.new_guid("relationship"), cascade=_cascade(body),
    )  # fmt: skip


def _keep_lookup(
    org: Org, user_id: str, table: Table, column: Column, made: list[Relationship], body: Mapping[str, Any],
    solution: str | None,
) -> list[Relationship]:  # fmt: skip
    """Add the column with all its targets, then the relationships that lead through it."""
    navigation = {one.referenced: one.nav_one for one in made}
    kept = org.add_column(table.name, column.with_(targets=tuple(navigation), navigation=navigation))
    stamp = extras.moment(org)
    labels = {name: wording.labelled(body, name)[1] for name in ("DisplayName", "Description")}
    extras.note(org, kept.metadata_id, created=stamp, modified=stamp, labels=labels)
    rights.belongs(org, user_id, solution, rights.ENTITY, table.metadata_id, rights.WITHOUT_SUBCOMPONENTS)
    rights.belongs(org, user_id, solution, rights.ATTRIBUTE, kept.metadata_id)
    for one in made:
        rights.belongs(org, user_id, solution, rights.RELATIONSHIP, one.metadata_id)
    return [org.add_relationship(one) for one in made]


def _many_to_many(org: Org, user_id: str, body: Mapping[str, Any], solution: str | None) -> Relationship:
    wording.undeclared(body, NAMES["ManyToManyRelationshipMetadata"], "ManyToManyRelationshipMetadata")
    schema = _schema(org, body)
    first, second = _table(org, body, "Entity1LogicalName"), _table(org, body, "Entity2LogicalName")
    intersect = str(body.get("IntersectEntityName") or schema)
    wording.check_name(org, intersect, "Entity")
    if intersect.lower() in org.tables:
        text = f"An entity with the specified name {intersect} already exists. Please specify a unique name."
        raise Problem(400, "0x8004700b", text)
    kept = org.add_relationship(Relationship(
        schema, "ManyToMany", first.name, second.name, "", "",
        str(body.get("Entity1NavigationPropertyName") or schema), intersect.lower(),
        str(body.get("Entity2NavigationPropertyName") or schema), custom=True,
        metadata_id=org.new_guid("relationship"),
    ))  # fmt: skip
    between = org.tables.get(kept.intersect)
    if between is not None:
        extras.note(org, between.metadata_id, intersect=True, private=True)
    _note(org, kept, body)
    rights.belongs(org, user_id, solution, rights.RELATIONSHIP, kept.metadata_id)
    return kept


def _schema(org: Org, body: Mapping[str, Any]) -> str:
    if not body.get("SchemaName"):
        raise Problem(400, "0x8004432a", "Entity relationships require a name")
    schema = wording.schema_name(org, body, "EntityRelationship")
    if schema.lower() in {name.lower() for name in org.relationships}:
        text = f"A relationship with the specified name {schema} already exists. Please specify a unique name."
        raise Problem(400, "0x8004432b", text)
    return schema


def _table(org: Org, body: Mapping[str, Any], name: str) -> Table:
    table = org.tables.get(str(body.get(name, "")).lower())
    if table is None:
        text = f"Could not find an entity with specified entity logicalname: {body.get(name, '')}"
        raise Problem(404, "0x80040217", text)
    return table


def _cascade(body: Mapping[str, Any]) -> dict[str, str]:
    given = body.get("CascadeConfiguration") or {}
    for name, link in given.items():
        if "@" not in name and name in CASCADES and link is not None and link not in LINKS:
            raise Problem(
                400, "0x80048204", f"The cascade link type is not valid for the cascade action: {name} {link}."
            )
    return {name: str(given[name]) for name in CASCADES if given.get(name)} or {"Delete": "RemoveLink"}


def _note(org: Org, one: Relationship, body: Mapping[str, Any]) -> None:
    found: dict[str, Any] = {}
    menus = (
        ("menu", "AssociatedMenuConfiguration"),
        ("menu", "Entity1AssociatedMenuConfiguration"),
        ("menu_other", "Entity2AssociatedMenuConfiguration"),
    )
    for name, field in menus:
        given = body.get(field)
        if isinstance(given, Mapping):
            found[name] = {
                "behavior": given.get("Behavior") or "UseCollectionName",
                "group": given.get("Group") or "Details",
                "order": given.get("Order") or 10000,
                "label": {str(language): text for language, text in texts(given.get("Label")).items()},
            }
    if body.get("IsHierarchical") is not None:
        found["hierarchical"] = bool(body["IsHierarchical"])
    if body.get("IsValidForAdvancedFind") is not None:
        found["advanced_find"] = bool(body["IsValidForAdvancedFind"])
    extras.note(org, one.metadata_id, **found)
