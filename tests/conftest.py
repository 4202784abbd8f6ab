"""A clean environment for every test, and an emulated org with a deployment folder for those that ask."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from world import World, make_filled, make_template, world

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
    import os

    for name in list(os.environ):
        if name.upper() in _FOREIGN or name.startswith("KAM_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path_factory.getbasetemp()))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hand-made org with our fields in it, made once."""
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="session")
def dynamics_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same in Dynamics."""
    return make_template(tmp_path_factory.mktemp("dynamics"), "dynamics")


@pytest.fixture
def here(template: Path, tmp_path: Path) -> Iterator[World]:
    """An org nothing was pulled from yet, and its deployment folder."""
    with world(template, tmp_path / "world") as made:
        yield made


@pytest.fixture(scope="session")
def filled_template(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same org after a first run, and the store that it left; made once."""
    return make_filled(template, tmp_path_factory.mktemp("filled"))


@pytest.fixture
def filled(filled_template: Path, tmp_path: Path) -> Iterator[World]:
    """An org and a deployment folder after a first run, a day later."""
    with world(filled_template, tmp_path / "world") as made:
        made.clock.forward(days=1)
        yield made


@pytest.fixture(scope="session")
def dynamics_filled(dynamics_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Dynamics org after a first run, and the store that it left; made once."""
    return make_filled(dynamics_template, tmp_path_factory.mktemp("dynamics-filled"), "dynamics")


@pytest.fixture
def shared_data() -> Path:
    """The public data sets beside the checkout; the test skips where they are not."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the public data sets in {SHARED}")
    return SHARED
