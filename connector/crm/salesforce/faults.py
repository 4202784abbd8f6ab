"""Tables: Salesforce's code, our error, the advice; nothing of a record's contents passes through here.

Answers of status 400 or more and refused rows come in; KamErrors and row outcomes with advice leave.
Next room: `read` and `write`, which meet them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson
import requests

from connector.crm.failures import Refusal
from connector.errors import AccessFault, KamError, ReserveReached, UnreachableFault, UsageFault

# error of the token endpoint, words of its description, our error, one click of advice; the first match counts
TOKEN: tuple[tuple[str, str, type[KamError], str], ...] = (
    (
        "invalid_grant",
        "hasn't approved this consumer",
        AccessFault,
        'Setup > External Client App Manager > the app > Policies: set "Admin approved users are pre-authorized" and '
        "add the connector's user by a permission set or profile. Check crm.username too.",
    ),
    (
        "invalid_grant",
        "audience is invalid",
        AccessFault,
        'Correct crm.environment: "sandbox" logs in at test.salesforce.com, "production" (also Developer Edition) at '
        "login.salesforce.com. For an Experience site give its address as crm.login_url.",
    ),
    (
        "invalid_grant",
        "assertion",
        AccessFault,
        "Upload the certificate that belongs to crm.key_file: Setup > External Client App Manager > the app > OAuth > "
        '"Use digital signatures". If it is the right one, correct the clock of this machine.',
    ),
    (
        "invalid_grant",
        "not supported on this domain",
        UsageFault,
        "Client credentials work on a My Domain only: leave out crm.login_url and set crm.url to "
        "https://<domain>.my.salesforce.com.",
    ),
    (
        "invalid_grant",
        "no client credentials user",
        AccessFault,
        "Setup > External Client App Manager > the app > Policies > Client Credentials Flow: choose the Run As user.",
    ),
    (
        "invalid_grant",
        "authentication failure",
        AccessFault,
        "Setup > Login History shows why. Most often the user is locked, or the app's or profile's IP ranges leave out "
        "this machine: add its address.",
    ),
    (
        "invalid_grant",
        "expired access",
        AccessFault,
        "The session was revoked. Setup > Connected Apps OAuth Usage: unblock the app, then run again.",
    ),
    (
        "invalid_client_id",
        "",
        AccessFault,
        "Copy the Consumer Key again into crm.client_id: External Client App Manager > the app > OAuth > Consumer Key. "
        "A new app takes ten minutes to be known everywhere.",
    ),
    (
        "invalid_client",
        "identifier",
        AccessFault,
        "Copy the Consumer Key again into crm.client_id: External Client App Manager > the app > OAuth > Consumer Key.",
    ),
    (
        "invalid_client",
        "",
        AccessFault,
        "Copy the Consumer Secret again into the environment variable that crm.secret_env names.",
    ),
    (
        "unsupported_grant_type",
        "",
        AccessFault,
        "Setup > External Client App Manager > the app > OAuth: enable the flow that crm.auth names.",
    ),
    ("inactive_user", "", AccessFault, "Setup > Users > the connector's user: tick Active."),
    ("inactive_org", "", AccessFault, "The org is locked or closed: ask Salesforce support to open it."),
    ("rate_limit_exceeded", "", UnreachableFault, "Too many logins in an hour: try again later."),
    ("", "", AccessFault, "Setup > Login History of the connector's user shows what was refused."),
)

# code of a data call, our error, advice
DATA: Mapping[str, tuple[type[KamError], str]] = {
    "INVALID_SESSION_ID": (
        AccessFault,
        "The session ended, and a fresh login did not help. Setup > Session Settings: unlock sessions from an address.",
    ),
    "INVALID_AUTH_HEADER": (AccessFault, "The token is damaged. Put a fresh one into the variable of crm.secret_env."),
    "REQUEST_LIMIT_EXCEEDED": (
        ReserveReached,
        "The org's calls of the last 24 hours are used up. The run resumes next time. See Setup > System Overview.",
    ),
    "API_DISABLED_FOR_ORG": (AccessFault, 'Give the connector\'s user the system permission "API Enabled".'),
    "API_CURRENTLY_DISABLED": (AccessFault, 'Give the connector\'s user the system permission "API Enabled".'),
    "CLIENT_NOT_ACCESSIBLE_FOR_USER": (AccessFault, "Assign the app to the connector's user: the app > Policies."),
    "FUNCTIONALITY_NOT_ENABLED": (
        AccessFault,
        "This feature is off in the org: leave it out of the mapping, or enable it.",
    ),
    "INSUFFICIENT_ACCESS": (AccessFault, "Assign the permission set KAM Connector to the connector's user."),
    "INSUFFICIENT_ACCESS_OR_READONLY": (
        AccessFault,
        "Assign the permission set KAM Connector to the connector's user.",
    ),
    "INVALID_FIELD": (UsageFault, "The field is missing, or hidden by field-level security. Correct the mapping."),
    "INVALID_TYPE": (UsageFault, "The record type is missing, or hidden from this user. Correct the mapping."),
    "MALFORMED_QUERY": (UsageFault, "Correct the `where` of the mapping: it is written in SOQL."),
    "INVALID_QUERY_FILTER_OPERATOR": (UsageFault, "Correct the `where` of the mapping, or the ids given."),
    "QUERY_TIMEOUT": (UnreachableFault, "The query ran too long: narrow `where`, or leave out formula fields."),
    "QUERY_TOO_COMPLICATED": (
        UsageFault,
        "Leave formula fields out of the mapping: together they are too long for one query.",
    ),
    "OPERATION_TOO_LARGE": (
        AccessFault,
        'Give the connector\'s user "View All Data": activities are too many without it.',
    ),
    "STORAGE_LIMIT_EXCEEDED": (AccessFault, "The org's data storage is full: Setup > Storage Usage."),
    "UNSUPPORTED_API_VERSION": (UsageFault, "Set crm.api_version to one that the org still speaks."),
}
_STATUS: Mapping[int, tuple[type[KamError], str]] = {
    401: (AccessFault, "Log in again: run kam check."),
    403: (AccessFault, "The connector's user lacks a permission: assign the permission set KAM Connector."),
    404: (UsageFault, "No such address: correct crm.url and crm.api_version."),
    414: (UsageFault, "The query is too long for an address: shorten `where` in the mapping."),
    431: (UsageFault, "The query is too long for an address: shorten `where` in the mapping."),
    410: (UsageFault, "This API version is retired: set crm.api_version to one that the org still speaks."),
}

# code of a refused row, state of its outcome, what it says to a person
ROWS: Mapping[str, tuple[str, str]] = {
    "ENTITY_IS_DELETED": ("gone", "The record was deleted."),
    "NOT_FOUND": ("gone", "The record does not exist."),
    "INVALID_CROSS_REFERENCE_KEY": ("refused", "It refers to a record that does not exist."),
    "UNABLE_TO_LOCK_ROW": ("refused", "Somebody else kept the record locked. Send it again: kam retry"),
    "STRING_TOO_LONG": ("refused", "The text is longer than the field. Lengthen the field in the CRM."),
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": (
        "refused",
        "The picklist lacks this value. Add it to the field's values, or run: kam setup --apply",
    ),
    "INVALID_FIELD": ("refused", "The field is missing, or hidden by field-level security. Run: kam check"),
    "INVALID_FIELD_FOR_INSERT_UPDATE": (
        "refused",
        "The connector may not edit the field. Assign the permission set KAM Connector, or run: kam setup --apply",
    ),
    "INSUFFICIENT_ACCESS_OR_READONLY": ("refused", "The connector's user may not edit this record: share it."),
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": (
        "refused",
        "A record it refers to is not visible to the connector.",
    ),
    "DUPLICATES_DETECTED": ("refused", "A duplicate rule blocks edits by the API: let it allow the connector's user."),
    "DUPLICATE_VALUE": ("refused", "Another record has this unique value already."),
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": ("refused", "A trigger or flow of the org failed on this record."),
    "JSON_PARSER_ERROR": ("refused", "A value has the wrong type for its field. Run: kam check"),
}

_LONGEST = 200
_NAMED = re.compile(r"No such column '([\w.]+)'|[Ff]ield '([\w.]+)'|fields: ([\w.]+)")
_PRIVATE = re.compile(
    r"\S+@\S+|'[^']*'|\"[^\"]*\"|\b[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?\b|\S{40,}|[+\d][\d \-/().]{6,}\d"
)


def read_refusal(response: requests.Response, place: str) -> Refusal:
    """The first error of an answer's body; codes are taken from any shape that Salesforce uses."""
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        body = None
    first = body[0] if isinstance(body, list) and body else body
    if not isinstance(first, dict):
        return Refusal(place, response.status_code)
    code = str(first.get("errorCode") or first.get("statusCode") or first.get("error") or "")
    message = str(first.get("message") or first.get("error_description") or "")
    # neither was carried out: a lock refuses the whole call, and so does the limit of concurrent calls
    crowded = code == "REQUEST_LIMIT_EXCEEDED" and "concurrent" in message.lower()
    passing = crowded or code == "UNABLE_TO_LOCK_ROW"
    return Refusal(place, response.status_code, code, message, tuple(_names(first.get("fields"))), passing=passing)


def token_fault(refusal: Refusal) -> KamError:
    """What a refusal of the token endpoint means, and the one click that helps."""
    if not refusal.code:
        return UsageFault(
            f"{refusal.place}: no Salesforce login answers there (status {refusal.status}). Correct crm.url, which is "
            "https://<domain>.my.salesforce.com, then run: kam check"
        )
    for error, words, kind, advice in TOKEN:
        if error in ("", refusal.code) and words in refusal.message:
            said = " ".join(word for word in (refusal.code, f'"{scrub(refusal.message)}"') if word)
            return kind(f"{refusal.place}: login refused: {said} (status {refusal.status}). {advice}")
    raise AssertionError("the last line of TOKEN matches everything")


def fault_of(refusal: Refusal) -> KamError:
    """What a refusal of a data call means to a person."""
    kind, advice = _kind(refusal)
    names = sorted({*refusal.fields, *_named(refusal.message)})
    about = f" ({', '.join(names)})" if names else ""
    return kind(f"{refusal.place}: Salesforce answered {refusal.status} {refusal.code}{about}. {advice}")


def _kind(refusal: Refusal) -> tuple[type[KamError], str]:
    if refusal.passing:  # still so after every attempt
        return UnreachableFault, "The org is crowded or busy: try again later."
    if known := DATA.get(refusal.code):
        return known
    other = (UsageFault, "The request was not understood. Check the mapping, then run: kam check")
    return _STATUS.get(refusal.status, other)


@contextmanager
def spoken() -> Iterator[None]:
    """Turn a refusal that nobody inside expected into the error that a person is told."""
    try:
        yield
    except Refusal as refusal:
        raise fault_of(refusal) from None


def row_outcome(errors: Iterable[Any], sent: Mapping[str, Any]) -> tuple[str, str, str, tuple[str, ...]]:
    """State, code, message and field names of a row that was not written; no value of the row is in the message."""
    found = [e for e in errors if isinstance(e, dict)]
    if not found:
        return "refused", "UNKNOWN", "Salesforce refused the row without a reason.", ()
    code = str(found[0].get("statusCode") or found[0].get("errorCode") or "UNKNOWN")
    message = str(found[0].get("message") or "")
    names = tuple(
        dict.fromkeys(name for e in found for name in (*_names(e.get("fields")), *_named(str(e.get("message")))))
    )
    if code == "INVALID_CROSS_REFERENCE_KEY" and not names:
        return "gone", code, "The record does not exist.", ()
    state, words = ROWS.get(code, ("refused", scrub(message, sent)))
    return state, code, words, names


def scrub(message: str, sent: Mapping[str, Any] | None = None) -> str:
    """A message without what might be a person's or a secret: sent values, quotations, addresses, numbers, ids."""
    values = sorted((str(v) for v in (sent or {}).values() if isinstance(v, str) and v), key=len, reverse=True)
    for value in values:
        message = message.replace(value, "…")
    message = " ".join(_PRIVATE.sub("…", message).split())
    return message if len(message) <= _LONGEST else message[: _LONGEST - 1] + "…"


def _names(fields: Any) -> list[str]:
    return [str(f) for f in fields] if isinstance(fields, list) else []


def _named(message: str) -> list[str]:
    """Fields that a message names instead of listing them."""
    return [next(filter(None, found)) for found in _NAMED.findall(message)]
