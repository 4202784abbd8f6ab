"""The far side: what any CRM must do (`protocol`), how we talk HTTP (`http`), and one folder for each CRM.

Settings come in; a logged-in CRM with the same eight methods leaves. Next room: `protocol`.
"""
