"""Custom fields: the rules of each field type, and a `<fields>` element as a Field of the org.

In: one element, and the field it replaces if there is one. Out: a Field, or the refusal a real org would give.
Next room: `deploy`.
"""

import re
from dataclasses import dataclass

from connector.emulator.salesforce.metadata.elements import Node, once, only, words
from connector.emulator.salesforce.org.catalogue import finished
from connector.emulator.salesforce.org.model import Field, PicklistValue

COMMON = words(
    "fullName label type description inlineHelpText trackHistory trackFeedHistory trackTrending externalId unique "
    "businessStatus securityClassification"
)
TRISTATE = frozenset({"trackHistory", "trackFeedHistory", "trackTrending", "externalId", "unique"})
NAME = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*__c")
MAX_NAME, MAX_LABEL, MAX_HELP, MAX_DESCRIPTION = 40, 40, 510, 1000
MAX_PICKLIST = {True: 500, False: 1000}


@dataclass(frozen=True)
class Kind:
    """What one metadata field type becomes in describe, which elements it needs and which more it allows."""

    describe: str
    needs: tuple[str, ...] = ()
    allows: tuple[str, ...] = ()
    length: int = 0
    ranges: tuple[tuple[str, int, int], ...] = ()
    keys: bool = False  # may be unique and external id


_FREE = ("required", "defaultValue")
_DIGITS = (("precision", 1, 18), ("scale", 0, 17))
KINDS = {
    "Text": Kind("string", ("length",), (*_FREE, "caseSensitive"), ranges=(("length", 1, 255),), keys=True),
    "TextArea": Kind("textarea", (), _FREE, 255),
    "LongTextArea": Kind(
        "textarea",
        ("length", "visibleLines"),
        ("defaultValue",),
        ranges=(("length", 256, 131072), ("visibleLines", 2, 50)),
    ),
    "Html": Kind(
        "textarea", ("length", "visibleLines"), (), ranges=(("length", 256, 131072), ("visibleLines", 10, 50))
    ),
    "Number": Kind("double", ("precision", "scale"), _FREE, ranges=_DIGITS, keys=True),
    "Percent": Kind("percent", ("precision", "scale"), _FREE, ranges=_DIGITS),
    "Currency": Kind("currency", ("precision", "scale"), _FREE, ranges=_DIGITS),
    "Checkbox": Kind("boolean", ("defaultValue",)),
    "Picklist": Kind("picklist", ("valueSet",), ("required",), 255),
    "MultiselectPicklist": Kind(
        "multipicklist", ("valueSet", "visibleLines"), ("required",), 4099, ranges=(("visibleLines", 3, 10),)
    ),
    "Date": Kind("date", (), _FREE),
    "DateTime": Kind("datetime", (), _FREE),
    "Time": Kind("time", (), _FREE),
    "Url": Kind("url", (), _FREE, 255),
    "Email": Kind("email", (), _FREE, 80, keys=True),
    "Phone": Kind("phone", (), _FREE, 40),
    "Lookup": Kind(
        "reference", ("referenceTo", "relationshipName"), ("relationshipLabel", "deleteConstraint", "required"), 18
    ),
    "AutoNumber": Kind("string", ("displayFormat",), ("startingNumber",), 30, keys=True),
    "MasterDetail": Kind(
        "reference",
        ("referenceTo", "relationshipName", "relationshipOrder"),
        ("relationshipLabel", "reparentableMasterDetail", "writeRequiresMasterRead"),
        18,
        ranges=(("relationshipOrder", 0, 1),),
    ),
}
ELEMENTS = COMMON.union(*(kind.needs + kind.allows for kind in KINDS.values()), {"formula", "formulaTreatBlanksAs"})


def kind_of(field: Field) -> str:
    """Metadata type of a field that the org has, e.g. LongTextArea."""
    if field.auto_number:
        return "AutoNumber"
    if field.type == "textarea":
        return "Html" if field.html else "LongTextArea" if field.length > 255 else "TextArea"
    if field.type == "reference":
        return "MasterDetail" if field.cascade_delete and not field.nillable else "Lookup"
    return next((name for name, kind in KINDS.items() if kind.describe == field.type), field.type)


def build(node: Node, old: Field | None) -> Field:
    """Field of one `<fields>` element; `old` is the org's field of that name, whose type must stay."""
    once(node, frozenset(), "CustomField")
    only(node, ELEMENTS, "CustomField")
    _names(node)
    said = node.get("type") or ""
    if node.get("formula") is not None or said == "Summary":
        raise node.refuse(f"The emulator computes no formulas and roll-ups: {node.get('fullName')} cannot be deployed")
    kind = KINDS.get(said)
    if kind is None:
        raise node.refuse(f"Field type '{said}' is not valid: must specify a type for the CustomField")
    _elements(node, said, kind)
    _ranges(node, said, kind)
    _constraint(node)
    if old is not None and kind_of(old) != said:
        raise node.refuse(f"Cannot change field type from {kind_of(old)} to {said} via the API")
    return _field(node, said, kind, old)


def _names(node: Node) -> None:
    name, label = node.get("fullName") or "", node.get("label") or ""
    if not name.endswith("__c"):
        raise node.refuse("Invalid fullName, must end in a custom suffix (e.g. __c)")
    if not NAME.fullmatch(name):
        raise node.refuse(
            "The Field Name field can only contain underscores and alphanumeric characters. It must be unique, begin "
            "with a letter, not include spaces, not end with an underscore, and not contain two consecutive "
            "underscores."
        )
    if len(name) - len("__c") > MAX_NAME:
        raise node.refuse(f"Field Name: data value too large: {name.removesuffix('__c')} (max length={MAX_NAME})")
    if not label:
        raise node.refuse("Must specify a non-empty label for the CustomField")
    for title, tag, most in (
        ("Field Label", "label", MAX_LABEL),
        ("Help Text", "inlineHelpText", MAX_HELP),
        ("Description", "description", MAX_DESCRIPTION),
    ):
        text = node.get(tag) or ""
        if len(text) > most:
            raise node.refuse(f"{title}: data value too large: {text} (max length={most})")


def _elements(node: Node, said: str, kind: Kind) -> None:
    """Refuse what the type forbids, then ask for what it needs."""
    for child in node.children:
        if child.tag in TRISTATE:
            if child.text not in ("true", "false"):
                raise child.refuse(f"'{child.text}' is not a valid value for the type xsd:boolean")
            if child.tag in ("externalId", "unique") and child.text == "true" and not kind.keys:
                raise child.refuse(f"Can not specify '{child.tag}' for a CustomField of type {said}")
        elif child.tag not in COMMON and child.tag not in kind.needs + kind.allows:
            raise child.refuse(f"Can not specify '{child.tag}' for a CustomField of type {said}")
    for tag in kind.needs:
        if not node.all(tag) or (not node.get(tag) and not node.all(tag)[0].children):
            raise node.refuse(f"Must specify '{tag}' for a CustomField of type {said}")


def _ranges(node: Node, said: str, kind: Kind) -> None:
    for tag, least, most in kind.ranges:
        value = _number(node, tag)
        if value < least:
            raise node.refuse(f"Invalid {tag}, minimum is: {least}")
        if value > most:
            raise node.refuse(f"Invalid {tag}, maximum is: {most}")
    if "scale" in kind.needs and _number(node, "scale") > _number(node, "precision"):
        raise node.refuse("Scale must be less than or equal to precision")
    if said == "Checkbox" and node.get("defaultValue") not in ("true", "false"):
        raise node.refuse(f"Invalid default value for a CustomField of type Checkbox: {node.get('defaultValue')}")


def _number(node: Node, tag: str) -> int:
    text = node.get(tag) or ""
    try:
        return int(text)
    except ValueError:
        raise node.refuse(f"'{text}' is not a valid value for the type xsd:int") from None


def _field(node: Node, said: str, kind: Kind, old: Field | None) -> Field:
    required = node.yes("required") or said == "MasterDetail"
    digits = "scale" in kind.needs
    name = node.get("fullName") or ""
    lookup = kind.describe == "reference"
    made = Field(
        name=name,
        type=kind.describe,
        label=node.get("label") or "",
        length=_number(node, "length") if "length" in kind.needs else kind.length,
        precision=_number(node, "precision") if digits else 0,
        scale=_number(node, "scale") if digits else 0,
        nillable=not required and said != "Checkbox",
        createable=said != "AutoNumber",
        updateable=said != "AutoNumber" and (said != "MasterDetail" or node.yes("reparentableMasterDetail")),
        custom=True,
        defaulted=node.get("defaultValue") is not None,
        default=_default(node, said),
        reference_to=(node.get("referenceTo") or "",) if lookup else (),
        relationship_name=f"{name.removesuffix('__c')}__r" if lookup else None,
        child_relationship=f"{node.get('relationshipName')}__r" if lookup else None,
        cascade_delete=said == "MasterDetail",
        picklist=_values(node, old) if "valueSet" in kind.needs else (),
        restricted=_restricted(node),
        external_id=node.yes("externalId"),
        unique=node.yes("unique"),
        id_lookup=node.yes("externalId"),
        html=said == "Html",
        help_text=node.get("inlineHelpText") or None,
        description=node.get("description") or None,
        auto_number=said == "AutoNumber",
    )
    return finished(made)


def _default(node: Node, said: str) -> object:
    """Value new records get; only literals, since the emulator evaluates no formulas."""
    text = node.get("defaultValue")
    if text is None:
        return None
    if said == "Checkbox":
        return text == "true"
    if said in ("Number", "Percent", "Currency"):
        try:
            return float(text)
        except ValueError:
            raise node.refuse(f"The emulator takes only a number as default of {said}: {text}") from None
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1]
    raise node.refuse(f"The emulator takes only a literal in double quotes as default of {said}: {text}")


def _constraint(node: Node) -> None:
    text = node.get("deleteConstraint") or ("Restrict" if node.yes("required") else "SetNull")
    if text == "Cascade":
        raise node.refuse("The emulator does not delete along lookups: deleteConstraint Cascade cannot be deployed")
    if text not in ("SetNull", "Restrict"):
        raise node.refuse(f"'{text}' is not a valid value for the enum 'DeleteConstraint'")
    if node.yes("required") and text == "SetNull":
        raise node.refuse(
            "Required lookup fields cannot clear the value when the lookup record is deleted; use Restrict"
        )


def _restricted(node: Node) -> bool:
    return any(value_set.yes("restricted") for value_set in node.all("valueSet"))


def _values(node: Node, old: Field | None) -> tuple[PicklistValue, ...]:
    """Values in the order given; those no longer given stay, inactive, because records may hold them."""
    value_set = node.all("valueSet")[0]
    only(value_set, frozenset({"restricted", "valueSetDefinition", "valueSetName"}), "ValueSet")
    definition = value_set.all("valueSetDefinition")
    if not definition:
        raise value_set.refuse(f"Global value set '{value_set.get('valueSetName')}' does not exist in this org")
    only(definition[0], frozenset({"sorted", "value"}), "ValueSetValuesDefinition")
    values = [_value(entry) for entry in definition[0].all("value")]
    names = [value.value.lower() for value in values]
    if not names:
        raise value_set.refuse("Must specify at least one picklist value")
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise value_set.refuse(f"Duplicate picklist value: {doubled}")
    most = MAX_PICKLIST[_restricted(node)]
    if len(names) > most:
        raise value_set.refuse(f"Too many picklist values: {len(names)} (max {most})")
    if definition[0].yes("sorted"):
        values.sort(key=lambda value: value.label.lower())
    kept = old.picklist if old is not None else ()
    gone = [PicklistValue(v.value, v.label, False, False) for v in kept if v.value.lower() not in names]
    return (*values, *gone)


def _value(entry: Node) -> PicklistValue:
    only(entry, frozenset({"fullName", "default", "label", "isActive", "color", "description"}), "CustomValue")
    name = entry.get("fullName") or ""
    if not name or len(name) > 255 or ";" in name:
        raise entry.refuse(f"Invalid picklist value: '{name}' (1 to 255 characters, no semicolon)")
    active = entry.get("isActive") != "false"
    return PicklistValue(name, entry.get("label") or name, entry.yes("default"), active)
