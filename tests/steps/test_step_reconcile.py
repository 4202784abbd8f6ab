"""Reconcile over real HTTP, in both CRMs: what leaves no trace since the cursor is found by the ids that exist."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_step_pull import again
from world import WORDS, World, world

from connector.errors import GuardHalt
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


NAMES = {
    "Account": ("SystemModstamp", "Parent.Name", "ParentId", "Name", 'city = "BillingCity"', "salesforce"),
    "account": (
        "modifiedon", "parentaccountid.name", "parentaccountid", "name", 'city = "address1_city"', "dynamics",
    ),
}  # fmt: skip


def test_hard_deletes_late_rows_and_values_over_a_lookup_are_found(there: World) -> None:
    stamped, path, parent, name, city, kind = NAMES[there.words.record]
    there.setting(f"mappings/{kind}.toml", city, f'{city}\nsegment = "{path}"')
    first, second, gone = there.accounts[:3]
    there.edit(second, **{parent: first})
    there.clock.forward(hours=1)
    with there.work() as work:
        again(work)
        there.clock.forward(days=1)
        there.edit(first, **{name: "The parent's new name"})
        late = there.org.create(there.org.admin_id, there.words.record, {name: "Late"})
        table, key = there.words.record, there.words.key
        versions = ", versionnumber = 1" if kind == "dynamics" else ""
        sets = f"\"{stamped}\" = '2020-01-01T00:00:00.000Z'{versions}"
        there.org.db.execute(f'UPDATE "{table}" SET {sets} WHERE "{key}" = ?', [late])
        there.org.db.execute(f'DELETE FROM "{table}" WHERE "{key}" = ?', [gone])
        there.clock.forward(hours=1)
        again(work)
        held = {r["id"]: (r["name"], r["segment"]) for r in work.mirror.rows("SELECT id, name, segment FROM account")}
        assert late not in held and gone in held
        assert held[second][1] != "The parent's new name"
        done = by_ids(work)
        held = {r["id"]: (r["name"], r["segment"]) for r in work.mirror.rows("SELECT id, name, segment FROM account")}
    assert held[late][0] == "Late"
    assert gone not in held
    assert held[second][1] == "The parent's new name"
    assert (done.deleted, done.rows) == ({"account": 1, "programme": 1}, {"account": 2, "programme": 1})


def test_ids_that_are_nearly_all_gone_halt_the_run_and_drop_nothing(there: World) -> None:
    with there.work() as work:
        again(work)
        table, key = there.words.record, there.words.key
        there.org.db.executemany(f'DELETE FROM "{table}" WHERE "{key}" = ?', [(i,) for i in there.accounts[:20]])
        with pytest.raises(GuardHalt, match="only 10 of 30 rows"):
            by_ids(work)
        assert work.mirror.count("account") == 30
        assert by_ids(work, min_share=0.0).deleted["account"] == 20
