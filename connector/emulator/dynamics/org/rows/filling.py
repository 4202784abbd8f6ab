"""What loaded rows do not bring, as SQL over what they bring: one expression a column, worked out while inserting.

In: a table, the columns that an export has; out: columns and their SQL expressions. Next room: `bulk`.
"""

import re
from typing import TYPE_CHECKING

from connector.emulator.dynamics.org.catalogue.activities import CONCRETE
from connector.emulator.dynamics.org.model import Table
from connector.emulator.dynamics.org.rows.derived import MIRRORS
from connector.emulator.dynamics.org.rows.values import default_of
from connector.emulator.dynamics.org.storage import quoted

if TYPE_CHECKING:
    from connector.emulator.dynamics.org.records import Org

_OWN = re.compile(r'(?<!\.)"([a-z][\w.]*)"')  # a column of the row itself; those of other tables have an alias before
_PERSON = """NULLIF(TRIM(COALESCE("firstname" || ' ', '') || COALESCE("lastname", '')), '')"""
_UNIT = '(SELECT u."businessunitid" FROM [systemuser] u WHERE u."systemuserid" = "ownerid")'
_RATE = (
    '(SELECT c."exchangerate" FROM [transactioncurrency] c WHERE c."transactioncurrencyid" = "transactioncurrencyid")'
)
_PRODUCT = '(SELECT p."name" FROM [product] p WHERE p."productid" = "productid")'
_DEAL = '(SELECT o."transactioncurrencyid" FROM [opportunity] o WHERE o."opportunityid" = "opportunityid")'


def expressions(org: "Org", table: Table, given: dict[str, str]) -> dict[str, str]:
    """Complete `given`, expressions by SQL column, with those of all columns that follow from them."""
    made = dict(given)
    own = {column.name for column in table.columns.values() if column.stored}
    own |= {f"{column.name}.type" for column in table.columns.values() if column.many_targets}
    for name, text in _steps(org, table, given):
        if name in own and name not in _complete(given):
            value = _filled(text, made)
            made[name] = f"COALESCE({made[name]}, {value})" if name in made else value
    return made


def literal(value: object) -> str:
    """Write a value into SQL."""
    if value is None:
        return "NULL"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def _complete(given: dict[str, str]) -> frozenset[str]:
    """List what is empty on purpose where it was given at all."""
    return frozenset(name for name in ("transactioncurrencyid", "owningteam", "owninguser") if name in given)


def _filled(text: str, made: dict[str, str]) -> str:
    """Put in place of each column of the row the expression that it has."""
    return _OWN.sub(lambda match: made.get(match[1], "NULL"), text)


def _steps(org: "Org", table: Table, given: dict[str, str]) -> list[tuple[str, str]]:
    """List columns with their expressions, each after those it needs."""
    stamp, admin = literal(org.stamp()), literal(org.admin_id)
    steps = [
        (column.name, literal(default_of(column)))
        for column in table.columns.values()
        if column.default is not None and column.type not in ("state", "status")
    ]
    steps += [
        ("createdon", f'COALESCE("modifiedon", {stamp})'), ("modifiedon", '"createdon"'), ("createdby", admin),
        ("modifiedby", admin), ("organizationid", literal(org.org_id)),
    ]  # fmt: skip
    if table.name in ("contact", "systemuser"):
        steps.append(("fullname", _PERSON))
    if table.name == "systemuser":
        steps += [("ownerid", '"systemuserid"'), ("businessunitid", literal(org.business_unit_id))]
    if table.name in MIRRORS:
        customer, *mirrors = MIRRORS[table.name]
        for mirror, target in zip(mirrors, ("account", "contact"), strict=True):
            steps.append((mirror, f'CASE WHEN "{customer}.type" = \'{target}\' THEN "{customer}" END'))
    if "owninguser" in table.columns:
        unit, alone = org.business_unit_id, org.rows("SELECT COUNT(*) FROM businessunit")[0][0] == 1
        steps += [("ownerid", admin), ("ownerid.type", "'systemuser'")]
        steps += [
            ("owninguser", """CASE WHEN "ownerid.type" = 'team' THEN NULL ELSE "ownerid" END"""),
            ("owningteam", """CASE WHEN "ownerid.type" = 'team' THEN "ownerid" END"""),
            ("owningbusinessunit", literal(unit) if alone else f"COALESCE({_UNIT}, {literal(unit)})"),
        ]
    if table.name in CONCRETE:
        steps.append(("activitytypecode", literal(table.name)))
    if table.name == "opportunityproduct":
        steps += _line()
    return [*steps, *_states(table, given), *_money(org, table, given)]


def _line() -> list[tuple[str, str]]:
    return [
        ("opportunityproductname", f'COALESCE({_PRODUCT}, "productdescription")'),
        ("isproductoverridden", '"productid" IS NULL'),
        ("baseamount", 'ROUND("priceperunit" * "quantity", 4)'),
        ("extendedamount", 'ROUND("baseamount" - COALESCE("manualdiscountamount", 0) + COALESCE("tax", 0), 4)'),
        ("transactioncurrencyid", _DEAL),
    ]


def _states(table: Table, given: dict[str, str]) -> list[tuple[str, str]]:
    state, status = table.columns.get("statecode"), table.columns.get("statuscode")
    if state is None or status is None:
        return []
    of_reason = " ".join(f"WHEN {one.value} THEN {one.state}" for one in status.options)
    of_state = " ".join(f"WHEN {one.value} THEN {one.default_status}" for one in state.options)
    first = literal(default_of(state) or 0)
    if "statuscode" not in given and "statecode" not in given:
        return [("statecode", first), ("statuscode", literal(default_of(status)))]
    known = f'CASE "statuscode" {of_reason} ELSE {first} END' if "statuscode" in given else first
    return [("statecode", known), ("statuscode", f'CASE "statecode" {of_state} END')]


def _money(org: "Org", table: Table, given: dict[str, str]) -> list[tuple[str, str]]:
    steps = [("transactioncurrencyid", literal(org.currency_id))]
    twins = [
        (column.name, column.base_of)
        for column in table.columns.values()
        if column.base_of in given or (column.base_of and table.name == "opportunityproduct")
    ]
    if "exchangerate" in table.columns and table.name != "transactioncurrency" and not table.activity:
        one = org.rows("SELECT COUNT(*) FROM transactioncurrency")[0][0] == 1
        steps.append(("exchangerate", "1.0" if one else f"COALESCE({_RATE}, 1.0)"))
        steps += [(base, f'ROUND({quoted(money)} / "exchangerate", 4)') for base, money in twins]
    return steps
