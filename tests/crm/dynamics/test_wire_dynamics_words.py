"""What errors, logs and settings of Dynamics say, and what they never say."""

import logging

import pytest
from dataverse_wire import BASE, HOST, ROW, definition, error, guid, page, parts, read

from connector.crm.dynamics.batch import decode
from connector.crm.dynamics.faults import DATA, ROWS, fault_of, row_outcome, scrub
from connector.crm.failures import Refusal
from connector.crm.http import keep_reserve
from connector.crm.protocol import ReadRequest
from connector.crm.settings import CrmSettings
from connector.errors import ReserveReached


def test_requests_of_the_day_are_counted_here_and_the_share_of_others_is_kept(wire, login):
    wire.get(f"{BASE}WhoAmI", json={})
    told = []
    crm = login(auth="token", daily_requests=100, spent=68, on_spent=told.append, before_call=keep_reserve(0.3))
    crm.client.get("WhoAmI")
    crm.client.get("WhoAmI")
    crm.client.get("WhoAmI")
    with pytest.raises(ReserveReached, match="29 of 100"):
        crm.client.get("WhoAmI")
    assert told == [69, 70, 71]


@pytest.mark.parametrize("line", ["\r\n", "\n"])
def test_answers_in_parts_are_read_with_either_end_of_line(line):
    headers, body = parts([(204, None), (400, error("0x1", "--no"))], line=line)
    replies = decode(headers["Content-Type"], body)
    assert [(r.status, r.body) for r in replies] == [(204, None), (400, error("0x1", "--no"))]


@pytest.mark.parametrize("code", sorted(DATA))
def test_every_known_code_says_what_to_do(code):
    assert DATA[code][1] in str(fault_of(Refusal("GET acme/accounts", 400, code.upper().replace("X", "x"), "")))


@pytest.mark.parametrize("code", sorted(ROWS))
def test_every_known_row_code_says_what_to_do(code):
    state, _, message, _ = row_outcome(Refusal("PATCH", 400, code, "", ()), {})
    assert (state, message) == ROWS[code]


def test_an_admins_words_are_kept_without_values_people_or_secrets():
    said = scrub(
        f"Not for Why not (ada@acme.example, 'Lovelace', {guid(1)}, +49 30 1234567): ask Finance", {"a": "Why not"}
    )
    assert not [w for w in ("ada@", "1234567", "Lovelace", "0000", "Why not") if w in said]
    assert said.endswith("ask Finance")


def test_no_secret_and_no_value_reaches_the_log(wire, login, tables, caplog):
    caplog.set_level(logging.DEBUG)
    tables(definition(ChangeTrackingEnabled=False))
    wire.get(f"{BASE}accounts", json=page(ROW))
    read(login(), ReadRequest("account", ("name",), where="name eq 'Lovelace'"))
    assert not [w for w in ("hush", "p4ss", "Lovelace", "Ada") if w in caplog.text]


def test_settings_are_complained_of_by_key():
    settings = CrmSettings(kind="dynamics", url=HOST, auth="client_secret", tenant="../x", daily_requests=0)
    assert [c.partition(":")[0] for c in settings.complaints()] == [
        "crm.tenant",
        "crm.daily_requests",
        "crm.client_id",
        "crm.secret_env",
    ]
