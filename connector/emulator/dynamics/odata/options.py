"""The query options of one request, or of one `$expand`, taken apart.

Names and values as sent come in; `Options` leave. Next room: `rows`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from connector.emulator.dynamics.desk.call import split_outside
from connector.emulator.dynamics.odata.names import bad_query
from connector.emulator.dynamics.odata.syntax import Aliases

MOST_EXPANDS = 15
_KNOWN = frozenset(
    {"$select", "$filter", "$orderby", "$top", "$count", "$expand", "$apply", "$skiptoken", "$deltatoken", "$format"}
)
_WITHIN_EXPAND = frozenset({"$select", "$filter", "$orderby", "$top", "$expand"})


@dataclass(frozen=True)
class Expand:
    """One navigation property to be followed; `reference` asks for the address of the row instead of the row."""

    nav: str
    reference: bool
    options: "Options"
    text: str  # the options as they were written


@dataclass(frozen=True)
class Options:
    """What a query asks for; `select` is None when every column is wanted."""

    select: tuple[str, ...] | None = None
    filter: str = ""
    orderby: tuple[tuple[str, bool], ...] = ()  # path, descending
    top: int | None = None
    count: bool = False
    expand: tuple[Expand, ...] = ()
    apply: str = ""
    skiptoken: str = ""
    deltatoken: str = ""
    aliases: Aliases = ()

    @property
    def nested(self) -> bool:
        """Say whether an expanded row expands further."""
        return any(item.options.expand for item in self.expand)


def read_options(query: Iterable[tuple[str, str]]) -> Options:
    """The options behind the question mark of a request."""
    given: dict[str, str] = {}
    aliases: list[tuple[str, str]] = []
    for name, value in query:
        if name.startswith("@"):
            aliases.append((name, value))
        elif name.startswith("$"):
            _add(given, name.lower(), value, _KNOWN)
    options = _made(given, tuple(aliases))
    count = _expands(options.expand)
    if count > MOST_EXPANDS:
        raise bad_query(f"The request holds {count} $expand options, more than the maximum of {MOST_EXPANDS}.")
    return options


def _expands(items: tuple[Expand, ...]) -> int:
    return sum(1 + _expands(item.options.expand) for item in items)


def _add(given: dict[str, str], name: str, value: str, known: frozenset[str]) -> None:
    if name == "$skip":
        raise bad_query("Skip Clause is not supported in CRM")
    if name not in known:
        raise bad_query(f"The query parameter '{name}' is not supported.")
    if name in given:
        raise bad_query(f"Query option '{name}' was specified more than once, but it must be specified at most once.")
    given[name] = value.strip()


def _made(given: dict[str, str], aliases: Aliases) -> Options:
    select = given.get("$select")
    return Options(
        select=None if select is None or select == "*" else _names(select),
        filter=given.get("$filter", ""),
        orderby=_orders(given.get("$orderby", "")),
        top=_top(given.get("$top")),
        count=_flag(given.get("$count", "false")),
        expand=tuple(_expand(item, aliases) for item in _parts(given.get("$expand", ""), ",")),
        apply=given.get("$apply", ""),
        skiptoken=given.get("$skiptoken", ""),
        deltatoken=given.get("$deltatoken", ""),
        aliases=aliases,
    )


def _parts(text: str, separator: str) -> list[str]:
    return [part.strip() for part in split_outside(text, separator) if part.strip()]


def _names(text: str) -> tuple[str, ...]:
    names = _parts(text, ",")
    if not names or any(not name.replace("_", "a").isalnum() for name in names):
        raise bad_query(f"Syntax error in $select: '{text}' is no list of property names.")
    return tuple(dict.fromkeys(names))


def _orders(text: str) -> tuple[tuple[str, bool], ...]:
    orders: list[tuple[str, bool]] = []
    for part in _parts(text, ","):
        path, *way = part.split()
        if len(way) > 1 or (way and way[0].lower() not in ("asc", "desc")):
            raise bad_query(f"Syntax error in $orderby: '{part}' is no property with asc or desc behind it.")
        orders.append((path, bool(way) and way[0].lower() == "desc"))
    return tuple(orders)


def _top(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise bad_query(
            f"Invalid value '{text}' for $top query option found. The $top query option requires a non-negative "
            "integer value."
        )
    return int(text)


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise bad_query(f"Invalid value '{text}' for $count query option found. Valid values are 'true' or 'false'.")
    return text.lower() == "true"


def _expand(text: str, aliases: Aliases) -> Expand:
    nav, bracket, rest = text.partition("(")
    nav, reference = nav.strip(), nav.strip().endswith("/$ref")
    nav = nav.removesuffix("/$ref")
    if (bracket and not rest.endswith(")")) or not nav.replace("_", "a").isalnum():
        raise bad_query(f"Syntax error in $expand: '{text}' is no navigation property with options in brackets.")
    inside, given = rest[:-1], dict[str, str]()
    for part in _parts(inside, ";"):
        name, _, value = part.partition("=")
        _add(given, name.strip().lower(), value, _WITHIN_EXPAND)
    return Expand(nav, reference, _made(given, aliases), inside)
