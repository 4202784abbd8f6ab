"""What an account could buy and has not: families like those it has, bought by accounts like it.

Won deal lines, assets, open and lost deals and the accounts' industry, country and size come in. `estimate` leaves
whitespace_estimate and account_estimate, `show` leaves whitespace_cell and account_whitespace. A family an account
neither touched nor is related to has no row. Formulas: methods, section 4. Next room: `key_accounts`, which counts
the estimate as growth; after `quadrant`, `show` picks the ideas.
"""

from connector.insight.steps import run_steps
from connector.insight.whitespace import calibrate, cold, gaps, history, values
from connector.insight.whitespace.propensity import group
from connector.insight.whitespace.settings import Settings
from connector.insight.whitespace.uptake import uptake
from connector.schema import Context, Engine


def estimate(engine: Engine, context: Context, settings: Settings) -> None:
    """Make whitespace_estimate (account x family) and account_estimate (every account)."""
    day = context.as_of
    params: dict[str, object] = {
        "as_of": day,
        "year_day": day - 365,
        "halve_day": day - settings.halve_days,
        "owned_day": day - settings.owned_days,
        "lost_day": day - settings.lost_days,
        "families": settings.families,
        "exponent": settings.exponent,
        "assumed_rate": settings.assumed_rate,
    }
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
    run_steps(engine, "whitespace/show", params)
