"""One thing that metadata describes: its class, its properties, and where its navigation properties lead.

In: nothing; out: the value that all shapes are, and the names that belong to each declared class. Next room: `options`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

NAMESPACE = "Microsoft.Dynamics.CRM."


def words(text: str) -> tuple[str, ...]:
    """The words of a text; names of properties read better in lines than in a column."""
    return tuple(text.split())


@dataclass(frozen=True)
class Shape:
    """A described thing; `links` make what a navigation property leads to when somebody asks for it."""

    kind: str
    data: Mapping[str, Any]
    links: Mapping[str, Callable[[], "Shape | list[Shape] | None"]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The metadata id, in lower case."""
        return str(self.data.get("MetadataId", "")).lower()


@dataclass(frozen=True)
class Place:
    """Where a path leads: several things or one, the class they are declared as, and the path for the context."""

    declared: str
    path: str
    many: tuple[Shape, ...] | None = None
    one: Shape | None = None

    @classmethod
    def of(cls, declared: str, path: str, shapes: Iterable[Shape]) -> "Place":
        """A place with several things."""
        return cls(declared, path, many=tuple(shapes))
