"""Metadata deploys: a zip of fields, objects, list views and permission sets becomes part of the org.

Reading order: `answer` (HTTP), `archive` (the zip), `elements` (its XML), `deploy` (what is done), and the rules of
each kind in `objects`, `fields` and `grants`; `setup_records` keeps the records of permission sets and list views.
"""
