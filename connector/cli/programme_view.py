"""Prints what `kam programme` tells of the programme as a whole.

The values of `steps.overview` come in; lines of text leave.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from connector.cli import shared
from connector.insight.programme_effect import LITERATURE, Difference


def show(told: Mapping[str, Any]) -> None:
    """Print it."""
    capacity, age = told["capacity"], told["age"]
    click.echo(f"Capacity: {capacity['members']} of {capacity['cap']} places taken, {capacity['proposed']} proposed")
    for who in ("managers", "sponsors"):
        for row in capacity[who]:
            one = row[who] == 1
            have = f"{who.removesuffix('s') if one else who} {'has' if one else 'have'}"
            click.echo(f"  {row[who]} {have} {shared.count(row['key_accounts'], 'key account')}{' each' * (not one)}")
    for who in ("manager", "sponsor"):
        if capacity[f"without_{who}"]:
            click.echo(f"  without {who}: {capacity[f'without_{who}']}")
    began = f"{shared.count(age['quarters'], 'quarter')}, since {age['since']}" if age["since"] else "not begun"
    click.echo(f"Programme age: {began}")
    for title, key, columns in (
        ("Reviews due", "reviews_due", ["name", "review_due"]),
        ("Nominated by people", "nominated", ["name", "reason", "until", "note"]),
        ("Large, not key", "large_not_key", ["name", "why"]),
    ):
        click.echo(f"{title}: {len(told[key])}")
        shared.show_table(told[key], columns)
    for line in comparison_lines(told["comparison"]):
        click.echo(line)
    for hint in told["hints"]:
        click.echo(f"Hint: {hint}")


def comparison_lines(comparison: Mapping[str, Any]) -> Iterator[str]:
    """Key against near-miss accounts, in words; before there is anything to compare, from when on."""
    if not comparison["measures"]:
        when = f"from {comparison['from']} on" if comparison["from"] else "a year after the first approval"
        yield f"Key against near-miss accounts: {when}; before four quarters nothing can be told."
        return
    yield "Key against near-miss accounts (next in rank on the day of selection): an association, not an effect"
    for found in comparison["measures"]:
        yield f"  {_line(Difference(**found))}"
    yield f"  beside it {LITERATURE}"


def _line(found: Difference) -> str:
    size = 100 if found.unit == "%" else 1
    key, near = (
        "unknown" if v is None else f"{v * size:+.0f} %" if found.measure == "growth" else f"{v * size:.0f}"
        for v in (found.key, found.near)
    )
    told = f"{found.measure}: key {key} (n {found.key_accounts}), near-miss {near} (n {found.near_accounts})"
    if found.difference is None or found.low is None or found.high is None:
        return f"{told}; too few accounts for a difference"
    apart, low, high = (v * size for v in (found.difference, found.low, found.high))
    return f"{told}; difference {apart:+.0f} points, 95 % interval {low:+.0f} to {high:+.0f}"
