"""The tables of what happened and who knows whom: activities, their parties, connections.

In: nothing; out: `TABLES`, each as the arguments of `notation.table`. Next room: `administration`.
"""

REGARDING = ("account", "contact", "opportunity", "incident")
"""Tables that an activity can be about."""

CONCRETE = ("phonecall", "appointment", "email", "task")
"""The kinds of activities; each row of theirs has a twin in `activitypointer` with the same id."""

_NAMES = {
    "activitypointer": "ActivityPointers", "phonecall": "Phonecalls", "appointment": "Appointments",
    "email": "Emails", "task": "Tasks",
}  # fmt: skip
_PLAIN = "Open: 1 Open; Completed: 2 Completed; Canceled: 3 Canceled; Scheduled: 4 Scheduled"


def _activity(header: str, states: str, more: str = "", length: int = 400) -> tuple[str, str, str]:
    name = header.split(" ", 1)[0]
    about = ",".join(f"{target}={target.capitalize()}_{_NAMES[name]}^" for target in REGARDING)
    return (
        f"{header} | UserOwned activity untracked",
        f"""
        subject!                 S{length}   Subject
        activitytypecode-        E          Activity Type
        regardingobjectid        L:{about}  Regarding
        description              M{1073741823 if name == "email" else 2000} Description
        scheduledstart           T          Start Date
        scheduledend             T          Due Date
        actualstart              T          Actual Start
        actualend                T          Actual End
        senton-                  T          Date Sent
        sortdate                 T          Sort Date
        scheduleddurationminutes I0:2147483647 Scheduled Duration
        actualdurationminutes    I0:2147483647 Actual Duration
        prioritycode             P:priority=1 Priority
        isbilled                 B          Is Billed
        isworkflowcreated        B          Is Workflow Created
        isregularactivity-       B=1        Is Regular Activity
        {more}
        """,
        states,
    )


ACTIVITY = _activity(
    "activitypointer | ActivityPointer | activitypointers | 4200 | activityid | subject | Activity | Activities", _PLAIN
)

PHONECALL = _activity(
    "phonecall | PhoneCall | phonecalls | 4210 | activityid | subject | Phone Call | Phone Calls",
    "Open: 1 Open; Completed: 2 Made, 4 Received; Canceled: 3 Canceled",
    """
    phonenumber              S200:Phone Phone Number
    directioncode            B:Incoming/Outgoing=1 Direction
    leftvoicemail            B          Left Voice Mail
    category                 S250       Category
    """,
    200,
)

APPOINTMENT = _activity(
    "appointment | Appointment | appointments | 4201 | activityid | subject | Appointment | Appointments",
    "Open: 1 Free, 2 Tentative; Completed: 3 Completed; Canceled: 4 Canceled; Scheduled: 5 Busy, 6 Out of Office",
    """
    location                 S200       Location
    isalldayevent            B          All Day Event
    category                 S250       Category
    """,
    200,
)

EMAIL = _activity(
    "email | Email | emails | 4202 | activityid | subject | Email | Email Messages",
    "Open: 1 Draft, 8 Failed; Completed: 2 Completed, 3 Sent, 4 Received, 6 Pending Send, 7 Sending;"
    " Canceled: 5 Canceled",
    """
    directioncode            B:Incoming/Outgoing=1 Direction
    torecipients             S500       To Recipients
    sender                   S250       From
    messageid                S320       Message ID
    """,
    800,
)

TASK = _activity(
    "task | Task | tasks | 4212 | activityid | subject | Task | Tasks",
    "Open: 2 Not Started, 3 In Progress, 4 Waiting on someone else, 7 Deferred; Completed: 5 Completed;"
    " Canceled: 6 Canceled",
    """
    percentcomplete          I0:100=0   Percent Complete
    category                 S250       Category
    """,
    200,
)

_PARTY_TO = ("account", "contact", "systemuser", "opportunity", "incident")
_PARTIES = ",".join(f"{name}={name}_activity_parties^" for name in ("activitypointer", *CONCRETE))
_AS_PARTY = ",".join(
    f"{name}={ {'systemuser': 'system_user'}.get(name, name) }_{'activity_parties'}" for name in _PARTY_TO
)

PARTY = (
    "activityparty | ActivityParty | activityparties | 135 | activitypartyid | partyid | Activity Party"
    " | Activity Parties | None single untracked",
    f"""
    activityid~              L:{_PARTIES} Activity
    partyid                  L:{_AS_PARTY} Party
    participationtypemask    P:participation Participation Type
    addressused              S320       Address
    unresolvedpartyname      S200       Unresolved Party Name
    donotemail-              B          Do not allow Emails
    effort                   F          Effort
    """,
    "",
)

_CONNECTED = ("account", "contact", "opportunity", "systemuser", "incident", "product")


def _connected(number: int) -> str:
    return ",".join(f"{name}={name}_connections{number}^" for name in _CONNECTED)


CONNECTION = (
    "connection | Connection | connections | 3234 | connectionid | name | Connection | Connections"
    " | UserOwned single untracked",
    f"""
    name-                    S500       Name
    record1id                L:{_connected(1)} Connected From
    record2id                L:{_connected(2)} Connected To
    record1objecttypecode-   P:connectedtable Type (From)
    record2objecttypecode-   P:connectedtable Type (To)
    record1roleid            L:connectionrole=connection_role_connections1 Role (From)
    record2roleid            L:connectionrole=connection_role_connections2 Role (To)
    relatedconnectionid-     L:connection=connection_related_connection Reciprocal Connection
    ismaster-                B          Is Master
    effectivestart           TD         Starting
    effectiveend             TD         Ending
    description              M2000      Description
    """,
    "Active: 1 Active; Inactive: 2 Inactive",
)

CONNECTION_ROLE = (
    "connectionrole | ConnectionRole | connectionroles | 3231 | connectionroleid | name | Connection Role"
    " | Connection Roles | OrganizationOwned untracked",
    """
    name*                    S100       Name
    category                 P:connectioncategory Connection Role Category
    description              M2000      Description
    """,
    "Active: 1 Active; Inactive: 2 Inactive",
)

TABLES = (ACTIVITY, PHONECALL, APPOINTMENT, EMAIL, TASK, PARTY, CONNECTION, CONNECTION_ROLE)
