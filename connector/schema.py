"""Our tables and columns and their meaning, the fields we write, Change and Outcome: the one vocabulary.

Nothing comes in. The mapping, the store, the insights and the documentation all read it. Next room: `mapping`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np


@dataclass(frozen=True)
class Column:
    """One column; `optional` if an org may lack it.

    kind: id, text, int, number, money, day, instant, flag or epoch (a day number).
    """

    name: str
    kind: str
    meaning: str
    optional: bool = False


@dataclass(frozen=True)
class Table:
    """One table of the mirror; `key` names its key columns, `optional` says an org may not have it at all."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    optional: bool = False
    key: tuple[str, ...] = ("id",)

    def column(self, name: str) -> Column | None:
        """Column by name, or None."""
        return next((c for c in self.columns if c.name == name), None)


SQL_TYPE = {
    "id": "TEXT",
    "text": "TEXT",
    "int": "INTEGER",
    "number": "REAL",
    "money": "REAL",
    "day": "TEXT",
    "instant": "TEXT",
    "flag": "INTEGER",
    "epoch": "INTEGER",
}


def twin(column: Column) -> str | None:
    """Name of the computed twin: `_minor` (corporate minor units) for money, `_day` (epoch day) for days."""
    if column.kind == "money":
        return f"{column.name}_minor"
    if column.kind in ("day", "instant"):
        return column.name.removesuffix("_at").removesuffix("_date") + "_day"
    return None


def _table(name: str, meaning: str, text: str, *, optional: bool = False, key: tuple[str, ...] = ("id",)) -> Table:
    """Table from lines of `name* kind meaning`; the star marks an optional column."""
    columns = []
    for line in text.strip().splitlines():
        word, kind, explanation = line.strip().split(maxsplit=2)
        columns.append(Column(word.rstrip("*"), kind, explanation, optional=word.endswith("*")))
    return Table(name, meaning, tuple(columns), optional, key)


_TABLES = (
    _table(
        "account",
        "A customer, prospect or other company.",
        """
        id              id      The CRM's id.
        name            text    Name.
        parent_id       id      The company it belongs to.
        owner_id        id      The user who looks after it.
        type            text    customer, prospect, partner, competitor or other.
        industry        text    Industry, as the CRM says it.
        segment*        text    Segment, as the customer defines it.
        country         text    Country of the main address.
        city            text    City of the main address.
        employees       int     Number of employees.
        annual_revenue  money   The account's own yearly revenue.
        currency        text    ISO code of the record's currency.
        created_at      instant When the record was made.
        modified_at     instant When the record last changed.
        kam_manager_id* id      The user who is its key account manager.
        sponsor_id*     id      Our executive sponsor for it.
        cost_to_serve*  money   Yearly cost to serve it.
        satisfaction*   number  Satisfaction, 0 to 100.
        payment_days*   number  Days paid beyond the agreed terms.
        strategic_fit*  number  0 to 5, typed by a person.
        partnership*    number  Willingness to partner, 0 to 5, typed by a person.
        credit_hold*    flag    True when deliveries are stopped for credit reasons.
        region*         text    Sales region.
        group_key*      text    Key of the corporate group, where parent_id is not kept.
        product_fit*    number  How well what we sell suits it, 0 to 5, typed by a person.
        financial_strength* number How sound it is, 0 to 5, typed by a person.
        market_relationships* number Whom it brings us to, 0 to 5, typed by a person.
        cultural_fit*   number  How alike we work, 0 to 5, typed by a person.
        geographic_fit* number  How well we can serve it where it is, 0 to 5, typed by a person.
        """,
    ),
    _table(
        "programme",
        "What people decided about an account, and what we remember of it.",
        """
        account_id        id      The account.
        status*           text    Key, Standard or Not eligible; approved by a person.
        nominated*        flag    A person wants it in the programme.
        nominated_reason* text    Why.
        nominated_until*  day     Until when the nomination holds.
        decided_by*       id      The user who decided.
        decided_at*       instant When.
        review_due*       day     When the status is to be looked at again.
        since*            day     Memory: member since.
        locked_until*     day     Memory: no demotion is proposed before.
        strikes*          int     Memory: reviews in a row outside the band.
        last_review*      day     Memory: when the last review was computed.
        """,
        optional=True,
        key=("account_id",),
    ),
    _table(
        "contact",
        "A person at an account.",
        """
        id             id      The CRM's id.
        account_id     id      The account.
        name           text    Name; never leaves the mirror in a text.
        title          text    Job title.
        department     text    Department.
        email          text    E-mail address.
        reports_to_id  id      The contact this one reports to.
        manager_name*  text    Name of the manager, where the CRM has no link: matched within the account.
        owner_id       id      The user who looks after the contact.
        role*          text    Role in buying, set by a person.
        attitude*      number  -2 to +2, set by a person.
        is_active      flag    False when the person left or the record is retired.
        left_at*       day     When the person left.
        no_profiling*  flag    True: left out of everything computed.
        style*         int     Communication style 1 to 9, set by a person.
        style_set_by*  id      Who set it.
        style_set_at*  instant When it was set.
        created_at     instant When the record was made.
        modified_at    instant When the record last changed.
        """,
    ),
    _table(
        "opportunity",
        "A deal, open or closed.",
        """
        id            id      The CRM's id.
        account_id    id      The account; may be empty.
        owner_id      id      The user who runs it.
        name          text    Name.
        state         text    open, won or lost.
        stage         text    Stage, as the CRM says it.
        amount        money   Amount.
        currency      text    ISO code of the record's currency.
        close_date    day     Closed on, or expected to.
        created_at    instant When the record was made.
        modified_at   instant When the record last changed.
        type          text    Type, as the CRM says it.
        probability   number  0 to 100.
        pushed*       int     How often the close date was pushed back.
        lost_reason*  text    Why it was lost.
        competitor*   text    Who else offered.
        exchange_rate* number Units of the record's currency for one corporate unit, where the CRM keeps it.
        """,
    ),
    _table(
        "opportunity_line",
        "One product on a deal.",
        """
        id              id     The CRM's id.
        opportunity_id  id     The deal.
        product_id      id     The product.
        quantity        number Quantity.
        amount          money  Total of the line, in the deal's currency.
        cost*           money  Our cost of the whole line, in the deal's currency.
        starts_at*      day    Start of the service.
        ends_at*        day    End of the service.
        """,
        optional=True,
    ),
    _table(
        "revenue",
        "Invoices, orders or contracts, where they are the revenue source.",
        """
        id          id    The CRM's id.
        account_id  id    The account.
        product_id* id    The product.
        source      text  invoice, order or contract.
        amount      money Amount.
        cost*       money Our cost.
        currency    text  ISO code of the record's currency.
        starts_at   day   Day, or start of the term.
        ends_at     day   End of the term.
        """,
        optional=True,
    ),
    _table(
        "product",
        "What we sell.",
        """
        id         id   The CRM's id.
        name       text Name.
        code       text Product code.
        family     text Product family: the column of the whitespace matrix.
        is_active  flag Still sold.
        """,
        optional=True,
    ),
    _table(
        "product_relation",
        "How two products go together.",
        """
        id          id   The CRM's id.
        product_id  id   The product.
        other_id    id   The other one.
        kind        text cross_sell, up_sell, accessory or substitute.
        both_ways*  flag True when it holds from the other product, too; a substitute always does.
        """,
        optional=True,
    ),
    _table(
        "stakeholder",
        "A contact's role on a deal or account, set by a person.",
        """
        id              id   The CRM's id.
        contact_id      id   The contact.
        opportunity_id  id   The deal, or empty.
        account_id      id   The account, or empty.
        role            text economic_buyer, champion, technical, user, coach, blocker, sponsor or other.
        is_primary      flag The main contact of the deal.
        """,
        optional=True,
    ),
    _table(
        "activity",
        "A meeting, call, mail, chat, task or event; never its subject or body.",
        """
        id              id      The CRM's id.
        kind            text    meeting, call, email_in, email_out, chat, task or event.
        at              instant When it took place.
        logged_at       instant When it was entered.
        captured        flag    True when a mail or calendar link recorded it.
        account_id      id      The account.
        owner_id        id      The user.
        opportunity_id* id      The deal.
        """,
        optional=True,
    ),
    _table(
        "activity_contact",
        "Who took part in an activity on the customer's side.",
        """
        activity_id  id The activity.
        contact_id   id The contact.
        """,
        optional=True,
        key=("activity_id", "contact_id"),
    ),
    _table(
        "user",
        "One of us.",
        """
        id          id   The CRM's id.
        name        text Name.
        title       text Job title.
        manager_id  id   The user this one reports to.
        locale      text Language and region, as en_GB.
        is_active   flag Can log in.
        """,
    ),
    _table(
        "account_team",
        "Our people on an account.",
        """
        id          id   The CRM's id.
        account_id  id   The account.
        user_id     id   The user.
        role        text Role, as the CRM says it.
        """,
        optional=True,
    ),
    _table(
        "case",
        "A service case.",
        """
        id            id      The CRM's id.
        account_id    id      The account.
        opened_at     instant Opened.
        closed_at     instant Closed, or empty.
        priority      text    high, medium or low.
        satisfaction* number  0 to 100.
        """,
        optional=True,
    ),
    _table(
        "asset",
        "What an account has, from us or from a competitor.",
        """
        id            id   The CRM's id.
        account_id    id   The account.
        product_id    id   The product.
        status        text Status, as the CRM says it.
        installed_at  day  Installed.
        ends_at       day  End of use.
        rival*        flag True when somebody else sold it: the family is then held by a competitor.
        """,
        optional=True,
    ),
    _table(
        "verdict",
        "What a person answered to something we proposed; the newest answer counts.",
        """
        id            id      The CRM's id.
        account_id    id      The account; empty for the whole programme.
        subject       text    What was proposed: a product family's name.
        answer        text    accepted, no_need, already_has, competitor or in_house.
        answered_by*  id      The user who answered.
        answered_at   instant When.
        """,
        optional=True,
    ),
    _table(
        "currency_rate",
        "Units of a currency for one unit of the corporate currency, from a day on.",
        """
        currency  text   ISO code.
        from_day  epoch  First epoch day of the rate.
        rate      number Units of this currency for one corporate unit.
        digits    int    Decimal places of the currency.
        """,
        optional=True,
        key=("currency", "from_day"),
    ),
)
TABLES: dict[str, Table] = {t.name: t for t in _TABLES}


def mirror_columns(table: str) -> list[tuple[str, str]]:
    """Columns of a mirror table with their SQLite types, computed twins behind their column."""
    made = []
    for column in TABLES[table].columns:
        made.append((column.name, SQL_TYPE[column.kind]))
        if other := twin(column):
            made.append((other, "INTEGER"))
    return made


# Reserved words of SQL that are tables of ours; insights say the name on the right.
EXPOSED = {"case": "service_case", "user": "crm_user"}


class Read(NamedTuple):
    """What is read of one table of the mirror: its name there, the columns, and by how many statements."""

    table: str
    columns: tuple[str, ...]
    steps: int


@dataclass(frozen=True)
class CrmField:
    """One field of ours in the CRM; `column` is the canonical name that mapping and results use.

    kind: picklist, text, long_text, number, currency, date, flag, user, contact (a lookup to one). `group` is what
    setup calls the set: core (always), inputs, programme, contacts. `precision`/`scale` as the CRM counts them,
    `length` in characters.
    """

    table: str
    column: str
    kind: str
    label: str
    help: str
    group: str = "core"
    values: tuple[str, ...] = ()
    length: int = 0
    precision: int = 0
    scale: int = 0

    @property
    def name(self) -> str:
        """Canonical name without a leading `kam_`, words capitalised: what follows the CRM's prefix."""
        return "_".join(w.capitalize() for w in self.column.removeprefix("kam_").split("_"))


FLAGS = ("On watch", "Large, not key", "Emerging", "Needs data", "None")
PROPOSALS = ("Promote", "Demote", "None")
RELATIONSHIP_BANDS = ("Strong", "Warm", "Weak", "Cold", "Unknown")
WHITESPACE_BANDS = ("Large", "Medium", "Small", "None", "Not enough data")
STATUSES = ("Key", "Standard", "Not eligible")
PARETO_CLASSES = ("A", "B", "C")
QUADRANTS = ("Strategic", "Star", "Status", "Streamline", "Unknown")
# From level 0 up; the last is for a title that says no level.
ORG_LEVELS = ("Support", "Specialist", "Manager", "Director", "Vice president", "C-level", "Unknown")
# Function as the insights call it → its value in the CRM.
ORG_FUNCTIONS: Mapping[str, str] = {
    "finance": "Finance",
    "it": "IT",
    "operations": "Operations",
    "procurement": "Procurement",
    "sales": "Sales",
    "marketing": "Marketing",
    "hr": "Human resources",
    "legal": "Legal",
    "engineering": "Engineering",
    "quality": "Quality",
    "general": "General management",
    "other": "Other",
}

CRM_FIELDS: tuple[CrmField, ...] = (
    CrmField("account", "kam_flag", "picklist", "KAM flag", "What to look at about this account.", values=FLAGS),
    CrmField(
        "account",
        "kam_proposal",
        "picklist",
        "KAM proposal",
        "Proposed change of the key account status; a programme owner decides.",
        values=PROPOSALS,
    ),
    CrmField("account", "kam_why", "text", "KAM why", "The reasons behind flag and proposal.", length=255),
    CrmField(
        "account", "kam_coverage_text", "text", "KAM coverage", "Which seats of the org chart we know.", length=255
    ),
    CrmField(
        "account",
        "kam_relationship_band",
        "picklist",
        "KAM relationship",
        "How warm our contact with this account is; Unknown when no activities are connected.",
        values=RELATIONSHIP_BANDS,
    ),
    CrmField(
        "account",
        "kam_whitespace_band",
        "picklist",
        "KAM whitespace",
        "How much this account could buy and has not; an estimate, not a forecast.",
        values=WHITESPACE_BANDS,
    ),
    CrmField("account", "kam_top_idea", "text", "KAM top idea", "What to offer next, and the evidence.", length=255),
    CrmField("account", "kam_alert", "text", "KAM alert", "What needs attention; None open otherwise.", length=255),
    CrmField("account", "kam_as_of", "date", "KAM as of", "The day these values were computed for."),
    CrmField(
        "account",
        "kam_status",
        "picklist",
        "KAM status",
        "Key account status; only holders of KAM Programme Owner may edit it.",
        group="inputs",
        values=STATUSES,
    ),
    CrmField("account", "nominated", "flag", "KAM nominated", "Nominate this account for the programme.", "inputs"),
    CrmField(
        "account", "nominated_reason", "text", "KAM nomination reason", "Why it is nominated.", "inputs", length=255
    ),
    CrmField("account", "nominated_until", "date", "KAM nominated until", "When the nomination ends.", "inputs"),
    CrmField("account", "review_due", "date", "KAM review due", "When the status is looked at again.", "inputs"),
    CrmField("account", "sponsor", "user", "KAM sponsor", "Our executive sponsor for this account.", "inputs"),
    CrmField(
        "account",
        "strategic_fit",
        "number",
        "KAM strategic fit",
        "0 = outside our strategy, 3 = in a target industry, 5 = shapes our market.",
        "inputs",
        precision=1,
    ),
    CrmField(
        "account",
        "partnership",
        "number",
        "KAM partnership",
        "0 = buys by tender only, 3 = shares plans, 5 = develops with us.",
        "inputs",
        precision=1,
    ),
    CrmField(
        "account",
        "product_fit",
        "number",
        "KAM product fit",
        "0 = needs what we don't make, 3 = our standard range suits it, 5 = needs just what we do best.",
        "inputs",
        precision=1,
    ),
    CrmField(
        "account",
        "financial_strength",
        "number",
        "KAM financial strength",
        "0 = may not outlast the year, 3 = sound, 5 = strong enough to grow with us for years.",
        "inputs",
        precision=1,
    ),
    CrmField(
        "account",
        "market_relationships",
        "number",
        "KAM market relationships",
        "0 = opens no doors, 3 = names us to others when asked, 5 = brings us customers and partners.",
        "inputs",
        precision=1,
    ),
    CrmField(
        "account",
        "cultural_fit",
        "number",
        "KAM cultural fit",
        "0 = works against our ways, 3 = differences are talked over, 5 = decides and works as we do.",
        "inputs",
        precision=1,
    ),
    CrmField(
        "account",
        "geographic_fit",
        "number",
        "KAM geographic fit",
        "0 = where we neither deliver nor serve, 3 = reached from a site nearby, 5 = in our home markets.",
        "inputs",
        precision=1,
    ),
    CrmField(
        "account", "kam_score", "number", "KAM score", "0 to 100, in steps of 5.", "programme", precision=5, scale=1
    ),
    CrmField("account", "kam_rank", "number", "KAM rank", "Rank among the scored accounts.", "programme", precision=8),
    CrmField(
        "account",
        "kam_confidence",
        "number",
        "KAM confidence",
        "Share of the criteria that is known, 0 to 1.",
        "programme",
        precision=3,
        scale=2,
    ),
    CrmField(
        "account",
        "kam_quadrant",
        "picklist",
        "KAM quadrant",
        "Attractiveness against relationship.",
        "programme",
        values=QUADRANTS,
    ),
    CrmField(
        "account",
        "net_value_12m",
        # A plain number: Salesforce shows a currency field in the record's own currency, whatever is written there.
        "number",
        "KAM net value 12m",
        "Net value of twelve months, in corporate currency.",
        "programme",
        precision=16,
        scale=2,
    ),
    CrmField(
        "account",
        "growth_percent",
        "number",
        "KAM growth percent",
        "Revenue of the year up to the last purchase against the year before, in steps of 5.",
        "programme",
        precision=5,
        scale=1,
    ),
    CrmField(
        "account",
        "lifetime_value",
        "number",
        "KAM lifetime value",
        "Net value to expect of three years, in corporate currency; an estimate, not a forecast.",
        "programme",
        precision=16,
        scale=2,
    ),
    CrmField(
        "account",
        "whitespace_low",
        "number",
        "KAM whitespace low",
        "What its ideas may bring a year at least, in corporate currency; an estimate, not a forecast.",
        "programme",
        precision=16,
        scale=2,
    ),
    CrmField(
        "account",
        "whitespace_high",
        "number",
        "KAM whitespace high",
        "What its ideas may bring a year at most, in corporate currency; an estimate, not a forecast.",
        "programme",
        precision=16,
        scale=2,
    ),
    CrmField(
        "account",
        "pareto_class",
        "picklist",
        "KAM Pareto class",
        "A: the accounts that bring 80 % of all net value; B: the next 15 %; C: the rest.",
        "programme",
        values=PARETO_CLASSES,
    ),
    CrmField(
        "account",
        "coverage_percent",
        "number",
        "KAM coverage percent",
        "Weighted share of required seats that we cover.",
        "programme",
        precision=3,
    ),
    CrmField(
        "account",
        "known_percent",
        "number",
        "KAM known percent",
        "Share of required seats where we know someone.",
        "programme",
        precision=3,
    ),
    CrmField(
        "account",
        "engaged_contacts",
        "number",
        "KAM engaged contacts",
        "Contacts with two-way contact in the last 90 days.",
        "programme",
        precision=5,
    ),
    CrmField(
        "account",
        "insight_json",
        "long_text",
        "KAM insight JSON",
        "The numbers behind score and rank, for programs; of accounts in the programme.",
        "programme",
        length=8000,
    ),
    CrmField(
        "account",
        "sponsor_suggested",
        "user",
        "KAM sponsor suggested",
        "Who of ours could sponsor this account; naming one in KAM sponsor is people's decision.",
        "programme",
    ),
    CrmField(
        "contact",
        "org_level",
        "picklist",
        "KAM level",
        "Level in the organisation, by the job title.",
        "contacts",
        values=ORG_LEVELS,
    ),
    CrmField(
        "contact",
        "org_function",
        "picklist",
        "KAM function",
        "Function in the organisation, by the job title.",
        "contacts",
        values=(*ORG_FUNCTIONS.values(), "Unknown"),
    ),
    CrmField(
        "contact",
        "relationship_band",
        "picklist",
        "KAM relationship",
        "How warm our contact with this person is; Unknown when no activities are connected.",
        "contacts",
        values=RELATIONSHIP_BANDS,
    ),
    CrmField("contact", "last_two_way_at", "date", "KAM last two-way", "Last contact in both directions.", "contacts"),
    CrmField(
        "contact",
        "suggested_manager",
        "contact",
        "KAM suggested manager",
        "Whom this person probably reports to; a guess by level, function and meetings, for a person to confirm.",
        "contacts",
    ),
)
WRITE_COLUMNS: dict[tuple[str, str], CrmField] = {(f.table, f.column): f for f in CRM_FIELDS}
INPUT_COLUMNS = frozenset(f.column for f in CRM_FIELDS if f.group == "inputs")


@dataclass(frozen=True)
class Change:
    """One proposed edit of one field: what it is, what it shall be, and why."""

    table: str
    id: str
    name: str
    column: str
    before: Any
    after: Any
    why: str


@dataclass(frozen=True)
class Outcome:
    """What became of one record's changes: state is written, refused, gone or unknown."""

    table: str
    id: str
    state: str
    code: str = ""
    message: str = ""
    columns: tuple[str, ...] = ()  # the columns the CRM complained of, where it says


class Engine(Protocol):
    """What runs insight SQL: DuckDB embedded, Spark when outgrown."""

    def run(self, name: str, sql: str, params: Mapping[str, object], scope: str = "") -> None:
        """Make temp table `name` from one SELECT, replacing an older one; `:word` in the text is bound from params.

        `scope` is the word of `insight.steps` that says of which rows it is made: for engines that keep tables.
        """

    def view(self, name: str, sql: str, params: Mapping[str, object]) -> None:
        """The same SELECT under a name without storing its rows: for a step that is read once."""

    def drop(self, names: Sequence[str]) -> None:
        """Give back the room of temp tables that nobody reads any more."""

    def arrays(self, sql: str) -> dict[str, np.ndarray[Any, Any]]:
        """Columns of a SELECT as numpy arrays (masked where null), in the statement's order."""

    def load(self, name: str, arrays: Mapping[str, np.ndarray[Any, Any] | Sequence[Any]]) -> None:
        """Make temp table `name` from columns of equal length; replaces an older one."""


# Tables and columns that an enrich asks `Context.has` for.
ASKED = ("activity", "programme.status")
# Where revenue is read from: won deals, or rows of `revenue` of this source.
REVENUE_SOURCES = ("won_deals", "invoices", "orders", "contracts")


@dataclass(frozen=True)
class Context:
    """What every insight is told besides the tables.

    as_of: epoch day. known: names of tables (`activity`) and columns (`opportunity_line.cost`) that this org has.
    digits: decimal places of the corporate currency. revenue: one of REVENUE_SOURCES.
    """

    as_of: int
    currency: str = "EUR"
    digits: int = 2
    language: str = "en"
    known: frozenset[str] = field(default_factory=frozenset)
    revenue: str = "won_deals"

    def has(self, name: str) -> int:
        """1 when the table or column is known, else 0; for use as an SQL parameter."""
        if name not in ASKED:
            raise ValueError(f"{name}: nobody looked whether it is known; add it to schema.ASKED")
        return int(name in self.known)
