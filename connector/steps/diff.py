"""Results held against what the CRM has: the list of changes, calm and within what may be written.

Rows of results and of `present` come in, changes leave; nothing is read or sent here. Next room: `write_back`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from connector.mapping import WriteRule
from connector.schema import GAP_STATES, INPUT_COLUMNS, WRITE_COLUMNS, Change

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*(?:(?:k|M|bn)\b)?")
_SIZES = {"k": 1e3, "M": 1e6, "bn": 1e9}
# Columns whose number moves in steps: (size of a step, points past its edge before it moves).
_STEPS = dict.fromkeys(("kam_score", "coverage_percent", "known_percent", "growth_percent"), (5.0, 3.0))
_LOOSE = {"kam_rank": 0.10}
# A text says about how much; a window that slides over the year moves the sum without any news.
_ABOUT = 0.33
_MONEY = {"net_value_12m", "lifetime_value", "whitespace_low", "whitespace_high", "low", "high"}
# What travels with another change as it is: alone it is no news.
_STAMPS = {"kam_as_of", "insight_json"}
# What moves by itself as days pass or others move. A text or a band tells of it too when it is news.
_LARGE = {"kam_rank", "net_value_12m", "whitespace_low", "whitespace_high", "peer_owners"}  # news once off by half
_RIDERS = {*_STAMPS, *_LARGE, "engaged_contacts", "peers", "evidence"}


Scope = Literal["programme", "customers", "all"]


@dataclass(frozen=True)
class WriteScope:
    """Which accounts an insight writes to: programme (Key, nominated, proposed, watched), customers or all.

    contacts, opportunities: of which accounts the people and the open deals are written to.
    """

    key_accounts: Scope = "customers"
    relationship: Scope = "customers"
    whitespace: Scope = "customers"
    coverage: Scope = "programme"
    alerts: Scope = "programme"
    contacts: Scope = "programme"
    opportunities: Scope = "programme"


@dataclass(frozen=True)
class Wanted:
    """What one record shall hold: canonical column → value, and the reason per column (`""` for the rest)."""

    id: str
    name: str
    values: Mapping[str, Any]
    why: Mapping[str, str]
    in_scope: frozenset[str]


@dataclass
class Diff:
    """Changes; edits of people that were kept or rejected as (id, column); accounts, contacts and deals in scope, and
    gap records that were open."""

    changes: list[Change] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)
    scope: int = 0
    contacts: int = 0
    deals: int = 0
    gaps: int = 0

    def counts(self) -> dict[str, int]:
        """Numbers of a diff, for the run's record."""
        return {
            "changes": len(self.changes),
            "records": len({c.id for c in self.changes}),
            "scope": self.scope + self.contacts + self.deals,
            "kept": len(self.kept),
            "rejected": len(self.rejected),
        }

    def with_contacts(self, other: "Diff") -> "Diff":
        """Together with the diff of the contacts."""
        return replace(self._and(other), contacts=other.scope)

    def with_deals(self, other: "Diff") -> "Diff":
        """Together with the diff of the open deals."""
        return replace(self._and(other), deals=other.scope)

    def with_gaps(self, other: "Diff") -> "Diff":
        """Together with the diff of the gap records."""
        return replace(self._and(other), gaps=other.gaps)

    def _and(self, other: "Diff") -> "Diff":
        changes, kept = [*self.changes, *other.changes], [*self.kept, *other.kept]
        return replace(self, changes=changes, kept=kept, rejected=[*self.rejected, *other.rejected])


def diff(
    table: str,
    wanted: Iterable[Wanted],
    present: Mapping[str, Mapping[str, Any]],
    rules: Mapping[str, WriteRule],
    last_after: Mapping[tuple[str, str], Any],
) -> Diff:
    """Changes that bring the CRM's fields to the results; inputs of people and unmapped columns are never touched."""
    result = Diff()
    columns = [c for c in rules if c not in INPUT_COLUMNS]
    for row in wanted:
        here = present.get(row.id, {})
        result.scope += bool(row.in_scope)
        found = list(_row_changes(table, row, here, columns, rules, last_after, result))
        # What is empty is filled at once: its field may have been opted in just now.
        if any(map(_is_news, found)):
            result.changes += found
    return result


def _is_news(change: Change) -> bool:
    """Whether a change is worth a write of its own: of what travels with others, only what is off by half or more, and
    evidence in other words."""
    before, after = change.before, change.after
    if change.column not in _RIDERS or (before is None and change.column != "kam_as_of"):
        return True
    if change.column == "evidence":
        return _NUMBER.split(str(before)) != _NUMBER.split(str(after))
    if change.column not in _LARGE or not isinstance(before, int | float):
        return False
    return after is not None and abs(after - before) >= 0.5 * max(abs(after), abs(before))


def _row_changes(
    table: str,
    row: Wanted,
    here: Mapping[str, Any],
    columns: Sequence[str],
    rules: Mapping[str, WriteRule],
    last_after: Mapping[tuple[str, str], Any],
    result: Diff,
) -> Iterator[Change]:
    for column in columns:
        before = here.get(column)
        # Out of scope nothing is begun, but what we once wrote is kept true.
        if column not in row.values or (column not in row.in_scope and before is None):
            continue
        after = settled(table, column, row.values[column], before)
        if same(table, column, before, after):
            continue
        rule = rules[column]
        if rule.on_human_edit != "overwrite" and _edited(table, row.id, column, before, last_after, rule):
            (result.kept if rule.on_human_edit == "keep" else result.rejected).append((row.id, column))
            continue
        why = row.why.get(column) or row.why.get("", "")
        yield Change(table, row.id, row.name, column, before, after, why)


def _edited(
    table: str, record_id: str, column: str, before: Any, last_after: Mapping[tuple[str, str], Any], rule: WriteRule
) -> bool:
    """Whether a person changed the value since we last wrote it."""
    if (record_id, column) in last_after:
        return not same(table, column, before, last_after[record_id, column])
    return before is not None and rule.on_human_edit == "keep"


def settled(table: str, column: str, wanted: Any, before: Any) -> Any:
    """The value to aim at: the one that stands, as long as the new one is within its dead band."""
    fact = WRITE_COLUMNS[table, column]
    if wanted is None or wanted == "":
        return None
    if column in _STAMPS:
        return wanted
    if fact.kind in ("text", "long_text") and isinstance(before, str):
        return before if _same_facts(before, str(wanted)) else wanted
    if fact.kind in ("number", "currency"):
        return _settled_number(column, fact.kind, fact.scale, float(wanted), before)
    return wanted


def _settled_number(column: str, kind: str, scale: int, wanted: float, before: Any) -> float:
    old = float(before) if isinstance(before, int | float) else None
    if column in _STEPS:
        step, slack = _STEPS[column]
        if old is not None and abs(wanted - old) <= step / 2 + slack:
            return old
        return round(wanted / step) * step
    if kind == "currency" or column in _MONEY:
        if old is not None and abs(wanted - old) <= 0.10 * abs(old):
            return old
        return two_digits(wanted)
    if column in _LOOSE and old is not None and abs(wanted - old) <= _LOOSE[column] * abs(old):
        return old
    return round(wanted, scale)


def two_digits(value: float) -> float:
    """A number rounded to two significant digits."""
    return float(f"{value:.1e}")


def _same_facts(before: str, after: str) -> bool:
    """Equal words, and numbers that are equal when small and within a quarter when large."""
    if before == after:
        return True
    if _NUMBER.split(before) != _NUMBER.split(after):
        return False
    return all(_near(a, b) for a, b in zip(_NUMBER.findall(before), _NUMBER.findall(after), strict=True))


def _near(before: str, after: str) -> bool:
    if before == after:
        return True
    old, new = _number(before), _number(after)
    # A count up to 20 and a year say something exact; the rest is told roughly.
    exact = (before + after).isdigit() and (max(old, new) <= 20 or 1900 <= old <= 2100)
    return not exact and abs(new - old) <= _ABOUT * abs(old)


def _number(text: str) -> float:
    """Value of a number as texts write it: `1.2M`, `12k`, `1,200`."""
    digits = text.rstrip("kMbn")
    return float(digits.replace(",", "") if digits.count(".") < 2 else 0) * _SIZES.get(text[len(digits) :], 1.0)


def same(table: str, column: str, a: Any, b: Any) -> bool:
    """Whether two values of a field are equal within the field's precision; empty text is null."""
    a, b = (v.strip() or None if isinstance(v, str) else v for v in (a, b))  # a CRM trims what it stores
    kind = WRITE_COLUMNS[table, column].kind
    if kind == "flag":
        return bool(a) == bool(b)
    if a is None or b is None:
        return a is None and b is None
    if kind in ("number", "currency") and isinstance(a, int | float) and isinstance(b, int | float):
        return bool(abs(a - b) < 0.5 * 10 ** -WRITE_COLUMNS[table, column].scale)
    return str(a) == str(b)


@dataclass(frozen=True)
class Guards:
    """Breaches that halt a run before its first write.

    max_changed_share: share of the records in scope; a first fill never counts. max_key_changes: proposals into or
    out of Key; -1 lifts it. max_blanked: values that would become empty. min_pulled_share: rows after the pull
    against rows after the last full pull.
    """

    max_changed_share: float = 0.2
    max_key_changes: int = 3
    max_blanked: int = 0
    min_pulled_share: float = 0.5

    def __post_init__(self) -> None:
        for name in ("max_changed_share", "min_pulled_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: must lie between 0 and 1, not {getattr(self, name)}")


def _gap_breaches(result: Diff, guards: Guards) -> list[str]:
    """Gap records that would be closed or changed; opening one is like a first fill, also when it comes back."""
    mine = [c for c in result.changes if c.table == "whitespace_gap"]
    opened = {c.id for c in mine if c.column == "state" and c.after == GAP_STATES[0]}
    changed, allowed = {c.id for c in mine} - opened, guards.max_changed_share * result.gaps
    if len(changed) <= max(allowed, 1):
        return []
    shown = f"{len(changed)} of {result.gaps} open gap records would be closed or changed"
    return [f"max_changed_share: {shown}, more than {allowed:.0f}."]


def breaches(result: Diff, guards: Guards) -> list[str]:
    """What a guard has to say against a list of changes; empty when it may be written."""
    said = []
    for table, scope, records in (
        ("account", result.scope, "records"),
        ("contact", result.contacts, "contacts"),
        ("opportunity", result.deals, "deals"),
    ):
        old = [c for c in result.changes if c.table == table and c.before is not None and c.column not in _STAMPS]
        changed, allowed = {c.id for c in old}, guards.max_changed_share * scope
        if len(changed) > max(allowed, 1):
            shown = f"{len(changed)} of {scope} {records} in scope would change"
            said.append(f"max_changed_share: {shown}, more than {allowed:.0f}.")
    said += _gap_breaches(result, guards)
    key = [c for c in result.changes if c.column == "kam_proposal" and (c.after or "None") != "None"]
    if 0 <= guards.max_key_changes < len(key):
        said.append(f"max_key_changes: {len(key)} proposals into or out of Key, more than {guards.max_key_changes}.")
    # Numbers of the opt-in set may become unknown; the words of the core set always say something.
    blanked = [c for c in result.changes if c.after is None and WRITE_COLUMNS[c.table, c.column].group == "core"]
    if len(blanked) > guards.max_blanked:
        said.append(
            f"max_blanked: {len(blanked)} values would become empty, first {blanked[0].column} of {blanked[0].id},"
            f" more than {guards.max_blanked}."
        )
    return said
