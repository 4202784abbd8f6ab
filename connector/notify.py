"""Tells people how a run ended, by mail, chat or pager: whatever apprise can reach.

A run's ending comes in; a short message leaves. It holds counts, never rows. Addresses come from the environment.
"""

import importlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Notify:
    """urls_env names the environment variable that holds apprise addresses, parted by spaces; `on` says when."""

    urls_env: str = ""
    on: Literal["failure", "degraded", "always"] = "failure"


def notify(
    settings: Notify,
    environ: Mapping[str, str],
    job: str,
    run: int,
    state: str,
    code: int,
    message: str,
    counts: Mapping[str, Any],
) -> bool:
    """Send one message when the settings ask for it; whether one was sent. A failed message never fails the run."""
    wanted = settings.on == "always" or (settings.on == "degraded" and code != 0) or state != "done"
    if not settings.urls_env or not wanted:
        return False
    addresses = environ.get(settings.urls_env, "").split()
    try:
        apprise = importlib.import_module("apprise")
    except ImportError:
        log.warning("notify: apprise is not installed. Install: pip install 'kam-connector[notify]'")
        return False
    sender = apprise.Apprise()
    for address in addresses:
        sender.add(address)
    changed = counts.get("diff", {}).get("records", 0)
    body = f"Run {run} of {job} ended: {state} (exit code {code}). Accounts to change: {changed}."
    title = f"kam {job}: {state}"
    try:
        sent = bool(addresses) and bool(sender.notify(title=title, body=f"{body} {_first_line(message)}"))
    except Exception as error:  # whatever a plugin does, the run has ended as it has
        log.warning("notify: %s in apprise", type(error).__name__)
        sent = False
    if not sent:
        log.warning("notify: no message could be sent; look at the addresses in $%s", settings.urls_env)
    return sent


def _first_line(text: str) -> str:
    return text.splitlines()[0] if text else ""
