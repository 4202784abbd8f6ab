"""Labels and managed properties, as metadata spells them and as bodies bring them.

Texts and flags come in; dictionaries leave, and the other way round. Next room: `shape`.
"""

from collections.abc import Mapping
from hashlib import blake2s
from typing import Any

ENGLISH = 1033


def part_id(*names: str) -> str:
    """A lasting id for a part of metadata that the organisation itself gives none."""
    made = blake2s("/".join(names).encode(), digest_size=16).hexdigest()  # far quicker than uuid5, and there are many
    return f"{made[:8]}-{made[8:12]}-4{made[13:16]}-8{made[17:20]}-{made[20:]}"


def label(
    text: str, others: Mapping[int, str] | None = None, *, managed: bool = False, seed: str = ""
) -> dict[str, Any]:
    """A label in all its languages; the caller's language is English."""
    entries = [
        {
            "Label": shown,
            "LanguageCode": language,
            "IsManaged": managed,
            "MetadataId": part_id("label", seed, shown, str(language)),
            "HasChanged": None,
        }
        for language, shown in ((ENGLISH, text), *sorted((others or {}).items()))
        if shown
    ]
    return {"LocalizedLabels": entries, "UserLocalizedLabel": entries[0] if entries and text else None}


def managed(value: Any, name: str, *, changeable: bool = True) -> dict[str, Any]:
    """A managed property: its value and whether the publisher lets it be changed."""
    return {"Value": value, "CanBeChanged": changeable, "ManagedPropertyLogicalName": name}


def texts(body: Any) -> dict[int, str]:
    """The texts of a label by language; empty when there is none."""
    if not isinstance(body, Mapping):
        return {}
    entries = body.get("LocalizedLabels") or []
    found = {
        int(entry.get("LanguageCode") or ENGLISH): str(entry["Label"])
        for entry in entries
        if isinstance(entry, Mapping) and isinstance(entry.get("Label"), str)
    }
    user = body.get("UserLocalizedLabel")
    if not found and isinstance(user, Mapping) and isinstance(user.get("Label"), str):
        found = {int(user.get("LanguageCode") or ENGLISH): str(user["Label"])}
    return found


def english(found: Mapping[int, str]) -> str:
    """The text to show: English, else whichever language there is."""
    return found.get(ENGLISH) or next(iter(found.values()), "")


def plain(value: Any) -> Any:
    """The value of a managed property, or the value itself."""
    return value.get("Value") if isinstance(value, Mapping) else value
