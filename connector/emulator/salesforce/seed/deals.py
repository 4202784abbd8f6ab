"""The company's deals as they come, with their prices, lines and contact roles, stamped like their deal.

Rows come in, batches of records leave. Next room: `touch`.
"""

from collections.abc import Iterator

from connector.emulator.company.firms import Exchange
from connector.emulator.company.model import LAST_DAY, Company, ContactRole, Line, Opportunity
from connector.emulator.salesforce.seed.rows import Batch, Columns, Ids, batches, days, moments, same, stamps, turned

STAGES = {
    "prospecting": "Prospecting",
    "qualification": "Qualification",
    "analysis": "Needs Analysis",
    "proposition": "Value Proposition",
    "proposal": "Proposal/Price Quote",
    "negotiation": "Negotiation/Review",
    "won": "Closed Won",
    "lost": "Closed Lost",
}
_DEALS = {"new": "New Customer", "existing": "Existing Customer - Upgrade"}


def _stand_in(product: int, currency: str) -> str:
    """What takes as much room as the id of a product's price, and is none."""
    return f"price-{product:08d}-{currency}"


class Deals:
    """The deals of a company that grows: those that have come since it was asked before."""

    def __init__(self, company: Company, ids: Ids) -> None:
        self.company, self.ids = company, ids
        self._deals = self._lines = 0  # those that were seen
        exchange = Exchange(company.rates)
        self._prices = {  # by product and currency
            (product.no, code): round(product.price * exchange.rate(code, LAST_DAY), exchange.digits(code))
            for product in company.products
            for code in dict.fromkeys(rate.currency for rate in company.rates)
        }
        ids.begin("opportunities")

    def more(self) -> Iterator[Batch]:
        """Deals with their amounts."""
        found = self.company.opportunities
        listed = {line.opportunity for line in self.company.lines[self._lines :]}
        self._lines = len(self.company.lines)
        fresh, self._deals = found[self._deals :], len(found)
        yield from batches("Opportunity", fresh, lambda rows: self._opportunities(rows, listed))

    def _opportunities(self, rows: list[Opportunity], listed: set[int]) -> Columns:
        o, ids = turned(rows), self.ids
        labels = [STAGES[stage] for stage in o.stage]
        closed, won, share, forecast, forecast_name = zip(*(ids.facts.stages[label] for label in labels), strict=True)
        years, quarters = [day.year for day in o.close_day], [(day.month + 2) // 3 for day in o.close_day]
        lines = [no in listed for no in o.no]
        return {
            "Id": ids.pointed_at("opportunities", rows),
            "AccountId": ids.of("accounts", o.account),
            "OwnerId": ids.of("users", o.owner),
            "Name": [name[:120] for name in o.name],
            "StageName": labels,
            "Amount": o.amount,
            "CurrencyIsoCode": o.currency,
            "CloseDate": days(o.close_day),
            "Type": [_DEALS[kind] for kind in o.kind],
            "Push_Count__c": o.pushed,
            "Loss_Reason__c": o.lost_reason,
            "Main_Competitor__c": o.competitor,
            "IsClosed": closed,
            "IsWon": won,
            "Probability": share,
            "ForecastCategory": forecast,
            "ForecastCategoryName": forecast_name,
            "FiscalYear": years,
            "FiscalQuarter": quarters,
            "Fiscal": [f"{year} {quarter}" for year, quarter in zip(years, quarters, strict=True)],
            "ExpectedRevenue": [
                None if amount is None else amount * percent / 100
                for amount, percent in zip(o.amount, share, strict=True)
            ],
            "HasOpportunityLineItem": lines,
            "Pricebook2Id": [ids.facts.pricebook if has else None for has in lines],
            **stamps(moments(o.created), moments(o.modified)),
        }

    def roles(self) -> Iterator[Batch]:
        """Who took part."""
        deals, ids = self.company.opportunities, self.ids

        def made(rows: list[ContactRole]) -> Columns:
            r = turned(rows)
            own = [deals[no - 1] for no in r.opportunity]
            return {
                "Id": ids.more("contact_roles", rows),
                "OpportunityId": ids.of("opportunities", r.opportunity),
                "ContactId": ids.of("contacts", r.contact),
                "Role": r.role,
                "IsPrimary": r.primary,
                **stamps(moments(deal.created for deal in own), moments(deal.modified for deal in own)),
            }

        yield from batches("OpportunityContactRole", self.company.contact_roles, made)

    def lines(self) -> Iterator[Batch]:
        """The products on the deals; the ids of their prices are not known yet, and something else stands for them."""
        company, ids, deals = self.company, self.ids, self.company.opportunities

        def made(rows: list[Line]) -> Columns:
            r = turned(rows)
            own = [deals[no - 1] for no in r.opportunity]
            products = [company.products[no - 1] for no in r.product]
            currencies = [deal.currency for deal in own]
            totals = [round(count * price, 2) for count, price in zip(r.quantity, r.unit_price, strict=True)]
            return {
                "Id": ids.more("lines", rows),
                "OpportunityId": ids.of("opportunities", r.opportunity),
                "PricebookEntryId": list(map(_stand_in, r.product, currencies)),
                "Product2Id": ids.of("products", r.product),
                "ProductCode": [product.code for product in products],
                "Name": [f"{deal.name[:120]} {product.name}" for deal, product in zip(own, products, strict=True)],
                "Quantity": r.quantity,
                "ListPrice": [self._prices[pair] for pair in zip(r.product, currencies, strict=True)],
                "UnitPrice": r.unit_price,
                "TotalPrice": totals,
                "Subtotal": totals,
                "CurrencyIsoCode": currencies,
                "Cost__c": r.cost,
                **stamps(moments(deal.created for deal in own), moments(deal.modified for deal in own)),
            }

        yield from batches("OpportunityLineItem", company.lines, made)

    def prices(self) -> Iterator[Batch]:
        """A standard price for each product in every currency; what its lines say of it until now is put right."""
        ids, pairs = self.ids, list(self._prices)
        entries = ids.one_by_one("PricebookEntry", len(pairs))

        def priced(rows: list[tuple[int, str]]) -> Columns:
            products = [self.company.products[no - 1] for no, _ in rows]
            created = moments(product.created for product in products)
            return {
                "Id": entries,
                "Pricebook2Id": same(ids.facts.pricebook, rows),
                "Product2Id": ids.of("products", [no for no, _ in rows]),
                "CurrencyIsoCode": [code for _, code in rows],
                "UnitPrice": [self._prices[pair] for pair in rows],
                "IsActive": same(True, rows),
                **stamps(created, created),
            }

        yield from batches("PricebookEntry", pairs, priced)
        yield Batch(
            "OpportunityLineItem", {"PricebookEntryId": list(map(_stand_in, *zip(*pairs, strict=True)))}, entries
        )
