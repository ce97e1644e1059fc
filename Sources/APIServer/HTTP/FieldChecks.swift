import JSONDocument
import KubernetesAPI

/// Fields that the catalogue does not know, and members that are there twice.
enum FieldChecks {
  /// Removes unknown fields; tells of them as the call wishes.
  static func apply(
    to object: inout JSONValue, info: ResourceInfo, duplicates: [String], context: RequestContext
  ) throws(APIStatus) {
  }
}
