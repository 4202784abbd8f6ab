"""The heat map: which accounts and families stand in it, and what a cell tells."""

from typing import Any

from connector.insight.texts import catalogue
from connector.report.heat import MOST_FAMILIES, MOST_ROWS, Heat, families, heat

Row = dict[str, Any]
WORDS = catalogue("en")["report"]


def cell(family: str, state: str = "owned", **more: object) -> Row:
    return {"family": family, "state": state, "low_minor": None, "high_minor": None, "shown": 0} | more


def made(*cells: list[Row]) -> Heat:
    columns = families(c for row in cells for c in row)
    return heat([({"id": f"A{n}"}, row) for n, row in enumerate(cells)], columns, WORDS, money)


def money(minor: int | None) -> str | None:
    return None if minor is None else f"{minor} EUR"


def test_a_cell_tells_family_state_and_what_it_could_bring() -> None:
    found = made([cell("Pumps", "whitespace", low_minor=40, high_minor=180, shown=2), cell("Drives")])
    drives, pumps = found.rows[0][1]
    assert (drives.sign, drives.sentence, drives.money) == ("■", "Drives: has it", None)
    assert pumps.sign == "2"
    assert pumps.sentence == "Pumps: could have it, 40 EUR to 180 EUR a year, an estimate"
    # What a pointer tells stands on paper, too.
    assert [(row["id"], [(c.family, c.money) for c in cells]) for row, cells in found.ranges] == [
        ("A0", [("Pumps", "40 EUR to 180 EUR")])
    ]


def test_a_range_of_which_one_end_is_unknown_is_not_told() -> None:
    found = made([cell("Pumps", "whitespace", low_minor=40)])
    assert found.rows[0][1][0].sentence == "Pumps: could have it"
    assert not found.ranges


def test_a_state_nobody_thought_of_is_drawn_with_its_letter_and_told_by_its_name() -> None:
    found = made([cell("Pumps", "leased_out")])
    assert (found.rows[0][1][0].sign, found.rows[0][1][0].look) == ("L", "other")
    assert found.legend == {"leased_out": ("L", "leased out")}


def test_a_family_of_which_nothing_is_recorded_is_unknown() -> None:
    found = made([cell("Pumps")], [])
    assert [cells[0].state for _, cells in found.rows] == ["owned", "unknown"]
    assert list(found.legend) == ["owned", "unknown"]


def test_more_than_fits_is_left_out_and_counted() -> None:
    # Family 0 is owned by everybody, the others by the first account only: it stands first.
    many = [cell(f"Family {n:02}") for n in range(MOST_FAMILIES + 3)]
    found = made(many, *([many[7]] for _ in range(MOST_ROWS + 4)))
    assert (len(found.families), len(found.rows)) == (MOST_FAMILIES, MOST_ROWS)
    assert (found.left_out_families, found.left_out_rows) == (3, 5)
    assert [name for name, _ in found.families[:2]] == ["Family 07", "Family 00"]


def test_a_long_name_is_cut_and_told_whole_below() -> None:
    name = "Spare parts and accessories for heavy pumps"
    found = made([cell(name), cell("Drives")])
    short = dict(found.families)[name]
    assert short.startswith("Spare parts")
    assert short.endswith("…")
    assert found.short == [f"{short} = {name}"]
