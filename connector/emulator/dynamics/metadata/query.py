"""Query options of metadata: what to select, which to keep, what to expand. Much less than rows allow.

Query options and shapes come in; JSON-ready dictionaries and the context's list of names leave. Next room: `route`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from odata_query import ast
from odata_query.exceptions import ODataException
from odata_query.grammar import ODataLexer, ODataParser

from connector.emulator.dynamics.desk.call import split_outside
from connector.emulator.dynamics.metadata.shapes import attributes, relations, tables
from connector.emulator.dynamics.metadata.shapes.shape import NAMESPACE, Shape
from connector.emulator.dynamics.org.model import Problem

NAMES: dict[str, frozenset[str]] = {
    **attributes.NAMES,
    **relations.NAMES,
    "EntityMetadata": tables.NAMES,
    "EntityKeyMetadata": tables.KEY_NAMES,
}
REFUSED = ("$orderby", "$top", "$skip", "$apply", "$search", "$compute", "$skiptoken")
Test = Callable[[Mapping[str, Any]], bool]
Value = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True)
class Query:
    """Query options for one level of an answer."""

    select: tuple[str, ...] = ()
    filter: str = ""
    expand: tuple[tuple[str, "Query"], ...] = ()
    count: bool = False

    @classmethod
    def read(cls, option: Callable[[str], str | None]) -> "Query":
        """Read query options; refuses those that metadata does not know."""
        for name in REFUSED:
            if option(name) is not None:
                raise Problem(501, "0x8006088a", f"The query option {name} isn't supported for Metadata Entities.")
        select = tuple(name.strip() for name in (option("$select") or "").split(",") if name.strip())
        expand = tuple(_expansion(item) for item in split_outside(option("$expand") or "", ",") if item.strip())
        return cls(select, option("$filter") or "", expand, (option("$count") or "").lower() == "true")

    def context(self) -> str:
        """The list of names that a context URL ends with, in brackets; empty when everything was asked for."""
        names = [name for name in self.select if name != "*"]
        names += [f"{name}({','.join(inner.select)})" for name, inner in self.expand]
        return f"({','.join(names)})" if names else ""


def keep(shapes: Iterator[Shape] | list[Shape] | tuple[Shape, ...], query: Query, declared: str) -> list[Shape]:
    """The shapes that a filter lets through."""
    if not query.filter.strip():
        return list(shapes)
    if declared.startswith(("OptionSet", "BooleanOptionSet")):
        raise Problem(501, "0x8006088a", "The query option $filter isn't supported for GlobalOptionSetDefinitions.")
    test = _test(_parse(query.filter), declared)
    return [shape for shape in shapes if test(shape.data)]


def render(shape: Shape, query: Query, declared: str) -> dict[str, Any]:
    """One shape as JSON, with its class named where it is not the declared one."""
    for name in query.select:
        known(name, declared, shape)
    names = set(query.select) - {"*"}
    made: dict[str, Any] = {} if shape.kind == declared else {"@odata.type": f"#{NAMESPACE}{shape.kind}"}
    if names and "*" not in query.select:
        made |= {name: value for name, value in shape.data.items() if name in names or name == "MetadataId"}
    else:
        made |= shape.data
    for name, inner in query.expand:
        made[name] = _expanded(shape, name, inner, declared)
    return made


def known(name: str, declared: str, shape: Shape | None = None) -> None:
    """Refuse a property that the declared class does not have."""
    names = NAMES.get(declared)
    found = name in names if names is not None else shape is not None and name in shape.data
    if name != "*" and not found:
        text = f"Could not find a property named '{name}' on type '{NAMESPACE}{declared}'."
        raise Problem(400, "0x80060888", text)


def follow(shape: Shape, name: str, declared: str) -> Shape | list[Shape] | None:
    """Where a navigation property leads; the class it is declared on must have it."""
    generic = declared in ("AttributeMetadata", "EnumAttributeMetadata") and shape.kind != declared
    if generic or name not in shape.links:
        text = f"Could not find a property named '{name}' on type '{NAMESPACE}{declared}'."
        raise Problem(400, "0x80060888", text)
    return shape.links[name]()


LEADS = {
    "Attributes": "AttributeMetadata",
    "Keys": "EntityKeyMetadata",
    "OneToManyRelationships": "OneToManyRelationshipMetadata",
    "ManyToOneRelationships": "OneToManyRelationshipMetadata",
    "ManyToManyRelationships": "ManyToManyRelationshipMetadata",
}
"""The class that each navigation property of a table is declared to lead to."""


def _expanded(shape: Shape, name: str, inner: Query, declared: str) -> Any:
    found = follow(shape, name, declared)
    if found is None:
        return None
    if isinstance(found, list):
        target = LEADS[name]
        return [render(one, inner, target) for one in keep(found, inner, target)]
    return render(found, inner, found.kind)


def _expansion(text: str) -> tuple[str, Query]:
    name, bracket, rest = text.strip().partition("(")
    if bracket and not rest.endswith(")"):
        raise Problem(400, "0x80060888", f"Syntax error at position {len(text)} in '{text}'.")
    pairs = (item.partition("=") for item in split_outside(rest[:-1], ";")) if bracket else ()
    options = {key.strip().lower(): value for key, _, value in pairs}
    return name.strip(), Query.read(options.get)


def _parse(text: str) -> ast._Node:
    try:
        return ODataParser().parse(_tokens(text))  # type: ignore[no-any-return]
    except ODataException as error:
        raise Problem(400, "0x80060888", f"The $filter '{text}' cannot be read: {error}") from error


def _tokens(text: str) -> Iterator[Any]:
    """The filter's tokens, with the class of an enumeration's literal left out: only its text is compared."""
    held: Any = None
    for token in ODataLexer().tokenize(text):
        if held is not None and not (token.type == "STRING" and held.value.namespace[:1] == ("Microsoft",)):
            yield held
        held = token if token.type == "ODATA_IDENTIFIER" else None
        if held is None:
            yield token
    if held is not None:
        yield held


def _test(node: ast._Node, declared: str) -> Test:
    match node:
        case ast.BoolOp(op=op, left=left, right=right):
            one, other = _test(left, declared), _test(right, declared)
            if isinstance(op, ast.And):
                return lambda data: one(data) and other(data)
            return lambda data: one(data) or other(data)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            inner = _test(operand, declared)
            return lambda data: not inner(data)
        case ast.Compare(comparator=comparator, left=left, right=right):
            return _compare(comparator, _value(left, declared), _value(right, declared))
        case ast.Call(func=func):
            raise Problem(501, "0x8006088a", f'The "{func.name}" function isn\'t supported for Metadata Entities.')
        case ast.Identifier() | ast.Attribute():
            flag = _value(node, declared)
            return lambda data: flag(data) is True
    raise Problem(501, "0x8006088a", f"The node {type(node).__name__} isn't supported for Metadata Entities.")


def _compare(comparator: ast._Node, left: Value, right: Value) -> Test:
    def ordered(data: Mapping[str, Any]) -> int | None:
        one, other = left(data), right(data)
        if one is None or other is None or isinstance(one, str) != isinstance(other, str):
            return None
        return int(one > other) - int(one < other)

    def signs(*wanted: int) -> Test:
        return lambda data: ordered(data) in wanted

    match comparator:
        case ast.Eq():
            return lambda data: bool(left(data) == right(data))
        case ast.NotEq():
            return lambda data: bool(left(data) != right(data))
        case ast.Gt():
            return signs(1)
        case ast.GtE():
            return signs(0, 1)
        case ast.Lt():
            return signs(-1)
        case ast.LtE():
            return signs(-1, 0)
    raise Problem(501, "0x8006088a", f"{type(comparator).__name__} isn't supported for Metadata Entities.")


def _value(node: ast._Node, declared: str) -> Value:
    match node:
        case ast.Identifier(name=name):
            known(name, declared)
            return lambda data: data.get(name)
        case ast.Attribute(owner=owner, attr=attr):
            outer = _value(owner, declared)

            def inside(data: Mapping[str, Any]) -> Any:
                found = outer(data)
                return found.get(attr) if isinstance(found, Mapping) else None

            return inside
        case ast.Null():
            return lambda data: None
        case ast.GUID(val=val):
            lowered = val.lower()
            return lambda data: lowered
        case ast.Boolean() | ast.Integer() | ast.Float() | ast.String():
            constant = node.py_val
            return lambda data: constant
        case ast.Call(func=func):
            raise Problem(501, "0x8006088a", f'The "{func.name}" function isn\'t supported for Metadata Entities.')
    raise Problem(501, "0x8006088a", f"The node {type(node).__name__} isn't supported for Metadata Entities.")
