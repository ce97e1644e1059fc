import JSONDocument

/// What the server and a webhook say to each other: `AdmissionReview`. Pure.
public enum AdmissionReview {
  /// What a webhook answers.
  public struct Response: Sendable {
    public var isAllowed: Bool
    /// A JSON patch; nil where nothing is to be changed.
    public var patch: JSONValue?
    /// Of a refusal: a Status.
    public var status: JSONValue?
    public var warnings: [String]
  }

  /// An answer that can't be used.
  public struct Malformed: Error, Sendable {
    public var message: String
  }

  private static let group = "admission.k8s.io"

  public static func request(
    _ attributes: AdmissionAttributes, uid: String, version: String
  ) -> JSONValue {
    var request: JSONValue = ["uid": .string(uid)]
    for (name, value) in attributes.request.objectValue ?? [:] {
      // What is empty is left out, but for whether it is only tried.
      if value == "" { continue }
      request[name] = value
    }
    request["object"] = attributes.object ?? .null
    request["oldObject"] = attributes.oldObject ?? .null
    let options =
      switch attributes.operation {
      case .create: "CreateOptions"
      case .update: "UpdateOptions"
      case .delete: "DeleteOptions"
      }
    request["options"] = ["kind": .string(options), "apiVersion": "meta.k8s.io/v1"]
    return [
      "kind": "AdmissionReview", "apiVersion": .string("\(group)/\(version)"), "request": request,
    ]
  }

  /// - Parameter isMutating: whether the webhook may change the object.
  public static func response(
    _ body: [UInt8], uid: String, version: String, isMutating: Bool
  ) throws(Malformed) -> Response {
    let review: JSONValue
    do {
      review = try JSONValue(parsing: body)
    } catch {
      throw Malformed(message: "couldn't get version/kind; json parse error: \(error)")
    }
    guard let response = review["response"], response.objectValue != nil else {
      throw Malformed(message: "webhook response was absent")
    }
    // Before v1 nobody looked at these.
    if version == "v1" {
      let answered = response["uid"]?.stringValue ?? ""
      guard answered == uid else {
        throw Malformed(
          message: "expected response.uid=\(GoFormat.quoted(uid)), got \(GoFormat.quoted(answered))"
        )
      }
      let wanted = "\(group)/v1, Kind=AdmissionReview"
      let kind = review["kind"]?.stringValue ?? ""
      let given = "\(review["apiVersion"]?.stringValue ?? ""), Kind=\(kind)"
      guard given == wanted else {
        throw Malformed(message: "expected webhook response of \(wanted), got \(given)")
      }
    }
    let patch = response["patch"]?.stringValue ?? ""
    let type = response["patchType"]?.stringValue ?? ""
    if !isMutating, version == "v1" {
      guard patch.isEmpty else {
        throw Malformed(message: "validating webhook may not return response.patch")
      }
      guard type.isEmpty else {
        throw Malformed(message: "validating webhook may not return response.patchType")
      }
    }
    var parsed: JSONValue?
    if isMutating {
      if version == "v1" {
        if patch.isEmpty, !type.isEmpty {
          throw Malformed(message: "webhook returned response.patchType but not response.patch")
        }
        if !patch.isEmpty, type.isEmpty {
          throw Malformed(message: "webhook returned response.patch but not response.patchType")
        }
      }
      if !type.isEmpty, type != "JSONPatch" {
        throw Malformed(
          message: "webhook returned invalid response.patchType of \(GoFormat.quoted(type))")
      }
      if !patch.isEmpty {
        guard let bytes = Base64.decode(patch), let value = try? JSONValue(parsing: bytes) else {
          throw Malformed(message: "response.patch is no JSON in base64")
        }
        parsed = value
      }
    }
    return Response(
      isAllowed: response["allowed"]?.boolValue ?? false, patch: parsed,
      status: response["status"], warnings: response.texts("warnings"))
  }
}
