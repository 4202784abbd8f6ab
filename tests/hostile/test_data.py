"""Records that mean harm: the run ends well, unknown stays unknown, and what is odd is named."""

from bench import AS_OF, Bench
from world import World

from connector.engine import query


def explained(site: Bench, account: str) -> str:
    said = site.kam("explain", account)
    assert said.code == 0, said.all
    return said.out


def test_an_account_loop_is_named_and_hurts_nobody(site: Bench) -> None:
    a, b = site.account("Loop A"), site.account("Loop B")
    site.change("Account", a, ParentId=b)
    site.change("Account", b, ParentId=a)
    site.deal(b, 5000)
    assert site.first_run().code == 0
    assert "form a loop" in explained(site, b)


def test_contacts_and_deals_without_an_account_and_deals_without_amount(site: Bench) -> None:
    site.contact(None, "Nobody")
    site.deal(None, 900)
    orphan = site.account("No amounts")
    site.deal(orphan, None)
    assert site.first_run().code == 0
    assert "value unknown: its won deals have no amount" in explained(site, orphan)
    said = site.kam("status")
    assert "deals without account    1" in said.out
    assert "deals without amount     1" in said.out


def test_negative_and_zero_amounts_are_told_as_they_are(site: Bench) -> None:
    loss, zero = site.account("Refunds only"), site.account("For nothing")
    site.deal(loss, -5000)
    site.deal(zero, 0)
    assert site.first_run().code == 0
    assert "loses" in explained(site, loss)
    assert "0 EUR a year" in explained(site, zero)


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


def test_names_of_every_kind_go_through_untouched_and_cannot_steer_the_terminal(site: Bench) -> None:
    names = [
        "🦄 GmbH & Co. 🚀",
        "شرکت آزمون",
        "=1+1",
        "Robert'); DROP TABLE account;--",
        "x" * 255,
        "<b>bold</b>",
        "a\u202eb",
        "Zero\u200bWidth",
    ]
    ids = [site.account(name, Industry="Energy") for name in names]
    for key in ids:
        site.contact(key, "L" * 80, "T" * 128)
        site.deal(key, 1000)
    assert site.first_run().code == 0
    assert [site.rows("SELECT name FROM account WHERE id = ?", key)[0][0] for key in ids] == names
    assert "\u202e" not in explained(site, ids[6])
    assert site.kam("diff").code == 0


def test_titles_and_names_of_any_length_and_with_nul_are_pulled(site: Bench) -> None:
    key = site.account("Long")
    made = site.contact(key, "Plain", "Chief Financial Officer")
    site.org.db.execute(
        'UPDATE "Contact" SET "Title" = ?, "LastName" = ? WHERE "Id" = ?',
        ["Chief " + "very " * 60 + "\0Officer", "N\0" * 300, made],
    )
    assert site.first_run().code == 0
    title, name = site.rows("SELECT title, name FROM contact WHERE id = ?", made)[0]
    assert len(title) > 300
    assert "\0" not in title + (name or "")


def test_several_accounts_of_one_name_are_listed_with_their_ids(site: Bench) -> None:
    first, second = site.account("Twin", BillingCity="Bonn"), site.account("Twin", BillingCity="Ulm")
    assert site.first_run().code == 0
    said = site.kam("explain", "twin")
    assert said.code == 2
    assert said.out == ""
    assert first in said.err
    assert second in said.err
    assert "Ulm" in said.err
    assert "2 accounts match" in said.err
    assert site.kam("explain", second).code == 0


def test_an_account_newer_than_the_results_is_told_to_need_enrich(site: Bench) -> None:
    assert site.first_run().code == 0
    site.account("Newcomer")
    assert site.kam("pull", "account").code == 0
    said = site.kam("explain", "Newcomer")
    assert said.code == 2
    assert "kam enrich" in said.err


def test_a_branch_is_told_to_be_counted_at_its_parent_by_name(site: Bench) -> None:
    parent = site.account("Mother AG")
    branch = site.account("Daughter GmbH", ParentId=parent)
    for key in (parent, branch):
        site.deal(key, 4000)
        site.deal(key, 4000, "2025-09-01")
    assert site.first_run().code == 0
    told = explained(site, branch)
    assert f"counted with its parent company: Mother AG ({parent})" in told
    assert "scored with its parent company" in told
    assert "a group of 2 accounts, summed here" in explained(site, parent)


def test_no_name_or_title_of_a_contact_reaches_any_text_on_an_account(site: Bench) -> None:
    words = ("Xylophonist", "Quetzalcoatl", "Zwiebelkönig")
    for number, word in enumerate(words):
        key = site.account(f"Customer {number}")
        made = site.contact(key, word, f"{word} Chief Financial Officer")
        for month in range(1, 6):
            deal = site.deal(key, 7000 + number, f"2026-0{month}-11")
            site.make(
                "OpportunityContactRole", OpportunityId=deal, ContactId=made, Role="Decision Maker", IsPrimary=True
            )
    assert site.first_run().code == 0
    written = site.rows("SELECT after, why FROM journal", file="journal")
    file = next((site.folder / "store" / "results").glob("*/account_result.parquet"))
    results = query(file.parent, "SELECT * FROM account_result")
    told = str(written) + str(results) + explained(site, site.ids["Customer 1"]) + site.kam("programme").out
    assert written
    assert not [word for word in words if word.casefold() in told.casefold()]


def test_the_org_without_any_record_is_computed_without_complaint(bare: Bench) -> None:
    assert bare.kam("setup", "--apply").code == 0
    said = bare.first_run()
    assert said.code == 0, said.all
    assert bare.kam("diff").out.strip() == "0 changes on 0 accounts"
    assert bare.kam("status").code == 0


def test_texts_on_the_wire_never_exceed_255_characters(site: Bench, here: World) -> None:
    assert site.first_run().code == 0
    texts = [
        v
        for row in here.ours().values()
        for k, v in row.items()
        if k in ("KAM_Why__c", "KAM_Alert__c", "KAM_Top_Idea__c")
    ]
    assert texts
    assert max(map(len, texts)) <= 255
    assert AS_OF in {row.get("KAM_As_Of__c") for row in here.ours().values()}
