"""What a new organisation begins with: its administrator, units, roles and rights, currency, messages, forms.

In: an empty organisation; out: its first rows. Next room: `records`.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from connector.emulator.dynamics.org.access import ADMINISTRATOR, GLOBAL, RIGHTS, privilege
from connector.emulator.dynamics.org.catalogue import activities, sales
from connector.emulator.dynamics.org.catalogue.notation import stable_id
from connector.emulator.dynamics.org.model import Table
from connector.emulator.dynamics.org.storage import quoted

if TYPE_CHECKING:
    from connector.emulator.dynamics.org.records import Org

SALESPERSON = "Salesperson"
BASIC_USER = "Basic User"
CUSTOMIZER = "System Customizer"

_NAMES = {
    "EUR": ("Euro", "€"),
    "USD": ("US Dollar", "$"),
    "GBP": ("Pound Sterling", "£"),
    "CHF": ("Swiss Franc", "CHF"),
}
_SOLD = frozenset(header.split(" ", 1)[0] for header, _, _ in (*sales.TABLES, *activities.TABLES))
_SHAPED = frozenset({"publisher", "solution", "solutioncomponent", "systemform", "savedquery"})
_MESSAGES = ("Create", "Retrieve", "RetrieveMultiple", "Update", "Delete", "Associate", "Disassociate")
_SEVERAL = ("CreateMultiple", "UpdateMultiple", "UpsertMultiple")
_FORM = (
    '<form><tabs><tab name="SUMMARY_TAB" id="{{{0}}}"><labels>'
    '<label description="Summary" languagecode="1033"/></labels>'
    '<columns><column width="100%"><sections><section name="SUMMARY" id="{{{1}}}"><labels>'
    '<label description="Summary" languagecode="1033"/></labels><rows><row><cell id="{{{2}}}"><labels>'
    '<label description="{3}" languagecode="1033"/></labels><control id="{4}"'
    ' classid="{{4273EDBD-AC1D-40D3-9FB2-095C621B552D}}" datafieldname="{4}"/></cell></row></rows></section></sections>'
    "</column></columns></tab></tabs></form>"
)


def found(org: "Org", currency: str, *, is_sandbox: bool) -> None:
    """Store the first rows of a new organisation."""
    for name in ("org_id", "tenant", "admin_id", "business_unit_id", "currency_id"):
        setattr(org, name, org.new_guid(name))
        org.set_setting(name, getattr(org, name))
    org.set_sandbox(is_sandbox)
    _first_rows(org, currency)
    _messages(org)
    offer_rights(org, org.tables.values())
    _forms(org)
    org.access.clear()


def offer_rights(org: "Org", tables: Iterable[Table]) -> None:
    """Make the privileges on tables and the messages they take, and give the built-in roles theirs."""
    roles = {str(name): str(row_id) for name, row_id in org.rows('SELECT "name", "roleid" FROM "role"')}
    known = {str(row_id) for (row_id,) in org.rows('SELECT "privilegeid" FROM "privilege"')}
    privileges: list[tuple[object, ...]] = []
    held: list[tuple[object, ...]] = []
    messages: list[tuple[object, ...]] = []
    for table in tables:
        for right, number in RIGHTS.items():
            name, row_id = privilege(table, right)
            if row_id not in known:
                known.add(row_id)
                privileges.append((row_id, name, number, 1, 1, 1, 1))
                for role in _holders(table, right):
                    held.append((stable_id("roleprivileges", roles[role], row_id), roles[role], row_id, GLOBAL))
        for message in (*_MESSAGES, *(_SEVERAL if table.multiple else ())):
            row_id = stable_id("sdkmessagefilter", table.name, message)
            messages.append((row_id, message, stable_id("sdkmessage", message), table.name, 1))
    _put(org, "privilege", "privilegeid name accessright canbebasic canbelocal canbedeep canbeglobal", privileges)
    _put(org, "roleprivileges", "roleprivilegeid roleid privilegeid privilegedepthmask", held)
    columns = "sdkmessagefilterid name sdkmessageid primaryobjecttypecode iscustomprocessingstepallowed"
    _put(org, "sdkmessagefilter", columns, messages)


def _holders(table: Table, right: str) -> list[str]:
    """List the built-in roles that have a right: sellers work on what is sold, everybody reads what is built in."""
    holders = [ADMINISTRATOR]
    if not table.custom and (table.name in _SOLD or right == "Read"):
        holders.append(SALESPERSON)
    if right == "Read" and not table.custom:
        holders.append(BASIC_USER)
    if table.custom or table.name in _SOLD or right == "Read" or table.name in _SHAPED:
        holders.append(CUSTOMIZER)
    return holders


def _first_rows(org: "Org", currency: str) -> None:
    name, symbol = _NAMES.get(currency, (currency, currency))
    by = org.admin_id
    rows: list[tuple[str, dict[str, object]]] = [
        ("businessunit", {"businessunitid": org.business_unit_id, "name": "Example Corporation", "isdisabled": False}),
        ("systemuser", {
            "systemuserid": by, "firstname": "Kam", "lastname": "Connector", "domainname": "kam.connector@example.com",
            "internalemailaddress": "kam.connector@example.com", "businessunitid": org.business_unit_id,
            "azureactivedirectoryobjectid": stable_id("aad", by), "isdisabled": False, "accessmode": 4,
            "islicensed": False,
        }),
        ("transactioncurrency", {
            "transactioncurrencyid": org.currency_id, "currencyname": name, "isocurrencycode": currency,
            "currencysymbol": symbol, "currencyprecision": 2, "exchangerate": 1,
        }),
        ("organization", {
            "organizationid": org.org_id, "name": "example", "basecurrencyid": org.currency_id, "languagecode": 1033,
            "localeid": 1033, "currencysymbol": symbol, "expirechangetrackingindays": 7, "isauditenabled": False,
        }),
        ("team", {"name": "Example Corporation", "teamtype": 0, "isdefault": True, "administratorid": by}),
        ("role", {"name": ADMINISTRATOR}),
        ("role", {"name": CUSTOMIZER}),
        ("role", {"name": SALESPERSON}),
        ("role", {"name": BASIC_USER}),
        ("fieldsecurityprofile", {"name": ADMINISTRATOR}),
        ("publisher", {
            "uniquename": "DefaultPublisherexample", "friendlyname": "Default Publisher for example",
            "customizationprefix": "new", "customizationoptionvalueprefix": 10000, "isreadonly": False,
        }),
        ("uomschedule", {"name": "Default Unit", "baseuomname": "Primary Unit"}),
    ]  # fmt: skip
    made = [org.create(by, table, values, system=True) for table, values in rows]
    ids = {
        str(values.get("name") or table) + "@" + table: row_id
        for (table, values), row_id in zip(rows, made, strict=True)
    }
    publisher = ids["publisher@publisher"]
    for unique, friendly in (("Default", "Default Solution"), ("Active", "Active Solution")):
        org.create(by, "solution", {
            "uniquename": unique, "friendlyname": friendly, "version": "1.0.0.0", "publisherid": publisher,
            "ismanaged": False, "isvisible": unique == "Default",
        }, system=True)  # fmt: skip
    org.create(by, "uom", {
        "name": "Primary Unit", "quantity": 1, "uomscheduleid": ids["Default Unit@uomschedule"],
        "isschedulebaseuom": True,
    }, system=True)  # fmt: skip
    profile = ids[f"{ADMINISTRATOR}@fieldsecurityprofile"]
    org.create(by, "systemuserprofiles", {"systemuserid": by, "fieldsecurityprofileid": profile}, system=True)
    org.create(by, "systemuserroles", {"systemuserid": by, "roleid": ids[f"{ADMINISTRATOR}@role"]}, system=True)


def _messages(org: "Org") -> None:
    rows: list[tuple[object, ...]] = [(stable_id("sdkmessage", name), name, 1, 0) for name in (*_MESSAGES, *_SEVERAL)]
    _put(org, "sdkmessage", "sdkmessageid name isactive isprivate", rows)


def _forms(org: "Org") -> None:
    """Give the main tables a main form and a view, as setup looks for them."""
    for name in ("account", "contact", "opportunity", "product"):
        table = org.tables[name]
        ids = [stable_id("form", name, part) for part in ("tab", "section", "cell")]
        label = table.columns[table.primary_name].label
        org.create(org.admin_id, "systemform", {
            "name": table.label, "objecttypecode": name, "type": 2, "formactivationstate": 1, "isdefault": True,
            "formxml": _FORM.format(*ids, label, table.primary_name),
        }, system=True)  # fmt: skip
        key, shown = table.primary_id, table.primary_name
        org.create(org.admin_id, "savedquery", {
            "name": f"Active {table.label_plural}", "returnedtypecode": name, "querytype": 0, "isdefault": True,
            "fetchxml": (
                f'<fetch version="1.0" mapping="logical"><entity name="{name}"><attribute name="{shown}"/>'
                f'<attribute name="{key}"/><order attribute="{shown}" descending="false"/><filter type="and">'
                '<condition attribute="statecode" operator="eq" value="0"/></filter></entity></fetch>'
            ),
            "layoutxml": (
                f'<grid name="resultset" object="{table.code}" jump="{shown}" select="1" icon="1" preview="1">'
                f'<row name="result" id="{key}"><cell name="{shown}" width="300"/></row></grid>'
            ),
        }, system=True)  # fmt: skip


def _put(org: "Org", name: str, columns: str, rows: list[tuple[object, ...]]) -> None:
    """Store rows of a table that has no derived columns."""
    names = ", ".join(map(quoted, [*columns.split(), "versionnumber"]))
    marks = ", ".join("?" * (len(columns.split()) + 1))
    first = org.next_version(len(rows))
    numbered = [(*row, number) for number, row in enumerate(rows, first)]
    org.db.executemany(f"INSERT OR IGNORE INTO {quoted(name)} ({names}) VALUES ({marks})", numbered)
