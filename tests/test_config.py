"""config.toml: every complaint at once, with key, value and what to do; and nothing but complaints for any input."""

import string
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector import config, config_example, job
from connector.cli.init import write_folder
from connector.errors import KamError, UsageFault

GOOD = '[crm]\nkind = "salesforce"\nurl = "https://x.my.salesforce.com"\nauth = "token"\nsecret_env = "S"\n'


def faults(folder: Path, text: str) -> tuple[str, ...]:
    (folder / "config.toml").write_text(text, encoding="utf-8")
    with pytest.raises(UsageFault) as raised:
        config.load(folder)
    return raised.value.faults


def test_the_shortest_config_is_enough(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(GOOD, encoding="utf-8")
    loaded = config.load(tmp_path)
    assert loaded.crm.environment == "sandbox"
    assert loaded.store_dir == tmp_path / "store"


def test_the_example_has_every_setting_at_its_default() -> None:
    given_settings = tomllib.loads(config_example.text())
    for name, cls in config.sections().items():
        if name != "crm":
            complaints: list[str] = []
            assert config.build(cls, given_settings[name], name, complaints, Path()) == cls()
            assert complaints == []


def test_every_complaint_is_told_at_once(tmp_path: Path) -> None:
    said = faults(
        tmp_path,
        '[crm]\nkind = "salesforce"\nurl = "http://x.my.salesforce.com"\nauth = "jwt"\nenvironment = "sandbox"\n'
        '[company]\ncurency = "EUR"\nlanguage = "xx"\n[whitespce]\n[store]\ndir = 5\n',
    )
    together = "\n".join(said)
    assert '[company] curency: unknown key. Nearest: "currency".' in together
    assert '[whitespce]: unknown section. Nearest: "whitespace".' in together
    assert "[store] dir: must be a text, not 5." in together
    assert "[crm] client_id: missing" in together
    assert "[crm] url: plain http" in together
    assert len(said) >= 6
    assert all(line.startswith("config.toml") and line.endswith("kam check") for line in said)


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        ('kind = "spark"', "[engine] master: kind = "),
        ('kind = "spark"\nmaster = "local[2]"\nremote = "sc://x"', "[engine] master: kind = "),
        ('remote = "sc://x"', "[engine] kind: master, remote and folder are for kind"),
        ('kind = "spark"\nremote = "x:15002"', '[engine] remote: "x:15002" is no Spark Connect address'),
    ],
)
def test_an_engine_that_can_not_be_reached_as_written_is_told(engine: str, said: str, tmp_path: Path) -> None:
    assert said in "\n".join(faults(tmp_path, f"{GOOD}[engine]\n{engine}\n"))


def test_a_rule_of_a_list_is_told_by_its_number(tmp_path: Path) -> None:
    good = '[[whitespace.eligible]]\nfamily = "Pumps"\ncountries = ["Germany"]\n'
    (tmp_path / "config.toml").write_text(GOOD + good, encoding="utf-8")
    assert config.load(tmp_path).whitespace.eligible[0].countries == ("Germany",)
    bad = '[[whitespace.eligible]]\nfamily = "Seals"\nleast_employes = 5\n[[whitespace.eligible]]\nfamily = "Seals"\n'
    said = faults(tmp_path, GOOD + good + bad)
    assert '[whitespace] eligible: number 2, least_employes: unknown key. Nearest: "least_employees".' in said[0]


def test_a_syntax_error_is_told_with_its_line(tmp_path: Path) -> None:
    said = faults(tmp_path, '[crm]\nkind = "salesforce"\nurl = https://x\n')
    assert "line 3" in said[0]
    assert "config.toml" in said[0]


def test_a_file_that_is_not_there_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(UsageFault, match="kam init"):
        config.load(tmp_path)


def test_a_file_in_another_encoding_is_told_as_one_line(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b'[crm]\nkind = "\xff"\n')
    with pytest.raises(UsageFault) as raised:
        config.load(tmp_path)
    assert "config.toml" in raised.value.faults[0]


def test_a_secret_put_where_its_variable_is_named_is_not_repeated(tmp_path: Path) -> None:
    said = faults(tmp_path, GOOD.replace('"S"', '"00Dxx!AQ.secret of mine"'))
    assert "secret of mine" not in "\n".join(said)


def test_a_missing_crm_section_is_told_as_one_line(tmp_path: Path) -> None:
    said = faults(tmp_path, "[company]\n")
    assert len(said) == 1
    assert "[crm]: this section is missing" in said[0]


VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(-5, 10**20), st.floats(allow_nan=True), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(string.ascii_letters, min_size=1, max_size=6), inner, max_size=3),
    ),
    max_leaves=4,
)
KEYS = sorted({name for cls in config.sections().values() for name in cls.__dataclass_fields__})


@given(
    section=st.sampled_from(sorted(config.sections())),
    values=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4),
)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_value_of_any_setting_is_taken_or_complained_of(section: str, values: dict[str, Any]) -> None:
    complaints: list[str] = []
    made = config.build(config.sections()[section], values, f"config.toml [{section}]", complaints, Path())
    assert (made is None) == bool(complaints)


@given(values=st.dictionaries(st.sampled_from(["about", "steps", "schedule", "timezone", "guards", "api"]), VALUES))
@settings(max_examples=80, deadline=None)
def test_any_value_in_a_job_is_taken_or_complained_of(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any]
) -> None:
    complaints: list[str] = []
    nested = job._nested(values, Path("x.toml"), complaints, Path())
    made = config.build(job.Job, nested, "x.toml", complaints, Path())
    assert made is None or not complaints or isinstance(made, job.Job)


def test_an_unknown_job_is_told_with_the_nearest_and_all_there_are(tmp_path: Path) -> None:
    write_folder(tmp_path, "salesforce")
    with pytest.raises(KamError) as raised:
        job.load(tmp_path, "refesh")
    assert raised.value.code == 2
    assert 'Nearest: "refresh"' in str(raised.value)
    assert "first_run" in str(raised.value)
