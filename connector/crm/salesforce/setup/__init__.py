"""Setup: our fields, permission sets and list view, planned, made and removed.

In: a SetupRequest and a Link to a logged-in org. Out: SetupItems. Reading order: `plan`, `package` (the zip),
`deployment` (sending it), `apply`, `export` (values kept before a removal). Next room: back to `crm.protocol`.
"""

from connector.crm.salesforce.setup.apply import PAGE_CLICKS, apply_setup, remove_setup
from connector.crm.salesforce.setup.deployment import Link
from connector.crm.salesforce.setup.plan import plan_setup

__all__ = ["PAGE_CLICKS", "Link", "apply_setup", "plan_setup", "remove_setup"]
