"""What each open deal shall hold in the CRM: which roles are in touch, and which are missing.

Results of open deals and what the CRM shows of them come in, wishes leave. A deal that is closed keeps what it last
said: some orgs refuse edits of it, and it tells how the deal stood. Next room: `diff`.
"""

from collections.abc import Iterator
from pathlib import Path

from connector.engine import batches
from connector.insight.deals.told import missing_roles, stakeholder_text
from connector.schema import CRM_FIELDS
from connector.steps.contacts import REACH
from connector.steps.diff import Scope, Wanted
from connector.store.mirror import Mirror

COLUMNS = frozenset(f.column for f in CRM_FIELDS if f.table == "opportunity")
_WHY = {
    "stakeholder_text": "by the roles that people set, and contact in both directions",
    "missing_roles": "by the roles that people set",
}


def wanted(mirror: Mirror, details: Path, scope: Scope, language: str) -> Iterator[Wanted]:
    """What open deals of accounts in scope shall hold; and, out of scope, those of which something was written once.

    A deal's name may hold a person's: a change names the field only.
    """
    present = dict(mirror.present("opportunity"))
    picked = f"SELECT o.opportunity_id, o.role_states, {REACH[scope]} AS reached"
    rows = f"{picked} FROM opportunity_result AS o LEFT JOIN account_result AS a ON a.id = o.account_id"
    for part in batches(details, f"{rows} WHERE o.is_open = 1"):
        for deal, role_states, reached in part:
            here = present.get(deal, {})
            if reached or any(value is not None for value in here.values()):
                text = stakeholder_text(role_states, here.get("stakeholder_text"), language)
                values = {"stakeholder_text": text, "missing_roles": missing_roles(role_states)}
                yield Wanted(deal, "", values, _WHY, COLUMNS if reached else frozenset())
