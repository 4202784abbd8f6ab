"""The calls that setup makes: reads past the metadata cache, and one change at a time.

In: paths and bodies. Out: rows, or nothing when there is nothing. Next room: `state`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from connector.crm.dynamics.login import Client
from connector.crm.failures import Refusal
from connector.crm.protocol import RecordFact
from connector.errors import AccessFault, UnreachableFault

# Another customization is running: the org makes one at a time, whoever asks.
LOCKED = "0x80071151"
FIRST_PAUSE, LONGEST_PAUSE, PATIENCE = 10.0, 30.0, 600.0  # seconds
# What a creation is answered that was carried out though its first answer was lost.
EXISTS = frozenset({"0x80047013", "0x80060304", "0x8004432b", "0x80040237", "0x8004700b", "0x80060893", "0x80060894"})
DENIED = frozenset({"0x80040220", "0x80048306"})
FRESH = {"Consistency": "Strong"}
NO_RIGHT = (
    'This user may not change the org\'s tables. Give it the role "System Customizer" and the right to make roles and '
    "column security profiles for the time of the setup, or hand the solution over with: kam setup --out setup.zip"
)


@dataclass(frozen=True)
class Link:
    """What setup needs of a logged-in org: its calls, the running user, and a way to wait."""

    client: Client
    user_id: str  # empty when the login didn't say
    describe: Callable[[str], RecordFact | None]  # a record type as it is now, never as it was before a change
    sleep: Callable[[float], None]

    def running_user(self) -> str:
        """Id of the user behind the login."""
        return self.user_id or self.client.user_id


def rows(link: Link, path: str) -> Iterator[dict[str, Any]]:
    """Rows of a collection, page by page; `path` holds the query as well."""
    url: str | None = path
    while url:
        page = _read(link, url)
        yield from page["value"]
        url = page.get("@odata.nextLink")


def found(link: Link, path: str) -> dict[str, Any] | None:
    """One thing, or None when the org has not got it."""
    try:
        return _read(link, path)
    except Refusal as refusal:
        if refusal.status == 404:
            return None
        raise


def change(link: Link, method: str, path: str, body: Any = None, *, solution: str = "", merge: bool = False) -> None:
    """One change, and no other beside it; waits while somebody else is customizing the org.

    Saying it twice ends as saying it once: ids are ours, names are unique, and what exists or is gone already is
    what was wanted.
    """
    headers = {"MSCRM.SolutionUniqueName": solution} if solution else {}
    if merge:
        headers["MSCRM.MergeLabels"] = "true"
    more: dict[str, Any] = {} if body is None else {"json": body}
    waited, pause = 0.0, FIRST_PAUSE
    while True:
        try:
            link.client.send(method, path, repeatable=True, headers=headers, **more)
            return
        except Refusal as refusal:
            if refusal.code.lower() != LOCKED:
                if _as_wanted(method, refusal):
                    return
                raise _explained(refusal) from None
            if waited >= PATIENCE:
                raise UnreachableFault(
                    f"{refusal.place}: somebody else has been customizing the org for {PATIENCE:.0f} s. What was made "
                    "is kept: wait until they are done, then run kam setup --apply again."
                ) from None
        link.sleep(pause)
        waited += pause
        pause = min(pause * 1.5, LONGEST_PAUSE)


def publish(link: Link, tables: Iterable[str]) -> None:
    """Make the changes of these tables visible in apps."""
    inner = "".join(f"<entity>{table}</entity>" for table in tables)
    body = {"ParameterXml": f"<importexportxml><entities>{inner}</entities></importexportxml>"}
    change(link, "POST", "PublishXml", body)


def quoted(text: str) -> str:
    """A text as a literal in a filter."""
    return "'" + text.replace("'", "''") + "'"


def any_of(column: str, values: Iterable[str], *, text: bool = True) -> str:
    """Filter for a column that has one of some values; ids are not `text`."""
    return " or ".join(f"{column} eq {quoted(value) if text else value}" for value in values)


def _read(link: Link, path: str) -> dict[str, Any]:
    # metadata is cached for half a minute, and setup must see what it has just made
    answer: dict[str, Any] = link.client.send("GET", path, repeatable=True, headers=FRESH)
    return answer


def _as_wanted(method: str, refusal: Refusal) -> bool:
    """Whether the org says that what was asked for is so already."""
    if method == "DELETE":
        return refusal.status == 404
    return method == "POST" and refusal.code.lower() in EXISTS


def _explained(refusal: Refusal) -> Exception:
    return AccessFault(NO_RIGHT) if refusal.code.lower() in DENIED else refusal
