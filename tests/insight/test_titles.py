"""Job titles: level, function and modifiers, the traps, and the table they make."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.engine import DuckEngine
from connector.insight import titles
from connector.insight.titles.lexicon import FUNCTIONS, languages, lexicon
from connector.insight.titles.parser import NOTHING, Meaning, read_title
from connector.schema import Context

Maker = Callable[[dict[str, list[dict[str, Any]]]], DuckEngine]
ENGLISH = [lexicon("en")]


def read(text: str) -> Meaning:
    return read_title(text, ENGLISH)


LEVELS = {
    5: """CEO; C.E.O.; Chief Executive; Chief Financial Officer; Chief R&D Officer; Chief Information & Security
        Officer; President; President, EMEA; Owner; Owner/President; Co-Founder; Founder & CTO; Chairman of the
        Board; Board member; Non-Executive Director; Managing Partner; Interim CEO; Chairwoman; CEO - Germany;
        The Big Boss and CEO""",
    4: """VP; V.P. Sales; Vice-President; Senior Vice President, Sales; EVP Operations; SVP Sales & Marketing;
        Deputy CFO; General Manager; Executive Director; General Counsel; Partner, Tax; Deputy Director General;
        Country Manager""",
    3: """Director; IT Director; Director of IT; Head of Procurement; Procurement Head; Head, Supply Chain;
        Treasurer; Financial Controller; Chief Accountant; Company Secretary; Assistant Vice
        President; Acting Head of HR; Deputy General Manager; Global Head of Sourcing; Head of Office of the
        CEO; Senior Director Finance""",
    2: """Manager; Purchasing Manager; Sr. Mgr. Procurement; Supervisor; Team Lead; Associate Director; Deputy
        Head of Sales; Lead Generation Manager; Channel Partner Manager; Second Shift Supervisor; Fire Chief;
        A/P Manager; Plant Manager; Office Manager""",
    1: """Assistant Manager; Assistant Sales & Marketing Manager; Product Owner; Data Owner; Account Executive;
        Sales Executive; Senior Account Executive; Key Account Manager; HR Business Partner; Lead Engineer;
        Headhunter; Head Hunter; Sr Buyer; Sales Representative; Sales Associate; Advisor to the President;
        Credit Controller; Junior Manager; Specialist""",
    0: """Executive Assistant; Assistant to the CEO; CEO's Assistant; Executive Assistant to the CEO & CFO;
        Marketing Assistant; Executive Assistant, Office of the CEO; Assistant, CEO Office; PA to Managing
        Director; Director's Secretary; Secretary; Receptionist; Intern; Management Trainee; Clerk""",
}
GOLDEN = [(" ".join(t.split()), level) for level, text in LEVELS.items() for t in text.split(";")]


@pytest.mark.parametrize(("title", "level"), GOLDEN)
def test_a_title_has_its_level(title: str, level: int) -> None:
    assert read(title).level == level


@pytest.mark.parametrize(
    "title",
    [
        "Lead",
        "Senior",
        "Executive",
        "Associate",
        "Lead Generation",
        "Tax Partner",
        "Partner",
        "Rockstar Ninja",
        "n/a",
        "",
        "   ",
        "-",
    ],
)
def test_an_unknown_title_has_no_level_instead_of_a_low_one(title: str) -> None:
    assert read(title).level is None


@pytest.mark.parametrize(
    ("title", "function"),
    [
        ("CFO", "finance"),
        ("Chief Financial Officer", "finance"),
        ("Chief Information Officer", "it"),
        ("Chief Operating Officer", "operations"),
        ("Chief Technology Officer", "engineering"),
        ("Chief Human Resources Officer", "hr"),
        ("CEO", "general"),
        ("Owner", "general"),
        ("Chief of Staff", "general"),
        ("Director of IT", "it"),
        ("Head of R&D", "engineering"),
        ("Marketing Finance Director", "finance"),
        ("VP, Finance & IT", "finance"),
        ("Director Sales and Marketing", "sales"),
        ("Director, Health & Safety", "quality"),
        ("Supply Chain Manager", "procurement"),
        ("Product Owner", None),
        ("Project Manager", None),
        ("Payroll Manager", "hr"),
        ("Logistics Manager", "operations"),
        ("Assistant to the CEO", "general"),
        ("President & COO", "general"),
        ("Account Executive", "sales"),
        ("Lead Generation Specialist", "marketing"),
        ("HR Business Partner", "hr"),
        ("Partner, Tax", "finance"),
        ("General Counsel", "legal"),
        ("Office Manager", "other"),
        ("Vice President", None),
        ("Manager", None),
    ],
)
def test_a_title_has_its_function(title: str, function: str | None) -> None:
    assert read(title).function == function


@pytest.mark.parametrize(
    ("title", "flags"),
    [
        ("Former CEO", {"former"}),
        ("ex-CEO", {"former"}),
        ("CEO (retired)", {"former"}),
        ("CEO - left the company", {"former"}),
        ("Left company", {"former"}),
        ("Former CEO & President", {"former"}),
        ("CEO (formerly CFO)", set()),
        ("Ex-CFO, Board Member", set()),
        ("Acting Head of Procurement", {"acting"}),
        ("Interim CFO", {"acting"}),
        ("Deputy CFO", {"deputy"}),
        ("Assistant Manager", {"deputy"}),
        ("Executive Assistant Manager", {"deputy"}),
        ("Executive Assistant", {"assistant"}),
        ("CFO's assistant", {"assistant"}),
        ("Marketing Assistant", set()),
        ("Vice President", set()),
        ("Chief Executive Officer", set()),
    ],
)
def test_modifiers_beat_the_base(title: str, flags: set[str]) -> None:
    meaning = read(title)
    assert {f for f in ("former", "acting", "deputy", "assistant") if getattr(meaning, f)} == flags


@pytest.mark.parametrize(
    ("title", "level", "function"),
    [
        ("Office Manager / CFO", 5, "finance"),
        ("Buyer | Head of Procurement", 3, "procurement"),
        ("Buyer; Manager; Director", 3, "procurement"),
        ("CTO and co-founder", 5, "engineering"),
    ],
)
def test_of_several_titles_in_one_field_the_best_counts(title: str, level: int, function: str) -> None:
    assert (read(title).level, read(title).function) == (level, function)


@pytest.mark.parametrize(
    "title",
    [
        "Trade Union Representative",
        "Union Steward",
        "Works Council Chair",
        "Chairman, Works Council",
        "CFO and severely disabled employees' officer",
        "Manager (disabled)",
        "Parish Priest",
        "Head Chaplain",
        "Imam",
    ],
)
def test_titles_that_would_tell_union_health_or_belief_give_nothing(title: str) -> None:
    assert read(title) == NOTHING


def test_words_that_only_look_like_a_union_are_read() -> None:
    assert read("Credit Union President").level == 5


@pytest.mark.parametrize("title", ["VP at Deutsche Bank", "Vice President, Investment Banking"])
def test_a_vice_president_who_names_a_bank_is_in_the_middle(title: str) -> None:
    assert read(title).level == 2


@pytest.mark.parametrize(
    "title",
    [
        "Director " * 34,
        "x" * 300,
        "Head of " + "sales and " * 30,
        "🚀" * 100,
        "🚀 CEO 🚀",
        "مدیر عامل",
        "\u202eOEC\u202c",
        "\u200fCEO\u200f",
        "الرئيس التنفيذي / CEO",
        "&&&,,,///",
        "chief",
        "chief of",
        "'s",
        "\x00\n\t",
    ],
)
def test_odd_titles_never_raise(title: str) -> None:
    assert read(title).level in (None, 0, 1, 2, 3, 4, 5)


def test_emoji_and_direction_marks_do_not_hide_a_title() -> None:
    assert [read(t).level for t in ("🚀 CEO 🚀", "\u200fCEO\u200f", "الرئيس التنفيذي / CEO")] == [5, 5, 5]


WORDS = sorted(
    {w for p in lexicon("en").kinds for w in p.split()} | {",", "/", "&", "and", "of", "to", "(", ")", "🚀", "مدیر"}
)


@given(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join) | st.text(max_size=60))
def test_no_text_raises_and_every_answer_is_in_the_vocabulary(text: str) -> None:
    meaning = read(text)
    assert meaning.level in (None, 0, 1, 2, 3, 4, 5)
    assert meaning.function in (None, *FUNCTIONS)
    assert (meaning.level is None) == (meaning.bank_level is None) == (meaning.alone_level is None)


@given(st.sampled_from([t for t, _ in GOLDEN]))
def test_spelling_in_capitals_and_stray_blanks_change_nothing(title: str) -> None:
    assert read("  " + title.upper().replace(" ", "  ") + " ") == read(title)


def test_no_phrase_stands_for_two_levels_or_two_functions() -> None:
    import tomllib
    from importlib import resources

    for language in languages():
        file = resources.files("connector.insight.titles").joinpath(f"{language}.toml")
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        for section in ("levels", "functions"):
            phrases = [p for group in data[section].values() for p in group]
            assert len(phrases) == len(set(phrases)), section


def test_an_unknown_language_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"languages: no lexicon for .*Known: .*en"):
        titles.Settings(languages=("tlh",))


def table(engine: DuckEngine, as_of: int = 20000) -> dict[str, tuple[Any, ...]]:
    titles.compute(engine, Context(as_of), titles.Settings())
    rows = engine.rows("SELECT contact_id, level, function, former, assistant FROM contact_title ORDER BY contact_id")
    return {r[0]: r[1:] for r in rows}


def test_contacts_get_the_meaning_of_their_title(engine_with: Maker) -> None:
    contacts = [
        {"id": "C1", "account_id": "A1", "title": "CFO"},
        {"id": "C2", "account_id": "A1", "title": "Former Purchasing Manager"},
        {"id": "C3", "account_id": "A1", "title": None},
        {"id": "C4", "account_id": None, "title": "Executive Assistant"},
        {"id": "C5", "account_id": "A1", "title": "CFO"},
    ]
    assert table(engine_with({"account": [{"id": "A1"}], "contact": contacts})) == {
        "C1": (5, "finance", 0, 0),
        "C2": (2, "procurement", 1, 0),
        "C3": (None, None, 0, 0),
        "C4": (0, "other", 0, 1),
        "C5": (5, "finance", 0, 0),
    }


def test_level_depends_on_a_bank_and_on_a_parent_company(engine_with: Maker) -> None:
    accounts = [
        {"id": "BANK", "industry": "Banking", "parent_id": None},
        {"id": "ALONE", "industry": "Machinery"},
        {"id": "CHILD", "industry": "Machinery", "parent_id": "ALONE"},
    ]
    contacts = [
        {"id": f"{kind}-{account['id']}", "account_id": account["id"], "title": title}
        for account in accounts
        for kind, title in (("VP", "Vice President"), ("MD", "Managing Director"), ("CEO", "CEO"))
    ]
    found = {k: v[0] for k, v in table(engine_with({"account": accounts, "contact": contacts})).items()}
    assert found == {
        "VP-BANK": 2, "VP-ALONE": 4, "VP-CHILD": 4,
        "MD-BANK": 4, "MD-ALONE": 5, "MD-CHILD": 4,
        "CEO-BANK": 5, "CEO-ALONE": 5, "CEO-CHILD": 5,
    }  # fmt: skip


def test_contacts_that_must_not_be_profiled_or_were_made_later_are_left_out(engine_with: Maker) -> None:
    contacts = [
        {"id": "C1", "title": "CFO", "no_profiling": 1},
        {"id": "C2", "title": "CFO", "created_day": 20001},
        {"id": "C3", "title": "CFO", "created_day": 20000, "no_profiling": 0},
    ]
    engine = engine_with({"contact": contacts})
    assert set(table(engine)) == {"C3"}
    engine = engine_with({"contact": [{"id": "C1", "title": "Secret Title", "no_profiling": 1}]})
    assert table(engine) == {}
    assert engine.rows("SELECT * FROM title_meaning") == []


def test_titles_of_nobody_make_an_empty_table(engine_with: Maker) -> None:
    assert table(engine_with({})) == {}


def test_titles_that_differ_in_words_nobody_knows_are_read_once() -> None:
    seen: dict[Any, Meaning] = {}
    titles_of_one_kind = ["CFO Zyxomma", "CFO 4711", "CFO Qwrtz"]
    found = [read_title(t, ENGLISH, seen) for t in titles_of_one_kind]
    assert len(seen) == 1
    assert found == [read(t) for t in titles_of_one_kind]
