"""CRM to mirror: what changed since the cursor, what was deleted, and our own fields as the CRM has them.

Reading order: `groups` (which reads a mapping asks for), `ahead` (several of them under way at once), `step` (the
pull), `reconcile` (what leaves no trace: hard deletes, late rows, formulas). Next room: `money`, then `enrich`.
"""

from connector.steps.pull.groups import Group, groups
from connector.steps.pull.reconcile import reconcile
from connector.steps.pull.step import Pulled, pull

__all__ = ["Group", "Pulled", "groups", "pull", "reconcile"]
