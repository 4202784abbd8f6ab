"""The pages: a Book written as HTML, every value escaped.

A Book comes in; file names and texts leave, index.html last. Numbers are told as `kam explain` tells them. Next
room: `shelf`.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined

from connector import __version__
from connector.insight.deals.told import win_rate_about, win_rates
from connector.insight.explain import money, slot_words
from connector.insight.story import story
from connector.insight.texts import ISOLATE, LANGUAGES, POP, catalogue
from connector.report.book import Account, Book, file_name
from connector.report.curve import curve
from connector.report.plot import shortened
from connector.report.scatter import scatter
from connector.report.seats import grid, levels
from connector.schema import RELATIONSHIP_BANDS

INDEX = "index.html"
FOLDER = "accounts"
_TEMPLATES = ("frame.html", "overview.html", "account.html", "charts.html", "backtest.html")


def pages(book: Book) -> Iterator[tuple[str, str]]:
    """Path within the report and text of each page; the overview last, so that its links always lead somewhere."""
    for account in book.pages:
        yield f"{FOLDER}/{file_name(account.row['id'])}", _render("account.html", book, "../", _told(account, book))
    yield INDEX, _render("overview.html", book, "", _overview(book))


def _render(template: str, book: Book, up: str, more: Mapping[str, Any]) -> str:
    said = catalogue(book.context.language)
    frame = {
        "t": said["report"],
        "language": book.context.language,
        "book": book,
        "up": up,
        "version": __version__,
        "links": {a.row["id"]: f"{up}{FOLDER}/{file_name(a.row['id'])}" for a in book.pages},
        "money": lambda minor: None if minor is None else _apart(money(minor, book.context), said),
    }
    return _environment().get_template(template).render(frame | dict(more))


def _apart(text: str, said: Mapping[str, Any]) -> str:
    """What is written from left to right, as it stands in a page of this language."""
    return f"{ISOLATE}{text}{POP}" if said["report"]["direction"] == "rtl" else text


@cache
def _environment() -> Environment:
    """Templates from beside this file; an unknown name in one is an error, not a blank."""
    folder = resources.files(__package__)
    read = {name: folder.joinpath(name).read_text(encoding="utf-8") for name in _TEMPLATES}
    made = Environment(
        loader=DictLoader(read), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
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
    }


def _told(account: Account, book: Book) -> dict[str, Any]:
    """One account: the story, and as tables what the story of `kam explain` lists line by line."""
    said = catalogue(book.context.language)
    return {
        "row": account.row,
        "story": list(story(account.row, (), (), book.context, book.settings, weighed=book.weighed)),
        "grid": grid(account.slots),
        "levels": levels(account.people),
        "bands": RELATIONSHIP_BANDS,
        "cells": account.cells,
        "seat_words": lambda slot: slot_words(slot, said),
        "slot_names": said["slot"],
    }
