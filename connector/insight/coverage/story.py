"""Coverage and account team as lines of the story of one account: who is covered, who supports us, who of ours.

Result rows of one account come in; lines of text leave. Contacts are told by role and number only. Next room:
`insight.story`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connector.insight.explain import slot_words

Row = Mapping[str, Any]
# Whether the people who matter are on our side; `roles` says how it is found.
_LIGHTS = {
    "green": "green: somebody who decides supports us",
    "amber": "amber: a key player supports us, but nobody who decides",
    "red": "red: no key player supports us",
    "unknown": "unknown: the CRM has neither attitudes nor champions, sponsors, coaches or blockers here",
}
_SOURCES = {
    "stakeholder": "named on a deal or account",
    "contact": "by the contact's role in the CRM",
    "title": "likely, by the job title",
}


def coverage_lines(row: Row, slots: Sequence[Row], roles: Sequence[Row], said: Mapping[str, Any]) -> Iterator[str]:
    """What is covered, known and engaged; threads, champion and support; then slot by slot and role by role.

    `roles` are counts of contacts by role and source.
    """
    yield str(row["kam_coverage_text"])
    yield from _shares(row)
    if row["coverage_risk"]:
        yield f"at risk: {row['coverage_risk'].lower().replace(';', ', ')}"
    yield from _risks(row)
    for slot in slots if row["known_percent"] is not None else ():
        yield f"{slot_words(slot['slot'], said):<24} weight {slot['weight']}: {_slot_state(slot)}"
    for role in roles:
        name = said["slot"].get(role["role"], role["role"].replace("_", " "))
        yield f"role {name}: {role['contacts']}, {_SOURCES[role['source']]}"


def _shares(row: Row) -> Iterator[str]:
    if row["known_percent"] is None:
        return
    known = f"somebody is known in {row['known_percent']} %"
    if row["coverage_percent"] is None:
        yield known
        return
    engaged = f"in touch both ways in {row['engaged_percent']} %"
    yield f"covered {row['coverage_percent']} % of the roles by weight; {known}; {engaged}"
    if row["executive_percent"] is not None:
        yield f"covered {row['executive_percent']} % of the executives by weight"
    if row["functions_required"]:
        yield f"breadth: in touch in {row['functions_engaged']} of {row['functions_required']} functions"


def _risks(row: Row) -> Iterator[str]:
    if row["engaged_contacts"] is not None:
        single = "; single-threaded" if row["single_threaded"] else ""
        yield f"threads: {row['engaged_contacts']} {'person' if row['engaged_contacts'] == 1 else 'people'}{single}"
    if row["champion_left"]:
        yield "the champion left, and nobody else is named as one"
    if row["light"] is not None:
        yield f"support: {_LIGHTS[row['light']]}"
    if row["attitudes"]:
        told = f"attitudes: {row['attitudes']} set by people, how long ago the CRM doesn't say"
        stale = row["attitudes_stale"]
        yield f"{told}; {stale} of them stale: too long unchanged" if stale else told


def _slot_state(slot: Row) -> str:
    if not slot["known"]:
        return "unknown" if slot["known"] is None else "nobody known"
    if slot["value"] is None:
        return "known"
    return f"known, covered {slot['value']:.0%}" if slot["value"] > 0 else "known, not in touch"


def team_lines(members: Sequence[Row]) -> list[str]:
    """Our people on the account, by role; rows of role, name and whether the person is active."""
    by_role: dict[str, list[str]] = {}
    for one in sorted(members, key=lambda m: (m["role"] or "", m["name"] or "", m["user_id"] or "")):
        gone = "" if one["is_active"] in (None, 1) else " (not active any more)"
        by_role.setdefault(one["role"] or "no role", []).append(f"{one['name'] or one['user_id']}{gone}")
    return [f"{role}: {', '.join(names)}" for role, names in by_role.items()]
