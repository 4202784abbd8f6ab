"""Uploads: the CSV that a caller sends, its header held against the object's fields, its rows as values to write.

A file of bytes comes in; rows of text and, for each, the values by field leave, or the reason why the job fails.
Next room: `ingest`.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from connector.emulator.salesforce.bulk.jobs import Failure, Job
from connector.emulator.salesforce.bulk.tables import DELIMITERS, LINE_ENDINGS
from connector.emulator.salesforce.org.model import Field, ObjectType
from connector.emulator.salesforce.org.records import Org

CLEARED = "#N/A"  # the text that empties a field; an empty text leaves it alone
LONGEST_HEADER = 32_000
XSD = {
    "boolean": "xsd:boolean", "int": "xsd:int", "double": "xsd:double", "currency": "xsd:double",
    "percent": "xsd:double", "date": "xsd:date", "datetime": "xsd:dateTime", "time": "xsd:time", "id": "tns:ID",
    "reference": "tns:ID", "base64": "xsd:base64Binary",
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """One column of an upload: the field it fills, or the relationship and the parent's field that names the parent."""

    name: str  # as the upload has it
    key: str  # the field's or the relationship's API name
    field: Field
    parent_type: str | None = None
    parent_field: str | None = None

    def value(self, text: str) -> object:
        """What the row's text means for this column."""
        if text == CLEARED:
            return None
        if self.parent_field is None:
            return text
        return {"attributes": {"type": self.parent_type}, self.parent_field: text}


class Upload:
    """A CSV file that is read row by row; the first is its header."""

    def __init__(self, file: IO[bytes], job: Job) -> None:
        file.seek(0)
        _check_ending(file, str(job.wish["lineEnding"]))
        file.seek(0)
        self._text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        self._rows = csv.reader(self._text, delimiter=DELIMITERS[str(job.wish["columnDelimiter"])], strict=True)
        self.header = next(self.rows(), [])
        if not self.header:
            raise Failure("InvalidBatch : The uploaded data is empty: it needs a header row")
        if sum(map(len, self.header)) > LONGEST_HEADER:
            raise Failure(f"InvalidBatch : The header is longer than {LONGEST_HEADER} characters")

    def rows(self) -> Iterator[list[str]]:
        """The rows that were not read yet, empty lines left out."""
        try:
            yield from (row for row in self._rows if row)
        except csv.Error as error:
            raise Failure(f"ClientInputError : Failed to parse CSV in line {self._rows.line_num}: {error}") from error
        except UnicodeDecodeError as error:
            raise Failure(f"ClientInputError : The data is not UTF-8: {error}") from error

    def close(self) -> None:
        """Let go of the file, which its owner closes."""
        self._text.detach()


def columns_of(org: Org, job: Job, kind: ObjectType, header: Sequence[str]) -> list[Column]:
    """The columns that a header names; one unknown name fails the job."""
    readable = org.readable(job.user_id, kind.name)
    found = [_column(org, kind, name, readable) for name in header]
    names = [column.key.lower() for column in found]
    for name in names:
        if names.count(name) > 1:
            raise Failure(f"InvalidBatch : Field name is given twice : {name}")
    needed = job.wish.get("externalIdFieldName") if job.operation == "upsert" else "Id"
    if job.operation != "insert" and str(needed).lower() not in names:
        raise Failure(f"InvalidBatch : Field name not found : {needed}")
    if job.operation in ("delete", "hardDelete") and len(names) > 1:
        raise Failure("InvalidBatch : A delete job takes only the column Id")
    return found


def given_values(columns: Sequence[Column], row: Sequence[str]) -> dict[str, object]:
    """The values that a row sets, by field or relationship; empty ones set nothing."""
    return {column.key: column.value(text) for column, text in zip(columns, row, strict=True) if text != ""}


def unreadable(columns: Sequence[Column], row: Sequence[str], fields: Sequence[str]) -> str | None:
    """How the service words a value that is none of its field's type."""
    at = next((n for n, column in enumerate(columns) if column.field.name in fields), None)
    if at is None or at >= len(row):
        return None
    kind = XSD.get(columns[at].field.type, "xsd:string")
    name = columns[at].field.name
    said = f"Failed to deserialize field at col {at + 1}. Due to, '{row[at]}' is not a valid value for the type {kind}"
    return f"INVALID_FIELD:{said}:{name} --"


def _column(org: Org, kind: ObjectType, name: str, readable: frozenset[str]) -> Column:
    path = name.strip()
    type_name, colon, tail = path.partition(":")
    path = tail if colon else path
    relation, dot, key = path.partition(".")
    if not dot:
        field = kind.field(path)
        if field is None or field.name not in readable or colon:
            raise Failure(f"InvalidBatch : Field name not found : {name}")
        return Column(name, field.name, field)
    parents: Mapping[str, Field] = {
        str(field.relationship_name).lower(): field
        for field in kind.fields.values()
        if field.relationship_name and field.name in readable
    }
    field = parents.get(relation.lower())
    target = type_name if colon else field.reference_to[0] if field and field.reference_to else ""
    parent = org.objects.get(target.lower())
    external = parent.field(key) if parent is not None else None
    if field is None or external is None or not (external.external_id or external.id_lookup):
        raise Failure(f"InvalidBatch : Field name not found : {name}")
    return Column(name, str(field.relationship_name), field, target, external.name)


def _check_ending(file: IO[bytes], wanted: str) -> None:
    """Refuse data whose lines end otherwise than the job says; the header's line speaks for all."""
    line = file.readline()
    found = "CRLF" if line.endswith(b"\r\n") else "LF" if line.endswith(b"\n") else wanted
    if LINE_ENDINGS[found] != LINE_ENDINGS[wanted]:
        raise Failure(f"ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is {wanted}")
