"""A clean environment for every test, and an emulated org with a deployment folder for those that ask."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from shared_folders import Once, made_once
from world import World, keep_results, make_filled, make_ready, make_template, world

SHARED = Path(__file__).parents[2] / "shared" / "data"
_FOREIGN = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
)


# Begun last, one of these would keep one worker busy while the others have nothing left to do.
_LONGEST = ("test_readme.py", "test_parity.py", "test_river.py", "test_planted.py")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests begin first; the rest stays in its random order."""
    items.sort(key=lambda item: item.path.name not in _LONGEST)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No proxy, no certificate, no folder and no secret of the machine that the tests run on."""
    for name in list(os.environ):
        if name.upper() in _FOREIGN or name.startswith("KAM_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path_factory.getbasetemp()))


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Maker of folders that are made once in a run of the suite, whoever of its workers asks first."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return lambda name, make: made_once(shared / f"once-{name}", make)


@pytest.fixture(scope="session")
def template(once: Once) -> Path:
    """The hand-made org with our fields in it."""
    return once("template", make_template)


@pytest.fixture(scope="session")
def dynamics_template(once: Once) -> Path:
    """The same in Dynamics."""
    return once("dynamics", lambda folder: make_template(folder, "dynamics"))


@pytest.fixture
def here(template: Path, tmp_path: Path) -> Iterator[World]:
    """An org nothing was pulled from yet, and its deployment folder."""
    with world(template, tmp_path / "world") as made:
        yield made


@pytest.fixture(scope="session")
def ready_template(once: Once, template: Path) -> Path:
    """The same org, and a store in which all is pulled and computed; nothing is written yet."""
    return once("ready", lambda folder: make_ready(template, folder))


@pytest.fixture
def ready(ready_template: Path, tmp_path: Path) -> Iterator[World]:
    """An org and a folder with results whose jobs compute nothing anew: for what is about writing them."""
    with world(ready_template, tmp_path / "world") as made:
        keep_results(made.folder)
        yield made


@pytest.fixture(scope="session")
def filled_template(once: Once, ready_template: Path) -> Path:
    """The same org after a first run, and the store that it left."""
    return once("filled", lambda folder: make_filled(ready_template, folder))


@pytest.fixture
def filled(filled_template: Path, tmp_path: Path) -> Iterator[World]:
    """An org and a deployment folder after a first run, a day later."""
    with world(filled_template, tmp_path / "world") as made:
        made.clock.forward(days=1)
        yield made


@pytest.fixture
def rested(filled: World) -> World:
    """The same, where jobs compute nothing anew: nothing happened that results depend on."""
    keep_results(filled.folder)
    return filled


@pytest.fixture(scope="session")
def dynamics_ready(once: Once, dynamics_template: Path) -> Path:
    """The Dynamics org, and a store in which all is pulled and computed."""
    return once("dynamics-ready", lambda folder: make_ready(dynamics_template, folder, "dynamics"))


@pytest.fixture(scope="session")
def dynamics_filled(once: Once, dynamics_ready: Path) -> Path:
    """The Dynamics org after a first run, and the store that it left."""
    return once("dynamics-filled", lambda folder: make_filled(dynamics_ready, folder, "dynamics"))


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Address of what forks processes of `kam`; see `forked`."""
    if not hasattr(os, "fork"):
        pytest.skip("forks, which this system doesn't")
    # A socket's address must be short.
    with tempfile.TemporaryDirectory(prefix="kam-forks-") as folder:
        address, script = Path(folder) / "door", Path(__file__).with_name("forked.py")
        environ = {k: v for k, v in os.environ.items() if not k.startswith("KAM_")}
        environ |= {"PYTHONPATH": str(script.parent.parent), "PYTHONUTF8": "1"}
        begun = [sys.executable, str(script), "serve", str(address)]
        with subprocess.Popen(begun, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            yield address
            process.stdin.close()


@pytest.fixture
def shared_data() -> Path:
    """The public data sets beside the checkout; the test skips where they are not."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the public data sets in {SHARED}")
    return SHARED
