"""What metadata knows and the organisation's model has no place for: other languages, shared option sets, moments.

An organisation comes in; notes by metadata id leave, and shared option sets by name. Next room: `shelf`.
"""

from collections.abc import Mapping
from datetime import UTC
from typing import Any
from uuid import uuid4

from connector.emulator.dynamics.metadata.shapes.labels import ENGLISH, english
from connector.emulator.dynamics.org.model import Option
from connector.emulator.dynamics.org.records import Org

NOTES, SETS, EDITION = "metadata_notes", "metadata_option_sets", "metadata_edition"


def notes(org: Org) -> dict[str, dict[str, Any]]:
    """All notes by metadata id."""
    found: dict[str, dict[str, Any]] = org.setting(NOTES, {})
    return found


def note(org: Org, metadata_id: str, **changes: Any) -> None:
    """Add to the notes about one thing."""
    everything = notes(org)
    everything[metadata_id] = everything.get(metadata_id, {}) | changes
    org.set_setting(NOTES, everything)
    touch(org)


def drop_note(org: Org, metadata_id: str) -> None:
    """Forget the notes about one thing."""
    everything = notes(org)
    if everything.pop(metadata_id, None) is not None:
        org.set_setting(NOTES, everything)
    touch(org)


def edition(org: Org) -> str:
    """A mark that changes with every note and every change of a shared option set, and never comes back."""
    mark: str = org.setting(EDITION, "")
    return mark


def touch(org: Org) -> None:
    """Change the edition, so that nobody reads what was kept before."""
    org.set_setting(EDITION, uuid4().hex)  # not a count: a change taken back would use its number twice


def stored_sets(org: Org) -> dict[str, dict[str, Any]]:
    """The option sets that columns may share, by name."""
    found: dict[str, dict[str, Any]] = org.setting(SETS, {})
    return found


def store_set(org: Org, name: str, stored: Mapping[str, Any] | None) -> None:
    """Keep a shared option set, or drop it."""
    everything = stored_sets(org)
    everything.pop(name, None)
    if stored is not None:
        everything[name] = dict(stored)
    org.set_setting(SETS, everything)
    touch(org)


def options_stored(stored: Mapping[str, Any]) -> tuple[Option, ...]:
    """The options of a stored set."""
    made = []
    for entry in stored.get("options", []):
        texts = {int(language): text for language, text in entry["labels"].items()}
        others = {language: text for language, text in texts.items() if language != ENGLISH}
        made.append(Option(int(entry["value"]), english(texts), others))
    return tuple(made)


def options_to_store(options: tuple[Option, ...]) -> list[dict[str, Any]]:
    """Options in the form in which sets are stored."""
    return [
        {"value": one.value, "labels": {str(ENGLISH): one.label} | {str(k): v for k, v in one.labels.items()}}
        for one in options
    ]


def moment(org: Org) -> str:
    """The org's clock as metadata writes moments."""
    return org.clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
