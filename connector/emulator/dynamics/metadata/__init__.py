"""Metadata of the Web API: what tables, columns, keys, relationships and option sets there are, and changes to them.

Reading order: `route` (which room answers), `path`, `query` and `reading` over `shapes`; `csdl` and `changes`; `edit`
for writes; `actions`; `package` for solution files.
"""

from connector.emulator.dynamics.metadata.actions import ACTIONS
from connector.emulator.dynamics.metadata.edit.keys import settle as settle_keys
from connector.emulator.dynamics.metadata.route import answer, is_metadata

__all__ = ["ACTIONS", "answer", "is_metadata", "settle_keys"]
