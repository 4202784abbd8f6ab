"""Our fields, permission sets and list view as the zip that a metadata deploy takes.

In: the fields of `schema`, the prefix and this installation's mark. Out: bytes, the same for the same wishes.
Next room: `setup`, which sends them.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from connector.errors import UsageFault
from connector.schema import ANSWERS, INPUT_COLUMNS, CrmField

RECORDS = {"account": "Account", "contact": "Contact", "opportunity": "Opportunity"}
# Record types of ours, by table: what follows the prefix, and what they are called.
OWN = {"whitespace_gap": ("Whitespace_Gap__c", "Whitespace gap", "Whitespace gaps", "GAP-{000000}")}
PREFIX_MAX = 15  # leaves 24 of the 40 characters that a field name may have
HELP_MAX = 510  # what Salesforce takes as help text
LONG_TEXT_LINES = 5
LOOKUPS = {"user": "User", "contact": "Contact", "account": "Account"}  # kind of a field → the record it points at
_EPOCH = (1980, 1, 1, 0, 0, 0)
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NAMESPACE = 'xmlns="http://soap.sforce.com/2006/04/metadata"'
TYPES = {
    "picklist": "Picklist",
    "text": "Text",
    "long_text": "LongTextArea",
    "number": "Number",
    "currency": "Currency",
    "date": "Date",
    "flag": "Checkbox",
    "user": "Lookup",
    "contact": "Lookup",
    "account": "MasterDetail",  # who may see an account may see what belongs to it, and nobody else
    "key": "Text",
}


@dataclass(frozen=True)
class Naming:
    """How things of ours are called in the CRM, and the mark that tells them from things of others."""

    prefix: str
    mark: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z](?:_?[A-Za-z0-9])*", self.prefix) or len(self.prefix) > PREFIX_MAX:
            raise UsageFault(
                f'[setup] prefix: "{self.prefix}" cannot begin a field name. Use up to {PREFIX_MAX} letters and digits.'
            )

    @property
    def sign(self) -> str:
        """Mark as it stands at the end of help texts and descriptions."""
        return f"[kam {self.mark}]"

    def field(self, wish: CrmField) -> str:
        """API name of a field."""
        return f"{self.prefix}_{wish.name}__c"

    def record(self, table: str) -> str:
        """API name of the record type behind a table."""
        return RECORDS.get(table) or f"{self.prefix}_{OWN[table][0]}"

    @property
    def records(self) -> list[str]:
        """API names of all record types that may have fields of ours."""
        return [self.record(table) for table in (*RECORDS, *OWN)]

    def full(self, wish: CrmField) -> str:
        """API name with its record, as manifests and permission sets write it."""
        return f"{self.record(wish.table)}.{self.field(wish)}"

    def help(self, wish: CrmField) -> str:
        """Help text with the mark as its last bracket; a long text is cut, never the mark."""
        room = HELP_MAX - len(self.sign) - 1
        return f"{wish.help[:room]} {self.sign}"

    def set(self, role: str) -> str:
        """API name of a permission set."""
        return f"{self.prefix}_{role}"

    @property
    def view(self) -> str:
        """API name of the list view."""
        return f"{self.prefix}_My_Key_Accounts"


# Element of a permission set's objectPermissions, and its column in the records of that name.
RIGHTS = {
    "allowCreate": "PermissionsCreate",
    "allowDelete": "PermissionsDelete",
    "allowEdit": "PermissionsEdit",
    "allowRead": "PermissionsRead",
    "modifyAllRecords": "PermissionsModifyAllRecords",
    "viewAllRecords": "PermissionsViewAllRecords",
}
ROLES = {
    "Connector": "Connector",
    "Reader": "Reader",
    "Programme_Owner": "Programme Owner",
}


def roles(wishes: Iterable[CrmField]) -> tuple[str, ...]:
    """Permission sets that these fields need: without inputs and programme fields nobody needs the third."""
    groups = {wish.group for wish in wishes}
    return tuple(ROLES) if groups - {"core", "contacts", "opportunities", "gaps"} else ("Connector", "Reader")


def grants(role: str, wishes: Iterable[CrmField]) -> dict[CrmField, bool]:
    """Fields that a permission set shows, and whether it also lets them be edited.

    Connector writes what is computed and only reads what people decide; Reader sees neither the programme's money nor
    its scores, and answers to gaps; Programme Owner sees all and edits what people decide. Whoever sees a record that
    belongs to an account sees which one: no permission set says so.
    """
    told = [wish for wish in wishes if wish.kind != "account"]
    if role == "Connector":
        return {wish: wish.column not in INPUT_COLUMNS for wish in told}
    if role == "Programme_Owner":
        return {wish: wish.column in INPUT_COLUMNS for wish in told}
    return {wish: wish.column in ANSWERS for wish in told if wish.group != "programme"}


def object_grants(role: str, wishes: Iterable[CrmField], naming: "Naming") -> dict[str, set[str]]:
    """Rights on records that a permission set needs: Connector edits, and makes what is ours; nobody deletes.

    Others see what sharing lets them see of the CRM's own records, and answer on ours.
    """
    tables = dict.fromkeys(wish.table for wish in wishes)
    rights = {
        naming.record(table): {"allowRead", "allowEdit"} for table in tables if role == "Connector" or table in OWN
    }
    for table in tables:
        if role == "Connector" and table in OWN:
            rights[naming.record(table)].add("allowCreate")
        elif table in OWN:
            rights.setdefault(RECORDS["account"], set()).add("allowRead")  # what belongs to a record asks for it
    return rights


def view_status(wishes: Iterable[CrmField]) -> CrmField | None:
    """Field that the list view filters by; without it there is no list view."""
    return next((wish for wish in wishes if wish.column == "kam_status"), None)


@dataclass
class Added:
    """What an admin granted through a permission set of ours: kept, because a deploy replaces the whole set.

    `fields` by full name, editable; `objects` by record, the rights by their metadata element.
    """

    fields: dict[str, bool] = field(default_factory=dict)
    objects: dict[str, dict[str, bool]] = field(default_factory=dict)


def package(wishes: Sequence[CrmField], naming: Naming, version: str, added: Mapping[str, Added]) -> bytes:
    """Zip that creates or refreshes everything these fields need; `added` by role."""
    files: dict[str, str] = {}
    status = view_status(wishes)
    tables = dict.fromkeys(wish.table for wish in wishes)
    for table in tables:
        inner = _own(table, naming) if table in OWN else ""
        inner += "".join(_field(wish, naming) for wish in wishes if wish.table == table)
        if status is not None and status.table == table:
            inner += _view(wishes, status, naming)
        files[f"objects/{naming.record(table)}.object"] = _file("CustomObject", inner)
    for role in roles(wishes):
        files[f"permissionsets/{naming.set(role)}.permissionset"] = _file(
            "PermissionSet", _set(role, wishes, naming, added.get(role, Added()))
        )
    members = {
        "CustomObject": [naming.record(table) for table in tables if table in OWN],
        "CustomField": [naming.full(wish) for wish in wishes],
        "ListView": [f"{RECORDS[status.table]}.{naming.view}"] if status is not None else [],
        "PermissionSet": [naming.set(role) for role in roles(wishes)],
    }
    return _zip({"package.xml": _manifest(members, version)} | files)


def removal(members: dict[str, list[str]], version: str) -> bytes:
    """Zip that deletes these components, named by metadata type."""
    return _zip({"package.xml": _manifest({}, version), "destructiveChanges.xml": _manifest(members, version)})


def _zip(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in files.items():
            # A fixed time keeps the bytes equal from one day to the next, so that two packages can be compared.
            archive.writestr(zipfile.ZipInfo(path, _EPOCH), text.encode("utf-8"), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _file(root: str, inner: str) -> str:
    return f"{_HEAD}<{root} {_NAMESPACE}>\n{inner}</{root}>\n"


def _manifest(members: dict[str, list[str]], version: str) -> str:
    inner = ""
    for kind, names in members.items():
        if names:
            listed = "".join(_line("members", name, 4) for name in names)
            inner += f"  <types>\n{listed}{_line('name', kind, 4)}  </types>\n"
    return _file("Package", inner + _line("version", version, 2))


def _line(tag: str, text: str, indent: int) -> str:
    return f"{' ' * indent}<{tag}>{escape(text)}</{tag}>\n"


def _block(tag: str, inner: str, indent: int) -> str:
    return f"{' ' * indent}<{tag}>\n{inner}{' ' * indent}</{tag}>\n"


def _own(table: str, naming: Naming) -> str:
    """What an object of ours is, besides its fields."""
    _, label, plural, number = OWN[table]
    lines = [
        ("deploymentStatus", "Deployed"),
        ("description", f"Made and filled by kam-connector. {naming.sign}"),
        ("enableReports", "true"),
        ("enableSearch", "true"),
        ("label", label),
    ]
    named = _line("displayFormat", number, 4) + _line("label", f"{label} number", 4) + _line("type", "AutoNumber", 4)
    rest = _line("pluralLabel", plural, 2) + _line("sharingModel", "ControlledByParent", 2)
    return "".join(_line(tag, text, 2) for tag, text in lines) + _block("nameField", named, 2) + rest


def _field(wish: CrmField, naming: Naming) -> str:
    lines = [
        ("fullName", naming.field(wish)),
        ("label", wish.label),
        ("description", f"Made and filled by kam-connector. {naming.sign}"),
        ("inlineHelpText", naming.help(wish)),
        ("type", TYPES[wish.kind]),
        *_details(wish, naming),
    ]
    text = "".join(_line(tag, value, 4) for tag, value in lines)
    return _block("fields", text + (_values(wish) if wish.kind == "picklist" else ""), 2)


def _details(wish: CrmField, naming: Naming) -> list[tuple[str, str]]:
    """Elements that only this kind of field has."""
    if wish.kind == "text":
        return [("length", str(wish.length))]
    if wish.kind == "key":
        return [("caseSensitive", "true"), ("externalId", "true"), ("length", str(wish.length)), ("unique", "true")]
    if wish.kind == "long_text":
        return [("length", str(wish.length)), ("visibleLines", str(LONG_TEXT_LINES))]
    if wish.kind in ("number", "currency"):
        return [("precision", str(wish.precision)), ("scale", str(wish.scale))]
    if wish.kind == "flag":
        return [("defaultValue", "false")]
    if wish.kind == "account":
        more = [("relationshipOrder", "0"), ("reparentableMasterDetail", "true"), ("writeRequiresMasterRead", "false")]
        return [("referenceTo", LOOKUPS[wish.kind]), ("relationshipName", f"{naming.prefix}_Gaps"), *more]
    if wish.kind in LOOKUPS:
        # The list on the other record needs a name that no other record's field of the same name has taken.
        relation = f"{naming.prefix}_{naming.record(wish.table)}_{wish.name}"
        return [("deleteConstraint", "SetNull"), ("referenceTo", LOOKUPS[wish.kind]), ("relationshipName", relation)]
    return []


def _values(wish: CrmField) -> str:
    values = "".join(
        _block("value", _line("fullName", v, 10) + _line("default", "false", 10) + _line("label", v, 10), 8)
        for v in wish.values
    )
    inner = _block("valueSetDefinition", _line("sorted", "false", 8) + values, 6)
    return _block("valueSet", _line("restricted", "true", 6) + inner, 4)


def _view(wishes: Sequence[CrmField], status: CrmField, naming: Naming) -> str:
    """List view "My key accounts": the running user's own accounts whose status is Key."""
    shown = [wish for wish in wishes if wish.table == status.table and wish.group == "core" and wish.kind != "date"]
    lines = _line("fullName", naming.view, 4)
    lines += _line("columns", "ACCOUNT.NAME", 4)
    lines += "".join(_line("columns", naming.field(wish), 4) for wish in [status, *shown][:14])
    lines += _line("filterScope", "Mine", 4)
    equals = _line("field", naming.field(status), 6) + _line("operation", "equals", 6) + _line("value", "Key", 6)
    return _block("listViews", lines + _block("filters", equals, 4) + _line("label", "My key accounts", 4), 2)


def _set(role: str, wishes: Sequence[CrmField], naming: Naming, added: Added) -> str:
    ours = {naming.full(wish): editable for wish, editable in grants(role, wishes).items()}
    text = _line("description", f"Made by kam-connector. {naming.sign}", 2)
    for name, editable in sorted((added.fields | ours).items()):
        inner = _line("editable", str(editable).lower(), 4) + _line("field", name, 4)
        text += _block("fieldPermissions", inner + _line("readable", "true", 4), 2)
    text += _line("hasActivationRequired", "false", 2) + _line("label", f"{naming.prefix} {ROLES[role]}", 2)
    rights = {record: dict(held) for record, held in added.objects.items()}
    for record, needed in object_grants(role, wishes, naming).items():
        rights.setdefault(record, {}).update(dict.fromkeys(needed, True))
    for record, held in sorted(rights.items()):
        lines = "".join(_line(tag, str(held.get(tag, False)).lower(), 4) for tag in RIGHTS)
        text += _block("objectPermissions", lines + _line("object", record, 4), 2)
    return text
