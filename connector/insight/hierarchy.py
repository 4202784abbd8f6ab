"""Which account belongs to which: every account's topmost company, with loops broken and named.

parent_id and group_key come in; account_group(account_n, account_id, root_n, root_id, members, in_loop) leaves, for
`chart`, whose lines stay within the group, and `net_value`, which sums it at its top. Next room: `titles`.
"""

import numpy as np

from connector.insight.arrays import Flags, Ints
from connector.insight.steps import run_steps
from connector.schema import Context, Engine


def compute(engine: Engine, context: Context, _settings: object = None) -> None:
    """Make account_group; every account has a row."""
    run_steps(engine, "hierarchy", {"as_of": context.as_of})
    rows = engine.arrays("SELECT account_n, parent_n FROM account_parent ORDER BY account_n")
    root, looped = roots(np.asarray(rows["parent_n"], dtype=np.int64))
    engine.load(
        "account_root",
        {"account_n": np.arange(len(root)), "root_n": root, "in_loop": looped.astype(np.int64)},
    )
    run_steps(engine, "account_group", {})


def roots(parent: Ints) -> tuple[Ints, Flags]:
    """Root of each account (parent -1: none) and which accounts stand in a loop; a loop's first account leads it.

    Doubling the distance looked ahead reaches any depth in about log2(accounts) rounds.
    """
    here = np.arange(len(parent), dtype=np.int64)
    ahead = np.where(parent < 0, here, parent)
    first = np.minimum(here, ahead)
    for _ in range(max(1, len(parent)).bit_length()):
        first = np.minimum(first, first[ahead])
        ahead = ahead[ahead]
    # Far enough ahead one stands on a root or inside a loop; only inside a loop does that place have a parent.
    looped = np.zeros(len(parent), dtype=np.bool_)
    looped[ahead[parent[ahead] >= 0]] = True
    return np.where(looped[ahead], first[ahead], ahead), looped
