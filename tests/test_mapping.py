"""Mappings: every fault of a file at once, with place and nearest name; closed vocabularies; any table of TOML."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector import mapping
from connector.errors import UsageFault

SHIPPED = Path(__file__).parents[1] / "mappings" / "salesforce.toml"
ACCOUNT = '[account]\nrecord = "Account"\n[account.read]\nid = "Id"\n'


def load(folder: Path, text: str) -> mapping.FieldMap:
    path = folder / "salesforce.toml"
    path.write_text(text, encoding="utf-8")
    return mapping.load(path)


def faults(folder: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(UsageFault) as raised:
        load(folder, text)
    return raised.value.faults


def column(source: mapping.Source, name: str, fields: list[str], rows: list[tuple[Any, ...]]) -> list[Any]:
    return mapping.row_columns(source, fields, rows)[name]


def test_the_shipped_mapping_has_no_fault() -> None:
    assert len(mapping.load(SHIPPED).writes()) > 8


def test_every_typo_is_told_at_once_with_the_nearest_word(tmp_path: Path) -> None:
    said = "\n".join(
        faults(
            tmp_path,
            '[acount]\nrecord = "Account"\n[account]\nrecrd = "Account"\n[account.read]\nid = "Id"\nnam = "Name"\n'
            'type = { field = "Type", vales = {} }\n[account.write]\nkam_flg = "KAM_Flag__c"\n'
            'kam_why = { field = "W", on_human_edit = "ask" }\n',
        )
    )
    for expected in (
        '[acount]: there is no such table. Nearest: "account".',
        '[account] recrd: unknown key. Nearest: "record".',
        "[account] record: missing",
        '[account.read] nam: no such column. Nearest: "name".',
        'type.vales: unknown key. Nearest: "values".',
        'kam_flg: we compute no such field. Nearest: "kam_flag".',
        'on_human_edit = "keep|overwrite|reject"',
    ):
        assert expected in said


def test_a_syntax_error_is_told_with_its_line(tmp_path: Path) -> None:
    assert "line 2" in faults(tmp_path, "[account]\nrecord Account\n")[0]


def test_a_list_where_one_field_belongs_is_a_fault_and_not_its_letters(tmp_path: Path) -> None:
    said = faults(tmp_path, ACCOUNT + 'name = { first = "Name" }\n')
    assert "must name fields" in said[0]


def test_sections_of_the_wrong_kind_are_faults(tmp_path: Path) -> None:
    said = "\n".join(faults(tmp_path, '[account]\nrecord = "Account"\nread = "Name"\nwhere = 5\noptional = "yes"\n'))
    assert "read: must be a section" in said
    assert "where: must be a text" in said
    assert "optional: must be true or false" in said


def test_a_picklist_value_that_is_not_listed_becomes_other(tmp_path: Path) -> None:
    source = load(
        tmp_path, ACCOUNT + '[account.read.type]\nfield = "Type"\nvalues = { Customer = "customer" }\nother = "other"\n'
    ).sources[0]
    rows = [("1", "Customer"), ("2", "Weird 🦄"), ("3", None), ("4", "")]
    assert column(source, "type", ["Id", "Type"], rows) == ["customer", "other", "other", "other"]


def test_without_another_word_an_unlisted_value_is_unknown(tmp_path: Path) -> None:
    source = load(tmp_path, ACCOUNT + 'type = { field = "Type", values = { A = "a" } }\n').sources[0]
    assert column(source, "type", ["Id", "Type"], [("1", "B"), ("2", None), ("3", "A")]) == [None, None, "a"]


def test_the_first_filled_of_several_fields_counts(tmp_path: Path) -> None:
    source = load(tmp_path, ACCOUNT + 'name = { first = ["A", "B"] }\n').sources[0]
    assert column(source, "name", ["Id", "A", "B"], [("1", None, "b"), ("2", "a", "b")]) == ["b", "a"]


def test_a_state_is_joined_from_two_flags(tmp_path: Path) -> None:
    source = load(
        tmp_path,
        '[opportunity]\nrecord = "Opportunity"\n[opportunity.read]\nid = "Id"\n[opportunity.read.state]\n'
        'fields = ["IsClosed", "IsWon"]\nvalues = { "true,true" = "won" }\nother = "open"\n',
    ).sources[0]
    assert column(source, "state", ["Id", "IsClosed", "IsWon"], [("1", True, True), ("2", None, False)]) == [
        "won",
        "open",
    ]


def test_resolve_tells_both_possibilities_and_the_nearest_name_for_every_missing_field() -> None:
    given_map = mapping.load(SHIPPED)
    absent = {("Account", "Industry"), ("Contact", "Title")}
    _, said = mapping.resolve(
        given_map,
        lambda record: True,
        lambda record, path: None if (record, path) in absent else path,
        lambda record, path: ' Nearest: "Industri".',
    )
    assert len(said) == 2
    assert all("has no field" in line and "field-level security" in line and "Nearest" in line for line in said)


def test_resolve_drops_optional_fields_and_sections_without_a_word() -> None:
    given_map = mapping.load(SHIPPED)
    resolved, said = mapping.resolve(
        given_map,
        lambda record: record != "Asset",
        lambda r, path: None if path == "Cost_To_Serve__c" else path,
        lambda r, p: "",
    )
    assert said == []
    assert "asset" not in resolved.known()
    assert "account.cost_to_serve" not in resolved.known()


WORDS = st.sampled_from(
    ["account", "contact", "activity", "record", "read", "write", "where", "constant", "id", "name", "type", "field",
     "fields", "first", "values", "other", "optional", "empty", "kam_flag", "on_human_edit", "x"]
)  # fmt: skip
ANYTHING = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=4)),
    max_leaves=12,
)


@given(table=st.sampled_from(["account", "contact", "activity"]), section=st.dictionaries(WORDS, ANYTHING, max_size=6))
@settings(max_examples=120, deadline=None)
def test_any_section_is_a_source_or_a_list_of_faults(table: str, section: dict[str, Any]) -> None:
    said: list[str] = []
    source = mapping._source(table, section, "m.toml [x", said)
    if not said:
        assert all(isinstance(f, str) for rule in source.read for f in rule.fields)


def test_a_hidden_field_among_several_is_a_fault_unless_the_line_is_optional(tmp_path: Path) -> None:
    def told(more: str) -> list[str]:
        fieldmap = load(tmp_path, ACCOUNT + f'name = {{ first = ["A", "B"]{more} }}\n')
        return mapping.resolve(
            fieldmap, lambda _: True, lambda _, path: None if path == "A" else path, lambda _, path: ""
        )[1]

    assert ['has no field "A"' in fault for fault in told("")] == [True]
    assert told(", optional = true") == []
