import NIOHTTP1

/// What a path and a method ask for, before anything is looked up.
struct RequestInfo: Sendable, Hashable {
  var isResource = false
  /// A path whose first word asks for something that must follow and does not.
  var isUndetermined = false
  /// The path with its escapes decoded.
  var path = ""
  /// get, list, watch, create, update, patch, delete, deletecollection; for other paths the
  /// method in lower case.
  var verb = ""
  var group = ""
  var version = ""
  var resource = ""
  var subresource = ""
  /// Behind the subresource, e.g. what a proxy is to fetch.
  var rest: [String] = []
  /// Empty for cluster-scoped resources and for all namespaces.
  var namespace = ""
  var name = ""

  init() {}

  init(_ request: APIRequest) {
    let hasEscapes = request.rawPath.utf8.contains(UInt8(ascii: "%"))
    var segments = request.rawPath.utf8.split(separator: UInt8(ascii: "/"))
      .map { hasEscapes ? percentDecoded($0) : String(Substring($0)) }
    path = hasEscapes ? percentDecoded(request.rawPath.utf8) : request.rawPath
    let isOfAPI =
      segments.first == "api" && segments.count >= 3
      || segments.first == "apis" && segments.count >= 4
    guard isOfAPI, !Self.hasEmptySegment(request.rawPath) else {
      verb = request.method.rawValue.lowercased()
      return
    }
    if segments[0] == "apis" { group = segments.remove(at: 1) }
    version = segments[1]
    segments.removeFirst(2)
    if segments.count == 1, segments[0] == "watch" || segments[0] == "proxy" {
      verb = request.method.rawValue.lowercased()
      isUndetermined = true
      return
    }
    isResource = true
    // The old way to watch, before there was a parameter for it.
    let isOldWatch = segments.first == "watch" && segments.count > 1
    if isOldWatch { segments.removeFirst() }
    if segments.first == "namespaces", segments.count >= 2 {
      // `namespaces/x/pods` is inside x; `namespaces/x` and its subresources are x itself.
      let isNamespaceItself =
        segments.count == 2 || group.isEmpty && ["status", "finalize"].contains(segments[2])
      namespace = segments[1]
      if !isNamespaceItself { segments.removeFirst(2) }
    }
    resource = segments[0]
    if segments.count > 1 { name = segments[1] }
    if segments.count > 2 { subresource = segments[2] }
    if segments.count > 3 { rest = Array(segments[3...]) }
    switch request.method {
    case .POST: verb = "create"
    case .PUT: verb = "update"
    case .PATCH: verb = "patch"
    case .DELETE: verb = name.isEmpty ? "deletecollection" : "delete"
    case .GET, .HEAD:
      let isWatch = isOldWatch || request.query.isTrue("watch")
      if name.isEmpty {
        verb = isWatch ? "watch" : "list"
      } else {
        verb = isOldWatch && subresource.isEmpty ? "watch" : "get"
      }
    default: verb = request.method.rawValue.lowercased()
    }
    // A list of one object by name is authorized like a get of it.
    if name.isEmpty, verb == "list" || verb == "watch",
      let selector = request.query["fieldSelector"], selector.hasPrefix("metadata.name="),
      !selector.contains(",")
    {
      listedName = String(selector.dropFirst("metadata.name=".count))
    }
  }

  private static func hasEmptySegment(_ path: String) -> Bool {
    var previous: UInt8 = 0
    for byte in path.utf8 {
      if byte == UInt8(ascii: "/"), previous == byte { return true }
      previous = byte
    }
    return false
  }

  /// The name that a list is restricted to.
  var listedName = ""

  var isMutating: Bool {
    ["create", "update", "patch", "delete", "deletecollection", "post", "put"].contains(verb)
  }

  /// Takes as long as the client wishes: it must not occupy one of the bounded places.
  var isLongRunning: Bool {
    verb == "watch"
      || ["log", "exec", "attach", "portforward", "proxy"].contains(subresource)
  }
}
