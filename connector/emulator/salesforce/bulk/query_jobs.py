"""The resource jobs/query: make a query job, ask after it, fetch its results in pages, abort and delete it.

Calls come in; job facts as JSON and pages of CSV leave. Next room: `intake`.
"""

import base64
import binascii
from functools import partial
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from connector.emulator.salesforce.bulk.extract import chunked, extract, planned, table_of
from connector.emulator.salesforce.bulk.jobs import RUNNING, Job, Jobs, common_facts, spent
from connector.emulator.salesforce.bulk.tables import DELIMITERS, LINE_ENDINGS, Page, Table
from connector.emulator.salesforce.directory import DATA
from connector.emulator.salesforce.org.model import Problem
from connector.emulator.salesforce.site import PRIVATE, Call, Site

JOBS, STORAGE = "DailyBulkV2QueryJobs", "DailyBulkV2QueryFileStorageMB"
RESULT_PAGES = 5  # URLs of one answer of resultPages
LIST_PAGE = 1_000
_KEYS = {"operation", "query", "contentType", "columnDelimiter", "lineEnding"}


def routes(site: Site, jobs: Jobs) -> list[Route]:
    """Query jobs."""

    def of(fn: Any) -> Any:
        return site.handler(partial(fn, site, jobs), free=True)

    base, one = f"{DATA}/jobs/query", f"{DATA}/jobs/query/{{job}}"
    return [
        Route(base, of(_create), methods=["POST"]),
        Route(base, of(_list), methods=["GET"]),
        Route(one, of(_read), methods=["GET"]),
        Route(one, of(_abort), methods=["PATCH"]),
        Route(one, of(_delete), methods=["DELETE"]),
        Route(f"{one}/results", of(_results), methods=["GET"]),
        Route(f"{one}/resultPages", of(_result_pages), methods=["GET"]),
        Route(f"{one}/resultpages", of(_result_pages), methods=["GET"]),
    ]


def choice(body: dict[str, Any], name: str, among: Any, default: str) -> str:
    """One of the words that a job's creator may choose from."""
    value = body.get(name) or default
    if value not in among:
        raise Problem(400, "INVALIDJOB", f"{name} must be one of {', '.join(among)}, not {value}")
    return str(value)


def known_keys(body: dict[str, Any], known: set[str]) -> None:
    """Refuse a job description with an unknown key, as the service does."""
    for name in body:
        if name not in known:
            raise Problem(400, "JSON_PARSER_ERROR", f'Unrecognized field "{name}" in the description of a job')


def wrong_state(job: Job, what: str) -> Problem:
    """The refusal of what a job's state does not allow."""
    return Problem(400, "INVALIDJOBSTATE", f"{what} is not possible while the job is in the state {job.state}")


def listing(site: Site, call: Call, found: list[dict[str, Any]], path: str) -> Response:
    """Jobs in pages."""
    start = _offset(call.query.get("queryLocator")) if call.query.get("queryLocator") else 0
    page, rest = found[start : start + LIST_PAGE], len(found) > start + LIST_PAGE
    url = f"/services/data/v{call.version}/jobs/{path}?queryLocator={_locator(start + LIST_PAGE)}" if rest else None
    return site.json({"done": not rest, "records": page, "nextRecordsUrl": url})


def _create(site: Site, jobs: Jobs, call: Call) -> Response:
    body = call.json_object()
    known_keys(body, _KEYS)
    operation = choice(body, "operation", ("query", "queryAll"), "")
    choice(body, "contentType", ("CSV",), "CSV")
    wish = {
        "lineEnding": choice(body, "lineEnding", LINE_ENDINGS, "LF"),
        "columnDelimiter": choice(body, "columnDelimiter", DELIMITERS, "COMMA"),
    }
    text = body.get("query")
    if not isinstance(text, str) or not text.strip():
        raise Problem(400, "MALFORMED_QUERY", "The key query must hold a SOQL query")
    made = planned(site.org, call.user_id, text, call.version, include_deleted=operation == "queryAll")
    if made.object_name in jobs.settings.unsupported:
        raise Problem(400, "INVALIDENTITY", f"Entity '{made.object_name}' is not supported by the Bulk API.")
    _check_quota(site)
    job = jobs.open("query", operation, made.object_name, call.user_id, call.version, wish)
    job.tables["results"] = table_of(job, made)
    answer = site.json(_facts_at_start(job))

    def work(job: Job) -> None:
        extract(jobs, job, made)
        site.allowances.use(STORAGE, job.tables["results"].size / 1_000_000)

    jobs.start(job, work)
    return answer


def _check_quota(site: Site) -> None:
    most = site.allowances.most
    if site.allowances.left(JOBS) < 1:
        text = f"Max bulk v2 query jobs ({int(most[JOBS])}) per 24 hrs has been reached ({int(most[JOBS])})"
        raise Problem(400, "LIMIT_EXCEEDED", text)
    if site.allowances.left(STORAGE) <= 0:
        size = int(most[STORAGE] * 1024)
        text = f"Max bulk v2 query result size stored ({size}) kb per 24 hrs has been exceeded ({size})"
        raise Problem(400, "LIMIT_EXCEEDED", text)
    site.allowances.use(JOBS)


def _facts_at_start(job: Job) -> dict[str, Any]:
    return {**common_facts(job), "state": "UploadComplete", **job.wish}


def _facts(job: Job) -> dict[str, Any]:
    facts = {
        **common_facts(job),
        "jobType": "V2Query",
        **job.wish,
        "numberRecordsProcessed": job.processed,
        "retries": 0,
        "totalProcessingTime": spent(job),
        "isPkChunkingSupported": chunked(job),
    }
    return {**facts, "errorMessage": job.message} if job.message else facts


def _read(site: Site, jobs: Jobs, call: Call) -> Response:
    job = jobs.find(call.path["job"], "query")
    jobs.settle(job, poll=True)
    return site.json(_facts(job))


def _list(site: Site, jobs: Jobs, call: Call) -> Response:
    wanted, mode = call.query.get("jobType", "V2Query"), call.query.get("concurrencyMode", "Parallel")
    found = jobs.listed("query") if wanted == "V2Query" and mode.lower() == "parallel" else []
    for job in found:
        jobs.settle(job)
    return listing(site, call, [{**common_facts(job), "jobType": "V2Query"} for job in found], "query")


def _abort(site: Site, jobs: Jobs, call: Call) -> Response:
    job = jobs.find(call.path["job"], "query")
    if call.json_object().get("state") != "Aborted":
        raise Problem(400, "INVALIDJOBSTATE", "A query job can only be set to the state Aborted")
    if job.state not in RUNNING:
        raise wrong_state(job, "Aborting")
    jobs.end(job, "Aborted")
    return site.json({**common_facts(job), **job.wish})


def _delete(site: Site, jobs: Jobs, call: Call) -> Response:
    job = jobs.find(call.path["job"], "query")
    if job.state == "InProgress":
        raise wrong_state(job, "Deleting")
    jobs.delete(job)
    return site.empty()


def _finished(jobs: Jobs, call: Call) -> tuple[Job, Table]:
    job = jobs.find(call.path["job"], "query")
    if job.version != call.version:
        text = f"The job was made in version {job.version}; ask for its results in the same version"
        raise Problem(409, "API_ERROR", text)
    if job.state != "JobComplete":
        raise wrong_state(job, "Fetching results")
    return job, job.tables["results"]


def _results(site: Site, jobs: Jobs, call: Call) -> Response:
    _, table = _finished(jobs, call)
    first, count = _offset(call.query.get("locator")), _count(jobs, call)
    if first > len(table) or (first == len(table) and first):
        raise _bad_locator(call.query.get("locator"))
    number = min(count, len(table) - first)
    following = _locator(first + number) if first + number < len(table) else "null"
    headers = {"Sforce-NumberOfRecords": str(number), "Sforce-Locator": following, "Cache-Control": PRIVATE}
    rule = call.request.scope.get("emulator.truncate")
    return Page(table, first, number, headers, missing=rule.share(number) if rule else 0)


def _result_pages(site: Site, jobs: Jobs, call: Call) -> Response:
    if float(call.version) < 58:
        raise Problem(404, "NOT_FOUND", "The requested resource does not exist")
    job, table = _finished(jobs, call)
    size, start = jobs.settings.page_rows, _offset(call.query.get("locator"))
    places = list(range(start, max(1, len(table)), size))
    base = f"/services/data/v{call.version}/jobs/query/{job.id}"
    pages = [{"resultUrl": f"{base}/results?locator={_locator(place)}"} for place in places[:RESULT_PAGES]]
    rest = places[RESULT_PAGES:]
    url = f"{base}/resultpages?locator={_locator(rest[0])}" if rest else None
    return site.json({"resultPages": pages, "nextRecordsUrl": url, "done": not rest})


def _count(jobs: Jobs, call: Call) -> int:
    text = call.query.get("maxRecords")
    if not text:
        return jobs.settings.page_rows
    if not text.isdigit() or not int(text):
        raise Problem(400, "API_ERROR", f"maxRecords must be a whole number above 0, not {text}")
    return int(text)


def _locator(place: int) -> str:
    return base64.urlsafe_b64encode(str(place).encode()).decode().rstrip("=")


def _offset(locator: str | None) -> int:
    if not locator:
        return 0
    try:
        return int(base64.urlsafe_b64decode(locator + "=" * (-len(locator) % 4)).decode("ascii"))
    except (binascii.Error, ValueError) as error:
        raise _bad_locator(locator) from error


def _bad_locator(locator: str | None) -> Problem:
    return Problem(400, "INVALID_QUERY_LOCATOR", f"The locator {locator} is none of this job's")
