"""Takes away what carries our mark, values first onto disk, then in an order in which nothing hangs in the air.

In: a SetupRequest and a Link. Out: the SetupItems that were removed, and one CSV file for each table,
complete on disk before anything goes. Next room: back to `setup`.
"""

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from connector.crm.dynamics.faults import spoken
from connector.crm.dynamics.setup.definitions import options_of
from connector.crm.dynamics.setup.link import Link, change, found, publish, rows
from connector.crm.dynamics.setup.naming import ROLES, Naming
from connector.crm.dynamics.setup.plan import marked_fields, own_tables, removals
from connector.crm.dynamics.setup.state import State, look
from connector.crm.failures import Refusal
from connector.crm.protocol import SetupItem, SetupRequest
from connector.errors import AccessFault, UsageFault

IN_USE = "0x8004f01f"  # other components refer to this one


@spoken()
def remove_setup(link: Link, request: SetupRequest, exports: Path) -> list[SetupItem]:
    """Take away what carries our mark: values are written to CSV files in `exports` first."""
    naming = Naming(request.prefix, request.mark)
    state = look(link, naming)
    if state.profile(naming, "Connector") and naming.id("profile", "Connector") not in state.user_profiles:
        _show_all(link, naming)  # what cannot be seen could not be exported
    items = removals(link, naming, state)
    columns: dict[str, list[dict[str, Any]]] = {}
    for table, column in marked_fields(naming, state):
        columns.setdefault(table, []).append(column)
    _stop_at_hidden(link, columns)
    written = [export(link, table, found_, state.language, exports) for table, found_ in columns.items()]
    if state.view:
        change(link, "DELETE", f"savedqueries({naming.id('view')})")
    own = own_tables(naming, state)
    for table in own:
        change(link, "DELETE", f"EntityDefinitions(LogicalName='{table}')")
    for table, found_ in columns.items():
        for column in found_ if table not in naming.own else ():
            _drop(link, table, column)
    _security(link, naming, state)
    if touched := [table for table in columns if table not in naming.own]:
        publish(link, touched)
    for item in items:
        if item.action == "remove" and item.kind == "solution" and state.solution:
            change(link, "DELETE", f"solutions({state.solution['solutionid']})")
        if item.action == "remove" and item.kind == "publisher" and state.publisher:
            change(link, "DELETE", f"publishers({state.publisher['publisherid']})")
    return [*written, *items]


def _show_all(link: Link, naming: Naming) -> None:
    body = {"@odata.id": f"{link.client.base}fieldsecurityprofiles({naming.id('profile', 'Connector')})"}
    change(link, "POST", f"systemusers({link.running_user()})/systemuserprofiles_association/$ref", body)


def _stop_at_hidden(link: Link, columns: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """A column that this user may not read looks empty, and would be removed with values that nobody kept."""
    for table, found_ in columns.items():
        fact = link.describe(table)
        seen = fact.fields if fact else {}
        if hidden := [str(column["LogicalName"]) for column in found_ if column["LogicalName"] not in seen]:
            raise AccessFault(
                f"{table}: this user may not read {', '.join(hidden)}, so their values cannot be kept. Nothing was "
                "removed. Add the user to a column security profile that shows them, then run this again."
            )


def _drop(link: Link, table: str, column: Mapping[str, Any]) -> None:
    """Delete one column; a lookup goes with the relationship behind it."""
    name = str(column["LogicalName"])
    path = f"EntityDefinitions(LogicalName='{table}')/Attributes({column['MetadataId']})"
    if column["AttributeType"] == "Lookup":
        where = f"ReferencingEntity eq '{table}' and ReferencingAttribute eq '{name}'"
        cast = "RelationshipDefinitions/Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata"
        one = next(rows(link, f"{cast}?$select=SchemaName&$filter={where}"), None)
        path = f"RelationshipDefinitions({one['MetadataId']})" if one else path
    try:
        change(link, "DELETE", path)
    except Refusal as refusal:
        if refusal.code.lower() != IN_USE:
            raise
        raise UsageFault(
            f"{table}.{name} is used by other parts of the org, so Dataverse keeps it. Look at make.powerapps.com > "
            f"Tables > {table} > Columns > {name} > Advanced > Show dependencies, take it out of these forms, views "
            "and flows, then run kam setup --remove --apply again. Values are exported; what was removed stays removed."
        ) from None


def _security(link: Link, naming: Naming, state: State) -> None:
    for role in ROLES:
        if state.profile(naming, role):
            change(link, "DELETE", f"fieldsecurityprofiles({naming.id('profile', role)})")
        if state.role(naming, role):
            change(link, "DELETE", f"roles({naming.id('role', role)})")


def export(link: Link, table: str, columns: Sequence[Mapping[str, Any]], language: int, folder: Path) -> SetupItem:
    """Write id and values of every row that has any, choices as their labels; never over an older file."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = _free(folder, table)
        with path.open("x", newline="", encoding="utf-8") as file:
            count = _copy(link, table, columns, language, file)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        advice = "Nothing was removed. Make room there, or name another folder."
        raise UsageFault(f"{folder}: the values of {table} could not be kept ({error.strerror}). {advice}") from error
    return SetupItem("export", str(path), "create", f"{count} of {table} with values")


def _copy(link: Link, table: str, columns: Sequence[Mapping[str, Any]], language: int, file: TextIO) -> int:
    """Write the rows that have any value; how many they are."""
    kind = found(link, f"EntityDefinitions(LogicalName='{table}')?$select=EntitySetName,PrimaryIdAttribute")
    if kind is None:
        raise UsageFault(f"{table} is not visible to this user any more. Nothing was removed.")
    key = str(kind["PrimaryIdAttribute"])
    names = {str(column["LogicalName"]): _property(column) for column in columns}
    labels = {str(column["LogicalName"]): options_of(column, language) for column in columns}
    writer = csv.writer(file)
    writer.writerow([key, *names])
    count = 0
    select = ",".join([key, *names.values()])
    for row in rows(link, f"{kind['EntitySetName']}?$select={select}&$orderby={key}"):
        values = [row.get(shown) for shown in names.values()]
        # A typed 0 is a value; a yes/no that says no is what every row has.
        if any(value is not None and value is not False for value in values):
            writer.writerow([row[key], *(_told(labels[name], row.get(shown)) for name, shown in names.items())])
            count += 1
    return count


def _property(column: Mapping[str, Any]) -> str:
    name = str(column["LogicalName"])
    return f"_{name}_value" if column["AttributeType"] == "Lookup" else name


def _told(labels: Mapping[int, str], value: Any) -> Any:
    return labels.get(value, value) if labels else value


def _free(folder: Path, table: str) -> Path:
    number = 1
    while True:
        tail = "" if number == 1 else f"-{number}"
        path = folder / f"removed-{table}{tail}.csv"
        if not path.exists():
            return path
        number += 1
