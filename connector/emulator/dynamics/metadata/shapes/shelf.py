"""The shelf of shapes: everything metadata can answer about an organisation, made once for each edition of it.

An organisation comes in; shapes of tables, columns, keys, relationships and option sets leave. Next room: `query`.
"""

from collections.abc import Callable
from weakref import WeakKeyDictionary

from connector.emulator.dynamics.metadata.shapes import attributes as columns
from connector.emulator.dynamics.metadata.shapes import extras
from connector.emulator.dynamics.metadata.shapes.options import shared_set
from connector.emulator.dynamics.metadata.shapes.relations import relation
from connector.emulator.dynamics.metadata.shapes.shape import Shape
from connector.emulator.dynamics.metadata.shapes.tables import entity, key
from connector.emulator.dynamics.org.access import RIGHTS, privilege
from connector.emulator.dynamics.org.model import Column, Table
from connector.emulator.dynamics.org.records import Org

_shelves: "WeakKeyDictionary[Org, Shelf]" = WeakKeyDictionary()


class Shelf:
    """Shapes of one edition of an organisation; each is made when first asked for."""

    def __init__(self, org: Org, edition: tuple[int, str]) -> None:
        self.org, self.edition = org, edition
        self.notes = extras.notes(org)
        self._sets = _shared(org)
        self._attributes: dict[str, list[Shape]] = {}
        self._entities: dict[str, Shape] = {}
        self._relations: dict[str, Shape] | None = None

    def entities(self) -> list[Shape]:
        """Every table, in the order in which the organisation has them."""
        return [self.entity(name) for name in self.org.tables]

    def entity(self, name: str) -> Shape:
        """One table, which must exist."""
        made = self._entities.get(name)
        if made is None:
            table = self.org.tables[name]
            regarding = any(
                one.referenced == name and one.column == "regardingobjectid" for one in self.org.relationships.values()
            )
            named = [(right, *privilege(table, right)) for right in _rights(table)]
            rights = [(row_id, name_, right) for right, name_, row_id in named]
            data = entity(table, self.notes.get(table.metadata_id, {}), rights, regarding)
            made = self._entities[name] = Shape("EntityMetadata", data, self._links(name))
        return made

    def attributes(self, name: str) -> list[Shape]:
        """The columns of one table."""
        made = self._attributes.get(name)
        if made is None:
            table = self.org.tables[name]
            made = self._attributes[name] = list(columns.attributes(table, self.notes, self.option_set))
        return made

    def keys(self, name: str) -> list[Shape]:
        """The alternate keys of one table; made anew each time, since their indexes move on."""
        table = self.org.tables[name]
        return [key(table, one) for one in table.keys.values()]

    def relations(self) -> list[Shape]:
        """Every relationship."""
        if self._relations is None:
            tables = self.org.tables
            self._relations = {
                one.name: relation(
                    one, tables[one.referenced], tables[one.referencing], self.notes.get(one.metadata_id, {})
                )
                for one in self.org.relationships.values()
                if one.referenced in tables and one.referencing in tables
            }
        return list(self._relations.values())

    def option_sets(self) -> list[Shape]:
        """The option sets that columns may share."""
        return [make() for make in self._sets.values()]

    def option_set(self, name: str) -> Shape | None:
        """One shared option set by name."""
        make = self._sets.get(name)
        return make() if make else None

    def _links(self, name: str) -> dict[str, Callable[[], Shape | list[Shape] | None]]:
        def related(kind: str, *sides: str) -> list[Shape]:
            every = (shape for shape in self.relations() if shape.kind == kind)
            return [shape for shape in every if any(shape.data[side] == name for side in sides)]

        many = "ManyToManyRelationshipMetadata"
        return {
            "Attributes": lambda: self.attributes(name),
            "Keys": lambda: self.keys(name),
            "OneToManyRelationships": lambda: related("OneToManyRelationshipMetadata", "ReferencedEntity"),
            "ManyToOneRelationships": lambda: related("OneToManyRelationshipMetadata", "ReferencingEntity"),
            "ManyToManyRelationships": lambda: related(many, "Entity1LogicalName", "Entity2LogicalName"),
        }


def _rights(table: Table) -> list[str]:
    """The rights there are on a table: only rows with an owner can be assigned and shared."""
    owned = table.ownership == "UserOwned"
    return [right for right in RIGHTS if owned or right not in ("Assign", "Share")]


def shelf_of(org: Org) -> Shelf:
    """The shelf of the organisation as it is now."""
    now = (org.edition, extras.edition(org))
    kept = _shelves.get(org)
    if kept is None or kept.edition != now:
        kept = _shelves[org] = Shelf(org, now)
    return kept


def _shared(org: Org) -> dict[str, Callable[[], Shape]]:
    """Shared option sets: those that were stored, and those that columns of the catalogue share."""
    made: dict[str, Callable[[], Shape]] = {}

    def one(name: str, stored: dict[str, object]) -> Callable[[], Shape]:
        return lambda: shared_set(name, stored, extras.options_stored(stored))

    def of_column(column: Column) -> Callable[[], Shape]:
        kind = "Boolean" if column.type == "boolean" else "Picklist"
        return lambda: shared_set(
            column.option_set, {"custom": False, "label": column.label, "type": kind}, column.options
        )

    for name, stored in extras.stored_sets(org).items():
        made[name] = one(name, stored)
    for table in org.tables.values():
        for column in table.columns.values():
            if column.global_set and column.option_set not in made:
                made[column.option_set] = of_column(column)
    return made
