"""Rows in, rows out: our copy of the CRM's records, and `present`, the written fields as the CRM has them.

Columns made by `mapping` come in, batch by batch, each stored in one transaction together with its cursor.
Next room: `engine`, which reads the file; `steps.diff`, which reads `present`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from connector.store import changed
from connector.store.beside import Statement, Writer, carry_out
from connector.store.migrations import MIRROR, SOURCE, bind, get_meta, guarded, open_database, set_meta


@dataclass(frozen=True)
class CursorRow:
    """How far one read has come: the cursor, the mark of what was asked, and the rows after the last full pull."""

    cursor: str | None
    fields: str
    full_count: int | None


class Mirror:
    """The open `mirror.db`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "mirror.db"
        self.db = open_database(self.path, MIRROR, synchronous="NORMAL")
        self.fresh: dict[str, frozenset[str]] = {}  # tables that a pull fills beside the live ones, see `fresh`
        self._writer: Writer | None = None
        self._handed: list[Statement] | None = None

    def close(self) -> None:
        """Close the file."""
        self.alone()
        self.db.conn.close()

    def helped(self) -> None:
        """Let a process of its own store what is `handed` to it from now on."""
        if self._writer is None:
            self._writer = Writer(self.path, self.db.conn)

    def alone(self) -> None:
        """End that process, if there is one."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def may_hand(self, tables: Iterable[str]) -> bool:
        """Whether somebody helps, and nobody sees these tables yet."""
        return self._writer is not None and all(table in self.fresh for table in tables)

    @contextmanager
    def handed(self) -> Iterator[None]:
        """One transaction for that process: it is done by the next `atomic`, which else raises StoreFault."""
        assert self._writer is not None  # noqa: S101 (`may_hand` said so)
        self._handed = []
        try:
            yield
            with guarded(self.path):
                self._writer.put(self._handed)
        finally:
            self._handed = None

    def settled(self) -> None:
        """All rows that were handed over are there."""
        if self._writer is not None:
            with guarded(self.path):
                self._writer.settle()

    def copy(self, folder: Path) -> "Mirror":
        """The same rows in another folder, as a mirror of their own."""
        made = Mirror(folder)
        with guarded(self.path):
            self.db.conn.backup(made.db.conn)
        return made

    def bind(self, org: dict[str, str]) -> None:
        """Tie the file to one org; StoreFault when it belongs to another."""
        with guarded(self.path):
            bind(self.db, self.path, org)

    def at(self, table: str) -> str:
        """Where a pull finds and stores the rows of a table: the fresh one while there is one."""
        return f"fresh_{table}" if table in self.fresh else table

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """One transaction; SQLite's errors become StoreFault and nothing of it is kept."""
        self.settled()
        with guarded(self.path), self.db.atomic():
            yield

    def upsert(
        self, table: str, record: str, ids: Sequence[str], columns: Mapping[str, Sequence[Any]], pull: int
    ) -> None:
        """Insert or update rows; columns that are not given keep what they hold."""
        bound: list[Sequence[Any]] = [ids]
        words = {SOURCE: "?1", "_record": "'{}'".format(record.replace("'", "''")), "_pull": str(pull)}
        for name, values in columns.items():
            if (same := _constant(values)) is not None:
                words[name] = same
            elif name == "id" and list(values) == list(ids):
                words[name] = "?1"
            else:
                bound.append(values)
                words[name] = f"?{len(bound)}"
        listed = ", ".join(f'"{c}"' for c in words)
        sets = ", ".join(f'"{c}" = excluded."{c}"' for c in (*columns, "_pull"))
        self._carry_out(
            f'INSERT INTO "{self.at(table)}" ({listed})',
            bound,
            tuple(words.values()),
            f'ON CONFLICT ("{SOURCE}", _record) DO UPDATE SET {sets}',
        )
        self._note(table, ids)

    def _carry_out(
        self, sql: str, columns: Sequence[Sequence[Any]], values: tuple[str, ...] = (), after: str = ""
    ) -> None:
        one = Statement(sql, values, after, columns)
        if self._handed is None:
            carry_out(self.db.conn, one)
        else:
            self._handed.append(one)

    def refresh(
        self, table: str, record: str, ids: Sequence[str], columns: Mapping[str, Sequence[Any]], pull: int
    ) -> int:
        """Replace some columns of rows that are there and differ in them; number of rows that did."""
        # Money's twin is computed later: it is emptied with its column, and tells no difference.
        told = [c for c in columns if not (c.endswith("_minor") and c.removesuffix("_minor") in columns)]
        place = {c: f"?{n}" for n, c in enumerate(columns, 1)}
        n = len(columns)
        sets = ", ".join(f'"{c}" = {place[c]}' for c in columns)
        differs = " OR ".join(f'"{c}" IS NOT {place[c]}' for c in told)
        sql = (
            f'UPDATE "{self.at(table)}" SET {sets}, _pull = ?{n + 1}'
            f' WHERE "{SOURCE}" = ?{n + 2} AND _record = ?{n + 3} AND ({differs})'
        )
        rows = zip(*columns.values(), [pull] * len(ids), ids, [record] * len(ids), strict=True)
        if not changed.watched(self.db):
            return int(self.db.conn.executemany(sql, rows).rowcount)
        altered = [row[-2] for row in rows if self.db.conn.execute(sql, row).rowcount]
        self._note(table, altered)
        return len(altered)

    def _note(self, table: str, ids: Iterable[str]) -> None:
        """Note rows as changed, unless they go into a fresh table: its swap gives up what is kept."""
        if table not in self.fresh:
            changed.note(self.db, table, ids)

    def sources(self, table: str, record: str) -> Iterator[str]:
        """Ids of the records that rows came from."""
        with guarded(self.path):
            sql = f'SELECT "{SOURCE}" FROM "{self.at(table)}" WHERE _record = ?'
            yield from (i for (i,) in self.db.conn.execute(sql, [record]))

    def delete(self, table: str, record: str, ids: Sequence[str], kept: int | None = None) -> int:
        """Drop the rows that came from these records, less those that the pull `kept` stored; number of rows."""
        self._note(table, ids)
        sql = f'DELETE FROM "{self.at(table)}" WHERE "{SOURCE}" = ? AND _record = ? AND _pull IS NOT ?'
        return int(self.db.conn.executemany(sql, [(i, record, kept) for i in ids]).rowcount) if ids else 0

    def unlisted(self, table: str, record: str, ids: Iterable[str], pull: int) -> list[str]:
        """Ids of the records that rows came from, less these and those that the pull stored."""
        self.db.conn.execute("CREATE TEMP TABLE listed (id TEXT PRIMARY KEY) WITHOUT ROWID")
        try:
            self.db.conn.executemany("INSERT OR IGNORE INTO listed VALUES (?)", ((i,) for i in ids))
            unlisted = f'"{SOURCE}" NOT IN (SELECT id FROM listed)'
            where = f"_record = ? AND _pull <> ? AND {unlisted}"
            found = self.rows(f'SELECT "{SOURCE}" AS id FROM "{self.at(table)}" WHERE {where}', [record, pull])
            return [row["id"] for row in found]
        finally:
            self.db.conn.execute("DROP TABLE listed")

    def set_present(self, table: str, ids: Sequence[str], columns: Mapping[str, Sequence[Any]]) -> None:
        """Replace what the CRM holds in our written fields of these records; nulls are not kept."""
        if columns:
            self._note("present", ids if table == "account" else ())
            here, names = f"'{table}'", ", ".join(f"'{c}'" for c in columns)
            self._carry_out(
                f'DELETE FROM {self.at("present")} WHERE "table" = {here} AND id = ? AND "column" IN ({names})', [ids]
            )
            for column, values in columns.items():
                told = [(i, v) for i, v in zip(ids, values, strict=True) if v is not None]
                if told:
                    sql = f"INSERT INTO {self.at('present')}"
                    self._carry_out(sql, list(zip(*told, strict=True)), (here, "?1", f"'{column}'", "?2"))

    def forget_present(self, table: str, ids: Sequence[str]) -> None:
        """Drop what we know of the written fields of records that are gone."""
        self._note("present", ids if table == "account" else ())
        sql = f'DELETE FROM {self.at("present")} WHERE "table" = ? AND id = ?'
        self.db.conn.executemany(sql, [(table, i) for i in ids])

    def present(self, table: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Written fields as the CRM has them, record by record, in order of id."""
        current, values = None, dict[str, Any]()
        for row in self.rows('SELECT id, "column", value FROM present WHERE "table" = ? ORDER BY id', [table]):
            if row["id"] != current:
                if current is not None:
                    yield current, values
                current, values = row["id"], {}
            values[row["column"]] = row["value"]
        if current is not None:
            yield current, values

    def present_of(self, table: str, record_id: str) -> dict[str, Any]:
        """Written fields of one record as the CRM has them."""
        found = self.rows('SELECT "column", value FROM present WHERE "table" = ? AND id = ?', [table, record_id])
        return {row["column"]: row["value"] for row in found}

    def sweep(self, table: str, record: str, pull: int) -> int:
        """Drop rows of a record that a full pull did not see; number of rows dropped."""
        unseen = f'FROM "{self.at(table)}" WHERE _record = ? AND _pull <> ?'
        if changed.watched(self.db):
            gone = [i for (i,) in self.db.conn.execute(f'SELECT "{SOURCE}" {unseen}', [record, pull])]
            self._note(table, gone)
            self._note("present", gone if table == "account" else ())
        self.db.conn.execute(
            f'DELETE FROM {self.at("present")} WHERE "table" = ? AND id IN (SELECT "{SOURCE}" {unseen})',
            [table, record, pull],
        )
        return int(self.db.conn.execute(f"DELETE {unseen}", [record, pull]).rowcount)

    def count(self, table: str, record: str | None = None, pull: int | None = None) -> int:
        """Rows of a table, or of one record in it, or of those the ones that a pull stored."""
        wanted = {"_record": record, "_pull": pull}
        given = {k: v for k, v in wanted.items() if v is not None}
        where = " WHERE " + " AND ".join(f"{k} = :{k}" for k in given) if given else ""
        self.settled()
        with guarded(self.path):
            return int(self.db.conn.execute(f'SELECT count(*) FROM "{self.at(table)}"{where}', given).fetchone()[0])

    def next_pull(self) -> int:
        """Number of a new pull."""
        number = int(get_meta(self.db, "pull") or 0) + 1
        set_meta(self.db, "pull", str(number))
        return number

    def meta(self, key: str, value: str | None = None) -> str | None:
        """Read one remembered value, or set it when `value` is given."""
        with guarded(self.path):
            if value is not None:
                set_meta(self.db, key, value)
            return get_meta(self.db, key)

    def replace_result(
        self, name: str, columns: Sequence[str], batches: Iterable[Sequence[Sequence[Any]]], key: Sequence[str]
    ) -> int:
        """Replace one result table by rows that come in batches; number of rows. Call it in a transaction."""
        made, marks, count = ", ".join(f'"{c}" ANY' for c in columns), ", ".join("?" * len(columns)), 0
        self.db.conn.execute(f'DROP TABLE IF EXISTS "{name}"')
        self.db.conn.execute(f'CREATE TABLE "{name}" ({made}) STRICT')
        for rows in batches:
            self.db.conn.executemany(f'INSERT INTO "{name}" VALUES ({marks})', rows)
            count += len(rows)
        self.db.conn.execute(f'CREATE INDEX "{name}_key" ON "{name}" ({", ".join(key)})')
        return count

    def rows(self, sql: str, values: Sequence[Any] = ()) -> Iterator[dict[str, Any]]:
        """Rows of a SELECT as dicts."""
        with guarded(self.path):
            cursor = self.db.conn.execute(sql, values)
            names = [d[0] for d in cursor.description]
            for row in cursor:
                yield dict(zip(names, row, strict=True))

    def has_results(self) -> bool:
        """Whether enrich has run on this mirror."""
        return any(self.rows("SELECT 1 FROM sqlite_master WHERE name = 'account_result'"))

    def find_accounts(self, text: str) -> list[dict[str, Any]]:
        """Accounts by id or name: the exact ones, else those whose name contains the text (at most 20)."""
        picked = "SELECT id, name, city, country FROM account WHERE"
        exact = list(self.rows(f"{picked} id = ? OR name = ? COLLATE NOCASE ORDER BY name, id", [text, text]))
        if exact:
            return exact
        return list(self.rows(f"{picked} instr(lower(name), lower(?)) > 0 ORDER BY name, id LIMIT 20", [text]))


def _constant(values: Sequence[Any]) -> str | None:
    """The one value of a column as SQL, where it is a small number or nothing: each value that is bound costs time."""
    first = values[0] if values else None
    if first is not None and not (first.__class__ is int and abs(first) < 1 << 31):
        return None
    return ("NULL" if first is None else str(first)) if values.count(first) == len(values) else None


def mark_of(asked: object) -> str:
    """What a cursor was for, as a short text: rows that were asked for in another way have to be read again."""
    return sha256(json.dumps(asked, default=str, sort_keys=True).encode()).hexdigest()[:16]
