"""The pages: a Book written as HTML, every value escaped.

A Book comes in; file names and texts leave, index.html last. Numbers are told as `kam explain` tells them. Next
room: `shelf`.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined

from connector import __version__
from connector.insight.chart.introduction import asking
from connector.insight.deals.told import win_rate_about, win_rates
from connector.insight.explain import money, slot_words
from connector.insight.story import story
from connector.insight.texts import ISOLATE, LANGUAGES, POP, catalogue
from connector.report.book import Account, Book, file_name
from connector.report.curve import curve
from connector.report.heat import SIGNS, families, heat, span
from connector.report.org.drawing import Drawing, drawing
from connector.report.org.people import chart
from connector.report.org.words import gaps
from connector.report.plot import shortened
from connector.report.scatter import scatter
from connector.report.seats import grid, levels
from connector.schema import RELATIONSHIP_BANDS

INDEX = "index.html"
FOLDER = "accounts"
_TEMPLATES = (
    "frame.html",
    "overview.html",
    "account.html",
    "charts.html",
    "backtest.html",
    "org_chart.html",
    "heat.html",
)
# In the order of the legend.
_STATES = ("covered", "thin", "known", "unknown", "left", "gap")


def pages(book: Book) -> Iterator[tuple[str, str]]:
    """Path within the report and text of each page; the overview last, so that its links always lead somewhere."""
    for account in book.pages:
        yield f"{FOLDER}/{file_name(account.row['id'])}", _render("account.html", book, "../", _told(account, book))
    yield INDEX, _render("overview.html", book, "", _overview(book))


def _render(template: str, book: Book, up: str, more: Mapping[str, Any]) -> str:
    said = catalogue(book.context.language)
    frame = {
        "t": said["report"],
        "footer": said["report"]["footer"],
        "language": book.context.language,
        "book": book,
        "up": up,
        "version": __version__,
        "links": {a.row["id"]: f"{up}{FOLDER}/{file_name(a.row['id'])}" for a in book.pages},
        "money": _money(book),
    }
    return _environment().get_template(template).render(frame | dict(more))


def _money(book: Book) -> Callable[[int | None], str | None]:
    """Amounts of a page, set apart where the language is written the other way."""
    around = (ISOLATE, POP) if catalogue(book.context.language)["report"]["direction"] == "rtl" else ("", "")
    return lambda minor: None if minor is None else money(minor, book.context).join(around)


@cache
def _environment() -> Environment:
    """Templates from beside this file; an unknown name in one is an error, not a blank."""
    folder = resources.files(__package__)
    read = {name: folder.joinpath(name).read_text(encoding="utf-8") for name in _TEMPLATES}
    made = Environment(
        loader=DictLoader(read), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.globals["known"] = frozenset(SIGNS)
    made.globals["style"] = folder.joinpath("style.css").read_text(encoding="utf-8")
    made.filters["shortened"] = lambda text, letters: shortened(text, letters * 6.2)
    return made


def _overview(book: Book) -> dict[str, Any]:
    """Sections of the programme and the two drawings."""
    rows = book.programme
    parts = {
        "members": [r for r in rows if r["status"] == "Key"],
        "proposals": [r for r in rows if r["kam_proposal"] != "None"],
        "watch": [r for r in rows if r["kam_flag"] == "On watch"],
    }
    shown = {r["id"] for part in parts.values() for r in part}
    nominated = [r for r in rows if r["id"] not in shown]
    others = [a.row for a in book.pages if not a.row["in_programme"]]
    parts |= {name: part for name, part in (("nominated", nominated), ("others", others)) if part}
    gain, language = sum(w for w in book.worth if w > 0), book.context.language
    return {
        "win_rates": book.win_rates,
        "win_words": catalogue(language)["win_rate"],
        "win_about": win_rate_about(book.win_rates[0], language) if book.win_rates else "",
        "win_told": lambda row: win_rates(row, language),
        "parts": parts,
        "none_open": {catalogue(language)["alert"]["none"] for language in LANGUAGES},
        "scatter": scatter(rows, book.cuts),
        "curve": curve(book.worth),
        "members_share": book.members_worth / gain if parts["members"] and gain else None,
        "heat": heat(book.map, _families(book), catalogue(book.context.language)["report"], _money(book)),
    }


def _families(book: Book) -> list[str]:
    return families(cell for _, cells in book.map for cell in cells)


def _told(account: Account, book: Book) -> dict[str, Any]:
    """One account: the story, and as tables what the story of `kam explain` lists line by line."""
    said = catalogue(book.context.language)
    named = book.privacy.colleagues == "named"
    row_of_map = heat([(account.row, account.cells)], _families(book), said["report"], _money(book))
    return {
        "footer": said["report"]["footer_named" if named else "footer"],
        "heat": row_of_map,
        "range": lambda cell: span(cell, said["report"], _money(book)),
        "row": account.row,
        "story": list(story(account.row, (), (), book.context, book.settings, weighed=book.weighed)),
        "grid": grid(account.slots),
        "levels": levels(account.people),
        "bands": RELATIONSHIP_BANDS,
        "cells": account.cells,
        "seat_words": lambda slot: slot_words(slot, said),
        "slot_names": said["slot"],
        **_chart(account, book, said),
    }


def _chart(account: Account, book: Book, said: Mapping[str, Any]) -> dict[str, Any]:
    """The org chart, its legend, and whom to ask for an introduction, as far as that may be told."""
    names = book.names if book.privacy.colleagues == "named" else {}
    people = chart(account.chart, book.roles, names, book.warm)
    drawn = drawing(people, gaps(account.slots), said)
    states = set() if drawn is None else {told.state for told in drawn.told}
    lines = drawn.lines if isinstance(drawn, Drawing) else ()
    ways = () if book.privacy.colleagues == "off" else account.ways
    return {
        "org": drawn,
        "org_states": [state for state in _STATES if state in states],
        "org_lines": {"guess" if line.label else "crm" for line in lines},
        "org_left_out": people.left_out,
        "asks": [asking(way, said, book.privacy, names.get(way["owner_id"])) for way in ways],
    }
