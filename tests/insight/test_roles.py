"""Roles in buying: by whom they are told, who left, who supports us; and what may never stand in a text."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from connector.config import Config, CrmSettings
from connector.engine import DuckEngine
from connector.insight import ORDER, compute_all, coverage, explain, relationship, titles
from connector.insight.coverage.story import coverage_lines, team_lines
from connector.insight.texts import catalogue
from connector.schema import CRM_FIELDS, Context

Row = dict[str, Any]
Rows = dict[str, list[Row]]
Maker = Callable[[Rows], DuckEngine]
DAY = 20000
CONTEXT = Context(DAY, known=frozenset({"activity"}))


def person(id: str, title: str | None = None, account: str = "A1", **more: object) -> Row:
    return {"id": id, "account_id": account, "title": title, **more}


def computed(maker: Maker, contacts: list[Row], **more: list[Row]) -> DuckEngine:
    accounts = [{"id": a, "created_day": 1} for a in sorted({c["account_id"] for c in contacts})]
    engine = maker({"account": accounts, "contact": contacts, **more})
    titles.compute(engine, CONTEXT, titles.Settings())
    relationship.compute(engine, CONTEXT, relationship.Settings())
    coverage.compute(engine, CONTEXT, coverage.Settings())
    return engine


def test_the_most_trusted_source_names_the_role_and_a_champion_is_never_inferred(engine_with: Maker) -> None:
    contacts = [
        person("C1", "CFO"),
        person("C2", "Finance Director"),
        person("C3", "Purchasing Manager"),
        person("C4", "Buyer", role="coach"),
        person("C5", "Head of Sales"),
        person("C6", "Finance Manager", role="other"),
        person("C7", "CFO", "A2"),
        person("C8", "Engineer", "A2", role="economic_buyer"),
        person("C9", "VP Finance", "A3", left_day=DAY),
        person("D1", "Finance Manager", "A3", role="champion", left_day=DAY),
    ]
    said = [
        {"id": "S1", "contact_id": "C4", "role": "user"},
        {"id": "S2", "contact_id": "C4", "role": "blocker"},
        {"id": "S3", "contact_id": "C5", "role": "champion"},
    ]
    engine = computed(engine_with, contacts, stakeholder=said)
    found = {r[0]: r[1:] for r in engine.rows("SELECT contact_id, role, source FROM contact_role_guess")}
    assert found == {
        "C1": ("economic_buyer", "title"),
        "C2": ("user", "title"),
        "C3": ("technical", "title"),
        "C4": ("blocker", "stakeholder"),  # before user, and before what the contact's own field says
        "C5": ("champion", "stakeholder"),
        "C6": ("user", "title"),  # "other" says nothing
        "C8": ("economic_buyer", "contact"),  # so the CFO of A2 is none
        "D1": ("champion", "contact"),  # of those who left, only what people said stays
    }


def test_a_champion_who_left_is_missed_until_another_is_named(engine_with: Maker) -> None:
    cases: dict[str, tuple[Row, Row, int]] = {
        "HERE": ({}, {}, 0),
        "LEFT": ({"left_day": DAY}, {}, 1),
        "RETIRED": ({"is_active": 0}, {}, 1),
        "FORMER": ({"title": "Former Buyer"}, {}, 1),
        "FOLLOWED": ({"left_day": DAY}, {"role": "champion"}, 0),
    }
    people = [person(a, "Buyer", a, role="champion") | gone for a, (gone, _, _) in cases.items()]
    people += [person(f"{a}-2", "CFO", a, **more) for a, (_, more, _) in cases.items()]
    engine = computed(engine_with, people)
    found = dict(engine.rows("SELECT account_id, champion_left FROM account_coverage"))  # type: ignore[arg-type]
    assert found == {a: left for a, (_, _, left) in cases.items()}
    # Where nobody at any customer has a role, whether a champion left is unknown.
    engine = computed(engine_with, [person("C1", "CFO")])
    assert engine.rows("SELECT champion_left FROM account_coverage") == [(None,)]


FRESH, OLD = {"modified_day": DAY - 179}, {"modified_day": DAY - 180}
LIGHTS: list[tuple[str, list[Row]]] = [
    ("unknown", [person("C1", "CFO")]),
    ("unknown", [person("C1", "CFO", role="economic_buyer")]),
    ("green", [person("C1", "CFO", attitude=1, **FRESH)]),  # likely to decide, and for us
    ("unknown", [person("C1", "CFO", attitude=1, **OLD)]),
    ("green", [person("C1", "CFO", attitude=1)]),  # of no known age
    ("red", [person("C1", "CFO", attitude=0, **FRESH)]),
    ("amber", [person("C1", "CTO", attitude=2, **FRESH)]),  # weighs, but doesn't decide
    ("red", [person("C1", "Clerk", attitude=2, **FRESH)]),
    ("amber", [person("C1", "Clerk", role="champion")]),
    ("red", [person("C1", "Clerk", role="champion", attitude=-1, **FRESH)]),
    ("amber", [person("C1", "Clerk", role="champion", attitude=-1, **OLD)]),
    ("red", [person("C1", "Clerk", role="coach")]),
    ("green", [person("C1", "Clerk", role="champion"), person("C2", "CFO", attitude=1, **FRESH)]),
    ("red", [person("C1", "CFO", role="champion", left_day=1), person("C2", "Clerk", attitude=0)]),
]


def test_the_light_tells_whether_somebody_who_matters_supports_us(engine_with: Maker) -> None:
    people = [p | {"id": f"{n}-{p['id']}", "account_id": f"A{n}"} for n, (_, ps) in enumerate(LIGHTS) for p in ps]
    engine = computed(engine_with, people)
    found = dict(engine.rows("SELECT account_id, light FROM account_coverage"))  # type: ignore[arg-type]
    assert found == {f"A{n}": light for n, (light, _) in enumerate(LIGHTS)}
    counts = "SELECT CAST(SUM(attitudes) AS BIGINT), CAST(SUM(attitudes_stale) AS BIGINT) FROM account_coverage"
    assert engine.rows(counts) == [(10, 2)]


def test_explain_tells_support_roles_and_our_team_without_naming_a_contact() -> None:
    row = {
        **dict.fromkeys(("executive_percent", "functions_required", "single_threaded")),
        "kam_coverage_text": "2 of 5 roles covered", "known_percent": 80, "coverage_percent": 35, "champion_left": 1,
        "engaged_percent": 20, "engaged_contacts": 1, "light": "amber", "attitudes": 3, "attitudes_stale": 2,
        "coverage_risk": "No executive;Champion left",
    }  # fmt: skip
    roles = [{"role": "technical", "source": "title", "contacts": 2}]
    assert list(coverage_lines(row, [], roles, catalogue("en"))) == [
        "2 of 5 roles covered",
        "covered 35 % of the roles by weight; somebody is known in 80 %; in touch both ways in 20 %",
        "at risk: no executive, champion left",
        "threads: 1 person",
        "the champion left, and nobody else is named as one",
        "support: amber: a key player supports us, but nobody who decides",
        "attitudes: 3 set by people, how long ago the CRM doesn't say; 2 of them stale: too long unchanged",
        "role technical: 2, likely, by the job title",
    ]
    team = [
        {"role": "Service", "user_id": "U2", "name": "Lee", "is_active": 0},
        {"role": None, "user_id": "U3", "name": None, "is_active": None},
        {"role": "Service", "user_id": "U1", "name": "Kim", "is_active": 1},
    ]
    assert team_lines(team) == ["no role: U3", "Service: Kim, Lee (not active any more)"]


STEMS = ("CEO", "Finance Director", "Leiter Einkauf", "Directeur achats", "معاون خرید", "مدير المشتريات", "Директор")
LETTERS = "qxzßéяж漢ع🚀&<'\";%{}\\"


def word(dice: random.Random) -> str:
    return "".join(dice.choice(LETTERS) for _ in range(6))


def hostile(dice: random.Random) -> tuple[Rows, set[str]]:
    """Twelve accounts with people of odd names and titles, known and met at random; and all those names and titles."""
    people = []
    for n in range(60):
        title = f"{dice.choice(STEMS)} {word(dice)}" if n % 5 else word(dice)
        role = dice.choice([None, "champion", "economic_buyer", "blocker"])
        more: Row = {"role": role, "attitude": dice.choice([None, 2, -1]), "left_day": dice.choice([None, None, 9])}
        people.append(
            person(f"C{n}", title, f"A{n % 12}", name=f"{word(dice)} {word(dice)}", department=word(dice), **more)
        )
    met = [(f"T{n}", dice.choice(people)["id"], DAY - dice.randrange(300)) for n in range(200)]
    rows = {
        "account": [
            {"id": f"A{n}", "name": f"A{n}", "type": "customer", "employees": 10**n % 7000, "created_day": 1}
            for n in range(12)
        ],
        "programme": [{"account_id": f"A{n}", "status": "Key"} for n in range(0, 12, 2)],
        "contact": people,
        "user": [{"id": "U1", "name": word(dice), "is_active": 1}],
        "activity": [{"id": i, "kind": "meeting", "at_day": d, "captured": 1, "owner_id": "U1"} for i, _, d in met],
        "activity_contact": [{"activity_id": i, "contact_id": c} for i, c, _ in met],
        "opportunity": [
            {
                "id": f"O{n}",
                "account_id": f"A{n % 12}",
                "state": "won",
                "amount": 900,
                "currency": "EUR",
                "close_day": d,
            }
            for n, d in enumerate(range(DAY - 700, DAY, 9))
        ],
    }
    said = {text for p in people for c in ("name", "title", "department") for text in str(p[c]).split() if c != "title"}
    return rows, said | {str(p["title"]) for p in people} | {str(p["title"]).split()[-1] for p in people}


def test_no_text_of_an_account_holds_a_name_or_title_and_no_number_hangs_on_the_language(engine_with: Maker) -> None:
    rows, secrets = hostile(random.Random(6))
    config = Config(folder=Path(), crm=CrmSettings(kind="salesforce", url="https://x.example", auth="token"))
    settings = {section: getattr(config, section) for *_, section in ORDER}
    tables = ("account_coverage", "coverage_slot", "contact_role_guess", "account_strength", "account_score")
    made = []
    for language in ("en", "fa"):
        engine, context = engine_with(rows), replace(CONTEXT, language=language)
        list(compute_all(engine, context, settings))
        made.append({t: sorted(map(repr, engine.rows(f"SELECT * FROM {t}"))) for t in tables})
        if language == "en":
            explain.texts(engine, context)
            columns = [f.column for f in CRM_FIELDS if f.table == "account" and f.kind in ("text", "long_text")]
            told = engine.arrays("SELECT * FROM account_result")
    assert made[0] == made[1]
    texts = [str(v) for c in columns if c in told for v in told[c]]
    assert len(texts) == 5 * 12
    assert [(t, s) for t in texts for s in secrets if s in t] == []
