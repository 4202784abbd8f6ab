"""What an account could buy and has not: families like those it has, bought by accounts like it.

Assets, contracts, won lines, open and lost deals, people's answers and the accounts' industry, country and size come
in. `estimate` leaves whitespace_estimate and account_estimate, `show` leaves whitespace_cell and account_whitespace.
Formulas: methods, section 4. Next room: `key_accounts`, which counts the estimate as growth; after `quadrant`, `show`
picks the ideas.

A cell's state is the first of these that holds:

- `owned`: an asset of ours or a running contract, or bought within `owned_days`, or somebody answered "already has";
- `pipeline`: an open deal is about it;
- `accepted`, `no_need`, `in_house`, `competitor`: the newest answer, unless bought or lost since; the first two pass;
- `competitor`: somebody else's asset, or a competitor on the last deal lost about it within `lost_days`;
- `in_house`, `no_need`, `lost`: what the reason of that deal says;
- `lapsed`: bought before;
- `not_eligible`: a rule of the settings speaks against it;
- `whitespace`: an idea, because the guard finds it related; `speculative`: open, but unrelated, the likeliest few.

What has no row is unknown: not bought, and nothing speaks for it. A deal without lines is about no family.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from connector.insight.steps import run_steps
from connector.insight.whitespace import calibrate, cold, gaps, history, values
from connector.insight.whitespace.propensity import group
from connector.insight.whitespace.settings import Settings
from connector.insight.whitespace.uptake import uptake
from connector.schema import REVENUE_SOURCES, Context, Engine

# Lists of words in a rule about who a family suits.
_WORDS = ("countries", "not_countries", "industries", "needs", "excludes")
# More people than anybody employs.
_ENDLESS = 10**12


def estimate(engine: Engine, context: Context, settings: Settings) -> None:
    """Make whitespace_estimate (account x family) and account_estimate (every account)."""
    day = context.as_of
    params: dict[str, object] = {
        "as_of": day,
        "year_day": day - 365,
        "halve_day": day - settings.halve_days,
        "owned_day": day - settings.owned_days,
        "lost_day": day - settings.lost_days,
        "answer_day": day - settings.answer_days,
        "source": REVENUE_SOURCES.index(context.revenue),
        "named": int(bool(settings.columns)),
        "families": settings.families,
        "exponent": settings.exponent,
        "assumed_rate": settings.assumed_rate,
    }
    _load_rules(engine, settings)
    _view_branches(engine, settings)
    run_steps(engine, "whitespace/matrix", params)
    levels, traits, sold = gaps.read_matrix(engine)
    families = levels.shape[1]
    # A company that stopped recording looks silent, not rich in whitespace: too little data means rules only.
    enough = len(levels) >= settings.minimum_accounts and families >= settings.minimum_families
    past = history.read(engine, traits, settings.halve_days)
    learned = calibrate.calibrate(
        calibrate.windows(past, families, day, settings) if enough else [], families, settings
    )
    sizes = values.load(engine, past, families, day, settings, learned)
    patterns = group(levels, traits)
    rates = uptake(history.first_days(past, families), day, settings.assumed_rate)
    gaps.load_patterns(engine, patterns, sold, settings, enough, learned.curve, rates)
    run_steps(engine, "whitespace/cold", params)
    cold.load(engine, patterns, sold, settings, enough)
    run_steps(
        engine,
        "whitespace/estimate",
        {
            **params,
            **sizes,
            "enough": int(enough),
            "families_known": families,
            "calibrated": int(learned.curve is not None),
            "counts": int(learned.beaten is not False),
        },
    )
    # The tables of the patterns are as large as that of the ideas, which says the same by account.
    engine.drop(["whitespace_member", "whitespace_pattern"])


def show(engine: Engine, context: Context, settings: Settings) -> None:
    """Make whitespace_cell and account_whitespace (every account); `account_quadrant` must exist."""
    params: dict[str, object] = {
        "as_of": context.as_of,
        "shown": settings.shown,
        "least_satisfaction": settings.least_satisfaction,
        "hold_streamline": int(settings.hold_streamline),
        "large_share": settings.large_share,
        "medium_share": settings.medium_share,
    }
    _view_branches(engine, settings)
    run_steps(engine, "whitespace/show", params)


def _load_rules(engine: Engine, settings: Settings) -> None:
    """What the settings say, as tables: columns, meanings of reasons, rules of eligibility."""
    named, reasons, rules = settings.columns, sorted(settings.lost_reasons.items()), settings.eligible
    engine.load("whitespace_column", {"family": _texts(named)})
    engine.load(
        "whitespace_reason", {"reason": _texts(r for r, _ in reasons), "meaning": _texts(m for _, m in reasons)}
    )
    words = [(n, kind, word) for n, r in enumerate(rules) for kind in _WORDS for word in sorted(set(getattr(r, kind)))]
    engine.load(
        "whitespace_rule",
        {
            "rule_n": np.arange(len(rules)),
            "family": _texts(r.family for r in rules),
            "least_employees": _wholes(r.least_employees for r in rules),
            "most_employees": _wholes(r.most_employees or _ENDLESS for r in rules),
            **{
                kind: _wholes(int(bool(getattr(r, kind))) for r in rules)
                for kind in ("countries", "industries", "needs")
            },
        },
    )
    engine.load(
        "whitespace_word",
        {
            "rule_n": _wholes(n for n, _, _ in words),
            "kind": _texts(kind for _, kind, _ in words),
            "word": _texts(word for _, _, word in words),
        },
    )


def _view_branches(engine: Engine, settings: Settings) -> None:
    """Name who counts with a company above it; each for itself needs no table of groups."""
    own = "SELECT id AS account_id, id AS root_id FROM account WHERE 1 = 0"
    group = "SELECT account_id, root_id FROM account_group WHERE root_id <> account_id"
    engine.view("whitespace_branch", group if settings.rows == "group" else own, {})


def _texts(values: Iterable[str]) -> np.ndarray[Any, Any]:
    return np.array(list(values), dtype=object)


def _wholes(values: Iterable[int]) -> np.ndarray[Any, Any]:
    return np.array(list(values), dtype=np.int64)
