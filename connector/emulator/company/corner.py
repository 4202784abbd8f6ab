"""The hostile corner: a dozen accounts, some people and some deals that mean harm, the same for every seed.

Finished tables come in and their last accounts are made nasty: names with emoji, quotes, markup and mixed
directions, 300 characters where less is usual, twins, loops of parents, people and deals without an account, no
amount, nothing, less than nothing. What is planted elsewhere never touches these rows.
Next room: the package itself, which tells the truth.
"""

from datetime import date, timedelta

from connector.emulator.company.draw import moment, stream
from connector.emulator.company.model import LAST_DAY, Company, Contact, Opportunity
from connector.emulator.company.plan import CORNER

_NAMES = (
    "🚀 Zündwerk 🏭 Raketenbau",
    ("Verylongnamed Holdings of the Invented Provinces and Their Many Branches " * 5)[:300],
    "شركة \u202bاختبار\u202c (Right-to-Left) ۱۲۳ Ltd",
    'O\'Quill "Quotes" & <b>Bold</b> \\ Co; DROP--',
    '=HYPERLINK("x","Formula Works")',
    "N/A",
    "null",
    "Twin Gate Industries Ltd",
    "Twin Gate Industries Ltd",
    "Selbst & Eigen Holding AG",
    "Ouroboros Nord GmbH",
    "Ouroboros Süd GmbH",
)
_TITLES = (
    "🧑‍🔧 Chief 🔧 Officer",
    ("Senior Executive Vice President of Everything that Needs an Extraordinarily Long Description, " * 4)[:300],
    "مدير \u200fIT\u200f & Закупки",
    "Prokurist, Leiter Einkauf / CFO | ex-CEO",
    "<script>alert(1)</script>",
    "   ",
)


def spoil_firms(company: Company) -> None:
    """Make the last accounts hostile, and hang hostile people on them or on nothing."""
    accounts = company.accounts[-CORNER:]
    first = accounts[0].no
    last = accounts[-1].no
    parents = {first + 9: first + 9, first + 10: last, last: first + 10}  # its own parent; two that own each other
    for account, name in zip(accounts, _NAMES, strict=True):
        changed = account._replace(name=name, kind="customer", parent=parents.get(account.no))
        if name.startswith("Twin"):
            changed = changed._replace(country="Ireland", city="Cork", industry="Chemicals", currency="EUR")
        company.accounts[account.no - 1] = changed
    _people(company, first)


def _people(company: Company, first: int) -> None:
    made = moment(stream(company.seed, "corner"), LAST_DAY - timedelta(days=90))
    for at, title in enumerate(_TITLES):
        no = len(company.contacts) + 1
        account = company.accounts[first - 1 + at]
        made_here = max(made, account.created)
        boss = no - 1 if at else None  # a manager at another firm
        company.contacts.append(
            Contact(
                no,
                account.no,
                "Ünï\u200bcødé",
                f"{'Ω' * 60}{at}",
                title,
                None,
                None,
                boss,
                account.owner,
                None,
                False,
                made_here,
                made_here,
            )
        )
    owner = company.accounts[0].owner
    for last in ("Nowhere", "NULL", "😀"):
        no = len(company.contacts) + 1
        company.contacts.append(Contact(no, None, None, last, None, None, None, None, owner, None, False, made, made))


def spoil_deals(company: Company) -> None:
    """Deals without account, without amount, of zero and of less than zero, and one with a name of 300 characters."""
    first = company.accounts[-CORNER].no
    made = moment(stream(company.seed, "corner"), LAST_DAY - timedelta(days=80))
    won = LAST_DAY - timedelta(days=40)
    rows: list[tuple[int | None, str, str, float | None, date]] = [
        (None, "Orphan deal, won", "won", 1200.0, won),
        (None, "Orphan deal, open", "open", 900.0, LAST_DAY + timedelta(days=30)),
        (first, "No amount, won 🎉", "won", None, won),
        (first + 2, "بدون مبلغ", "open", None, LAST_DAY + timedelta(days=10)),
        (first + 3, "Zero & <i>nothing</i>", "won", 0.0, won),
        (first + 4, "Credit note", "won", -750.0, won),
        (first + 5, ("Long deal name " * 20)[:300], "lost", 10.0, won),
        (first + 10, "Deal inside a loop", "won", 640.0, won),
    ]
    for account_no, name, state, amount, day in rows:
        account = company.accounts[(account_no or 1) - 1]
        no = len(company.opportunities) + 1
        stage = "proposal" if state == "open" else state
        currency = account.currency if account_no else "EUR"
        company.opportunities.append(
            Opportunity(
                no,
                account_no,
                account.owner,
                name,
                state,
                stage,
                amount,
                currency,
                day,
                "new",
                0,
                None,
                None,
                made,
                made,
            )
        )
