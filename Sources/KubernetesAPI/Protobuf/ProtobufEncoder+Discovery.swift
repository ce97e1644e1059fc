import JSONDocument

// What a server says of itself; these kinds are not among the catalogue's types.
extension ProtobufEncoder {
  /// The message of `APIVersions`, `APIGroup` or `APIGroupList`.
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
    default:
      for member in object["groups"]?.arrayValue ?? [] { writer.message(group(member), field: 1) }
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
}
