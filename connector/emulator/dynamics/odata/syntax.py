"""The grammar of `$filter`: odata-query's own, read with a lexer that knows what Dataverse adds to it.

Text and parameter aliases come in; the syntax tree of odata-query leaves. Next room: `scope`.

The parser of odata-query is used as it is. Arrays in brackets, aliases and named parameters arrive at it as single
literals, made here from the tokens; that is sound because Dataverse allows only literals in these places.
"""
# ruff: noqa: F821 - SLY puts the `_` of its lexers into the body of the class

from collections.abc import Callable
from copy import copy
from functools import lru_cache
from typing import Any

import orjson
from odata_query import ast
from odata_query.exceptions import ODataException
from odata_query.grammar import ODataLexer, ODataParser

from connector.emulator.dynamics.odata.names import bad_query

Token = Any  # SLY's, which has no types
FUNCTIONS = ("Microsoft", "Dynamics", "CRM")
Aliases = tuple[tuple[str, str], ...]
_LITERALS = frozenset(
    {"NULL", "STRING", "GUID", "DATETIME", "DATE", "TIME", "DECIMAL", "INTEGER", "BOOLEAN", "DURATION"}
)


def _word(name: str) -> str:
    return rf"\s*\b{name}\b\s*"


class _Lexer(ODataLexer):
    """odata-query's lexer; words end where words end, and operators need no blanks beside brackets."""

    _: Callable[..., Callable[[Any], Any]]
    tokens = ODataLexer.tokens | {"ARRAY", "ALIAS"}

    @_(r"any(?=\s*\()")
    def ANY(self, t: Any) -> Any:
        t.value = ast.Any()
        return t

    @_(r"all(?=\s*\()")
    def ALL(self, t: Any) -> Any:
        t.value = ast.All()
        return t

    @_(r"null\b")
    def NULL(self, t: Any) -> Any:
        t.value = ast.Null()
        return t

    @_(r"(?:true|false)\b")
    def BOOLEAN(self, t: Any) -> Any:
        t.value = ast.Boolean(t.value)
        return t

    @_(_word("and"))
    def AND(self, t: Any) -> Any:
        t.value = ast.And()
        return t

    @_(_word("or"))
    def OR(self, t: Any) -> Any:
        t.value = ast.Or()
        return t

    @_(r"not\b\s*")
    def NOT(self, t: Any) -> Any:
        t.value = ast.Not()
        return t

    @_(_word("in"))
    def IN(self, t: Any) -> Any:
        t.value = ast.In()
        return t

    @_(r"\[(?:\"(?:\\.|[^\"\\])*\"|'(?:[^']|'')*'|[^\]\"'])*\]")
    def ARRAY(self, t: Any) -> Any:
        t.type, t.value = "STRING", _array(t.value)
        return t

    ALIAS = r"@\w+"


@lru_cache(maxsize=512)
def parse(text: str, aliases: Aliases = ()) -> Any:
    """The syntax tree of an expression; what cannot be read is refused with the place where reading ended."""
    try:
        tokens = _settle(list(_Lexer().tokenize(text)), dict(aliases))
        tree = ODataParser().parse(iter(tokens))
    except (ODataException, AttributeError) as error:  # its path rules stumble over an attribute that is not there
        place = getattr(getattr(error, "token", None), "index", None)
        raise bad_query(f"Syntax error at position {len(text) if place is None else place} in '{text}'.") from error
    if tree is None:
        raise bad_query(f"Syntax error at position {len(text)} in '{text}'.")
    return tree


def parse_key(text: str) -> dict[str, Any]:
    """The literals between the brackets of a key, by property name; the name is empty for a bare value."""
    call = parse(f"Microsoft.Dynamics.CRM.Key({text})")
    arguments = call.args if isinstance(call, ast.Call) else []
    named = {a.name.name: a.param for a in arguments if isinstance(a, ast.NamedParam)}
    return named if named or not arguments else {"": arguments[0]}


def _array(text: str) -> ast.List:
    """An array of JSON; single quotes are let pass, as the service does."""
    try:
        items = orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            tokens = [t for t in _Lexer().tokenize(text[1:-1]) if t.type not in ("WS", ",")]
        except ODataException:
            tokens = []
        if not tokens or any(token.type not in _LITERALS for token in tokens):
            raise bad_query(
                "Invalid JSON. A comma character ',' was expected in scope 'Array'. Every two elements in an array "
                "and properties of an object must be separated by commas."
            ) from None
        items = [token.value.val for token in tokens]
    return ast.List([ast.Null() if item is None else ast.String(_plain(item)) for item in items])


def _plain(item: Any) -> str:
    return ("true" if item else "false") if isinstance(item, bool) else str(item)


def _token(like: Token, kind: str, value: Any) -> Token:
    made = copy(like)
    made.type, made.value = kind, value
    return made


def _settle(tokens: list[Token], aliases: dict[str, str]) -> list[Token]:
    """The tokens as the parser of odata-query knows them."""
    tokens = [_aliased(token, aliases) if token.type == "ALIAS" else token for token in tokens]
    made: list[Token] = []
    place = 0
    while place < len(tokens):
        token, rest = tokens[place], [t for t in tokens[place : place + 5] if t.type != "WS"]
        kinds = [t.type for t in rest]
        if kinds[:2] == ["ODATA_IDENTIFIER", "="] and len(rest) > 2 and kinds[2] in _LITERALS:
            made.append(_token(token, "STRING", ast.NamedParam(token.value, rest[2].value)))
            place = tokens.index(rest[2]) + 1
        elif kinds[:3] == ["ODATA_IDENTIFIER", "/", "ODATA_IDENTIFIER"] and rest[2].value.namespace == FUNCTIONS:
            name = ast.Identifier(rest[2].value.name, (token.value.name, *FUNCTIONS))
            made.append(_token(token, "ODATA_IDENTIFIER", name))
            place = tokens.index(rest[2]) + 1
        elif token.type == "IN":
            made.append(token)
            place = _members(tokens, place + 1, made)
        else:
            made.append(token)
            place += 1
    return made


def _aliased(token: Token, aliases: dict[str, str]) -> Token:
    """The literal that an alias stands for; null when it was not sent."""
    text = aliases.get(token.value)
    if text is None:
        return _token(token, "NULL", ast.Null())
    try:
        found = list(_Lexer().tokenize(text.strip()))
    except ODataException:
        found = []
    if len(found) != 1 or found[0].type not in _LITERALS:
        raise bad_query(f"The value '{text}' of the parameter alias '{token.value}' is no literal.")
    return _token(token, found[0].type, found[0].value)


def _members(tokens: list[Token], place: int, made: list[Token]) -> int:
    """Copy the list behind `in`; a list of one gets the comma that tells it from a bracket."""
    while place < len(tokens) and tokens[place].type == "WS":
        place += 1
    if place < len(tokens) and isinstance(tokens[place].value, ast.List):
        opener = tokens[place]
        made.append(_token(opener, "(", "("))
        for item in opener.value.val:
            made += [_token(opener, "STRING", item), _token(opener, ",", ",")]
        if len(opener.value.val) > 1:
            made.pop()
        made.append(_token(opener, ")", ")"))
        return place + 1
    start = place
    while place < len(tokens) and tokens[place].type != ")":
        made.append(tokens[place])
        place += 1
    if place < len(tokens) and all(t.type != "," for t in tokens[start:place]):
        made.append(_token(tokens[place], ",", ","))
    return place
