"""`$batch`: parts and change sets as clients write them, and answers as clients take them apart."""

import re
from collections.abc import Iterator

import pytest
import requests
from dv_caller import Dataverse, refusal, serving


@pytest.fixture(scope="module")
def call() -> Iterator[Dataverse]:
    with serving() as caller:
        yield caller


def part(line: str, body: str = "", number: int | None = None, *headers: str) -> str:
    head = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    head += [f"Content-ID: {number}"] if number is not None else []
    inner = [f"{line} HTTP/1.1", *headers, *(["Content-Type: application/json"] if body else [])]
    return "\r\n".join([*head, "", *inner, "", body, ""])


def multipart(parts: list[str], boundary: str = "b_1") -> str:
    return "".join(f"--{boundary}\r\n{text}" for text in parts) + f"--{boundary}--\r\n"


def changes(parts: list[str]) -> str:
    return f"Content-Type: multipart/mixed; boundary=changeset_1\r\n\r\n{multipart(parts, 'changeset_1')}"


def send(call: Dataverse, text: str, boundary: str = '"b_1"', **headers: str) -> requests.Response:
    kind = f"multipart/mixed; boundary={boundary}"
    return call("POST", "$batch", data=text.encode(), headers={"Content-Type": kind, **headers})


def statuses(answer: requests.Response) -> list[int]:
    return [int(found) for found in re.findall(r"HTTP/1\.1 (\d+)", answer.text)]


@pytest.mark.parametrize("boundary", ['"b_1"', "b_1"])
@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("before", ["", "\r\n"])
@pytest.mark.parametrize("root", ["", "/api/data/v9.2/", "{root}"])
def test_every_way_to_write_a_batch_is_understood(call, boundary, end, before, root):
    named = root.format(root=call.root)
    parts = [part(f"POST {named}accounts", '{"name":"Raw Space"}'), part(f"GET {named}accounts?$filter=name eq 'a b'")]
    answer = send(call, (before + multipart(parts)).replace("\r\n", end), boundary)
    assert (answer.status_code, statuses(answer)) == (200, [204, 200])


def test_an_answer_has_the_shape_that_clients_take_apart(call):
    parts = [
        part("GET accounts/$count"),
        changes([part("POST accounts", '{"name":"A"}', 7), part("PATCH $7", '{"telephone1":"1"}', 8)]),
    ]
    answer = send(call, multipart(parts))
    kind = answer.headers["Content-Type"]
    boundary = kind.removeprefix("multipart/mixed; boundary=")
    assert boundary.startswith("batchresponse_")
    first, second, end = answer.text.split(f"--{boundary}")[1:]
    assert answer.text.startswith(f"--{boundary}\r\n") and end == "--\r\n"
    assert "Content-Type: text/plain" in first and "HTTP/1.1 200 OK\r\n" in first
    inner = re.fullmatch(
        r"\r\nContent-Type: multipart/mixed; boundary=(changesetresponse_[^\r]+)\r\n\r\n(--\1\r\n.*--\1--\r\n)",
        second,
        re.DOTALL,
    )
    assert inner is not None
    pieces = inner[2].split(f"--{inner[1]}")[1:-1]
    assert [re.search(r"Content-ID: (\d+)", piece)[1] for piece in pieces] == ["7", "8"]
    for piece in pieces:
        assert "HTTP/1.1 204 No Content\r\n" in piece
        assert re.search(rf"OData-EntityId: {re.escape(call.root)}accounts\([0-9a-f-]{{36}}\)\r\n", piece)
    assert "Location: " in pieces[0]


def test_rows_of_a_change_set_may_be_named_by_their_number(call):
    contact = '{"lastname":"Numbered","parentcustomerid_account@odata.bind":"$1"}'
    parts = [
        part("POST accounts", '{"name":"Numbered"}', 1),
        part("POST contacts", contact, 2),
        part("PUT $1/telephone1", '{"value":"22"}', 3),
        part("PUT $1/primarycontactid/$ref", '{"@odata.id":"$2"}', 4),
    ]
    answer = send(call, multipart([changes(parts)]))
    assert (answer.status_code, statuses(answer)) == (200, [204] * 4)
    sql = (
        'SELECT a."telephone1" FROM "account" a JOIN "contact" c ON c."contactid" = a."primarycontactid" '
        'WHERE a."name" = \'Numbered\' AND c."parentcustomerid" = a."accountid"'
    )
    assert call.org.rows(sql) == [("22",)]
    early = send(call, multipart([changes([part("PATCH $1", '{"name":"B"}', 2)])]))
    assert early.status_code == 400
    assert "Content-ID Reference: '$1' does not exist in the batch context." in early.text


def test_a_change_set_is_carried_out_whole_or_not_at_all(call):
    before, parts = (
        call.count("account"),
        [part("POST accounts", '{"name":"A"}', 1), part("POST accounts", '{"x":1}', 2)],
    )
    writes = len(call.running.site.writes.entries)
    answer = send(call, multipart([changes(parts)]), Prefer="odata.continue-on-error")
    assert (answer.status_code, statuses(answer)) == (200, [400])
    assert "changesetresponse_" not in answer.text and "REQ_ID" in answer.text
    assert call.count("account") == before
    assert len(call.running.site.writes.entries) == writes


@pytest.mark.parametrize(
    ("prefer", "status", "seen", "made"),
    [("", 400, [204, 400], 1), ("odata.continue-on-error", 200, [204, 400, 204], 2)],
)
def test_a_batch_ends_at_its_first_failure_unless_told_to_go_on(call, prefer, status, seen, made):
    before = call.count("account")
    parts = [part("POST accounts", body) for body in ('{"name":"A"}', '{"x":1}', '{"name":"B"}')]
    answer = send(call, multipart(parts), Prefer=prefer)
    assert (answer.status_code, statuses(answer)) == (status, seen)
    assert answer.headers["Content-Type"].startswith("multipart/mixed")
    assert call.count("account") == before + made


def test_parts_have_their_own_headers(call):
    row = call.create("accounts", name="A")
    missing = part("PATCH accounts(00000000-0000-0000-0000-0000000000aa)", '{"name":"B"}', None, "If-Match: *")
    stale = part(f"PATCH accounts({row})", '{"name":"B"}', None, 'If-Match: W/"1"')
    shown = part("POST accounts?$select=name", '{"name":"C"}', None, "Prefer: return=representation")
    answer = send(call, multipart([missing, stale, shown]), Prefer="odata.continue-on-error")
    assert statuses(answer) == [404, 412, 201]


@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        ("nothing", "application/json", "multipart/mixed"),
        ("nothing", "multipart/mixed; boundary=b_1", "b_1"),
        (multipart([changes([part("GET accounts")])]), "multipart/mixed; boundary=b_1", "GET"),
        (multipart([part("accounts")]), "multipart/mixed; boundary=b_1", "METHOD address"),
        (multipart([part("GET accounts/$count")] * 1001), "multipart/mixed; boundary=b_1", "1001"),
    ],
)
def test_what_is_no_batch_is_refused_whole(call, text, kind, told):
    answer = call("POST", "$batch", data=text.encode(), headers={"Content-Type": kind})
    assert answer.status_code == 400 and told in answer.json()["error"]["message"]


def test_a_part_may_end_with_its_request_line(call):
    bare = "--b_1\r\nContent-Type: application/http\r\n\r\nGET accounts/$count HTTP/1.1\r\n--b_1--"
    assert statuses(send(call, bare)) == [200]


def test_a_batch_within_a_batch_is_refused(call):
    assert "cannot hold a batch" in send(call, multipart([part("POST $batch", "x")])).text


def test_parts_are_counted_beside_the_batch(call):
    call.running.calls.clear()
    row = call.create("accounts", name="A")
    send(call, multipart([part(f"PATCH accounts({row})", '{"name":"B"}')] * 3))
    assert call.running.calls == {"POST /accounts": 1, "POST /$batch": 1, "PATCH (in batch) /accounts({key})": 3}


def test_a_locked_row_fails_alone_and_may_be_sent_again(call):
    rows = [call.create("accounts", name="A") for _ in range(6)]
    call.running.faults.add(kind="lock", rows=2, times=1)
    parts = [part(f"PATCH accounts({row})", '{"name":"B"}') for row in rows]
    answer = send(call, multipart(parts), Prefer="odata.continue-on-error")
    assert sorted(statuses(answer)) == [204] * 4 + [500] * 2
    assert answer.text.count("0x80044150") == answer.text.count("Sql Number: 1205") == 2
    call.running.faults.clear()


def test_an_answer_may_break_in_its_middle_after_the_writes(call):
    before = call.count("account")
    call.running.faults.add(kind="drop", when="after", times=1, path="*/$batch")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        send(call, multipart([part("POST accounts", '{"name":"A"}')] * 5))
    assert call.count("account") == before + 5
    call.running.faults.clear()


@pytest.mark.parametrize("length", [20_000, 40_000])
def test_a_long_address_fits_into_a_batch_but_not_behind_get(call, length):
    options = f"accounts?$filter=name eq '{'x' * length}'"
    alone = call("GET", options)
    assert alone.status_code == (200 if length < 32_768 else 414)
    assert statuses(send(call, multipart([part(f"GET {options}")]))) == [200]


def test_a_refused_batch_is_one_json_error(call):
    call.steer(request_limit=0)
    assert refusal(send(call, multipart([part("GET accounts")]))) == (429, "0x80072322")
    call.steer(request_limit=6000)
