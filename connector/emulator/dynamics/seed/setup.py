"""What the invented company's admin set up before anybody typed: columns of their own, wider texts, options, assets.

An empty org and a `Company` come in; the org knows every column and option that the company's rows need when this is
done. Next room: `firms`.
"""

from collections.abc import Iterable

from connector.emulator.company.model import Company
from connector.emulator.dynamics.load.columns import numbered, offer
from connector.emulator.dynamics.org.model import Column, Option, Relationship, Table
from connector.emulator.dynamics.org.records import Org

_LOSSES = ("Price", "Competitor", "No budget", "Timing", "No decision", "Product fit")
_DEALS = ("New Customer", "Existing Customer - Upgrade")
_ACTIVITIES = ("appointment", "phonecall", "email", "task")


def _own(name: str, kind: str, label: str, prefix: str = "new") -> Column:
    """A column of the admin's; its label without signs is its name."""
    return Column(f"{prefix}_{name.lower()}", kind, label, f"{prefix}_{name}", custom=True)


def _whole(name: str, label: str, most: int) -> Column:
    return _own(name, "integer", label).with_(min_value=0, max_value=most)


def _money(name: str, label: str) -> Column:
    bounds = {"min_value": -922_337_203_685_477, "max_value": 922_337_203_685_477}
    return _own(name, "money", label).with_(precision=2, precision_source=2, **bounds)


def _flag(name: str, label: str) -> Column:
    yes_no = (Option(1, "Yes"), Option(0, "No"))
    return _own(name, "boolean", label).with_(options=yes_no, default=False)


def _day(name: str, label: str) -> Column:
    return _own(name, "datetime", label).with_(format="DateOnly", behavior="DateOnly")


def _choice(table: str, name: str, label: str, labels: Iterable[str]) -> Column:
    return _own(name, "picklist", label).with_(options=numbered(labels), option_set=f"{table}_new_{name.lower()}")


COLUMNS: dict[str, list[Column]] = {
    "account": [
        _money("CostToServe", "Cost to Serve (a year)"),
        _whole("PaymentDays", "Usual Days to Payment", 999),
        _whole("StrategicFit", "Strategic Fit (0-5)", 5),
        _flag("CreditHold", "Credit Hold (our books)"),
    ],
    "contact": [
        _own("ReportsToId", "lookup", "Reports To").with_(
            targets=("contact",), navigation={"contact": "new_ReportsToId"}
        ),
        _day("LeftCompanyOn", "Left Company On"),
        _flag("NoProfiling", "No Profiling"),
    ],
    "opportunity": [
        _choice("opportunity", "DealType", "Type", _DEALS),
        _whole("PushCount", "Times Pushed", 999),
        _choice("opportunity", "LossReason", "Loss Reason", _LOSSES),
        _own("MainCompetitor", "string", "Main Competitor").with_(max_length=80, format="Text"),
    ],
    "opportunityproduct": [_money("Cost", "Cost (whole line)")],
    "connection": [_flag("IsPrimary", "Main Contact of the Deal")],
    "incident": [
        _whole("Satisfaction", "Satisfaction (1-5)", 5),
        _own("ClosedOn", "datetime", "Closed On").with_(format="DateAndTime", behavior="UserLocal"),
    ],
    **{name: [_flag("Captured", "Captured by Mail or Calendar Link")] for name in _ACTIVITIES},
    "msdyn_customerasset": [
        _choice("msdyn_customerasset", "Status", "Installation Status", ("Installed", "Obsolete")),
        _day("InstalledOn", "Installed On"),
        _day("EndsOn", "End of Use"),
        _whole("Quantity", "Quantity", 1_000_000),
        _flag("Rival", "Competitor's Product"),
    ],
}
"""The columns that the company's admin made, by table."""

_WIDER = {"account": {"name": 255}, "contact": {"lastname": 80, "jobtitle": 128}}
_LINKS = (
    Relationship(
        "new_contact_contact_ReportsToId", "OneToMany", "contact", "contact", "new_reportstoid", "new_ReportsToId",
        "new_contact_contact_ReportsToId", custom=True,
    ),
    Relationship(
        "msdyn_account_msdyn_customerasset_Account", "OneToMany", "account", "msdyn_customerasset", "msdyn_account",
        "msdyn_account", "msdyn_account_msdyn_customerasset_Account", custom=True,
    ),
    Relationship(
        "msdyn_product_msdyn_customerasset_Product", "OneToMany", "product", "msdyn_customerasset", "msdyn_product",
        "msdyn_product", "msdyn_product_msdyn_customerasset_Product", custom=True,
    ),
)  # fmt: skip


def set_up(org: Org, company: Company) -> None:
    """Make the admin's columns and options, and the table of assets that Field Service brings."""
    org.add_table(_assets())
    for table, columns in COLUMNS.items():
        for column in columns:
            org.add_column(table, column)
    for link in _LINKS:
        org.add_relationship(link)
    for table, widths in _WIDER.items():
        for name, length in widths.items():
            org.replace_column(table, org.table(table).column(name).with_(max_length=length))
    offer(org, "account", "industrycode", (account.industry for account in company.accounts if account.industry))


def _assets() -> Table:
    """The table of Field Service for what stands at a customer's, with the columns of it that we need."""
    name = "msdyn_customerasset"
    columns = [
        Column("msdyn_name", "string", "Name", max_length=100, format="Text", primary_name=True),
        Column("msdyn_account", "lookup", "Account", "msdyn_Account", targets=("account",)),
        Column("msdyn_product", "lookup", "Product", "msdyn_Product", targets=("product",)),
    ]
    # The capitals of the lookups are in their schema names only: the navigation properties have none.
    made = {one.name: one.with_(custom=True, navigation=dict.fromkeys(one.targets, one.name)) for one in columns}
    return Table(
        name, name, f"{name}s", "Customer Asset", "Customer Assets", 0, f"{name}id", "msdyn_name", custom=True,
        columns=made,
    )  # fmt: skip
