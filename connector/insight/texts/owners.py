"""Which language an owner reads: from the locale of a user of the CRM to one of ours.

`user.locale`, or where the CRM keeps it apart `user_setting.locale`, comes in; the table `owner_language` leaves, one
row for each user who reads one of our languages. Every distinct locale is read once. Next room: `explain`.
"""

import re

import numpy as np

from connector.insight.steps import run_steps
from connector.insight.texts import LANGUAGES
from connector.schema import Context, Engine

# Windows' language ids, as Dynamics has them: the low ten bits name the language, the others the region. [MS-LCID] 2.2
_LANGUAGE_ID = {0x01: "ar", 0x07: "de", 0x09: "en", 0x0A: "es", 0x0C: "fr", 0x19: "ru", 0x29: "fa"}


def load_owners(engine: Engine, context: Context) -> None:
    """Make `owner_language`; empty when all texts are in the configured language."""
    run_steps(engine, "texts/owners", {})
    locales = engine.arrays("SELECT DISTINCT locale FROM owner_locale WHERE locale IS NOT NULL")["locale"]
    read = {str(text): language_of(str(text)) for text in locales} if context.by_owner else {}
    ours = sorted((text, language) for text, language in read.items() if language is not None)
    columns = {"locale": [text for text, _ in ours], "language": [language for _, language in ours]}
    engine.load("locale_language", {c: np.array(v, dtype=object) for c, v in columns.items()})
    run_steps(engine, "texts/owner_language", {})


def language_of(locale: str) -> str | None:
    """One of our languages, from `de_DE`, `fr-CA`, `fa` or a number as 1031; None for any other."""
    text = locale.strip().lower()
    if re.fullmatch(r"[0-9]{1,6}", text):
        return _LANGUAGE_ID.get(int(text) & 0x3FF)
    language = re.split("[_-]", text)[0]
    return language if language in LANGUAGES else None
