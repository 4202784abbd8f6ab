"""Metadata deploys over HTTP: take the zip, answer polls, cancel.

In: POST, GET and PATCH on `metadata/deployRequest`. Out: deployResult as JSON. A deploy starts at the first poll
and is carried out at the second, so that a client sees Pending, InProgress and the end without any thread of ours.
Next room: `archive`, for the zip.
"""

from dataclasses import dataclass, field
from typing import Any

from orjson import JSONDecodeError, loads
from starlette.responses import Response
from starlette.routing import Route

from connector.emulator.salesforce.call import Call
from connector.emulator.salesforce.metadata.archive import unpack
from connector.emulator.salesforce.metadata.deploy import Message, Options, deploy
from connector.emulator.salesforce.org.model import Problem
from connector.emulator.salesforce.org.records import Org
from connector.emulator.salesforce.site import Site

FLAGS = {
    "allowMissingFiles": False,
    "autoUpdatePackage": False,
    "checkOnly": False,
    "ignoreWarnings": False,
    "performRetrieve": False,
    "purgeOnDelete": False,
    "rollbackOnError": False,
    "singlePackage": False,
}
TEST_LEVELS = ("NoTestRun", "RunSpecifiedTests", "RunRelevantTests", "RunLocalTests", "RunAllTestsInOrg")
MAX_ZIP = 39 * 1024 * 1024
NO_RIGHT = "use of the Metadata API requires a user with the ModifyAllData or ModifyMetadata permissions"


@dataclass
class Job:
    """One deploy request and how far it has come."""

    id: str
    user_id: str
    options: dict[str, Any]
    package: bytes
    created: str
    status: str = "Pending"
    started: str | None = None
    completed: str | None = None
    messages: list[Message] = field(default_factory=list)

    @property
    def done(self) -> bool:
        """Whether nothing more will happen."""
        return self.status not in ("Pending", "InProgress")


def routes(site: Site) -> list[Route]:
    """Routes of the metadata resource; the jobs live as long as the site."""
    desk = _Desk(site)
    base = "/services/data/{version}/metadata/deployRequest"
    one = base + "/{deploy_id}"
    return [
        Route(base, site.handler(desk.post), methods=["POST"]),
        Route(one, site.handler(desk.get), methods=["GET"]),
        Route(one, site.handler(desk.cancel), methods=["PATCH"]),
    ]


class _Desk:
    def __init__(self, site: Site) -> None:
        self.site = site
        self.jobs: dict[str, Job] = {}

    def post(self, call: Call) -> Response:
        """Accept a deploy; nothing is looked at yet but the options."""
        org = self.site.org
        _authorise(org, call.user_id)
        options, package = _read(call)
        if not org.is_sandbox and not options["rollbackOnError"]:
            raise Problem(400, "INVALID_OPERATION", "rollbackOnError must be true when deploying to a production org")
        job = Job(org.new_id("0Af"), call.user_id, options, package, org.stamp())
        self.jobs[job.id] = job
        return self.site.json(_body(job, details=False) | {"deployOptions": options}, 201)

    def get(self, call: Call) -> Response:
        """Answer a poll, after moving the deploy one step on."""
        _authorise(self.site.org, call.user_id)
        job = self._job(call)
        if job.status == "Pending":
            job.status, job.started = "InProgress", self.site.org.stamp()
        elif job.status == "InProgress":
            self._work(job)
        return self.site.json(_body(job, details=call.query.get("includeDetails") == "true"))

    def cancel(self, call: Call) -> Response:
        """Cancel a deploy that has not ended; nothing of it has been carried out before its end."""
        _authorise(self.site.org, call.user_id)
        job = self._job(call)
        wish = call.json_object().get("deployResult")
        if not isinstance(wish, dict) or wish.get("status") != "Canceling":
            raise Problem(400, "INVALID_INPUT", 'Only {"deployResult":{"status":"Canceling"}} can be sent here')
        if job.done:
            raise Problem(400, "INVALID_ID_FIELD", "Deployment already completed")
        job.status, job.completed = "Canceled", self.site.org.stamp()
        return self.site.json(_body(job, details=True), 202)

    def _job(self, call: Call) -> Job:
        wanted = str(call.path["deploy_id"])
        job = next((job for key, job in self.jobs.items() if wanted in (key, key[:15])), None)
        if job is None:
            raise Problem(404, "NOT_FOUND", "The requested resource does not exist")
        return job

    def _work(self, job: Job) -> None:
        org, options = self.site.org, job.options
        how = Options(options["checkOnly"], options["rollbackOnError"], options["ignoreWarnings"])
        job.messages = deploy(org, job.user_id, unpack(job.package), how)
        failed = sum(not message.success for message in job.messages)
        partial = 0 < failed < len(job.messages) and not how.rollback
        job.status = "Succeeded" if not failed else "SucceededPartial" if partial else "Failed"
        job.completed = org.stamp()


def _authorise(org: Org, user_id: str) -> None:
    if not (org.access.allowed(user_id, "ModifyMetadata") or org.access.allowed(user_id, "ModifyAllData")):
        raise Problem(403, "INSUFFICIENT_ACCESS", NO_RIGHT)


def _read(call: Call) -> tuple[dict[str, Any], bytes]:
    """Options with their defaults, and the zip."""
    parts = {part.name: part for part in call.parts()}
    if "json" not in parts or "file" not in parts:
        raise Problem(400, "INVALID_MULTIPART_REQUEST", "A part named json and a part named file are needed")
    try:
        given = loads(parts["json"].content)
    except JSONDecodeError as error:
        raise Problem(400, "JSON_PARSER_ERROR", f"Part json: {error}") from error
    wished = given.get("deployOptions") if isinstance(given, dict) else None
    if not isinstance(wished, dict):
        raise Problem(400, "JSON_PARSER_ERROR", 'Part json must hold {"deployOptions": {...}}')
    options: dict[str, Any] = dict(FLAGS) | {"runTests": None, "testLevel": None}
    for key, value in wished.items():
        if key not in options:
            raise Problem(400, "JSON_PARSER_ERROR", f'Unrecognized field "{key}" in deployOptions')
        if key in FLAGS and not isinstance(value, bool):
            raise Problem(400, "JSON_PARSER_ERROR", f"{key} must be true or false, not {value!r}")
        options[key] = value
    if options["testLevel"] not in (None, *TEST_LEVELS):
        raise Problem(400, "INVALID_INPUT", f"Unknown testLevel '{options['testLevel']}'")
    if len(parts["file"].content) > MAX_ZIP:
        raise Problem(
            400, "LIMIT_EXCEEDED", f"The zip has {len(parts['file'].content)} bytes, at most {MAX_ZIP} are taken"
        )
    return options, parts["file"].content


def _body(job: Job, *, details: bool) -> dict[str, Any]:
    return {
        "id": job.id,
        "validatedDeployRequestId": None,
        "deployOptions": None,
        "deployResult": _result(job, details=details),
    }


def _result(job: Job, *, details: bool) -> dict[str, Any]:
    parts = [message for message in job.messages if message.kind]
    failed = [message for message in job.messages if not message.success]
    result: dict[str, Any] = {
        "checkOnly": job.options["checkOnly"],
        "completedDate": job.completed,
        "createdBy": job.user_id,
        "createdDate": job.created,
        "done": job.done,
        "errorMessage": None,
        "errorStatusCode": None,
        "id": job.id,
        "ignoreWarnings": job.options["ignoreWarnings"],
        "lastModifiedDate": job.completed or job.started or job.created,
        "numberComponentErrors": len(failed),
        "numberComponentsDeployed": sum(message.success for message in parts),
        "numberComponentsTotal": len(parts),
        "numberTestErrors": 0,
        "numberTestsCompleted": 0,
        "numberTestsTotal": 0,
        "rollbackOnError": job.options["rollbackOnError"],
        "runTestsEnabled": False,
        "startDate": job.started,
        "stateDetail": None,
        "status": job.status,
        "success": job.status in ("Succeeded", "SucceededPartial"),
    }
    if details:
        result["details"] = {
            "componentFailures": [_message(message, job) for message in failed],
            "componentSuccesses": [_message(message, job) for message in job.messages if message.success],
            "retrieveResult": None,
            "runTestResult": {"numTestsRun": 0, "numFailures": 0, "totalTime": 0.0, "successes": [], "failures": []},
        }
    return result


def _message(message: Message, job: Job) -> dict[str, Any]:
    return {
        "changed": message.changed,
        "columnNumber": message.column,
        "componentType": message.kind,
        "created": message.created,
        "createdDate": job.completed,
        "deleted": message.deleted,
        "fileName": message.file,
        "fullName": message.name,
        "id": message.id,
        "lineNumber": message.line,
        "problem": message.problem,
        "problemType": None if message.problem is None else "Warning" if message.warning else "Error",
        "success": message.success,
    }
