"""Amounts to corporate minor units, at the rate of the day they belong to.

The mirror's rates and amounts come in; the `_minor` twins are filled, and currencies without a rate are counted.
No rate means unknown, never zero. Next room: `enrich`.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from connector.errors import UsageFault
from connector.schema import TABLES
from connector.store import changed
from connector.store.migrations import SOURCE
from connector.store.mirror import Mirror

_DIGITS = {"JPY": 0, "KRW": 0, "CLP": 0, "ISK": 0, "VND": 0, "KWD": 3, "BHD": 3, "OMR": 3, "JOD": 3, "TND": 3}
# Table → (columns, SQL of currency, day and own rate): a line's currency, day and rate are those of its deal.
_DEAL = "(SELECT o.{} FROM opportunity o WHERE o._source = t.opportunity_id)"
_WHERE_FROM = {
    "account": (("annual_revenue", "cost_to_serve"), "t.currency, NULL, NULL"),
    "opportunity": (("amount",), "t.currency, t.close_day, t.exchange_rate"),
    "opportunity_line": (
        ("amount", "cost"),
        ", ".join(_DEAL.format(c) for c in ("currency", "close_day", "exchange_rate")),
    ),
    "revenue": (("amount", "cost"), "t.currency, t.starts_day, NULL"),
}


@dataclass(frozen=True)
class Corporate:
    """The currency that results are in, and rates (units for one of it) of currencies the CRM has no rate for."""

    currency: str = "EUR"
    rates: Mapping[str, float] = field(default_factory=dict)

    @property
    def usual_digits(self) -> int:
        """Decimal places by ISO 4217, when the CRM doesn't say."""
        return _DIGITS.get(self.currency, 2)


class Rates:
    """Dated rates, looked up by currency and day."""

    def __init__(self, rows: list[tuple[str, int | None, float, int | None]], corporate: Corporate) -> None:
        dated: dict[str, list[tuple[int, float]]] = {c: [(-1_000_000, r)] for c, r in corporate.rates.items()}
        digits = {corporate.currency: corporate.usual_digits}
        for currency, day, rate, places in rows:
            if rate and rate > 0:
                dated.setdefault(currency, []).append((day if day is not None else -1_000_000, rate))
            if places is not None and currency == corporate.currency:
                digits[currency] = places
        self._dated = {c: sorted(rates) for c, rates in dated.items()}
        self._dated[corporate.currency] = [(-1_000_000, 1.0)]
        self._home = corporate.currency
        self.digits = digits[corporate.currency]

    def minor(
        self, amount: float | None, currency: str | None, day: int | None, own: float | None = None
    ) -> int | None:
        """Corporate minor units of an amount, halves away from zero; None when there is no amount or no rate.

        `own` is the rate that the CRM kept with the record: it counts before the rate of the day.
        """
        if amount is None:
            return None
        rate = own if own and own > 0 else self._rate(currency or self._home, day)
        if rate is None:
            return None
        scaled = round(abs(amount) / rate * 10**self.digits, 6)
        return int(math.copysign(math.floor(scaled + 0.5), amount)) if scaled else 0

    def _rate(self, currency: str, day: int | None) -> float | None:
        """The rate of the day; before the first dated rate the first one stands in, without a day the newest."""
        rates = self._dated.get(currency)
        if rates is None:
            return None
        return rates[len(rates) - 1 if day is None else max(1, bisect_right(rates, (day, math.inf))) - 1][1]


def read_rates(mirror: Mirror, corporate: Corporate) -> Rates:
    """Rates of the mirror, completed by the configured ones."""
    rows = mirror.rows("SELECT currency, from_day, rate, digits FROM currency_rate")
    return Rates([(r["currency"], r["from_day"], r["rate"], r["digits"]) for r in rows], corporate)


def refuse_wrong_currency(mirror: Mirror, corporate: Corporate) -> None:
    """Raise UsageFault when the org's own rates say that another currency than the configured one is corporate."""
    sql = "SELECT currency, rate FROM currency_rate WHERE rate > 0 ORDER BY currency, from_day"
    check_currency([(row["currency"], row["rate"]) for row in mirror.rows(sql)], corporate)


def check_currency(rates: Iterable[tuple[str, float]], corporate: Corporate) -> None:
    """Raise UsageFault when these rates, the newest of each currency last, call another currency corporate."""
    newest = dict(rates)
    home = [c for c, rate in newest.items() if abs(rate - 1.0) <= 1e-9]
    own = newest.get(corporate.currency)
    if (own is not None and corporate.currency not in home) or (own is None and home):
        raise UsageFault(
            f'config.toml [company] currency: says "{corporate.currency}", but the corporate currency of this org is'
            f" {', '.join(home) or 'another one'}. Nothing was computed or written. Correct it, then run: kam check"
        )


def fill(mirror: Mirror, pull: int, corporate: Corporate) -> dict[str, int]:
    """Fill the `_minor` twins of rows stored since the last fill (of all when rates changed).

    A pull that was cut off has stored rows that no later one reads again. Returns deals per currency without a rate.
    """
    refuse_wrong_currency(mirror, corporate)
    rates = read_rates(mirror, corporate)
    mark = repr((sorted(rates._dated.items()), rates.digits))
    everything = mirror.meta("rates") != mark
    filled = int(mirror.meta("money_filled") or 0)
    connection = mirror.db.conn
    connection.create_function("kam_minor", 4, rates.minor)
    with mirror.atomic():
        for table, (columns, terms) in _WHERE_FROM.items():
            kinds = [c for c in columns if TABLES[table].column(c)]
            sets = ", ".join(f"{c}_minor = kam_minor(t.{c}, {terms})" for c in kinds)
            touched = "_pull > :filled"
            if table == "opportunity_line":
                touched += " OR opportunity_id IN (SELECT id FROM opportunity WHERE _pull > :filled)"
            if not changed.watched(mirror.db):
                where = "" if everything else f" WHERE {touched}"
                connection.execute(f"UPDATE {table} AS t SET {sets}{where}", {} if everything else {"filled": filled})
                continue
            differs = " OR ".join(f"{c}_minor IS NOT kam_minor(t.{c}, {terms})" for c in kinds)
            where = differs if everything else f"({touched}) AND ({differs})"
            # To the end before anything else is written: SQLite promises nothing to a cursor left open.
            altered = connection.execute(
                f'UPDATE {table} AS t SET {sets} WHERE {where} RETURNING "{SOURCE}"',
                {} if everything else {"filled": filled},
            ).fetchall()
            changed.note(mirror.db, table, (i for (i,) in altered))
        mirror.meta("rates", mark)
        mirror.meta("money_filled", str(pull))
    sql = (
        "SELECT currency, count(*) AS deals FROM (SELECT currency, amount, amount_minor FROM opportunity"
        " UNION ALL SELECT currency, amount, amount_minor FROM revenue)"
        " WHERE amount IS NOT NULL AND amount_minor IS NULL GROUP BY currency"
    )
    return {r["currency"]: r["deals"] for r in mirror.rows(sql)}
