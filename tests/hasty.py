"""`kam` without its pauses, as a process of its own: for tests that kill it at calls, not at seconds.

Next room: `killing`, which starts it.
"""

from connector import cli
from connector.crm import salesforce

salesforce.connect.__kwdefaults__["sleep"] = lambda _: None
if __name__ == "__main__":
    cli.main()
