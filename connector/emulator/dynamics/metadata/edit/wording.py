"""What bodies of metadata writes say: names, labels, numbers and flags, each checked.

A body's part comes in; a plain value leaves, or the refusal that a real organisation gives. Next room: `columns`.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from connector.emulator.dynamics.desk.call import payload_problem
from connector.emulator.dynamics.metadata.shapes.labels import ENGLISH, english, plain, texts
from connector.emulator.dynamics.metadata.shapes.shape import NAMESPACE, words
from connector.emulator.dynamics.org.model import Option, Problem
from connector.emulator.dynamics.org.records import Org

LONGEST_NAME = 100
REQUIRED = ("None", "Recommended", "ApplicationRequired", "SystemRequired")
_OBJECTS = frozenset(
    words("""
    DisplayName Description DisplayCollectionName UserLocalizedLabel OptionSet TrueOption FalseOption Lookup
    CascadeConfiguration AssociatedMenuConfiguration Entity1AssociatedMenuConfiguration
    Entity2AssociatedMenuConfiguration Properties Criteria AttributeQuery KeyQuery RelationshipQuery
""")
)
_OBJECT_LISTS = frozenset(
    words("LocalizedLabels Options Attributes Entities OneToManyRelationships Conditions Filters")
)
_LISTS = frozenset(words("KeyAttributes Values PropertyNames"))
_NAMED = _OBJECTS | _OBJECT_LISTS | _LISTS | {"LanguageCode"}
_NAME = re.compile(r"\w+", re.ASCII)


def well_formed(body: Any, name: str = "") -> None:
    """Refuse a body whose parts are not of the kind that their names say: objects, lists of objects, lists."""
    if name in _OBJECTS or not name:
        _must(body is None or isinstance(body, Mapping), name, "an object")
    elif name in _OBJECT_LISTS:
        _must(isinstance(body, list) and all(isinstance(one, Mapping) for one in body), name, "a list of objects")
    elif name in _LISTS:
        _must(isinstance(body, list), name, "a list")
    elif name == "LanguageCode":
        _must(body is None or (isinstance(body, int) and not isinstance(body, bool)), name, "a whole number")
    for one in body if isinstance(body, list) else [body]:
        for key, value in one.items() if isinstance(one, Mapping) else ():
            if value is not None:
                well_formed(value, key if key in _NAMED else "?")


def _must(fits: bool, name: str, kind: str) -> None:
    if not fits:
        raise payload_problem("", f"The property '{name or 'body'}' must be {kind}.")


def class_of(body: Mapping[str, Any], default: str = "") -> str:
    """The class that a body says it is of, without namespace and without Complex."""
    named = str(body.get("@odata.type", "")).lstrip("#").removeprefix(NAMESPACE)
    return (named or default).removeprefix("Complex")


def undeclared(body: Mapping[str, Any], known: Iterable[str], about: str) -> None:
    """Refuse properties that the class does not have; annotations may always be there."""
    names = set(known)
    for name in body:
        if "@" not in name and name not in names:
            reason = (
                f"The property '{name}' does not exist on type '{NAMESPACE}{about}'. Make sure to only use property"
            )
            raise payload_problem("", f"{reason} names that are defined by the type.")


def schema_name(org: Org, body: Mapping[str, Any], kind: str, field: str = "SchemaName") -> str:
    """The schema name of something new: letters, digits, a publisher's prefix, not too long."""
    name = body.get(field)
    if not isinstance(name, str) or not name:
        raise Problem(400, "0x80044366", _prefix_text(str(name or ""), kind))
    check_name(org, name, kind)
    return name


def check_name(org: Org, name: str, kind: str) -> None:
    """Refuse a schema name that a real organisation would not take."""
    if not name[0].isalpha():
        text = (
            f"Identifers should start with a letter. The schema name {name} for type {kind} doesn't start with letter."
        )
        raise Problem(400, "0x80044365", text)
    if not _NAME.fullmatch(name):
        text = f"Identifier {name} for type {kind} can only consist of alpha-numeric and underscore characters."
        raise Problem(400, "0x80044364", text)
    if len(name) > LONGEST_NAME:
        text = (
            f"Identifiers cannot be more than {LONGEST_NAME} characters long. The provided schema name {name} for type"
        )
        raise Problem(400, "0x80044367", f"{text} {kind} is longer.")
    parts = name.lower().split("_")
    # Microsoft's own client names a relationship after its tables first, so there the prefix may stand further in.
    begins = parts[:-1] if kind == "EntityRelationship" else parts[:1]
    if len(parts) < 2 or not parts[-1] or not prefixes(org).keys() & set(begins):
        raise Problem(400, "0x80044366", _prefix_text(name, kind))


def prefixes(org: Org) -> dict[str, int]:
    """Customization prefixes of all publishers, each with its prefix of option values."""
    rows = org.rows('SELECT "customizationprefix", "customizationoptionvalueprefix" FROM "publisher"')
    return {str(prefix).lower(): int(number or 10000) for prefix, number in rows if prefix}


def labelled(body: Mapping[str, Any], name: str, default: str = "") -> tuple[str, dict[str, str]]:
    """A label's English text, and those in other languages keyed by language as JSON keys are."""
    found = texts(body.get(name))
    others = {str(language): text for language, text in found.items() if language != ENGLISH}
    return english(found) or default, others


def required(body: Mapping[str, Any], default: str = "None") -> str:
    """The requirement level; SystemRequired cannot be given by anybody."""
    level = plain(body.get("RequiredLevel")) or default
    if level not in REQUIRED or (level == "SystemRequired" and default != level):
        raise Problem(400, "0x80040203", f"The RequiredLevel '{level}' is not valid for a custom attribute.")
    return str(level)


def number(body: Mapping[str, Any], name: str, low: float, high: float, default: float, attribute: str) -> float:
    """A number within the limits of its type."""
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        text = f"The {name} {value} of the attribute {attribute} is not valid: it must be between {low:g} and {high:g}."
        raise Problem(400, "0x80040203", text)
    return value


def whole(body: Mapping[str, Any], name: str, low: int, high: int, default: int, attribute: str) -> int:
    """A whole number within the limits of its type."""
    value = number(body, name, low, high, default, attribute)
    if value != int(value):
        raise Problem(400, "0x80040203", f"The {name} {value} of the attribute {attribute} must be a whole number.")
    return int(value)


def flag(body: Mapping[str, Any], name: str, default: bool) -> bool:
    """A yes or no, plain or as a managed property."""
    value = plain(body.get(name))
    if value is None:
        return default
    if not isinstance(value, bool):
        raise payload_problem("", f"Cannot convert the literal '{value}' to the expected type 'Edm.Boolean'.")
    return value


def options(org: Org, entries: Any, prefix: str, about: str) -> tuple[Option, ...]:
    """The options of a set; those without a number get the next one of the publisher."""
    made: list[Option] = []
    taken: set[int] = set()
    for entry in entries or []:
        value = entry.get("Value")
        if value is None:
            value = next_value(org, prefix, taken)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 2147483647:
            raise Problem(400, "0x8004431a", f"The picklist value {value} of {about} is out of range.")
        if value in taken:
            raise Problem(400, "0x80044310", f"The picklist value {value} of {about} already exists: must be unique.")
        taken.add(value)
        text, others = labelled(entry, "Label", str(value))
        made.append(Option(value, text, {int(language): shown for language, shown in others.items()}))
    return tuple(made)


def next_value(org: Org, prefix: str, taken: Iterable[int]) -> int:
    """The next free option value of the publisher with this prefix."""
    value, used = prefixes(org).get(prefix.lower(), 10000) * 10000, set(taken)
    while value in used:
        value += 1
    return value


def _prefix_text(name: str, kind: str) -> str:
    return (
        f"The schema name {name} for type {kind} is invalid or missing. Custom attribute, entity, entitykey, option "
        "set and relationship names must start with a valid customization prefix. The prefix for a solution component "
        "should match the prefix that is specified for the publisher of the solution."
    )
