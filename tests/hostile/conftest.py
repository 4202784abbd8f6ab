"""The bench of hostile input."""

from bench import _no_waiting, after_first_run, bare, ready_site, secure, site, walked

__all__ = ["_no_waiting", "after_first_run", "bare", "ready_site", "secure", "site", "walked"]
