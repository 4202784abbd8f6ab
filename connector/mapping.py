"""`mappings/*.toml` to FieldMaps: which fields become which columns, and which fields may be written.

A TOML file and what describe shows come in; resolved sources, and rows made of raw values, leave.
All faults of a file are gathered and shown together. Next room: `store.mirror`, which keeps the rows.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from connector.convert import Columns, convert
from connector.errors import UsageFault, nearest
from connector.schema import TABLES, WRITE_COLUMNS, Column

ON_HUMAN_EDIT = ("keep", "overwrite", "reject")


@dataclass(frozen=True)
class ReadRule:
    """How one column is filled: from one field, the first filled of several, or several joined by a comma.

    `values` translates a closed vocabulary, anything else becomes `other`; of several fields the first whose value is
    listed counts. `empty` replaces null.
    """

    column: Column
    fields: tuple[str, ...]
    joined: bool = False
    values: Mapping[str, str] | None = None
    other: str | None = None
    optional: bool = False
    empty: object = None


@dataclass(frozen=True)
class WriteRule:
    """One field we may write, and what a person's edit of it means."""

    table: str
    column: str
    field: str
    on_human_edit: str = "overwrite"


@dataclass(frozen=True)
class Source:
    """One section of a mapping: a table fed from one record."""

    table: str
    record: str
    where: str | None
    optional: bool
    read: tuple[ReadRule, ...]
    constant: Mapping[str, object]
    write: tuple[WriteRule, ...]
    place: str  # file and section, for messages
    id_field: str = "Id"  # the field of the record's own id, as the CRM says

    @property
    def key(self) -> str:
        """Field path of the record's own id, as mapped to the first key column of its table."""
        first = TABLES[self.table].key[0]
        rule = next((r for r in self.read if r.column.name == first), None)
        return rule.fields[0] if rule else self.id_field


@dataclass(frozen=True)
class FieldMap:
    """A whole mapping file."""

    path: Path
    sources: tuple[Source, ...]

    def writes(self) -> dict[tuple[str, str], WriteRule]:
        """Every field that may be written, by our (table, column)."""
        return {(w.table, w.column): w for s in self.sources for w in s.write}

    def known(self) -> frozenset[str]:
        """Names of the tables and `table.column`s that this mapping fills."""
        names = {s.table for s in self.sources}
        for source in self.sources:
            names.update(f"{source.table}.{c}" for c in (*(r.column.name for r in source.read), *source.constant))
        return frozenset(names)


def load(path: Path) -> FieldMap:
    """Read a mapping file; raises UsageFault with every fault found."""
    try:
        sections = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageFault(
            f"{path}: cannot be read: {error.strerror}. Make it with: kam init {path.parent.parent}"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageFault(f"{path}: not valid TOML: {error}. Correct it, then run: kam check") from error
    faults: list[str] = []
    sources = []
    for table, given in sections.items():
        for section in given if isinstance(given, list) else [given]:
            place = f"{path.parent.name}/{path.name} [{table}"
            if table not in TABLES:
                faults.append(f"{place}]: there is no such table.{nearest(table, list(TABLES))}")
            elif not isinstance(section, dict):
                faults.append(f"{place}]: must be a section, like [{table}] with record = and [{table}.read].")
            else:
                sources.append(_source(table, section, place, faults))
    faults += _write_faults(sources)
    if faults:
        raise UsageFault(*(f"{f} Correct the line, then run: kam check" for f in faults))
    return FieldMap(path, tuple(sources))


def _write_faults(sources: Sequence[Source]) -> list[str]:
    """Sections of one table must write the same fields: what a section doesn't name is never written on its records."""
    faults = []
    first: dict[str, Source] = {}
    for source in sources:
        other = first.setdefault(source.table, source)
        if set(source.write) != set(other.write):
            faults.append(f"{source.place}.write]: must name the same fields as the first [{source.table}] section.")
    return faults


_SECTION_KEYS = ("record", "where", "optional", "read", "constant", "write")
_RULE_KEYS = ("field", "fields", "first", "values", "other", "optional", "empty")


_SECTION_KINDS = {"where": (str, "a text"), "optional": (bool, "true or false")} | dict.fromkeys(
    ("read", "constant", "write"), (dict, "a section of its own")
)


def _source(table: str, given: Mapping[str, Any], place: str, faults: list[str]) -> Source:
    faults += [f"{place}] {k}: unknown key.{nearest(k, _SECTION_KEYS)}" for k in given if k not in _SECTION_KEYS]
    if not isinstance(given.get("record"), str):
        faults.append(f"{place}] record: missing; name the CRM record that feeds this table.")
    wrong = {k: words for k, (kind, words) in _SECTION_KINDS.items() if k in given and not isinstance(given[k], kind)}
    faults += [f"{place}] {k}: must be {words}." for k, words in wrong.items()]
    section = {k: v for k, v in given.items() if k not in wrong}
    read = [_read_rule(table, c, v, f"{place}.read]", faults) for c, v in section.get("read", {}).items()]
    constant = dict(section.get("constant", {}))
    for word in constant:
        if TABLES[table].column(word) is None:
            faults.append(f"{place}.constant] {word}: no such column.{nearest(word, _names(table))}")
    rules = tuple(r for r in read if r is not None)
    filled = {r.column.name for r in rules} | set(constant)
    faults += [f"{place}.read] {k}: missing; every row needs it." for k in TABLES[table].key if k not in filled]
    return Source(
        table=table,
        record=str(section.get("record", "")),
        where=section.get("where"),
        optional=bool(section.get("optional", False)),
        read=rules,
        constant=constant,
        write=_write_rules(table, section.get("write", {}), f"{place}.write]", faults),
        place=place,
    )


def _names(table: str) -> list[str]:
    return [c.name for c in TABLES[table].columns]


def _read_rule(table: str, word: str, given: Any, place: str, faults: list[str]) -> ReadRule | None:
    column = TABLES[table].column(word)
    if column is None:
        faults.append(f"{place} {word}: no such column.{nearest(word, _names(table))}")
        return None
    if isinstance(given, str):
        return ReadRule(column, (given,))
    if not isinstance(given, dict) or sum(k in given for k in ("field", "fields", "first")) != 1:
        faults.append(
            f'{place} {word}: write "Field" or one of {{ field = … }}, {{ first = […] }}, {{ fields = […] }}.'
        )
        return None
    faults += [f"{place} {word}.{k}: unknown key.{nearest(k, _RULE_KEYS)}" for k in given if k not in _RULE_KEYS]
    fields = given["field"] if "field" in given else given.get("first", given.get("fields"))
    listed = [fields] if "field" in given else fields
    if not isinstance(listed, list) or not listed or not all(f and isinstance(f, str) for f in listed):
        faults.append(f"{place} {word}: must name fields, each a text; first and fields take a list of them.")
        return None
    table_of_values = given.get("values", {})
    if not isinstance(table_of_values, dict) or not all(isinstance(v, str) for v in table_of_values.values()):
        faults.append(f'{place} {word}.values: must be a table of texts, like {{ "Their word" = "our word" }}.')
        return None
    return ReadRule(
        column=column,
        fields=tuple(listed),
        joined="fields" in given,
        values=given.get("values"),
        other=given.get("other"),
        optional=given.get("optional", False) is True,
        empty=given.get("empty"),
    )


def _write_rules(table: str, given: Mapping[str, Any], place: str, faults: list[str]) -> tuple[WriteRule, ...]:
    rules = []
    owner = "account" if table == "programme" else table
    for column, value in given.items():
        if (owner, column) not in WRITE_COLUMNS:
            known = [c for t, c in WRITE_COLUMNS if t == owner]
            faults.append(f"{place} {column}: we compute no such field.{nearest(column, known)}")
            continue
        rule = {"field": value} if isinstance(value, str) else value
        edit = rule.get("on_human_edit", "overwrite") if isinstance(rule, dict) else None
        if not isinstance(rule, dict) or not isinstance(rule.get("field"), str) or edit not in ON_HUMAN_EDIT:
            choice = "|".join(ON_HUMAN_EDIT)
            faults.append(f'{place} {column}: write "Field" or {{ field = "Field", on_human_edit = "{choice}" }}.')
            continue
        rules.append(WriteRule(owner, column, rule["field"], edit))
    return tuple(rules)


def resolve(
    fieldmap: FieldMap,
    has_record: Callable[[str], bool],
    find: Callable[[str, str], str | None],
    near: Callable[[str, str], str],
) -> tuple[FieldMap, list[str]]:
    """Hold a mapping against the CRM: drop what is optional and absent, and list every other fault.

    `find(record, path)` gives the field's canonical path or None, `near` the advice for one that isn't there.
    """
    faults: list[str] = []
    kept = []
    for source in fieldmap.sources:
        if not has_record(source.record):
            if not source.optional:
                faults.append(
                    f"{source.place}] record: there is no {source.record}, or this user may not see it. Grant the"
                    " user read access to it, or mark the section optional = true, then run: kam check"
                )
            continue
        rules = []
        for rule in source.read:
            found = [(f, find(source.record, f)) for f in rule.fields]
            missing = [f for f, canonical in found if canonical is None]
            if missing and not rule.optional:
                faults += [
                    f'{source.place}.read] {rule.column.name}: {source.record} has no field "{f}", or field-level'
                    f" security (column security) hides it from this user.{near(source.record, f)} Correct the line or"
                    " grant read access, then run: kam check"
                    for f in missing
                ]
            elif not missing or (not rule.joined and len(missing) < len(found)):
                rules.append(replace(rule, fields=tuple(c for _, c in found if c is not None)))
        kept.append(replace(source, read=tuple(rules)))
    return replace(fieldmap, sources=tuple(kept)), faults


def row_columns(source: Source, fields: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Columns:
    """Columns of the mirror (twins included) made from raw rows whose values stand in the order of `fields`."""
    return made_of(source, fields, list(zip(*rows, strict=True)) if rows else [()] * len(fields))


def made_of(source: Source, fields: Sequence[str], raw: Sequence[Sequence[Any]]) -> Columns:
    """The same from raw columns in the order of `fields`."""
    place = {f: i for i, f in enumerate(fields)}
    made: Columns = {}
    for rule in source.read:
        columns = [raw[place[f]] for f in rule.fields]
        made.update(convert(rule.column, _merged(rule, columns)))
    for word, value in source.constant.items():
        column = TABLES[source.table].column(word)
        if column is not None:
            made.update(convert(column, [value] * len(raw[0])))
    return made


def _merged(rule: ReadRule, columns: Sequence[Sequence[Any]]) -> Sequence[Any]:
    """One list of raw values: the single field's, the first filled one's, or the joined text's, then translated."""
    values: Sequence[Any]
    if rule.joined:
        values = [",".join(_text(v) for v in vs) for vs in zip(*columns, strict=True)]
    elif len(columns) == 1:
        values = columns[0]
    elif rule.values is not None:
        known = rule.values
        return [next((known[t] for t in map(_text, vs) if t in known), rule.other) for vs in zip(*columns, strict=True)]
    else:
        values = [next((v for v in vs if v is not None), None) for vs in zip(*columns, strict=True)]
    if rule.values is not None:
        table, other = dict(rule.values), rule.other
        values = [None if v is None and other is None else table.get(_text(v), other) for v in values]
    if rule.empty is not None:
        values = [rule.empty if v is None else v for v in values]
    return values


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
