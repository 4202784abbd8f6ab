"""Conditions to SQL: what =, LIKE, IN, INCLUDES … mean for each type of field, and which values the type takes.

In: a condition of the tree and a way to find its fields; out: SQL over bound values, never text of the query itself. A
missing value counts as a value: `!=` and NOT find it, `<` and LIKE do not. Next room: `select`.
"""

import json
from collections.abc import Callable
from typing import NoReturn

from connector.emulator.salesforce.soql import terms
from connector.emulator.salesforce.soql.names import Scope, Statement
from connector.emulator.salesforce.soql.terms import FOLD, ORDER, Term, fold, order_key, term, value_of
from connector.emulator.salesforce.soql.tree import (
    Comparison,
    Condition,
    Literal,
    Logic,
    Operand,
    Path,
    Query,
    SemiJoin,
    Source,
    leaves,
)

_CHUNK = 200  # SQLite counts the links of an AND chain as depth
_EQUAL, _SORTED = {"=", "!=", "IN", "NOT IN"}, {"<", "<=", ">", ">="}
_OPERATORS = {
    "string": _EQUAL | _SORTED | {"LIKE"}, "boolean": _EQUAL, "multipicklist": _EQUAL | {"INCLUDES", "EXCLUDES"},
}  # fmt: skip
_NOT_IN_SEMI_JOINS = {"task", "event", "note", "attachment", "activityhistory", "openactivity"}


class Filter:
    """Writes the conditions of one WHERE or HAVING; `find` turns the left sides into terms."""

    def __init__(self, scope: Scope, find: Callable[[Operand], Term]) -> None:
        self.scope, self.statement, self._find = scope, scope.statement, find

    def sql(self, condition: Condition) -> str:
        """Write a whole condition."""
        self._check_semi_joins(condition)
        return self._write(condition)

    def _write(self, condition: Condition) -> str:
        if isinstance(condition, Comparison):
            return self._comparison(condition)
        if isinstance(condition, SemiJoin):
            return self._semi_join(condition)
        parts = [self._write(part) for part in condition.parts]
        if condition.operator == "NOT":
            return f"NOT coalesce({parts[0]}, 0)"
        return _chain(parts, condition.operator)

    def _comparison(self, node: Comparison) -> str:
        term = self._find(node.left)
        if term.type == "address":
            self._refuse(term, "INVALID_FIELD", "Address fields can only be filtered using Distance expressions")
        if term.field is not None and not term.field.filterable:
            self._refuse(term, "INVALID_FIELD", f"field '{term.field.name}' can not be filtered in a query call")
        if node.operator not in _OPERATORS.get(term.family, _EQUAL | _SORTED):
            kind = term.type if term.family != "string" else "string"
            self._refuse(term, "INVALID_QUERY_FILTER_OPERATOR", f"invalid operator on {kind} field")
        if term.family in ("date", "dateTime"):
            return self._moment(term, node)
        if node.operator in ("INCLUDES", "EXCLUDES"):
            return self._membership(term, node)
        values = [value_of(self.statement, term, literal) for literal in node.values]
        if node.operator in _EQUAL:
            return self._equal(term, values, negated=node.operator in ("!=", "NOT IN"))
        if node.operator == "LIKE":
            return self._like(term, node.values[0])
        return self._compare(term, node.operator, values[0])

    def _equal(self, term: Term, values: list[object], *, negated: bool) -> str:
        present = [value for value in values if value is not None]
        with_null = len(present) < len(values)
        tests = [f"{term.sql} IS NULL"] if with_null else []
        if present:
            tests.append(self._among(term, present))
        test = _chain(tests, "OR")
        if not negated:
            return test
        return f"NOT coalesce({test}, 0)" if with_null else f"({term.sql} IS NULL OR NOT ({test}))"

    def _among(self, term: Term, values: list[object]) -> str:
        """Compare with one value or several; texts by SQLite's own folding where that is enough: it is much faster."""
        left, collation = term.sql, ""
        if term.family in ("string", "multipicklist"):
            if all(str(value).isascii() for value in values):
                collation = " COLLATE NOCASE"
            else:
                left, values = f"{FOLD}({term.sql})", [fold(str(value)) for value in values]
        if len(values) == 1:
            return f"{left} = {self.statement.bind(values[0])}{collation}"
        listed = self.statement.bind(json.dumps(values, ensure_ascii=False))
        return f"{left}{collation} IN (SELECT value FROM json_each({listed}))"

    def _compare(self, term: Term, operator: str, value: object) -> str:
        if term.family != "string":
            return f"{term.sql} {operator} {self.statement.bind(value)}"
        key = order_key(None if value is None else str(value))
        return f"{ORDER}({term.sql}) {operator} {self.statement.bind(key)}"

    def _like(self, term: Term, literal: Literal) -> str:
        if literal.kind == "word":
            return f"{term.sql} IS NULL"
        pattern, left = literal.pattern, term.sql
        if not pattern.isascii():
            pattern, left = pattern.casefold(), f"{FOLD}({term.sql})"
        return f"{left} LIKE {self.statement.bind(pattern)} ESCAPE '\\'"

    def _membership(self, term: Term, node: Comparison) -> str:
        """Write INCLUDES or EXCLUDES: each value names entries, with ; between them, that must all be there."""
        choices = []
        for literal in node.values:
            value = value_of(self.statement, term, literal)
            if value is None:
                choices.append(f"{term.sql} IS NULL")
                continue
            entries = [
                self.statement.bind(f";{fold(entry.strip())};") for entry in str(value).split(";") if entry.strip()
            ]
            found = [f"instr({FOLD}(';' || {term.sql} || ';'), {entry}) > 0" for entry in entries]
            choices.append(_chain(found or ["0"], "AND"))
        test = _chain(choices, "OR")
        return test if node.operator == "INCLUDES" else f"NOT coalesce({test}, 0)"

    def _moment(self, term: Term, node: Comparison) -> str:
        if node.operator in _EQUAL:
            test = _chain([self._at(term, literal) for literal in node.values], "OR")
            return test if node.operator in ("=", "IN") else f"NOT coalesce({test}, 0)"
        low, high = self._borders(term, node.values[0])
        if high is None:
            return f"{term.sql} {node.operator} {self.statement.bind(low)}"
        border = {"<": ("<", low), "<=": ("<", high), ">": (">=", high), ">=": (">=", low)}[node.operator]
        return f"{term.sql} {border[0]} {self.statement.bind(border[1])}"

    def _at(self, term: Term, literal: Literal) -> str:
        low, high = self._borders(term, literal)
        if high is not None:
            return f"({term.sql} >= {self.statement.bind(low)} AND {term.sql} < {self.statement.bind(high)})"
        return f"{term.sql} IS NULL" if low is None else f"{term.sql} = {self.statement.bind(low)}"

    def _borders(self, term: Term, literal: Literal) -> tuple[object, str | None]:
        """Give the one moment that a literal means, or the first and the one after the last of a date literal."""
        if not terms.known(literal):
            return value_of(self.statement, term, literal), None
        try:
            first, after = terms.span(literal, self.statement.now.date())
        except ValueError:
            self.statement.text.refuse(
                literal.place, "MALFORMED_QUERY", f"Invalid date: {literal.value}:{literal.count}"
            )
        clock = "T00:00:00.000+0000" if term.family == "dateTime" else ""
        return first.isoformat() + clock, after.isoformat() + clock

    def _refuse(self, term: Term, code: str, message: str) -> NoReturn:
        self.statement.text.refuse(term.place, code, message)

    def _semi_join(self, node: SemiJoin) -> str:
        left = self._find(node.left)
        kind = self.statement.find(node.inner.sources[0].path)
        column, inner = self._inner(node, kind.name)
        field = column.field
        if left.family != "id":
            message = (
                "The left operand field in the where expression for outer query should be an id field, "
                f"cannot use: '{left.name}'"
            )
            self._refuse(left, "MALFORMED_QUERY", message)
        targets = field.reference_to if field is not None and field.type == "reference" else (kind.name,)
        if not set(targets) & set(left.targets):
            message = (
                f"The selected field '{column.name}' in the subquery and the left operand field in the where "
                f"expression in the outer query '{left.name}' should point to the same object type"
            )
            self._refuse(left, "MALFORMED_QUERY", message)
        if node.operator == "IN":
            return f"{left.sql} IN ({inner})"
        return f"({left.sql} IS NULL OR {left.sql} NOT IN ({inner}))"

    def _inner(self, node: SemiJoin, name: str) -> tuple[Term, str]:
        query, text = node.inner, self.statement.text
        place = query.sources[0].path.place
        if name.lower() in _NOT_IN_SEMI_JOINS:
            text.refuse(place, "MALFORMED_QUERY", f"Entity '{name}' is not supported for semi join inner selects")
        if name == self.scope.kind.name:
            text.refuse(place, "MALFORMED_QUERY", "The inner and outer selects should not be on the same object type")
        if (
            query.order
            or query.limit is not None
            or query.offset is not None
            or query.group
            or query.tail
            or query.having
        ):
            text.refuse(
                place,
                "MALFORMED_QUERY",
                "ORDER BY, LIMIT, OFFSET and GROUP BY are not allowed in a semi join sub-select",
            )
        if len(query.items) != 1 or not isinstance(query.items[0].what, Path):
            text.refuse(place, "MALFORMED_QUERY", "A semi join sub-select can only query one field")
        if any(isinstance(leaf, SemiJoin) for leaf in leaves(query.where)):
            text.refuse(place, "MALFORMED_QUERY", "Nesting of semi join sub-selects is not supported")
        scope = Scope(self.statement, self.statement.find(query.sources[0].path), query.sources[0])
        column = term(scope, query.items[0].what)
        if column.family != "id":
            message = (
                f"The selected field '{column.name}' in the semi join sub-select should be an id or a reference field"
            )
            text.refuse(column.place, "MALFORMED_QUERY", message)
        sql = body(scope, query, [f"{column.sql} IS NOT NULL"])
        return column, f"SELECT {column.sql} {sql}"

    def _check_semi_joins(self, condition: Condition) -> None:
        joins = [leaf for leaf in leaves(condition) if isinstance(leaf, SemiJoin)]
        if not joins:
            return
        place, refuse = joins[0].left.place, self.statement.text.refuse
        if len(joins) > 2:
            refuse(joins[2].left.place, "MALFORMED_QUERY", "Maximum 2 semi join sub-selects are allowed")
        if _under(condition, "OR"):
            refuse(place, "MALFORMED_QUERY", "Semi join sub-selects are not allowed with the 'OR' operator")
        if _under(condition, "NOT"):
            message = (
                "Semi join sub-selects are only allowed at the top level WHERE expressions "
                "and not in nested WHERE expressions"
            )
            refuse(place, "MALFORMED_QUERY", message)


def _under(condition: Condition, operator: str) -> bool:
    if not isinstance(condition, Logic):
        return False
    here = condition.operator == operator and any(isinstance(leaf, SemiJoin) for leaf in leaves(condition))
    return here or any(_under(part, operator) for part in condition.parts)


def _chain(parts: list[str], operator: str) -> str:
    """Join conditions, in groups, so that a long list does not become a deep tree."""
    while len(parts) > 1:
        groups = [parts[start : start + _CHUNK] for start in range(0, len(parts), _CHUNK)]
        parts = ["(" + f" {operator} ".join(group) + ")" for group in groups]
    return parts[0]


def body(scope: Scope, query: Query, conditions: list[str]) -> str:
    """Write FROM, the joins and WHERE; call it after the last path of the query has been looked up."""
    tests = [*scope.statement.alive(scope.kind, scope.root.table), *conditions]
    if query.where is not None:
        tests.append(Filter(scope, lambda operand: term(scope, operand)).sql(query.where))
    where = f" WHERE {_chain(tests, 'AND')}" if tests else ""
    joins = "".join(f" {join}" for join in scope.joins)
    return f'FROM "{scope.kind.name}" AS {scope.root.table}{joins}{where}'


def opened(statement: Statement, sources: tuple[Source, ...]) -> Scope:
    """Open the scope of a query's FROM."""
    scope = Scope(statement, statement.find(sources[0].path), sources[0])
    for source in sources[1:]:
        scope.also(source)
    return scope
