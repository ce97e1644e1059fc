import JSONDocument

extension DefinitionChecker {
  mutating func checkConversion() {
    guard let conversion = object.at("spec", "conversion"), conversion.objectValue != nil else {
      return
    }
    let place = "spec.conversion"
    let strategy = conversion["strategy"]?.stringValue ?? ""
    let webhook = conversion["webhook"]
    let client = webhook?["clientConfig"]
    let reviews = (webhook?["conversionReviewVersions"]?.arrayValue ?? []).compactMap(\.stringValue)
    if strategy.isEmpty {
      add(.required("\(place).strategy"))
    } else if strategy != "None", strategy != "Webhook" {
      add(.notSupported("\(place).strategy", .string(strategy), ["None", "Webhook"]))
    }
    guard strategy == "Webhook" else {
      if client != nil {
        add(
          .forbidden(
            "\(place).webhookClientConfig",
            "should not be set when strategy is not set to Webhook"))
      }
      if !reviews.isEmpty {
        add(
          .forbidden(
            "\(place).conversionReviewVersions",
            "should not be set when strategy is not set to Webhook"))
      }
      return
    }
    if let client, client.objectValue != nil {
      checkClient(client, "\(place).webhookClientConfig")
    } else {
      add(
        .required("\(place).webhookClientConfig", "required when strategy is set to Webhook"))
    }
    let field = "\(place).conversionReviewVersions"
    if reviews.isEmpty {
      add(.required(field))
      return
    }
    var seen: Set<String> = []
    for (index, version) in reviews.enumerated() {
      if !seen.insert(version).inserted {
        add(.invalid("\(field)[\(index)]", .string(version), "duplicate version"))
        continue
      }
      label(version, "\(field)[\(index)]")
    }
    if seen.isDisjoint(with: ["v1", "v1beta1"]) {
      add(
        .invalid(
          field, .array(reviews.map { .string($0) }), "must include at least one of v1, v1beta1"))
    }
  }

  private mutating func checkClient(_ client: JSONValue, _ place: String) {
    let url = client["url"]?.stringValue
    let service = client["service"]?.objectValue != nil ? client["service"] : nil
    guard (url == nil) != (service == nil) else {
      add(.required(place, "exactly one of url or service is required"))
      return
    }
    if let url {
      let field = "\(place).url"
      guard let address = WebAddress(parsing: url) else {
        add(.required(field, "url must be a valid URL: invalid URI for request"))
        return
      }
      if address.scheme != "https" {
        add(
          .invalid(
            field, .string(address.scheme), "'https' is the only allowed URL scheme"))
      }
      if address.host.isEmpty {
        add(.invalid(field, .string(address.host), "host must be specified"))
      }
      if !address.fragment.isEmpty {
        add(
          .invalid(
            field, .string(address.fragment), "fragments are not permitted in the URL"))
      }
      if !address.query.isEmpty {
        add(
          .invalid(
            field, .string(address.query), "query parameters not permitted in the URL"))
      }
      return
    }
    for name in ["name", "namespace"] where (service?[name]?.stringValue ?? "").isEmpty {
      add(.required("\(place).service.\(name)", "service \(name) is required"))
    }
    if let port = service?["port"]?.intValue, !(1...65535).contains(port) {
      add(
        .invalid(
          "\(place).service.port", .int(port),
          "port is not valid: must be between 1 and 65535, inclusive"))
    }
    if let path = service?["path"]?.stringValue, !path.hasPrefix("/") {
      add(
        .invalid("\(place).service.path", .string(path), "must start with a '/'"))
    }
  }
}
