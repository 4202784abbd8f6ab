"""Trouble on demand: which requests are to be slowed, refused, cut off or locked, and when.

Rules come in from a TOML or JSON file, from Python or from the control endpoint; the rules that strike a request leave.
Each rule keeps its own seeded dice, so that a run can be repeated. Next room: `edge`, which carries them out.
"""

import json
import random
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

KINDS = ("latency", "status", "drop", "hangup", "session", "lock", "limit", "trickle", "truncate")
MARKS = {"lock", "trickle", "truncate"}  # kinds that are carried out while the answer is made or sent
WHENS = ("before", "after")


class FaultError(ValueError):
    """A fault rule that cannot be understood."""


@dataclass
class Rule:
    """One kind of trouble for the requests it names.

    kind: `latency` waits `seconds`; `status` answers `status` with `body`; `drop` sends part of an answer, then closes;
    `hangup` closes without a byte; `session` ends every session; `lock` refuses rows as the CRM words it:
    UNABLE_TO_LOCK_ROW, or a deadlock; `limit` answers as if the calls allowed were spent;
    `trickle` sends the body in `pieces` over `seconds`; `truncate` leaves out the last `rows` of a page (share below 1,
    or number) and still tells their number.
    `when = "after"`: the request is carried out, its answer lost.
    `nth` (one or several) and `every` count matching requests from 1; `times` bounds how often the rule strikes.
    `rows`: share (below 1) or number of rows that a lock hits. `at`: share of the body sent before a drop.
    """

    kind: str
    path: str = "*"
    method: str = "*"
    when: str = "before"
    probability: float = 1.0
    nth: int | list[int] | None = None
    every: int | None = None
    times: int | None = None
    seed: int = 0
    seconds: float = 0.0
    status: int = 503
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    rows: float = 1
    at: float = 0.5
    pieces: int = 20
    declared: bool = True  # a dropped body was announced by Content-Length; False: chunked
    seen: int = field(default=0, init=False)
    struck: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise FaultError(f"fault kind {self.kind!r} is unknown; use one of {', '.join(KINDS)}")
        if self.when not in WHENS:
            raise FaultError(f"fault when {self.when!r} is unknown; use before or after")
        if not 0 <= self.probability <= 1:
            raise FaultError(f"fault probability {self.probability!r} is not between 0 and 1")
        if not 0 <= self.at < 1:
            raise FaultError(f"fault at {self.at!r} is not a share from 0 up to, not including, 1")
        if self.pieces < 1:
            raise FaultError(f"fault pieces {self.pieces!r} must be 1 or more")
        self._dice = random.Random(self.seed)  # noqa: S311 - dice for tests, no secret

    def strikes(self, method: str, path: str) -> bool:
        """Whether this request is hit; counts the request."""
        if self.method not in ("*", method) or not fnmatchcase(path, self.path):
            return False
        self.seen += 1
        if self.times is not None and self.struck >= self.times:
            return False
        if self.nth is not None and self.seen not in ([self.nth] if isinstance(self.nth, int) else self.nth):
            return False
        if self.every is not None and self.seen % self.every:
            return False
        if self.probability < 1 and self._dice.random() >= self.probability:
            return False
        self.struck += 1
        return True

    def rows_hit(self, count: int) -> frozenset[int]:
        """Which of `count` rows of a write a lock hits: at least one."""
        return frozenset(self._dice.sample(range(count), self.share(count)))

    def share(self, count: int) -> int:
        """How many of `count` rows are meant: at least one, when there is one."""
        wanted = round(self.rows * count) if self.rows < 1 else int(self.rows)
        return min(count, max(1, wanted))


class Faults:
    """The rules in force."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self.rules = list(rules)

    def add(self, **rule: Any) -> Rule:
        """Put one more rule in force."""
        made = make_rule(rule)
        self.rules.append(made)
        return made

    def replace(self, rules: Iterable[Mapping[str, Any]]) -> None:
        """Put these rules in force instead of the present ones; all are checked first."""
        self.rules = [make_rule(rule) for rule in rules]

    def clear(self) -> None:
        """Put no rule in force."""
        self.rules = []

    def striking(self, method: str, path: str) -> list[Rule]:
        """The rules that hit this request, in their order."""
        return [rule for rule in self.rules if rule.strikes(method, path)]


def make_rule(rule: Mapping[str, Any]) -> Rule:
    """One rule from a mapping; refuses keys it does not know."""
    known = [item.name for item in fields(Rule) if item.init]
    for key in rule:
        if key not in known:
            raise FaultError(f"fault key {key!r} is unknown; use one of {', '.join(known)}")
    if "kind" not in rule:
        raise FaultError(f"a fault needs a kind: one of {', '.join(KINDS)}")
    return Rule(**rule)


def load_faults(path: Path) -> Faults:
    """Rules of a file: TOML with `[[fault]]` tables, or JSON with a list `fault`."""
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise FaultError(f"fault file {path}: {error}") from error
    rules = content.get("fault") if isinstance(content, dict) else None
    if not isinstance(rules, list) or set(content) != {"fault"}:
        raise FaultError(f"fault file {path}: it must hold [[fault]] tables and nothing else")
    try:
        return Faults(make_rule(rule) for rule in rules)
    except (FaultError, TypeError) as error:
        raise FaultError(f"fault file {path}: {error}") from error
