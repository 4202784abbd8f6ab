"""The bench of hostile input."""

from bench import _no_waiting, bare, secure, site

__all__ = ["_no_waiting", "bare", "secure", "site"]
