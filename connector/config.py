"""`config.toml` to frozen settings; gathers every complaint before anything is touched.

A folder comes in, settings leave. Each setting lives beside the rule that reads it; here they are only gathered.
Next room: `workspace`.
"""

import tomllib
import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from connector.crm.settings import CrmSettings
from connector.errors import UsageFault, nearest
from connector.insight.chart import Settings as Chart
from connector.insight.chart.introduction import Privacy
from connector.insight.coverage import Settings as Coverage
from connector.insight.deals import Settings as Deals
from connector.insight.key_accounts import Settings as KeyAccounts
from connector.insight.lapse import Settings as Lapse
from connector.insight.net_value import Settings as NetValue
from connector.insight.quadrant import Settings as Quadrant
from connector.insight.relationship import Settings as Relationship
from connector.insight.sponsor import Settings as Sponsor
from connector.insight.texts import LANGUAGES
from connector.insight.titles import Settings as Titles
from connector.insight.whitespace.settings import Settings as Whitespace
from connector.steps.diff import WriteScope

CONFIG = "config.toml"


@dataclass(frozen=True)
class StoreSettings:
    """Where our own files are; a relative folder starts at config.toml."""

    dir: str = "store"


@dataclass(frozen=True)
class CompanySettings:
    """The customer's own company.

    currency: ISO code of the corporate currency, in which results are. language: of the report, and of texts whose
    record's owner reads none we know (en, de, fr, es, ru, fa, ar). texts_in: "owner" writes each text in the language
    of the record's owner, "company" all of them in the one above. rates: units of a currency for one corporate unit,
    where the CRM keeps no rate.
    """

    currency: str = "EUR"
    language: str = "en"
    texts_in: Literal["owner", "company"] = "owner"
    rates: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.currency) != 3 or not self.currency.isupper():
            raise ValueError(f'currency: "{self.currency}" is no ISO code; write three capitals, as "EUR".')
        if self.language not in LANGUAGES:
            raise ValueError(f'language: there are no texts in "{self.language}". Known: {", ".join(LANGUAGES)}')
        for currency, rate in self.rates.items():
            if not isinstance(rate, int | float) or rate <= 0:
                raise ValueError(f"rates.{currency}: must be a number above 0, not {rate}.")


@dataclass(frozen=True)
class RevenueSettings:
    """Where revenue is read from: won deals, or invoices, orders or contracts, which the mapping then has to bring in
    as the table `revenue`. What has a term, as a contract, is spread over its days.
    """

    source: Literal["won_deals", "invoices", "orders", "contracts"] = "won_deals"


@dataclass(frozen=True)
class EngineSettings:
    """What runs the insight SQL: "duckdb" here, or "spark" for a mirror that outgrew this machine."""

    kind: Literal["duckdb", "spark"] = "duckdb"
    memory: str = field(
        default="auto",
        metadata={
            "meaning": "Of DuckDB, and of a Spark master's driver; auto: 700MB, 1GB or 2GB, by the mirror's size."
        },
    )
    threads: int = field(default=0, metadata={"meaning": "Of DuckDB; 0 for all cores."})
    master: str = field(default="", metadata={"meaning": "Spark's master, as local[4] or spark://host:7077; or:"})
    remote: str = field(default="", metadata={"meaning": "A Spark Connect server, as sc://host:15002."})
    folder: str = field(
        default="", metadata={"meaning": "Under one path here and on all of Spark; empty: beside the store's files."}
    )

    def __post_init__(self) -> None:
        if self.kind == "spark" and bool(self.master) == bool(self.remote):
            raise ValueError('master: kind = "spark" needs either master or remote; give one of them.')
        if self.kind == "duckdb" and (self.master or self.remote or self.folder):
            raise ValueError('kind: master, remote and folder are for kind = "spark".')
        if self.remote and not self.remote.startswith("sc://"):
            raise ValueError(f'remote: "{self.remote}" is no Spark Connect address; write sc://host:15002.')


@dataclass(frozen=True)
class SetupSettings:
    """How setup names our fields in the CRM."""

    prefix: str = "KAM"

    def __post_init__(self) -> None:
        if not self.prefix.isalnum() or not self.prefix[0].isalpha() or len(self.prefix) > 15:
            raise ValueError(f'prefix: "{self.prefix}" must be 1 to 15 letters and digits, beginning with a letter.')


@dataclass(frozen=True)
class Config:
    """All settings of one deployment folder."""

    folder: Path
    crm: CrmSettings
    store: StoreSettings = StoreSettings()
    company: CompanySettings = CompanySettings()
    revenue: RevenueSettings = RevenueSettings()
    engine: EngineSettings = EngineSettings()
    setup: SetupSettings = SetupSettings()
    write_scope: WriteScope = WriteScope()
    titles: Titles = Titles()
    relationship: Relationship = Relationship()
    chart: Chart = Chart()
    coverage: Coverage = Coverage()
    deals: Deals = Deals()
    whitespace: Whitespace = Whitespace()
    net_value: NetValue = NetValue()
    lapse: Lapse = Lapse()
    key_accounts: KeyAccounts = KeyAccounts()
    quadrant: Quadrant = Quadrant()
    sponsor: Sponsor = Sponsor()
    privacy: Privacy = Privacy()

    @property
    def store_dir(self) -> Path:
        """Folder of the store."""
        return self.folder / self.store.dir

    @property
    def mapping_file(self) -> Path:
        """Mapping of this CRM."""
        return self.folder / "mappings" / f"{self.crm.kind}.toml"


def sections() -> dict[str, type]:
    """Settings class of every section of config.toml, in the file's order."""
    hints = get_type_hints(Config)
    return {f.name: hints[f.name] for f in fields(Config) if f.name != "folder"}


def load(folder: Path) -> Config:
    """Read `config.toml` of a folder; raises UsageFault with every complaint."""
    path = folder / CONFIG
    given = read_toml(path, "Make one with: kam init DIR --crm salesforce")
    faults: list[str] = []
    known = sections()
    faults += [f"{path.name} [{s}]: unknown section.{nearest(s, list(known))}" for s in given if s not in known]
    made = {}
    for name, cls in known.items():
        if name == "crm" and name not in given:
            faults.append(f"{path.name} [crm]: this section is missing; it says which CRM and how to log in.")
            continue
        values = given.get(name, {})
        if not isinstance(values, dict):
            faults.append(f"{path.name} {name}: must be a section, like [{name}].")
            continue
        settings = build(cls, values, f"{path.name} [{name}]", faults, folder)
        if settings is not None:
            made[name] = settings
    if "crm" in made:
        faults += [f"{path.name} [crm] {line.removeprefix('crm.')}" for line in made["crm"].complaints()]
    if faults:
        raise UsageFault(*(f"{f} Then run: kam check" for f in faults))
    return Config(folder=folder, **made)


def read_toml(path: Path, advice: str) -> dict[str, Any]:
    """Contents of a TOML file; raises UsageFault with the place of a syntax error."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageFault(f"{path}: there is no such file. {advice}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UsageFault(f"{path}: cannot be read: {error}.") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageFault(f"{path}: not valid TOML: {error}. Correct it, then run: kam check") from error


def build(cls: type, values: Mapping[str, Any], place: str, faults: list[str], folder: Path) -> Any:
    """A settings object from a TOML table; complaints are added to `faults` and None is given back."""
    hints = get_type_hints(cls)
    known = [f.name for f in fields(cls)]
    before = len(faults)
    faults += [f"{place} {k}: unknown key.{nearest(k, known)}" for k in values if k not in known]
    made = {}
    for item in fields(cls):
        if item.name in values:
            try:
                made[item.name] = _value(hints[item.name], values[item.name], folder)
            except (TypeError, ValueError) as error:
                faults.append(f"{place} {item.name}: {error}")
        elif item.default is MISSING and item.default_factory is MISSING:
            faults.append(f"{place} {item.name}: missing.")
    if len(faults) > before:
        return None
    try:
        return cls(**made)
    except ValueError as error:
        faults.append(f"{place} {error}")
        return None


def _value(hint: Any, value: Any, folder: Path) -> Any:
    """A TOML value as the type a setting wants; raises ValueError that says what it got."""
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _value(next(a for a in args if a is not type(None)), value, folder)
    if origin is Literal:
        if value not in args:
            raise ValueError(f"must be {' or '.join(map(_toml, args))}, not {_toml(value)}.")
        return value
    if hint is Path:
        if not isinstance(value, str):
            raise ValueError(f"must be a text, not {_toml(value)}.")
        return folder / Path(str(value)).expanduser()
    if origin is tuple:
        if not isinstance(value, list):
            raise ValueError(f"must be a list, not {_toml(value)}.")
        if args and is_dataclass(args[0]):
            return tuple(_of_list(args[0], n, v, folder) for n, v in enumerate(value, 1))
        return tuple(_value(args[0], v, folder) for v in value) if args else tuple(value)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, dict):
            raise ValueError(f"must be a table, not {_toml(value)}.")
        return {k: _entry(k, args[1], v, folder) for k, v in value.items()} if args else value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and (not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool)):
        words = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
        raise ValueError(f"must be {words.get(hint, 'a section of its own')}, not {_toml(value)}.")
    return value


def _of_list(cls: Any, number: int, value: Any, folder: Path) -> Any:
    """One table of a list of tables; its complaints say which one it is."""
    if not isinstance(value, dict):
        raise ValueError(f"number {number} must be a table with keys of its own, not {_toml(value)}.")
    faults: list[str] = []
    made = build(cls, value, f"number {number},", faults, folder)
    if faults:
        raise ValueError(" ".join(faults))
    return made


def _entry(key: str, hint: Any, value: Any, folder: Path) -> Any:
    """A value of a table within a section; its complaint names the key."""
    try:
        return _value(hint, value, folder)
    except ValueError as error:
        raise ValueError(f"{key} {error}") from error


def _toml(value: Any) -> str:
    """A value as its author wrote it, or nearly; long ones are cut."""
    text = str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
