import JSONDocument

/// Events, whose two groups name the same fields differently. What is wrong is told by the older
/// names, and only the newer group checks what it is strict about.
extension Validation.Checker {
  private static let maximumText = 128
  private static let maximumNote = 1024

  private var isStrict: Bool { resource.group == "events.k8s.io" }

  /// A field by its name in the core group, in either group's form.
  private func member(_ name: String, of event: JSONValue?) -> JSONValue? {
    guard isStrict else {
      return event?[name == "reportingController" ? "reportingComponent" : name]
    }
    switch name {
    case "involvedObject": return event?["regarding"]
    case "message": return event?["note"]
    case "source", "firstTimestamp", "lastTimestamp", "count":
      let first = name.prefix(1).uppercased()
      return event?["deprecated\(first)\(name.dropFirst())"]
    default: return event?[name]
    }
  }

  mutating func event() {
    eventBasics()
    guard isStrict, isCreate else { return }
    eventSeries()
    required(member("eventTime", of: object), "eventTime")
    let type = object["type"]?.stringValue ?? ""
    if type != "Normal", type != "Warning" {
      add(.invalid("type", "", "has invalid value: \(type)"))
    }
    for name in ["firstTimestamp", "lastTimestamp"]
    where member(name, of: object)?.stringValue != nil {
      add(.invalid(name, "", "needs to be unset"))
    }
    if (member("count", of: object)?.intValue ?? 0) != 0 {
      add(.invalid("count", "", "needs to be unset"))
    }
    let source = member("source", of: object)
    if ["component", "host"].contains(where: { !(source?[$0]?.stringValue ?? "").isEmpty }) {
      add(.invalid("source", "", "needs to be unset"))
    }
  }

  /// What both groups ask for. An event with a time of its own is of the newer kind.
  private mutating func eventBasics() {
    let wanted = member("involvedObject", of: object)?["namespace"]?.stringValue ?? ""
    let namespace = value("metadata.namespace")?.stringValue ?? ""
    let isNew = object["eventTime"]?.stringValue != nil
    var matches = true
    if wanted.isEmpty {
      matches = namespace == "default" || isNew && namespace == "kube-system"
    } else if !isNew {
      matches = wanted == namespace
    }
    if !matches {
      add(
        .invalid("involvedObject.namespace", .string(wanted), "does not match event.namespace"))
    }
    guard isNew else { return }
    let controller = member("reportingController", of: object)?.stringValue ?? ""
    required(.string(controller), "reportingController")
    add(NameRules.qualifiedName(controller), "reportingController", .string(controller))
    for name in ["reportingInstance", "action", "reason"] {
      let text = object[name]?.stringValue ?? ""
      required(.string(text), name)
      atMost(Self.maximumText, text, name)
    }
    atMost(Self.maximumNote, member("message", of: object)?.stringValue ?? "", "message")
  }

  private mutating func atMost(_ maximum: Int, _ text: String, _ field: String) {
    if text.utf8.count > maximum {
      add(.invalid(field, "", "can have at most \(maximum) characters"))
    }
  }

  private mutating func eventSeries() {
    guard let series = object["series"] else { return }
    if (series["count"]?.intValue ?? 0) < 2 {
      add(.invalid("series.count", "", "should be at least 2"))
    }
    required(series["lastObservedTime"], "series.lastObservedTime")
  }

  /// In the newer group only the series of an event changes.
  mutating func eventUpdate(_ old: JSONValue) {
    guard isStrict else { return }
    if object["series"] != old["series"] { eventSeries() }
    // Upstream looks at the reason twice.
    for name in [
      "involvedObject", "reason", "message", "source", "firstTimestamp", "lastTimestamp", "count",
      "reason", "type", "eventTime", "action", "related", "reportingController",
      "reportingInstance",
    ] {
      let now = member(name, of: object)
      if (now ?? .null) != (member(name, of: old) ?? .null) {
        add(.invalid(name, now, "field is immutable"))
      }
    }
  }
}
