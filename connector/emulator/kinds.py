"""The CRMs that can be emulated: how an org of each kind is made and filled, here or in a process of its own.

The name of a CRM comes in; what makes and fills its org leaves. Next room: `server`, which serves one.
"""

import gc
import multiprocessing
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from connector.emulator.company import ACCOUNTS, build
from connector.emulator.dynamics import load as dynamics_load
from connector.emulator.dynamics import seed as dynamics_seed
from connector.emulator.dynamics.org.records import Org as DynamicsOrg
from connector.emulator.export import Loaded
from connector.emulator.salesforce import load as salesforce_load
from connector.emulator.salesforce import seed as salesforce_seed
from connector.emulator.salesforce.org.records import Org as SalesforceOrg
from connector.emulator.server import Running, start


@dataclass(frozen=True)
class Kind:
    """One CRM: `make(path, is_sandbox=…)` opens an org, `load` reads exports into it, `seed` plants a company.

    `login` tells what a client's settings must say to log in by key file; `appoint` does what an admin does by hand:
    it gives one person the right to decide about the programme, and tells the user name. `halves` does the
    same as inventing a company and `seed`, at the two ends of a pipe; not every CRM has it.
    """

    make: Callable[..., Any]
    load: Callable[[Any, Path], Loaded]
    seed: Callable[..., dict[str, list[str]]]
    login: Callable[[Running], dict[str, str]]
    appoint: Callable[[Any], str]
    halves: tuple[Callable[[Connection, str, int], None], Callable[..., None]] | None = None


def _salesforce_login(running: Running) -> dict[str, str]:
    user = running.org.rows('SELECT "Username" FROM "User" WHERE "Id" = ?', running.org.admin_id)[0][0]
    return {"url": running.url, "client_id": running.client_id, "username": user}


def _salesforce_appoint(org: SalesforceOrg) -> str:
    person = org.rows('SELECT "Id", "Username" FROM "User" WHERE "LastName" = \'Owner\' LIMIT 1')[0]
    owned = org.rows('SELECT "Id" FROM "PermissionSet" WHERE "Name" IN (\'KAM_Programme_Owner\', \'KAM_Connector\')')
    for (permission_set,) in owned:
        given = {"AssigneeId": person[0], "PermissionSetId": permission_set}
        org.create(org.admin_id, "PermissionSetAssignment", given)
    return str(person[1])


def _dynamics_login(running: Running) -> dict[str, str]:
    return {
        "url": running.url,
        "login_url": running.url,
        "tenant": str(running.tenant),
        "client_id": running.client_id,
        "auth": "certificate",
    }


def _dynamics_appoint(org: DynamicsOrg) -> str:
    name = "olive.owner@example.com"
    person = org.add_user("Olive Owner", domainname=name, roles=("KAM Programme Owner", "KAM Connector"))
    for (profile,) in org.rows("SELECT fieldsecurityprofileid FROM fieldsecurityprofile WHERE name LIKE 'KAM %'"):
        held = {"systemuserid": person, "fieldsecurityprofileid": profile}
        org.create(org.admin_id, "systemuserprofiles", held, system=True)
    return name


KINDS = {
    "salesforce": Kind(
        SalesforceOrg,
        salesforce_load.load,
        salesforce_seed.seed,
        _salesforce_login,
        _salesforce_appoint,
        (salesforce_seed.invent, salesforce_seed.receive),
    ),
    "dynamics": Kind(DynamicsOrg, dynamics_load.load, dynamics_seed.seed, _dynamics_login, _dynamics_appoint),
}

Tell = Callable[[str], None]
_CACHE = 65_536  # KiB of the org's pages that are held
_MANY = 5_000  # accounts from which on a second process that invents them pays


@dataclass(frozen=True)
class Apart:
    """An emulated org that is served by a process of its own: what a client's settings must say, and its key file."""

    login: dict[str, str]
    key_file: Path
    pid: int
    _pipe: Connection

    def appoint(self) -> str:
        """Give one person the right to decide about the programme; the user name."""
        self._pipe.send("appoint")
        return str(self._pipe.recv())


@contextmanager
def apart(kind: str, company: str, seed: int, tell: Tell) -> Iterator[Apart]:
    """An org filled with an invented company, served by a process of its own until the block ends.

    There it takes neither our processor's turn nor our memory; it is filled by others, whose memory goes with them.
    """
    with TemporaryDirectory(prefix="kam-org-") as folder:
        path = Path(folder) / "org.db"
        _fill_apart(kind, path, company, seed, tell)
        with _beside("is the stand-in CRM", _serve, kind, path) as (pipe, pid):
            login, key_file = pipe.recv()
            yield Apart(login, key_file, pid, pipe)


def _fill_apart(kind: str, path: Path, company: str, seed: int, tell: Tell) -> None:
    """Fill an org by a process, or by two when there is much to invent; nothing is left of them afterwards."""
    halves = KINDS[kind].halves if ACCOUNTS.get(company, 0) >= _MANY else None
    with ExitStack() as around:
        given: list[Any] = [kind, path, company, seed]
        if halves:
            inventing = _beside("invents the company", _invent, halves[0], company, seed, at_once=True)
            given += [halves[1], around.enter_context(inventing)[0]]
        filling = _beside("fills the stand-in CRM", _fill, *given, at_once=True)
        pipe, _ = around.enter_context(filling)
        for one in given[5:]:
            one.close()  # it is the other process's now: each of the two must see when the other one is gone
        while said := pipe.recv():
            tell(said)


@contextmanager
def _beside(
    what: str, work: Callable[..., None], *given: Any, at_once: bool = False
) -> Iterator[tuple[Connection, int]]:
    """A process that does some work, and the pipe to it; it ends when the pipe is closed, or `at_once` in a fault."""
    context = multiprocessing.get_context("spawn")
    pipe, theirs = context.Pipe()
    process = context.Process(target=_begin, args=(work, theirs, *given), name="kam-emulator", daemon=True)
    process.start()
    theirs.close()
    try:
        yield pipe, process.pid or 0
    except EOFError:
        process.join()
        if process.exitcode:
            raise RuntimeError(f"the process that {what} ended with code {process.exitcode}") from None
        raise
    except BaseException:
        if at_once:
            process.terminate()
        raise
    finally:
        pipe.close()
        process.join()


def _begin(work: Callable[..., None], pipe: Connection, *given: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for the one who started us
    with suppress(EOFError, BrokenPipeError):
        work(pipe, *given)


def _invent(pipe: Connection, invent: Callable[..., None], company: str, seed: int) -> None:
    """Invent a company for the process at the other end of the pipe."""
    gc.disable()  # millions of rows, none of which is garbage before the end
    invent(pipe, company, seed)


def _fill(
    pipe: Connection, kind: str, path: Path, company: str, seed: int, receive: Callable[..., None] | None = None,
    makers: Connection | None = None,
) -> None:  # fmt: skip
    """Make an org with an invented company in it; an empty text says that it is done."""
    gc.disable()
    org = KINDS[kind].make(path)
    # Half an org is of no use to anybody; and the pages that SQLite holds come on top of the company's rows.
    for pragma in ("journal_mode = MEMORY", "synchronous = OFF", f"cache_size = -{_CACHE}"):
        org.db.execute(f"PRAGMA {pragma}")
    if receive:
        receive(org, makers, company, seed, pipe.send)
    else:
        invented = build(company, seed, pipe.send)
        invented.truth.clear()  # nobody asks for it here
        KINDS[kind].seed(org, invented, pipe.send)
    org.db.close()
    pipe.send("")


def _serve(pipe: Connection, kind: str, path: Path) -> None:
    """Serve an org, and do what its admin is asked to do."""
    org = KINDS[kind].make(path)
    org.db.execute(f"PRAGMA cache_size = -{_CACHE}")
    with start(org) as running:
        pipe.send((KINDS[kind].login(running), running.key_file))
        while pipe.recv() == "appoint":
            pipe.send(KINDS[kind].appoint(org))
