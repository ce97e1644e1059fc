import JSONDocument

// What a server says of itself; these kinds are not among the catalogue's types.
extension ProtobufEncoder {
  /// The message of `APIVersions`, `APIGroup`, `APIGroupList` or `APIResourceList`.
  static func discovery(_ object: JSONValue, kind: String) -> ProtobufWriter {
    var writer = ProtobufWriter()
    switch kind {
    case "APIVersions":
      for version in object.texts("versions") { writer.string(version, field: 1) }
      for address in object["serverAddressByClientCIDRs"]?.arrayValue ?? [] {
        var message = ProtobufWriter()
        message.string(address["clientCIDR"]?.stringValue ?? "", field: 1)
        message.string(address["serverAddress"]?.stringValue ?? "", field: 2)
        writer.message(message, field: 2)
      }
    case "APIGroup": writer = group(object)
    case "APIGroupList":
      for member in object["groups"]?.arrayValue ?? [] { writer.message(group(member), field: 1) }
    default:
      writer.string(object["groupVersion"]?.stringValue ?? "", field: 1)
      for member in object["resources"]?.arrayValue ?? [] {
        writer.message(resource(member), field: 2)
      }
    }
    return writer
  }

  private static func group(_ object: JSONValue) -> ProtobufWriter {
    func version(_ value: JSONValue?) -> ProtobufWriter {
      var writer = ProtobufWriter()
      writer.string(value?["groupVersion"]?.stringValue ?? "", field: 1)
      writer.string(value?["version"]?.stringValue ?? "", field: 2)
      return writer
    }
    var writer = ProtobufWriter()
    writer.string(object["name"]?.stringValue ?? "", field: 1)
    for member in object["versions"]?.arrayValue ?? [] {
      writer.message(version(member), field: 2)
    }
    writer.message(version(object["preferredVersion"]), field: 3)
    return writer
  }

  private static func resource(_ object: JSONValue) -> ProtobufWriter {
    var writer = ProtobufWriter()
    writer.string(object["name"]?.stringValue ?? "", field: 1)
    writer.boolean(object["namespaced"] == true, field: 2)
    writer.string(object["kind"]?.stringValue ?? "", field: 3)
    var verbs = ProtobufWriter()
    for verb in object.texts("verbs") { verbs.string(verb, field: 1) }
    writer.message(verbs, field: 4)
    for name in object.texts("shortNames") { writer.string(name, field: 5) }
    writer.string(object["singularName"]?.stringValue ?? "", field: 6)
    for name in object.texts("categories") { writer.string(name, field: 7) }
    for (key, field) in [("group", 8), ("version", 9), ("storageVersionHash", 10)] {
      writer.string(object[key]?.stringValue ?? "", field: field)
    }
    return writer
  }
}
