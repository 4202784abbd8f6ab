"""The mapping held against a real describe: hidden, missing, foreign and odd fields."""

import pytest
from bench import AS_OF, Bench, custom


def test_a_hidden_field_and_a_typo_are_told_together_with_both_possibilities(site: Bench) -> None:
    site.steer(hidden_fields=["Account.Industry", "Contact.Title"])
    site.replace("mappings/salesforce.toml", '"NumberOfEmployees"', '"NumberOfEmployes"')
    said = site.kam("check")
    assert said.code == 2
    lines = said.err.splitlines()
    assert len(lines) == 3
    assert all("has no field" in line and "field-level security" in line and "kam check" in line for line in lines)
    assert any('"NumberOfEmployes"' in line and 'Nearest: "NumberOfEmployees"' in line for line in lines)
    assert any("[account.read] industry" in line for line in lines)
    assert any("[contact.read] title" in line for line in lines)


def test_nothing_is_pulled_while_the_mapping_has_a_fault(site: Bench) -> None:
    site.steer(hidden_fields=["Account.Industry"])
    said = site.first_run()
    assert said.code == 2
    assert site.rows("SELECT count(*) FROM account") == [(0,)]
    assert site.rows("SELECT count(*) FROM journal", file="journal") == [(0,)]


def test_a_record_that_the_user_may_not_see_is_told_with_both_ways_out(site: Bench) -> None:
    site.replace("mappings/salesforce.toml", 'record = "Opportunity"\n', 'record = "Opportunty"\n')
    said = site.kam("check")
    assert said.code == 2
    assert "there is no Opportunty, or this user may not see it" in said.err
    assert "optional = true" in said.err


def test_a_filter_that_the_crm_does_not_understand_is_told_with_its_place(site: Bench) -> None:
    site.replace(
        "mappings/salesforce.toml",
        'record = "Account"\n[account.read]',
        'record = "Account"\nwhere = "Type != ("\n[account.read]',
    )
    said = site.kam("check")
    assert said.code == 2
    assert "[account] where" in said.err


def test_before_setup_one_note_stands_for_all_our_missing_fields(bare: Bench) -> None:
    bare.account("One")
    bare.replace("jobs/preview.toml", '"pull", "enrich", "diff"', '"pull"')  # the notes come before it
    for words in (("check",), ("run", "preview", "--as-of", AS_OF)):
        said = bare.kam(*words)
        assert said.code == 0, said.all
        notes = [line for line in said.all.splitlines() if "note:" in line]
        assert len(notes) == 1
        assert "KAM_Flag__c" in notes[0]
        assert "6 more" in notes[0]
        assert "kam setup --apply" in notes[0]


def test_check_names_the_fields_that_may_be_written(bare: Bench) -> None:
    assert "may write    nothing yet\n" in bare.kam("check").out
    bare.kam("setup", "--apply")
    assert "may write    KAM_Flag__c, KAM_Proposal__c, " in bare.kam("check").out


@pytest.mark.parametrize("visible", [True, False])
@pytest.mark.parametrize("words", [(), ("--apply",)])
def test_setup_refuses_a_field_of_our_name_that_somebody_else_made(
    bare: Bench, words: tuple[str, ...], visible: bool
) -> None:
    bare.org.add_field("Account", custom("KAM_Why__c"))
    if visible:
        for (profile,) in bare.org.rows('SELECT "Id" FROM "PermissionSet" WHERE "ProfileId" IS NOT NULL'):
            bare.org.grant(profile, "Account", "KAM_Why__c", edit=True)
    said = bare.kam("setup", *words)
    assert said.code == 2
    told = next(line for line in said.all.splitlines() if "KAM_Why__c" in line)
    assert "prefix" in told
    assert "map" in told
    assert "Nothing was changed" in said.all
    assert "kam_flag__c" not in bare.org.object("Account").fields


def test_an_unknown_set_of_fields_is_named_beside_those_there_are(bare: Bench) -> None:
    said = bare.kam("setup", "--with", "inputs,programmes")
    assert said.code == 2
    assert "programmes" in said.err
    assert "inputs, programme" in said.err


def test_setup_says_which_of_its_fields_no_line_of_the_mapping_fills(bare: Bench) -> None:
    assert "uncommented" not in bare.kam("setup", "--with", "inputs").out
    told = bare.kam("setup", "--with", "contacts,opportunities").out.splitlines()[-1]
    assert told.endswith("mappings/salesforce.toml are uncommented: [contact.write] 6, [opportunity.write] 2")


def test_a_value_that_the_picklist_lacks_is_one_refused_row_and_the_others_are_written(ready_site: Bench) -> None:
    flag = ready_site.org.field(ready_site.org.object("Account"), "KAM_Whitespace_Band__c")
    kept = tuple(v for v in flag.picklist if v.value not in ("Not enough data", "None", "Small"))
    ready_site.org.add_field("Account", flag.with_(picklist=kept))
    said = ready_site.first_run()
    refused = ready_site.rows("SELECT code, message FROM rejects", file="journal")
    assert said.code == 4, said.all
    assert refused
    assert {code for code, _ in refused} == {"INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"}
    assert all("kam setup --apply" in message for _, message in refused)
    listed = ready_site.kam("rejects")
    assert "picklist" in listed.out
    assert "kam retry" in listed.out


@pytest.mark.parametrize("value", ["Weird Type 🦄", None])
def test_a_type_the_mapping_does_not_list_is_read_as_other(site: Bench, value: str | None) -> None:
    made = site.account("Odd", Type=value)
    assert site.kam("pull", "account").code == 0
    assert site.rows("SELECT type FROM account WHERE id = ?", made) == [("other",)]
