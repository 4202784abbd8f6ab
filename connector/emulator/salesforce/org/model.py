"""What an emulated org is made of: objects, fields, users' rights, and the one error every layer raises.

Nothing comes in; the catalogue and metadata deploys make these, `records` stores by them, `describe` and SOQL read
them. Next room: `catalogue`.
"""

from dataclasses import dataclass, field, replace


class Problem(Exception):
    """One Salesforce error: HTTP status, errorCode, message, and for refused rows the fields at fault."""

    def __init__(self, status: int, code: str, message: str, fields: list[str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.fields = status, code, message, fields


@dataclass(frozen=True)
class PicklistValue:
    """One entry of a picklist: API value and label."""

    value: str
    label: str
    default: bool = False
    active: bool = True


@dataclass(frozen=True)
class Field:
    """One field of an object, under its API name; `type` is describe's vocabulary (string, double, reference, …)."""

    name: str
    type: str
    label: str = ""
    length: int = 0
    precision: int = 0
    scale: int = 0
    nillable: bool = True
    createable: bool = True
    updateable: bool = True
    custom: bool = False
    defaulted: bool = False  # defaultedOnCreate
    default: object = None
    reference_to: tuple[str, ...] = ()
    relationship_name: str | None = None
    child_relationship: str | None = None  # name of the list on the parent, when there is one
    cascade_delete: bool = False
    picklist: tuple[PicklistValue, ...] = ()
    restricted: bool = False
    external_id: bool = False
    unique: bool = False
    id_lookup: bool = False
    name_field: bool = False
    calculated: bool = False
    filterable: bool = True
    sortable: bool = True
    groupable: bool = True
    permissionable: bool = True
    compound: str | None = None  # the compound field this one is a part of
    stored: bool = True  # False: composed when read (addresses)
    html: bool = False
    auto_number: bool = False
    feature: str | None = None  # the optional feature this field belongs to
    help_text: str | None = None
    description: str | None = None

    def with_(self, **changes: object) -> "Field":
        """Copy with some attributes changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


@dataclass
class ObjectType:
    """One sObject: names, key prefix and fields (by lower-cased API name, in describe order)."""

    name: str
    label: str
    label_plural: str
    key_prefix: str | None
    custom: bool = False
    feature: str | None = None  # the optional feature this object belongs to; absent from the org while it is off
    soft_delete: bool = True
    undeletable: bool = True
    createable: bool = True
    updateable: bool = True
    deletable: bool = True
    replicateable: bool = True
    fields: dict[str, Field] = field(default_factory=dict)

    def field(self, name: str) -> Field | None:
        """Field by API name, case-insensitively; None when the object has none such."""
        return self.fields.get(name.lower())
