"""Who plays which role in buying, whose champion left, and whether the people who matter are on our side.

Roles that people or the CRM's own labels give (`stakeholder`, `contact.role`), attitudes and `contact_strength` come
in. What leaves: `contact_role_guess` (a row per contact whose role is known or likely, with its source),
`account_champion`, and `account_light`, a view in the manner of Altify's traffic light:

- `green`: somebody who decides (the economic buyer, named or likely) is supportive;
- `amber`: a key player is supportive, but none who decides;
- `red`: attitudes, champions, sponsors, coaches or blockers are known, and no key player is supportive;
- `unknown`: none of these is. Who decides or uses may be for or against us.

Key players are the economic buyer, champions, sponsors, and executives. Supportive is an attitude of +1 or more; where
none is known, a champion or sponsor that people named. An attitude counts until its contact's record has gone
unchanged for `attitude_days`: then it is surely as old as that. The CRM keeps no day of the attitude itself.
Methods, sections 3.3 and 3.4. Next room: the package itself, which counts slots.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from connector.insight.steps import run_steps
from connector.schema import BUYING_ROLES, COVERAGE_RISKS, Engine

# In the order in which they are trusted: people on a deal or account; the contact's own role, as people set it or the
# CRM labels it (the mapping says in which order); level and function.
SOURCES = ("stakeholder", "contact", "title")
# Functions whose directors and managers judge the technique; those of other buying functions are users.
TECHNICAL = ("it", "engineering", "quality", "procurement")


def compute(engine: Engine, params: Mapping[str, object], buying: tuple[str, ...]) -> None:
    """Make `coverage_role`, `coverage_buyer`, `contact_role_guess`, `account_champion` and `account_light`."""
    engine.load("buying_function", {"function": np.array(buying, dtype=object)})
    ranks = [(10 * t + p, t, r, s) for t, s in enumerate(SOURCES, 1) for p, r in enumerate(BUYING_ROLES, 1)]
    _load(engine, "role_rank", ("code", "trust", "role", "source"), ranks)
    priors = [*((f, 2, 3, "technical" if f in TECHNICAL else "user") for f in buying if f != "procurement")]
    # Procurement keeps the gate, on whatever level; where it buys, its executives are likely economic buyers first.
    _load(engine, "role_prior", ("function", "low", "high", "role"), [*priors, ("procurement", 0, 5, "technical")])
    # Risks of an account are counted in bits; here is what each set of them is called.
    bits = range(2 ** len(COVERAGE_RISKS))
    names = [";".join(r for n, r in enumerate(COVERAGE_RISKS) if b & 2**n) or None for b in bits]
    engine.load("risk_text", {"risk_bits": np.array(bits), "coverage_risk": np.array(names, dtype=object)})
    run_steps(engine, "coverage/roles", params)


def _load(engine: Engine, table: str, names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    columns = zip(names, zip(*rows, strict=True), strict=True)
    engine.load(table, {n: np.array(v, dtype=object if isinstance(v[0], str) else np.int64) for n, v in columns})
