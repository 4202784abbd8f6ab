"""Messages in the languages of record owners: one TOML file per language, read once.

A language comes in, its catalogue leaves. `explain` fills it.
"""

import tomllib
from functools import cache
from importlib import resources
from typing import Any


@cache
def catalogue(language: str) -> dict[str, Any]:
    """Messages of a language, by section and key."""
    file = resources.files(__package__).joinpath(f"{language}.toml")
    return tomllib.loads(file.read_text(encoding="utf-8"))
