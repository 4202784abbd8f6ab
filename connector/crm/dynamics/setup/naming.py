"""How things of ours are called in Dataverse, the mark that tells them from others', and what each role may do.

In: the prefix and this installation's mark. Out: names, ids and grants, the same for the same wishes.
Next room: `definitions`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID, uuid5

from connector.errors import UsageFault
from connector.schema import KEYED, WRITE_COLUMNS, CrmField

CODES = {"account": 1, "contact": 2, "opportunity": 3}  # the org's tables with columns of ours, and their type codes
TABLES = tuple(CODES)
LOOKUPS = {"user": "systemuser", "contact": "contact", "account": "account"}  # kind of a column → where it points


class Own(NamedTuple):
    """A table of ours: what follows the prefix, what it and its rows are called, and the column that names a row."""

    schema: str
    label: str
    plural: str
    primary: str


OWN = {"whitespace_gap": Own("WhitespaceGap", "Whitespace gap", "Whitespace gaps", "family")}
VERSION = "1.0.0.0"  # of the solution
OPTION_PREFIX = 72700
FIRST_OPTION = OPTION_PREFIX * 10_000
DESCRIPTION_MAX = 2000  # what Dataverse takes as a column's description
_OURS = UUID("5d0f4c3e-8f0a-4d57-9a4e-6b0f5d6c7a10")
ROLES = {
    "Connector": "Connector",
    "Reader": "Reader",
    "Programme_Owner": "Programme Owner",
}

# What the connector reads; a table that this org has not is left out.
PULLED = (
    *("account", "contact", "opportunity", "opportunityproduct", "product", "productsubstitute", "incident"),
    *("connection", "connectionrole", "activitypointer", "activityparty", "appointment", "phonecall", "email", "task"),
    *("systemuser", "usersettings", "organization", "transactioncurrency", "msdyn_customerasset"),
)
# What reading metadata and asking for bulk messages needs besides; not bound to a table one can describe.
BY_NAME = (
    "prvReadEntity",
    "prvReadAttribute",
    "prvReadRelationship",
    "prvReadOptionSet",
    "prvReadSdkMessage",
    "prvReadSdkMessageFilter",
)


@dataclass(frozen=True)
class Naming:
    """How things of ours are called in the CRM, and the mark that tells them from things of others."""

    prefix: str
    mark: str

    def __post_init__(self) -> None:
        plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9]{1,7}", self.prefix)
        if not plain or self.lower.startswith("mscrm"):
            raise UsageFault(
                f'[setup] prefix: "{self.prefix}" cannot begin a column\'s name in Dataverse. Use 2 to 8 letters and '
                'digits that begin with a letter, and not with "mscrm".'
            )

    @property
    def lower(self) -> str:
        """Customization prefix; also the unique name of publisher and solution."""
        return self.prefix.lower()

    @property
    def sign(self) -> str:
        """Mark as it stands at the end of descriptions."""
        return f"[kam {self.mark}]"

    @property
    def made(self) -> str:
        """Description of what has no meaning of its own to tell."""
        return f"Made by kam-connector. {self.sign}"

    @property
    def pending(self) -> str:
        """The solution's description while changes are not published: an apply that was killed leaves it behind."""
        return f"Made by kam-connector. Changes are not published yet. {self.sign}"

    def column(self, wish: CrmField) -> str:
        """Logical name of a column."""
        return self.schema(wish).lower()

    def schema(self, wish: CrmField) -> str:
        """Schema name of a column."""
        return f"{self.lower}_{wish.name}"

    def table(self, table: str) -> str:
        """Logical name of a table."""
        return self.table_schema(table).lower() if table in OWN else table

    def table_schema(self, table: str) -> str:
        """Schema name of a table of ours."""
        return f"{self.lower}_{OWN[table].schema}"

    @property
    def tables(self) -> tuple[str, ...]:
        """Logical names of all tables that may have columns of ours."""
        return (*TABLES, *self.own)

    @property
    def own(self) -> dict[str, str]:
        """Tables of ours by their logical name."""
        return {self.table(table): table for table in OWN}

    def key(self, table: str) -> str:
        """Schema name of the alternate key of a table of ours, by which a row is found and never made twice."""
        return f"{self.table_schema(table)}_Key"

    def key_column(self, table: str) -> str:
        """Logical name of that key's column."""
        return self.column(WRITE_COLUMNS[table, KEYED[table]])

    def relationship(self, wish: CrmField) -> str:
        """Schema name of the relationship behind a lookup."""
        return f"{self.lower}_{LOOKUPS[wish.kind]}_{wish.table}_{wish.name}"

    def full(self, wish: CrmField) -> str:
        """Logical name with its table."""
        return f"{self.table(wish.table)}.{self.column(wish)}"

    def description(self, wish: CrmField) -> str:
        """Help text with the mark as its last bracket; a long text is cut, never the mark."""
        room = DESCRIPTION_MAX - len(self.sign) - 1
        return f"{wish.help[:room]} {self.sign}"

    def role(self, role: str) -> str:
        """Name of a security role and of the column security profile that belongs to it."""
        return f"{self.prefix} {ROLES[role]}"

    @property
    def view(self) -> str:
        """Name of the view."""
        return "My key accounts"

    def id(self, kind: str, name: str = "") -> str:
        """Id of a row of ours.

        It follows from the mark: roles have no description to hold one, and a creation whose answer was lost can be
        said again.
        """
        return str(uuid5(_OURS, f"{self.mark}/{self.lower}/{kind}/{name}"))

    def is_ours(self, description: str | None) -> bool:
        """Whether a description carries our mark."""
        return (description or "").rstrip().endswith(self.sign)


def roles(wishes: Iterable[CrmField]) -> tuple[str, ...]:
    """Roles that these fields need: without inputs and programme fields nobody needs the third."""
    groups = {wish.group for wish in wishes}
    return tuple(ROLES) if groups - {"core", "contacts", "opportunities", "gaps"} else ("Connector", "Reader")


def is_secured(wish: CrmField) -> bool:
    """Whether a column has security of its own: the status, and the programme's money and scores."""
    return wish.group == "programme" or wish.column == "kam_status"


def permissions(role: str, wishes: Iterable[CrmField]) -> dict[CrmField, bool]:
    """Secured columns that a role's profile shows, and whether it also lets them be edited.

    Connector writes what is computed and only reads what people decide; Reader sees neither the programme's money nor
    its scores; Programme Owner sees all and edits what people decide.
    """
    secured = [wish for wish in wishes if is_secured(wish)]
    if role == "Connector":
        return {wish: wish.group != "inputs" for wish in secured}
    if role == "Programme_Owner":
        return {wish: wish.group == "inputs" for wish in secured}
    return {wish: False for wish in secured if wish.group != "programme"}


def profiles(wishes: Iterable[CrmField]) -> tuple[str, ...]:
    """Roles that a column security profile goes with; none where no column is secured."""
    wishes = tuple(wishes)
    return tuple(role for role in roles(wishes) if permissions(role, wishes))


def names_rows(wish: CrmField) -> bool:
    """Whether a column is the one that names the rows of a table of ours; it comes with the table."""
    return wish.table in OWN and wish.column == OWN[wish.table].primary


def rights(role: str, wishes: Iterable[CrmField], naming: Naming) -> dict[tuple[str, str], str]:
    """Depth of each right of a role, by table and right.

    The connector sees the whole org, as change tracking demands. Readers and owners reach their own records; how far
    they see beyond these stays what their other roles say. Rows of ours belong to an account: who has that has them,
    and answers on them.
    """
    wishes = tuple(wishes)
    touched = tuple(dict.fromkeys(naming.table(wish.table) for wish in wishes))
    own = [table for table in touched if table in naming.own]
    if role == "Connector":
        held = dict.fromkeys(((table, "Read") for table in PULLED), "Global")
        held |= dict.fromkeys(((table, right) for table in touched for right in ("Read", "Write", "Append")), "Global")
        held |= dict.fromkeys(((table, "Create") for table in own), "Global")
        pointed = {LOOKUPS[wish.kind] for wish in wishes if wish.kind in LOOKUPS}
        return held | {(table, "AppendTo"): "Global" for table in {"systemuser", *pointed}}
    held = {(table, "Read"): "Basic" for table in touched} | {(table, "Write"): "Basic" for table in own}
    if role == "Programme_Owner":
        decided = dict.fromkeys(wish.table for wish in wishes if wish.group in ("inputs", "programme"))
        held |= {(table, right): "Basic" for table in decided for right in ("Write", "Append")}
        # users are nobody's own, so this is the one right that must reach further
        held |= {("systemuser", "Read"): "Global", ("systemuser", "AppendTo"): "Global"}
    return held


def view_status(wishes: Iterable[CrmField]) -> CrmField | None:
    """Field that the view filters by; without it there is no view."""
    return next((wish for wish in wishes if wish.column == "kam_status"), None)


def view_columns(wishes: Iterable[CrmField], status: CrmField) -> list[CrmField]:
    """Fields that the view shows besides the name."""
    shown = [wish for wish in wishes if wish.table == status.table and wish.group == "core" and wish.kind != "date"]
    return [status, *shown][:14]
