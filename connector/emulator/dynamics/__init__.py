"""The Dynamics 365 face: an emulated org that speaks the Dataverse Web API.

Reading order: `org` keeps tables, rows and rights; `call` and `site` are the desk every request comes to; `login` gives
tokens; `resources` finds what a path means and hands it to `read`, `write`, `actions`, `metadata` or `batch`.
"""
