"""The resource jobs/ingest: make an ingest job, upload its rows, close it, ask after it and fetch the rows' outcomes.

Calls come in; job facts as JSON and tables of CSV leave. Next room: `composite`.
"""

import tempfile
import zlib
from functools import partial
from typing import IO, Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector.emulator.salesforce.bulk.ingest import BATCHES, Ingest
from connector.emulator.salesforce.bulk.jobs import RUNNING, Job, Jobs, common_facts, spent
from connector.emulator.salesforce.bulk.query_jobs import choice, known_keys, listing, wrong_state
from connector.emulator.salesforce.bulk.tables import DELIMITERS, LINE_ENDINGS, Page, Table
from connector.emulator.salesforce.directory import DATA
from connector.emulator.salesforce.org.model import Problem
from connector.emulator.salesforce.rest import key_field
from connector.emulator.salesforce.site import PRIVATE, Call, Site

OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete")
LONGEST_INLINE = 100_000  # characters of an upload that comes with the job
_KEYS = {
    "object", "operation", "externalIdFieldName", "contentType", "lineEnding", "columnDelimiter", "assignmentRuleId",
}  # fmt: skip
_TABLES = {
    "successfulResults": "successful", "failedResults": "failed", "unprocessedrecords": "unprocessed",
    "unprocessedRecords": "unprocessed",
}  # fmt: skip


def routes(site: Site, jobs: Jobs) -> list[Route]:
    """Ingest jobs."""

    def of(fn: Any, *more: Any) -> Any:
        return site.handler(partial(fn, site, jobs, *more), free=True)

    async def put(request: Request) -> Response:
        try:
            file, size = await _received(request, jobs.settings.upload_bytes)
        except zlib.error as error:
            return site.problem(Problem(400, "MALFORMED_REQUEST", f"The upload does not unpack: {error}"))
        answer = await run_in_threadpool(site.answer, partial(_put, jobs, file, size), request, b"", free=True)
        if answer.status_code != 201:  # nobody took it
            file.close()
        return answer

    base, one = f"{DATA}/jobs/ingest", f"{DATA}/jobs/ingest/{{job}}"
    return [
        Route(base, of(_create), methods=["POST"]),
        Route(base, of(_list), methods=["GET"]),
        Route(one, of(_read), methods=["GET"]),
        Route(one, of(_close), methods=["PATCH"]),
        Route(one, of(_delete), methods=["DELETE"]),
        Route(f"{one}/batches", put, methods=["PUT"]),
        *(Route(f"{one}/{name}", of(_results, table), methods=["GET"]) for name, table in _TABLES.items()),
    ]


async def _received(request: Request, most: int) -> tuple[IO[bytes], int]:
    """The body of an upload in a file, unzipped; what goes beyond the limit is counted and thrown away."""
    file, size = tempfile.TemporaryFile(), 0  # noqa: SIM115 - the job closes it
    zipped = request.headers.get("content-encoding", "").strip().lower() == "gzip"
    unpacker = zlib.decompressobj(wbits=31) if zipped else None
    async for piece in request.stream():
        plain = unpacker.decompress(piece) if unpacker is not None else piece
        size += len(plain)
        if size <= most:
            file.write(plain)
    return file, size


def _create(site: Site, jobs: Jobs, call: Call) -> Response:
    inline: bytes | None = None
    if (call.header("content-type") or "").lower().startswith("multipart/"):
        parts = {part.name: part.content for part in call.parts()}
        if set(parts) != {"job", "content"}:
            raise Problem(400, "INVALIDJOB", "A multipart job has two parts: job and content")
        inline, body = parts["content"], _parsed(parts["job"])
        if len(inline.decode("utf-8", "replace")) > LONGEST_INLINE:
            raise Problem(400, "INVALIDJOB", f"Inline content may hold {LONGEST_INLINE} characters; upload it instead")
    else:
        body = call.json_object()
    job = _opened(site, jobs, call, body)
    if inline is not None:
        job.upload = tempfile.TemporaryFile()  # noqa: SIM115 - the job closes it
        job.upload.write(inline)
        _begin(site, jobs, call, job)
        return site.json({**common_facts(job), "state": "UploadComplete", **job.wish})
    url = f"services/data/v{call.version}/jobs/ingest/{job.id}/batches"  # no slash before it: so the service has it
    return site.json({**common_facts(job), "contentUrl": url, **job.wish})


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Problem(400, "JSON_PARSER_ERROR", f"The part job: {error}") from error
    if not isinstance(body, dict):
        raise Problem(400, "JSON_PARSER_ERROR", "The part job must hold one JSON object")
    return body


def _opened(site: Site, jobs: Jobs, call: Call, body: dict[str, Any]) -> Job:
    known_keys(body, _KEYS)
    operation = choice(body, "operation", OPERATIONS, "")
    choice(body, "contentType", ("CSV",), "CSV")
    kind = site.org.visible(call.user_id, str(body.get("object", "")))
    if kind.name in jobs.settings.unsupported:
        raise Problem(400, "INVALIDENTITY", f"Entity '{kind.name}' is not supported by the Bulk API.")
    wish = {
        "lineEnding": choice(body, "lineEnding", LINE_ENDINGS, "LF"),
        "columnDelimiter": choice(body, "columnDelimiter", DELIMITERS, "COMMA"),
    }
    if operation == "upsert":
        name = str(body.get("externalIdFieldName") or "")
        try:
            wish["externalIdFieldName"] = key_field(site, call.user_id, kind, name).name
        except Problem as problem:
            text = f"Field name provided, {name} does not match an External ID, Salesforce Id, or indexed field"
            raise Problem(400, "INVALIDJOB", f"{text} for {kind.name}") from problem
    if site.allowances.left(BATCHES) < 1:
        raise Problem(400, "EXCEEDEDQUOTA", "ApiBatchItems Limit exceeded.")
    return jobs.open("ingest", operation, kind.name, call.user_id, call.version, wish)


def _put(jobs: Jobs, file: IO[bytes], size: int, call: Call) -> Response:
    job = jobs.find(call.path["job"], "ingest")
    if size > jobs.settings.upload_bytes:
        most = jobs.settings.upload_bytes
        raise Problem(413, "REQUEST_TOO_LARGE", f"The upload has {size} bytes; a job takes up to {most}. Split it")
    kind = (call.header("content-type") or "text/csv").split(";")[0].strip().lower()
    if kind not in ("text/csv", "application/octet-stream"):
        raise Problem(415, "UNSUPPORTED_MEDIA_TYPE", f"Content-type '{kind}' is not supported, send text/csv")
    if job.state != "Open" or job.upload is not None:
        raise wrong_state(job, "Uploading" if job.upload is None else "Uploading a second time")
    job.upload = file
    return Response(None, 201, {"Cache-Control": PRIVATE})


def _begin(site: Site, jobs: Jobs, call: Call, job: Job) -> None:
    jobs.start(job, Ingest(site, jobs, job, call.request.scope.get("emulator.lock")))


def _close(site: Site, jobs: Jobs, call: Call) -> Response:
    job = jobs.find(call.path["job"], "ingest")
    state = call.json_object().get("state")
    if state == "UploadComplete":
        if job.state != "Open":
            raise wrong_state(job, "Closing")
        if job.upload is None:
            raise Problem(400, "INVALIDJOBSTATE", "No data was uploaded; PUT it before closing the job")
        answer = site.json({**common_facts(job), "state": "UploadComplete"})
        _begin(site, jobs, call, job)
        return answer
    if state != "Aborted":
        raise Problem(400, "INVALIDJOBSTATE", "An ingest job can be set to the states UploadComplete and Aborted")
    if job.state not in (*RUNNING, "Open"):
        raise wrong_state(job, "Aborting")
    jobs.end(job, "Aborted")
    return site.json(common_facts(job))


def _facts(job: Job) -> dict[str, Any]:
    facts = {
        **common_facts(job),
        "jobType": "V2Ingest",
        "contentUrl": f"services/data/v{job.version}/jobs/ingest/{job.id}/batches",
        **job.wish,
        "numberRecordsProcessed": job.processed,
        "numberRecordsFailed": job.failed,
        "retries": 0,
        "totalProcessingTime": spent(job),
        "apiActiveProcessingTime": spent(job),
        "apexProcessingTime": 0,
    }
    if job.state != "Open":
        del facts["contentUrl"]
    return {**facts, "errorMessage": job.message} if job.message else facts


def _read(site: Site, jobs: Jobs, call: Call) -> Response:
    job = jobs.find(call.path["job"], "ingest")
    jobs.settle(job, poll=True)
    return site.json(_facts(job))


def _list(site: Site, jobs: Jobs, call: Call) -> Response:
    wanted = call.query.get("jobType", "V2Ingest")
    found = jobs.listed("ingest") if wanted == "V2Ingest" else []
    for job in found:
        jobs.settle(job)
    return listing(site, call, [{**common_facts(job), "jobType": "V2Ingest"} for job in found], "ingest")


def _delete(site: Site, jobs: Jobs, call: Call) -> Response:
    job = jobs.find(call.path["job"], "ingest")
    if job.state in ("Open", "InProgress"):
        raise wrong_state(job, "Deleting")
    jobs.delete(job)
    return site.empty()


def _results(_site: Site, jobs: Jobs, name: str, call: Call) -> Response:
    job = jobs.find(call.path["job"], "ingest")
    if job.state == "Open" or (job.state in RUNNING and not job.tables):
        raise wrong_state(job, "Fetching results")
    if job.state not in RUNNING and job.queued is not None:
        job.finished.wait()  # an aborted job may still be sorting out what it did not come to
    table = job.tables.get(name)
    if table is None:  # the job ended before it had read the header
        table = Table((), str(job.wish["columnDelimiter"]), str(job.wish["lineEnding"]))
    rule = call.request.scope.get("emulator.truncate")
    missing = rule.share(len(table)) if rule else 0
    return Page(table, 0, len(table), {"Cache-Control": PRIVATE}, missing)
