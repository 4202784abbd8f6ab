"""Key-account status, coverage and whitespace, computed from a CRM's records and written back into them."""

__version__ = "0.1.0"
