import JSONDocument
import KubernetesAPI

/// Between the versions in which one stored object can be served.
enum Conversion {
  static func convert(
    _ object: inout JSONValue, from: GroupVersionResource, to: GroupVersionResource
  ) {
    guard from != to else { return }
    if from.resource == "events" {
      if to.group.isEmpty { toCoreEvent(&object) } else { toNewEvent(&object) }
    } else if from.resource == "horizontalpodautoscalers" {
      if to.version == "v1" {
        AutoscalerConversion.toV1(&object)
      } else {
        AutoscalerConversion.toV2(&object)
      }
    }
    object["apiVersion"] = .string(to.apiVersion)
  }

  /// An object as it is stored, in the version of a resource.
  static func serve(_ object: inout JSONValue, _ info: ResourceInfo, revision: UInt64) {
    guard let custom = info.custom else {
      return convert(&object, from: info.storageGVR, to: info.gvr)
    }
    let isPresent = revision == 0 || revision > custom.schemaRevision
    if !isPresent || info.gvr != info.storageGVR { custom.convert(&object, isStored: false) }
  }

  private static let eventFields = [
    (core: "involvedObject", new: "regarding"), (core: "message", new: "note"),
    (core: "source", new: "deprecatedSource"),
    (core: "firstTimestamp", new: "deprecatedFirstTimestamp"),
    (core: "lastTimestamp", new: "deprecatedLastTimestamp"),
    (core: "count", new: "deprecatedCount"),
    (core: "reportingComponent", new: "reportingController"),
  ]

  private static func toCoreEvent(_ object: inout JSONValue) {
    for field in eventFields {
      if let value = object[field.new] {
        object[field.new] = nil
        object[field.core] = value
      }
    }
    for name in ["firstTimestamp", "lastTimestamp", "eventTime"] where object[name] == nil {
      object[name] = .null
    }
    if object["source"] == nil { object["source"] = .object([:]) }
    for name in ["reportingComponent", "reportingInstance"] where object[name] == nil {
      object[name] = ""
    }
  }

  private static func toNewEvent(_ object: inout JSONValue) {
    for field in eventFields {
      if let value = object[field.core] {
        object[field.core] = nil
        object[field.new] = value
      }
    }
    for name in ["deprecatedFirstTimestamp", "deprecatedLastTimestamp", "eventTime"]
    where object[name] == nil {
      object[name] = .null
    }
    if object["deprecatedSource"] == nil { object["deprecatedSource"] = .object([:]) }
    for name in ["reportingController", "reportingInstance"] {
      if object[name]?.stringValue == "" { object[name] = nil }
    }
  }
}
