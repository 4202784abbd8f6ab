"""Custom objects: the outer elements of an `.object` file as an ObjectType.

In: the element without its fields and list views. Out: a new ObjectType, or the refusal a real org would give.
Next room: `deploy`.
"""

import re

from connector.emulator.salesforce.metadata.elements import Node, once, only, words
from connector.emulator.salesforce.org.catalogue import finished
from connector.emulator.salesforce.org.model import Field, ObjectType

ELEMENTS = words(
    "label pluralLabel nameField deploymentStatus sharingModel externalSharingModel description enableActivities "
    "enableBulkApi enableFeeds enableHistory enableReports enableSearch enableSharing enableStreamingApi startsWith "
    "visibility gender allowInChatterGroups compactLayoutAssignment"
)
NAME = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*__c")
SHARING = ("ReadWrite", "Read", "Private", "ControlledByParent")
EQUAL = ("enableBulkApi", "enableSharing", "enableStreamingApi")


def build(name: str, node: Node) -> ObjectType:
    """Object of one file; standard objects have none of this and are not built."""
    check(node)
    if not NAME.fullmatch(name) or len(name) - len("__c") > 40:
        raise node.refuse(
            f"Invalid object name '{name}': letters, digits and single underscores, at most 40, ending in __c"
        )
    for tag, said in (("label", "label"), ("pluralLabel", "plural label")):
        if not node.get(tag):
            raise node.refuse(f"Must specify a non-empty {said} for the CustomObject")
    if node.get("deploymentStatus") not in ("Deployed", "InDevelopment"):
        raise node.refuse("Must specify a deploymentStatus (Deployed or InDevelopment) for the CustomObject")
    if node.get("sharingModel") not in SHARING:
        raise node.refuse(f"Must specify a sharingModel for the CustomObject, one of {', '.join(SHARING)}")
    if len({node.yes(tag) for tag in EQUAL}) > 1:
        raise node.refuse(f"{', '.join(EQUAL)} must all be true or all be false")
    label = node.get("label") or ""
    made = ObjectType(name, label, node.get("pluralLabel") or "", None, custom=True)
    made.fields["name"] = _name_field(node)
    return made


def check(node: Node) -> None:
    """Refuse elements that an object file cannot hold, or not twice."""
    once(node, frozenset(), "CustomObject")
    only(node, ELEMENTS, "CustomObject")


def _name_field(node: Node) -> Field:
    given = node.all("nameField")
    if not given or not given[0].get("label"):
        raise node.refuse("Must specify a nameField with a label for the CustomObject")
    said, label = given[0].get("type"), given[0].get("label") or ""
    if said not in ("Text", "AutoNumber"):
        raise given[0].refuse(f"nameField must be of type Text or AutoNumber, not {said}")
    auto = said == "AutoNumber"
    if auto and not given[0].get("displayFormat"):
        raise given[0].refuse("Must specify 'displayFormat' for a nameField of type AutoNumber")
    made = Field("Name", "string", label, 80, id_lookup=True, name_field=True, auto_number=auto, defaulted=True)
    return finished(made.with_(createable=not auto, updateable=not auto, nillable=not auto))
