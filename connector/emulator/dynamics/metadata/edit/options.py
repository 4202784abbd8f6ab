"""Options: added, renamed, ordered and taken away, in one column or in a set that several columns share.

Parameters of the actions come in; the value of a new option leaves. Next room: `route`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from connector.emulator.dynamics.metadata.edit import rights, wording
from connector.emulator.dynamics.metadata.edit.columns import shared_options
from connector.emulator.dynamics.metadata.shapes import extras
from connector.emulator.dynamics.metadata.shapes.shelf import shelf_of
from connector.emulator.dynamics.org.model import Column, Option, Problem
from connector.emulator.dynamics.org.records import Org

Change = Callable[[tuple[Option, ...]], tuple[Option, ...]]
SET_PROPERTIES = ("Name", "DisplayName", "Description", "Options", "OptionSetType", "IsGlobal", "IsCustomOptionSet",
                  "IsManaged", "IsCustomizable", "MetadataId", "HasChanged", "ExternalTypeName", "IntroducedVersion",
                  "ParentOptionSetName", "TrueOption", "FalseOption")  # fmt: skip


def insert(org: Org, parameters: Mapping[str, Any]) -> int:
    """Add an option to a choice; the value is the next one of the publisher where none is given."""
    column = _column(org, parameters)
    if column is not None and column.type not in ("picklist", "multiselect"):
        codes = {"boolean": "0x8004431d", "state": "0x8004431e"}
        text = "You can add option values only to picklist and status attributes."
        raise Problem(400, codes.get(column.type, "0x80044320"), text)
    return _added(org, parameters, None)


def insert_status(org: Org, parameters: Mapping[str, Any]) -> int:
    """Add a status reason to a state."""
    column = _column(org, parameters)
    if column is None or column.type != "status":
        raise Problem(400, "0x80044320", "InsertStatusValue is only for status attributes.")
    state = parameters.get("StateCode")
    table = org.tables[str(parameters["EntityLogicalName"]).lower()]
    if state not in {option.value for option in table.columns["statecode"].options}:
        raise Problem(400, "0x8004431a", f"The StateCode {state} of {table.name} does not exist.")
    return _added(org, parameters, state)


def rename(org: Org, parameters: Mapping[str, Any]) -> None:
    """Change the label of an option; MergeLabels keeps the languages that are not given."""
    value, merge = _value(parameters), bool(parameters.get("MergeLabels"))
    text, others = wording.labelled(parameters, "Label")

    def change(options: tuple[Option, ...]) -> tuple[Option, ...]:
        _known(options, value)
        made = []
        for option in options:
            if option.value != value:
                made.append(option)
                continue
            given = {int(language): shown for language, shown in others.items()}
            labels = {**option.labels, **given} if merge else given
            made.append(replace(option, label=text or option.label, labels=labels))
        return tuple(made)

    _apply(org, parameters, change)


def remove(org: Org, parameters: Mapping[str, Any]) -> None:
    """Take an option away; rows keep its number."""
    column, value = _column(org, parameters), _value(parameters)
    if column is not None and column.type not in ("picklist", "multiselect", "status"):
        raise Problem(400, "0x80044323", "You can delete options only from picklist and status attributes.")

    def change(options: tuple[Option, ...]) -> tuple[Option, ...]:
        _known(options, value)
        return tuple(option for option in options if option.value != value)

    _apply(org, parameters, change)


def order(org: Org, parameters: Mapping[str, Any]) -> None:
    """Put the options in another order; all of them must be named."""
    wanted = parameters.get("Values") or []

    def change(options: tuple[Option, ...]) -> tuple[Option, ...]:
        by_value = {option.value: option for option in options}
        if len(wanted) != len(by_value) or any(value not in wanted for value in by_value):
            raise Problem(
                400, "0x80040203", "The Values of OrderOption must be all values of the option set, each once."
            )
        return tuple(by_value[value] for value in wanted)

    _apply(org, parameters, change)


def add_set(org: Org, user_id: str, body: Mapping[str, Any], solution: str | None) -> str:
    """Add an option set that columns may share; gives its id."""
    wording.undeclared(body, SET_PROPERTIES, "OptionSetMetadata")
    name = wording.schema_name(org, body, "OptionSet", "Name")
    if shelf_of(org).option_set(name) is not None:
        raise Problem(
            400, "0x80044345", "An OptionSet with the specified name already exists. Please specify a unique name."
        )
    kind = body.get("OptionSetType") or "Picklist"
    if kind != "Picklist":
        raise Problem(400, "0x80048403", f"Invalid OptionSet: a shared set of the type {kind} cannot be made here.")
    options = wording.options(org, body.get("Options"), name.partition("_")[0], name)
    stored = {
        "id": org.new_guid("optionset"),
        "label": wording.labelled(body, "DisplayName", name)[0],
        "description": wording.labelled(body, "Description")[0],
        "options": extras.options_to_store(options),
        "type": kind,
        "custom": True,
    }
    extras.store_set(org, name, stored)
    rights.belongs(org, user_id, solution, rights.OPTION_SET, str(stored["id"]))
    return str(stored["id"])


def change_set(org: Org, name: str, body: Mapping[str, Any]) -> None:
    """Change what is said about a shared set; its options have actions of their own."""
    wording.undeclared(body, SET_PROPERTIES, "OptionSetMetadata")
    stored = extras.stored_sets(org).get(name)
    if stored is None:
        raise Problem(400, "0x80048403", f"Invalid OptionSet: {name} is part of the system and stays as it is.")
    stored["label"] = wording.labelled(body, "DisplayName", stored["label"])[0]
    stored["description"] = wording.labelled(body, "Description", stored["description"])[0]
    extras.store_set(org, name, stored)


def drop_set(org: Org, user_id: str, name: str) -> None:
    """Take a shared set away that no column uses."""
    stored = extras.stored_sets(org).get(name)
    if stored is None:
        raise Problem(400, "0x80048404", "The selected OptionSet cannot be deleted")
    users = [table for table, column in _sharing(org, name)]
    if users:
        text = (
            "This option set cannot be deleted. The current set of entities that reference this option set are: "
            f"{', '.join(sorted(set(users)))}. These references must be removed before this option set can be deleted"
        )
        raise Problem(400, "0x80048417", text)
    extras.store_set(org, name, None)
    rights.gone(org, user_id, str(stored["id"]))


def _added(org: Org, parameters: Mapping[str, Any], state: int | None) -> int:
    given = parameters.get("Value")
    name = str(parameters.get("OptionSetName") or parameters.get("AttributeLogicalName") or "")
    text, others = wording.labelled(parameters, "Label")
    if not text:
        raise Problem(400, "0x80040203", "The required field 'Label' is missing.")
    made: list[int] = []

    def change(options: tuple[Option, ...]) -> tuple[Option, ...]:
        taken = {option.value for option in options}
        value = wording.next_value(org, _prefix(org, parameters, name), taken) if given is None else given
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 2147483647:
            raise Problem(400, "0x8004431a", f"The picklist value {value} of {name} is out of range.")
        if value in taken:
            raise Problem(400, "0x80044310", "The picklist value already exists.  Picklist values must be unique.")
        made.append(value)
        return (*options, Option(value, text, {int(one): shown for one, shown in others.items()}, state))

    _apply(org, parameters, change)
    return made[0]


def _prefix(org: Org, parameters: Mapping[str, Any], name: str) -> str:
    """The prefix whose publisher numbers a new option: that of the solution, else that of the name."""
    solution = parameters.get("SolutionUniqueName")
    if solution:
        sql = (
            'SELECT p."customizationprefix" FROM "solution" s JOIN "publisher" p ON p."publisherid" = s."publisherid"'
            ' WHERE s."solutionid" = ?'
        )
        found = org.rows(sql, rights.solution_id(org, str(solution)))
        if found:
            return str(found[0][0])
    return name.partition("_")[0]


def _apply(org: Org, parameters: Mapping[str, Any], change: Change) -> None:
    """Change the options of the column or the shared set that the parameters name."""
    column = _column(org, parameters)
    name = parameters.get("OptionSetName") if column is None else column.option_set if column.global_set else None
    if name is None and column is not None:
        table = str(parameters["EntityLogicalName"]).lower()
        org.replace_column(table, column.with_(options=change(column.options)))
        return
    found = shelf_of(org).option_set(str(name)) if name else None
    if found is None:
        raise Problem(404, "0x80040217", f"Could not find an optionset with specified name: {name or ''}")
    options = change(shared_options(org, str(name)))
    stored = extras.stored_sets(org).get(str(name))
    if stored is not None:
        extras.store_set(org, str(name), stored | {"options": extras.options_to_store(options)})
    for table, sharing in _sharing(org, str(name)):
        org.replace_column(table, sharing.with_(options=options))


def _sharing(org: Org, name: str) -> list[tuple[str, Column]]:
    every = ((table.name, column) for table in org.tables.values() for column in table.columns.values())
    return [(table, column) for table, column in every if column.global_set and column.option_set == name]


def _column(org: Org, parameters: Mapping[str, Any]) -> Column | None:
    """The column that the parameters name, or None when they name a shared set."""
    entity, attribute = parameters.get("EntityLogicalName"), parameters.get("AttributeLogicalName")
    if not entity and not attribute:
        return None
    table = org.tables.get(str(entity or "").lower())
    column = table.columns.get(str(attribute or "").lower()) if table else None
    if column is None:
        text = f"Could not find an attribute with specified name: {attribute} for entity {entity}"
        raise Problem(404, "0x80040217", text)
    if not column.options and column.type not in ("picklist", "multiselect"):
        raise Problem(400, "0x80044320", "You can add option values only to picklist and status attributes.")
    return column


def _value(parameters: Mapping[str, Any]) -> int:
    value = parameters.get("Value")
    if isinstance(value, bool) or not isinstance(value, int):
        raise Problem(400, "0x80040203", "The required field 'Value' is missing.")
    return value


def _known(options: tuple[Option, ...], value: int) -> None:
    if value not in {option.value for option in options}:
        raise Problem(400, "0x8004431a", f"The picklist value {value} is out of the range: no option has it.")
