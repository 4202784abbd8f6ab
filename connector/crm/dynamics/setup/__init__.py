"""Setup: our columns, roles, column security and view, planned, made and removed.

In: a SetupRequest and a Link to a logged-in org. Out: SetupItems. Reading order: `naming`, `definitions`, `link`,
`state`, `plan`, `apply`, `package` (the zip to hand over), `remove` (values are kept before they go).
Next room: back to `crm.protocol`.
"""

from connector.crm.dynamics.setup.apply import PAGE_CLICKS, apply_setup
from connector.crm.dynamics.setup.link import Link
from connector.crm.dynamics.setup.plan import plan_setup
from connector.crm.dynamics.setup.remove import remove_setup

__all__ = ["PAGE_CLICKS", "Link", "apply_setup", "plan_setup", "remove_setup"]
