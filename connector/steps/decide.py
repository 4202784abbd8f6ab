"""A person's decisions about the programme, as changes of the input fields: approve, decline, nominate, override.

Results, present values and the person's words come in; changes leave. Written only on a person's command.
Next room: `write_back`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from connector.errors import UsageFault
from connector.schema import Change

# Reasons that tell of the past or of people's liking, not of what an account will bring.
_WEAK = re.compile(
    r"\b(golf|tennis|lunch|dinner|holidays?|friends?|loyal\w*|habit|tradition|old times|always been"
    r"|(old|oldest|long|longest|long-time|longtime)[ -](customer|client|account)s?|long-?standing"
    r"|(for|of|many) (many )?(years|decades)|since (19|20)\d\d)\b",
    re.IGNORECASE,
)


def review_day(as_of: str, review_days: int) -> str:
    """Day of the next review after a decision made on a day."""
    return (date.fromisoformat(as_of) + timedelta(days=review_days)).isoformat()


def doubt(reason: str | None) -> str:
    """What is to be said against a reason that names no value to come; empty for any other. It refuses nothing."""
    found = _WEAK.search(reason or "")
    return f'"{found[0]}" is no reason to expect value: say what the account will bring' if found else ""


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
    """Nominate one account with a reason and an end; a doubtful reason is written, and the doubt kept beside it."""
    # A nomination is a new question: an earlier no does not wait for its review any more.
    values = {"nominated": True, "nominated_reason": reason, "nominated_until": until, "review_due": None}
    return list(_changes(row, present, values, _noted(f"nominated: {reason}", reason)))


def override(
    row: Mapping[str, Any], present: Mapping[str, Mapping[str, Any]], status: str, reason: str, review_due: str
) -> list[Change]:
    """Set one account's status against the proposal, with a reason and a day to look again."""
    why = _noted(f"override: {reason}", reason)
    return list(_changes(row, present, {"kam_status": status, "review_due": review_due}, why))


def _noted(why: str, reason: str) -> str:
    if not reason.strip():
        raise UsageFault("programme: the reason is empty. Say why: it is shown and kept with the decision.")
    return f"{why} (warned: {doubt(reason)})" if doubt(reason) else why


def _changes(
    row: Mapping[str, Any], present: Mapping[str, Mapping[str, Any]], values: Mapping[str, Any], why: str
) -> Iterator[Change]:
    here = present.get(row["id"], {})
    for column, value in values.items():
        if here.get(column) != value:
            yield Change("account", row["id"], row["name"], column, here.get(column), value, why)
