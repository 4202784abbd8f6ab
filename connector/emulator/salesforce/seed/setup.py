"""What the invented company's admin set up before anybody typed: features, custom fields, rights, picklist values.

An empty org and the company's products come in; the org knows every field that the company's records need, and what
those who make the records must know of it leaves. Next room: `ids`.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from connector.emulator.company.model import Product
from connector.emulator.salesforce.org.model import Field, PicklistValue
from connector.emulator.salesforce.org.records import Org

_LOSSES = ("Price", "Competitor", "No budget", "Timing", "No decision", "Product fit")


def _custom(name: str, kind: str, label: str, precision: int = 0, scale: int = 0, length: int = 0) -> Field:
    return Field(name, kind, label, length, precision, scale, custom=True)


FIELDS = {
    "Account": [
        _custom("Cost_To_Serve__c", "currency", "Cost to Serve (a year)", 18, 2),
        _custom("Payment_Days__c", "double", "Usual Days to Payment", 3),
        _custom("Strategic_Fit__c", "double", "Strategic Fit (0-5)", 1),
        _custom("Credit_Hold__c", "boolean", "Credit Hold"),
    ],
    "Contact": [
        _custom("Left_Company_On__c", "date", "Left Company On"),
        _custom("No_Profiling__c", "boolean", "No Profiling"),
    ],
    "Opportunity": [
        _custom("Push_Count__c", "double", "Times Pushed", 3),
        _custom("Loss_Reason__c", "picklist", "Loss Reason").with_(
            picklist=tuple(PicklistValue(v, v) for v in _LOSSES)
        ),
        _custom("Main_Competitor__c", "string", "Main Competitor", length=80),
    ],
    "OpportunityLineItem": [_custom("Cost__c", "currency", "Cost (whole line)", 18, 2)],
    "Task": [_custom("Captured__c", "boolean", "Captured by Mail or Calendar Link")],
    "Event": [_custom("Captured__c", "boolean", "Captured by Mail or Calendar Link")],
    "Case": [_custom("Satisfaction__c", "double", "Satisfaction (1-5)", 1)],
}
"""The custom fields that the company's admin made, by object."""


class Facts(NamedTuple):
    """What the makers of records must know of the org; plain values, so that they may sit in another process."""

    numbers: tuple[int, int]  # where the numbers of ids stand
    profile: str
    pricebook: str
    today: str
    stages: dict[str, tuple[Any, ...]]  # closed, won, probability and forecast of each
    prefixes: dict[str, str]


def facts(org: Org) -> Facts:
    """Ask the org."""
    stages = org.rows(
        'SELECT "MasterLabel", "IsClosed", "IsWon", "DefaultProbability", "ForecastCategory", "ForecastCategoryName"'
        ' FROM "OpportunityStage"'
    )
    return Facts(
        (org.numbers.next, org.numbers.leased),
        org.rows('SELECT "Id" FROM "Profile" WHERE "Name" = ?', "Standard User")[0][0],
        org.pricebook_id,
        org.stamp()[:10],
        {name: tuple(rest) for name, *rest in stages},
        {kind.name: str(kind.key_prefix) for kind in org.objects.values()},
    )


def set_up(org: Org, products: Iterable[Product]) -> None:
    """Features, custom fields with the right to see them, and picklist values that the standard lists lack."""
    org.enable_feature("MultiCurrency")
    org.enable_feature("EventRelation")
    given = {"Name": "Company_Fields", "Label": "Company fields"}
    granted = org.create(org.admin_id, "PermissionSet", given, system=True)
    holder = {"PermissionSetId": granted, "AssigneeId": org.admin_id}
    org.create(org.admin_id, "PermissionSetAssignment", holder, system=True)
    for name, fields in FIELDS.items():
        for field in fields:
            org.add_field(name, field)
            org.grant(granted, name, field.name, edit=True)
    _offer(org, "Account", "Type", ["Competitor"])
    _offer(org, "Product2", "Family", dict.fromkeys(product.family for product in products))
    _offer(org, "Task", "Type", ["Email Received", "Email Sent"])


def _offer(org: Org, name: str, field_name: str, values: Iterable[str]) -> None:
    field = org.field(org.object(name), field_name)
    org.add_field(name, field.with_(picklist=field.picklist + tuple(PicklistValue(value, value) for value in values)))
