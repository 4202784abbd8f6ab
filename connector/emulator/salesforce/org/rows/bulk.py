"""Many records at once: whole columns are read by one function each and stored together, without asking who may.

In: an object, its columns and rows, as text from an export or as Python values; out: stored rows, completed.
Next room: `records`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from connector.emulator.salesforce.org.catalogue import quoted
from connector.emulator.salesforce.org.model import Field, ObjectType
from connector.emulator.salesforce.org.rows.values import Stored, reader

if TYPE_CHECKING:
    from connector.emulator.salesforce.org.records import Org

_MANY = 5_000  # rows from which on it pays to make an empty table's indexes afterwards
_PERSON = """TRIM(COALESCE("FirstName" || ' ', '') || COALESCE("LastName", ''))"""
_ACCOUNT_OF_ACTIVITY = """CASE SUBSTR("WhatId", 1, 3)
    WHEN '001' THEN "WhatId" WHEN '006' THEN (SELECT p."AccountId" FROM "Opportunity" p WHERE p."Id" = "WhatId")
    WHEN '500' THEN (SELECT p."AccountId" FROM "Case" p WHERE p."Id" = "WhatId")
    WHEN '02i' THEN (SELECT p."AccountId" FROM "Asset" p WHERE p."Id" = "WhatId")
    WHEN '800' THEN (SELECT p."AccountId" FROM "Contract" p WHERE p."Id" = "WhatId")
    WHEN '801' THEN (SELECT p."AccountId" FROM "Order" p WHERE p."Id" = "WhatId")
    ELSE (SELECT p."AccountId" FROM "Contact" p WHERE p."Id" = "WhoId") END"""


def _from(table: str, column: str, key: str, by: str = "Id") -> str:
    return f'(SELECT p."{column}" FROM "{table}" p WHERE p."{by}" = "{key}")'


def _stage(column: str) -> str:
    return _from("OpportunityStage", column, "StageName", "MasterLabel")


_START = 'SUBSTR("StartDateTime", 1, 19)'
_END = f"""STRFTIME('%Y-%m-%dT%H:%M:%S.000+0000', {_START}, "DurationInMinutes" || ' minutes')"""
_DURATION = f"""CAST(ROUND((JULIANDAY(SUBSTR("EndDateTime", 1, 19)) - JULIANDAY({_START})) * 1440) AS INTEGER)"""

DERIVED: dict[str, dict[str, str]] = {
    "User": {
        "Name": _PERSON, "Email": '"Username"',
        "Alias": """LOWER(SUBSTR(COALESCE("FirstName", '') || "LastName", 1, 8))""",
        "ProfileId": """(SELECT p."Id" FROM "Profile" p WHERE p."Name" = 'Standard User')""",
    },
    "Contact": {"Name": _PERSON},
    "PricebookEntry": {
        "Name": _from("Product2", "Name", "Product2Id"), "ProductCode": _from("Product2", "ProductCode", "Product2Id"),
    },
    "Opportunity": {
        "IsClosed": f"COALESCE({_stage('IsClosed')}, 0)", "IsWon": f"COALESCE({_stage('IsWon')}, 0)",
        "Probability": _stage("DefaultProbability"), "ForecastCategory": _stage("ForecastCategory"),
        "ForecastCategoryName": _stage("ForecastCategoryName"),
        "FiscalYear": 'CAST(SUBSTR("CloseDate", 1, 4) AS INTEGER)',
        "FiscalQuarter": '(CAST(SUBSTR("CloseDate", 6, 2) AS INTEGER) + 2) / 3',
        "ExpectedRevenue": '"Amount" * "Probability" / 100', "Fiscal": """"FiscalYear" || ' ' || "FiscalQuarter\"""",
    },
    "OpportunityLineItem": {
        "Product2Id": _from("PricebookEntry", "Product2Id", "PricebookEntryId"),
        "ListPrice": _from("PricebookEntry", "UnitPrice", "PricebookEntryId"),
        "ProductCode": _from("Product2", "ProductCode", "Product2Id"),
        "Name": f"COALESCE({_from('Opportunity', 'Name', 'OpportunityId')} || ' ', '')"
        f" || {_from('Product2', 'Name', 'Product2Id')}",
        "UnitPrice": 'CASE WHEN "Quantity" <> 0 THEN ROUND("TotalPrice" / "Quantity", 2) ELSE "ListPrice" END',
        "TotalPrice": 'ROUND("UnitPrice" * "Quantity" * (1 - COALESCE("Discount", 0) / 100), 2)',
        "Subtotal": 'ROUND("UnitPrice" * "Quantity", 2)',
    },
    "OrderItem": {
        "Product2Id": _from("PricebookEntry", "Product2Id", "PricebookEntryId"),
        "ListPrice": _from("PricebookEntry", "UnitPrice", "PricebookEntryId"),
        "UnitPrice": '"ListPrice"', "TotalPrice": 'ROUND("UnitPrice" * "Quantity", 2)',
    },
    "Task": {"AccountId": _ACCOUNT_OF_ACTIVITY, "IsClosed": """COALESCE("Status" = 'Completed', 0)"""},
    "Event": {
        "AccountId": _ACCOUNT_OF_ACTIVITY, "StartDateTime": '"ActivityDateTime"', "ActivityDateTime": '"StartDateTime"',
        "ActivityDate": 'SUBSTR("StartDateTime", 1, 10)', "EndDateTime": _END, "DurationInMinutes": _DURATION,
        "EndDate": 'SUBSTR("EndDateTime", 1, 10)',
    },
    "Case": {
        "IsClosed": """COALESCE("Status" = 'Closed', 0)""", "AccountId": _from("Contact", "AccountId", "ContactId"),
    },
    "Contract": {
        "StatusCode": '"Status"', "EndDate": """DATE("StartDate", "ContractTerm" || ' months', '-1 day')""",
    },
    "Order": {"StatusCode": '"Status"'},
}  # fmt: skip
"""Per object, the fields that follow from others and their SQL, those they need first; given values are kept."""


class Unreadable(ValueError):
    """A value that its column cannot hold: which row (from 0), which field, which value."""

    def __init__(self, row: int, field: Field, value: object) -> None:
        super().__init__(f"{field.name}: {value!r} is not a {field.type}")
        self.row, self.field, self.value = row, field, value


def load(
    org: "Org", kind: ObjectType, columns: Sequence[str], rows: Iterable[Sequence[object]], *, stored: bool = False
) -> int:
    """Store the rows, complete their derived fields and give their number; Unreadable names the first bad value.

    With `stored` the values are as columns hold them, no field that is brought has gaps, and parents were seen to.
    """
    fields = [org.field(kind, name) for name in columns]
    given = {field.name for field in fields}
    with org.transaction():
        table = quoted(kind.name)
        after = int(str(org.rows(f"SELECT COALESCE(MAX(rowid), 0) FROM {table}")[0][0]))
        fixed, made = _fixed(org, kind, given), _made(org, kind, given)
        names = [*(field.name for field in fields), *(name for name, _ in made), *fixed]
        marks = ["?"] * (len(fields) + len(made)) + [_literal(value) for value in fixed.values()]
        sql = f"INSERT INTO {table} ({', '.join(map(quoted, names))}) VALUES ({', '.join(marks)})"
        rows = iter(rows)
        head = list(islice(rows, _MANY))
        later = _drop_indexes(org, kind) if len(head) == _MANY and not after else []
        rows = chain(head, rows)
        ready = rows if stored and not made else _stored(rows, fields, [make for _, make in made], read=not stored)
        count = org.db.executemany(sql, ready).rowcount
        for index in later:
            org.db.execute(index)
        org.keep_clear_of(kind, after)
        if not stored:
            _fill_gaps(org, kind, given, after)
        _complete(org, kind, given, after, gaps=not stored)
        if not stored:
            _after(org, kind.name, after)
    return max(count, 0)


def _drop_indexes(org: "Org", kind: ObjectType) -> list[str]:
    """Take the indexes of an empty table away; gives what makes them anew, quicker than row by row."""
    found = org.rows(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql > ''", kind.name
    )
    for name, _ in found:
        org.db.execute(f"DROP INDEX {quoted(str(name))}")
    return [str(sql) for _, sql in found]


def _fixed(org: "Org", kind: ObjectType, given: set[str]) -> dict[str, Stored]:
    """List what all rows have in common in the columns that they do not bring: stamps, owner, defaults."""
    stamp = org.stamp()
    fixed: dict[str, Stored] = dict.fromkeys(("CreatedDate", "LastModifiedDate", "SystemModstamp"), stamp)
    fixed |= dict.fromkeys(("CreatedById", "LastModifiedById", "OwnerId"), org.admin_id)
    fixed["CurrencyIsoCode"] = org.currency
    if kind.name in ("User", "Product2", "PricebookEntry", "AccountContactRelation"):
        fixed["IsActive"] = 1
    for field in kind.fields.values():
        if field.default is not None and field.type != "boolean":
            fixed.setdefault(field.name, str(field.default))
    own = {field.name for field in kind.fields.values() if field.stored}
    return {name: value for name, value in fixed.items() if name in own - given}


def _made(org: "Org", kind: ObjectType, given: set[str]) -> list[tuple[str, Callable[[], Stored]]]:
    """List the makers of values that differ from row to row: ids and running numbers."""
    numbered = [field.name for field in kind.fields.values() if field.auto_number and field.name not in given]
    made: list[tuple[str, Callable[[], Stored]]] = [(name, lambda: org.next_number(kind.name)) for name in numbered]
    if "Id" not in given:  # ids that rows bring are theirs to keep
        made.append(("Id", lambda: org.new_id(str(kind.key_prefix))))
    return made


def _literal(value: Stored) -> str:
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


def _stored(
    rows: Iterable[Sequence[object]], fields: Sequence[Field], made: Sequence[Callable[[], Stored]], *, read: bool
) -> Iterator[list[Stored]]:
    readers = [reader(field) if read else _as_it_is for field in fields]
    for number, row in enumerate(rows):
        try:
            values = [one(value) for one, value in zip(readers, row, strict=True)]
        except (ValueError, OverflowError) as error:
            raise _culprit(number, row, fields, readers) from error
        for make in made:
            values.append(make())
        yield values


def _as_it_is(value: Any) -> Stored:
    return value  # type: ignore[no-any-return]


def _culprit(
    number: int, row: Sequence[object], fields: Sequence[Field], readers: Sequence[Callable[[object], Stored]]
) -> ValueError:
    for field, read, value in zip(fields, readers, row, strict=False):
        try:
            read(value)
        except (ValueError, OverflowError):
            return Unreadable(number, field, value)
    return ValueError(f"row {number}: {len(row)} values for {len(fields)} columns")


def _complete(org: "Org", kind: ObjectType, given: set[str], after: int, *, gaps: bool) -> None:
    if gaps and kind.name in ("OpportunityLineItem", "OrderItem"):
        _make_entries(org, kind, after)
    pending: dict[str, str] = {}
    for name, expression in DERIVED.get(kind.name, {}).items():
        if name not in given:
            value = expression
        elif gaps and _has_gaps(org, kind, name, after):
            value = f"COALESCE({quoted(name)}, {expression})"
        else:
            continue
        if any(quoted(earlier) in expression for earlier in pending):  # one statement sees the values from before it
            _set(org, kind, pending, after)
            pending = {}
        pending[name] = value
    _set(org, kind, pending, after)


def _set(org: "Org", kind: ObjectType, values: Mapping[str, str], after: int) -> None:
    if values:
        settings = ", ".join(f"{quoted(name)} = {value}" for name, value in values.items())
        org.db.execute(f"UPDATE {quoted(kind.name)} SET {settings} WHERE rowid > ?", (after,))


def _has_gaps(org: "Org", kind: ObjectType, name: str, after: int) -> bool:
    if org.field(kind, name).type == "boolean":
        return False
    sql = f"SELECT 1 FROM {quoted(kind.name)} WHERE rowid > ? AND {quoted(name)} IS NULL LIMIT 1"
    return bool(org.rows(sql, after))


def _fill_gaps(org: "Org", kind: ObjectType, given: set[str], after: int) -> None:
    """Fill stamps and owners that some rows left empty, and let no record be changed before it was made."""
    everything = _fixed(org, kind, set())
    stamps = ("CreatedDate", "LastModifiedDate", "SystemModstamp", "CreatedById", "LastModifiedById", "OwnerId")
    names = [name for name in stamps if name in given and name in everything]
    if names:
        filled = ", ".join(f'"{name}" = COALESCE("{name}", ?{place})' for place, name in enumerate(names, 2))
        lacking = " OR ".join(f'"{name}" IS NULL' for name in names)
        sql = f"UPDATE {quoted(kind.name)} SET {filled} WHERE rowid > ?1 AND ({lacking})"
        org.db.execute(sql, (after, *(everything[name] for name in names)))
    if "SystemModstamp" in given or "LastModifiedDate" in given or "CreatedDate" in given:
        for name, floor in (("LastModifiedDate", "CreatedDate"), ("SystemModstamp", "LastModifiedDate")):
            sql = f'UPDATE {quoted(kind.name)} SET "{name}" = "{floor}" WHERE rowid > ? AND "{name}" < "{floor}"'
            org.db.execute(sql, (after,))


def _make_entries(org: "Org", kind: ObjectType, after: int) -> None:
    """Give lines that name only a product the entry of the standard price book, made where there is none."""
    table = quoted(kind.name)
    lacking = f'FROM {table} WHERE rowid > ? AND "PricebookEntryId" IS NULL AND "Product2Id" IS NOT NULL'
    for (product,) in org.rows(f'SELECT DISTINCT "Product2Id" {lacking}', after):
        org.entry_for(str(product), None)
    entry = (
        f'SELECT e."Id" FROM "PricebookEntry" e WHERE e."Product2Id" = {table}."Product2Id" AND e."Pricebook2Id" = ?'
    )
    where = 'rowid > ? AND "PricebookEntryId" IS NULL AND "Product2Id" IS NOT NULL'
    org.db.execute(f'UPDATE {table} SET "PricebookEntryId" = ({entry}) WHERE {where}', (org.pricebook_id, after))


def _after(org: "Org", name: str, after: int) -> None:
    """Carry the new rows over to their parents: roll-ups, last activity, direct contact relations."""
    if name == "OpportunityLineItem":
        _roll_up(org, after)
    elif name in ("Task", "Event"):
        done = '"IsClosed"' if name == "Task" else f"\"ActivityDate\" <= '{org.stamp()[:10]}'"
        for parent, link in (("Account", "AccountId"), ("Contact", "WhoId"), ("Opportunity", "WhatId")):
            last = f'SELECT MAX("ActivityDate") AS d, "{link}" AS k FROM "{name}" WHERE rowid > ? AND {done} GROUP BY 2'
            sql = (
                f'UPDATE "{parent}" SET "LastActivityDate" = MAX(COALESCE("LastActivityDate", \'\'), n.d)'
                f' FROM ({last}) n WHERE "Id" = n.k AND n.d IS NOT NULL'
            )
            org.db.execute(sql, (after,))
    elif name == "Contact" and "accountcontactrelation" in org.objects:
        found = org.rows('SELECT "AccountId", "Id" FROM "Contact" WHERE rowid > ? AND "AccountId" IS NOT NULL', after)
        load(
            org,
            org.object("AccountContactRelation"),
            ["AccountId", "ContactId", "IsDirect", "IsActive"],
            [(*row, 1, 1) for row in found],
        )
    elif name == "RecordType":
        org.offer_record_types()


def _roll_up(org: "Org", after: int) -> None:
    """Tell the deals of the new lines that they have some; an amount that was given stays."""
    new = 'SELECT DISTINCT "OpportunityId" FROM "OpportunityLineItem" WHERE rowid > ?'
    total = 'SELECT SUM(l."TotalPrice") FROM "OpportunityLineItem" l WHERE l."OpportunityId" = "Opportunity"."Id"'
    sql = (
        'UPDATE "Opportunity" SET "HasOpportunityLineItem" = 1, "Pricebook2Id" = COALESCE("Pricebook2Id", ?),'
        f' "Amount" = COALESCE("Amount", ({total} AND NOT l."IsDeleted")) WHERE "Id" IN ({new})'
    )
    org.db.execute(sql, (org.pricebook_id, after))
    money = 'UPDATE "Opportunity" SET "ExpectedRevenue" = "Amount" * "Probability" / 100'
    org.db.execute(f'{money} WHERE "ExpectedRevenue" IS NULL AND "Id" IN ({new})', (after,))
