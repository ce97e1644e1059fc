import Yams

extension ClusterConfiguration {
  /// Larger than any sensible file; protects from reading a wrong one.
  static let maximumFileBytes = 1 << 20
  static let maximumServers = 9
  static let maximumNodes = 64
  static let maximumHollowNodes = 10_000
  /// The share of the cluster's pod range that a node gets.
  static let nodePodPrefixLength = 24

  private static let expectedAddress = "HOST:PORT, such as 127.0.0.1:7443"
  private static let keys = [
    "name", "dataFolder", "servers", "endpointAddress", "podRange", "serviceRange",
    "nodeNetwork", "logRetention", "quota", "leaseReads", "controllers", "nodes", "hollowNodes",
  ]

  /// Reads the text of a configuration file. `path` only names it in messages.
  ///
  /// - Throws: `ConfigurationError` with every mistake found.
  public static func parse(yaml: String, path: String) throws -> ClusterConfiguration {
    func failure(_ line: Int, _ message: String) -> ConfigurationError {
      ConfigurationError(path: path, problems: [.init(line: line, key: "", message: message)])
    }
    guard yaml.utf8.count <= maximumFileBytes else {
      throw failure(0, "the file is larger than 1 MiB; expected a cluster configuration")
    }
    let root: Yams.Node?
    do {
      root = try Yams.compose(yaml: yaml)
    } catch let error as YamlError {
      let (line, message) = describe(error)
      throw failure(line, message)
    } catch {
      throw failure(0, "not readable as YAML: \(error)")
    }
    guard let root else {
      throw failure(
        0, "the file is empty; expected the keys name, servers, nodes and others")
    }
    var reader = ConfigurationReader()
    let configuration = read(root, path: path, reader: &reader)
    guard reader.problems.isEmpty, let configuration else {
      let problems = reader.problems.enumerated().sorted {
        ($0.element.line, $0.offset) < ($1.element.line, $1.offset)
      }
      throw ConfigurationError(path: path, problems: problems.map(\.element))
    }
    return configuration
  }

  private static func read(
    _ root: Yams.Node, path: String, reader: inout ConfigurationReader
  ) -> ClusterConfiguration? {
    guard let top = reader.section(root, path: "", line: 1, allowed: keys) else { return nil }
    let nameForm = "a name of lower-case letters, digits and -, at most 63 characters"
    let name = reader.value(top, "name", expected: nameForm) {
      DNSLabel.isValid($0) ? $0 : nil
    }
    let folder = reader.text(top, "dataFolder", expected: "a folder", required: false)
    let servers = readServers(top, reader: &reader)
    let endpoint = reader.value(top, "endpointAddress", expected: expectedAddress) {
      HostPort($0)
    }
    if let endpoint, let taken = servers.first(where: { $0.apiAddress == endpoint.value }) {
      reader.report(endpoint, "\(endpoint.value) is already the apiAddress of server \(taken.id)")
    } else if let endpoint,
      let taken = servers.first(where: { $0.peerAddress == endpoint.value })
    {
      reader.report(endpoint, "\(endpoint.value) is already the peerAddress of server \(taken.id)")
    }
    let ranges = readRanges(top, reader: &reader)
    let retention = readRetention(top, reader: &reader)
    let quota = readQuota(top, reader: &reader)
    let leaseReads = reader.value(
      top, "leaseReads", expected: "true or false", required: false
    ) { text in Bool(text) }
    let runsControllers = reader.value(
      top, "controllers", expected: "all or none", required: false
    ) { text in ["all": true, "none": false][text] }
    let nodes = readNodes(
      top, podRange: ranges?.pod, nodeNetwork: ranges?.node, reader: &reader)
    let hollow = reader.value(
      top, "hollowNodes", expected: "a number from 0 to \(maximumHollowNodes)", required: false
    ) { text in
      Int(text).flatMap { (0...maximumHollowNodes).contains($0) ? $0 : nil }
    }
    guard let name, let endpoint, let ranges, let retention else { return nil }
    return ClusterConfiguration(
      path: path, name: name.value, dataFolder: folder?.value, servers: servers,
      endpointAddress: endpoint.value, podRange: ranges.pod, serviceRange: ranges.service,
      nodeNetwork: ranges.node, logRetention: retention, quota: quota,
      leaseReads: leaseReads?.value ?? false,
      runsControllers: runsControllers?.value ?? true, nodes: nodes,
      hollowNodes: hollow?.value ?? 0,
      warnings: reader.warnings.map { $0.text(path: path) })
  }

  private static func readServers(
    _ top: ConfigurationReader.Section, reader: inout ConfigurationReader
  ) -> [Server] {
    typealias Found = ConfigurationReader.Found
    let expected = "a list of servers, each with id, peerAddress and apiAddress"
    let elements = reader.elements(top, "servers", expected: expected, required: true)
    if let entry = top.entries["servers"], case .sequence = entry.value {
      if elements.isEmpty || elements.count > maximumServers {
        reader.report(
          entry, "\(elements.count) servers; expected 1 to \(maximumServers), best 3 or 5")
      } else if elements.count.isMultiple(of: 2) {
        reader.warn(
          entry.line, entry.key,
          "\(elements.count) servers survive no more failures than \(elements.count - 1)")
      }
    }
    var servers: [Server] = []
    var ids: [Found<Int>] = []
    var addresses: [Found<HostPort>] = []
    for element in elements {
      guard
        let section = reader.section(
          element.value, path: element.key, line: element.line,
          allowed: ["id", "peerAddress", "apiAddress"])
      else { continue }
      let id = reader.value(section, "id", expected: "a number from 1 to 255") { text in
        Int(text).flatMap { (1...255).contains($0) ? $0 : nil }
      }
      let peer = reader.value(section, "peerAddress", expected: expectedAddress) { HostPort($0) }
      let api = reader.value(section, "apiAddress", expected: expectedAddress) { HostPort($0) }
      if let id { ids.append(id) }
      addresses += [peer, api].compactMap { $0 }
      if let id, let peer, let api {
        servers.append(
          Server(id: id.value, peerAddress: peer.value, apiAddress: api.value))
      }
    }
    reader.rejectDuplicates(ids, what: "the id")
    reader.rejectDuplicates(addresses, what: "the address")
    return servers
  }

  private static func readRanges(
    _ top: ConfigurationReader.Section, reader: inout ConfigurationReader
  ) -> (pod: IPv4Range, service: IPv4Range, node: IPv4Range)? {
    func range(
      _ name: String, _ lengths: ClosedRange<Int>, _ example: String,
      _ reader: inout ConfigurationReader
    ) -> ConfigurationReader.Found<IPv4Range>? {
      let expected =
        "a range of addresses such as \(example), from /\(lengths.lowerBound)"
        + " to /\(lengths.upperBound), with no bits set beyond the prefix"
      return reader.value(top, name, expected: expected) { text in
        IPv4Range(text).flatMap { lengths.contains($0.prefixLength) ? $0 : nil }
      }
    }
    let found = [
      range("podRange", 8...22, "10.244.0.0/16", &reader),
      range("serviceRange", 12...27, "10.96.0.0/16", &reader),
      range("nodeNetwork", 12...27, "172.29.66.0/24", &reader),
    ].compactMap { $0 }
    for (index, later) in found.enumerated() {
      for earlier in found[..<index] where later.value.overlaps(earlier.value) {
        reader.report(
          later, "\(later.value) overlaps \(earlier.key) \(earlier.value); give each its own")
      }
    }
    return found.count == 3 ? (found[0].value, found[1].value, found[2].value) : nil
  }

  private static func readRetention(
    _ top: ConfigurationReader.Section, reader: inout ConfigurationReader
  ) -> LogRetention? {
    var retention = LogRetention(timeSeconds: 7 * 86400, bytes: 4 << 30)
    guard let entry = top.entries["logRetention"] else { return retention }
    guard
      let section = reader.section(
        entry.value, path: entry.key, line: entry.line, allowed: ["time", "bytes"])
    else { return nil }
    let time = reader.value(
      section, "time", expected: "a duration of at least a minute, such as 12h or 7d",
      required: false
    ) { text in Quantity.seconds(text).flatMap { $0 >= 60 ? $0 : nil } }
    let bytes = reader.value(
      section, "bytes", expected: "a size of at least 16MiB, such as 512MiB or 4GiB",
      required: false
    ) { text in Quantity.bytes(text).flatMap { $0 >= 16 << 20 ? $0 : nil } }
    if let time { retention.timeSeconds = time.value }
    if let bytes { retention.bytes = bytes.value }
    return retention
  }

  private static func readQuota(
    _ top: ConfigurationReader.Section, reader: inout ConfigurationReader
  ) -> Quota {
    var quota = Quota()
    guard let entry = top.entries["quota"],
      let section = reader.section(
        entry.value, path: entry.key, line: entry.line, allowed: ["objects", "bytes"])
    else { return quota }
    let objects = reader.value(
      section, "objects", expected: "a number of at least 1000, or 0 for no bound", required: false
    ) { text in Int(text).flatMap { $0 == 0 || $0 >= 1_000 ? $0 : nil } }
    let bytes = reader.value(
      section, "bytes", expected: "a size of at least 16MiB, such as 2GiB", required: false
    ) { text in Quantity.bytes(text).flatMap { $0 >= 16 << 20 ? $0 : nil } }
    if let objects { quota.objects = objects.value }
    if let bytes { quota.bytes = bytes.value }
    return quota
  }

  private static func describe(_ error: YamlError) -> (line: Int, message: String) {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      return (mark.line, "not readable as YAML: \(problem)")
    case .duplicatedKeysInMapping(let duplicates, let context):
      return (
        context.mark.line,
        "the key \(duplicates.joined(separator: ", ")) stands here more than once"
      )
    case .reader(let problem, _, _, _):
      return (0, "not readable as YAML: \(problem)")
    default:
      return (0, "not readable as YAML: \(error)")
    }
  }
}
