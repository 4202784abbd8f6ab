"""DuckDB that takes over what did not change: the tables of the accounts whose rows are the same as last time.

A full enrich copies the mirror's rows into Parquet, once, as it would anyhow, and leaves them, with every table that
is made of an account's own rows, in a folder. The next one finds the accounts that differ: by the records noted as
changed, compared with the rows as they were, and by the days that passed. Steps that are kept run over the rows of
these accounts only, and their tables are put together with the rest of the kept ones. Everything else runs over whole
tables.
Next room: `steps.enrich`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from connector.engine.duck import LARGE, DuckEngine, in_place, written
from connector.schema import EXPOSED, TABLES, Read

# Tables of the mirror that kept steps read, besides small ones.
BASE = (
    *("account", "contact", "opportunity", "opportunity_line", "product"),
    *("stakeholder", "activity", "activity_contact", "asset", "case"),
    "revenue",
)
# Which accounts differ. delta_*: rows that changed, as they were and as they are; wide_*: all rows as they are.
# passed_*: ids of rows with a day that was to come then and has come now, or the other way round.
_DIRTY = {
    # Who is left out of everything counts nowhere, not even among the people of an activity.
    "hit_person": """
        SELECT id FROM delta_contact GROUP BY id
        HAVING COUNT(*) <> 2 OR COUNT(DISTINCT COALESCE(no_profiling, 0)) > 1 OR COUNT(DISTINCT created_day) > 1
          OR COUNT(created_day) = 1
        UNION SELECT id FROM passed_contact""",
    "hit_activity": """
        SELECT id FROM delta_activity UNION SELECT id FROM passed_activity
        UNION SELECT activity_id FROM delta_activity_contact
        UNION SELECT c.activity_id FROM wide_activity_contact AS c JOIN hit_person AS h ON h.id = c.contact_id""",
    "hit_contact": """
        SELECT id FROM delta_contact UNION SELECT id FROM hit_person
        UNION SELECT contact_id FROM delta_activity_contact UNION SELECT contact_id FROM delta_stakeholder
        UNION SELECT c.contact_id FROM wide_activity_contact AS c JOIN hit_activity AS h ON h.id = c.activity_id""",
    "hit_product": """
        SELECT id FROM delta_product GROUP BY id
        HAVING COUNT(*) <> 2 OR COUNT(DISTINCT family) > 1 OR COUNT(family) = 1""",
    "hit_deal": """
        SELECT id FROM delta_opportunity UNION SELECT id FROM passed_opportunity
        UNION SELECT opportunity_id FROM delta_opportunity_line
        UNION SELECT l.opportunity_id FROM wide_opportunity_line AS l JOIN hit_product AS h ON h.id = l.product_id""",
    "hit_asset": """
        SELECT id FROM passed_asset
        UNION SELECT a.id FROM wide_asset AS a JOIN hit_product AS h ON h.id = a.product_id""",
    "hit_revenue": """
        SELECT id FROM passed_revenue
        UNION SELECT r.id FROM wide_revenue AS r JOIN hit_product AS h ON h.id = r.product_id""",
    # What belongs to no account is one more account, of the empty name.
    "dirty": """
        SELECT DISTINCT COALESCE(id, '') AS id FROM (
          SELECT id FROM delta_account
          UNION ALL SELECT account_id FROM hit_tier
          UNION ALL SELECT account_id FROM delta_contact
          UNION ALL SELECT c.account_id FROM wide_contact AS c JOIN hit_contact AS h ON h.id = c.id
          UNION ALL SELECT account_id FROM delta_opportunity
          UNION ALL SELECT o.account_id FROM wide_opportunity AS o JOIN hit_deal AS h ON h.id = o.id
          UNION ALL SELECT account_id FROM delta_revenue
          UNION ALL SELECT r.account_id FROM wide_revenue AS r JOIN hit_revenue AS h ON h.id = r.id
          UNION ALL SELECT account_id FROM delta_asset
          UNION ALL SELECT a.account_id FROM wide_asset AS a JOIN hit_asset AS h ON h.id = a.id
          UNION ALL SELECT account_id FROM delta_case
          UNION ALL SELECT c.account_id FROM wide_case AS c JOIN passed_case AS h ON h.id = c.id)""",
}
# Rows that nobody asks for by their id: that of the record is enough.
_UNNAMED = {"opportunity_line", "stakeholder"}
# What people decided about accounts: read as a whole, and kept beside, to see whose changed.
_TIER = "SELECT account_id, status FROM programme WHERE status IS NOT NULL"
# The rows of these accounts, and of everyone who took part in their activities: near_*.
_OF = "SELECT t.* FROM wide_{0} AS t SEMI JOIN {1}"
_NEAR = {
    "account": _OF.format("account", "dirty AS d ON d.id = t.id"),
    "opportunity": _OF.format("opportunity", "dirty AS d ON d.id = COALESCE(t.account_id, '')"),
    "opportunity_line": _OF.format("opportunity_line", "near_opportunity AS o ON o.id = t.opportunity_id"),
    "revenue": _OF.format("revenue", "dirty AS d ON d.id = COALESCE(t.account_id, '')"),
    "asset": _OF.format("asset", "dirty AS d ON d.id = COALESCE(t.account_id, '')"),
    "case": _OF.format("case", "dirty AS d ON d.id = COALESCE(t.account_id, '')"),
    "activity_contact": """
        SELECT t.* FROM wide_activity_contact AS t SEMI JOIN (
          SELECT c.activity_id FROM wide_activity_contact AS c
          SEMI JOIN (SELECT id FROM wide_contact WHERE COALESCE(account_id, '') IN (SELECT id FROM dirty)) AS p
            ON p.id = c.contact_id
        ) AS a ON a.activity_id = t.activity_id""",
    "activity": _OF.format("activity", "near_activity_contact AS c ON c.activity_id = t.id"),
    "contact": """
        SELECT t.* FROM wide_contact AS t
        WHERE COALESCE(t.account_id, '') IN (SELECT id FROM dirty)
          OR t.id IN (SELECT contact_id FROM near_activity_contact WHERE contact_id IS NOT NULL)""",
    "stakeholder": _OF.format("stakeholder", "near_contact AS c ON c.id = t.contact_id"),
    "product": "SELECT * FROM wide_product",
}


class Outdated(Exception):
    """What all accounts have to know changed under the kept tables: begin again, in full."""


class KeepingEngine(DuckEngine):
    """A DuckEngine that can leave tables for the next one, and take over those of the last one."""

    def __init__(
        self,
        mirror: Path,
        *,
        memory: str = "auto",
        threads: int = 0,
        scanner: bool = True,
        large: int = LARGE,
        least: int = LARGE,
    ) -> None:
        super().__init__(mirror, memory=memory, threads=threads, scanner=scanner, large=large)
        # A small mirror is read anew in less time than it takes to find out what changed.
        self.keeper = self if self._extension is not None and mirror.stat().st_size >= least else None
        self._folder: Path | None = None
        self._reused = False
        self._today = True  # whether the kept daily tables are of this day
        self._near = False  # whether names mean the rows of the accounts that differ
        self._names: list[str] = []  # what there is a near_ and a wide_ table of

    def keep(self, reads: Mapping[str, Read], folder: Path) -> dict[str, int]:
        """Compute in full, and leave rows and kept tables in this folder; rows by table."""
        self._folder, self._reused, self._near, self._names = folder, False, False, []
        files = [(folder / f"rows-{t}.parquet", EXPOSED.get(t, t)) for t in BASE]
        wanted = [
            (f'SELECT {_source(reads[v])}, {_listed(reads[v])} FROM mirror."{t}"', f)
            for t, (f, v) in zip(BASE, files, strict=True)
        ]
        counts = dict(zip(BASE, self._take(wanted), strict=True))
        for file, view in files:
            self._db.execute(f'CREATE OR REPLACE TEMP VIEW "{view}" AS SELECT * FROM {in_place(file)}')
        self._take_small(reads)
        super().save(_TIER, self._file("tiers"))
        return counts

    def reuse(self, reads: Mapping[str, Read], folder: Path, passed: Sequence[tuple[str, str, int, int]]) -> int:
        """Take over the tables of this folder for accounts that did not change; number of those that did.

        passed: table, column and the days (after the one, up to the other) whose rows count otherwise than then.
        """
        self._folder, self._reused = folder, True
        self._today = not passed
        self._take_changed(reads)
        for table in BASE:
            self._differences(reads[EXPOSED.get(table, table)])
            days = [f"{c} > {int(low)} AND {c} <= {int(high)}" for t, c, low, high in passed if t == table]
            if table in {"contact", "activity", "opportunity", "revenue", "asset", "case"}:
                where = " OR ".join(days) or "FALSE"
                self._make(f"passed_{table}", f'SELECT id FROM "wide_{table}" WHERE {where}')
        self._make("now", _TIER)
        before = f"SELECT * FROM {in_place(self._file('tiers'))}"
        self._make("hit_tier", f"(FROM now EXCEPT {before}) UNION ({before} EXCEPT FROM now)")
        for name, sql in _DIRTY.items():
            self._make(name, sql)
        for table, sql in _NEAR.items():
            self._make(f"near_{table}", sql)
        self._near, self._names = False, list(BASE)
        for name in BASE:
            self._name(name)
        return self._count("dirty")

    def patch(self, name: str, arrays: Mapping[str, np.ndarray[Any, Any] | Sequence[Any]], noted: str) -> None:
        """Make table `name` of what was kept of it and of these rows, in place of the accounts noted under a name."""
        self.load(f"near_{name}", arrays)
        file = self._file(name)
        self._db.execute(
            f'CREATE OR REPLACE TEMP VIEW "{name}" AS SELECT * FROM {in_place(file)} WHERE account_id NOT IN'
            f' (SELECT source FROM changed WHERE "table" = \'{noted}\') UNION ALL SELECT * FROM "near_{name}"'
        )

    def leave(self, name: str) -> None:
        """Leave a table that was loaded for the next one, too."""
        self.save(f'SELECT * FROM "{name}"', self._file(name))

    def run(self, name: str, sql: str, params: Mapping[str, object], scope: str = "") -> None:
        """Make temp table `name`; kept and daily ones are taken over where their accounts did not change."""
        if self._folder is None or not scope:
            self._point(near=False)
            super().run(name, sql, params)
        elif not self._reused:
            self._run_and_leave(name, sql, params, scope)
        elif scope == "guard":
            self._point(near=False)
            super().run(name, sql, params)
            before = self.rows(f"SELECT * FROM {in_place(self._file(name))}")
            if self._today and self.rows(f'SELECT * FROM "{name}"') != before:
                raise Outdated(name)
        elif scope.startswith("daily") and not self._today:
            self._point(near=False)
            super().run(name, sql, params)
        else:
            self._run_near(name, sql, params, scope)

    def arrays(self, sql: str) -> dict[str, np.ndarray[Any, Any]]:
        """Columns of a SELECT as numpy arrays, masked where null."""
        self._point(near=False)
        return super().arrays(sql)

    def save(self, sql: str, file: Path) -> int:
        """Write the rows of a SELECT to a Parquet file; their number."""
        self._point(near=False)
        return super().save(sql, file)

    def _file(self, name: str) -> Path:
        if self._folder is None:
            raise ValueError(f"{name}: nothing is kept by this engine")
        return self._folder / f"{name}.parquet"

    def _differences(self, read: Read) -> None:
        """Make delta_ and wide_ of a table: the rows that really changed, as they were and are; and all as they are."""
        table = read.table
        whole = "* REPLACE (COALESCE(_source, id) AS _source)" if _has_id(read) else "*"
        kept = f"(SELECT {whole} FROM {in_place(self._file(f'rows-{table}'))})"
        self._make(f"delta_{table}", f"FROM {kept} LIMIT 0")
        wide = f'CREATE OR REPLACE TEMP VIEW "wide_{table}" AS '
        if not self.rows(f"SELECT 1 FROM changed WHERE \"table\" = '{table}' LIMIT 1"):
            self._db.execute(f"{wide} FROM {kept}")
            return
        noted = f"changed AS c ON c.source = k._source AND c.\"table\" = '{table}'"
        self._make("was", f"SELECT k.* FROM {kept} AS k SEMI JOIN {noted}")
        self._make("now", f'FROM "delta_{table}"')
        self._db.execute(f"INSERT INTO now SELECT * FROM {in_place(self._now(table))}")
        differ = "SELECT _source FROM (FROM was EXCEPT FROM now) UNION SELECT _source FROM (FROM now EXCEPT FROM was)"
        self._make(f"altered_{table}", differ)
        these = f'JOIN "altered_{table}" AS a USING (_source)'
        self._make(f"now_{table}", f"FROM now SEMI {these}")
        self._make(f"delta_{table}", f'(FROM was SEMI {these}) UNION ALL (FROM "now_{table}")')
        self._db.execute(f'{wide} (FROM {kept} AS k ANTI {these}) UNION ALL (FROM "now_{table}")')

    def _take_changed(self, reads: Mapping[str, Read]) -> None:
        """Take the list of what changed out of the mirror, and those rows as they are now."""
        wanted = []
        for table in BASE:
            # SQLite looks these rows up by their key; DuckDB would read the whole table.
            picked = f"SELECT k._source, {_listed(reads[EXPOSED.get(table, table)], 'k.')} FROM changed AS c CROSS JOIN"
            text = f'{picked} "{table}" AS k ON k._source = c.source WHERE c."table" = \'{table}\''
            wanted.append(("SELECT * FROM sqlite_query('mirror', '" + text.replace("'", "''") + "')", self._now(table)))
        noted = self._snapshot / "changed.parquet"
        self._take([("SELECT * FROM mirror.changed", noted), *wanted])
        self._make("changed", f"SELECT * FROM {in_place(noted)}")
        self._take_small(reads)

    def _now(self, table: str) -> Path:
        return self._snapshot / f"now-{table}.parquet"

    def _take_small(self, reads: Mapping[str, Read]) -> None:
        """Take the tables that are read as a whole every time."""
        if self._large:
            small = [name for name, read in reads.items() if read.table not in BASE]
            self._take_tables(reads, {name: self._snapshot / f"{name}.parquet" for name in small})

    def _make(self, name: str, sql: str) -> None:
        self._db.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS {sql}')

    def _count(self, table: str) -> int:
        return int(self.rows(f'SELECT COUNT(*) FROM "{table}"')[0][0])

    def _point(self, *, near: bool) -> None:
        """Let the names of tables mean the rows of the accounts that differ, or all rows."""
        if self._near == near:
            return
        self._near = near
        for name in self._names:
            self._name(name)

    def _name(self, name: str) -> None:
        side = "near" if self._near else "wide"
        self._db.execute(f'CREATE OR REPLACE TEMP VIEW "{EXPOSED.get(name, name)}" AS SELECT * FROM "{side}_{name}"')

    def _run_and_leave(self, name: str, sql: str, params: Mapping[str, object], scope: str) -> None:
        """Make a table; where it is kept, or near and large, straight into its file, so that it takes no memory."""
        if scope not in ("kept", "daily", "guard", "near"):
            super().run(name, sql, params)
            return
        file = self._snapshot / f"{name}.parquet" if scope == "near" else self._file(name)
        super().save(written(sql, params), file)
        self._db.execute(f'CREATE OR REPLACE TEMP VIEW "{name}" AS SELECT * FROM {in_place(file)}')

    def _run_near(self, name: str, sql: str, params: Mapping[str, object], scope: str) -> None:
        """Make a table of the accounts that differ, and put it together with what was kept of the others."""
        self._point(near=True)
        if scope not in ("kept", "daily"):
            super().run(name, sql, params)
            return
        super().run(f"near_{name}", sql, params)
        differs = "COALESCE(account_id, '') {} (SELECT id FROM dirty)"
        self._db.execute(
            f'CREATE OR REPLACE TEMP VIEW "wide_{name}" AS'
            f" SELECT * FROM {in_place(self._file(name))} WHERE {differs.format('NOT IN')}"
            f' UNION ALL SELECT * FROM "near_{name}" WHERE {differs.format("IN")}'
        )
        self._names.append(name)
        self._name(name)


def _has_id(read: Read) -> bool:
    """Whether the rows of a table are kept with their id."""
    return "id" in read.columns or (bool(TABLES[read.table].column("id")) and read.table not in _UNNAMED)


def _source(read: Read) -> str:
    """The record's id as it is kept: only where it is another than the row's, or it would double the largest column."""
    return "CASE WHEN _source = id THEN NULL ELSE _source END AS _source" if _has_id(read) else "_source"


def _listed(read: Read, prefix: str = "") -> str:
    """The columns of a table that are kept: its id where it is asked for, and what is read of it."""
    names = (*(["id"] if _has_id(read) else []), *(c for c in read.columns if c != "id"))
    return ", ".join(f'{prefix}"{n}"' for n in names)
