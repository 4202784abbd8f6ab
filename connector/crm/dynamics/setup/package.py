"""Our columns, roles, profiles and view as the zip of an unmanaged solution that an admin can import.

In: the fields, the naming and the org's state. Out: bytes, the same for the same wishes. Next room: back to `apply`,
which writes them.
"""

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from xml.sax.saxutils import escape, quoteattr

from connector.crm.dynamics.setup.definitions import cascades, fetch_xml, layout_xml, limits, option_set, type_of
from connector.crm.dynamics.setup.naming import (
    CODES,
    LOOKUPS,
    OPTION_PREFIX,
    OWN,
    VERSION,
    Naming,
    is_secured,
    names_rows,
    permissions,
    profiles,
    rights,
    roles,
    view_status,
)
from connector.crm.dynamics.setup.state import Privilege, State, key_option, wanted_permission, wanted_privileges
from connector.schema import CrmField

_EPOCH = (1980, 1, 1, 0, 0, 0)
_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'
_ROOT = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
_TYPES = (
    _HEAD + '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/octet-stream" /></Types>\n'
)
# What the solution's own XML calls a type of column.
XML_TYPES = {
    "String": "nvarchar",
    "Memo": "ntext",
    "Integer": "int",
    "Decimal": "decimal",
    "Money": "money",
    "DateTime": "datetime",
    "Boolean": "bit",
    "Picklist": "picklist",
    "Lookup": "lookup",
}
XML_NAMES = {
    "user": "SystemUser",
    "contact": "Contact",
    "account": "Account",
}  # kind of a lookup → the table it points at
TABLE, ROLE, PROFILE = 1, 20, 70  # component types
WHOLE, ONLY_ITS_PARTS = 0, 2  # behavior of a table: all of it, or only what is ours


def package(wishes: Sequence[CrmField], naming: Naming, state: State) -> bytes:
    """Zip that makes everything these fields need when it is imported."""
    files = {
        "[Content_Types].xml": _TYPES,
        "customizations.xml": _customizations(wishes, naming, state),
        "solution.xml": _solution(wishes, naming, state.language),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in files.items():
            # A fixed time keeps the bytes equal from one day to the next, so that two packages can be compared.
            archive.writestr(zipfile.ZipInfo(path, _EPOCH), text.encode("utf-8"), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _line(tag: str, text: object) -> str:
    return f"<{tag}>{escape(str(text))}</{tag}>\n"


def _block(tag: str, inner: str, **attributes: object) -> str:
    return f"<{tag}{_attributes(attributes)}>\n{inner}</{tag}>\n"


def _empty(tag: str, **attributes: object) -> str:
    return f"<{tag}{_attributes(attributes)} />\n"


def _attributes(named: Mapping[str, object]) -> str:
    return "".join(f" {name}={quoteattr(str(value))}" for name, value in named.items())


def _texts(many: str, one: str, text: str, language: int) -> str:
    return _block(many, _empty(one, description=text, languagecode=language))


def _guid(key: str) -> str:
    return "{" + key + "}"


def _solution(wishes: Sequence[CrmField], naming: Naming, language: int) -> str:
    """Manifest: what the solution is called, whose it is, and which components it holds."""
    names = _texts("LocalizedNames", "LocalizedName", "kam-connector", language)
    about = _texts("Descriptions", "Description", naming.made, language)
    publisher = _line("UniqueName", naming.lower) + names + about
    publisher += _empty("EMailAddress", **{"xsi:nil": "true"}) + _empty("SupportingWebsiteUrl", **{"xsi:nil": "true"})
    publisher += _line("CustomizationPrefix", naming.lower) + _line("CustomizationOptionValuePrefix", OPTION_PREFIX)
    tables = dict.fromkeys(wish.table for wish in wishes)
    parts = "".join(
        _empty("RootComponent", type=TABLE, schemaName=naming.table(t), behavior=WHOLE if t in OWN else ONLY_ITS_PARTS)
        for t in tables
    )
    for kind, number, of in (("role", ROLE, roles(wishes)), ("profile", PROFILE, profiles(wishes))):
        for role in of:
            parts += _empty("RootComponent", type=number, id=_guid(naming.id(kind, role)), behavior=0)
    inner = _line("UniqueName", naming.lower) + names + about + _line("Version", VERSION) + _line("Managed", 0)
    inner += _block("Publisher", publisher) + _block("RootComponents", parts) + _empty("MissingDependencies")
    return _document(_block("SolutionManifest", inner), language)


def _document(inner: str, language: int) -> str:
    head = f'version="9.2.0.0" SolutionPackageVersion="9.2" languagecode="{language}" generatedBy="CrmLive" {_ROOT}'
    return f"{_HEAD}<ImportExportXml {head}>\n{inner}</ImportExportXml>\n"


def _customizations(wishes: Sequence[CrmField], naming: Naming, state: State) -> str:
    """Columns, view, roles, relationships and profiles, in the order in which Dataverse writes them."""
    status = view_status(wishes)
    entities = ""
    for table in dict.fromkeys(wish.table for wish in wishes):
        own = [wish for wish in wishes if wish.table == table]
        view = _view(wishes, status, naming, state) if status is not None and status.table == table else ""
        entities += (
            _own_entity(table, own, naming, state.language)
            if table in OWN
            else _entity(table, own, view, naming, state.language)
        )
    inner = _block("Entities", entities)
    inner += _block("Roles", "".join(_role(role, wishes, naming, state) for role in roles(wishes)))
    inner += _empty("Workflows")
    shown = "".join(_profile(role, wishes, naming) for role in profiles(wishes))
    inner += _block("FieldSecurityProfiles", shown) + _empty("Templates") + _empty("EntityMaps")
    links = "".join(_relationship(wish, naming, state.language) for wish in wishes if wish.kind in LOOKUPS)
    inner += _block("EntityRelationships", links) + _empty("OrganizationSettings") + _empty("optionsets")
    inner += _empty("CustomControls") + _empty("EntityDataProviders")
    return _document(inner + _block("Languages", _line("Language", state.language)), state.language)


def _entity(table: str, wishes: Iterable[CrmField], view: str, naming: Naming, language: int) -> str:
    attributes = _block("attributes", "".join(_attribute(wish, naming, language) for wish in wishes))
    inner = _block("Name", "", LocalizedName=table.capitalize(), OriginalName=table.capitalize())
    inner = inner.replace(">\n</Name>", f">{table.capitalize()}</Name>")
    inner += _line("ObjectTypeCode", CODES[table])
    inner += _block("EntityInfo", _block("entity", attributes, Name=table.capitalize(), unmodified=1))
    return _block("Entity", inner + (_block("SavedQueries", _block("savedqueries", view)) if view else ""))


def _own_entity(table: str, wishes: Iterable[CrmField], naming: Naming, language: int) -> str:
    """A table of ours, all of it: its id, its columns, its key, and what it is called."""
    own, name = OWN[table], naming.table_schema(table)
    id_lines = (
        *(("Type", "primarykey"), ("Name", f"{name.lower()}id"), ("LogicalName", f"{name.lower()}id")),
        *(("RequiredLevel", "systemrequired"), ("DisplayMask", "ValidForAdvancedFind|RequiredForGrid")),
        *(("ValidForReadApi", 1), ("ValidForCreateApi", 1), ("IsCustomField", 0), ("IntroducedVersion", VERSION)),
    )
    text = "".join(_line(tag, value) for tag, value in id_lines)
    text += _texts("displaynames", "displayname", own.label, language)
    attributes = _block("attribute", text, PhysicalName=f"{name}Id")
    attributes += "".join(_attribute(wish, naming, language) for wish in wishes)
    inner = _texts("LocalizedNames", "LocalizedName", own.label, language)
    inner += _texts("LocalizedCollectionNames", "LocalizedCollectionName", own.plural, language)
    inner += _texts("Descriptions", "Description", naming.made, language) + _block("attributes", attributes)
    inner += _line("EntitySetName", f"{name.lower()}s")
    for tag, value in (
        ("OwnershipTypeMask", "UserOwned"),
        ("ChangeTrackingEnabled", 1),
        ("IntroducedVersion", VERSION),
    ):
        inner += _line(tag, value)
    column = _block("EntityKeyAttributes", _line("AttributeName", naming.key_column(table)))
    key = _line("Name", naming.key(table)) + _line("LogicalName", naming.key(table).lower())
    key += _texts("displaynames", "displayname", "KAM key", language) + column
    inner += _block("EntityKeys", _block("EntityKey", key))
    head = _block("Name", "", LocalizedName=own.label, OriginalName=own.label).replace(">\n</Name>", f">{name}</Name>")
    return _block("Entity", head + _block("EntityInfo", _block("entity", inner, Name=name)))


def _attribute(wish: CrmField, naming: Naming, language: int) -> str:
    name = naming.column(wish)
    lines = (
        ("Type", XML_TYPES[type_of(wish)]),
        ("Name", name),
        ("LogicalName", name),
        ("RequiredLevel", "none"),
        ("DisplayMask", f"{'PrimaryName|' * names_rows(wish)}ValidForAdvancedFind|ValidForForm|ValidForGrid"),
        ("ImeMode", "auto"),
        ("ValidForUpdateApi", 1),
        ("ValidForReadApi", 1),
        ("ValidForCreateApi", 1),
        ("IsCustomField", 1),
        ("IsAuditEnabled", 1),
        ("IsSecured", int(is_secured(wish))),
        ("IntroducedVersion", VERSION),
        ("IsCustomizable", 1),
        ("IsRenameable", 1),
        ("SourceType", 0),
        *_details(wish),
    )
    text = "".join(_line(tag, value) for tag, value in lines)
    if type_of(wish) in ("Picklist", "Boolean"):
        text += _options(wish, naming, language)
    text += _texts("displaynames", "displayname", wish.label, language)
    text += _texts("Descriptions", "Description", naming.description(wish), language)
    return _block("attribute", text, PhysicalName=naming.schema(wish))


def _details(wish: CrmField) -> list[tuple[str, object]]:
    """Elements that only this type of column has."""
    name = type_of(wish)
    if name == "String":
        return [("Format", "text"), ("MaxLength", wish.length), ("Length", 2 * wish.length)]
    if name == "Memo":
        return [("Format", "textarea"), ("MaxLength", wish.length), ("Length", 2 * wish.length)]
    if name == "DateTime":
        return [("Format", "date"), ("CanChangeDateTimeBehavior", 1), ("Behavior", 2)]  # a day, no instant
    if name == "Lookup":
        return [("LookupStyle", "single"), ("LookupTypes", "")]
    if name in ("Picklist", "Boolean"):
        return [("AppDefaultValue", 0 if name == "Boolean" else -1)]
    low, high = limits(wish)
    if name == "Integer":
        return [("Format", ""), ("MinValue", int(low)), ("MaxValue", int(high))]
    numbers: list[tuple[str, object]] = [("MinValue", f"{low:.{wish.scale}f}"), ("MaxValue", f"{high:.{wish.scale}f}")]
    more: list[tuple[str, object]] = [("AccuracySource", 0)] if name == "Money" else []
    return [*numbers, ("Accuracy", wish.scale), *more]


def _options(wish: CrmField, naming: Naming, language: int) -> str:
    kind = "picklist" if wish.kind == "picklist" else "bit"
    inner = _line("OptionSetType", kind) + _line("IntroducedVersion", VERSION) + _line("IsCustomizable", 1)
    inner += _texts("displaynames", "displayname", wish.label, language)
    inner += _texts("Descriptions", "Description", naming.description(wish), language)
    options = "".join(
        _block("option", _texts("labels", "label", text, language), value=number, ExternalValue="", IsHidden=0)
        for number, text in option_set(wish).items()
    )
    return _block(
        "optionset", inner + _block("options", options), Name=f"{naming.table(wish.table)}_{naming.column(wish)}"
    )


def _view(wishes: Sequence[CrmField], status: CrmField, naming: Naming, state: State) -> str:
    query = fetch_xml(wishes, status, naming, key_option(naming, state, status))
    lines = "".join(_line(tag, 1) for tag in ("IsCustomizable", "CanBeDeleted"))
    lines += "".join(_line(tag, 0) for tag in ("isquickfindquery", "isprivate", "isdefault"))
    lines += _line("savedqueryid", _guid(naming.id("view")))
    lines += f"<layoutxml>{layout_xml(wishes, status, naming)}</layoutxml>\n" + _line("querytype", 0)
    lines += f"<fetchxml>{query}</fetchxml>\n" + _line("IntroducedVersion", VERSION)
    lines += _texts("LocalizedNames", "LocalizedName", naming.view, state.language)
    return _block("savedquery", lines + _texts("Descriptions", "Description", naming.made, state.language))


def _role(role: str, wishes: Sequence[CrmField], naming: Naming, state: State) -> str:
    granted = rights(role, wishes, naming)
    # A table that is yet to come has no rights to look up; Dataverse makes their names of its schema name.
    known = {
        (table, right): Privilege(f"{table} {right}", f"prv{right}{naming.table_schema(naming.own[table])}")
        for table, right in granted
        if table in naming.own and table not in state.tables
    }
    state = replace(state, privileges=state.privileges | known)
    wanted = wanted_privileges(state, granted, basics=role == "Connector")
    named = sorted((privilege.name, depth) for privilege, depth in wanted.items())
    inner = "".join(_empty("RolePrivilege", name=name, level=depth) for name, depth in named)
    head = {"id": _guid(naming.id("role", role)), "name": naming.role(role), "isinherited": 1}
    return _block("Role", _block("RolePrivileges", inner), **head)


def _profile(role: str, wishes: Sequence[CrmField], naming: Naming) -> str:
    inner = ""
    for wish, editable in permissions(role, wishes).items():
        may = wanted_permission(editable)
        lines = _line("EntityName", naming.table(wish.table)) + _line("AttributeName", naming.column(wish))
        lines += _line("CanRead", may["canread"]) + _line("CanUpdate", may["canupdate"])
        inner += _block("FieldPermission", lines + _line("CanCreate", may["cancreate"]))
    head = {
        "name": naming.role(role),
        "description": naming.made,
        "fieldsecurityprofileid": _guid(naming.id("profile", role)),
    }
    return _block("FieldSecurityProfile", _block("FieldPermissions", inner), **head)


def _relationship(wish: CrmField, naming: Naming, language: int) -> str:
    """The lookup's other half; without it an import refuses the column."""
    lines = _line("EntityRelationshipType", "OneToMany") + _line("IsCustomizable", 1)
    lines += _line("IntroducedVersion", VERSION) + _line("IsHierarchical", 0)
    own = wish.table in OWN
    lines += _line("ReferencingEntityName", naming.table_schema(wish.table) if own else wish.table.capitalize())
    lines += _line("ReferencedEntityName", XML_NAMES[wish.kind])
    settled = cascades(wish)
    for word in ("Assign", "Delete", "Reparent", "Share", "Unshare", "RollupView"):
        lines += _line(f"Cascade{word}", settled[word])
    lines += _line("IsValidForAdvancedFind", 1) + _line("ReferencingAttributeName", naming.schema(wish))
    about = _texts("Descriptions", "Description", naming.description(wish), language)
    lines += _block("RelationshipDescription", about)
    one = _line("NavPaneDisplayOption", "UseCollectionName" if own else "DoNotDisplay") + _line(
        "NavPaneArea", "Details"
    )
    one += _line("NavPaneOrder", 10000) + _line("NavigationPropertyName", naming.schema(wish))
    other = _line("NavigationPropertyName", naming.relationship(wish)) + _line("RelationshipRoleType", 0)
    ends = _block("EntityRelationshipRole", one + _line("RelationshipRoleType", 1))
    ends += _block("EntityRelationshipRole", other)
    return _block("EntityRelationship", lines + _block("EntityRelationshipRoles", ends), Name=naming.relationship(wish))
