"""What can go wrong, grouped by what to do next; each group has its exit code.

Every room raises these; `cli` prints them and exits. A message says what happened, where, and what to do.
"""

from collections.abc import Sequence
from difflib import get_close_matches


class KamError(Exception):
    """Anything a person is told about; `code` is the exit code, `faults` the gathered lines."""

    code = 1

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class UsageFault(KamError):
    """Settings, mapping or arguments are wrong: correct the named line."""

    code = 2


class StoreFault(KamError):
    """The local store can't be used: full, read-only, of another org, or of a newer version."""

    code = 9


class AccessFault(KamError):
    """Login or a permission was refused: one click for an admin."""

    code = 3


class UnreachableFault(KamError):
    """The CRM did not answer, or only with passing errors: try again later."""

    code = 8


class BusyFault(KamError):
    """Another run is active on this store."""

    code = 6


class GuardHalt(KamError):
    """A guard halted the run before its first write: look, then approve."""

    code = 5


class ReserveReached(KamError):
    """The share of the org's daily calls that is left for others was reached: resumes next time."""

    code = 7


class RowsRefused(KamError):
    """Some rows were refused by the CRM; the others were written."""

    code = 4


# Design §7: when several apply, the first of this order is the exit code.
EXIT_ORDER = (1, 2, 9, 3, 8, 6, 5, 7, 4, 0)
EXIT_MEANING = {
    0: "done",
    1: "a bug of ours",
    2: "settings or usage",
    3: "login or permission",
    4: "some rows refused",
    5: "a guard halted the run",
    6: "another run is active",
    7: "API reserve reached",
    8: "CRM unreachable",
    9: "store unusable (full, read-only, not ours, newer)",
}


def nearest(word: str, known: Sequence[str]) -> str:
    """Advice `Nearest: "x".` for a word that isn't known; empty when nothing is near."""
    lower = {k.lower(): k for k in known}
    found = get_close_matches(word.lower(), list(lower), n=1, cutoff=0.6)
    return f' Nearest: "{lower[found[0]]}".' if found else ""
