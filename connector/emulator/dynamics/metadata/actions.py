"""Functions and actions about definitions: option values, customer lookups, keys, publishing, solutions.

Parameters come in, read from a body or from brackets; an answer leaves. Next room: `package`, for solution files.
"""

from collections.abc import Callable, Mapping
from typing import Any

from connector.emulator.dynamics.desk.call import Answer, Call, empty, json_answer
from connector.emulator.dynamics.desk.site import Site
from connector.emulator.dynamics.metadata import changes
from connector.emulator.dynamics.metadata.edit import keys, options, relations, rights, tables, wording
from connector.emulator.dynamics.metadata.package.exporting import export_solution
from connector.emulator.dynamics.metadata.package.importing import import_solution
from connector.emulator.dynamics.metadata.package.xmltext import parse
from connector.emulator.dynamics.metadata.route import changing
from connector.emulator.dynamics.metadata.shapes.shape import NAMESPACE
from connector.emulator.dynamics.org.model import Problem

Parameters = Mapping[str, Any]
Action = Callable[[Site, Call, Parameters], Answer]


def _checked(action: Action) -> Action:
    """The action with its parameters looked at first."""

    def run(site: Site, call: Call, parameters: Parameters) -> Answer:
        wording.well_formed(parameters)
        return action(site, call, parameters)

    return run


def _response(call: Call, name: str, **values: Any) -> Answer:
    return json_answer({"@odata.context": f"{call.root}$metadata#{NAMESPACE}{name}Response"} | values)


def _create_entities(site: Site, call: Call, parameters: Parameters) -> Answer:
    bodies = parameters.get("Entities")
    if not isinstance(bodies, list) or not bodies:
        raise Problem(400, "0x80040203", "CreateEntities needs a list of Entities.")
    solution = rights.solution_named(call, parameters)
    with changing(site, call, "Create", "Entity"):
        made = [tables.add_table(site.org, call.user_id, body, solution) for body in bodies]
        attributes = [site.org.tables[one.name].columns[one.primary_name].metadata_id for one in made]
    return _response(call, "CreateEntities", EntityIds=[one.metadata_id for one in made], AttributeIds=attributes)


def _create_customer_relationships(site: Site, call: Call, parameters: Parameters) -> Answer:
    lookup, bodies = parameters.get("Lookup"), parameters.get("OneToManyRelationships")
    if not isinstance(lookup, Mapping) or not isinstance(bodies, list):
        text = "CreateCustomerRelationships needs a Lookup and OneToManyRelationships."
        raise Problem(400, "0x80040203", text)
    solution = rights.solution_named(call, parameters)
    with changing(site, call, "Create", "Relationship"):
        made, column = relations.add_customer(site.org, call.user_id, lookup, bodies, solution)
    ids = [one.metadata_id for one in made]
    return _response(call, "CreateCustomerRelationships", RelationshipIds=ids, AttributeId=column.metadata_id)


def _insert_option(site: Site, call: Call, parameters: Parameters) -> Answer:
    with changing(site, call, "Write", "Attribute"):
        value = options.insert(site.org, parameters)
    return _response(call, "InsertOptionValue", NewOptionValue=value)


def _insert_status(site: Site, call: Call, parameters: Parameters) -> Answer:
    with changing(site, call, "Write", "Attribute"):
        value = options.insert_status(site.org, parameters)
    return _response(call, "InsertStatusValue", NewOptionValue=value)


def _option_change(change: Callable[[Any, Parameters], None]) -> Action:
    def run(site: Site, call: Call, parameters: Parameters) -> Answer:
        with changing(site, call, "Write", "Attribute"):
            change(site.org, parameters)
        return empty()

    return run


def _reactivate_key(site: Site, call: Call, parameters: Parameters) -> Answer:
    table = site.org.tables.get(str(parameters.get("EntityLogicalName", "")).lower())
    if table is None:
        name = parameters.get("EntityLogicalName", "")
        raise Problem(404, "0x80040217", f"Could not find an entity with specified entity logicalname: {name}")
    with changing(site, call, "Write", "Entity"):
        keys.reactivate(site.org, table, str(parameters.get("EntityKeyLogicalName", "")))
    return empty()


def _publish(site: Site, call: Call, parameters: Parameters) -> Answer:
    """Publish what the parameters name; what is not there is refused, what is published shows nothing new here."""
    root = parse(str(parameters.get("ParameterXml") or ""), "ParameterXml", "0x80040203")
    if root.tag != "importexportxml":
        raise Problem(400, "0x80040203", f"The ParameterXml must be an importexportxml, not '{root.tag}'.")
    with changing(site, call, "Publish", "Customization"):
        for entry in root.iter("entity"):
            name = (entry.text or "").strip().lower()
            if name not in site.org.tables:
                raise Problem(400, "0x80040217", f"Could not find an entity with specified entity logicalname: {name}")
    return empty()


def _publish_all(site: Site, call: Call, parameters: Parameters) -> Answer:
    with changing(site, call, "Publish", "Customization"):
        return empty()


def _add_component(site: Site, call: Call, parameters: Parameters) -> Answer:
    kind, object_id = parameters.get("ComponentType"), str(parameters.get("ComponentId") or "").lower()
    if not isinstance(kind, int) or not object_id:
        raise Problem(400, "0x80040203", "AddSolutionComponent needs a ComponentId and a ComponentType.")
    behavior = (
        rights.WITHOUT_SUBCOMPONENTS if parameters.get("DoNotIncludeSubcomponents") else rights.WITH_SUBCOMPONENTS
    )
    name = str(parameters.get("SolutionUniqueName") or "")
    with changing(site, call, "Write", "Customization"):
        row_id = rights.belongs(site.org, call.user_id, name or "Default", kind, object_id, behavior)
    return _response(call, "AddSolutionComponent", id=row_id)


def _import(site: Site, call: Call, parameters: Parameters) -> Answer:
    with changing(site, call, "Import", "Customization"):
        import_solution(site.org, call.user_id, parameters)
    return empty()


def _export(site: Site, call: Call, parameters: Parameters) -> Answer:
    rights.demand(site.org, call.user_id, "Export", "Customization")
    return _response(call, "ExportSolution", ExportSolutionFile=export_solution(site.org, parameters))


_ACTIONS: dict[str, Action] = {
    "RetrieveMetadataChanges": changes.retrieve,
    "CreateEntities": _create_entities,
    "CreateCustomerRelationships": _create_customer_relationships,
    "InsertOptionValue": _insert_option,
    "InsertStatusValue": _insert_status,
    "UpdateOptionValue": _option_change(options.rename),
    "UpdateStateValue": _option_change(options.rename),
    "DeleteOptionValue": _option_change(options.remove),
    "OrderOption": _option_change(options.order),
    "ReactivateEntityKey": _reactivate_key,
    "PublishXml": _publish,
    "PublishAllXml": _publish_all,
    "AddSolutionComponent": _add_component,
    "ImportSolution": _import,
    "ExportSolution": _export,
}

ACTIONS = {name: _checked(action) for name, action in _ACTIONS.items()}
"""Unbound functions and actions about definitions, by name."""
