"""Which record types and fields exist for this user, who we are, and how much of the day's quota is left.

A logged-in Client comes in; facts leave. Next room: `read`.
"""

import re
from typing import Any

from connector.crm.failures import Refusal
from connector.crm.protocol import FieldFact, Identity, Limits, RecordFact
from connector.crm.salesforce.login import Client
from connector.errors import AccessFault, UsageFault

_ABSENT = ("NOT_FOUND", "INVALID_TYPE")
_NAME = re.compile(r"[A-Za-z]\w*")


def whoami(client: Client) -> Identity:
    """The user and org behind the token, in the org's own words."""
    user_id = client.user_id
    org = client.query("SELECT Id, Name, IsSandbox FROM Organization")[0]
    users = client.query(f"SELECT Username FROM User WHERE Id = '{_safe_id(user_id)}'")  # noqa: S608 - an id, checked
    return Identity(
        org_id=org["Id"],
        org_name=org["Name"],
        is_sandbox=bool(org["IsSandbox"]),
        user_id=user_id,
        user_name=users[0]["Username"] if users else "",
        url=client.url,
    )


def describe(client: Client, record: str) -> RecordFact | None:
    """One record type as this user sees it, asked once per run; None when it is absent or hidden."""
    if record not in client.described:
        client.described[record] = _describe(client, record)
    return client.described[record]


def limits(client: Client) -> Limits:
    """Calls left today; the last answer's hint when the user may not ask for the figures."""
    try:
        daily = client.get("limits/")["DailyApiRequests"]
    except Refusal as refusal:
        if refusal.status != 403 or refusal.code == "REQUEST_LIMIT_EXCEEDED":
            raise
        return client.session.usage
    return Limits(int(daily["Remaining"]), int(daily["Max"]))


def _describe(client: Client, record: str) -> RecordFact | None:
    if not _NAME.fullmatch(record):
        raise UsageFault(
            f'"{record}" can\'t be the name of a record type in Salesforce. Correct `record` in the mapping.'
        )
    try:
        told = client.get(f"sobjects/{record}/describe")
    except Refusal as refusal:
        if refusal.code in _ABSENT:
            return None
        raise
    return RecordFact(told["name"], told["label"], {f["name"]: _field(f) for f in told["fields"]})


def _field(told: dict[str, Any]) -> FieldFact:
    return FieldFact(
        name=told["name"],
        type=told["type"],
        label=told["label"],
        updateable=bool(told["updateable"]),
        length=int(told.get("length") or 0),
        scale=int(told.get("scale") or 0),
        values=tuple(v["value"] for v in told.get("picklistValues") or () if v["active"]),
        restricted=bool(told.get("restrictedPicklist")),
        reference_to=tuple(told.get("referenceTo") or ()),
        relationship_name=told.get("relationshipName"),
        filterable=bool(told.get("filterable")),
        help=told.get("inlineHelpText") or "",
        calculated=bool(told.get("calculated")),
    )


def _safe_id(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?", text):
        raise AccessFault("The login named a user id that is none. Run: kam check")
    return text
