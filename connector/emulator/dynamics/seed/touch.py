"""The invented company's activities as Dynamics 365 rows: meetings, calls, mails and tasks, with who took part.

The company's activities and the ids of its rows come in; rows of four activity tables and of `activityparty` go
into the org, the activities' ids leave. A meeting has its moment; the others only a day, like tasks in Salesforce, so
that both faces tell the same. Next room: `read`.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta

from connector.emulator.company.model import LAST_DAY, Activity, Company
from connector.emulator.dynamics.org.records import Org
from connector.emulator.dynamics.seed.rows import Ids, Link, moment

Column = Callable[[Activity], object]

_KINDS = {"meeting": "appointment", "call": "phonecall", "email_in": "email", "email_out": "email", "task": "task"}
_SUBJECTS = {"meeting": "Meeting", "call": "Call", "email_in": "Email", "email_out": "Email", "task": "Task"}
_DONE = {"call": 2, "email_in": 4, "email_out": 3, "task": 5}  # status reason of what is done: made, received, sent…
_SENDER, _TO, _REQUIRED, _ORGANIZER, _REGARDING, _OWNER = 1, 2, 5, 7, 8, 9


def activities(org: Org, company: Company, ids: Ids) -> list[str]:
    """Load all activities with their parties; their ids in row order."""
    own = [org.new_guid(_KINDS[activity.kind]) for activity in company.activities]
    shared: dict[str, Column] = {
        "activityid": lambda a: own[a.no - 1],
        "subject": lambda a: _SUBJECTS[a.kind],
        "regardingobjectid": lambda a: _about(a, ids),
        "ownerid": lambda a: ids.link("users", a.owner),
        "actualdurationminutes": lambda a: a.minutes,
        "new_captured": lambda a: a.captured,
        "createdon": lambda a: moment(a.logged),
        "modifiedon": lambda a: moment(a.logged),
    }
    done: dict[str, Column] = {
        "statecode": lambda a: 1,
        "statuscode": lambda a: _DONE[a.kind],
        "actualend": _midnight,
    }
    tables: dict[str, dict[str, Column]] = {
        "appointment": {
            "scheduledstart": lambda a: moment(a.at),
            "scheduledend": lambda a: moment(a.at + timedelta(minutes=a.minutes)),
            "statecode": lambda a: 3 if _ahead(a) else 1,
            "statuscode": lambda a: 5 if _ahead(a) else 3,
        },
        "phonecall": {"scheduledend": _midnight, "directioncode": lambda a: True, **done},
        "email": {"senton": _midnight, "directioncode": lambda a: a.kind == "email_out", **done},
        "task": {"scheduledend": _midnight, "percentcomplete": lambda a: 100, **done},
    }
    for name, columns in tables.items():
        makers = list((shared | columns).values())
        rows = ([make(a) for make in makers] for a in company.activities if _KINDS[a.kind] == name)
        org.bulk_load(name, list(shared | columns), rows)
    _parties(org, company, own, ids)
    return own


def _about(activity: Activity, ids: Ids) -> Link:
    """What an activity regards: the deal or the account; a task its contact, as a task has no other parties."""
    if activity.kind == "task" and activity.contact is not None:
        return ids.link("contacts", activity.contact)
    return ids.link("opportunities", activity.opportunity) or ids.link("accounts", activity.account)


def _ahead(activity: Activity) -> bool:
    return activity.at.date() > LAST_DAY


def _midnight(activity: Activity) -> str:
    return f"{activity.at.date()}T00:00:00Z"


def _parties(org: Org, company: Company, own: list[str], ids: Ids) -> None:
    columns = ["activitypartyid", "activityid", "partyid", "participationtypemask"]
    rows = (
        [org.new_guid("activityparty"), (_KINDS[activity.kind], own[activity.no - 1]), party, mask]
        for activity in company.activities
        for party, mask in _taking_part(activity, ids)
        if party is not None
    )
    org.bulk_load("activityparty", columns, rows)


def _taking_part(activity: Activity, ids: Ids) -> Iterator[tuple[Link, int]]:
    """Our user and their contacts, each by the part that the kind of activity gives them."""
    ours, theirs = ids.link("users", activity.owner), ids.link("contacts", activity.contact)
    if activity.kind == "meeting":
        yield ours, _ORGANIZER
        yield theirs, _REQUIRED
        yield from ((ids.link("contacts", other), _REQUIRED) for other in activity.others)
    elif activity.kind == "task":
        yield ours, _OWNER
        yield theirs, _REGARDING
    elif activity.kind == "email_in":
        yield theirs, _SENDER
        yield ours, _TO
    else:
        yield ours, _SENDER
        yield theirs, _TO
