"""Who reports to whom at each customer: the chart, its holes, likely managers and who weighs most in it.

`contact_strength`, reporting lines, departments and shared meetings come in; `contact_chart` (a row per person) and
`account_chart` (a row per account) leave. Formulas: methods, section 3.1. Five million people are whole numbers in
numpy arrays, those of one account side by side; nothing here is ever written over a reporting line.
`lines` finds the chart, `suggest` likely managers, `influence` the rank. Next room: `coverage`.
"""

from dataclasses import dataclass, field

import numpy as np

from connector.insight.arrays import Ints
from connector.insight.chart.influence import ranks
from connector.insight.chart.lines import Lines, People, charted
from connector.insight.chart.suggest import Meetings, Suggested, suggested
from connector.insight.steps import run_steps
from connector.insight.titles.lexicon import FUNCTIONS
from connector.schema import Context, Engine


@dataclass(frozen=True)
class Settings:
    """Settings of the org chart; each says its meaning."""

    confidence: float = field(default=0.7, metadata={"meaning": "Confidence from which a manager is suggested."})
    margin: float = field(default=1.0, metadata={"meaning": "Points of cost by which the best must beat the second."})
    meeting_people: int = field(default=10, metadata={"meaning": "A meeting with more contacts than this ties nobody."})

    def __post_init__(self) -> None:
        """Refuse values that make no sense."""
        if not 0 < self.confidence <= 1:
            raise ValueError(f"confidence: must lie above 0 and up to 1, is {self.confidence}")
        if self.margin < 0:
            raise ValueError(f"margin: must be at least 0, is {self.margin}")
        if self.meeting_people < 2:
            raise ValueError(f"meeting_people: must be at least 2, is {self.meeting_people}")


def compute(engine: Engine, context: Context, settings: Settings) -> None:
    """Make `contact_chart` and `account_line`; accounts need `account_group`."""
    numbers = np.arange(1, len(FUNCTIONS) + 1)
    engine.load("chart_function", {"function": np.array(FUNCTIONS, dtype=object), "function_n": numbers})
    run_steps(engine, "chart/people", {"as_of": context.as_of, "crowd": settings.meeting_people})
    people, meetings = _people(engine), _meetings(engine)
    lines = charted(people)
    found = suggested(people, lines, meetings).of(settings.confidence, settings.margin)
    _load(engine, people, lines, found, ranks(people, lines, meetings))
    run_steps(engine, "chart/chart", {})


def complete(engine: Engine, context: Context, settings: Settings) -> None:
    """Make `account_chart`: the chart's figures, with how complete the map is by the seats of `coverage`."""
    seats = [str(s) for s in engine.arrays("SELECT DISTINCT slot FROM coverage_slot ORDER BY slot")["slot"]]
    drawn = [s for s in seats if not s.startswith("role.")]
    engine.load("chart_seat", {"slot": np.array(drawn, dtype=object)})
    run_steps(engine, "chart/complete", {"as_of": context.as_of})


def _people(engine: Engine) -> People:
    names = ("account_n", "level", "function_n", "department_n", "present", "assistant", "created_day")
    rows = engine.arrays(f"SELECT contact_n, {', '.join(names)} FROM contact_order")  # noqa: S608
    # Set in place by number, which is cheaper than to have them sorted.
    place = np.asarray(rows.pop("contact_n"), dtype=np.int64)
    columns = {}
    for name in names:
        columns[name] = np.zeros(len(place), dtype=np.int32)
        columns[name][place] = np.asarray(rows.pop(name))
    manager = np.full(len(place), -1, dtype=np.int32)
    said = engine.arrays(
        "SELECT o.contact_n, m.contact_n AS manager_n FROM contact_order AS o"
        " JOIN contact_order AS m ON m.contact_id = o.reports_to_id"
    )
    manager[np.asarray(said["contact_n"], dtype=np.int64)] = np.asarray(said["manager_n"])
    accounts = engine.arrays(
        "SELECT g.account_n, g.root_n, COALESCE(c.country_n, 0) AS country_n FROM account_group AS g"
        " JOIN account AS a ON a.id = g.account_id LEFT JOIN chart_country AS c ON c.country = a.country"
    )
    order = np.asarray(accounts["account_n"], dtype=np.int64)
    root, country = (np.zeros(len(order), dtype=np.int32) for _ in range(2))
    root[order], country[order] = np.asarray(accounts["root_n"]), np.asarray(accounts["country_n"])
    return People(
        account=columns["account_n"],
        level=columns["level"],
        function=columns["function_n"],
        department=columns["department_n"],
        present=columns["present"] == 1,
        assistant=columns["assistant"] == 1,
        created=columns["created_day"],
        manager=manager,
        root=root,
        country=country,
    )


def _meetings(engine: Engine) -> Meetings:
    rows = engine.arrays("SELECT one_n, other_n, together FROM chart_met ORDER BY one_n, other_n")
    return Meetings(*(np.asarray(rows[n], dtype=np.int64) for n in ("one_n", "other_n", "together")))


def _load(engine: Engine, people: People, lines: Lines, found: Suggested, influence: Ints) -> None:
    """Make `chart_person` and `chart_account`, both in numbers."""
    size = len(people.account)
    chosen, confidence = np.full(size, -1, dtype=np.int32), np.zeros(size, dtype=np.int32)
    chosen[found.person], confidence[found.person] = found.manager, found.confidence
    person = {
        "contact_n": np.arange(size),
        "account_n": people.account,
        "manager_n": np.where(lines.known, lines.manager, -1),
        "above_n": lines.manager,
        "suggested_n": chosen,
        "confidence": confidence,
        "influence": influence,
    }
    engine.load("chart_person", person)
    figures = lines.figures(people)
    figures["suggested"] = np.bincount(people.account[found.person], minlength=len(people.root))
    engine.load("chart_account", {"account_n": np.arange(len(people.root)), **figures})
