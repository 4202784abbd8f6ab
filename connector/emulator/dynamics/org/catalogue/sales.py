"""The tables that salespeople work in: customers, deals, products, cases.

In: nothing; out: `TABLES`, each as the arguments of `notation.table`. Next room: `activities`.
"""

_ADDRESS = """
    address1_name              S200       Address 1: Name
    address1_line1             S250       Address 1: Street 1
    address1_line2             S250       Address 1: Street 2
    address1_city              S80        Address 1: City
    address1_stateorprovince   S50        Address 1: State/Province
    address1_postalcode        S20        Address 1: ZIP/Postal Code
    address1_country           S80        Address 1: Country/Region
    telephone1                 S50:Phone  Main Phone
    telephone2                 S50:Phone  Other Phone
    fax                        S50:Phone  Fax
    emailaddress1              S100:Email Email
    emailaddress2              S100:Email Email Address 2
    preferredcontactmethodcode P:contactmethod=1 Preferred Method of Contact
    donotemail                 B:Allow/Do_Not_Allow Do not allow Emails
    donotphone                 B:Allow/Do_Not_Allow Do not allow Phone Calls
    creditonhold               B          Credit Hold
    creditlimit                $          Credit Limit
    description                M2000      Description
    merged-                    B          Merged
    lastonholdtime             T          Last On Hold Time
    stageid                    G          Process Stage
    processid                  G          Process
    traversedpath              S1250      Traversed Path
"""

ACCOUNT = (
    "account | Account | accounts | 1 | accountid | name | Account | Accounts | UserOwned",
    f"""
    name!                      S160       Account Name
    accountnumber              S20        Account Number
    parentaccountid            L:account=account_parent_account Parent Account
    primarycontactid           L:contact=account_primary_contact Primary Contact
    industrycode               P:industry Industry
    revenue                    $          Annual Revenue
    numberofemployees          I0:1000000000 Number of Employees
    customertypecode           P:customertype Relationship Type
    accountcategorycode        P:accountcategory Category
    accountclassificationcode  P:placeholder=1 Classification
    customersizecode           P:placeholder=1 Customer Size
    accountratingcode          P:placeholder=1 Account Rating
    businesstypecode           P:placeholder=1 Business Type
    territorycode              P:placeholder=1 Territory Code
    ownershipcode              P:ownership Ownership
    territoryid                L:territory=territory_accounts Territory
    websiteurl                 S200:Url   Website
    tickersymbol               S10        Ticker Symbol
    sic                        S20        SIC Code
    marketcap                  $          Market Capitalization
    opendeals-                 I          Open Deals
    openrevenue-               $          Open Revenue
    masterid-                  L:account=account_master_account Master ID
    preferredsystemuserid      L:systemuser=system_user_accounts Preferred User
    {_ADDRESS}
    """,
    "Active: 1 Active; Inactive: 2 Inactive",
)

CONTACT = (
    "contact | Contact | contacts | 2 | contactid | fullname | Contact | Contacts | UserOwned",
    f"""
    fullname-                  S160       Full Name
    firstname+                 S50        First Name
    middlename                 S50        Middle Name
    lastname!                  S50        Last Name
    salutation                 S100       Salutation
    parentcustomerid           C:account=contact_customer_accounts^,contact=contact_customer_contacts Company Name
    accountid-                 L:account Account
    parentcontactid-           L:contact Parent Contact
    jobtitle                   S100       Job Title
    department                 S100       Department
    managername                S100       Manager
    managerphone               S50:Phone  Manager Phone
    assistantname              S100       Assistant
    assistantphone             S50:Phone  Assistant Phone
    accountrolecode            P:accountrole Role
    msdyn_decisioninfluencetag P:decisioninfluence Decision influence tag
    msdyn_orgchangestatus      P:orgchange=0 Not at Company Flag
    msdyn_isassistantinorgchart B         Is Assistant
    mobilephone                S50:Phone  Mobile Phone
    employeeid                 S50        Employee
    externaluseridentifier     S50        External User Identifier
    birthdate                  D          Birthday
    gendercode                 P:gender   Gender
    leadsourcecode             P:leadsource Lead Source
    customertypecode           P:contact_customertype=1 Relationship Type
    masterid-                  L:contact=contact_master_contact Master ID
    preferredsystemuserid      L:systemuser=system_user_contacts Preferred User
    {_ADDRESS}
    """,
    "Active: 1 Active; Inactive: 2 Inactive",
)

OPPORTUNITY = (
    "opportunity | Opportunity | opportunities | 3 | opportunityid | name | Opportunity | Opportunities | UserOwned",
    """
    name!                      S300       Topic
    customerid* C:account=opportunity_customer_accounts^,contact=opportunity_customer_contacts Potential Customer
    parentaccountid            L:account=opportunity_parent_account Account
    parentcontactid            L:contact=opportunity_parent_contact Contact
    accountid-                 L:account Account (mirror)
    contactid-                 L:contact Contact (mirror)
    estimatedvalue             $          Est. Revenue
    actualvalue                $          Actual Revenue
    totalamount                $          Total Amount
    totallineitemamount        $          Total Detail Amount
    totalamountlessfreight     $          Total Pre-Freight Amount
    totaldiscountamount        $          Total Discount Amount
    totaltax                   $          Total Tax
    discountamount             $          Opportunity Discount Amount
    freightamount              $          Freight Amount
    budgetamount               $          Budget Amount
    isrevenuesystemcalculated  B:User_Provided/System_Calculated Revenue
    estimatedclosedate         D          Est. Close Date
    actualclosedate            D          Actual Close Date
    finaldecisiondate          D          Final Decision Date
    closeprobability           I0:100     Probability
    stepname                   S200       Pipeline Phase
    stepid                     G          Step
    stageid                    G          Process Stage
    processid                  G          Process
    salesstage                 P:salesstage Sales Stage
    salesstagecode             P:placeholder=1 Process Code
    opportunityratingcode      P:opportunityrating=2 Rating
    purchasetimeframe          P:timeframe Purchase Timeframe
    purchaseprocess            P:purchaseprocess Purchase Process
    prioritycode               P:opportunitypriority=1 Priority
    need                       P:need     Need
    budgetstatus               P:budget   Budget
    msdyn_forecastcategory     P:forecast=100000001 Forecast category
    msdyn_opportunityscore     I          Opportunity Score
    msdyn_opportunitygrade     P:grade    Opportunity Grade
    pricelevelid               L:pricelevel=price_level_opportunties Price List
    pricingerrorcode           P:pricingerror=0 Pricing Error
    skippricecalculation       P:skipprice=0 Skip Price Calculation
    decisionmaker              B:mark_complete/completed Decision Maker?
    identifycompetitors        B:mark_complete/completed Identify Competitors
    description                M2000      Description
    currentsituation           M2000      Current Situation
    customerneed               M2000      Customer Need
    customerpainpoints         M2000      Customer Pain Points
    proposedsolution           M2000      Proposed Solution
    emailaddress               S100:Email Email Address
    """,
    "Open: 1 In Progress, 2 On Hold; Won: 3 Won; Lost: 4 Canceled, 5 Out-Sold",
)

LINE = (
    "opportunityproduct | OpportunityProduct | opportunityproducts | 1083 | opportunityproductid"
    " | opportunityproductname | Opportunity Product | Opportunity Products | None",
    """
    opportunityproductname     S500       Name
    opportunityid*             L:opportunity=product_opportunities^ Opportunity
    productid                  L:product=product_opportunity_products Existing Product
    isproductoverridden        B:Existing/Write-In Select Product
    productdescription         S500       Write-In Product
    quantity!                  N5         Quantity
    priceperunit               $          Price Per Unit
    ispriceoverridden          B:Use_Default/Override_Price Pricing
    baseamount                 $          Amount
    extendedamount             $          Extended Amount
    manualdiscountamount       $          Manual Discount
    volumediscountamount-      $          Volume Discount
    tax                        $          Tax
    uomid                      L:uom=unit_of_measurement_opportunity_products Unit
    lineitemnumber             I0:1000000000 Line Item Number
    sequencenumber             I          Sequence Number
    producttypecode            P:lineproduct=1 Product type
    parentbundleidref          L:opportunityproduct=opportunityproduct_parent_opportunityproduct Parent Bundle Product
    pricingerrorcode           P:pricingerror=0 Pricing Error
    skippricecalculation       P:skipprice=0 Skip Price Calculation
    description                M2000      Description
    """,
    "",
)

PRODUCT = (
    "product | Product | products | 1024 | productid | name | Product | Products | OrganizationOwned",
    """
    name!                      S100       Name
    productnumber!             S100       Product ID
    parentproductid            L:product=product_parent_product Parent
    productstructure           P:structure=1 Product Structure
    producttypecode            P:producttype=1 Product Type
    hierarchypath-             S450       Hierarchy Path
    price                      $          List Price
    currentcost                $          Current Cost
    standardcost               $          Standard Cost
    pricelevelid               L:pricelevel=price_level_products Default Price List
    defaultuomid!              L:uom=unit_of_measurement_products Default Unit
    defaultuomscheduleid!      L:uomschedule=unit_of_measurement_schedule_products Unit Group
    quantitydecimal!           I0:5=2     Decimals Supported
    quantityonhand             N2         Quantity On Hand
    stockvolume                N2         Stock Volume
    validfromdate              D          Valid From
    validtodate                D          Valid To
    vendorname                 S100       Vendor
    vendorid                   S100       Vendor ID
    vendorpartnumber           S100       Vendor Name
    suppliername               S100       Supplier Name
    size                       S200       Size
    producturl                 S255:Url   URL
    iskit                      B          Is Kit
    isstockitem                B          Stock Item
    description                M2000      Description
    """,
    "Active: 1 Active; Retired: 2 Retired; Draft: 0 Draft; Under Revision: 3 Under Revision",
)

PRODUCT_RELATION = (
    "productsubstitute | ProductSubstitute | productsubstitutes | 1028 | productsubstituteid | name"
    " | Product Relationship | Product Relationships | OrganizationOwned",
    """
    name-                      S200       Name
    productid*                 L:product=product_substitute_productid Product
    substitutedproductid*      L:product=product_substitute_substitutedproductid Related Product
    salesrelationshiptype*     P:relationshiptype Sales Relationship Type
    direction*                 P:relationshipdirection Direction
    """,
    "Active: 1 Active; Inactive: 2 Inactive",
)

INCIDENT = (
    "incident | Incident | incidents | 112 | incidentid | title | Case | Cases | UserOwned",
    """
    title!                     S200       Case Title
    ticketnumber~              S100       Case Number
    customerid*                C:account=incident_customer_accounts^,contact=incident_customer_contacts^ Customer
    accountid-                 L:account Account
    contactid-                 L:contact Contact (mirror)
    primarycontactid           L:contact=contact_as_primary_contact Contact
    productid                  L:product=product_incidents Product
    parentcaseid               L:incident=incident_parent_incident Parent Case
    prioritycode               P:casepriority=2 Priority
    severitycode               P:placeholder=1 Severity
    casetypecode               P:casetype Case Type
    caseorigincode             P:caseorigin Origin
    customersatisfactioncode   P:satisfaction Satisfaction
    isescalated                B          Is Escalated
    escalatedon-               T          Escalated On
    resolveby                  T          Resolve By
    responseby                 T          First Response By
    followupby                 TD         Follow Up By
    merged-                    B          Internal Use Only
    description                M2000      Description
    """,
    "Active: 1 In Progress, 2 On Hold, 3 Waiting for Details, 4 Researching;"
    " Resolved: 5 Problem Solved, 1000 Information Provided; Cancelled: 6 Cancelled, 2000 Merged",
)

PRICELIST = (
    "pricelevel | PriceLevel | pricelevels | 1022 | pricelevelid | name | Price List | Price Lists | OrganizationOwned",
    """
    name!                      S100       Name
    begindate                  D          Start Date
    enddate                    D          End Date
    description                M2000      Description
    """,
    "Active: 100001 Active; Inactive: 100002 Inactive",
)

UNIT = (
    "uom | UoM | uoms | 1055 | uomid | name | Unit | Units | OrganizationOwned untracked",
    """
    name!                      S100       Name
    quantity!                  N10        Quantity
    baseuom                    L:uom=unit_of_measurement_base_unit Base Unit
    uomscheduleid*             L:uomschedule=unit_of_measurement_schedule_conversions^ Unit Schedule
    isschedulebaseuom          B          Is Schedule Base Unit
    """,
    "",
)

UNIT_GROUP = (
    "uomschedule | UoMSchedule | uomschedules | 1056 | uomscheduleid | name | Unit Group | Unit Groups"
    " | OrganizationOwned untracked",
    """
    name!                      S200       Name
    baseuomname                S100       Base Unit Name
    description                M2000      Description
    """,
    "Active: 1 Active; Inactive: 2 Inactive",
)

TERRITORY = (
    "territory | Territory | territories | 2013 | territoryid | name | Territory | Territories"
    " | OrganizationOwned untracked",
    """
    name*                      S200       Territory Name
    managerid                  L:systemuser=system_user_territories Manager
    parentterritoryid          L:territory=territory_parent_territory Parent
    description                M2000      Description
    """,
    "",
)

CURRENCY = (
    "transactioncurrency | TransactionCurrency | transactioncurrencies | 9105 | transactioncurrencyid | currencyname"
    " | Currency | Currencies | OrganizationOwned untracked",
    """
    currencyname*              S100       Currency Name
    isocurrencycode*           S5         Currency Code
    currencysymbol*            S13        Currency Symbol
    currencyprecision!         I0:10=2    Currency Precision
    exchangerate*              N10        Exchange Rate
    """,
    "Active: 1 Active; Inactive: 2 Inactive",
)

ORG_CHART_NODE = (
    "msdyn_orgchartnode | msdyn_orgchartnode | msdyn_orgchartnodes | 10301 | msdyn_orgchartnodeid | new_name"
    " | Org Chart Node | Org Chart Nodes | UserOwned untracked",
    """
    new_name                   S100       Name
    msdyn_noderecord           L:contact=msdyn_contact_msdyn_orgchartnode_noderecord Node Record
    msdyn_parentrecord         L:account=msdyn_account_msdyn_orgchartnode_parentrecord Parent Record
    """,
    "Active: 1 Active; Inactive: 2 Inactive",
)

CUSTOMER_RELATIONSHIP = (
    "customerrelationship | CustomerRelationship | customerrelationships | 4502 | customerrelationshipid |"
    " customerroledescription | Customer Relationship | Customer Relationships | UserOwned untracked",
    """
    customerid C:account=customer_relationship_customer_account,contact=customer_relationship_customer_contact Customer
    partnerid C:account=customer_relationship_partner_account,contact=customer_relationship_partner_contact Partner
    customerroledescription    M2000      Customer Role Description
    partnerroledescription     M2000      Partner Role Description
    """,
    "",
)

OPPORTUNITY_ROLE = (
    "customeropportunityrole | CustomerOpportunityRole | customeropportunityroles | 4503 | customeropportunityroleid |"
    " description | Opportunity Relationship | Opportunity Relationships | UserOwned untracked",
    """
    customerid C:account=account_customer_opportunity_roles,contact=contact_customer_opportunity_roles Customer
    opportunityid              L:opportunity=opportunity_customer_opportunity_roles^ Opportunity
    description                M2000      Description
    """,
    "",
)

TABLES = (
    ACCOUNT, CONTACT, OPPORTUNITY, LINE, PRODUCT, PRODUCT_RELATION, INCIDENT, PRICELIST, UNIT, UNIT_GROUP, TERRITORY,
    CURRENCY, ORG_CHART_NODE, CUSTOMER_RELATIONSHIP, OPPORTUNITY_ROLE,
)  # fmt: skip
