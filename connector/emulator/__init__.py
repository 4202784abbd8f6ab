"""The emulator: our stand-in CRM server. It imports nothing else of ours, so that a shared mistake cannot hide itself.

Reading order: `salesforce.org` keeps records, fields and rights; `salesforce.soql` queries them; `salesforce.rest` and
its neighbours speak the wire; `server` listens; `load` and `company` fill the org; `faults` makes it misbehave.
"""
