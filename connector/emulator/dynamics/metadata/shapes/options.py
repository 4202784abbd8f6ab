"""Option sets: those of one column and those that several columns share.

Columns and stored sets come in; shapes with their options and labels leave. Next room: `attributes`.
"""

from collections.abc import Mapping
from typing import Any

from connector.emulator.dynamics.metadata.shapes.labels import label, managed, part_id
from connector.emulator.dynamics.metadata.shapes.shape import NAMESPACE, Shape
from connector.emulator.dynamics.org.model import Column, Option

SETS = {"picklist": "Picklist", "multiselect": "Picklist", "state": "State", "status": "Status", "boolean": "Boolean"}


def option(entry: Option, seed: str, is_managed: bool, kind: str = "") -> dict[str, Any]:
    """One option; `kind` is state or status for those whose options say more."""
    data: dict[str, Any] = {
        "Value": entry.value,
        "Color": None,
        "IsManaged": is_managed,
        "ExternalValue": "",
        "ParentValues": [],
        "Tag": None,
        "IsHidden": False,
        "MetadataId": None,
        "HasChanged": None,
        "Label": label(entry.label, entry.labels, managed=is_managed, seed=f"{seed}/{entry.value}"),
        "Description": label(""),
    }
    if kind == "state":
        name = entry.invariant or entry.label.replace(" ", "")
        own = {"DefaultStatus": entry.default_status, "InvariantName": name}
        return {"@odata.type": f"#{NAMESPACE}StateOptionMetadata"} | own | data
    if kind == "status":
        own = {"State": entry.state, "TransitionData": None}
        return {"@odata.type": f"#{NAMESPACE}StatusOptionMetadata"} | own | data
    return data


def column_set(table: str, column: Column) -> Shape:
    """The option set that belongs to one column."""
    name = column.option_set or f"{table}_{column.name}"
    data = _head(name, SETS[column.type], column.label, column.description, custom=column.custom, shared=False)
    return _set(data, column.options, column.type, name)


def shared_set(name: str, stored: Mapping[str, Any], options: tuple[Option, ...]) -> Shape:
    """An option set that any column may use, as it is stored."""
    kind = str(stored.get("type", "Picklist"))
    custom = bool(stored.get("custom", True))
    data = _head(name, kind, str(stored.get("label", name)), str(stored.get("description", "")), custom, shared=True)
    data["MetadataId"] = stored.get("id") or data["MetadataId"]
    return _set(data, options, kind.lower(), name)


def _head(name: str, kind: str, text: str, description: str, custom: bool, shared: bool) -> dict[str, Any]:
    seed = f"optionset/{name}"
    return {
        "MetadataId": part_id(seed),
        "HasChanged": None,
        "IsCustomOptionSet": custom,
        "IsGlobal": shared,
        "IsManaged": not custom,
        "Name": name,
        "ExternalTypeName": None,
        "OptionSetType": kind,
        "IntroducedVersion": "1.0.0.0" if custom else "5.0.0.0",
        "Description": label(description, managed=not custom, seed=f"{seed}/description"),
        "DisplayName": label(text, managed=not custom, seed=f"{seed}/name"),
        "IsCustomizable": managed(True, "iscustomizable"),
    }


def _set(data: dict[str, Any], options: tuple[Option, ...], kind: str, seed: str) -> Shape:
    if kind == "boolean":
        by_value = {entry.value: option(entry, seed, data["IsManaged"]) for entry in options}
        data |= {"TrueOption": by_value.get(1), "FalseOption": by_value.get(0)}
        return Shape("BooleanOptionSetMetadata", data)
    data["ParentOptionSetName"] = None
    data["Options"] = [option(entry, seed, data["IsManaged"], kind) for entry in options]
    return Shape("OptionSetMetadata", data)
