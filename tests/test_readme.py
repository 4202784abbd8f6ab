"""The README's walk, command by command, as a reader types it."""

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data" / "adventureworks" / "salesforce"
KINDS = ["salesforce", "dynamics"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
# What the reader is shown stands for something of ours: their free port, their export.
PORT, EXPORT = "--port 8443", "../shared/data/adventureworks/{}"
ENDING = "\necho '-- the end'\n"

MOST_SECONDS = 300

pytestmark = [
    pytest.mark.timeout(MOST_SECONDS + 30),
    pytest.mark.skipif(
        os.name != "posix" or not (shutil.which("bash") and shutil.which("curl")),
        reason="the README's walk is written for bash and curl",
    ),
]


def write_csv(folder: Path, record: str, header: str, rows: list[tuple[object, ...]]) -> None:
    with (folder / f"{record}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header.split(","))
        writer.writerows(rows)


def guid(table: int, number: int) -> str:
    return f"{table:08d}-0000-4000-8000-{number:012d}"


FAMILIES = ["Brakes", "Gears", "Helmets", "Lamps"]
SHOPS = ["Brakes and Gears", *(f"Shop {n}" for n in range(2, 13))]


def deals() -> list[tuple[int, int, str, int]]:
    """Shop, amount, day and family of each deal: eight quarters, the first shop ten times as large."""
    return [
        (
            shop,
            (2000 if shop > 1 else 20000) + 100 * quarter,
            f"{2012 + quarter // 4}-{1 + 3 * (quarter % 4):02d}-15",
            (shop + quarter) % (2 if shop == 1 else 4) + 1,
        )
        for shop in range(1, 13)
        for quarter in range(8)
    ]


def export_salesforce(folder: Path) -> None:
    write_csv(
        folder,
        "Account",
        "Id,Name,Type,Industry,NumberOfEmployees,BillingCountry,BillingCity,CreatedDate",
        [
            (f"001Kz{i:010d}", n, "Customer", "Bikes", 10 * i, "Germany", "Kiel", "2010-01-01T00:00:00Z")
            for i, n in enumerate(SHOPS, 1)
        ],
    )
    products = [(f"01tKz{i:010d}", f, f[:2], f, "true") for i, f in enumerate(FAMILIES, 1)]
    write_csv(folder, "Product2", "Id,Name,ProductCode,Family,IsActive", list(products))
    write_csv(
        folder,
        "Opportunity",
        "Id,AccountId,Name,StageName,IsClosed,IsWon,Amount,CloseDate,CreatedDate",
        [
            (f"006Kz{n:010d}", f"001Kz{s:010d}", f"Order {n}", "Closed Won", "true", "true", a, d, f"{d}T00:00:00Z")
            for n, (s, a, d, _) in enumerate(deals(), 1)
        ],
    )
    write_csv(
        folder,
        "OpportunityLineItem",
        "Id,OpportunityId,Product2Id,Quantity,UnitPrice,TotalPrice",
        [(f"00kKz{n:010d}", f"006Kz{n:010d}", f"01tKz{f:010d}", 1, a, a) for n, (_, a, _, f) in enumerate(deals(), 1)],
    )


def export_dynamics(folder: Path) -> None:
    write_csv(
        folder,
        "account",
        "accountid,name,customertypecode,industry_label,numberofemployees,address1_country,address1_city,createdon",
        [
            (guid(1, i), n, 3, "Bikes", 10 * i, "Germany", "Kiel", "2010-01-01T00:00:00Z")
            for i, n in enumerate(SHOPS, 1)
        ],
    )
    families: list[tuple[object, ...]] = [(guid(4, i), f, f"F-{f}", 2, "", 0) for i, f in enumerate(FAMILIES, 1)]
    products = [(guid(5, i), f, f[:2], 1, guid(4, i), 0) for i, f in enumerate(FAMILIES, 1)]
    header = "productid,name,productnumber,productstructure,parentproductid,statecode"
    write_csv(folder, "product", header, [*families, *products])
    write_csv(
        folder,
        "opportunity",
        "opportunityid,parentaccountid,name,stepname,statecode,statuscode,estimatedvalue,actualvalue,"
        "estimatedclosedate,actualclosedate,createdon",
        [
            (guid(2, n), guid(1, s), f"Order {n}", "Closed Won", 1, 3, a, a, d, d, f"{d}T00:00:00Z")
            for n, (s, a, d, _) in enumerate(deals(), 1)
        ],
    )
    write_csv(
        folder,
        "opportunityproduct",
        "opportunityproductid,opportunityid,productid,quantity,priceperunit,extendedamount",
        [(guid(3, n), guid(2, n), guid(5, f), 1, a, a) for n, (_, a, _, f) in enumerate(deals(), 1)],
    )


@pytest.fixture(params=KINDS)
def export(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A bicycle trade: twelve accounts, the first of them large and growing, with deals in four families."""
    folder = tmp_path / "export" / str(request.param)
    folder.mkdir(parents=True)
    {"salesforce": export_salesforce, "dynamics": export_dynamics}[request.param](folder)
    return folder


def walk(kind: str, folder: Path, replace: dict[str, str]) -> dict[str, list[str]]:
    """Run every bash block of the README for one CRM as one session; what each command printed, in order."""
    blocks = re.findall(r"^```bash(?: (\w+))?\n(.*?)^```", README, re.M | re.S)
    script = "\n".join(text for crm, text in blocks if crm in ("", kind))
    for shown, real in replace.items():
        assert script.count(shown) == 1, f"the README no longer shows {shown}"
        script = script.replace(shown, real)
    # The shell's own trace marks where the output of each command begins.
    told = "PS4=\"@@ \"; exec 2>&1; trap 'kill $! 2>/dev/null || true' EXIT; set -eux\n"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {k: v for k, v in os.environ.items() if not k.startswith("KAM_")} | {"PATH": path}
    with subprocess.Popen(
        ["bash", "-c", told + script + ENDING],
        cwd=folder, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True,
    ) as session:  # fmt: skip
        try:
            printed = session.communicate(timeout=MOST_SECONDS)[0]
        finally:
            with suppress(ProcessLookupError):  # all has ended, as it should
                os.killpg(session.pid, signal.SIGKILL)
    assert session.returncode == 0 and "-- the end" in printed, printed[-4000:]
    said: dict[str, list[str]] = {}
    for part in re.split(r"^@@ ", printed, flags=re.M)[1:]:
        command, _, output = part.partition("\n")
        said.setdefault(command, []).append(output)
    return said


def found(said: dict[str, list[str]], words: str) -> list[str]:
    """Output of the commands that begin so, each time it was run."""
    return [text for command, texts in said.items() if command.startswith(words) for text in texts]


def claims(said: dict[str, list[str]]) -> None:
    """What the README says beside its commands."""
    after, undone = (text.lower() for text in found(said, "curl "))
    assert not re.search(r'"kam_(why|whitespace_band)(__c)?":null', after)
    # Back to what stood before: nothing.
    assert len(re.findall(r'"kam_\w+":null', undone)) == 5
    assert all("nothing to write" in text for text in found(said, "kam run refresh"))
    assert "nothing was written" in found(said, "kam run preview")[0]
    assert "would go back" in found(said, "kam undo 2 --dry-run")[0]
    assert "undid run 2" in found(said, "kam undo 2")[-1]
    assert "Brakes and Gears" in found(said, "kam explain")[0]
    assert re.search(r"plain last-year revenue: .*(better|worse|claimed)\.", found(said, "kam backtest")[0])
    assert (Path(found(said, "kam report")[0].partition("Open in a browser: ")[2].splitlines()[0])).is_file()


def test_the_walk_of_the_readme_does_what_it_says(tmp_path: Path, export: Path) -> None:
    claims(walk(export.name, tmp_path, {PORT: "--port 0", EXPORT.format(export.name): str(export)}))


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason=f"the public data set is not here: {SHARED}")
def test_the_walk_of_the_readme_works_on_the_public_data_it_names(tmp_path: Path) -> None:
    claims(walk("salesforce", tmp_path, {PORT: "--port 0", EXPORT.format("salesforce"): str(SHARED)}))


def test_the_two_commands_of_the_readme_are_those_of_the_makefile() -> None:
    shown = re.findall(r"^make (\w+)", README, re.M)
    known = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert shown == ["demo", "test"] and set(shown) <= set(known)
