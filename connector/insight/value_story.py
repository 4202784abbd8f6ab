"""The part of an account's story that tells its net value: every sum, what was taken off, growth and what is to come.

A result row of one account and the context come in; lines of text leave. Next room: `story`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from connector.convert import iso_day
from connector.insight.explain import basis
from connector.schema import Context

Row = Mapping[str, Any]

_BASIS = {
    "net": "net of cost",
    "estimated": "some deals have no cost: they count at the usual margin of all deals",
    "revenue": "revenue, not net: costs are unknown",
}
# What a purchase is, by the source of revenue.
_SOLD = {"won_deals": "won deals", "invoices": "invoices", "orders": "orders", "contracts": "contracts"}
# A larger share of all value in one account is a risk of its own.
_HEAVY = 0.2
# Amounts of the last year that net value is less, and what each is.
_TAKEN_OFF = {
    "returned_365_minor": "of it taken back or credited (already off the revenue)",
    "serve_365_minor": "cost to serve it, taken off",
    "late_365_minor": "interest on what it paid beyond terms, taken off",
}


def value_lines(row: Row, context: Context) -> Iterator[str]:
    """Lines about revenue, net value, its place among all, growth and lifetime value."""
    sold = _SOLD[context.revenue]
    if row["first_won_day"] is None:
        yield f"unknown: no {sold} up to this day"
        return
    if row["rateless_deals"]:
        yield f"left out, as their currency has no exchange rate: {row['rateless_deals']} {sold} of the last 365 days"
    if row["amountless_deals"]:
        yield f"left out, as they have no amount: {row['amountless_deals']} {sold} of the last 365 days"
    for days in (180, 365):
        net, revenue = row[f"net_{days}_minor"], row[f"revenue_{days}_minor"]
        yield f"last {days} days: revenue {exact(revenue, context)}, net {exact(net, context)}"
    yield from _taken_off(row, context)
    yield f"value = ½ · net of 180 days + ½ · (net of 365 days ÷ 2) = {exact(row['value_minor'], context)} a half year"
    yield f"a year: {exact(row['yearly_minor'], context)} ({_BASIS[basis(row)]})"
    yield from _place(row)
    yield from _course(row, context)
    yield f"{sold} in two years: {row['won_deals_24m']}; last on {iso_day(row['last_won_day'])}"
    if row["root_id"] != row["id"]:
        yield f"these are its own {sold}; the group of {row['members']} accounts is summed at its parent company"
    elif row["members"] and row["members"] > 1:
        yield f"a group of {row['members']} accounts, summed here at its topmost company"


def exact(minor: int | None, context: Context) -> str:
    """An amount in full, with thousands parted by commas."""
    return "unknown" if minor is None else f"{minor * 10.0**-context.digits:,.{context.digits}f} {context.currency}"


def _taken_off(row: Row, context: Context) -> Iterator[str]:
    for column, words in _TAKEN_OFF.items():
        if row[column]:
            yield f"last 365 days: {exact(row[column], context)} {words}"
    if row["giant_minor"]:
        cut = exact(row["giant_minor"] - row["giant_cap_minor"], context)
        whole, counted = exact(row["giant_minor"], context), exact(row["giant_cap_minor"], context)
        yield (
            f"a one-off sale of {whole} counts as {counted}, {cut} of it cut: 99 of 100 accounts never bought more at"
            " once, or it is this account's next largest"
        )


def _place(row: Row) -> Iterator[str]:
    if row["value_rank"] is None:
        return
    yield f"rank by value {row['value_rank']}, by revenue {row['revenue_rank']}; Pareto class {row['pareto_class']}"
    if row["value_share"] is not None and row["value_share"] > _HEAVY:
        yield f"it alone brings {row['value_share']:.0%} of all value: if it leaves, so does that"


def _course(row: Row, context: Context) -> Iterator[str]:
    if row["growth_percent"] is not None:
        this, before = exact(row["growth_this_minor"], context), exact(row["growth_before_minor"], context)
        yield (
            f"growth {row['growth_percent']:+.1f} %: revenue {this} in the year up to {iso_day(row['growth_day'])},"
            f" {before} in the year before"
        )
    else:
        yield "growth: unknown without a whole year before"
    if row["lifetime_minor"] is not None:
        yield (
            f"lifetime value of three years: {exact(row['lifetime_minor'], context)}, from"
            f" {exact(row['own_year_minor'], context)} a year over {row['quarters']} quarters of its own and"
            f" {exact(row['usual_year_minor'], context)} a year as is usual (4 quarters of it), of which"
            f" {row['retention']:.0%} come again each year"
        )
