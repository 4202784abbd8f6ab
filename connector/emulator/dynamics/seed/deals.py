"""The company's deals, their lines, and who has a say in them.

An org with people and firms and the company come in; rows go into the org. Next room: `touch`.
"""

from collections.abc import Callable, Sequence
from functools import partial

from connector.emulator.company.model import Company, ContactRole, Line, Opportunity
from connector.emulator.dynamics.load.columns import offer
from connector.emulator.dynamics.org.records import Org
from connector.emulator.dynamics.seed.rows import Ids, Link, load_rows, priced, stamps, state

STAGES = {
    "prospecting": ("Prospecting", 10),
    "qualification": ("Qualification", 10),
    "analysis": ("Needs Analysis", 20),
    "proposition": ("Value Proposition", 50),
    "proposal": ("Proposal/Price Quote", 75),
    "negotiation": ("Negotiation/Review", 90),
    "won": ("Closed Won", 100),
    "lost": ("Closed Lost", 0),
}
"""Names of the phases and how likely a deal is to be won in each."""

_STATES = {"open": (0, 1), "won": (1, 3), "lost": (2, 4)}
_DEALS = {"new": "New Customer", "existing": "Existing Customer - Upgrade"}
_STAKEHOLDER = 1000  # category of connection roles


def opportunities(org: Org, company: Company, ids: Ids) -> None:
    """Deals with the rate of their closing day, then their lines, stamped like their deal."""
    deals = company.opportunities
    kinds, losses = (offer(org, "opportunity", name, ()) for name in ("new_dealtype", "new_lossreason"))
    main = {role.opportunity: role.contact for role in company.contact_roles if role.primary}
    load_rows(org, "opportunity", deals, {
        "opportunityid": lambda o: ids.of("opportunities", o.no),
        "customerid": lambda o: ids.link("accounts", o.account),
        "parentaccountid": lambda o: ids.of("accounts", o.account),
        "parentcontactid": lambda o: ids.of("contacts", main.get(o.no)),
        "ownerid": lambda o: ids.link("users", o.owner),
        "name": lambda o: o.name[:120],
        "stepname": lambda o: STAGES[o.stage][0],
        "closeprobability": lambda o: STAGES[o.stage][1],
        "estimatedvalue": lambda o: o.amount,
        "actualvalue": lambda o: o.amount if o.state == "won" else None,
        **priced(ids, lambda o: o.currency, lambda o: o.close_day),
        "estimatedclosedate": lambda o: o.close_day,
        "actualclosedate": lambda o: None if o.state == "open" else o.close_day,
        "statecode": lambda o: _STATES[o.state][0],
        "statuscode": lambda o: _STATES[o.state][1],
        "isrevenuesystemcalculated": lambda o: False,
        "new_dealtype": lambda o: kinds[_DEALS[o.kind]],
        "new_pushcount": lambda o: o.pushed,
        "new_lossreason": lambda o: losses[o.lost_reason] if o.lost_reason else None,
        "new_maincompetitor": lambda o: o.competitor,
        **stamps(lambda o: o.created, lambda o: o.modified),
    })  # fmt: skip
    of = partial(_deal_of, deals)
    load_rows(org, "opportunityproduct", company.lines, {
        "opportunityproductid": lambda line: ids.of("lines", line.no),
        "opportunityid": lambda line: ids.of("opportunities", line.opportunity),
        "productid": lambda line: ids.of("products", line.product),
        "opportunityproductname": lambda line: company.products[line.product - 1].name,
        "isproductoverridden": lambda line: False,
        "ispriceoverridden": lambda line: True,
        "quantity": lambda line: line.quantity,
        "priceperunit": lambda line: line.unit_price,
        "baseamount": lambda line: round(line.quantity * line.unit_price, 2),
        "extendedamount": lambda line: round(line.quantity * line.unit_price, 2),
        "new_cost": lambda line: line.cost,
        **priced(ids, lambda line: of(line).currency, lambda line: of(line).close_day),
        **stamps(lambda line: of(line).created, lambda line: of(line).modified),
    })  # fmt: skip


def stakeholders(org: Org, company: Company, ids: Ids) -> None:
    """Contact roles as connections: a row from the deal to the person, and its twin that leads back."""
    deals = company.opportunities
    load_rows(org, "connectionrole", list(ids.roles), {
        "connectionroleid": lambda name: ids.roles[name],
        "name": lambda name: name,
        "category": lambda name: _STAKEHOLDER,
        **state(0, 1),
    })  # fmt: skip
    twins = [org.new_guid("connection") for _ in company.contact_roles]
    both = [(role, forward) for forward in (True, False) for role in company.contact_roles]

    def end(number: int, what: Callable[[ContactRole, bool], object]) -> Callable[[tuple[ContactRole, bool]], object]:
        """What stands at one end of the row: the deal at the first end going forward, the person at the other."""
        return lambda row: what(row[0], (number == 1) == row[1])

    def who(role: ContactRole, is_deal: bool) -> Link:
        return ids.link("opportunities", role.opportunity) if is_deal else ids.link("contacts", role.contact)

    def part(role: ContactRole, is_deal: bool) -> str | None:
        return None if is_deal else ids.roles[role.role]

    def code(role: ContactRole, is_deal: bool) -> int:
        return 3 if is_deal else 2

    def named(role: ContactRole, is_deal: bool) -> str:
        if is_deal:
            return deals[role.opportunity - 1].name[:120]
        contact = company.contacts[role.contact - 1]
        return " ".join(part for part in (contact.first, contact.last) if part)

    def own(role: ContactRole, forward: bool) -> str | None:
        return ids.of("contact_roles", role.no) if forward else twins[role.no - 1]

    of = partial(_deal_of, deals)
    load_rows(org, "connection", both, {
        "connectionid": lambda row: own(*row),
        "relatedconnectionid": lambda row: own(row[0], not row[1]),
        "ismaster": lambda row: row[1],
        "record1id": end(1, who),
        "record2id": end(2, who),
        "record1objecttypecode": end(1, code),
        "record2objecttypecode": end(2, code),
        "name": end(2, named),
        "record1roleid": end(1, part),
        "record2roleid": end(2, part),
        "ownerid": lambda row: ids.link("users", of(row[0]).owner),
        "new_isprimary": lambda row: row[0].primary,
        **state(0, 1),
        **stamps(lambda row: of(row[0]).created, lambda row: of(row[0]).modified),
    })  # fmt: skip


def _deal_of(deals: Sequence[Opportunity], row: Line | ContactRole) -> Opportunity:
    return deals[row.opportunity - 1]
