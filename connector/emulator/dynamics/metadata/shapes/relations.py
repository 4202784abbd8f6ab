"""Relationships as metadata describes them, of both kinds.

Relationships of the organisation come in; shapes leave. Next room: `shelf`.
"""

from collections.abc import Mapping
from typing import Any

from connector.emulator.dynamics.metadata.shapes.labels import ENGLISH, label, managed
from connector.emulator.dynamics.metadata.shapes.shape import Shape
from connector.emulator.dynamics.org.model import Relationship, Table

CASCADES = ("Assign", "Delete", "Archive", "Merge", "Reparent", "Share", "Unshare", "RollupView")


def relation(one: Relationship, referenced: Table, referencing: Table, extra: Mapping[str, Any]) -> Shape:
    """A relationship; `extra` holds what the organisation's model has no place for."""
    if one.kind == "ManyToMany":
        return Shape("ManyToManyRelationshipMetadata", _many_to_many(one, referenced, referencing, extra))
    return Shape("OneToManyRelationshipMetadata", _one_to_many(one, referenced, extra))


def _common(one: Relationship, kind: str, security: str, extra: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "IsCustomRelationship": one.custom,
        "IsValidForAdvancedFind": bool(extra.get("advanced_find", not one.custom)),
        "SchemaName": one.name,
        "SecurityTypes": security,
        "IsManaged": not one.custom,
        "RelationshipType": kind,
        "IntroducedVersion": "1.0.0.0" if one.custom else "5.0.0.0",
        "MetadataId": one.metadata_id,
        "HasChanged": None,
        "IsCustomizable": managed(True, "iscustomizable"),
    }


def _one_to_many(one: Relationship, referenced: Table, extra: Mapping[str, Any]) -> dict[str, Any]:
    own = {
        "ReferencedAttribute": referenced.primary_id,
        "ReferencedEntity": one.referenced,
        "ReferencingAttribute": one.column,
        "ReferencingEntity": one.referencing,
        "IsHierarchical": bool(extra.get("hierarchical")),
        "EntityKey": None,
        "IsRelationshipAttributeDenormalized": False,
        "ReferencedEntityNavigationPropertyName": one.nav_many,
        "ReferencingEntityNavigationPropertyName": one.nav_one,
        "RelationshipBehavior": 1,
        "IsDenormalizedLookup": None,
        "DenormalizedAttributeName": None,
    }
    cascade = {name: one.cascade.get(name, "NoCascade") for name in CASCADES}
    cascade["Archive"] = one.cascade.get("Archive", cascade["Delete"])
    rest = {
        "AssociatedMenuConfiguration": _menu(extra.get("menu", {}), one.name),
        "CascadeConfiguration": cascade,
        "RelationshipAttributes": [],
    }
    return own | _common(one, "OneToManyRelationship", "Append", extra) | rest


def _many_to_many(one: Relationship, referenced: Table, referencing: Table, extra: Mapping[str, Any]) -> dict[str, Any]:
    second = referencing.primary_id
    own = {
        "Entity1LogicalName": one.referenced,
        "Entity2LogicalName": one.referencing,
        "IntersectEntityName": one.intersect,
        "Entity1IntersectAttribute": referenced.primary_id,
        "Entity2IntersectAttribute": second if second != referenced.primary_id else f"{second}two",
        "Entity1NavigationPropertyName": one.nav_many,
        "Entity2NavigationPropertyName": one.nav_many_other,
    }
    rest = {
        "Entity1AssociatedMenuConfiguration": _menu(extra.get("menu", {}), f"{one.name}/1"),
        "Entity2AssociatedMenuConfiguration": _menu(extra.get("menu_other", {}), f"{one.name}/2"),
    }
    return own | _common(one, "ManyToManyRelationship", "None", extra) | rest


def _menu(stored: Mapping[str, Any], seed: str) -> dict[str, Any]:
    shown = {int(language): text for language, text in stored.get("label", {}).items()}
    others = {language: text for language, text in shown.items() if language != ENGLISH}
    return {
        "Behavior": stored.get("behavior", "UseCollectionName"),
        "Group": stored.get("group", "Details"),
        "Order": stored.get("order", 10000),
        "IsCustomizable": True,
        "Icon": None,
        "ViewId": "00000000-0000-0000-0000-000000000000",
        "AvailableOffline": True,
        "MenuId": None,
        "QueryApi": None,
        "Label": label(shown.get(ENGLISH, ""), others, seed=f"menu/{seed}"),
    }


_ONE = Relationship("r", "OneToMany", "x", "x", "c", "c", "r")
_SAMPLE = Table("x", "X", "xs", "X", "Xs", 0, "xid", "name")
BASE = frozenset(_common(_ONE, "OneToManyRelationship", "Append", {}))
NAMES = {
    "RelationshipMetadataBase": BASE,
    "OneToManyRelationshipMetadata": frozenset(_one_to_many(_ONE, _SAMPLE, {})),
    "ManyToManyRelationshipMetadata": frozenset(_many_to_many(_ONE, _SAMPLE, _SAMPLE, {})),
}
