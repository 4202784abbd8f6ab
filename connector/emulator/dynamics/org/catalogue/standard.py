"""The whole catalogue put together: the written tables, and the columns that all tables of their kind have.

In: the data modules; out: tables and relationships, fresh for each organisation. Next room: `storage`.
"""

from copy import copy
from functools import cache

from connector.emulator.dynamics.org.catalogue import activities, administration, sales
from connector.emulator.dynamics.org.catalogue.notation import columns_of, stable_id, table
from connector.emulator.dynamics.org.model import Column, Relationship, Table

_BASE = frozenset({"account", "contact", "opportunity"})
_UNSTAMPED = frozenset({"privilege", "roleprivileges", "systemuserroles", "systemuserprofiles", "activityparty"})
_DRAFT = {"product": 2}
_MONEYED = frozenset({"pricelevel", "systemuser", "activitypointer", "phonecall", "appointment", "email", "task"})


def standard() -> tuple[dict[str, Table], dict[str, Relationship]]:
    """Give the catalogue's tables and relationships; the caller may change what it gets."""
    tables, relationships = _catalogue()
    fresh = {}
    for name, one in tables.items():
        fresh[name] = copy(one)
        fresh[name].columns, fresh[name].keys = dict(one.columns), dict(one.keys)
    return fresh, dict(relationships)


def with_common_columns(made: Table) -> list[Relationship]:
    """Add to a table the columns that all tables of its ownership have; gives the relationships that come with them."""
    relationships: list[Relationship] = []
    name, sets = made.name, made.set_name
    if name not in _UNSTAMPED and not (made.custom and made.ownership == "None"):
        base = f"{name}base" if name in _BASE else name
        columns_of(made, f"""
            createdon-           T  Created On
            createdby-           L:systemuser=lk_{base}_createdby  Created By
            modifiedon-          T  Modified On
            modifiedby-          L:systemuser=lk_{base}_modifiedby  Modified By
            overriddencreatedon~ TD Record Created On
            importsequencenumber~ I Import Sequence Number
        """, relationships)  # fmt: skip
    columns_of(made, "versionnumber- BI Version Number", relationships)
    if made.ownership == "UserOwned":
        columns_of(made, f"""
            ownerid              L:systemuser=owner_{sets},team=owner_team_{sets} Owner
            owninguser-          L:systemuser=user_{sets} Owning User
            owningteam-          L:team=team_{sets} Owning Team
            owningbusinessunit-  L:businessunit=business_unit_{sets} Owning Business Unit
        """, relationships)  # fmt: skip
        made.columns["ownerid"] = made.columns["ownerid"].with_(type="owner", required="SystemRequired")
    elif made.ownership == "OrganizationOwned" and name != "organization":
        columns_of(made, f"organizationid- L:organization=organization_{sets} Organization", relationships)
    if name in _MONEYED or any(column.type == "money" for column in made.columns.values()):
        relationships += with_currency(made)
    return [
        Relationship(**{**vars(one), "cascade": {"Delete": "NoCascade"}, "custom": made.custom})
        for one in relationships
    ]


def with_currency(made: Table) -> list[Relationship]:
    """Add the columns that rows with money need: the currency and its rate."""
    relationships: list[Relationship] = []
    columns_of(made, f"""
        transactioncurrencyid L:transactioncurrency=transactioncurrency_{made.name} Currency
        exchangerate-         N10 Exchange Rate
    """, relationships)  # fmt: skip
    return relationships


def stateful(made: Table) -> None:
    """Give a table Active and Inactive where it has no states yet."""
    active, _ = table(
        f"{made.name}|{made.schema_name}|{made.set_name}|0|{made.primary_id}|{made.primary_name}|x|x|None",
        "versionnumber- BI Version Number", states="Active: 1 Active; Inactive: 2 Inactive",
    )  # fmt: skip
    for name in ("statecode", "statuscode"):
        made.columns.setdefault(name, active.columns[name].with_(managed=not made.custom))


def stored_columns(made: Table) -> list[Column]:
    """List the columns that the SQL table has."""
    return [column for column in made.columns.values() if column.stored]


@cache
def _catalogue() -> tuple[dict[str, Table], dict[str, Relationship]]:
    tables: dict[str, Table] = {}
    relationships: list[Relationship] = []
    for header, body, states in (*sales.TABLES, *activities.TABLES, *administration.TABLES):
        name = header.split(" ", 1)[0]
        lines = "\n".join(line for line in body.splitlines() if line.strip())
        made, found = table(header, lines, states=states, state=_DRAFT.get(name, 0))
        tables[name] = made
        relationships += [*found, *with_common_columns(made)]
    user = tables["systemuser"]
    user.columns["ownerid"] = tables["account"].columns["ownerid"].with_(
        targets=("systemuser",), type="lookup", create=False, update=False, required="None",
        navigation={"systemuser": "ownerid"}, metadata_id=stable_id("systemuser", "ownerid"),
    )  # fmt: skip
    for name, one, other, between in administration.MANY_TO_MANY:
        relationships.append(Relationship(
            name, "ManyToMany", one, other, "", "", name, between, name, metadata_id=stable_id("relationship", name)
        ))  # fmt: skip
    return tables, {one.name: one for one in relationships}
