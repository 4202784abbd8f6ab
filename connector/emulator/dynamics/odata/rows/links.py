"""Addresses in answers: links to next pages, to changes and to collections, and what `@odata.context` says.

Calls and options come in; texts of addresses leave. Next room: `expand`.
"""

from urllib.parse import quote

from connector.emulator.dynamics.desk.call import Call, split_outside
from connector.emulator.dynamics.odata.options import Expand, Options

_SAFE = "$,()/;:@'=!*~?"
_OURS = ("$skiptoken", "$deltatoken")


def same_query(call: Call) -> str:
    """The caller's options as a link repeats them, without the place in the pages."""
    kept = [(name, value) for name, value in call.query if name.lower() not in _OURS]
    return "&".join(f"{quote(name, safe=_SAFE)}={quote(value, safe=_SAFE)}" for name, value in kept)


def link(root: str, call: Call, name: str, token: str) -> str:
    """The address of the caller's query with a token, which is encoded already."""
    query = same_query(call)
    return f"{root}{quote(call.path.strip('/'), safe=_SAFE)}?{query}{'&' * bool(query)}{name}={token}"


def child_link(root: str, set_name: str, owner: str, expand: Expand, token: str = "") -> str:
    """The address of the collection that an expand has shown."""
    parts = [quote(part.strip(), safe=_SAFE) for part in split_outside(expand.text, ";") if part.strip()]
    query = "&".join([*parts, *([f"$skiptoken={token}"] if token else [])])
    return f"{root}{set_name}({owner})/{expand.nav}{'?' * bool(query)}{query}"


def columns_text(options: Options) -> str:
    """The part of `@odata.context` in brackets: what was selected and expanded."""
    parts = [*(options.select or ()), *(_expanded(expand) for expand in options.expand)]
    return f"({','.join(parts)})" if parts else ""


def _expanded(expand: Expand) -> str:
    if expand.reference:
        return f"{expand.nav}/$ref()"
    return f"{expand.nav}{columns_text(expand.options) or '()'}"


def context(call: Call, set_name: str, options: Options, more: str = "") -> str:
    """The value of `@odata.context` for rows of a table."""
    return f"{call.root}$metadata#{set_name}{columns_text(options)}{more}"
