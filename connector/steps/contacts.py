"""What each contact shall hold in the CRM: level, function, role, how warm the contact is, and a likely manager.

Results of people and what the CRM shows of them come in, wishes leave. Nobody is named in a reason: a change names the
field, and the CRM the person. Next room: `opportunities`.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from connector.convert import iso_day
from connector.engine import batches
from connector.insight.relationship import Settings
from connector.schema import BUYING_ROLES, CRM_FIELDS, ORG_FUNCTIONS, ORG_LEVELS
from connector.steps.diff import Scope, Wanted
from connector.store.mirror import Mirror

COLUMNS = frozenset(f.column for f in CRM_FIELDS if f.table == "contact")
_READ = (
    *("contact_id", "level", "function", "strength", "band", "last_two_way_day"),
    *("suggested_manager_id", "suggestion_confidence", "role_guess", "role_source"),
)
REACH = {"programme": "a.in_programme = 1", "customers": "a.is_customer = 1", "all": "TRUE"}
_WHY = {
    "org_level": "by the job title",
    "org_function": "by the job title",
    "relationship_band": "by contact in both directions",
    "last_two_way_at": "by contact in both directions",
}

_ROLE_WHY = {
    "stakeholder": "by a role on a deal or account, set by a person",
    "contact": "by the contact's role in the CRM",
    "title": "likely, by the job title",
    None: "nobody named one, and the job title tells none",
}


def wanted(mirror: Mirror, details: Path, scope: Scope, settings: Settings) -> Iterator[Wanted]:
    """What contacts in scope shall hold; and, out of scope, those of whom something was written once.

    Who is left out of everything computed, or has no account now, shall hold nothing.
    """
    present = dict(mirror.present("contact"))
    written = {i for i, values in present.items() if any(v is not None for v in values.values())}
    joined = f"SELECT c.{', c.'.join(_READ)}, {REACH[scope]} AS reached"
    joined += " FROM contact_result AS c LEFT JOIN account_result AS a ON a.id = c.account_id"
    seen = set()
    for rows in batches(details, f"{joined} WHERE {REACH[scope]} OR {'TRUE' if written else 'FALSE'}"):
        for *values, reached in rows:
            row = dict(zip(_READ, values, strict=True))
            contact = row["contact_id"]
            if reached or contact in written:
                seen.add(contact)
                yield _wish(row, present.get(contact, {}), settings, reached=bool(reached))
    for contact in sorted(written - seen):
        yield Wanted(contact, "", dict.fromkeys(COLUMNS), {"": "nothing is computed of this person"}, frozenset())


def _wish(row: Mapping[str, Any], here: Mapping[str, Any], settings: Settings, *, reached: bool) -> Wanted:
    level, day = row["level"], row["last_two_way_day"]
    values = {
        "org_level": ORG_LEVELS[-1] if level is None else ORG_LEVELS[level],
        "org_function": ORG_FUNCTIONS.get(row["function"] or "", "Unknown"),
        "relationship_band": _held(row["band"], row["strength"], here.get("relationship_band"), settings),
        "last_two_way_at": None if day is None else iso_day(day),
        "suggested_manager": row["suggested_manager_id"],
        "role_guess": BUYING_ROLES.get(row["role_guess"] or "", "Unknown"),
    }
    sure = row["suggestion_confidence"]
    guess = "somebody is named as the manager now, or nobody stands out"
    if sure is not None:
        guess = f"by level, function and shared meetings; confidence {sure:.2f}"
    why = _WHY | {"suggested_manager": guess, "role_guess": _ROLE_WHY[row["role_source"]]}
    return Wanted(row["contact_id"], "", values, why, COLUMNS if reached else frozenset())


def _held(band: str, strength: float | None, shown: Any, settings: Settings) -> str:
    """The band, or the one that is shown as long as the strength is within the calm points of its bounds."""
    bounds = {
        "Strong": (settings.strong, 100.0),
        "Warm": (settings.warm, settings.strong),
        "Weak": (settings.weak, settings.warm),
        "Cold": (0.0, settings.weak),
    }
    if strength is None or shown not in bounds:
        return band
    low, high = bounds[shown]
    return str(shown) if low - settings.calm_points <= strength < high + settings.calm_points else band
