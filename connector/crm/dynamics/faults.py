"""Tables: the code of Entra or Dataverse, our error, the advice; nothing of a record's contents passes through here.

Answers of status 400 or more and refused rows come in; KamErrors and row outcomes with advice leave.
Next room: `read` and `write`, which meet them.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson
import requests

from connector.crm.failures import Refusal
from connector.errors import AccessFault, KamError, UnreachableFault, UsageFault

_APP = "Entra admin center > App registrations > the app"
_USERS = "Power Platform admin center > Environments > the environment > Settings > Users + permissions"
_ROLE = f"Give the security role KAM Connector to the connector's user: {_USERS} > Application users > Edit roles"

# number of a refusal by Entra, our error, one click of advice
TOKEN: Mapping[str, tuple[type[KamError], str]] = {
    "AADSTS7000215": (
        AccessFault,
        f"Copy the secret's Value, not its ID, into the environment variable that crm.secret_env names: {_APP} > "
        "Certificates & secrets.",
    ),
    "AADSTS7000222": (
        AccessFault,
        f"The client secret has expired: make a new one at {_APP} > Certificates & secrets, and put its Value into the "
        "environment variable that crm.secret_env names.",
    ),
    "AADSTS7000218": (
        AccessFault,
        f"Entra wants a secret or a certificate for this app: {_APP} > Certificates & secrets.",
    ),
    "AADSTS7000112": (AccessFault, "The app is disabled: Entra admin center > Enterprise apps > the app > Properties."),
    "AADSTS7000229": (
        AccessFault,
        "The app is not installed in this tenant: Entra admin center > Enterprise apps > New application.",
    ),
    "AADSTS700016": (
        AccessFault,
        f"This tenant has no such app: copy crm.client_id and crm.tenant from {_APP} > Overview.",
    ),
    "AADSTS90002": (UsageFault, "Correct crm.tenant: copy it from Entra admin center > Overview > Tenant ID."),
    "AADSTS900023": (UsageFault, "Correct crm.tenant: copy it from Entra admin center > Overview > Tenant ID."),
    "AADSTS90014": (UsageFault, "The login sent too little: correct crm.client_id, crm.tenant and crm.auth."),
    "AADSTS700027": (
        AccessFault,
        f"Upload the certificate that is in crm.key_file: {_APP} > Certificates & secrets > Certificates.",
    ),
    "AADSTS700024": (AccessFault, "Correct the clock of this machine: the signed login is not valid at this time."),
    "AADSTS1000502": (
        AccessFault,
        f"The certificate has expired: make a new one and upload it at {_APP} > Certificates & secrets.",
    ),
    "AADSTS500011": (
        UsageFault,
        "Correct crm.url: this tenant has no such environment. Power Platform admin center > Environments > the "
        "environment shows its Environment URL.",
    ),
    "AADSTS50049": (UsageFault, "Correct crm.login_url: it is not the login host of this cloud."),
    "AADSTS70011": (UsageFault, "Correct crm.url: write only https:// and the host of the environment."),
    "AADSTS53003": (
        AccessFault,
        "A Conditional Access policy blocks this login: Entra admin center > Conditional Access > Policies.",
    ),
    "AADSTS53011": (
        AccessFault,
        "A Conditional Access policy blocks this app: Entra admin center > Conditional Access > Policies.",
    ),
    "AADSTS65001": (AccessFault, f"An admin must consent to the app: {_APP} > API permissions > Grant admin consent."),
    "AADSTS50196": (UnreachableFault, "Too many logins in a short time: try again later."),
    "AADSTS90033": (UnreachableFault, "Entra is not available at the moment: try again later."),
    "temporarily_unavailable": (UnreachableFault, "Entra is not available at the moment: try again later."),
}
_TOKEN_OTHER = (AccessFault, "Entra admin center > Enterprise apps > the app > Sign-in logs shows what was refused.")

# codes of a data call, our error, advice
DATA: Mapping[str, tuple[type[KamError], str]] = {
    "0x80072560": (
        AccessFault,
        f"The app is no user of this environment: {_USERS} > Application users > New app user.",
    ),
    "0x80040225": (AccessFault, f"The application user is disabled: {_USERS} > Application users > Activate."),
    "0x8004d24b": (AccessFault, f"The user has no licence: work as an application user. {_USERS} > Application users."),
    "0x80042f09": (AccessFault, f"{_ROLE}."),
    "0x80040220": (AccessFault, f"{_ROLE}."),
    "0x80048306": (AccessFault, f"{_ROLE}."),
    "0x80040222": (AccessFault, f"{_ROLE}."),
    "0x8004f504": (AccessFault, "A column is secured: add the connector's user to the column security profile KAM."),
    "0x8004f502": (AccessFault, "A column is secured: add the connector's user to the column security profile KAM."),
    "0x8004f507": (AccessFault, "A column is secured: add the connector's user to the column security profile KAM."),
    "0x80060888": (UsageFault, "A column is missing, or `where` of the mapping is not OData. Correct the mapping."),
    "0x80048d19": (UsageFault, "A column or value does not fit its table. Correct the mapping."),
    "0x80041103": (UsageFault, "A column is missing. Correct the mapping."),
    "0x80041102": (UsageFault, "The table is missing. Correct `record` in the mapping."),
    "0x8006088a": (UsageFault, "The table is missing. Correct `record` in the mapping."),
    "0x80040203": (UsageFault, "Correct the `where` of the mapping, or the ids given."),
    "0x8004e023": (UsageFault, "Too many records to count at once: narrow `where`."),
    "0x80044352": (UnreachableFault, "The change token has expired. Run: kam pull --full"),
    "0x80072491": (UsageFault, "Change tracking is off for this table. Run: kam pull --full"),
    "0x80071151": (UnreachableFault, "Somebody else is customizing the org: try again later."),
    "0x80072322": (UnreachableFault, "Too many requests in five minutes: try again later."),
    "0x80072321": (UnreachableFault, "Too much work in five minutes: try again later."),
    "0x80072326": (UnreachableFault, "Too many requests at a time: try again later."),
    "0x8004a100": (AccessFault, "The token was not accepted. Run: kam check"),
    "0x8004a102": (AccessFault, "The token had ended, and a fresh one did not help. Run: kam check"),
}
_STATUS: Mapping[int, tuple[type[KamError], str]] = {
    401: (AccessFault, "The token was not accepted: check crm.url and crm.tenant, then run: kam check"),
    403: (AccessFault, f"{_ROLE}."),
    404: (UsageFault, "No such address: correct crm.url, then run: kam check"),
    413: (UsageFault, "The request is too large. Shorten `where` of the mapping."),
    414: (UsageFault, "The query is too long for an address: shorten `where` in the mapping."),
    431: (UsageFault, "The query is too long for an address: shorten `where` in the mapping."),
}

# code of a refused row, state of its outcome, what it says to a person
ROWS: Mapping[str, tuple[str, str]] = {
    "0x80040217": ("gone", "The record does not exist."),
    "0x80060891": ("gone", "The record does not exist."),
    "0x80044331": ("refused", "The text is longer than the column. Lengthen the column in the CRM."),
    "0x8004432f": ("refused", "The number is outside the range of the column. Widen the column in the CRM."),
    "0x80044330": ("refused", "The number is outside the range of the column. Widen the column in the CRM."),
    "0x8004431a": ("refused", "The choice lacks this value. Add it to the column's choices, or: kam setup --apply"),
    "0x80048408": ("refused", "The status reason does not belong to the state."),
    "0x80040265": ("refused", "A plug-in or flow of the org refused this record."),
    "0x80040220": ("refused", "The connector's user may not edit this record: give it the role KAM Connector."),
    "0x80048306": ("refused", "The connector's user may not edit this record: give it the role KAM Connector."),
    "0x8004f502": ("refused", "A column is secured: add the connector's user to the column security profile KAM."),
    "0x8004f504": ("refused", "A column is secured: add the connector's user to the column security profile KAM."),
    "0x8004f507": ("refused", "A column is secured: add the connector's user to the column security profile KAM."),
    "0x80060882": ("refused", "Somebody else changed the record at the same time. Send it again: kam retry"),
    "0x80040237": ("refused", "Another record has this unique value already."),
    "0x80060892": ("refused", "Another record has this unique value already."),
    "0x80040333": ("refused", "A duplicate detection rule blocks this edit: let it leave the connector's user out."),
    "0x80048d19": ("refused", "A column is missing, or a value has the wrong type for it. Run: kam check"),
    "0x80060888": ("refused", "A column is missing, or hidden by column security. Run: kam check"),
    "0x80044150": ("refused", "The org's database was busy. Send it again: kam retry"),
    "0x80044151": ("refused", "The org's database was too slow. Send it again: kam retry"),
}
DEADLOCK = "Sql Number: 1205"
LOCKED = "0x80071151"  # somebody else customizes the org
THROTTLED = ("0x80072321", "0x80072322", "0x80072326")

_LONGEST = 200
_NAMED = re.compile(
    r"'([\w.]+)' attribute|attribute '([\w.]+)'|property named '([\w.]+)'|undeclared property '([\w.@]+)'"
    r"|attribute with Name = '([\w.]+)'|The value \S+ of '([\w.]+)'"
)
_RIGHT = re.compile(r"\bprv[A-Za-z_0-9]+")
_NO_ROLES = "roleCount=0"
_PRIVATE = re.compile(
    r"\S+@\S+|'[^']*'|\"[^\"]*\"|\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-\w{12}|\S{40,}|[+\d][\d \-/().]{6,}\d"
)


def read_refusal(response: requests.Response, place: str) -> Refusal:
    """The error of an answer's body: Dataverse's, or the login's with its AADSTS number as the code."""
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        body = None
    return refusal_of(body, place, response.status_code)


def refusal_of(body: Any, place: str, status: int) -> Refusal:
    """The error of a body, of an answer or of a part of one."""
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        code, message = str(error.get("code") or ""), str(error.get("message") or "")
        # An error in the platform's own words was rolled back whole; some of them pass.
        passing = code.lower() in (LOCKED, *THROTTLED) or (status == 500 and code.startswith("0x"))
        return Refusal(place, status, code, message, tuple(_named(message)), passing=passing)
    if isinstance(error, str) and isinstance(body, dict):
        message = str(body.get("error_description") or "")
        number = re.match(r"AADSTS\d+", message)
        return Refusal(place, status, number[0] if number else error, message)
    return Refusal(place, status)


def token_fault(refusal: Refusal) -> KamError:
    """What a refusal of the login means, and the one click that helps."""
    if not refusal.code:
        return UsageFault(
            f"{refusal.place}: no login of Microsoft Entra answers there (status {refusal.status}). Correct "
            "crm.login_url and crm.tenant, then run: kam check"
        )
    kind, advice = TOKEN.get(refusal.code, _TOKEN_OTHER)
    said = re.split(r"\s*Trace ID:", refusal.message)[0].removeprefix(f"{refusal.code}:").strip()
    words = f' "{scrub(said)}"' if said else ""
    return kind(f"{refusal.place}: login refused: {refusal.code}{words} (status {refusal.status}). {advice}")


def fault_of(refusal: Refusal) -> KamError:
    """What a refusal of a data call means to a person."""
    kind, advice = _kind(refusal)
    names = sorted({*refusal.fields, *_RIGHT.findall(refusal.message)})
    about = f" ({', '.join(names)})" if names else ""
    return kind(f"{refusal.place}: Dynamics answered {refusal.status} {refusal.code}{about}. {advice}")


_FOR_OTHERS = "prvActOnBehalfOfAnotherUser"


def _kind(refusal: Refusal) -> tuple[type[KamError], str]:
    code = refusal.code.lower()
    if _NO_ROLES in refusal.message:
        return AccessFault, f"The connector's user has no security role. {_ROLE}."
    if _FOR_OTHERS in refusal.message:
        return AccessFault, (
            "To write for the person named by --as, the application user needs the security role Delegate: Power"
            " Platform admin center > Environments > the environment > Settings > Application users > Edit roles."
        )
    if refusal.status == 403 and (rights := _RIGHT.findall(refusal.message)):
        return AccessFault, f"Its role lacks {rights[0]}: Power Platform admin center > Security roles. Or: {_ROLE}."
    if known := DATA.get(code):
        return known
    if refusal.passing:  # still so after every attempt
        return UnreachableFault, "The org is crowded or busy: try again later."
    other = (UsageFault, "The request was not understood. Check the mapping, then run: kam check")
    return _STATUS.get(refusal.status, other)


@contextmanager
def spoken() -> Iterator[None]:
    """Turn a refusal that nobody inside expected into the error that a person is told."""
    try:
        yield
    except Refusal as refusal:
        raise fault_of(refusal) from None


def row_outcome(refusal: Refusal, sent: Mapping[str, Any]) -> tuple[str, str, str, tuple[str, ...]]:
    """State, code, message and field names of a row that was not written; no value of the row is in the message."""
    code = refusal.code or f"HTTP_{refusal.status}"
    names = tuple(dict.fromkeys(name for name in refusal.fields if name in sent))
    if refusal.status == 404 and not refusal.code:
        return "gone", code, "The record does not exist.", ()
    state, words = ROWS.get(code.lower(), ("refused", scrub(refusal.message, sent)))
    if code.lower() == "0x80040265" and refusal.message:
        words = scrub(refusal.message, sent)  # what the admin's own rule says is the best advice
    return state, code, words or "Dynamics refused the row without a reason.", names


def scrub(message: str, sent: Mapping[str, Any] | None = None) -> str:
    """A message without what might be a person's or a secret: sent values, quotations, addresses, numbers, ids."""
    values = sorted((str(v) for v in (sent or {}).values() if isinstance(v, str) and v), key=len, reverse=True)
    for value in values:
        message = message.replace(value, "…")
    message = " ".join(_PRIVATE.sub("…", message).split())
    return message if len(message) <= _LONGEST else message[: _LONGEST - 1] + "…"


def _named(message: str) -> list[str]:
    """Columns that a message names."""
    found = (next(filter(None, names)) for names in _NAMED.findall(message))
    return list(dict.fromkeys(name.partition("@")[0] for name in found))
