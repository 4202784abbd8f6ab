"""Reconcile over real HTTP, in both CRMs: what leaves no trace since the cursor is found by the ids that exist."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from world import WORDS, World, world

from connector.steps.pull import Pulled, reconcile
from connector.workspace import Workspace, stamp


@pytest.fixture(params=list(WORDS))
def there(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """An org nothing was pulled from yet, of each CRM."""
    template = request.getfixturevalue("template" if request.param == "salesforce" else "dynamics_template")
    with world(template, tmp_path / "world", kind=request.param) as made:
        yield made


def by_ids(work: Workspace, **options: Any) -> Pulled:
    """Reconcile in an open workspace."""
    given: dict[str, Any] = {"now": stamp(work.clock()), "money_settings": work.corporate, **options}
    return reconcile(work.crm, work.fieldmap, work.mirror, **given)
