"""The pages: whole, escaped, alone in the world, and silent about persons."""

import copy
import html
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from report_company import NAMES, company, crm_id, secrets
from report_reading import read

from connector.convert import epoch_day
from connector.errors import StoreFault, UsageFault
from connector.insight.chart.introduction import Privacy
from connector.insight.key_accounts import Settings
from connector.insight.texts import ISOLATE, LANGUAGES, POP, catalogue
from connector.report import book as books
from connector.report.org.drawing import WIDE, WIDTH
from connector.report.pages import pages
from connector.schema import Context
from connector.store import results
from connector.store.mirror import Mirror

DAY = "2026-06-30"
CONTEXT = Context(epoch_day(DAY) or 0)
EVERYONE = tuple(crm_id(key) for key in NAMES)


def book_of(folder: Path, ids: tuple[str, ...] = (), **more: Any) -> books.Book:
    mirror = Mirror(folder / "store")
    try:
        return books.read(mirror, CONTEXT, Settings(), ids, **more)
    finally:
        mirror.close()


@pytest.fixture(scope="module")
def book(enriched: Path) -> books.Book:
    """Of everyone, with all names; as it is told by default."""
    return replace(book_of(enriched, EVERYONE, privacy=Privacy("named")), privacy=Privacy())


@pytest.fixture(scope="module")
def texts(enriched: Path) -> dict[str, str]:
    return dict(pages(book_of(enriched, EVERYONE)))


def names_in(text: str) -> list[str]:
    return [t.text for t in read(text).all("h1")]


def test_every_page_is_well_formed(texts: dict[str, str]) -> None:
    assert len(texts) == 7
    assert {name: read(text).faults for name, text in texts.items()} == {name: [] for name in texts}


def test_the_overview_comes_last_so_that_its_links_always_lead_somewhere(texts: dict[str, str]) -> None:
    *accounts, index = texts
    assert index == "index.html"
    links = {a.attributes["href"] for a in read(texts[index]).all("a")}
    assert {link for link in links if link and not link.startswith("#")} == set(accounts)


def test_every_account_page_leads_back(texts: dict[str, str]) -> None:
    for name, text in texts.items():
        if name != "index.html":
            assert read(text).all("a", href="../index.html")


def test_links_within_a_page_have_a_target(texts: dict[str, str]) -> None:
    page = read(texts["index.html"])
    ids = {t.attributes.get("id") for t in page.tags}
    assert {a.attributes["href"] for a in page.all("a") if str(a.attributes["href"]).startswith("#")} <= {
        f"#{i}" for i in ids
    }


def test_no_page_refers_to_another_host_or_holds_a_script(texts: dict[str, str]) -> None:
    for text in texts.values():
        page = read(text)
        assert "//" not in re.sub(r"</?[a-z]", "", text).replace("/>", ">")
        assert {t.name for t in page.tags} & {"script", "img", "iframe", "link", "object", "form"} == set()
        assert not [a for t in page.tags for a in t.attributes if a.startswith("on") or a in ("src", "style")]
        assert "url(" not in page.all("style")[0].text
        assert "@import" not in page.all("style")[0].text


def test_a_name_that_is_markup_is_shown_as_it_is_written(texts: dict[str, str]) -> None:
    assert names_in(texts["accounts/001KEY000000000000.html"]) == [
        "<script>alert('x')</script>\" onmouseover=\"alert(1)"
    ]
    assert "<i>Valves</i>" not in "".join(texts.values())
    assert "<u>Steel" not in "".join(texts.values())


def test_a_name_of_300_characters_is_whole_on_its_page_and_short_in_the_title(texts: dict[str, str]) -> None:
    page = read(texts["accounts/001LONG00000000000.html"])
    assert len(page.all("h1")[0].text) > 280
    assert len(page.all("title")[0].text) < 90


def test_a_name_that_turns_the_direction_of_its_page_is_disarmed(texts: dict[str, str]) -> None:
    assert "\u202e" not in "".join(texts.values())
    page = read(texts["accounts/001ARAB00000000000.html"])
    assert page.all("h1", dir="auto")[0].text == "شرکت شیمیایی کینیک"


@pytest.mark.parametrize("colleagues", ["off", "team"])
def test_no_contact_is_named_even_where_names_are_at_hand(
    texts: dict[str, str], book: books.Book, colleagues: Any
) -> None:
    assert told_of_people(texts) == set()
    assert told_of_people(dict(pages(replace(book, privacy=Privacy(colleagues))))) == set()


def told_of_people(texts: dict[str, str]) -> set[str]:
    """What of the contacts' names, titles and addresses stands in these pages, written as it is or as markup."""
    together = "".join(texts.values())
    together = (together + html.unescape(together)).lower()
    contacts = company()["contact"]
    parts = {part for c in contacts for part in (*c["name"].split(), *c["title"].split(", "), c["email"])}
    parts = {part for part in parts if len(part) > 3}
    assert len(parts) > 2 * len(contacts)
    return {part for part in parts if part.lower() in together or html.escape(part).lower() in together}


def test_where_names_may_be_told_account_pages_tell_them_and_say_so_but_no_title(book: books.Book) -> None:
    made = dict(pages(replace(book, privacy=Privacy("named"))))
    index = made.pop("index.html")
    assert told_of_people({"index": index}) == set()
    assert "no contact is named here" in index
    # Who left is told because the welder still reports there.
    told = told_of_people(made)
    assert {secrets(c["id"]) for c in company()["contact"]} <= told
    assert not {t for c in company()["contact"] for t in c["title"].split(", ")} & told
    assert not [t for t in told if "@" in t]
    assert all("Contacts and colleagues are named here" in text for text in made.values())
    assert all("no contact is named here" not in text for text in made.values())


WAY = {
    "slot": "finance.executive", "known": 1, "owner_id": "KIM", "first_level": 3, "first_function": "it",
    "middle_level": None, "middle_function": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("colleagues", "told"),
    [
        ("off", []),
        (
            "team",
            ["Way in: ask the colleague who meets their IT director for an introduction to the finance executive"],
        ),
        ("named", ["Way in: ask Kim & Ode, who meets their IT director, for an introduction to the finance executive"]),
    ],
)
def test_whom_to_ask_for_an_introduction_is_told_as_far_as_it_may_be(
    book: books.Book, colleagues: Any, told: list[str]
) -> None:
    shown = [replace(book.pages[0], ways=[WAY])]
    book = replace(book, pages=shown, names={**book.names, "KIM": "Kim & Ode"}, privacy=Privacy(colleagues))
    page = read(next(pages(book))[1])
    assert [p.text for p in page.all("p", class_="way")] == told


def test_an_account_page_draws_who_reports_to_whom_and_where_nobody_is_known(texts: dict[str, str]) -> None:
    page = read(texts["accounts/001KIDS00000000000.html"])
    sentences = [t.text for t in page.tags if t.name == "title" and "svg" in t.inside]
    assert "procurement, manager: in touch; reports to: finance, board" in sentences
    assert "operations, director: left the company; reports to: procurement, manager" in sentences
    assert "finance, director: nobody known" in sentences
    boxes = page.all("g", role="img")
    assert len(boxes) == len(sentences) == 4 + len([s for s in sentences if "nobody" in s])
    legend = [li.text.strip() for li in page.all("li") if "figure" in li.inside]
    assert {"in touch", "left the company", "nobody known", "reports to, from the CRM"} <= set(legend)


def test_the_overview_maps_the_whitespace_of_its_accounts(texts: dict[str, str], book: books.Book) -> None:
    page = read(texts["index.html"])
    cells = page.all("td", class_="cell owned")
    owned = [c for a in book.pages for c in a.cells if c["state"] == "owned"]
    assert len(cells) == len(owned) > 0
    assert {f"{c['family']}: has it" for c in owned} == {c.attributes["title"] for c in cells}
    assert [li.text.split() for li in page.all("li") if li.text.startswith("■")] == [["■", "has", "it"]]
    rows = read(texts["accounts/001KIDS00000000000.html"]).all("table", class_="heat")
    assert len(rows) == 1


def test_from_right_to_left_the_page_and_its_chart_are_turned(
    book: books.Book, monkeypatch: pytest.MonkeyPatch, texts: dict[str, str]
) -> None:
    said = copy.deepcopy(catalogue("en"))
    said["report"]["direction"] = "rtl"
    # Ours has no language of its own that is written from right to left.
    monkeypatch.setattr("connector.report.pages.catalogue", lambda _: said)
    made = read(dict(pages(book))["accounts/001KIDS00000000000.html"])
    there = read(texts["accounts/001KIDS00000000000.html"])
    assert made.all("html", dir="rtl")
    edges = [[float(str(r.attributes["x"])) for r in p.all("rect") if "g" in r.inside] for p in (made, there)]
    assert edges[0] == [WIDTH - WIDE - x for x in edges[1]]


def test_every_table_has_a_caption_and_headings_with_scope(texts: dict[str, str]) -> None:
    for text in texts.values():
        page = read(text)
        assert len(page.all("caption")) == len(page.all("table"))
        assert all("scope" in th.attributes for th in page.all("th"))


def test_the_overview_tells_how_deals_ended_by_contacts_and_that_it_is_no_cause(texts: dict[str, str]) -> None:
    page = read(texts["index.html"])
    assert "association, not a cause" in page.all("h2", id="win-rate")[0].text
    assert "too few deals: fewer than 30" in texts["index.html"]


def test_every_page_says_the_day_and_that_attributes_stand_as_now(texts: dict[str, str]) -> None:
    for text in texts.values():
        told = read(text).all("p", class_="as-of")[0].text
        assert DAY in told
        assert "attributes of accounts and contacts as they stand now" in told


def test_the_overview_lists_members_proposals_and_watch_list(texts: dict[str, str], enriched: Path) -> None:
    page = read(texts["index.html"])
    ids = [h.attributes.get("id") for h in page.all("h2")]
    assert ids[:4] == ["counts", "members", "proposals", "watch"]
    counts = dict(zip([d.text for d in page.all("dt")], [int(d.text) for d in page.all("dd")], strict=True))
    assert counts["accounts"] == 6
    assert counts["key accounts"] == 3
    assert counts["proposed for the programme"] == book_of(enriched).counts["promote"]


def test_an_account_page_tells_the_story_and_shows_seats_and_families(texts: dict[str, str]) -> None:
    page = read(texts["accounts/001EMOJI0000000000.html"])
    told = [h.text for h in page.all("h2")]
    assert told == [
        "At a glance", "Key account status", "Net value", "Lapse", "Score", "What would change it", "Relationship",
        "Quadrant", "Coverage", "Org chart", "Whitespace",
    ]  # fmt: skip
    assert len(page.all("table", class_="grid")) == 2
    assert page.all("td", class_="seat covered")
    assert page.all("td", class_="seat gap")
    assert {th.text for th in page.all("th", dir="auto")} >= {"Pumps", "مضخات"}


def test_an_account_outside_the_programme_gets_a_page_and_a_line_when_asked_for(enriched: Path) -> None:
    outsider = next(i for i in ("001KIDS00000000000", "001SMALL0000000000") if i not in _programme(enriched))
    made = dict(pages(book_of(enriched, (outsider,))))
    assert list(made) == [f"accounts/{outsider}.html", "index.html"]
    assert read(made["index.html"]).all("h2", id="others")


def _row(book: books.Book, account: str) -> books.Account:
    return next(a for a in book.pages if a.row["id"] == account)


def _programme(folder: Path) -> list[str]:
    return [row["id"] for row in book_of(folder).programme]


def test_the_same_results_give_the_same_bytes(enriched: Path, texts: dict[str, str]) -> None:
    assert dict(pages(book_of(enriched, EVERYONE))) == texts


def test_unknown_is_told_as_unknown_and_never_as_zero(own: Callable[[], Path]) -> None:
    folder = own()
    nothing = ("yearly_minor", "attractiveness", "relationship_axis", "employees", "first_won_day")
    rewrite(folder, "account_result", f"REPLACE ({', '.join(f'NULL AS {c}' for c in nothing)}, 'Unknown' AS box)")
    gone = ("known", "value", "covered", "engaged")
    rewrite(folder, "coverage_slot", f"REPLACE ({', '.join(f'NULL AS {c}' for c in gone)})")
    made = dict(pages(book_of(folder)))
    index = read(made["index.html"])
    assert not index.all("svg")
    assert "No account of the programme can be placed" in made["index.html"]
    assert "No account has a known value above zero" in made["index.html"]
    page = read(made["accounts/001KEY000000000000.html"])
    assert len(page.all("td", class_="seat unknown")) == len(_row(book_of(folder), "001KEY000000000000").slots) > 5
    assert "0 EUR" not in made["index.html"]


def test_a_page_is_named_by_the_id_and_never_leaves_the_folder() -> None:
    assert books.file_name("001Kz0000000052IAA") == "001Kz0000000052IAA.html"
    for hostile in ("../../etc/passwd", "CON", "a/b", "x" * 300, "001Kz0000000052", "", "001Kz0000000052IA\n"):
        assert re.fullmatch(r"x-[0-9a-f]{24}\.html", books.file_name(hostile))


class Interrupted(Mirror):
    """A mirror beside which another process enriches, right after our first look."""

    def meta(self, key: str, value: str | None = None) -> str | None:
        found = super().meta(key, value)
        if key == "results":
            other = Mirror(self.path.parent)
            with results.renewed(other) as folder:
                results.publish(other, folder)
            other.close()
        return found


def test_an_enrich_beside_us_does_not_mix_two_days(own: Callable[[], Path]) -> None:
    mirror = Interrupted(own() / "store")
    book = books.read(mirror, CONTEXT, Settings())
    assert len(book.programme) > 2
    with pytest.raises(StoreFault, match="Run: kam enrich"):  # the new folder is an empty one
        books.read(mirror, CONTEXT, Settings())
    mirror.close()


def test_a_mirror_without_accounts_says_what_to_do(own: Callable[[], Path]) -> None:
    folder = own()
    rewrite(folder, "account_result", "REPLACE (id AS id)", where="false")
    with pytest.raises(UsageFault, match=r"no accounts to report on\. Run: kam pull"):
        book_of(folder)


def rewrite(folder: Path, table: str, star: str, where: str = "true") -> None:
    """Another content of a result file: `star` follows SELECT *."""
    mirror = Mirror(folder / "store")
    file = next(results.folder(mirror).glob(f"{table}.*parquet"))
    mirror.close()
    rows = duckdb.sql(f"SELECT * {star} FROM read_parquet('{file}') WHERE {where}")
    rows.write_parquet(f"{file}.new")
    Path(f"{file}.new").replace(file)


def test_amounts_say_whether_they_are_net(enriched: Path) -> None:
    book = book_of(enriched)
    assert "revenue, not net" in dict(pages(replace(book, net=False)))["index.html"]
    assert "net of cost where cost is known" in dict(pages(replace(book, net=True)))["index.html"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_whole_pages_in_its_direction(enriched: Path, language: str) -> None:
    plain = book_of(enriched, EVERYONE[:1])
    told = f"{ISOLATE}120k EUR{POP} x"
    account = replace(plain.pages[0], row={**plain.pages[0].row, "kam_why": told})
    texts = dict(pages(replace(plain, pages=[account], context=replace(CONTEXT, language=language))))
    way = "rtl" if language in ("fa", "ar") else "ltr"
    for text in texts.values():
        assert read(text).faults == []
        assert f'<html lang="{language}" dir="{way}">' in text
    # The marks of our own texts stay; those of names were taken out when the book was read.
    assert any(told in text for text in texts.values())
