"""Text to tree: the grammar is in `grammar.lark`, this module builds the tree and words the complaints.

In: the text of a query; out: a `tree.Query`, or a Problem MALFORMED_QUERY that points at the place. Next room:
`names`.
"""

import re
from functools import cache, lru_cache
from importlib.resources import files

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedToken, v_args

from connector.emulator.salesforce.org.model import Problem
from connector.emulator.salesforce.soql.tree import (
    Argument,
    Call,
    Comparison,
    Condition,
    Item,
    Literal,
    Logic,
    Operand,
    Order,
    Path,
    Query,
    SemiJoin,
    Source,
    Text,
    TypeOf,
)

LONGEST_QUERY = 100_000
LONGEST_STRING = 4_000
_DEEPEST, _MOST_CONDITIONS = 20, 5_000
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_ESCAPED |= {name.upper(): letter for name, letter in _ESCAPED.items()}


@lru_cache(maxsize=128)
def parse(text: str) -> Query:
    """Read a query; a client asks the same ones again and again, and a tree never changes."""
    if len(text) > LONGEST_QUERY:
        raise Problem(400, "MALFORMED_QUERY", f"SOQL statements cannot be longer than {LONGEST_QUERY} characters.")
    grammar = _grammar()
    try:
        query = grammar.parse(text)
    except _Refused as refusal:
        Text(text).refuse(refusal.place, refusal.code, refusal.message)
    except UnexpectedToken as error:
        found = "<EOF>" if error.token.type == "$END" else str(error.token)
        place = len(text.rstrip()) if error.token.type == "$END" else error.token.start_pos or 0
        Text(text).refuse(place, "MALFORMED_QUERY", f"unexpected token: '{found}'")
    except UnexpectedCharacters as error:
        raise Problem(400, "MALFORMED_QUERY", _unreadable(text, error)) from error
    if not isinstance(query, Query):
        raise TypeError(f"the grammar built a {type(query).__name__} where a Query was due")
    return query


@cache
def _grammar() -> Lark:
    text = files(__package__).joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(text, parser="lalr", lexer="contextual", transformer=_Builder(), maybe_placeholders=True)


def _unreadable(text: str, error: UnexpectedCharacters) -> str:
    where = f"line {error.line}:{error.column - 1}"
    if error.char == "'":
        return f"line {error.line}:{len(text)} mismatched character '<EOF>' expecting '''"
    return f"{where} no viable alternative at character '{error.char}'"


class _Refused(Exception):
    """Something the grammar takes and the org does not; `parse` adds the text around the place."""

    def __init__(self, place: int, message: str, code: str = "MALFORMED_QUERY") -> None:
        super().__init__(message)
        self.place, self.message, self.code = place, message, code


def _place(token: Token) -> int:
    return token.start_pos or 0


def _path(token: Token) -> Path:
    return Path(tuple(token.split(".")), _place(token))


def _alias(token: Token | None) -> str | None:
    if token is not None and "." in token:
        raise _Refused(_place(token), f"unexpected token: '{token}'")
    return None if token is None else str(token)


def _whole(token: Token | None, word: str) -> int | None:
    if token is None:
        return None
    if not token.isdigit():
        raise _Refused(_place(token), f"unexpected token: '{token}'")
    if len(token) > 10:
        raise _Refused(_place(token), f"{word} is out of range: {token}", "NUMBER_OUTSIDE_VALID_RANGE")
    return int(token)


def _string(token: Token) -> Literal:
    """Undo the escapes of a string; for LIKE, keep a backslash before what it takes literally."""
    raw = str(token)[1:-1]
    if len(raw) > LONGEST_STRING:
        message = f"String literals cannot be longer than {LONGEST_STRING} characters."
        raise _Refused(_place(token), message)

    def plain(match: re.Match[str]) -> str:
        name = match[1]
        if len(name) == 5:
            return chr(int(name[1:], 16))
        if name in "_%":
            return name
        if name not in _ESCAPED:
            message = f"Invalid string literal '{raw}'. Illegal character sequence '\\{name}' in string literal."
            raise _Refused(_place(token), message)
        return _ESCAPED[name]

    def pattern(match: re.Match[str]) -> str:
        letter = plain(match)
        return "\\" + letter if match[1] in "_%\\" or letter == "\\" else letter

    return Literal(
        "string", _joined(token, _ESCAPE.sub(plain, raw)), _place(token), _joined(token, _ESCAPE.sub(pattern, raw))
    )


def _joined(token: Token, text: str) -> str:
    """Join surrogate pairs that came as two escapes; half a pair is no character."""
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        raise _Refused(_place(token), f"Invalid string literal '{str(token)[1:-1]}'.") from None


def _logic(operator: str, *parts: Condition) -> Logic:
    depth = 1 + max(part.depth if isinstance(part, Logic) else 0 for part in parts)
    count = sum(part.leaves if isinstance(part, Logic) else 1 for part in parts)
    if depth > _DEEPEST or count > _MOST_CONDITIONS:
        message = "The filter conditions are too complicated: too many of them, or too deeply nested."
        raise _Refused(0, message, "QUERY_TOO_COMPLICATED")
    return Logic(operator, parts, depth, count)


def _depth(call: Call) -> int:
    return 1 + max((_depth(a) for a in call.arguments if isinstance(a, Call)), default=0)


@v_args(inline=True)
class _Builder(Transformer[Token, Query]):
    """One method per rule of the grammar, called bottom up while it parses, so that no input can exhaust the stack."""

    def start(self, query: Query) -> Query:
        return query

    def query(
        self,
        items: tuple[Item, ...],
        sources: tuple[Source, ...],
        scope: Token | None,
        where: Condition | None,
        group: tuple[Operand, ...] | None,
        having: Condition | None,
        order: tuple[Order, ...] | None,
        limit: Token | None,
        offset: Token | None,
        tail: tuple[str, ...],
    ) -> Query:
        depth = 1 + max((item.what.depth for item in items if isinstance(item.what, Query)), default=0)
        return Query(
            items, sources, _alias(scope), where, group or (), having, order or (), _whole(limit, "LIMIT"),
            _whole(offset, "OFFSET"), tail, depth,
        )  # fmt: skip

    def items(self, *items: Item) -> tuple[Item, ...]:
        return items

    def field_item(self, name: Token, alias: Token | None) -> Item:
        return Item(_path(name), _alias(alias))

    def call_item(self, call: Call, alias: Token | None) -> Item:
        return Item(call, _alias(alias))

    def child_item(self, query: Query) -> Item:
        if query.depth > 5:
            raise _Refused(query.sources[0].path.place, "A query may hold at most five levels of subqueries.")
        return Item(query)

    def typeof_item(self, name: Token, *rest: tuple[Path, tuple[Path, ...]] | tuple[Path, ...] | None) -> Item:
        *branches, otherwise = rest
        return Item(TypeOf(_path(name), tuple(branches), otherwise))  # type: ignore[arg-type]

    def branch(self, name: Token, fields: tuple[Path, ...]) -> tuple[Path, tuple[Path, ...]]:
        return _path(name), fields

    def names(self, *names: Token) -> tuple[Path, ...]:
        return tuple(_path(name) for name in names)

    def sources(self, *sources: Source) -> tuple[Source, ...]:
        return sources

    def source(self, name: Token, alias: Token | None) -> Source:
        return Source(_path(name), _alias(alias))

    def call(self, name: Token, *arguments: Argument | None) -> Call:
        if "." in name:
            raise _Refused(_place(name), f"unexpected token: '{name}'")
        call = Call(name.upper(), tuple(a for a in arguments if a is not None), _place(name))
        if _depth(call) > 4:
            raise _Refused(_place(name), f"unexpected token: '{name}'")
        return call

    def argument(self, call: Call) -> Call:
        return call

    def operand(self, call: Call) -> Call:
        return call

    def path(self, name: Token) -> Path:
        return _path(name)

    def operands(self, *operands: Operand) -> tuple[Operand, ...]:
        return operands

    def all_of(self, *parts: Condition) -> Logic:
        return _logic("AND", *parts)

    def any_of(self, *parts: Condition) -> Logic:
        return _logic("OR", *parts)

    def none_of(self, part: Condition) -> Logic:
        return _logic("NOT", part)

    def compare(self, left: Operand, operator: Token, value: Literal) -> Comparison:
        return Comparison(left, "!=" if operator == "<>" else operator.upper(), (value,))

    def member(self, left: Operand, operator: Token, values: tuple[Literal, ...]) -> Comparison:
        return Comparison(left, " ".join(operator.upper().split()), values)

    def semi_join(self, left: Operand, operator: Token, inner: Query) -> SemiJoin:
        return SemiJoin(left, " ".join(operator.upper().split()), inner)

    def bound_list(self, left: Operand, operator: Token, name: Token) -> Comparison:
        raise _Refused(_place(name) - 1, "Bind variables only allowed in Apex code")

    def bound(self, name: Token) -> Literal:
        raise _Refused(_place(name) - 1, "Bind variables only allowed in Apex code")

    def values(self, *values: Literal) -> tuple[Literal, ...]:
        return values

    def string(self, token: Token) -> Literal:
        return _string(token)

    def number(self, token: Token) -> Literal:
        return Literal("number", str(token), _place(token))

    def date(self, token: Token) -> Literal:
        return Literal("date", str(token), _place(token))

    def datetime(self, token: Token) -> Literal:
        return Literal("datetime", str(token), _place(token))

    def time(self, token: Token) -> Literal:
        return Literal("time", str(token), _place(token))

    def word(self, token: Token) -> Literal:
        return Literal("word", str(token), _place(token))

    def counted(self, token: Token, count: Token) -> Literal:
        return Literal("word", str(token), _place(token), count=_whole(count, str(token)))

    def orders(self, *orders: Order) -> tuple[Order, ...]:
        return orders

    def order(self, what: Operand, direction: Token | None, nulls: Token | None) -> Order:
        descending = direction is not None and direction.upper() == "DESC"
        return Order(what, descending, nulls is not None and nulls.upper().endswith("LAST"))

    def tail(self, *words: Token | None) -> tuple[str, ...]:
        return tuple(" ".join(word.upper().split()) for word in words if word is not None)
