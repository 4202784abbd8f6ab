"""Which ideas were shown from when to when is noted night by night; and which single products an account has."""

from pathlib import Path
from typing import Any

from connector.convert import convert
from connector.engine import add, query
from connector.schema import TABLES
from connector.steps import exposure, products
from connector.store.mirror import Mirror


def night(shelf: Path, number: int, *shown: str, accounts: str = "AB", counts: bool = True) -> list[tuple[Any, ...]]:
    """What is noted after one more night, given what it shows as account and family: `Ax`."""
    made, before = shelf / str(number), shelf / str(number - 1)
    made.mkdir()
    cells = " UNION ALL ".join(f"SELECT '{c[0]}' AS account_id, '{c[1]}' AS family, 1 AS shown" for c in shown)
    add(made, "whitespace_cell", cells or "SELECT '' AS account_id, '' AS family, 0 AS shown", {})
    add(made, "account_result", " UNION ALL ".join(f"SELECT '{a}' AS id" for a in accounts), {})
    exposure.note(made, before if before.exists() else None, 100 + number, counts=counts)
    rows = query(made, "SELECT * FROM exposure ORDER BY account_id, family, from_day")
    return [tuple(r.values()) for r in rows]


def test_an_idea_is_noted_from_the_night_it_is_shown_to_the_night_it_is_not(tmp_path: Path) -> None:
    assert night(tmp_path, 1, "Ax", "By") == [("A", "x", 101, None), ("B", "y", 101, None)]
    assert night(tmp_path, 2, "Ax", "Az") == [("A", "x", 101, None), ("A", "z", 102, None), ("B", "y", 101, 102)]
    # A look at the results that does not count keeps what was noted; B is deleted; x comes back as another time.
    assert night(tmp_path, 3, "By", counts=False)[-1] == ("B", "y", 101, 102)
    assert night(tmp_path, 4, "Az", accounts="A") == [("A", "x", 101, 104), ("A", "z", 102, None)]
    assert night(tmp_path, 5, "Ax") == [("A", "x", 101, 104), ("A", "x", 105, None), ("A", "z", 102, 105)]


def test_single_products_are_those_it_has_and_those_that_customers_like_it_have(tmp_path: Path) -> None:
    mirror = Mirror(tmp_path)
    rows: dict[str, list[dict[str, Any]]] = {
        "account": [
            {"id": i, "industry": "Food" if i != "F" else "Banking", "employees": n}
            for i, n in zip("ABCDF", (10, 12, 11, 9, 10), strict=True)
        ],
        "product": [{"id": f"P{n}", "name": f"Pump {n}", "family": "Pumps"} for n in (1, 2, 3)],
        "opportunity": [
            {"id": i, "account_id": i, "state": "won", "close_date": f"2026-01-0{n}"} for n, i in enumerate("ABCDF", 1)
        ],
        # A has 1; B, C, D and F have 2; C has 3 as well. D is no customer.
        "opportunity_line": [
            {"id": f"{i}{n}", "opportunity_id": i, "product_id": f"P{n}"}
            for i, n in (("A", 1), ("B", 2), ("C", 2), ("D", 2), ("F", 2), ("C", 3))
        ],
    }
    with mirror.atomic():
        for table, many in rows.items():
            columns: dict[str, list[Any]] = {}
            for column in TABLES[table].columns:
                if column.name in many[0]:
                    columns |= convert(column, [r[column.name] for r in many])
            mirror.upsert(table, "test", [r["id"] for r in many], columns, 1)
        listed = [(i, int(i != "D")) for i in "ABCDF"]
        mirror.replace_result("account_result", ("id", "is_customer"), iter([listed]), ("id",))
    found = products.of_account(mirror, "A", 20_634)
    mirror.close()

    assert list(products.lines(found, ["Pumps"])) == [
        f"{'Pumps':<26} has Pump 1 (2026-01-01); customers like it have Pump 2 (2 of 2), Pump 3 (1 of 2)"
    ]
    assert list(products.lines(found, ["Valves"])) == []
