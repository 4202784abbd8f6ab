"""Which tables and columns exist for this user, who we are, and how much of the day's quota is left.

A logged-in Client comes in; facts leave. Next room: `read`.
"""

import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from connector.crm.dynamics.batch import Part, Reply, together
from connector.crm.dynamics.faults import refusal_of
from connector.crm.dynamics.login import ME, Client
from connector.crm.failures import Refusal
from connector.crm.http import Session
from connector.crm.protocol import FieldFact, Identity, Limits, RecordFact
from connector.errors import UsageFault

ENGLISH = 1033
# OrganizationType by name and number: CustomerTest, CustomerFreeTest, CustomerPreview, TestDrive, EmailTrial,
# Developer and Trial hold no company's own business.
SANDBOXES = frozenset(
    ("CustomerTest", "CustomerFreeTest", "CustomerPreview", "TestDrive", "EmailTrial", "Developer", "Trial")
) | frozenset(("5", "6", "7", "9", "11", "13", "14"))
ORGANIZATION = (
    "RetrieveCurrentOrganization(AccessType=@p1)?@p1=Microsoft.Dynamics.CRM.EndpointAccessType'Default'"  # by its enum
)
OWNERS = ("systemuser", "team")
NOT_SO = (400, 405, 501)  # what is asked may be right, and this is not the way to ask it
# The CRM's word for a column's type, ours, and the cast that tells what the type has besides.
_TYPES: Mapping[str, tuple[str, str]] = {
    "String": ("string", "String"),
    "Memo": ("memo", "Memo"),
    "EntityName": ("string", ""),
    "Integer": ("integer", ""),
    "BigInt": ("bigint", ""),
    "Decimal": ("decimal", "Decimal"),
    "Double": ("double", "Double"),
    "Money": ("money", "Money"),
    "Boolean": ("boolean", ""),
    "Picklist": ("picklist", "Picklist"),
    "MultiSelectPicklist": ("multiselect", "MultiSelectPicklist"),
    "State": ("state", "State"),
    "Status": ("status", "Status"),
    "DateTime": ("datetime", "DateTime"),
    "Lookup": ("lookup", ""),
    "Customer": ("lookup", ""),
    "Owner": ("lookup", ""),
    "Uniqueidentifier": ("uniqueidentifier", ""),
}
CHOICES = ("picklist", "multiselect", "state", "status")
_CASTS: Mapping[str, str] = {
    "String": "MaxLength",
    "Memo": "MaxLength",
    "Decimal": "Precision",
    "Double": "Precision",
    "Money": "Precision",
    "DateTime": "Format,DateTimeBehavior",
} | dict.fromkeys(("Picklist", "MultiSelectPicklist", "State", "Status"), "")
_TABLE = (
    "?$select=LogicalName,EntitySetName,PrimaryIdAttribute,PrimaryNameAttribute,ChangeTrackingEnabled,DisplayName,"
    "Privileges"
    "&$expand=Attributes($select=LogicalName,AttributeType,AttributeTypeName,AttributeOf,DisplayName,Description,"
    "IsValidForRead,IsValidForUpdate,IsSecured,MetadataId,SourceType),"
    "ManyToOneRelationships($select=ReferencingAttribute,ReferencedEntity,ReferencingEntityNavigationPropertyName)"
)
_OPTIONS = "&$expand=OptionSet($select=Options),GlobalOptionSet($select=Options)"
_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class TableFact(RecordFact):
    """What Dataverse says of a table besides its columns.

    `labels`: of each choice, its labels by number. `base`: the column behind a field that is none of the table's own:
    the number of a choice, or a lookup when it points at one table. `look` describes another table; `sets` names its
    set.
    """

    set_name: str = ""
    primary_name: str = ""
    tracked: bool = False
    labels: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    base: Mapping[str, str] = field(default_factory=dict)
    sets: Callable[[str], str] = field(default=lambda record: "", compare=False)
    look: Callable[[str], "TableFact | None"] = field(default=lambda record: None, compare=False)


class Tally:
    """The requests of this day, counted here: Dataverse tells nobody how many are left.

    `told` hears each new total, from whatever thread; `asked` sees the quota before each call and may raise.
    """

    def __init__(
        self,
        session: Session,
        maximum: int,
        spent: int = 0,
        told: Callable[[int], None] | None = None,
        asked: Callable[[Limits], None] | None = None,
    ) -> None:
        self.session, self.maximum, self.spent = session, maximum, spent
        self._told, self._asked, self._lock = told, asked, threading.Lock()
        self.spend(0)

    def before(self, usage: Limits) -> None:
        """Count one request, unless the share of others is reached."""
        if self._asked is not None:
            self._asked(usage)
        self.spend(1)

    def spend(self, number: int) -> None:
        """Count requests, or records of a call that counts for each of them."""
        with self._lock:
            self.spent += number
            self.session.usage = Limits(max(0, self.maximum - self.spent), self.maximum)
            if self._told is not None and number:
                self._told(self.spent)


def whoami(client: Client) -> Identity:
    """The user and org behind the token, in the org's own words.

    Shape of the answers and meaning of OrganizationType: Dataverse Web API reference, WhoAmIResponse,
    OrganizationDetail and OrganizationType.
    """
    me = client.once(ME)
    org = client.get(ORGANIZATION)["Detail"]
    user = client.get(f"systemusers({me['UserId']})?$select=domainname,fullname,internalemailaddress")
    names = (user.get("domainname"), user.get("internalemailaddress"), user.get("fullname"))
    return Identity(
        org_id=str(me["OrganizationId"]),
        org_name=str(org.get("FriendlyName") or org.get("UniqueName") or ""),
        is_sandbox=str(org.get("OrganizationType")) in SANDBOXES,
        user_id=str(me["UserId"]),
        user_name=next((str(name) for name in names if name), ""),
        url=client.url,
    )


def describe(client: Client, record: str) -> RecordFact | None:
    """One table as this user sees it, asked once per run; None when it is absent or hidden."""
    return table(client, record)


def limits(client: Client) -> Limits:
    """Requests left today, as far as this connector has counted them: Dataverse tells nobody."""
    return client.session.usage


def table(client: Client, record: str) -> TableFact | None:
    """The same with what reading and writing need besides."""
    if record not in client.described:
        client.described[record] = _describe(client, record)
    fact = client.described[record]
    return fact if isinstance(fact, TableFact) else None


def _describe(client: Client, record: str) -> TableFact | None:
    if not _NAME.fullmatch(record):
        raise UsageFault(f'"{record}" can\'t be the name of a table in Dynamics. Correct `record` in the mapping.')
    here = f"EntityDefinitions(LogicalName='{record}')"
    casts = [
        f"{here}/Attributes/Microsoft.Dynamics.CRM.{kind}AttributeMetadata?$select=LogicalName"
        + (f",{properties}" if properties else _OPTIONS)
        for kind, properties in _CASTS.items()
    ]
    # an admin may have changed a column a moment ago, and the definitions are cached
    parts = [Part("GET", path, headers={"Consistency": "Strong"}) for path in (here + _TABLE, *casts)]
    first, *others = _told(client, parts)
    if first.status == 404:
        return None
    for reply in (first, *others):
        if reply.status >= 400 or not isinstance(reply.body, dict):
            raise refusal_of(reply.body, f"GET {client.base}{here}", reply.status)
    if not _may_read(client, first.body):
        return None
    return _table(client, first.body, _details(others))


def _told(client: Client, parts: Sequence[Part]) -> list[Reply]:
    """Answers to questions about definitions: in one call, or one by one where that is refused."""
    try:
        replies = together(client, parts, repeatable=True)
        if replies[0].status not in NOT_SO:
            return replies
    except Refusal as refusal:
        if refusal.status not in NOT_SO:
            raise
    return [_told_alone(client, part) for part in parts]


def _told_alone(client: Client, part: Part) -> Reply:
    try:
        return Reply(200, client.get(part.path))
    except Refusal as refusal:
        return Reply(refusal.status, {"error": {"code": refusal.code, "message": refusal.message}})


def _may_read(client: Client, told: Mapping[str, Any]) -> bool:
    """Whether some role of this user lets it read the table: everybody may read the definition."""
    wanted = {str(p["PrivilegeId"]) for p in told.get("Privileges") or () if p.get("PrivilegeType") == "Read"}
    if not wanted:
        return True
    path = f"systemusers({client.user_id})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()"
    held = {str(one["PrivilegeId"]) for one in client.once(path)["RolePrivileges"]}
    return not wanted.isdisjoint(held)


def _details(replies: Iterable[Reply]) -> dict[str, dict[str, Any]]:
    """What the casts tell of each column."""
    return {one["LogicalName"]: one for reply in replies for one in reply.body["value"]}


def _table(client: Client, told: Mapping[str, Any], details: Mapping[str, Mapping[str, Any]]) -> TableFact:
    rights = _rights(client) if any(a.get("IsSecured") for a in told["Attributes"]) else {}
    ways = _ways(told["ManyToOneRelationships"])
    fields: dict[str, FieldFact] = {}
    labels: dict[str, Mapping[int, str]] = {}
    for attribute in told["Attributes"]:
        fact = _field(attribute, details.get(attribute["LogicalName"], {}), rights)
        if fact is None:
            continue
        if fact.type in CHOICES:
            labels[fact.name] = _labels(details.get(fact.name, {}))
            fact = replace(fact, values=tuple(dict.fromkeys(labels[fact.name].values())), restricted=True)
        if fact.type == "lookup":
            fact = _lookup(fact, ways.get(fact.name, {}))
        fields[fact.name] = fact
    more = _pseudo(fields, ways)
    return TableFact(
        name=told["LogicalName"],
        label=_label(told.get("DisplayName")) or told["LogicalName"],
        fields=fields | {name: fact for name, (fact, _) in more.items()},
        id_field=told["PrimaryIdAttribute"],
        set_name=told["EntitySetName"],
        primary_name=told.get("PrimaryNameAttribute") or "",
        tracked=bool(told.get("ChangeTrackingEnabled")),
        labels=labels,
        base={name: base for name, (_, base) in more.items()},
        sets=lambda record: _set_name(client, record),
        look=lambda record: table(client, record),
    )


def _field(
    told: Mapping[str, Any], detail: Mapping[str, Any], rights: Mapping[str, tuple[bool, bool]]
) -> FieldFact | None:
    """One column; None when it can't be read: shadows of other columns, and secured ones without permission."""
    kind = str((told.get("AttributeTypeName") or {}).get("Value") or told.get("AttributeType")).removesuffix("Type")
    if kind not in _TYPES or told.get("AttributeOf") or told.get("IsValidForRead") is False:
        return None
    may_read, may_update = rights.get(told.get("MetadataId") or "", (False, False)) if told.get("IsSecured") else (1, 1)
    if not may_read:
        return None
    word = _TYPES[kind][0]
    behavior = (detail.get("DateTimeBehavior") or {}).get("Value")
    if word == "datetime" and behavior == "DateOnly":
        word = "date"
    return FieldFact(
        name=told["LogicalName"],
        type=word,
        label=_label(told.get("DisplayName")),
        updateable=bool(told.get("IsValidForUpdate") and may_update),
        length=int(detail.get("MaxLength") or 0),
        scale=int(detail.get("Precision") or 0),
        help=_label(told.get("Description")),
        calculated=bool(told.get("SourceType")),  # 1 calculated, 2 rolled up, 3 a formula
    )


def _lookup(fact: FieldFact, ways: Mapping[str, tuple[str, ...]]) -> FieldFact:
    """A lookup with the tables it may point at, and its navigation property where it has only one."""
    targets = tuple(dict.fromkeys(target for found in ways.values() for target in found))
    return replace(fact, reference_to=targets, relationship_name=next(iter(ways)) if len(ways) == 1 else None)


def _ways(relationships: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Of each lookup, its navigation properties and the tables they lead to."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for one in relationships:
        way, target = one.get("ReferencingEntityNavigationPropertyName"), one.get("ReferencedEntity")
        if not way or not target:
            continue
        mine = found.setdefault(one["ReferencingAttribute"], {})
        mine[way] = tuple(dict.fromkeys((*mine.get(way, ()), *(OWNERS if target == "owner" else (target,)))))
    return found


def _pseudo(
    fields: Mapping[str, FieldFact], ways: Mapping[str, Mapping[str, tuple[str, ...]]]
) -> dict[str, tuple[FieldFact, str]]:
    """Fields that are none of the table's own, each with the column behind it."""
    made: dict[str, tuple[FieldFact, str]] = {}
    for fact in fields.values():
        if fact.type in CHOICES and fact.type != "multiselect":
            number = FieldFact(f"{fact.name}.value", "integer", f"{fact.label} (number)", updateable=False)
            made[number.name] = (number, fact.name)
        mine = ways.get(fact.name, {})
        if fact.type == "lookup" and len(mine) > 1:
            for way, targets in mine.items():
                if way not in fields:
                    made[way] = (replace(fact, name=way, relationship_name=way, reference_to=targets), fact.name)
    return made


def _labels(detail: Mapping[str, Any]) -> dict[int, str]:
    """Labels of a choice by number: the English one, else the user's, else any, else the number itself."""
    options = (detail.get("OptionSet") or detail.get("GlobalOptionSet") or {}).get("Options") or []
    return {int(o["Value"]): _label(o.get("Label")) or str(o["Value"]) for o in options}


def _label(told: Any) -> str:
    if not isinstance(told, dict):
        return ""
    known = told.get("LocalizedLabels") or []
    english = next((one for one in known if one.get("LanguageCode") == ENGLISH), None)
    found = english or told.get("UserLocalizedLabel") or next(iter(known), None)
    return str((found or {}).get("Label") or "")


def _rights(client: Client) -> dict[str, tuple[bool, bool]]:
    """Secured columns that the reading user may read and the writing one edit, by id; asked once per run."""
    held: list[set[str]] = []
    for user, right in ((client.user_id, "CanRead"), (client.acting_id, "CanUpdate")):
        path = f"systemusers({user})/Microsoft.Dynamics.CRM.RetrievePrincipalAttributePrivileges()"
        told = client.once(path)["AttributePrivileges"]
        held.append({str(one["AttributeId"]) for one in told if one.get(right)})
    return {column: (column in held[0], column in held[1]) for column in held[0] | held[1]}


def _set_name(client: Client, record: str) -> str:
    """Name of a table in addresses, never made by rule; empty when there is no such table."""
    known = client.once("EntityDefinitions?$select=LogicalName,EntitySetName")["value"]
    return next((str(one["EntitySetName"]) for one in known if one["LogicalName"] == record), "")
