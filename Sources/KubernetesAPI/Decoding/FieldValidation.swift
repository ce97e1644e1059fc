import JSONDocument

/// Fits a JSON object to its kind, as upstream's decoder does.
public enum FieldValidation {
  /// Why an object can't be read as its kind.
  public struct TypeMismatch: Error, Sendable, Hashable, CustomStringConvertible {
    /// Worded as Go's decoder words it.
    public var message: String
    /// Dotted path of the field.
    public var path: String
    public var description: String { message }
  }

  public struct Findings: Sendable, Hashable {
    /// Paths of fields that the kind lacks, e.g. `spec.foo`, `spec.ports[0].bar`.
    public var unknown: [String] = []
    public var mismatch: TypeMismatch?

    /// As warnings and strict errors name them: `unknown field "spec.foo"`.
    public var messages: [String] { unknown.map { "unknown field \(GoFormat.quoted($0))" } }
  }

  /// What is wrong with an object; it stays as it is.
  public static func check(
    _ object: JSONValue, resource: ResourceInfo, catalogue: Catalogue = .shared
  ) -> Findings {
    var copy = object
    if let custom = resource.custom { return custom.prune(&copy) }
    return normalize(&copy, typeName: resource.typeName, catalogue: catalogue)
  }

  /// Drops unknown fields, nulls and zero values that upstream doesn't write, and brings
  /// quantities and times into their canonical form.
  ///
  /// - Parameter stored: an object that has been through this; what is shared with it stays as it is.
  /// - Returns: what was unknown. With a `mismatch` the object is not usable.
  @discardableResult
  public static func prune(
    _ object: inout JSONValue, resource: ResourceInfo, stored: JSONValue? = nil,
    catalogue: Catalogue = .shared
  ) -> Findings {
    if let custom = resource.custom { return custom.prune(&object) }
    return normalize(
      &object, typeName: resource.typeName, stored: stored, catalogue: catalogue)
  }

  /// The same for any type, e.g. that of a subresource. A type that the catalogue does not know is
  /// left alone.
  @discardableResult
  public static func normalize(
    _ object: inout JSONValue, typeName: String, stored: JSONValue? = nil,
    catalogue: Catalogue = .shared
  ) -> Findings {
    guard let type = catalogue.type(typeName) else { return Findings() }
    var walker = Walker(catalogue: catalogue)
    do throws(TypeMismatch) {
      try walker.root(&object, type, stored: stored)
    } catch {
      walker.findings.mismatch = error
    }
    return walker.findings
  }

  /// BadRequest for an object that can't be read: what the decoder throws.
  public static func decodingError(_ mismatch: TypeMismatch, resource: ResourceInfo) -> APIStatus {
    .badRequest(
      "\(resource.kind) in version \(GoFormat.quoted(resource.version)) cannot be handled as a "
        + "\(resource.kind): \(mismatch.message)")
  }

  /// What is said of a member that an object has more than once.
  public static func duplicateMessage(_ path: String) -> String {
    "duplicate field \(GoFormat.quoted(path))"
  }

  /// BadRequest for `fieldValidation=Strict`.
  ///
  /// - Parameter problems: what else is wrong with the text that was sent, e.g. repeated members.
  public static func strictError(
    _ findings: Findings, problems: [String] = [], resource: ResourceInfo
  ) -> APIStatus? {
    let messages = problems + findings.messages
    guard !messages.isEmpty else { return nil }
    return .badRequest(
      "\(resource.kind) in version \(GoFormat.quoted(resource.version)) cannot be handled as a "
        + "\(resource.kind): strict decoding error: \(messages.joined(separator: ", "))")
  }
}
