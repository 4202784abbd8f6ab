"""Tables and alternate keys as metadata describes them.

A table, its privileges and what the model has no place for come in; shapes leave. Next room: `relations`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from connector.emulator.dynamics.metadata.shapes.labels import label, managed
from connector.emulator.dynamics.metadata.shapes.shape import Shape, words
from connector.emulator.dynamics.org.model import Key, Table

_FLAGS = words("""AutoRouteToOwnerQueue EntityHelpUrlEnabled IsDocumentManagementEnabled IsOneNoteIntegrationEnabled
    IsInteractionCentricEnabled IsKnowledgeManagementEnabled IsSLAEnabled IsBPFEntity IsDocumentRecommendationsEnabled
    IsMSTeamsIntegrationEnabled AutoCreateAccessTeams IsRetrieveAuditEnabled IsRetrieveMultipleAuditEnabled
    IsArchivalEnabled IsAvailableOffline IsChildEntity IsAIRUpdated IsBusinessProcessEnabled SyncToExternalSearchIndex
    IsEnabledForTrace IsQuickCreateEnabled IsEnabledForExternalChannels UsesBusinessDataLabelTable IsLogicalEntity
    HasFeedback IsSolutionAware HasEmailAddresses""")
_EMPTY = words("""EntityHelpUrl SettingOf DataProviderId DataSourceId IconLargeName IconMediumName IconSmallName
    IconVectorName PrimaryImageAttribute RecurrenceBaseEntityLogicalName ExternalName EntityColor ExternalCollectionName
    OwnerId OwningBusinessUnit""")
_MANAGED = {
    "IsAuditEnabled": (True, "canmodifyauditsettings"),
    "IsValidForQueue": (False, "canmodifyqueuesettings"),
    "IsConnectionsEnabled": (True, "canmodifyconnectionsettings"),
    "IsCustomizable": (True, "iscustomizable"),
    "IsRenameable": (True, "isrenameable"),
    "IsMappable": (True, "ismappable"),
    "IsDuplicateDetectionEnabled": (False, "canmodifyduplicatedetectionsettings"),
    "CanCreateAttributes": (True, "cancreateattributes"),
    "CanCreateForms": (True, "cancreateforms"),
    "CanCreateViews": (True, "cancreateviews"),
    "CanCreateCharts": (True, "cancreatecharts"),
    "CanBeRelatedEntityInRelationship": (True, "canberelatedentityinrelationship"),
    "CanBePrimaryEntityInRelationship": (True, "canbeprimaryentityinrelationship"),
    "CanBeInManyToMany": (True, "canbeinmanytomany"),
    "CanBeInCustomEntityAssociation": (True, "canbeincustomentityassociation"),
    "CanEnableSyncToExternalSearchIndex": (True, "canenablesynctoexternalsearchindex"),
    "CanModifyAdditionalSettings": (True, "canmodifyadditionalsettings"),
    "CanChangeHierarchicalRelationship": (True, "canchangehierarchicalrelationship"),
    "CanChangeTrackingBeEnabled": (True, "canchangetrackingbeenabled"),
    "IsMailMergeEnabled": (True, "canmodifymailmergesettings"),
    "IsVisibleInMobile": (True, "canmodifymobilevisibility"),
    "IsVisibleInMobileClient": (True, "canmodifymobileclientvisibility"),
    "IsReadOnlyInMobileClient": (False, "canmodifymobileclientreadonly"),
    "IsOfflineInMobileClient": (False, "canmodifymobileclientoffline"),
}
_FIXED = frozenset({"IsMappable", "CanCreateAttributes"})
Privilege = tuple[str, str, str]


def entity(table: Table, extra: Mapping[str, Any], privileges: Iterable[Privilege], activities: bool) -> dict[str, Any]:
    """A table's own properties; `privileges` are id, name and right of those on its rows."""
    built_in = not table.custom
    moment = extra.get("created", "1900-01-01T00:00:00Z")
    labels = extra.get("labels", {})
    data: dict[str, Any] = {"ActivityTypeMask": int(table.activity), "CanTriggerWorkflow": True}
    data |= dict.fromkeys(_FLAGS, False) | dict.fromkeys(_EMPTY)
    data |= {
        "IsActivity": table.activity,
        "IsActivityParty": table.name == "activityparty",
        "IsCustomEntity": table.custom,
        "IsOptimisticConcurrencyEnabled": table.optimistic,
        "ChangeTrackingEnabled": table.change_tracking,
        "IsImportable": True,
        "IsIntersect": bool(extra.get("intersect")),
        "IsManaged": built_in,
        "IsEnabledForCharts": True,
        "IsValidForAdvancedFind": True,
        "DaysSinceRecordLastModified": 0,
        "MobileOfflineFilters": "",
        "IsReadingPaneEnabled": True,
        "LogicalName": table.name,
        "ObjectTypeCode": table.code,
        "OwnershipType": table.ownership,
        "PrimaryNameAttribute": table.primary_name or None,
        "PrimaryIdAttribute": table.primary_id,
        "ReportViewName": f"Filtered{table.schema_name}",
        "SchemaName": table.schema_name,
        "IntroducedVersion": "5.0.0.0" if built_in else "1.0.0.0",
        "IsStateModelAware": "statecode" in table.columns,
        "EnforceStateTransitions": False,
        "LogicalCollectionName": table.set_name,
        "CollectionSchemaName": _collection(table),
        "EntitySetName": table.set_name,
        "IsPrivate": bool(extra.get("private")),
        "TableType": "Standard",
        "HasNotes": bool(extra.get("notes", built_in and activities)),
        "HasActivities": bool(extra.get("activities", activities)),
        "CreatedOn": moment,
        "ModifiedOn": extra.get("modified", moment),
        "OwnerIdType": 8,
        "MetadataId": table.metadata_id,
        "HasChanged": None,
    }
    for name, text in (
        ("Description", table.description),
        ("DisplayCollectionName", table.label_plural),
        ("DisplayName", table.label),
    ):
        others = {int(language): shown for language, shown in labels.get(name, {}).items()}
        data[name] = label(text, others, managed=built_in, seed=f"{table.name}/{name}")
    for name, (value, logical) in _MANAGED.items():
        data[name] = managed(value, logical, changeable=name not in _FIXED)
    data["Privileges"] = [_privilege(*one) for one in privileges]
    data["Settings"] = []
    return data


def key(table: Table, one: Key) -> Shape:
    """An alternate key and how far its index has come."""
    return Shape(
        "EntityKeyMetadata",
        {
            "MetadataId": one.metadata_id,
            "HasChanged": None,
            "EntityLogicalName": table.name,
            "EntityKeyIndexStatus": one.status,
            "IntroducedVersion": "1.0.0.0",
            "IsExportKey": False,
            "IsManaged": False,
            "IsSecondaryKey": False,
            "IsSynchronous": False,
            "KeyAttributes": list(one.columns),
            "LogicalName": one.name,
            "SchemaName": one.schema_name,
            "DisplayName": label(one.label, seed=f"{table.name}/key/{one.name}"),
            "IsCustomizable": managed(True, "iscustomizable"),
        },
    )


def _collection(table: Table) -> str:
    """The set's name with the capitals of the table's."""
    if table.set_name.startswith(table.name):
        return table.schema_name + table.set_name[len(table.name) :]
    return table.schema_name[: len(table.name) - 1] + table.set_name[len(table.name) - 1 :]


def _privilege(privilege_id: str, name: str, kind: str) -> dict[str, Any]:
    flags = dict.fromkeys(("CanBeBasic", "CanBeDeep", "CanBeGlobal", "CanBeLocal"), True)
    flags |= dict.fromkeys(("CanBeEntityReference", "CanBeParentEntityReference"), False)
    return flags | {"Name": name, "PrivilegeId": privilege_id, "PrivilegeType": kind}


_SAMPLE = Table("x", "X", "xs", "X", "Xs", 0, "xid", "name")
NAMES = frozenset(entity(_SAMPLE, {}, (), False))
KEY_NAMES = frozenset(key(_SAMPLE, Key("k", "K", ())).data)
