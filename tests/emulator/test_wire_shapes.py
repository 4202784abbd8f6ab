"""The shapes of answers: exactly the keys that recordings of real orgs show, in the recorded order where it matters."""

import pytest


def words(text: str) -> list[str]:
    """The words of a text, in their order."""
    return text.split()


GLOBAL = words("""
    activateable associateEntityType associateParentEntity createable custom customSetting deepCloneable
    deletable deprecatedAndHidden feedEnabled hasSubtypes isInterface isSubtype keyPrefix label labelPlural
    layoutable mergeable mruEnabled name queryable replicateable retrieveable searchable triggerable
    undeletable updateable urls
""")

DESCRIBE = words("""
    actionOverrides childRelationships compactLayoutable defaultImplementation extendedBy extendsInterfaces
    implementedBy implementsInterfaces fields listviewable lookupLayoutable namedLayoutInfos
    networkScopeFieldName recordTypeInfos searchLayoutable sobjectDescribeOption supportedScopes
""")

FIELD = words("""
    aggregatable aiPredictionField autoNumber byteLength calculated calculatedFormula cascadeDelete
    caseSensitive compoundFieldName controllerName createable custom defaultValue defaultValueFormula
    defaultedOnCreate dependentPicklist deprecatedAndHidden digits displayLocationInDecimal encrypted
    externalId extraTypeInfo filterable filteredLookupInfo formulaTreatNullNumberAsZero groupable
    highScaleNumber htmlFormatted idLookup inlineHelpText label length mask maskType name nameField
    namePointing nillable permissionable picklistValues polymorphicForeignKey precision queryByDistance
    referenceTargetField referenceTo relationshipName relationshipOrder restrictedDelete restrictedPicklist
    scale searchPrefilterable soapType sortable type unique updateable writeRequiresMasterRead
""")

CHILD = words("""
    cascadeDelete childSObject deprecatedAndHidden field junctionIdListNames junctionReferenceTo
    relationshipName restrictedDelete
""")

LIMITS = words("""
    AnalyticsExternalDataSizeMB ConcurrentAsyncGetReportInstances ConcurrentEinsteinDataInsightsStoryCreation
    ConcurrentEinsteinDiscoveryStoryCreation ConcurrentSyncReportRuns ContentDistBandwidthLimitMB
    ContentDistViewLimit ContentPublicationLimit DailyAnalyticsDataflowJobExecutions
    DailyAnalyticsUploadedFilesSizeMB DailyApexCursorLimit DailyApexCursorRowsLimit DailyApiRequests
    DailyAsyncApexExecutions DailyAsyncApexTests DailyBulkApiBatches DailyBulkV2QueryFileStorageMB
    DailyBulkV2QueryJobs DailyDeliveredPlatformEvents DailyDurableGenericStreamingApiEvents
    DailyDurableStreamingApiEvents DailyFunctionsApiCallLimit DailyGenericStreamingApiEvents
    DailyStreamingApiEvents DailyMetadataRetrievesWithDependencies DailyStandardVolumePlatformEvents
    DailyWorkflowEmails DataStorageMB DurableStreamingApiConcurrentClients FileStorageMB HourlyODataCallout
    HourlyPublishedPlatformEvents HourlyTimeBasedWorkflow MassEmail MaxContentDocumentsLimit
    Package2VersionCreates Package2VersionCreatesWithoutValidation PermissionSets
    PlatformEventTriggersWithParallelProcessing PrivateConnectOutboundCalloutHourlyLimitMB
    PublishCallbackUsageInApex ScheduledFlowRunLimit ScheduledPathRunLimit SingleEmail
    StreamingApiConcurrentClients
""")

USERINFO = words("""
    sub user_id organization_id preferred_username nickname name email email_verified given_name family_name
    zoneinfo photos profile picture address is_salesforce_integration_user urls active user_type language
    locale utcOffset updated_at
""")


def test_the_global_describe_lists_every_object_with_every_key(call):
    answer = call("GET", "/sobjects").json()
    assert list(answer) == ["encoding", "maxBatchSize", "sobjects"]
    assert (answer["encoding"], answer["maxBatchSize"]) == ("UTF-8", 200)
    assert {frozenset(one) for one in answer["sobjects"]} == {frozenset(GLOBAL)}
    names = [one["name"] for one in answer["sobjects"]]
    assert {"Account", "Contact", "Opportunity", "User", "Task"} <= set(names)
    assert "AccountContactRelation" not in names


@pytest.mark.parametrize("kind", ["Account", "Opportunity", "User", "Task", "PermissionSetAssignment"])
def test_a_describe_has_every_key_at_every_level(call, kind):
    answer = call("GET", f"/sobjects/{kind}/describe").json()
    assert set(answer) == {*GLOBAL, *DESCRIBE}
    assert {frozenset(field) for field in answer["fields"]} == {frozenset(FIELD)}
    assert {frozenset(one) for one in answer["childRelationships"]} <= {frozenset(CHILD)}
    kinds = {
        "active",
        "available",
        "defaultRecordTypeMapping",
        "developerName",
        "master",
        "name",
        "recordTypeId",
        "urls",
    }
    assert {frozenset(one) for one in answer["recordTypeInfos"]} <= {frozenset(kinds)}
    for field in answer["fields"]:
        for value in field["picklistValues"]:
            assert set(value) == {"active", "defaultValue", "label", "validFor", "value"}


def test_an_objects_own_resource_describes_it_in_short(call):
    answer = call("GET", "/sobjects/Account").json()
    assert set(answer) == {"objectDescribe", "recentItems"} and set(answer["objectDescribe"]) == set(GLOBAL)


def test_limits_have_every_name_and_two_numbers_each(call):
    answer = call("GET", "/limits").json()
    assert set(LIMITS) <= set(answer)
    for name, entry in answer.items():
        assert set(entry) == {"Max", "Remaining"} | ({"CreateCustom"} if name == "PermissionSets" else set())


def test_userinfo_has_every_key(call):
    assert set(call("GET", "services/oauth2/userinfo").json()) == set(USERINFO)


def test_a_record_begins_with_its_attributes_and_keeps_the_order_and_the_nulls(call):
    record = call.create("Account", Name="A", AnnualRevenue=1988, BillingCity="Graz")
    fields = "Name, AnnualRevenue, Phone, BillingAddress, Parent.Name, Owner.Name"
    soql = f"SELECT {fields}, (SELECT Id FROM Contacts) FROM Account"
    page = call.query(soql)
    assert list(page) == ["totalSize", "done", "records"]
    row = page["records"][0]
    assert list(row) == [
        "attributes", "Name", "AnnualRevenue", "Phone", "BillingAddress", "Parent", "Owner", "Contacts",
    ]  # fmt: skip
    assert row["attributes"] == {"type": "Account", "url": f"/services/data/v60.0/sobjects/Account/{record}"}
    assert (row["Phone"], row["Parent"], row["Contacts"]) == (None, None, None)
    assert list(row["Owner"]) == ["attributes", "Name"]
    assert list(row["BillingAddress"]) == [
        "city", "country", "geocodeAccuracy", "latitude", "longitude", "postalCode", "state", "street",
    ]  # fmt: skip


def test_numbers_and_times_look_as_the_service_writes_them(call):
    call.create("Account", Name="A", AnnualRevenue=1988, NumberOfEmployees=7)
    text = call("GET", "/query", params={"q": "SELECT AnnualRevenue, NumberOfEmployees, CreatedDate FROM Account"}).text
    assert '"AnnualRevenue":1988.0' in text and '"NumberOfEmployees":7,' in text and '.000+0000"' in text


def test_an_error_of_a_write_has_fields_and_an_error_of_a_read_has_none(call):
    write = call("POST", "/sobjects/Account", json={"Nmae": "A"}).json()
    read = call("GET", "/query", params={"q": "SELECT Nmae FROM Account"}).json()
    assert (set(write[0]) - {"fields"}, list(read[0])) == ({"message", "errorCode"}, ["message", "errorCode"])


def test_an_outcome_of_a_collection_has_a_status_code_and_no_error_code(call):
    records = [{"attributes": {"type": "Account"}, "Name": "A"}, {"attributes": {"type": "Account"}}]
    good, bad = call("POST", "/composite/sobjects", json={"records": records}).json()
    assert list(good) == ["id", "success", "errors"]
    assert list(bad) == ["success", "errors"] and list(bad["errors"][0]) == ["statusCode", "message", "fields"]


def test_an_aggregate_row_has_attributes_without_a_url(call):
    call.create("Account", Name="A")
    page = call.query("SELECT COUNT(Id), MAX(AnnualRevenue) most FROM Account")
    assert page["records"] == [{"attributes": {"type": "AggregateResult"}, "expr0": 1, "most": None}]
