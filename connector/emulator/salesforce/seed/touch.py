"""The company's activities: meetings become events with their attendees, all else tasks that are done.

Rows come in, batches of records leave, and then the day of the last activity of each account, contact and deal.
Next room: the package itself.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from connector.emulator.company.model import Activity
from connector.emulator.salesforce.org.ids import INSTANCE, series
from connector.emulator.salesforce.seed.rows import Batch, Columns, Ids, batches, days, moments, same, stamps, turned

_SUBTYPES = {"call": "Call", "email_in": "Email", "email_out": "Email", "task": "Task"}
_TASK_TYPES = {"call": "Call", "email_in": "Email Received", "email_out": "Email Sent", "task": "Other"}


def activities(rows: list[Activity], ids: Ids) -> Iterator[Batch]:
    """All of them, numbered together whatever they become."""
    ids.begin("activities")
    first = ids.numbers.take(len(rows))
    attending = sum(1 + len(one.others) for one in rows if one.kind == "meeting" and one.contact)
    attendances = series("0RE", INSTANCE, ids.numbers.take(attending), attending)
    last = _Last()

    def numbered(prefix: str, meetings: bool) -> Iterator[tuple[Activity, str]]:
        pairs = zip(rows, series(prefix, INSTANCE, first, len(rows)), strict=True)
        return (pair for pair in pairs if (pair[0].kind == "meeting") == meetings)

    def shared(a: Any, own: tuple[str, ...], on: list[str | None]) -> Columns:
        logged, accounts = moments(a.logged), ids.of("accounts", a.account)
        deals = ids.of("opportunities", a.opportunity)
        return {
            "Id": own,
            "WhoId": ids.of("contacts", a.contact),
            "WhatId": [deal or account for deal, account in zip(deals, accounts, strict=True)],
            "AccountId": accounts,
            "OwnerId": ids.of("users", a.owner),
            "ActivityDate": on,
            "Captured__c": a.captured,
            **stamps(logged, logged),
        }

    def events(pairs: list[tuple[Activity, str]]) -> Columns:
        meetings, own = zip(*pairs, strict=True)
        a = turned(meetings)
        on = days(at.date() for at in a.at)
        last.saw(a, on, ids.facts.today)
        starts = moments(a.at)
        ends = moments(at + timedelta(minutes=long) for at, long in zip(a.at, a.minutes, strict=True))
        return {
            "Subject": same("Meeting", pairs),
            "Type": same("Meeting", pairs),
            "StartDateTime": starts,
            "ActivityDateTime": starts,
            "DurationInMinutes": a.minutes,
            "EndDateTime": ends,
            "EndDate": [end[:10] for end in ends if end],
            "IsGroupEvent": map(bool, a.others),
            **shared(a, own, on),
        }

    def relations(found: list[tuple[Activity, str, int]]) -> Columns:
        logged = moments(meeting.logged for meeting, _, _ in found)
        return {
            "Id": [next(attendances) for _ in found],
            "EventId": [event for _, event, _ in found],
            "RelationId": ids.of("contacts", [who for _, _, who in found]),
            "AccountId": ids.of("accounts", [meeting.account for meeting, _, _ in found]),
            "IsWhat": same(False, found),
            "IsParent": [who == meeting.contact for meeting, _, who in found],
            "IsInvitee": [who != meeting.contact for meeting, _, who in found],
            "Status": same("Accepted", found),
            **stamps(logged, logged),
        }

    def tasks(pairs: list[tuple[Activity, str]]) -> Columns:
        done, own = zip(*pairs, strict=True)
        a = turned(done)
        on = days(at.date() for at in a.at)
        last.saw(a, on, None)
        subtypes = [_SUBTYPES[kind] for kind in a.kind]
        return {
            "TaskSubtype": subtypes,
            "Type": [_TASK_TYPES[kind] for kind in a.kind],
            "Subject": subtypes,
            "Status": same("Completed", pairs),
            "IsClosed": same(True, pairs),
            "CallType": ["Outbound" if kind == "call" else None for kind in a.kind],
            "CompletedDateTime": moments(a.at),
            **shared(a, own, on),
        }

    yield from batches("Event", numbered("00U", meetings=True), events)
    came = (
        (meeting, event, who)
        for meeting, event in numbered("00U", meetings=True)
        for who in (meeting.contact, *meeting.others)
        if who
    )
    yield from batches("EventRelation", came, relations)
    yield from batches("Task", numbered("00T", meetings=False), tasks)
    yield from last.days(ids)


class _Last:
    """The last day on which an account, a contact or a deal was touched."""

    def __init__(self) -> None:
        self._found: dict[str, dict[int, str]] = {"accounts": {}, "contacts": {}, "opportunities": {}}

    def saw(self, a: Any, on: Iterable[str | None], until: str | None) -> None:
        """Take note of some activities; those after a day have not been yet."""
        for table, numbers in (("accounts", a.account), ("contacts", a.contact), ("opportunities", a.opportunity)):
            known = self._found[table]
            for no, day in zip(numbers, on, strict=True):
                if no and day and (until is None or day <= until) and day > known.get(no, ""):
                    known[no] = day

    def days(self, ids: Ids) -> Iterator[Batch]:
        """Tell."""
        for name, table in (("Account", "accounts"), ("Contact", "contacts"), ("Opportunity", "opportunities")):
            for batch in batches(name, sorted(self._found[table].items()), partial(_seen, ids, table)):
                yield batch._replace(new=False)


def _seen(ids: Ids, table: str, found: list[tuple[int, str]]) -> Columns:
    return {"Id": ids.of(table, [no for no, _ in found]), "LastActivityDate": [day for _, day in found]}
