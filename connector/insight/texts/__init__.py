"""Messages in the languages of record owners: one TOML file per language, read once.

A language comes in, its catalogue leaves. `owners` says whose language it is, `explain` fills the messages, `line`
puts them together.
"""

import re
import tomllib
from functools import cache
from importlib import resources
from typing import Any

LANGUAGES = ("en", "de", "fr", "es", "ru", "fa", "ar")
# Marks around what is written the other way than the text it stands in: first strong isolate, pop directional isolate.
ISOLATE, POP = "\u2068", "\u2069"
# What is filled in with our own words, or with a bare count: it needs no marks.
_OWN = {
    *("basis", "worth", "list", "criterion", "slot", "reason", "evidence", "level", "function"),
    *("n", "of", "covered", "slots", "known", "gap", "owners", "peers", "in_touch", "roles"),
}
_PLACE = re.compile(r"\{(\w+)\}")


@cache
def catalogue(language: str) -> dict[str, Any]:
    """Messages of a language, by section and key.

    From right to left, a day such as 2026-02 would be shown as 02-2026, and a bracket of a name would change its
    side: in such a language everything that isn't ours is set apart from the words around it (Unicode's isolates,
    UAX 9).
    """
    file = resources.files(__package__).joinpath(f"{language}.toml")
    said = tomllib.loads(file.read_text(encoding="utf-8"))
    return dict(_set_apart(said)) if said["report"]["direction"] == "rtl" else said


def _set_apart(part: Any) -> Any:
    if isinstance(part, dict):
        return {key: _set_apart(value) for key, value in part.items()}
    return _PLACE.sub(lambda found: found[0] if found[1] in _OWN else f"{ISOLATE}{found[0]}{POP}", part)
