"""Conditions of `$filter` as conditions of SQL.

A syntax tree comes in; SQL with bound parameters leaves. Next room: `options`.
"""

from typing import Any

from odata_query import ast

from connector.emulator.dynamics.odata.names import bad_query, edm_type, kind_of
from connector.emulator.dynamics.odata.operators import OPERATORS, apply_operator
from connector.emulator.dynamics.odata.scope import Scope, Term, linked
from connector.emulator.dynamics.odata.syntax import FUNCTIONS, Aliases, parse
from connector.emulator.dynamics.odata.values import SIGNS, compare, from_node, like, literal_text, member

_COMPARATORS: dict[type[Any], str] = {
    ast.Eq: "eq", ast.NotEq: "ne", ast.Gt: "gt", ast.GtE: "ge", ast.Lt: "lt", ast.LtE: "le",
}  # fmt: skip
_TURNED = {"gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}
MOST_TOGETHER = 200
_PATTERNS = {"contains": "%{}%", "startswith": "{}%", "endswith": "%{}"}


def where(scope: Scope, text: str, aliases: Aliases = ()) -> str:
    """The condition of SQL that says what an expression of OData says."""
    return _Condition({}, scope).of(parse(text, aliases))


class _Condition:
    """Turns trees into SQL; `variables` are those of the lambdas around, each with its scope."""

    def __init__(self, variables: dict[str, Scope], root: Scope) -> None:
        self.variables, self.root = variables, root

    def of(self, node: Any) -> str:
        if isinstance(node, ast.BoolOp):
            return self._chain(node)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return f"NOT coalesce({self.of(node.operand)}, 0)"
        if isinstance(node, ast.Compare):
            return self._compare(node)
        if isinstance(node, ast.Call):
            return self._function(node)
        if isinstance(node, ast.CollectionLambda):
            return self._lambda(node)
        if isinstance(node, ast.Boolean):
            return "1" if node.py_val else "0"
        if isinstance(node, ast.Identifier | ast.Attribute):
            term = self._term(node)
            if kind_of(term.column) == "yesno":
                return f"{term.sql} = 1"
        raise bad_query("The $filter expression must evaluate to a single boolean value.")

    def _chain(self, node: ast.BoolOp) -> str:
        """Many parts joined by the same word, one beside the other: as deep a tree would be too deep for SQL."""
        word, parts = type(node.op), []
        rest: Any = node
        while isinstance(rest, ast.BoolOp) and type(rest.op) is word:
            parts.append(self.of(rest.right))
            rest = rest.left
        parts.append(self.of(rest))
        return _joined(parts[::-1], " AND " if word is ast.And else " OR ")

    def _term(self, node: Any) -> Term:
        scope, path = self._place(_path(node))
        return scope.property(path)

    def _place(self, path: list[str]) -> tuple[Scope, list[str]]:
        scope = self.variables.get(path[0])
        return (self.root, path) if scope is None else (scope, path[1:])

    def _compare(self, node: ast.Compare) -> str:
        left, right, operator = node.left, node.right, _COMPARATORS.get(type(node.comparator), "in")
        if operator == "in":
            return self._member(self._term(left), right)
        if not _is_path(left) and _is_path(right):
            left, right, operator = right, left, _TURNED.get(operator, operator)
        if not _is_path(left):
            return self._of_values(left, right, operator)
        term = self._term(left)
        if _is_path(right):
            return self._columns(term, self._term(right), operator)
        literal = from_node(term.column, right, operator)
        return compare(self.root.statement.bind, term.sql, term.column, operator, literal)

    def _of_values(self, left: Any, right: Any, operator: str) -> str:
        """A comparison of a condition with true or false, as `contains(name,'x') eq true`."""
        if isinstance(right, ast.Boolean) and operator in ("eq", "ne") and not hasattr(left, "val"):
            wanted = right.py_val == (operator == "eq")
            return self.of(left) if wanted else f"NOT coalesce({self.of(left)}, 0)"
        raise bad_query("Only a property can be compared in $filter, with a value or with another property.")

    def _columns(self, left: Term, right: Term, operator: str) -> str:
        if edm_type(left.column) != edm_type(right.column):
            raise bad_query(
                f"A binary operator with incompatible types was detected. Found operand types "
                f"'{edm_type(left.column)}' and '{edm_type(right.column)}' for operator kind '{operator}'."
            )
        fold = " COLLATE NOCASE" if kind_of(left.column) == "text" else ""
        return f"{left.sql} {SIGNS[operator]} {right.sql}{fold}"

    def _member(self, term: Term, node: Any) -> str:
        items = node.val if isinstance(node, ast.List) else [node]
        literals = [from_node(term.column, item) for item in items]
        return member(self.root.statement.bind, term.sql, term.column, literals)

    def _function(self, node: ast.Call) -> str:
        namespace = node.func.namespace
        if namespace[-3:] == FUNCTIONS:
            return self._dataverse(node)
        pattern = _PATTERNS.get(node.func.name.lower()) if not namespace else None
        if pattern is None:
            raise bad_query(f"The function '{_full(node.func)}' is not supported in $filter.")
        term = self._term(node.args[0])
        if kind_of(term.column) != "text":
            raise bad_query(
                f"No function signature for the function with name '{node.func.name}' matches the specified "
                f"arguments. Found '{edm_type(term.column)}' for the property '{term.column.name}'."
            )
        return like(self.root.statement.bind, term.sql, pattern.format(literal_text(node.args[1])))

    def _dataverse(self, node: ast.Call) -> str:
        name, *outer = node.func.name, *node.func.namespace[:-3]
        operator = OPERATORS.get(name.lower())
        if operator is None:
            raise bad_query(f"An unknown function with name 'Microsoft.Dynamics.CRM.{name}' was found.")
        given = {a.name.name.lower(): a.param for a in node.args if isinstance(a, ast.NamedParam)}
        column = given.pop("propertyname", None)
        if column is None:
            raise bad_query(f"The function 'Microsoft.Dynamics.CRM.{name}' needs the parameter 'PropertyName'.")
        scope, path = self._place([*outer, *literal_text(column).split("/")])
        values = [
            literal_text(item)
            for _, node in sorted(given.items())
            for item in (node.val if isinstance(node, ast.List) else [node])
        ]
        return apply_operator(scope, scope.property(path), operator, values)

    def _lambda(self, node: ast.CollectionLambda) -> str:
        scope, path = self._place(_path(node.owner))
        parent, owner = scope.follow(path[:-1])
        relationship, child = scope.children(parent, path[-1])
        inner = Scope(scope.statement, child)
        conditions = [linked(scope.statement, relationship, path[-1], parent, child, owner, inner.alias)]
        every = isinstance(node.operator, ast.All)
        if node.lambda_ is not None:
            name = node.lambda_.identifier.name
            condition = _Condition({**self.variables, name: inner}, self.root).of(node.lambda_.expression)
            conditions.append(f"NOT coalesce({condition}, 0)" if every else condition)
        return f"{'NOT ' * every}EXISTS (SELECT 1 FROM {inner.source} WHERE {' AND '.join(conditions)})"


def _joined(parts: list[str], word: str) -> str:
    """Conditions side by side, in groups: SQLite nests what stands in one row, a thousand levels deep at most."""
    while len(parts) > MOST_TOGETHER:
        parts = [_joined(parts[at : at + MOST_TOGETHER], word) for at in range(0, len(parts), MOST_TOGETHER)]
    return "(" + word.join(parts) + ")"


def _full(name: ast.Identifier) -> str:
    return ".".join((*name.namespace, name.name))


def _is_path(node: Any) -> bool:
    return isinstance(node, ast.Identifier | ast.Attribute)


def _path(node: Any) -> list[str]:
    if isinstance(node, ast.Attribute):
        return [*_path(node.owner), node.attr]
    if isinstance(node, ast.Identifier):
        return [_full(node)]
    raise bad_query("A property was expected here: only properties can be compared, in $filter.")
