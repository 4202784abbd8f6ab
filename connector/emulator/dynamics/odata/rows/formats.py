"""Formatted values: what a person would read in place of a number, an id or a moment.

Columns and values come in; texts in the language and time zone of the organisation (English, UTC) leave. Next room:
`writer`.
"""

from collections.abc import Callable, Iterable
from typing import Any

import orjson

from connector.emulator.dynamics.odata.names import is_date
from connector.emulator.dynamics.odata.scope import quoted
from connector.emulator.dynamics.org.model import CHOICES, Column
from connector.emulator.dynamics.org.records import Org

Formatter = Callable[[Any], str]
_YES_NO = {0: "No", 1: "Yes"}


def formatter(org: Org, column: Column) -> Formatter | None:
    """The rule by which values of a column are formatted; None for lookups, numbers and columns that have none."""
    if column.type in CHOICES or column.type == "boolean":
        labels = {option.value: option.label for option in column.options} or dict(_YES_NO)
        return lambda value: labels.get(value, str(value))
    if column.type == "multiselect":
        names = {str(option.value): option.label for option in column.options}
        return lambda value: "; ".join(names.get(part, part) for part in str(value).split(","))
    if column.type == "datetime":
        return day_text if is_date(column) or column.format == "DateOnly" else moment_text
    if column.type == "entityname":
        return lambda value: org.tables[value].label if value in org.tables else str(value)
    return None


def day_text(value: str) -> str:
    """A day as `8/15/2025`."""
    return f"{int(value[5:7])}/{int(value[8:10])}/{value[:4]}"


def moment_text(value: str) -> str:
    """A moment as `4/7/2023 9:59 PM`."""
    hour = int(value[11:13])
    return f"{day_text(value)} {hour % 12 or 12}:{value[14:16]} {'PM' if hour >= 12 else 'AM'}"


def number_shape(column: Column) -> str:
    """How Python formats the numbers of a column; empty when it holds none, or holds money."""
    if column.type in ("integer", "bigint"):
        return ","
    return f",.{column.precision}f" if column.type in ("decimal", "double") else ""


def money_shape(org: Org, column: Column, currency: str | None) -> tuple[str, str]:
    """The symbol of a currency, and how Python formats amounts of a column in it."""
    sql = 'SELECT "currencysymbol", "currencyprecision" FROM "transactioncurrency" WHERE "transactioncurrencyid" = ?'
    found = org.rows(sql, currency or org.currency_id)
    symbol, precision = found[0] if found else (None, None)
    digits = column.precision if column.precision_source == 0 or precision is None else precision
    return str(symbol or ""), f",.{digits}f"


def names_of(org: Org, targets: Iterable[tuple[str | None, str | None]]) -> dict[tuple[str | None, str | None], str]:
    """The primary names of rows, by id and table; of each table in one query."""
    wanted: dict[str, list[str]] = {}
    for guid, target in targets:
        if guid and target in org.tables:
            wanted.setdefault(str(target), []).append(guid)
    found: dict[tuple[str | None, str | None], str] = {}
    for name, guids in wanted.items():
        table = org.tables[name]
        if not table.primary_name:
            continue
        sql = (
            f"SELECT {quoted(table.primary_id)}, {quoted(table.primary_name)} FROM {quoted(name)} "
            f"WHERE {quoted(table.primary_id)} IN (SELECT value FROM json_each(?))"
        )
        found |= {(row[0], name): row[1] for row in org.rows(sql, orjson.dumps(guids).decode()) if row[1] is not None}
    return found
