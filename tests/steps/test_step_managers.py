"""Managers by name: found within the account, one person only, and only where the CRM has no link."""

from pathlib import Path

from connector.steps import managers
from connector.store.mirror import Mirror

KNOWN = frozenset({"contact.manager_name"})
PEOPLE = [  # id, account, name, manager's name
    ("boss", "A", "Ann Boss", None),
    ("kim", "A", "Kim Lee", " ann  BOSS "),
    ("far", "B", "Far Away", "Ann Boss"),
    ("twin1", "C", "Jo Doe", None),
    ("twin2", "C", "Jo Doe", None),
    ("under", "C", "Al Po", "Jo Doe"),
    ("self", "D", "Own Boss", "Own Boss"),
]


def lines(folder: Path, known: frozenset[str], people: list[tuple[str, str, str, str | None]]) -> dict[str, str | None]:
    mirror = Mirror(folder)
    columns = dict(zip(("id", "account_id", "name", "manager_name"), zip(*people, strict=True), strict=True))
    mirror.upsert("contact", "contact", list(columns["id"]), columns, 1)
    managers.fill(mirror, known)
    found = {r["id"]: r["reports_to_id"] for r in mirror.rows("SELECT id, reports_to_id FROM contact")}
    mirror.close()
    return found


def test_a_name_that_fits_one_person_of_the_account_is_the_manager(tmp_path: Path) -> None:
    found = lines(tmp_path, KNOWN, PEOPLE)
    assert {k: v for k, v in found.items() if v} == {"kim": "boss"}


def test_a_manager_who_is_renamed_is_no_longer_found(tmp_path: Path) -> None:
    lines(tmp_path, KNOWN, PEOPLE)
    assert lines(tmp_path, KNOWN, [("boss", "A", "Ann Chief", None), *PEOPLE[1:]])["kim"] is None


def test_names_count_for_nothing_where_a_link_is_mapped(tmp_path: Path) -> None:
    assert not any(lines(tmp_path, KNOWN | {"contact.reports_to_id"}, PEOPLE).values())
