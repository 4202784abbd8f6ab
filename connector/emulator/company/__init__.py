"""The invented company: a seller of industrial equipment, its customers, and the truth planted in them.

A size and a seed come in, a `Company` leaves, the same every time. Reading order: `model` (the tables), `draw`
(small draws), `plan` (the hidden cause of each account), `firms`, `people`, `trade`, `touch` (rows drawn from it),
`corner` (the hostile rows); then here, where the truth is told.
Next room: each face's `seed`, which makes its CRM's records.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, TypeAlias

from connector.emulator.company.corner import spoil_deals, spoil_firms
from connector.emulator.company.draw import words
from connector.emulator.company.firms import Exchange, accounts, products, rates, users
from connector.emulator.company.model import FIRST_DAY, LAST_DAY, Account, Company, Contact, Opportunity
from connector.emulator.company.people import Staff, people
from connector.emulator.company.plan import ACCOUNTS, CORNER, Plan, plans
from connector.emulator.company.touch import Diary, Term, Touches
from connector.emulator.company.trade import Desk

__all__ = ["ACCOUNTS", "FIRST_DAY", "LAST_DAY", "STEPS", "Company", "Exchange", "begin", "build", "grow", "truth_in"]

STEPS = ("firms", "deals", "dealt", "touched")
"""What comes of the company, in this order: accounts and contacts; some deals; all deals; all else."""
_BLOCK = 1_000  # accounts whose deals come together

Tell: TypeAlias = Callable[[str], None]

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


def build(size: str, seed: int, tell: Tell = lambda _: None) -> Company:
    """The company of a size ("small", "medium", "large") and a seed; equal for equal arguments."""
    company = begin(size, seed)
    for _ in grow(company, tell):
        pass
    return company


def begin(size: str, seed: int) -> Company:
    """The company before it has customers: its own people, products and rates."""
    if size not in ACCOUNTS:
        raise ValueError(f"--company {size}: there is no such size. Choose one of: {', '.join(ACCOUNTS)}")
    return Company(size, seed, users(size, seed), products(seed), rates(seed))


def grow(company: Company, tell: Tell, *, keep: bool = True) -> Iterator[str]:
    """Invent what `begin` left out; after each of the `STEPS` its name, "deals" whenever there are some more.

    Without `keep` deals go when "dealt" was answered, and no truth is told: for who takes each row as it comes.
    """
    exchange = Exchange(company.rates)
    tell("plans and names")
    causes = plans(company.size, company.seed)
    company.accounts = accounts(company.size, company.seed, causes, company.users, exchange)
    tell("contacts")
    staff = people(company.seed, causes, company.accounts)
    company.contacts = staff.contacts
    of = _starts(company.contacts, len(causes))
    spoil_firms(company)
    yield "firms"
    yield from _deals(company, causes, staff, of, exchange, tell)
    deals_of = _starts(company.opportunities, len(causes))
    spoil_deals(company)
    yield "dealt"
    if not keep:
        company.lines.clear()
        company.contact_roles.clear()
    terms = [Term(deal.no, deal.created, deal.close_day) for deal in company.opportunities]
    if not keep:
        company.opportunities.clear()
    diary = Diary(company.seed, company.size, company.users)
    company.activities, company.cases = diary.touches.activities, diary.touches.cases
    for plan, account in _told("activities", causes, company.accounts, tell):
        here = [(one, staff.seats[one.no]) for one in company.contacts[of[plan.no] : of[plan.no + 1]]]
        diary.keep(plan, account, here, terms[deals_of[plan.no] : deals_of[plan.no + 1]])
    if keep:
        company.truth = _truth(causes, staff, diary.touches)
    yield "touched"


def _deals(
    company: Company, causes: list[Plan], staff: Staff, of: list[int], exchange: Exchange, tell: Tell
) -> Iterator[str]:
    """Deals with all that hangs on them, account after account."""
    desk = Desk(company.seed, company.products, exchange)
    company.opportunities, company.lines = desk.trade.opportunities, desk.trade.lines
    company.contact_roles, company.assets = desk.trade.contact_roles, desk.trade.assets
    for plan, account in _told("deals", causes, company.accounts, tell):
        desk.serve(plan, account, [staff.seats[no + 1] for no in range(of[plan.no], of[plan.no + 1])])
        if plan.no % _BLOCK == 0:
            yield "deals"


def _told(what: str, causes: list[Plan], firms: list[Account], tell: Tell) -> Iterator[tuple[Plan, Account]]:
    for plan, account in zip(causes, firms, strict=True):
        if plan.no % _BLOCK == 1:
            tell(f"{what} of {plan.no:,} of {len(causes):,} accounts")
        yield plan, account


def _starts(rows: Iterable[Contact | Opportunity], accounts: int) -> list[int]:
    """Where each account's rows begin, by its number, in a table that is in the order of accounts; then its end."""
    held = Counter(row.account for row in rows)
    return list(accumulate((held[no] for no in range(accounts + 1)), initial=0))


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
