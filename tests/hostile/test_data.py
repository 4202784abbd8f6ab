"""Records that mean harm: the run ends well, unknown stays unknown, and what is odd is named."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench import AS_OF, Bench
from shared_folders import Once
from world import SECRET, World, template_of, world

from connector.engine import query

NAMES = [
    "🦄 GmbH & Co. 🚀",
    "شرکت آزمون",
    "=1+1",
    "Robert'); DROP TABLE account;--",
    "x" * 255,
    "<b>bold</b>",
    "a\u202eb",
    "Zero\u200bWidth",
]
WORDS = ("Xylophonist", "Quetzalcoatl", "Zwiebelkönig")


def loop(site: Bench) -> None:
    a, b = site.account("Loop A"), site.account("Loop B")
    site.change("Account", a, ParentId=b)
    site.change("Account", b, ParentId=a)
    site.deal(b, 5000)


def gaps(site: Bench) -> None:
    site.contact(None, "Nobody")
    site.deal(None, 900)
    site.deal(site.account("No amounts"), None)


def losses(site: Bench) -> None:
    site.deal(site.account("Refunds only"), -5000)
    site.deal(site.account("For nothing"), 0)


def odd_names(site: Bench) -> None:
    for name in NAMES:
        key = site.account(name, Industry="Energy")
        site.contact(key, "L" * 80, "T" * 128)
        site.deal(key, 1000)


def long_texts(site: Bench) -> None:
    site.ids["long"] = site.contact(site.account("Long"), "Plain", "Chief Financial Officer")
    site.org.db.execute(
        'UPDATE "Contact" SET "Title" = ?, "LastName" = ? WHERE "Id" = ?',
        ["Chief " + "very " * 60 + "\0Officer", "N\0" * 300, site.ids["long"]],
    )


def twins(site: Bench) -> None:
    site.ids["first"], site.ids["second"] = (site.account("Twin", BillingCity=city) for city in ("Bonn", "Ulm"))


def branches(site: Bench) -> None:
    parent = site.account("Mother AG")
    for key in (parent, site.account("Daughter GmbH", ParentId=parent)):
        site.deal(key, 4000)
        site.deal(key, 4000, "2025-09-01")


def people(site: Bench) -> None:
    for number, word in enumerate(WORDS):
        key = site.account(f"Customer {number}")
        made = site.contact(key, word, f"{word} Chief Financial Officer")
        for month in range(1, 6):
            deal = site.deal(key, 7000 + number, f"2026-0{month}-11")
            site.make(
                "OpportunityContactRole", OpportunityId=deal, ContactId=made, Role="Decision Maker", IsPrimary=True
            )


def make_harm(template: Path, folder: Path) -> None:
    with template_of(template, folder) as made:
        site = Bench(made.running, made.folder)
        for harm in (loop, gaps, losses, odd_names, long_texts, twins, branches, people):
            harm(site)
        assert made.run("first_run").code == 0
    (folder / "ids.json").write_text(json.dumps(site.ids), encoding="utf-8")


@pytest.fixture(scope="module")
def all_at_once(template: Path, once: Once, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """An org with everything that means harm, after a first run that ended well."""
    folder = once("harm", lambda folder: make_harm(template, folder))
    with world(folder, tmp_path_factory.mktemp("harm") / "world") as made:
        yield Bench(made.running, made.folder, json.loads((folder / "ids.json").read_text("utf-8")))


@pytest.fixture
def harmed(all_at_once: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The same with its secret in the environment; tests leave it as it is."""
    monkeypatch.setenv(SECRET, all_at_once.running.secret)
    return all_at_once


def explained(site: Bench, account: str) -> str:
    said = site.kam("explain", account)
    assert said.code == 0, said.all
    return said.out


def test_an_account_loop_is_named_and_hurts_nobody(harmed: Bench) -> None:
    assert "form a loop" in explained(harmed, harmed.ids["Loop B"])


def test_contacts_and_deals_without_an_account_and_deals_without_amount(harmed: Bench) -> None:
    assert "value unknown: its purchases have no amount" in explained(harmed, harmed.ids["No amounts"])
    said = harmed.kam("status")
    assert "deals without account    1" in said.out
    assert "deals without amount     1" in said.out


def test_negative_and_zero_amounts_are_told_as_they_are(harmed: Bench) -> None:
    assert "loses" in explained(harmed, harmed.ids["Refunds only"])
    assert "0 EUR a year" in explained(harmed, harmed.ids["For nothing"])


def test_a_currency_without_rate_is_named_and_its_value_unknown_not_zero(site: Bench) -> None:
    site.org.enable_feature("MultiCurrency")
    for code, rate in (("EUR", 1.0), ("USD", 1.25)):
        if not site.org.rows('SELECT 1 FROM "CurrencyType" WHERE "IsoCode" = ?', code):
            site.make("CurrencyType", IsoCode=code, ConversionRate=rate, DecimalPlaces=2, IsActive=True)
    dark, known = site.account("In the dark"), site.account("In dollars")
    site.deal(dark, 5000, CurrencyIsoCode="GBP")
    site.deal(known, 1250, CurrencyIsoCode="USD")
    said = site.first_run()
    assert said.code == 0, said.all
    assert "1 deal" in said.err
    assert "GBP" in said.err
    assert "[company.rates]" in said.err
    assert site.rows("SELECT amount_minor FROM opportunity WHERE account_id = ?", dark) == [(None,)]
    assert site.rows("SELECT amount_minor FROM opportunity WHERE account_id = ?", known) == [(100000,)]
    assert site.rows("SELECT net_value_12m FROM account_result WHERE id = ?", dark) == [(None,)]
    assert "value unknown: no exchange rate" in explained(site, dark)
    assert "GBP (1 deal)" in site.kam("status").out
    site.add_lines("[company.rates]\nGBP = 0.8")
    assert site.kam("pull", "opportunity").code == 0
    assert site.rows("SELECT amount_minor FROM opportunity WHERE account_id = ?", dark) == [(625000,)]
    assert "currencies without rate  none" in site.kam("status").out


def test_names_of_every_kind_go_through_untouched_and_cannot_steer_the_terminal(harmed: Bench) -> None:
    ids = [harmed.ids[name] for name in NAMES]
    assert [harmed.rows("SELECT name FROM account WHERE id = ?", key)[0][0] for key in ids] == NAMES
    assert "\u202e" not in explained(harmed, ids[6])
    assert harmed.kam("diff").code == 0


def test_titles_and_names_of_any_length_and_with_nul_are_pulled(harmed: Bench) -> None:
    title, name = harmed.rows("SELECT title, name FROM contact WHERE id = ?", harmed.ids["long"])[0]
    assert len(title) > 300
    assert "\0" not in title + (name or "")


def test_several_accounts_of_one_name_are_listed_with_their_ids(harmed: Bench) -> None:
    said = harmed.kam("explain", "twin")
    assert said.code == 2
    assert said.out == ""
    assert harmed.ids["first"] in said.err
    assert harmed.ids["second"] in said.err
    assert "Ulm" in said.err
    assert "2 accounts match" in said.err
    assert harmed.kam("explain", harmed.ids["second"]).code == 0


def test_an_account_newer_than_the_results_is_told_to_need_enrich(ready_site: Bench) -> None:
    ready_site.account("Newcomer")
    assert ready_site.kam("pull", "account").code == 0
    said = ready_site.kam("explain", "Newcomer")
    assert said.code == 2
    assert "kam enrich" in said.err


def test_a_branch_is_told_to_be_counted_at_its_parent_by_name(harmed: Bench) -> None:
    parent = harmed.ids["Mother AG"]
    told = explained(harmed, harmed.ids["Daughter GmbH"])
    assert f"counted with its parent company: Mother AG ({parent})" in told
    assert "scored with its parent company" in told
    assert "a group of 2 accounts, summed here" in explained(harmed, parent)


def test_no_name_or_title_of_a_contact_reaches_any_text_on_an_account(harmed: Bench) -> None:
    written = harmed.rows("SELECT after, why FROM journal", file="journal")
    file = next((harmed.folder / "store" / "results").glob("*/account_result.*parquet"))
    results = query(file.parent, "SELECT * FROM account_result")
    told = str(written) + str(results) + explained(harmed, harmed.ids["Customer 1"]) + harmed.kam("programme").out
    assert written
    assert not [word for word in WORDS if word.casefold() in told.casefold()]


def test_the_org_without_any_record_is_computed_without_complaint(bare: Bench) -> None:
    assert bare.kam("setup", "--apply").code == 0
    said = bare.first_run()
    assert said.code == 0, said.all
    assert bare.kam("diff").out.strip() == "0 changes on 0 accounts"
    assert bare.kam("status").code == 0


def test_texts_on_the_wire_never_exceed_255_characters(ready_site: Bench, ready: World) -> None:
    assert ready_site.first_run().code == 0
    texts = [
        v
        for row in ready.ours().values()
        for k, v in row.items()
        if k in ("KAM_Why__c", "KAM_Alert__c", "KAM_Top_Idea__c")
    ]
    assert texts
    assert max(map(len, texts)) <= 255
    assert AS_OF in {row.get("KAM_As_Of__c") for row in ready.ours().values()}
