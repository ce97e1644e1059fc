import JSONDocument
import KubernetesAPI

/// What the limit ranges of a namespace add to objects and demand of them. Pure.
enum LimitRanges {
  static let annotation = "kubernetes.io/limit-ranger"

  private typealias Amounts = [String: Quantity]

  private static func items(_ range: JSONValue) -> [JSONValue] {
    range.at("spec", "limits")?.arrayValue ?? []
  }

  private static func amounts(_ item: JSONValue, _ name: String) -> Amounts {
    PodResources.amounts(item[name])
  }

  // MARK: Defaults

  /// Fills in what containers leave out, and notes in an annotation what it was.
  ///
  /// - Returns: whether something was added.
  static func addDefaults(to pod: inout JSONValue, ranges: [JSONValue]) -> Bool {
    var notes: [String] = []
    for range in ranges {
      var requests: [String: JSONValue] = [:]
      var limits: [String: JSONValue] = [:]
      for item in items(range) where item["type"]?.stringValue == "Container" {
        for (name, value) in item["defaultRequest"]?.objectValue ?? [:] { requests[name] = value }
        for (name, value) in item["default"]?.objectValue ?? [:] { limits[name] = value }
      }
      guard !requests.isEmpty || !limits.isEmpty else { continue }
      for (list, kind) in [("containers", "container"), ("initContainers", "init container")] {
        guard var containers = pod.at("spec", list)?.arrayValue else { continue }
        for index in containers.indices {
          let name = containers[index]["name"]?.stringValue ?? ""
          let added = [
            ("request", merge(requests, into: &containers[index], "requests")),
            ("limit", merge(limits, into: &containers[index], "limits")),
          ]
          for (side, names) in added where !names.isEmpty {
            notes.append("\(names.joined(separator: ", ")) \(side) for \(kind) \(name)")
          }
        }
        pod.set(.array(containers), at: "spec", list)
      }
    }
    guard !notes.isEmpty else { return false }
    pod.set(
      .string("LimitRanger plugin set: " + notes.joined(separator: "; ")), at: "metadata",
      "annotations", annotation)
    return true
  }

  private static func merge(
    _ defaults: [String: JSONValue], into container: inout JSONValue, _ side: String
  ) -> [String] {
    var added: [String] = []
    for (name, value) in defaults.sorted(by: { $0.key < $1.key })
    where container.at("resources", side, name) == nil {
      container.set(value, at: "resources", side, name)
      added.append(name)
    }
    return added
  }

  // MARK: Bounds

  /// What is wrong with a pod, as upstream says it; nil if nothing is.
  static func refusal(ofPod pod: JSONValue, ranges: [JSONValue]) -> String? {
    var problems: [String] = []
    for range in ranges {
      for item in items(range) {
        switch item["type"]?.stringValue {
        case "Container":
          for list in ["containers", "initContainers"] {
            for container in pod.at("spec", list)?.arrayValue ?? [] {
              problems += check(
                item, "Container", PodResources.amounts(container.at("resources", "requests")),
                PodResources.amounts(container.at("resources", "limits")))
            }
          }
        case "Pod":
          problems += check(
            item, "Pod", PodResources.total(of: pod, .requests),
            PodResources.total(of: pod, .limits))
        default: break
        }
      }
    }
    return joined(problems)
  }

  /// What is wrong with a claim of a volume; nil if nothing is.
  static func refusal(ofClaim claim: JSONValue, ranges: [JSONValue]) -> String? {
    let asked = PodResources.amounts(claim.at("spec", "resources", "requests"))
    var problems: [String] = []
    for range in ranges {
      for item in items(range) where item["type"]?.stringValue == "PersistentVolumeClaim" {
        let minimum = amounts(item, "min")
        let maximum = amounts(item, "max")
        for name in minimum.keys.sorted() {
          if let problem = minimumProblem(name, minimum, asked, [:], "PersistentVolumeClaim") {
            problems.append(problem)
          }
        }
        for name in maximum.keys.sorted() {
          guard let most = maximum[name] else { continue }
          guard let amount = asked[name] else {
            problems.append(
              "maximum \(name) usage per PersistentVolumeClaim is \(most).  No request is specified"
            )
            continue
          }
          if amount > most {
            problems.append(
              "maximum \(name) usage per PersistentVolumeClaim is \(most), but request is "
                + "\(amount)")
          }
        }
      }
    }
    return joined(problems)
  }

  private static func joined(_ problems: [String]) -> String? {
    var unique: [String] = []
    for problem in problems where !unique.contains(problem) { unique.append(problem) }
    if unique.isEmpty { return nil }
    return unique.count == 1 ? unique[0] : "[\(unique.joined(separator: ", "))]"
  }

  private static func check(
    _ item: JSONValue, _ type: String, _ requests: Amounts, _ limits: Amounts
  ) -> [String] {
    var problems: [String] = []
    let minimum = amounts(item, "min")
    let maximum = amounts(item, "max")
    let ratios = amounts(item, "maxLimitRequestRatio")
    for name in minimum.keys.sorted() {
      if let problem = minimumProblem(name, minimum, requests, limits, type) {
        problems.append(problem)
      }
    }
    for name in maximum.keys.sorted() {
      guard let most = maximum[name] else { continue }
      guard let limit = limits[name] else {
        problems.append("maximum \(name) usage per \(type) is \(most).  No limit is specified")
        continue
      }
      if limit > most {
        problems.append("maximum \(name) usage per \(type) is \(most), but limit is \(limit)")
      } else if let request = requests[name], request > most {
        problems.append("maximum \(name) usage per \(type) is \(most), but request is \(request)")
      }
    }
    for name in ratios.keys.sorted() {
      guard let ratio = ratios[name] else { continue }
      guard let request = requests[name], let limit = limits[name], !request.isZero, !limit.isZero
      else {
        let lacksRequest = requests[name].map(\.isZero) ?? true
        let lacksLimit = limits[name].map(\.isZero) ?? true
        let what =
          lacksRequest && lacksLimit
          ? "No request or limit is specified"
          : lacksRequest
            ? "No request is specified or request is 0"
            : "No limit is specified or limit is 0"
        problems.append(
          "\(name) max limit to request ratio per \(type) is \(ratio), but \(lowerFirst(what))")
        continue
      }
      let observed = limit.doubleValue / request.doubleValue
      if observed > ratio.doubleValue {
        problems.append(
          "\(name) max limit to request ratio per \(type) is \(ratio), but provided ratio is "
            + sixDecimals(observed))
      }
    }
    return problems
  }

  private static func minimumProblem(
    _ name: String, _ minimum: Amounts, _ requests: Amounts, _ limits: Amounts, _ type: String
  ) -> String? {
    guard let least = minimum[name] else { return nil }
    guard let request = requests[name] else {
      return "minimum \(name) usage per \(type) is \(least).  No request is specified"
    }
    if request < least {
      return "minimum \(name) usage per \(type) is \(least), but request is \(request)"
    }
    if let limit = limits[name], limit < least {
      return "minimum \(name) usage per \(type) is \(least), but limit is \(limit)"
    }
    return nil
  }

  private static func lowerFirst(_ text: String) -> String {
    text.prefix(1).lowercased() + text.dropFirst()
  }

  private static func sixDecimals(_ value: Double) -> String {
    let scaled = (value * 1_000_000).rounded()
    guard scaled < 9e15 else { return "\(value)" }
    let number = Int64(scaled)
    let digits = String(number % 1_000_000)
    return "\(number / 1_000_000)." + String(repeating: "0", count: 6 - digits.count) + digits
  }
}
