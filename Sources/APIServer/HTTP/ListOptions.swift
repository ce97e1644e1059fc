import Keyspace
import KubernetesAPI

/// Which parameters of lists and watches go together. Pure.
enum ListOptions {
  /// - Parameter sendInitialEvents: the parameter's value; `nil` where it is absent.
  /// - Throws: 422 for parameters that contradict each other, 400 for a resource version that is
  ///   none.
  static func check(_ selection: ListSelection, isWatch: Bool, sendInitialEvents: String?)
    throws(APIStatus)
  {
    let errors =
      isWatch
      ? problemsOfWatch(selection, sendInitialEvents) : problemsOfList(selection, sendInitialEvents)
    if !errors.isEmpty {
      throw .invalid(kind: "ListOptions", group: "meta.k8s.io", name: "", errors: errors)
    }
    let version = selection.resourceVersion
    if !version.isEmpty, version != "0", Revision(version) == nil {
      throw .invalidResourceVersion(version)
    }
    if !isWatch, !selection.continueToken.isEmpty, !version.isEmpty, version != "0" {
      throw .badRequest("specifying resource version is not allowed when using continue")
    }
  }

  private static let field = "resourceVersionMatch"

  private static func problemsOfWatch(_ selection: ListSelection, _ sendInitialEvents: String?)
    -> [FieldError]
  {
    let match = selection.resourceVersionMatch
    var errors: [FieldError] = []
    if sendInitialEvents != nil, match != "NotOlderThan" {
      errors.append(
        .forbidden(field, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
      )
    }
    guard !match.isEmpty else { return errors }
    if sendInitialEvents == nil {
      errors.append(
        .forbidden(
          field, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")
      )
    }
    if match != "NotOlderThan" {
      errors.append(.notSupported(field, .string(match), ["NotOlderThan"]))
    }
    if !selection.continueToken.isEmpty { errors.append(withContinue) }
    return errors
  }

  private static func problemsOfList(_ selection: ListSelection, _ sendInitialEvents: String?)
    -> [FieldError]
  {
    let match = selection.resourceVersionMatch
    var errors: [FieldError] = []
    if !match.isEmpty {
      if selection.resourceVersion.isEmpty {
        errors.append(
          .forbidden(
            field, "resourceVersionMatch is forbidden unless resourceVersion is provided"))
      }
      if !selection.continueToken.isEmpty { errors.append(withContinue) }
      if match != "Exact", match != "NotOlderThan" {
        errors.append(.notSupported(field, .string(match), ["Exact", "NotOlderThan", ""]))
      }
      if match == "Exact", selection.resourceVersion == "0" {
        errors.append(
          .forbidden(
            field, "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""))
      }
    }
    if sendInitialEvents != nil {
      errors.append(.forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    }
    return errors
  }

  private static let withContinue = FieldError.forbidden(
    field, "resourceVersionMatch is forbidden when continue is provided")
}
