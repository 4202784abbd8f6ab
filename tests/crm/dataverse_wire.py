"""What a Dataverse far away answers, by hand: definitions in a batch, pages, and parts of a batch."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from connector.crm.protocol import ReadRequest

HOST = "https://acme.crm4.dynamics.com"
BASE = f"{HOST}/api/data/v9.2/"
LOGIN = "https://login.microsoftonline.com"
TENANT = "11111111-2222-3333-4444-555555555555"
DISCOVERY = f"{LOGIN}/{TENANT}/v2.0/.well-known/openid-configuration"
TOKEN_URL = f"{LOGIN}/{TENANT}/oauth2/v2.0/token"
ENDPOINTS = {
    "issuer": f"{LOGIN}/{TENANT}/v2.0",
    "authorization_endpoint": f"{LOGIN}/{TENANT}/oauth2/v2.0/authorize",
    "token_endpoint": TOKEN_URL,
}
NAMES = ReadRequest("account", ("accountid", "name"))
DELTA = "?$deltatoken=9!05/01/2026"
FILTERS = f"{BASE}sdkmessagefilters"
UPDATE = f"{BASE}accounts/Microsoft.Dynamics.CRM.UpdateMultiple"
TOKEN = {"token_type": "Bearer", "expires_in": 3599, "access_token": "hush-1"}


def guid(number: int) -> str:
    """An id."""
    return f"00000000-0000-0000-0000-{number:012d}"


def label(text: str, users: str = "") -> dict[str, Any]:
    """A label in English and in the user's language, where it has them."""
    known = [{"Label": t, "LanguageCode": code} for t, code in ((users, 1031), (text, 1033)) if t]
    return {"LocalizedLabels": known, "UserLocalizedLabel": known[0]}


def attribute(name: str, kind: str, **more: Any) -> dict[str, Any]:
    """A column as EntityDefinitions tell it."""
    base = {
        "LogicalName": name,
        "AttributeType": kind,
        "AttributeTypeName": {"Value": f"{kind}Type"},
        "MetadataId": name,
    }
    return (
        base | {"DisplayName": label(name), "IsValidForRead": True, "IsValidForUpdate": True, "IsSecured": False} | more
    )


ATTRIBUTES = (
    attribute("accountid", "Uniqueidentifier", IsValidForUpdate=False),
    attribute("name", "String"),
    attribute("industrycode", "Picklist"),
    attribute("kam_tags", "MultiSelectPicklist", AttributeType="Virtual"),
    attribute("parentaccountid", "Lookup"),
    attribute("customerid", "Customer"),
    attribute("transactioncurrencyid", "Lookup"),
    attribute("kam_due", "DateTime"),
    attribute("kam_flag", "Boolean"),
    attribute("numberofemployees", "Integer"),
    attribute("modifiedon", "DateTime", IsValidForUpdate=False),
    attribute("parentaccountidname", "String", AttributeOf="parentaccountid"),
)
WAYS = (
    ("parentaccountid", "account", "parentaccountid"),
    ("customerid", "account", "customerid_account"),
    ("customerid", "contact", "customerid_contact"),
    ("transactioncurrencyid", "transactioncurrency", "transactioncurrencyid"),
)
DETAILS: Mapping[str, list[dict[str, Any]]] = {
    "String": [{"LogicalName": "name", "MaxLength": 160}],
    "DateTime": [
        {"LogicalName": "kam_due", "Format": "DateOnly", "DateTimeBehavior": {"Value": "DateOnly"}},
        {"LogicalName": "modifiedon", "Format": "DateAndTime", "DateTimeBehavior": {"Value": "UserLocal"}},
    ],
    "Picklist": [
        {
            "LogicalName": "industrycode",
            "OptionSet": {
                "Options": [{"Value": 1, "Label": label("Steel", "Stahl")}, {"Value": 2, "Label": label("", "Bau")}]
            },
        }
    ],
    "MultiSelectPicklist": [
        {
            "LogicalName": "kam_tags",
            "OptionSet": None,
            "GlobalOptionSet": {
                "Options": [{"Value": 10, "Label": label("Old")}, {"Value": 20, "Label": label("Big")}]
            },
        }
    ],
}


def definition(
    name: str = "account",
    set_name: str = "accounts",
    attributes: Iterable[Mapping[str, Any]] = ATTRIBUTES,
    ways: Iterable[tuple[str, str, str]] = WAYS,
    **more: Any,
) -> dict[str, Any]:
    """A table as EntityDefinitions tell it."""
    relations = [
        {"ReferencingAttribute": a, "ReferencedEntity": t, "ReferencingEntityNavigationPropertyName": n}
        for a, t, n in ways
    ]
    return {
        "LogicalName": name,
        "EntitySetName": set_name,
        "PrimaryIdAttribute": f"{name}id",
        "PrimaryNameAttribute": "name",
        "ChangeTrackingEnabled": True,
        "DisplayName": label(name.title()),
        "Attributes": list(attributes),
        "ManyToOneRelationships": relations,
    } | more


def described(
    *tables: Mapping[str, Any], details: Mapping[str, Any] = DETAILS
) -> Callable[[Any], tuple[int, dict[str, str], bytes]]:
    """A callback that answers a batch of questions about tables."""
    known = {t["LogicalName"]: t for t in tables}

    def answer(request: Any) -> tuple[int, dict[str, str], bytes]:
        told: list[tuple[int, Any]] = []
        for name, cast in re.findall(r"EntityDefinitions\(LogicalName='(\w+)'\)(\S*)", request.body.decode()):
            kind = re.search(r"CRM\.(\w+)AttributeMetadata", cast)
            if name not in known:
                told.append((404, error("0x80060888", "no such table")))
            else:
                told.append((200, {"value": details.get(kind[1], [])} if kind else known[name]))
        headers, body = parts(told)
        return 200, headers, body

    return answer


def parts(told: Iterable[tuple[int, Any]], end: bytes = b"--", line: str = "\r\n") -> tuple[dict[str, str], bytes]:
    """Headers and body of a batch's answer."""
    made = []
    for status, body in told:
        made += ["--batchresponse_x", "Content-Type: application/http", "Content-Transfer-Encoding: binary", ""]
        made += [f"HTTP/1.1 {status} Told", "OData-Version: 4.0"]
        made += ["", ""] if body is None else ["Content-Type: application/json", "", json.dumps(body)]
    text = line.join([*made, "--batchresponse_x"]).encode() + end
    return {"Content-Type": "multipart/mixed; boundary=batchresponse_x"}, text


def error(code: str, message: str = "") -> dict[str, Any]:
    """A refusal's body."""
    return {"error": {"code": code, "message": message}}


def page(*rows: Mapping[str, Any], **more: str) -> dict[str, Any]:
    """One page of records; `more` are links, by their name without @odata."""
    links = {f"@odata.{name}": link for name, link in more.items()}
    return {"@odata.context": f"{BASE}$metadata#accounts", "value": list(rows), **links}


def read(crm: Any, request: ReadRequest = NAMES, since: str | None = None) -> list[Any]:
    """Rows of a read."""
    return [r for batch in crm.read(request, since) for r in batch.rows]


def query(call: Any) -> dict[str, str]:
    """What was asked for behind the question mark."""
    return {k: v[0] for k, v in parse_qs(urlsplit(call.request.url).query).items()}


ROW = {"@odata.etag": 'W/"1"', "name": "Ada", "modifiedon": "2026-05-01T07:00:00Z", "accountid": guid(1)}
