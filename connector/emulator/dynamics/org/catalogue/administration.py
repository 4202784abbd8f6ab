"""The tables that administrators work in: how products go together, people, rights, solutions, forms, messages.

In: nothing; out: `TABLES`, each as the arguments of `notation.table`, and `MANY_TO_MANY`. Next room: `standard`.
"""

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

TABLES = (
    PRODUCT_RELATION,
    (
        "systemuser | SystemUser | systemusers | 8 | systemuserid | fullname | User | Users | BusinessOwned untracked",
        """
        fullname-               S200       Full Name
        firstname!              S256       First Name
        lastname!               S256       Last Name
        title                   S128       Title
        jobtitle                S100       Job Title
        internalemailaddress!   S100:Email Primary Email
        domainname!             S1024:Email User Name
        address1_telephone1     S64:Phone  Main Phone
        parentsystemuserid      L:systemuser=user_parent_user Manager
        positionid              L:position=position_users Position
        businessunitid*         L:businessunit=business_unit_system_users Business Unit
        territoryid             L:territory=territory_system_users Territory
        isdisabled              B:Enabled/Disabled Status
        applicationid           G          Application ID
        azureactivedirectoryobjectid G     Azure AD Object ID
        accessmode              P:accessmode=0 Access Mode
        islicensed              B          User Licensed
        preferredlanguagecode   I          Preferred Language
        """,
        "",
    ),
    (
        "usersettings | UserSettings | usersettingscollection | 150 | systemuserid | systemuserid | User Settings"
        " | User Settings | BusinessOwned untracked",
        """
        businessunitid          G          Business Unit
        localeid                I          Locale
        uilanguageid            I          User Interface Language
        helplanguageid          I          Help Language
        """,
        "",
    ),
    (
        "team | Team | teams | 9 | teamid | name | Team | Teams | BusinessOwned untracked",
        """
        name*                   S160       Team Name
        teamtype~               P:teamtype=0 Team Type
        businessunitid*         L:businessunit=business_unit_teams Business Unit
        administratorid         L:systemuser=lk_teambase_administratorid Administrator
        isdefault-              B          Is Default
        description             M2000      Description
        """,
        "",
    ),
    (
        "businessunit | BusinessUnit | businessunits | 10 | businessunitid | name | Business Unit | Business Units"
        " | BusinessOwned untracked",
        """
        name*                   S160       Name
        divisionname            S100       Division
        parentbusinessunitid    L:businessunit=business_unit_parent_business_unit Parent Business
        isdisabled-             B          Is Disabled
        description             M2000      Description
        """,
        "",
    ),
    (
        "position | Position | positions | 50 | positionid | name | Position | Positions | OrganizationOwned untracked",
        """
        name*                   S100       Name
        parentpositionid        L:position=position_parent_position Parent Position
        description             M2000      Description
        """,
        "Active: 1 Active; Inactive: 2 Inactive",
    ),
    (
        "organization | Organization | organizations | 1019 | organizationid | name | Organization | Organizations"
        " | OrganizationOwned untracked",
        """
        name*                   S160       Organization Name
        basecurrencyid          L:transactioncurrency=basecurrency_organization Currency
        languagecode            I          Language
        localeid                I          Locale
        currencysymbol          S13        Currency Symbol
        expirechangetrackingindays I0:365=7 Days to Expire Change Tracking Deleted Records
        isauditenabled          B          Is Auditing Enabled
        schemanameprefix        S8         Customization Name Prefix
        fullnameconventioncode  I0:7=1     Full Name Display Order
        """,
        "",
    ),
    (
        "role | Role | roles | 1036 | roleid | name | Security Role | Security Roles | BusinessOwned untracked",
        """
        name*                   S100       Name
        businessunitid*         L:businessunit=business_unit_roles Business Unit
        roletemplateid-         G          Role Template ID
        parentroleid-           L:role=role_parent_role Parent Role
        parentrootroleid-       L:role=role_parent_root_role Parent Root Role
        isinherited             I          Member's privilege inheritance
        description             M2000      Description
        """,
        "",
    ),
    (
        "privilege | Privilege | privileges | 1023 | privilegeid | name | Privilege | Privileges | None untracked",
        """
        name-                   S100       Name
        accessright-            I          Access Right
        canbebasic-             B          Can Be Basic
        canbelocal-             B          Can Be Local
        canbedeep-              B          Can Be Deep
        canbeglobal-            B          Can Be Global
        """,
        "",
    ),
    (
        "roleprivileges | RolePrivileges | roleprivilegescollection | 12 | roleprivilegeid | roleprivilegeid"
        " | Role Privilege | Role Privileges | None untracked",
        """
        roleid                  L:role=roleprivileges_role^ Role
        privilegeid             L:privilege=roleprivileges_privilege^ Privilege
        privilegedepthmask      I1:15=8    Privilege Depth
        """,
        "",
    ),
    (
        "systemuserroles | SystemUserRoles | systemuserrolescollection | 15 | systemuserroleid | systemuserroleid"
        " | System User Role | System User Roles | None untracked",
        """
        systemuserid            L:systemuser=systemuserroles_systemuser^ User
        roleid                  L:role=systemuserroles_role^ Role
        """,
        "",
    ),
    (
        "fieldsecurityprofile | FieldSecurityProfile | fieldsecurityprofiles | 1200 | fieldsecurityprofileid | name"
        " | Column Security Profile | Column Security Profiles | OrganizationOwned untracked",
        """
        name*                   S100       Name
        description             M2000      Description
        """,
        "",
    ),
    (
        "fieldpermission | FieldPermission | fieldpermissions | 1201 | fieldpermissionid | fieldpermissionid"
        " | Column Permission | Column Permissions | OrganizationOwned untracked",
        """
        fieldsecurityprofileid* L:fieldsecurityprofile=lk_fieldpermission_fieldsecurityprofileid^ Profile
        entityname~             E          Name of the table
        attributelogicalname~   S150       Name of the column
        canread                 P:permission=0 Can Read
        cancreate               P:permission=0 Can Create
        canupdate               P:permission=0 Can Update
        canreadunmasked         P:unmasked=0 Can Read Unmasked
        """,
        "",
    ),
    (
        "systemuserprofiles | SystemUserProfiles | systemuserprofilescollection | 1202 | systemuserprofileid"
        " | systemuserprofileid | User Profile | User Profiles | None untracked",
        """
        systemuserid            L:systemuser=systemuserprofiles_systemuser^ User
        fieldsecurityprofileid  L:fieldsecurityprofile=systemuserprofiles_profile^ Profile
        """,
        "",
    ),
    (
        "publisher | Publisher | publishers | 7101 | publisherid | friendlyname | Publisher | Publishers"
        " | OrganizationOwned untracked",
        """
        friendlyname*           S256       Display Name
        uniquename*             S256       Name
        customizationprefix*    S8         Prefix
        customizationoptionvalueprefix I10000:99999 Option Value Prefix
        description             M2000      Description
        isreadonly-             B          Is Read-Only Publisher
        """,
        "",
    ),
    (
        "solution | Solution | solutions | 7100 | solutionid | friendlyname | Solution | Solutions"
        " | OrganizationOwned untracked",
        """
        friendlyname*           S256       Display Name
        uniquename*             S65        Name
        version*                S256       Version
        publisherid*            L:publisher=publisher_solution Publisher
        ismanaged-              B          Package Type
        isvisible-              B=1        Is Visible Outside Platform
        installedon-            T          Installed On
        description             M2000      Description
        """,
        "",
    ),
    (
        "solutioncomponent | SolutionComponent | solutioncomponents | 7103 | solutioncomponentid | solutioncomponentid"
        " | Solution Component | Solution Components | None untracked",
        """
        solutionid              L:solution=solution_solutioncomponent^ Solution
        componenttype           P:componenttype Object Type Code
        objectid                G          Regarding
        rootcomponentbehavior   P:rootbehavior Root Component Behavior
        ismetadata              B          Is this component metadata
        """,
        "",
    ),
    (
        "savedquery | SavedQuery | savedqueries | 1039 | savedqueryid | name | View | Views"
        " | OrganizationOwned untracked",
        """
        name*                   S200       Name
        returnedtypecode~       E          Table
        fetchxml                M1073741823 Fetch XML
        layoutxml               M1073741823 Layout XML
        querytype               I          Query Type
        isdefault               B          Default View
        isquickfindquery        B          Is Quick Find Query
        description             M2000      Description
        """,
        "Active: 1 Active; Inactive: 2 Inactive",
    ),
    (
        "systemform | SystemForm | systemforms | 1030 | formid | name | System Form | System Forms"
        " | OrganizationOwned untracked",
        """
        name*                   S100       Name
        objecttypecode~         E          Table
        type                    P:formtype=2 Form Type
        formxml                 M1073741823 Form XML
        formactivationstate     P:formstate=1 Form State
        isdefault               B          Default Form
        description             M2000      Description
        """,
        "",
    ),
    (
        "sdkmessage | SdkMessage | sdkmessages | 4606 | sdkmessageid | name | SDK Message | SDK Messages"
        " | OrganizationOwned untracked",
        """
        name                    S256       Message Name
        isprivate               B          Is Private
        isactive                B=1        Is Active
        """,
        "",
    ),
    (
        "sdkmessagefilter | SdkMessageFilter | sdkmessagefilters | 4607 | sdkmessagefilterid | name"
        " | SDK Message Filter | SDK Message Filters | OrganizationOwned untracked",
        """
        name                    S256       Name
        sdkmessageid            L:sdkmessage=sdkmessageid_sdkmessagefilter^ SDK Message
        primaryobjecttypecode   E          Primary Object Type Code
        iscustomprocessingstepallowed B=1  Custom Processing Step Allowed
        """,
        "",
    ),
    (
        "asyncoperation | AsyncOperation | asyncoperations | 4700 | asyncoperationid | name | System Job | System Jobs"
        " | UserOwned untracked",
        """
        name                    S256       System Job Name
        operationtype           P:operation System Job Type
        message                 M1073741823 Message
        friendlymessage         M4000      Friendly message
        startedon               T          Started On
        completedon             T          Completed On
        """,
        "Ready: 0 Waiting For Resources; Suspended: 10 Waiting; Locked: 20 In Progress, 21 Pausing, 22 Canceling;"
        " Completed: 30 Succeeded, 31 Failed, 32 Canceled",
    ),
)

MANY_TO_MANY = (
    ("systemuserroles_association", "systemuser", "role", "systemuserroles"),
    ("systemuserprofiles_association", "systemuser", "fieldsecurityprofile", "systemuserprofiles"),
    ("roleprivileges_association", "role", "privilege", "roleprivileges"),
)
"""Schema name, the two sides, the table between."""
