"""Who a session belongs to: userinfo and the identity URL, which clients ask right after login.

A session's token comes in; facts about its user and the addresses of the APIs leave. Next room: `directory`.
"""

from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector.emulator.salesforce.org.model import Problem
from connector.emulator.salesforce.site import Site, base_url, not_found, user_row


def routes(site: Site) -> list[Route]:
    """Userinfo and the identity URL; neither counts as an API call."""

    def endpoint(fn: Callable[[Site, Request], Response]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            return await run_in_threadpool(_locked, site, fn, request)

        return answer

    return [
        Route("/services/oauth2/userinfo", endpoint(_userinfo), methods=["GET", "POST"]),
        Route("/id/{org}/{user}", endpoint(_identity), methods=["GET", "POST"]),
    ]


def _locked(site: Site, fn: Callable[[Site, Request], Response], request: Request) -> Response:
    with site.org.lock:
        try:
            return fn(site, request)
        except Problem as problem:
            if problem.code == "Bad_OAuth_Token":
                return Response("Bad_OAuth_Token", 403, media_type="text/html;charset=UTF-8")
            return site.problem(problem)


def _own_user(site: Site, request: Request) -> dict[str, Any]:
    token = request.headers.get("authorization", "").partition(" ")[2] or request.query_params.get("oauth_token", "")
    user_id = site.sessions.user_of(token.strip())
    user = user_row(site, "Id", user_id) if user_id else None
    if user is None:
        raise Problem(403, "Bad_OAuth_Token", "Bad_OAuth_Token")
    return user


def _userinfo(site: Site, request: Request) -> Response:
    user = _own_user(site, request)
    base = base_url(site, request)
    return site.json(
        {
            "sub": f"{base}/id/{site.org.org_id}/{user['Id']}",
            "user_id": user["Id"],
            "organization_id": site.org.org_id,
            "preferred_username": user["Username"],
            "nickname": user["Username"].partition("@")[0],
            "name": user["Name"],
            "email": user["Email"],
            "email_verified": True,
            "given_name": user.get("FirstName"),
            "family_name": user["LastName"],
            "zoneinfo": user.get("TimeZoneSidKey") or "GMT",
            "photos": {"picture": f"{base}/profilephoto/005/F", "thumbnail": f"{base}/profilephoto/005/T"},
            "profile": f"{base}/{user['Id']}",
            "picture": f"{base}/profilephoto/005/F",
            "address": {},
            "is_salesforce_integration_user": False,
            "urls": _urls(site, base, user["Id"]),
            "active": bool(user["IsActive"]),
            "user_type": "STANDARD",
            "language": user.get("LanguageLocaleKey") or "en_US",
            "locale": user.get("LocaleSidKey") or "en_US",
            "utcOffset": 0,
            "updated_at": user["LastModifiedDate"][:19] + "Z",
        }
    )


def _urls(site: Site, base: str, user_id: str) -> dict[str, str]:
    short, data = site.org.org_id[:15], f"{base}/services/data/v{{version}}"
    return {
        "enterprise": f"{base}/services/Soap/c/{{version}}/{short}",
        "metadata": f"{base}/services/Soap/m/{{version}}/{short}",
        "partner": f"{base}/services/Soap/u/{{version}}/{short}",
        "rest": f"{data}/",
        "sobjects": f"{data}/sobjects/",
        "search": f"{data}/search/",
        "query": f"{data}/query/",
        "recent": f"{data}/recent/",
        "tooling_soap": f"{base}/services/Soap/T/{{version}}/{short}",
        "tooling_rest": f"{data}/tooling/",
        "profile": f"{base}/{user_id}",
        "feeds": f"{data}/chatter/feeds",
        "groups": f"{data}/chatter/groups",
        "users": f"{data}/chatter/users",
        "feed_items": f"{data}/chatter/feed-items",
        "feed_elements": f"{data}/chatter/feed-elements",
        "custom_domain": base,
    }


def _identity(site: Site, request: Request) -> Response:
    own = _own_user(site, request)
    user = user_row(site, "Id", str(request.path_params["user"]))
    if user is None or str(request.path_params["org"])[:15] != site.org.org_id[:15] or user["Id"] != own["Id"]:
        raise not_found()
    base = base_url(site, request)
    return site.json(
        {
            "id": f"{base}/id/{site.org.org_id}/{user['Id']}",
            "asserted_user": True,
            "user_id": user["Id"],
            "organization_id": site.org.org_id,
            "username": user["Username"],
            "nick_name": user["Username"].partition("@")[0],
            "display_name": user["Name"],
            "email": user["Email"],
            "email_verified": True,
            "first_name": user.get("FirstName"),
            "last_name": user["LastName"],
            "timezone": user.get("TimeZoneSidKey") or "GMT",
            "photos": {"picture": f"{base}/profilephoto/005/F", "thumbnail": f"{base}/profilephoto/005/T"},
            "addr_street": None,
            "addr_city": None,
            "addr_state": None,
            "addr_country": None,
            "addr_zip": None,
            "mobile_phone": None,
            "mobile_phone_verified": False,
            "is_lightning_login_user": False,
            "status": {"created_date": None, "body": None},
            "urls": _urls(site, base, user["Id"]),
            "active": bool(user["IsActive"]),
            "user_type": "STANDARD",
            "language": user.get("LanguageLocaleKey") or "en_US",
            "locale": user.get("LocaleSidKey") or "en_US",
            "utcOffset": 0,
            "last_modified_date": user["LastModifiedDate"],
            "is_app_installed": True,
        }
    )
