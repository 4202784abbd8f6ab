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
README = (ROOT / "README.md").read_text(encoding="utf-8")
# What the reader is shown stands for something of ours: their free port, their export.
PORT, EXPORT = "--port 8443", "../shared/data/adventureworks/salesforce"
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


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A bicycle trade: twelve accounts, the first of them large and growing, with deals in four families."""
    folder = tmp_path / "export"
    folder.mkdir()
    names = ["Brakes and Gears", *(f"Shop {n}" for n in range(2, 13))]
    accounts = [f"001Kz{n:010d}" for n in range(1, 13)]
    write_csv(
        folder,
        "Account",
        "Id,Name,Type,Industry,NumberOfEmployees,BillingCountry,BillingCity,CreatedDate",
        [
            (a, n, "Customer", "Bikes", 10 * i, "Germany", "Kiel", "2010-01-01T00:00:00Z")
            for i, (a, n) in enumerate(zip(accounts, names, strict=True), 1)
        ],
    )
    families = ["Brakes", "Gears", "Helmets", "Lamps"]
    products = [f"01tKz{n:010d}" for n in range(1, 5)]
    write_csv(
        folder,
        "Product2",
        "Id,Name,ProductCode,Family,IsActive",
        [(p, f, f[:2], f, "true") for p, f in zip(products, families, strict=True)],
    )
    deals: list[tuple[object, ...]] = []
    lines: list[tuple[object, ...]] = []
    for i, account in enumerate(accounts, 1):
        for quarter in range(8):
            deal = f"006Kz{len(deals) + 1:010d}"
            amount = (2000 if i > 1 else 20000) + 100 * quarter
            day = f"{2012 + quarter // 4}-{1 + 3 * (quarter % 4):02d}-15"
            deals.append(
                (deal, account, f"Order {deal}", "Closed Won", "true", "true", amount, day, f"{day}T00:00:00Z")
            )
            product = products[(i + quarter) % (2 if i == 1 else 4)]
            lines.append((f"00kKz{len(lines) + 1:010d}", deal, product, 1, amount, amount))
    write_csv(folder, "Opportunity", "Id,AccountId,Name,StageName,IsClosed,IsWon,Amount,CloseDate,CreatedDate", deals)
    write_csv(folder, "OpportunityLineItem", "Id,OpportunityId,Product2Id,Quantity,UnitPrice,TotalPrice", lines)
    return folder


def walk(folder: Path, replace: dict[str, str]) -> dict[str, list[str]]:
    """Run every bash block of the README as one session; what each command printed, by command, in order."""
    blocks = re.findall(r"^```bash\n(.*?)^```", README, re.M | re.S)
    script = "\n".join(blocks)
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
    after, undone = found(said, "curl ")
    assert '"KAM_Why__c":null' not in after and '"KAM_Whitespace_Band__c":null' not in after
    # Back to what stood before: nothing.
    assert len(re.findall(r'"KAM_\w+__c":null', undone)) == 5
    assert all("nothing to write" in text for text in found(said, "kam run refresh"))
    assert "nothing was written" in found(said, "kam run preview")[0]
    assert "would go back" in found(said, "kam undo 2 --dry-run")[0]
    assert "undid run 2" in found(said, "kam undo 2")[-1]
    assert "Brakes and Gears" in found(said, "kam explain")[0]
    assert (Path(found(said, "kam report")[0].partition("Open in a browser: ")[2].splitlines()[0])).is_file()


def test_the_walk_of_the_readme_does_what_it_says(tmp_path: Path, export: Path) -> None:
    claims(walk(tmp_path, {PORT: "--port 0", EXPORT: str(export)}))


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason=f"the public data set is not here: {EXPORT}")
def test_the_walk_of_the_readme_works_on_the_public_data_it_names(tmp_path: Path) -> None:
    claims(walk(tmp_path, {PORT: "--port 0", EXPORT: str(SHARED)}))


def test_the_two_commands_of_the_readme_are_those_of_the_makefile() -> None:
    shown = re.findall(r"^make (\w+)", README, re.M)
    known = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert shown == ["demo", "test"] and set(shown) <= set(known)
