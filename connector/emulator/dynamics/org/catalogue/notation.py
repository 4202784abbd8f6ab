"""The short notation in which the catalogue is written, and how it is read.

In: blocks of text, one line a column; out: tables and relationships. Next room: `sales`, which is written in it.

A line is `name kind Label`. A mark after the name: `*` system required, `!` business required, `+` recommended,
`-` read-only, `~` set on creation only. Kinds: `S100` text (`S100:Email` with a format), `M2000` memo, `I` or `I0:100`
integer, `BI` big integer, `N` or `N2` decimal, `F` double, `$` money, `B` or `B:Incoming/Outgoing` yes/no, `P:options`
choice, `X:options` several choices, `D` day, `T` moment, `TD` moment shown as a day, `G` guid, `E` table name,
`L:target=relationship,…` lookup, `C:…` customer. `=value` ends a kind that has a default; `^` ends a relationship whose
rows go when their parent goes.
"""

import re
from collections.abc import Iterator
from functools import cache
from uuid import UUID, uuid5

from connector.emulator.dynamics.org.catalogue.options import OPTIONS
from connector.emulator.dynamics.org.model import Column, Option, Relationship, Table

_SPACE = UUID("6f9619ff-8b86-4011-b42d-00cf4fc964ff")  # any fixed value: ids of the catalogue are the same everywhere
_REQUIRED = {"*": "SystemRequired", "!": "ApplicationRequired", "+": "Recommended"}
_LINE = re.compile(r"(\w+)([*!+~-]?)\s+(\S+)\s+(.+)")
_BOUNDS = {
    "I": (-2147483648, 2147483647),
    "N": (-1e11, 1e11),
    "F": (-1e11, 1e11),
    "$": (-922337203685477, 922337203685477),
}
_KNOWN = """
    account activation active activity additional address agent amount application assistant async audit base
    begin behavior birth budget bundle business by calculated cap case category change class code column complete
    component contact convention cost count country credit currency current customer customization date decimal
    default department depth description direction directory disabled display domain duration effective email
    employee enabled end entity estimated exchange external field first flag form freight friendly full group has
    hierarchy id identifier in incident industry instance internal is item job key last lead less level limit line
    list lock logical managed manager mask master message minutes mode modified name need node notes number object
    of on only open operation opportunity option or order organization original originating overridden override
    owner owning parent part party path phone postal price pricing primary priority privilege probability process
    product profile property province purchase quantity query quick rate rating read record ref regarding related
    relationship request required responsible risk role root sales saved schedule scheduled score security sender
    sequence set severity sort source stage standard start state status step string structure subject system
    target tax team telephone territory ticker time title to total tracking transaction type unique unit url used
    user valid value vendor version web website zone
"""
_WORDS = sorted(_KNOWN.split(), key=len, reverse=True)


@cache
def stable_id(*names: str) -> str:
    """Make the id that something of the catalogue has in every organisation."""
    return str(uuid5(_SPACE, "/".join(names)))


def table(header: str, body: str, *, states: str = "", state: int = 0) -> tuple[Table, list[Relationship]]:
    """Read a table: `name | Schema | set | code | primary id | primary name | Label | Labels | ownership and flags`.

    `states` lists the states in order, each with its status reasons; `state` is the one that new rows are in.
    """
    name, schema, sets, code, primary_id, primary_name, label, plural, flags = (
        part.strip() for part in header.split("|")
    )
    ownership, *marks = flags.split()
    made = Table(
        name, schema, sets, label, plural, int(code), primary_id, primary_name, ownership, activity="activity" in marks,
        change_tracking="untracked" not in marks, multiple="single" not in marks, metadata_id=stable_id(name),
    )  # fmt: skip
    relationships: list[Relationship] = []
    columns = [_primary(made), *_columns(made, body, relationships)]
    columns += _states(name, states, state) if states else []
    for column in columns:
        made.columns[column.name] = column
    return made, relationships


def columns_of(made: Table, body: str, relationships: list[Relationship]) -> None:
    """Add the columns of a block to a table that lacks them; what they point at is added to `relationships`."""
    for column in _columns(made, body, relationships):
        made.columns.setdefault(column.name, column)


def options_of(name: str) -> tuple[Option, ...]:
    """Read an option set of the catalogue: `1 Label; 2 Label`."""
    return tuple(
        Option(int(value), label)
        for value, label in (entry.strip().split(" ", 1) for entry in OPTIONS[name].split(";"))
    )


@cache
def schema_name(name: str, label: str) -> str:
    """Give a logical name the capitals of its words, which the label or the word list knows."""
    if "_" in name and not name.startswith("address"):
        return name
    words = sorted({*re.sub(r"[^a-z0-9 ]", "", label.lower()).split()} - {"a", "in", "as"}, key=len, reverse=True)
    made, rest = "", name
    while rest:
        word = next((word for word in [*words, *_WORDS] if rest.startswith(word)), rest[0])
        made += word.capitalize() if len(word) > 1 or not made or made.endswith("_") else word
        rest = rest[len(word) :]
    return made.replace("uom", "UoM").replace("Uom", "UoM")


def _columns(made: Table, body: str, relationships: list[Relationship]) -> Iterator[Column]:
    for line in body.strip().splitlines():
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise ValueError(f"catalogue, table {made.name}: cannot read the line {line!r}")
        name, mark, kind, label = match.groups()
        column = _column(made, name, kind, label, relationships)
        column = column.with_(
            required=_REQUIRED.get(mark, "None"), create=mark != "-", update=mark not in ("-", "~"),
            primary_name=name == made.primary_name, schema_name=schema_name(name, label),
            metadata_id=stable_id(made.name, name), managed=True,
        )  # fmt: skip
        yield column
        if column.type == "money":
            yield base_twin(column).with_(metadata_id=stable_id(made.name, f"{name}_base"))


def base_twin(column: Column) -> Column:
    """Make the read-only column that holds a money column's value in the base currency."""
    return column.with_(
        name=f"{column.name}_base", schema_name=f"{column.schema_name}_Base", label=f"{column.label} (Base)",
        base_of=column.name, create=False, update=False, required="None", primary_name=False, metadata_id="",
    )  # fmt: skip


def _column(made: Table, name: str, kind: str, label: str, relationships: list[Relationship]) -> Column:
    kind, _, default = kind.partition("=") if kind[:2] not in ("L:", "C:") else (kind, "", "")
    letter, given = re.fullmatch(r"(BI|TD|[A-Z$])(.*)", kind).groups()  # type: ignore[union-attr]
    low = high = None
    if letter in _BOUNDS:
        low, high = _BOUNDS[letter] if ":" not in given else (float(part) for part in given.split(":"))
    match letter:
        case "S" | "M":
            length, _, shape = given.partition(":")
            shape = shape or ("Text" if letter == "S" else "TextArea")
            return Column(name, "string" if letter == "S" else "memo", label, max_length=int(length), format=shape)
        case "I" | "BI":
            initial = int(default) if default else None
            kind = "integer" if letter == "I" else "bigint"
            return Column(name, kind, label, min_value=low, max_value=high, default=initial)
        case "N" | "F":
            places = int(given) if given.isdigit() else 2
            kind = "decimal" if letter == "N" else "double"
            return Column(name, kind, label, precision=places, min_value=low, max_value=high)
        case "$":
            return Column(name, "money", label, precision=2, precision_source=2, min_value=low, max_value=high)
        case "B":
            no, _, yes = given.removeprefix(":").replace("_", " ").partition("/")
            options = (Option(1, yes or "Yes"), Option(0, no or "No"))
            return Column(
                name, "boolean", label, options=options, option_set=f"{made.name}_{name}", default=default == "1"
            )
        case "P" | "X":
            kind, sets = ("picklist" if letter == "P" else "multiselect"), given.removeprefix(":")
            return Column(
                name, kind, label, options=options_of(sets), option_set=f"{made.name}_{name}",
                default=int(default) if default else None,
            )  # fmt: skip
        case "D":
            return Column(name, "datetime", label, format="DateOnly", behavior="DateOnly")
        case "T" | "TD":
            shape = "DateOnly" if letter == "TD" else "DateAndTime"
            return Column(name, "datetime", label, format=shape, behavior="UserLocal")
        case "L" | "C":
            return _lookup(made, name, "lookup" if letter == "L" else "customer", given[1:], label, relationships)
    return Column(name, {"G": "uniqueidentifier", "E": "entityname", "V": "virtual"}[letter], label)


def _lookup(made: Table, name: str, kind: str, given: str, label: str, out: list[Relationship]) -> Column:
    pairs = [pair.partition("=")[::2] for pair in given.split(",")]
    navigation = {target: _navigation(made, name, target, many=len(pairs) > 1) for target, _ in pairs}
    for target, relation in pairs:
        if not relation:  # a read-only mirror of another lookup
            continue
        cascade = {"Delete": "Cascade" if relation.endswith("^") else "RemoveLink"}
        schema = relation.rstrip("^")
        out.append(Relationship(
            schema, "OneToMany", target, made.name, name, navigation[target], schema, cascade=cascade,
            metadata_id=stable_id("relationship", schema),
        ))  # fmt: skip
    return Column(name, kind, label, targets=tuple(navigation), navigation=navigation)


def _navigation(made: Table, name: str, target: str, *, many: bool) -> str:
    plain = f"{name}_{target}" if many and name != "ownerid" else name
    return f"{plain}_{made.name}" if made.activity and made.name != "activitypointer" else plain


def _primary(made: Table) -> Column:
    return Column(
        made.primary_id, "uniqueidentifier", made.label, schema_name=schema_name(made.primary_id, made.label),
        required="SystemRequired", update=False, primary_id=True, managed=True,
        metadata_id=stable_id(made.name, made.primary_id),
    )  # fmt: skip


def _states(name: str, text: str, initial: int) -> list[Column]:
    states, reasons = [], []
    for number, entry in enumerate(text.split(";")):
        label, _, listed = entry.strip().partition(": ")
        own = [Option(int(v), t, state=number) for v, t in (part.strip().split(" ", 1) for part in listed.split(","))]
        states.append(Option(number, label, default_status=own[0].value, invariant=label.replace(" ", "")))
        reasons += own
    first = next(option.value for option in reasons if option.state == initial)
    return [
        Column(
            "statecode", "state", "Status", "StateCode", options=tuple(states), option_set=f"{name}_statecode",
            required="SystemRequired", default=initial, managed=True,
            metadata_id=stable_id(name, "statecode"),
        ),
        Column(
            "statuscode", "status", "Status Reason", "StatusCode", options=tuple(reasons),
            option_set=f"{name}_statuscode", default=first, managed=True, metadata_id=stable_id(name, "statuscode"),
        ),
    ]  # fmt: skip
