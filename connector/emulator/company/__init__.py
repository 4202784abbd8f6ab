"""The invented company: a seller of industrial equipment, its customers, and the truth planted in them.

A size and a seed come in, a `Company` leaves, the same every time. Reading order: `model` (the tables), `draw`
(small draws), `plan` (the hidden cause of each account), `firms`, `people`, `trade`, `touch` (rows drawn from it),
`corner` (the hostile rows); then here, where the truth is told.
Next room: each face's `seed`, which makes its CRM's records.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connector.emulator.company.corner import spoil
from connector.emulator.company.draw import words
from connector.emulator.company.firms import Exchange, accounts, products, rates, users
from connector.emulator.company.model import FIRST_DAY, LAST_DAY, Company
from connector.emulator.company.people import Staff, people
from connector.emulator.company.plan import ACCOUNTS, CORNER, Plan, plans
from connector.emulator.company.touch import Diary, Touches
from connector.emulator.company.trade import Desk

__all__ = ["ACCOUNTS", "FIRST_DAY", "LAST_DAY", "Company", "Exchange", "build", "truth_in"]

# The truth's account lists and the kind of plan each comes from.
_LISTS = {
    "key": "key",
    "large_not_key": "large",
    "faded": "faded",
    "emerging": "emerging",
    "about_to_lapse": "lapsing",
    "lapsed": "lapsed",
    "no_data": "empty",
    "hostile": "corner",
}


def build(size: str, seed: int, tell: Callable[[str], None] = lambda _: None) -> Company:
    """The company of a size ("small", "medium", "large") and a seed; equal for equal arguments."""
    if size not in ACCOUNTS:
        raise ValueError(f"--company {size}: there is no such size. Choose one of: {', '.join(ACCOUNTS)}")
    company = Company(size, seed, users(size, seed), products(seed), rates(seed))
    exchange = Exchange(company.rates)
    tell("plans and names")
    causes = plans(size, seed)
    company.accounts = accounts(size, seed, causes, company.users, exchange)
    tell("contacts")
    staff = people(seed, causes, company.accounts)
    company.contacts = staff.contacts
    touches = _live(company, causes, staff, exchange, tell)
    company.truth = _truth(causes, staff, touches)
    spoil(company)
    return company


def _live(
    company: Company, causes: list[Plan], staff: Staff, exchange: Exchange, tell: Callable[[str], None]
) -> Touches:
    """Deals, then touches and cases, account after account."""
    desk = Desk(company.seed, company.products, exchange)
    diary = Diary(company.seed, company.size, company.users)
    at = 0
    for plan, account in zip(causes, company.accounts, strict=True):
        if plan.no % 1_000 == 1:
            tell(f"deals and activities of {plan.no:,} of {len(causes):,} accounts")
        end = at
        while end < len(company.contacts) and company.contacts[end].account == account.no:
            end += 1
        here = [(contact, staff.seats[contact.no]) for contact in company.contacts[at:end]]
        first_deal = len(desk.trade.opportunities)
        desk.serve(plan, account, [seat for _, seat in here])
        diary.keep(plan, account, here, desk.trade.opportunities[first_deal:])
        at = end
    company.opportunities, company.lines = desk.trade.opportunities, desk.trade.lines
    company.contact_roles, company.assets = desk.trade.contact_roles, desk.trade.assets
    company.activities, company.cases = diary.touches.activities, diary.touches.cases
    return diary.touches


def _truth(causes: list[Plan], staff: Staff, touches: Touches) -> dict[str, Any]:
    """What was planted, by the numbers of the rows."""
    families = words("range")["families"]
    lists = {name: [plan.no for plan in causes if plan.kind == kind] for name, kind in _LISTS.items()}
    lists["single_threaded"] = [no for no, engaged in touches.engaged.items() if len(engaged) == 1]
    peopled = {seat.account for seat in staff.seats.values()}
    lists["busy_on_paper"] = [plan.no for plan in causes if plan.ties == "paper" and plan.no in peopled]
    lists["cost_unknown"] = [plan.no for plan in causes if not plan.cost_known]
    lists["reporting_loops"] = staff.loops
    lists["account_loops"] = [causes[-CORNER].no + at for at in (9, 10, 11)]
    return {
        "last_day": LAST_DAY.isoformat(),
        "accounts": lists,
        "missing_executives": {plan.no: list(plan.missing) for plan in causes if plan.missing},
        "engaged": touches.engaged,
        "ripe": {plan.no: sorted(plan.ripe) for plan in causes if plan.ripe},
        "managers": {no: seat.manager for no, seat in staff.seats.items()},
        "seats": {no: [seat.function, seat.level] for no, seat in staff.seats.items()},
        "affinities": [[name, entry["pulls"]] for name, entry in families.items() if "pulls" in entry],
        "non_relations": words("range")["non_relations"],
    }


def truth_in(company: Company, account_ids: Sequence[str], contact_ids: Sequence[str]) -> Mapping[str, Any]:
    """The truth with a CRM's ids in place of row numbers (ids in row order), ready to be written as JSON."""
    truth = company.truth

    def account(no: int) -> str:
        return account_ids[no - 1]

    def contact(no: int | None) -> str | None:
        return None if no is None else contact_ids[no - 1]

    return {
        **truth,
        "size": company.size,
        "seed": company.seed,
        "accounts": {name: [account(no) for no in numbers] for name, numbers in truth["accounts"].items()},
        "missing_executives": {account(no): found for no, found in truth["missing_executives"].items()},
        "engaged": {account(no): [contact(who) for who in found] for no, found in truth["engaged"].items()},
        "ripe": {account(no): found for no, found in truth["ripe"].items()},
        "managers": {contact(no): contact(above) for no, above in truth["managers"].items()},
        "seats": {contact(no): found for no, found in truth["seats"].items()},
    }
