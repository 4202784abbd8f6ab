"""Who of ours could sponsor a key account, and whether its sponsor is in touch: methods, section 3.4.

account_key, contact_strength, the users with `user_title` and captured activities come in; account_sponsor leaves, a
row for each key account and open promotion. Naming a sponsor is people's business: this room only suggests, and tells
nobody how the suggestions were ordered. Next room: `whitespace.show`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from connector.convert import listed
from connector.insight.steps import run_steps
from connector.schema import Context, Engine

TOP_LEVEL = 5


@dataclass(frozen=True)
class Settings:
    """Settings of the executive match; each says its meaning."""

    accounts_each: int = field(default=5, metadata={"meaning": "Most accounts that one of ours sponsors."})
    executive_level: int = field(default=4, metadata={"meaning": "Level from which a contact is an executive."})
    silence_days: int = field(
        default=120, metadata={"meaning": "Days without two-way contact after which a sponsor is silent."}
    )

    def __post_init__(self) -> None:
        """Refuse values that make no sense."""
        for name in ("accounts_each", "silence_days"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be at least 1, is {getattr(self, name)}")
        if not 1 <= self.executive_level <= TOP_LEVEL:
            raise ValueError(f"executive_level: must lie between 1 and {TOP_LEVEL}, is {self.executive_level}")


@dataclass(frozen=True)
class Wish:
    """An account that needs a sponsor of at least this level, who does not look after it; and who is suggested now."""

    id: str
    level: int
    manager: str | None = None
    present: str | None = None


@dataclass(frozen=True)
class User:
    """One of ours; level None when neither title nor place tell it."""

    id: str
    level: int | None
    manager: str | None = None
    active: bool = True


def compute(engine: Engine, context: Context, settings: Settings) -> None:
    """Make account_sponsor."""
    params: dict[str, object] = {
        "as_of": context.as_of,
        "executive": settings.executive_level,
        "silence_day": context.as_of - settings.silence_days,
    }
    run_steps(engine, "sponsor", params)
    found = suggested(_wishes(engine), _users(engine), _bonds(engine), _loads(engine), settings.accounts_each)
    columns = {"account_id": list(found), "user_id": list(found.values())}
    engine.load("sponsor_match", {name: np.array(values, dtype=object) for name, values in columns.items()})
    run_steps(engine, "account_sponsor", params)


def suggested(
    wishes: Sequence[Wish],
    users: Sequence[User],
    bonds: Mapping[tuple[str, str], float],
    loads: Mapping[str, int],
    most: int,
) -> dict[str, str]:
    """Account → user, greedily: who is suggested stays, then the strongest contact, then whoever has most room.

    Wishes and users come in the order that settles ties; `loads` counts the accounts that a user sponsors already.
    One pass over the programme's accounts: never more than its cap and the open proposals.
    """
    made: dict[str, str] = {}
    load = Counter(loads)
    able = {w.id: {u.id for u in users if _is_able(u, w)} for w in wishes}

    def give(wish: str, user: str) -> None:
        if wish not in made and user in able[wish] and load[user] < most:
            made[wish] = user
            load[user] += 1

    for wish in wishes:
        if wish.present is not None:
            give(wish.id, wish.present)
    for account, user in _strongest_first(wishes, users, bonds):
        give(account, user)
    places = {u.id: (u.level or 0, n) for n, u in enumerate(users)}
    for wish in wishes:
        free = [u for u in able[wish.id] if load[u] < most]
        if free:
            # The lowest level that suffices: the board's time is for those who need it.
            give(wish.id, min(free, key=lambda u: (load[u], *places[u])))
    return made


def _is_able(user: User, wish: Wish) -> bool:
    return user.active and user.level is not None and user.level >= wish.level - 1 and user.id != wish.manager


def _strongest_first(
    wishes: Sequence[Wish], users: Sequence[User], bonds: Mapping[tuple[str, str], float]
) -> list[tuple[str, str]]:
    account_n = {w.id: n for n, w in enumerate(wishes)}
    user_n = {u.id: n for n, u in enumerate(users)}
    known = [pair for pair, strength in bonds.items() if strength > 0 and pair[0] in account_n and pair[1] in user_n]
    return sorted(known, key=lambda pair: (-bonds[pair], account_n[pair[0]], user_n[pair[1]]))


def placed(users: Iterable[User]) -> list[User]:
    """Users with a level where the title tells none: who leads others stands as far below the top as the chain is long.

    Who leads nobody, and whose chain runs in a loop, stays without.
    """
    known = list(users)
    above = {u.id: u.manager for u in known}
    leads = {u.manager for u in known if u.manager in above}
    return [
        u if u.level is not None or u.id not in leads else User(u.id, _place(u.id, above), u.manager, u.active)
        for u in known
    ]


def _place(user: str, above: Mapping[str, str | None]) -> int | None:
    for level in range(TOP_LEVEL, -1, -1):
        manager = above.get(user)
        if manager is None or manager not in above:
            return level
        user = manager
    return None


def _wishes(engine: Engine) -> list[Wish]:
    rows = engine.arrays(
        "SELECT s.account_id, n.level, s.manager_id, s.present_id FROM sponsor_account AS s"
        " JOIN sponsor_need AS n ON n.account_id = s.account_id WHERE s.sponsor_id IS NULL OR s.gone = 1"
        " ORDER BY s.account_n"
    )
    return [Wish(i, int(v), m, p) for i, v, m, p in zip(*(listed(c) for c in rows.values()), strict=True)]


def _users(engine: Engine) -> list[User]:
    rows = engine.arrays("SELECT user_id, level, manager_id, is_active FROM sponsor_user ORDER BY user_n")
    made = zip(*(listed(c) for c in rows.values()), strict=True)
    return placed(User(i, None if v is None else int(v), m, bool(a)) for i, v, m, a in made)


def _bonds(engine: Engine) -> dict[tuple[str, str], float]:
    rows = engine.arrays("SELECT account_id, user_id, strength FROM sponsor_bond")
    return {(a, u): float(s) for a, u, s in zip(*(listed(c) for c in rows.values()), strict=True)}


def _loads(engine: Engine) -> dict[str, int]:
    rows = engine.arrays("SELECT sponsor_id FROM sponsor_account WHERE sponsor_id IS NOT NULL AND gone = 0")
    return Counter(listed(rows["sponsor_id"]))
