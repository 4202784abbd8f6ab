"""What tests may fix about jobs: how long they take, where they stop, how large pages, batches and uploads are.

A wish of the control endpoint comes in; settings that `jobs` and its neighbours read leave. Next room: `jobs`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass
class Settings:
    """How jobs behave; the defaults are those of the service, but that jobs end as soon as their work is done."""

    hold: int | None = None  # jobs stop, and stay InProgress, once they have processed so many records; None: never
    polls: int = 0  # how many polls find a job InProgress although its work is done
    seconds: float = 0.0  # the least that a job takes by the org's clock
    page_rows: int = 250_000  # records of a page of results when the caller does not say
    batch_rows: int = 10_000  # records that the service works on together
    upload_bytes: int = 100 * 1024 * 1024  # the largest upload
    unsupported: tuple[str, ...] = ()  # objects that the Bulk API refuses, as it does some

    def take(self, wish: Mapping[str, Any]) -> None:
        """Change some settings; all are checked before the first is changed."""
        known = {field.name for field in fields(self)}
        for name, value in wish.items():
            if name not in known:
                raise ValueError(f"bulk setting {name!r} is unknown; use one of {', '.join(sorted(known))}")
            _check(name, value)
        for name, value in wish.items():
            setattr(self, name, tuple(value) if name == "unsupported" else value)

    def shown(self) -> dict[str, Any]:
        """The settings by name."""
        return asdict(self)


def _check(name: str, value: Any) -> None:
    if name == "unsupported":
        right = isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)
    elif name == "hold" and value is None:
        right = True
    else:
        least = 1 if name in ("page_rows", "batch_rows", "upload_bytes") else 0
        number = isinstance(value, int) or (name == "seconds" and isinstance(value, float))
        right = number and not isinstance(value, bool) and value >= least
    if not right:
        raise ValueError(f"bulk setting {name}: {value!r} will not do; see Settings for what it holds")
