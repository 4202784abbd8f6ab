"""The option sets of the catalogue: numbers and labels as a new organisation in English has them.

In: nothing; out: text by option set, `number label; …`. Next room: `notation`, which reads it.
"""

_PLACEHOLDER = "1 Default Value"

OPTIONS = {
    "industry": "1 Accounting; 2 Agriculture and Non-petrol Natural Resource Extraction;"
    " 3 Broadcasting Printing and Publishing; 4 Brokers; 5 Building Supply Retail; 6 Business Services; 7 Consulting;"
    " 8 Consumer Services; 9 Design, Direction and Creative Management; 10 Distributors, Dispatchers and Processors;"
    " 11 Doctor's Offices and Clinics; 12 Durable Manufacturing; 13 Eating and Drinking Places;"
    " 14 Entertainment Retail; 15 Equipment Rental and Leasing; 16 Financial;"
    " 17 Food and Tobacco Processing; 18 Inbound Capital Intensive Processing; 19 Inbound Repair and Services;"
    " 20 Insurance; 21 Legal Services; 22 Non-Durable Merchandise Retail; 23 Outbound Consumer Service;"
    " 24 Petrochemical Extraction and Distribution; 25 Service Retail; 26 SIG Affiliations; 27 Social Services;"
    " 28 Special Outbound Trade Contractors; 29 Specialty Realty; 30 Transportation; 31 Utility Creation and"
    " Distribution; 32 Vehicle Retail; 33 Wholesale",
    "customertype": "1 Competitor; 2 Consultant; 3 Customer; 4 Investor; 5 Partner; 6 Influencer; 7 Press; 8 Prospect;"
    " 9 Reseller; 10 Supplier; 11 Vendor; 12 Other",
    "contact_customertype": _PLACEHOLDER,
    "accountcategory": "1 Preferred Customer; 2 Standard",
    "ownership": "1 Public; 2 Private; 3 Subsidiary; 4 Other",
    "placeholder": _PLACEHOLDER,
    "relationshiptype": "0 Up-sell; 1 Cross-sell; 2 Accessory; 3 Substitute",
    "relationshipdirection": "0 Uni-Directional; 1 Bi-Directional",
    "accountrole": "1 Decision Maker; 2 Employee; 3 Influencer",
    "decisioninfluence": "0 Decision maker; 1 Influencer; 2 Blocker; 3 Unknown",
    "orgchange": "0 No Feedback; 1 Not at Company; 2 Ignore",
    "contactmethod": "1 Any; 2 Email; 3 Phone; 4 Fax; 5 Mail",
    "gender": "1 Male; 2 Female",
    "salesstage": "0 Qualify; 1 Develop; 2 Propose; 3 Close",
    "opportunityrating": "1 Hot; 2 Warm; 3 Cold",
    "timeframe": "0 Immediate; 1 This Quarter; 2 Next Quarter; 3 This Year; 4 Unknown",
    "need": "0 Must have; 1 Should have; 2 Good to have; 3 No need",
    "budget": "0 No Committed Budget; 1 May Buy; 2 Can Buy; 3 Will Buy",
    "purchaseprocess": "0 Individual; 1 Committee; 2 Unknown",
    "opportunitypriority": _PLACEHOLDER,
    "forecast": "100000001 Pipeline; 100000002 Best case; 100000003 Committed; 100000004 Omitted; 100000005 Won;"
    " 100000006 Lost",
    "grade": "0 Grade A; 1 Grade B; 2 Grade C; 3 Grade D",
    "lineproduct": "1 Product; 2 Bundle; 3 Required Bundle Product; 4 Optional Bundle Product; 5 Project-based Service",
    "pricingerror": "0 None; 1 Detail Error; 2 Missing Price Level; 3 Inactive Price Level; 4 Missing Quantity;"
    " 5 Missing Unit Price; 6 Missing Product; 7 Invalid Product; 8 Missing Pricing Code; 9 Invalid Pricing Code;"
    " 10 Missing UOM; 11 Product Not In Price Level",
    "skipprice": "0 DoPriceCalcAlways; 1 SkipPriceCalcOnRetrieve",
    "structure": "1 Product; 2 Product Family; 3 Product Bundle",
    "producttype": "1 Sales Inventory; 2 Miscellaneous Charges; 3 Services; 4 Flat Fees",
    "connectioncategory": "1 Business; 2 Family; 3 Social; 4 Sales; 5 Other; 1000 Stakeholder; 1001 Sales Team;"
    " 1002 Service",
    "connectedtable": "1 Account; 2 Contact; 3 Opportunity; 8 User; 9 Team; 112 Case; 1024 Product; 4201 Appointment;"
    " 4202 Email; 4210 Phone Call; 4212 Task",
    "priority": "0 Low; 1 Normal; 2 High",
    "participation": "1 Sender; 2 To Recipient; 3 CC Recipient; 4 BCC Recipient; 5 Required attendee;"
    " 6 Optional attendee; 7 Organizer; 8 Regarding; 9 Owner; 10 Resource; 11 Customer; 12 Chat Participant",
    "accessmode": "0 Read-Write; 1 Administrative; 2 Read; 3 Support User; 4 Non-interactive; 5 Delegated Admin",
    "casepriority": "1 High; 2 Normal; 3 Low",
    "caseorigin": "1 Phone; 2 Email; 3 Web; 2483 Facebook; 3986 Twitter; 700610000 IoT",
    "casetype": "1 Question; 2 Problem; 3 Request",
    "satisfaction": "5 Very Satisfied; 4 Satisfied; 3 Neutral; 2 Dissatisfied; 1 Very Dissatisfied",
    "leadsource": "1 Advertisement; 2 Employee Referral; 3 External Referral; 4 Partner; 5 Public Relations; 6 Seminar;"
    " 7 Trade Show; 8 Web; 9 Word of Mouth; 10 Other",
    "formtype": "2 Main; 6 Quick View Form; 7 Quick Create; 11 Card",
    "formstate": "0 Inactive; 1 Active",
    "permission": "0 Not Allowed; 4 Allowed",
    "unmasked": "0 Not Allowed; 1 One Record; 3 All Records",
    "componenttype": "1 Entity; 2 Attribute; 9 Option Set; 10 Entity Relationship; 14 Entity Key; 20 Role;"
    " 26 Saved Query; 60 System Form; 70 Field Security Profile",
    "rootbehavior": "0 Include Subcomponents; 1 Do not include subcomponents; 2 Include As Shell Only",
    "operation": "13 Bulk Delete; 202 Index management",
    "teamtype": "0 Owner; 1 Access; 2 Security Group; 3 Office Group",
    "sharedtype": "1 Own; 2 Shared",
}
