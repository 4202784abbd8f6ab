"""What the report tests share: an enriched deployment folder, and copies of it that a test may change."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from report_company import company, enrich, make_folder


@pytest.fixture(scope="session")
def enriched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An enriched deployment folder, to be read only."""
    return enrich(make_folder(tmp_path_factory.mktemp("enriched") / "work", company()))


@pytest.fixture
def own(enriched: Path, tmp_path: Path) -> Callable[[], Path]:
    """Maker of a copy that a test may change."""
    return lambda: Path(shutil.copytree(enriched, tmp_path / "work"))
