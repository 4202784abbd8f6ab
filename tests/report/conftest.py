"""What the report tests share: an enriched deployment folder, and copies of it that a test may change."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from report_company import company, enrich, make_folder
from shared_folders import Once


@pytest.fixture(scope="session")
def enriched(once: Once) -> Path:
    """An enriched deployment folder, to be read only."""
    return once("enriched", lambda folder: enrich(make_folder(folder / "work", company()))) / "work"


@pytest.fixture
def own(enriched: Path, tmp_path: Path) -> Callable[[], Path]:
    """Maker of a copy that a test may change."""
    return lambda: Path(shutil.copytree(enriched, tmp_path / "work"))
