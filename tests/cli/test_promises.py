"""Promises about a customer's data that a command could break although every step keeps them."""

import json

from bench import Bench
from world import World

WHY = "KAM_Why__c"


def test_a_persons_decision_does_not_stand_for_the_first_look_at_production(ready_site: Bench, ready: World) -> None:
    ready.into_production()
    assert ready_site.kam("run", "preview", "--as-of", "2026-06-30").code == 0
    decided = ready_site.kam("programme", "override", "Company 03", "--status", "Key", "--reason", "test")
    assert decided.code == 0, decided.all

    said = ready_site.first_run()

    assert said.code == 5
    assert "first write to production" in said.err
    assert {name for w in ready.writes() for name in w["values"]} <= {"KAM_Status__c", "KAM_Review_Due__c"}


def test_a_pilot_does_not_stand_for_the_whole_list(ready_site: Bench, ready: World) -> None:
    ready.into_production()
    assert ready_site.first_run().code == 5
    assert ready_site.kam("write-back", "--approve", "1", "--pilot", "2").code == 0

    assert ready_site.kam("run", "refresh", "--as-of", "2026-06-30").code == 5
    assert ready_site.kam("write-back", "--approve", "1").code == 0
    assert ready_site.kam("run", "refresh", "--as-of", "2026-06-30").code == 0


def test_what_a_person_edited_after_the_halt_is_not_overwritten_by_the_approval(
    ready_site: Bench, ready: World
) -> None:
    ready.into_production()
    assert ready_site.first_run().code == 5
    edited = ready.accounts[1]
    ready_site.change("Account", edited, **{WHY: "typed on Tuesday"})

    said = ready_site.kam("write-back", "--approve", "1")

    assert said.code == 0, said.all
    assert "values changed since they were shown; left alone" in said.err
    assert ready_site.value(edited, WHY) == "typed on Tuesday"


def test_looking_at_another_day_changes_neither_results_nor_memory(ready_site: Bench) -> None:
    assert ready_site.first_run().code == 0

    def kept() -> list[object]:
        return [ready_site.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in ("account_result", "programme")]

    before = kept()

    told = ready_site.kam("explain", "Company 03", "--as-of", "2025-06-30", "--json")
    made = ready_site.kam("report", "--as-of", "2025-06-30", "--out", str(ready_site.folder / "old"))

    assert json.loads(told.out)["as_of"] == "2025-06-30"
    assert made.code == 0, made.all
    assert [
        ready_site.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in ("account_result", "programme")
    ] == before
    assert "0 changes" in ready_site.kam("diff").out
    assert not list((ready_site.folder / "store").glob("aside-*"))


def test_sections_of_one_table_that_write_different_fields_are_refused(site: Bench) -> None:
    site.replace("mappings/salesforce.toml", "[account]\n", "[[account]]\n")
    text = (site.folder / "mappings" / "salesforce.toml").read_text(encoding="utf-8")
    more = '\n[[account]]\nrecord = "Contact"\n[account.read]\nid = "Id"\n'
    (site.folder / "mappings" / "salesforce.toml").write_text(text + more, encoding="utf-8")

    said = site.kam("check")

    assert said.code == 2
    assert "must name the same fields as the first [account] section" in said.err


def test_a_source_of_revenue_that_is_not_mapped_is_refused_before_anything_is_computed(site: Bench) -> None:
    config, mapping = (site.folder / name for name in ("config.toml", "mappings/salesforce.toml"))
    config.write_text(f'{config.read_text("utf-8")}\n[revenue]\nsource = "contracts"\n', encoding="utf-8")
    text = mapping.read_text(encoding="utf-8")
    fields = '[revenue.read]\nid = "Id"\naccount_id = "AccountId"\namount = "Price"\nstarts_at = "InstallDate"\n'
    for record, kind, wrong in (
        ("", "", "it isn't there, or this org lacks its record"),
        ("Asset", "invoice", 'none says source = "contract"'),
        ("Lease__c", "contract", "it isn't there, or this org lacks its record"),
        ("Asset", "contract", ""),
    ):
        section = f'[revenue]\nrecord = "{record}"\noptional = true\n{fields}[revenue.constant]\nsource = "{kind}"\n'
        mapping.write_text(f"{text}\n{section if record else ''}", encoding="utf-8")
        for command in ("check",) if record == "Lease__c" else ("check", "enrich"):
            said = site.kam(command)
            assert (said.code, "[revenue] source" in said.err) == ((2, True) if wrong else (0, False)), said.all
            assert wrong in said.err


def test_a_job_that_writes_without_a_diff_is_refused(site: Bench) -> None:
    site.replace("jobs/refresh.toml", '"enrich", "diff", "write_back"', '"enrich", "write_back"')

    said = site.kam("run", "refresh")

    assert said.code == 2
    assert "put diff before it" in said.err


def test_another_corporate_currency_than_the_orgs_is_refused_before_anything_is_computed(site: Bench) -> None:
    site.org.enable_feature("MultiCurrency")
    site.make("CurrencyType", IsoCode="USD", ConversionRate=1, DecimalPlaces=2, IsActive=True)
    for key, home in site.org.rows('SELECT "Id", "IsoCode" FROM "CurrencyType"'):
        site.org.update(site.org.admin_id, "CurrencyType", key, {"ConversionRate": 1 if home == "USD" else 0.9})

    said = site.first_run()

    assert said.code == 2, said.all
    assert "the corporate currency of this org is USD" in said.err
    assert site.kam("diff").code == 2


def test_undoing_a_decision_as_its_owner_needs_a_login_that_can_be_several_users(ready_site: Bench) -> None:
    assert ready_site.first_run().code == 0

    said = ready_site.kam("undo", "1", "--as", "programme.owner@example.com")

    assert said.code == 2
    assert 'needs [crm] auth = "jwt"' in said.err
