"""A person's decisions about the programme, as changes of the input fields: approve, decline, nominate, override.

Results, present values and the person's words come in; changes leave. Written only on a person's command.
Next room: `write_back`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connector.errors import UsageFault
from connector.schema import Change

REVIEW_DAYS = 91  # a quarter: methods §9


def proposals(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Accounts with an open proposal."""
    return [r for r in rows if r["kam_proposal"] in ("Promote", "Demote")]


def approve(
    rows: Sequence[Mapping[str, Any]], present: Mapping[str, Mapping[str, Any]], review_due: str
) -> list[Change]:
    """Accept each account's proposal: Promote makes it Key, Demote makes it Standard."""
    return list(_decided(rows, present, review_due, accepted=True))


def decline(
    rows: Sequence[Mapping[str, Any]], present: Mapping[str, Mapping[str, Any]], review_due: str
) -> list[Change]:
    """Turn each account's proposal down: it stays as it is until the next review."""
    return list(_decided(rows, present, review_due, accepted=False))


def _decided(
    rows: Sequence[Mapping[str, Any]], present: Mapping[str, Mapping[str, Any]], review_due: str, *, accepted: bool
) -> Iterator[Change]:
    for row in rows:
        if row["kam_proposal"] not in ("Promote", "Demote"):
            raise UsageFault(
                f"programme: {row['name']} ({row['id']}) has no open proposal. Look: kam programme. To decide"
                " without a proposal: kam programme override"
            )
        status = "Key" if (row["kam_proposal"] == "Promote") == accepted else "Standard"
        why = f"{row['kam_proposal']} {'approved' if accepted else 'declined'}: {row['kam_why']}"
        yield from _changes(row, present, {"kam_status": status, "review_due": review_due}, why)


def nominate(row: Mapping[str, Any], present: Mapping[str, Mapping[str, Any]], reason: str, until: str) -> list[Change]:
    """Nominate one account with a reason and an end."""
    # A nomination is a new question: an earlier no does not wait for its review any more.
    values = {"nominated": True, "nominated_reason": reason, "nominated_until": until, "review_due": None}
    return list(_changes(row, present, values, f"nominated: {reason}"))


def override(
    row: Mapping[str, Any], present: Mapping[str, Mapping[str, Any]], status: str, reason: str, review_due: str
) -> list[Change]:
    """Set one account's status against the proposal, with a reason and a day to look again."""
    return list(_changes(row, present, {"kam_status": status, "review_due": review_due}, f"override: {reason}"))


def _changes(
    row: Mapping[str, Any], present: Mapping[str, Mapping[str, Any]], values: Mapping[str, Any], why: str
) -> Iterator[Change]:
    here = present.get(row["id"], {})
    for column, value in values.items():
        if here.get(column) != value:
            yield Change("account", row["id"], row["name"], column, here.get(column), value, why)
