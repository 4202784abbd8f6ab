"""The old SOAP login(), for clients that still begin with it; the service ends it with version 64.

An envelope with user name and password comes in; one with a session id, or a fault, leaves. Next room: `identity`.
"""

from xml.etree import ElementTree
from xml.sax.saxutils import escape

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector.emulator.salesforce.org.model import Problem
from connector.emulator.salesforce.site import NEWEST, OLDEST, Site, base_url, unzip, user_row

LAST_VERSION = 64
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"


def routes(site: Site) -> list[Route]:
    """SOAP login() of the partner API, with and without the org's id in the path."""

    async def endpoint(request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(_login, site, request, body)

    base = "/services/Soap/u/{version}"
    return [Route(base, endpoint, methods=["POST"]), Route(f"{base}/{{org}}", endpoint, methods=["POST"])]


def _login(site: Site, request: Request, body: bytes) -> Response:
    number = str(request.path_params["version"]).partition(".")[0]
    if not number.isdigit() or not OLDEST <= int(number) <= NEWEST:
        return _fault("UNSUPPORTED_API_VERSION", f"Unsupported API version {number}")
    if int(number) > LAST_VERSION:
        return _fault("UNSUPPORTED_API_VERSION", f"login() is not available in API version {number}.0; use OAuth")
    try:
        envelope = ElementTree.fromstring(unzip(body, request.headers.get("content-encoding")))  # noqa: S314 - see above
    except (ElementTree.ParseError, Problem) as error:
        return _fault("soapenv:Client", f"The envelope cannot be read: {error}", prefixed=False)
    given = {element.tag.rpartition("}")[2]: element.text or "" for element in envelope.iter()}
    with site.org.lock:
        user = user_row(site, "Username", given.get("username", ""))
        # people append their security token to the password; the emulator's token is empty or anything
        if user is None or not user["IsActive"] or not given.get("password", "").startswith(site.keys.password):
            return _fault("INVALID_LOGIN", "Invalid username, password, security token; or user locked out.")
        base = base_url(site, request)
        values = {
            "metadataServerUrl": f"{base}/services/Soap/m/{number}.0/{site.org.org_id}",
            "passwordExpired": "false",
            "sandbox": str(site.org.is_sandbox).lower(),
            "serverUrl": f"{base}/services/Soap/u/{number}.0/{site.org.org_id}",
            "sessionId": site.sessions.open(user["Id"]),
            "userId": user["Id"],
        }
    inside = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in values.items())
    info = f"<userInfo><organizationId>{site.org.org_id}</organizationId><userId>{user['Id']}</userId></userInfo>"
    return _envelope(200, f"<loginResponse><result>{inside}{info}</result></loginResponse>")


def _fault(code: str, message: str, *, prefixed: bool = True) -> Response:
    name, text = (f"sf:{code}", f"{code}: {message}") if prefixed else (code, message)
    inside = f"<sf:exceptionCode>{code}</sf:exceptionCode><sf:exceptionMessage>{escape(message)}</sf:exceptionMessage>"
    space = 'xmlns:sf="urn:fault.partner.soap.sforce.com"'
    detail = f"<detail><sf:LoginFault {space}>{inside}</sf:LoginFault></detail>" if prefixed else ""
    fault = (
        f"<soapenv:Fault><faultcode>{name}</faultcode><faultstring>{escape(text)}</faultstring>{detail}</soapenv:Fault>"
    )
    return _envelope(500, fault)


def _envelope(status: int, inside: str) -> Response:
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="{ENVELOPE}" '
        'xmlns:sf="urn:fault.partner.soap.sforce.com" xmlns="urn:partner.soap.sforce.com" '
        f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>{inside}</soapenv:Body></soapenv:Envelope>'
    )
    return Response(text.encode(), status, media_type="text/xml;charset=UTF-8")
