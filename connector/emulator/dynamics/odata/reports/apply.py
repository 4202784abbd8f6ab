"""`$apply`: filter, groupby and aggregate.

The text of the option comes in; a `Page` leaves. Next room: `fetch`.
"""

from connector.emulator.dynamics.desk.call import split_outside
from connector.emulator.dynamics.odata.filters import where
from connector.emulator.dynamics.odata.names import bad_query, wire_name
from connector.emulator.dynamics.odata.options import Options
from connector.emulator.dynamics.odata.reports.report import Report, aggregated, group_key
from connector.emulator.dynamics.odata.rows.pages import MOST_ROWS, Frame, Page
from connector.emulator.dynamics.odata.rows.writer import Cell
from connector.emulator.dynamics.org.model import LOOKUPS, Table


def apply_page(frame: Frame, table: Table, options: Options) -> Page:
    """The groups or the one row that `$apply` makes of the rows of a table."""
    if options.filter or options.select or options.expand:
        raise bad_query("$filter, $select and $expand cannot be combined with $apply: use filter(…) within $apply.")
    report = Report(frame, table)
    report.aggregate = True
    steps = split_outside(options.apply, "/")
    for step in steps:
        name, bracket, rest = step.strip().partition("(")
        if not bracket or not rest.endswith(")"):
            raise bad_query(f"Syntax error in $apply: '{step}' is no transformation with brackets.")
        if report.cells:
            raise bad_query("Only filter may go before groupby or aggregate in $apply, and nothing behind them.")
        _step(report, name.strip(), rest[:-1], options)
    if not report.cells:
        raise bad_query("$apply needs groupby or aggregate: use $filter where rows are only to be filtered.")
    _order(report, options)
    _, texts, _ = report.run(MOST_ROWS)
    return Page(f"{frame.call.root}$metadata#{table.set_name}", texts, totals=False)


def _step(report: Report, name: str, inside: str, options: Options) -> None:
    if name == "filter":
        report.conditions.append(where(report.scope, inside, options.aliases))
    elif name == "aggregate":
        _aggregate(report, inside)
    elif name == "groupby":
        keys, *rest = (part.strip() for part in split_outside(inside, ","))
        if not (keys.startswith("(") and keys.endswith(")")) or len(rest) > 1:
            raise bad_query(f"Syntax error in $apply: 'groupby({inside})' needs the form groupby((…),aggregate(…)).")
        for key in split_outside(keys[1:-1], ","):
            _group(report, key.strip())
        if rest:
            function, _, more = rest[0].partition("(")
            if function.strip() != "aggregate" or not more.endswith(")"):
                raise bad_query(f"Only aggregate is supported within groupby in $apply, not '{rest[0]}'.")
            _aggregate(report, more[:-1])
    else:
        raise bad_query(f"The transformation '{name}' is not supported in $apply.")


def _group(report: Report, key: str) -> None:
    path = key.split("/")
    term = report.scope.property(path)
    if term.column.type == "datetime":
        raise bad_query(f"groupby with datetime values is not supported: '{key}'.")
    if len(path) > 1:
        report.frame.org.demand(report.frame.call.user_id, term.table.name, "Read")
    name = wire_name(term.column) if len(path) == 1 else f"{term.table.name}_{term.column.name}"
    kind = term.kind_sql if term.column.type in LOOKUPS else ""
    report.cells.append(Cell(name, term.column, term.sql, kind, silent=True))
    report.groups.append(group_key(term))


def _aggregate(report: Report, inside: str) -> None:
    for item in split_outside(inside, ","):
        words = item.split()
        if len(words) == 3 and words[0] == "$count" and words[1] == "as":
            sql, column = aggregated("count", None)
        elif len(words) == 5 and words[1] == "with" and words[3] == "as":
            distinct = words[2] == "countdistinct"
            term = report.scope.property(words[0].split("/"))
            sql, column = aggregated("count" if distinct else words[2], term, distinct=distinct)
        else:
            raise bad_query(f"Syntax error in $apply: '{item.strip()}' is not of the form 'column with sum as name'.")
        report.cells.append(Cell(words[-1], column, sql, silent=True))


def _order(report: Report, options: Options) -> None:
    keys = {cell.key: cell.sql for cell, _ in zip(report.cells, report.groups, strict=False)}
    for name, descending in options.orderby:
        if name not in keys:
            raise bad_query("The query node SingleValueOpenPropertyAccess is not supported")
        report.orders.append(keys[name] + " DESC" * descending)
    report.orders += report.groups
