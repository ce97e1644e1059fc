import JSONDocument

extension CELEvaluator {
  /// What Kubernetes adds to CEL: quantities, addresses, versions, formats, lists and optionals.
  mutating func library(_ name: String, _ values: [CELValue]) throws(CELError) -> CELValue? {
    guard let first = values.first else {
      if name == "optional.none" { return .optional(nil) }
      if name.hasPrefix("format.") { return .format(String(name.dropFirst(7))) }
      return nil
    }
    switch first {
    case .quantity(let quantity): return try self.quantity(name, quantity, values.dropFirst().first)
    case .ip(let address): return self.address(name, address)
    case .cidr(let range): return try self.range(name, range, values.dropFirst().first)
    case .url(let address): return self.url(name, address)
    case .semver(let version): return self.semver(name, version, values.dropFirst().first)
    case .optional(let inner):
      switch name {
      case "hasValue": return .bool(inner != nil)
      case "value":
        guard let inner else { throw CELError(message: "optional.none() dereference") }
        return inner
      default: break
      }
    case .format(let format):
      guard name == "validate", case .string(let text)? = values.last else { return nil }
      let problems = try Self.problems(text, format)
      return .optional(problems.isEmpty ? nil : .list(problems.map { .string($0) }))
    case .string(let text):
      if let result = try parsed(name, text, values.dropFirst().first) { return result }
    default: break
    }
    switch name {
    case "optional.of": return .optional(first)
    case "optional.ofNonZeroValue": return .optional(Self.isZero(first) ? nil : first)
    default: return try lists(name, values)
    }
  }

  private static func isZero(_ value: CELValue) -> Bool {
    switch value {
    case .null: true
    case .bool(let flag): !flag
    case .int(let number): number == 0
    case .uint(let number): number == 0
    case .double(let number): number == 0
    case .duration(let duration): duration.nanoseconds == 0
    default: value.count == 0
    }
  }

  /// Values that are made of text, and whether they can be.
  private func parsed(_ name: String, _ text: String, _ argument: CELValue?) throws(CELError)
    -> CELValue?
  {
    var isNormalizing = false
    if case .bool(let flag)? = argument { isNormalizing = flag }
    switch name {
    case "isQuantity": return .bool(Quantity(parsing: text) != nil)
    case "quantity":
      switch Quantity.parse(text) {
      case .success(let quantity): return .quantity(quantity)
      case .failure(let problem): throw CELError(message: problem.rawValue)
      }
    case "isIP": return .bool(IPAddress(text) != nil)
    case "ip":
      guard let address = IPAddress(text) else {
        throw CELError(message: "IP Address '\(text)' parse error during conversion from string")
      }
      return .ip(address)
    case "ip.isCanonical":
      guard let address = IPAddress(text) else {
        throw CELError(message: "IP Address '\(text)' parse error during conversion from string")
      }
      return .bool(address.description == text)
    case "isCIDR": return .bool(IPRange(text) != nil)
    case "cidr":
      guard let range = IPRange(text) else {
        throw CELError(message: "network address parse error during conversion from string")
      }
      return .cidr(range)
    case "isURL": return .bool(WebAddress(parsing: text) != nil)
    case "url":
      guard let address = WebAddress(parsing: text) else {
        throw CELError(message: "URL parse error during conversion from string")
      }
      return .url(address)
    case "isSemver":
      return .bool(SemanticVersion(parsing: text, normalizing: isNormalizing) != nil)
    case "semver":
      guard let version = SemanticVersion(parsing: text, normalizing: isNormalizing) else {
        throw CELError(message: "semver parse error during conversion from string")
      }
      return .semver(version)
    case "format.named":
      let isKnown = CELSignatures.all["format.\(text)"] != nil && text != "named"
      return .optional(isKnown ? .format(text) : nil)
    default: return nil
    }
  }

  private func quantity(_ name: String, _ quantity: Quantity, _ argument: CELValue?)
    throws(CELError) -> CELValue?
  {
    var other = Quantity.zero
    switch argument {
    case .quantity(let quantity)?: other = quantity
    case .int(let number)?: other = Quantity(number)
    default: break
    }
    switch name {
    case "isInteger": return .bool(quantity.isInteger)
    case "asInteger":
      guard quantity.isInteger else {
        throw CELError(message: "cannot convert value to integer")
      }
      return .int(quantity.value)
    case "asApproximateFloat": return .double(quantity.doubleValue)
    case "sign": return .int(quantity.isZero ? 0 : quantity.isNegative ? -1 : 1)
    case "add": return .quantity(quantity + other)
    case "sub": return .quantity(quantity - other)
    case "isLessThan": return .bool(quantity < other)
    case "isGreaterThan": return .bool(quantity > other)
    case "compareTo": return .int(quantity < other ? -1 : quantity == other ? 0 : 1)
    default: return nil
    }
  }

  private func address(_ name: String, _ address: IPAddress) -> CELValue? {
    let isMulticast =
      address.isIPv6 ? address.bytes[0] == 0xFF : (224...239).contains(address.bytes[0])
    switch name {
    case "family": return .int(address.isIPv6 ? 6 : 4)
    case "isUnspecified": return .bool(address.isUnspecified)
    case "isLoopback": return .bool(address.isLoopback)
    case "isLinkLocalMulticast": return .bool(address.isLinkLocalMulticast)
    case "isLinkLocalUnicast": return .bool(address.isLinkLocal)
    case "isGlobalUnicast":
      let isBroadcast = address.bytes == [255, 255, 255, 255]
      return .bool(
        !address.isUnspecified && !address.isLoopback && !isMulticast && !address.isLinkLocal
          && !isBroadcast)
    default: return nil
    }
  }

  private static func contains(_ range: IPRange, _ bytes: [UInt8]) -> Bool {
    guard range.address.bytes.count == bytes.count else { return false }
    for (index, byte) in bytes.enumerated() {
      let bits = min(max(range.prefixLength - index * 8, 0), 8)
      let mask = UInt8(truncatingIfNeeded: 0xFF00 >> bits)
      if byte & mask != range.address.bytes[index] & mask { return false }
    }
    return true
  }

  private func range(_ name: String, _ range: IPRange, _ argument: CELValue?) throws(CELError)
    -> CELValue?
  {
    switch (name, argument) {
    case ("containsIP", .ip(let address)?): return .bool(Self.contains(range, address.bytes))
    case ("containsIP", .string(let text)?):
      guard let address = IPAddress(text) else {
        throw CELError(message: "IP Address '\(text)' parse error during conversion from string")
      }
      return .bool(Self.contains(range, address.bytes))
    case ("containsCIDR", .cidr(let other)?):
      return .bool(
        other.prefixLength >= range.prefixLength && Self.contains(range, other.address.bytes))
    case ("containsCIDR", .string(let text)?):
      guard let other = IPRange(text) else {
        throw CELError(message: "network address parse error during conversion from string")
      }
      return .bool(
        other.prefixLength >= range.prefixLength && Self.contains(range, other.address.bytes))
    case ("ip", nil): return .ip(range.address)
    case ("prefixLength", nil): return .int(Int64(range.prefixLength))
    case ("masked", nil): return .cidr(range.masked)
    default: return nil
    }
  }

  private func url(_ name: String, _ address: WebAddress) -> CELValue? {
    switch name {
    case "getScheme": .string(address.scheme)
    case "getHost": .string(address.host)
    case "getHostname": .string(address.hostname)
    case "getPort": .string(address.port)
    case "getEscapedPath": .string(address.path)
    case "getQuery":
      .map(
        Dictionary(
          uniqueKeysWithValues: address.parameters.map { name, values in
            (CELKey.string(name), CELValue.list(values.map { .string($0) }))
          }))
    default: nil
    }
  }

  private func semver(_ name: String, _ version: SemanticVersion, _ argument: CELValue?)
    -> CELValue?
  {
    var other = version
    if case .semver(let version)? = argument { other = version }
    switch name {
    case "major": return .int(Int64(clamping: version.major))
    case "minor": return .int(Int64(clamping: version.minor))
    case "patch": return .int(Int64(clamping: version.patch))
    case "isLessThan": return .bool(version < other)
    case "isGreaterThan": return .bool(other < version)
    case "compareTo": return .int(version < other ? -1 : other < version ? 1 : 0)
    default: return nil
    }
  }

  /// What is wrong with a text by a named format; empty means nothing.
  private static func problems(_ text: String, _ format: String) throws(CELError) -> [String] {
    // A prefix may end in a dash, behind which something will follow.
    let stem = text.hasSuffix("-") ? String(text.dropLast()) + "a" : text
    switch format {
    case "dns1123Label": return NameRules.dns1123Label(text)
    case "dns1123Subdomain": return NameRules.dns1123Subdomain(text)
    case "dns1035Label": return NameRules.dns1035Label(text)
    case "dns1123LabelPrefix": return NameRules.dns1123Label(stem)
    case "dns1123SubdomainPrefix": return NameRules.dns1123Subdomain(stem)
    case "dns1035LabelPrefix": return NameRules.dns1035Label(stem)
    case "qualifiedName": return NameRules.qualifiedName(text)
    case "labelValue": return NameRules.labelValue(text)
    case "uri": return WebAddress(parsing: text) == nil ? ["invalid URI"] : []
    case "uuid":
      return ValueFormat.isWrong(text, format: "uuid") ? ["does not match the UUID format"] : []
    case "byte": return Base64.decode(text) == nil ? ["invalid base64"] : []
    case "date": return ValueFormat.isWrong(text, format: "date") ? ["invalid date"] : []
    case "datetime": return Timestamp(parsing: text) == nil ? ["invalid datetime"] : []
    default: throw CELError(message: "unknown format \(format)")
    }
  }

  // MARK: Lists

  private mutating func lists(_ name: String, _ values: [CELValue]) throws(CELError) -> CELValue? {
    guard let elements = values.first?.elements else { return nil }
    try spend(elements.count)
    func ordered(_ left: CELValue, _ right: CELValue) throws(CELError) -> Int {
      guard let order = CELValue.order(left, right) else { throw Self.noOverload }
      return order
    }
    switch name {
    case "isSorted":
      for (left, right) in zip(elements, elements.dropFirst())
      where try ordered(left, right) > 0 {
        return .bool(false)
      }
      return .bool(true)
    case "sum":
      guard var sum = elements.first else { return .int(0) }
      for element in elements.dropFirst() { sum = try apply("_+_", [sum, element]) }
      return sum
    case "min", "max":
      guard var best = elements.first else {
        throw CELError(message: "\(name) called on empty list")
      }
      for element in elements.dropFirst() {
        let order = try ordered(element, best)
        if name == "min" ? order < 0 : order > 0 { best = element }
      }
      return best
    case "indexOf", "lastIndexOf":
      guard values.count == 2 else { return nil }
      let wanted = values[1]
      let index =
        name == "indexOf"
        ? elements.firstIndex { CELValue.isEqual($0, wanted) }
        : elements.lastIndex { CELValue.isEqual($0, wanted) }
      return .int(index.map { Int64($0) } ?? -1)
    case "sets.contains", "sets.intersects", "sets.equivalent":
      guard values.count == 2, let others = values[1].elements else { return nil }
      try spend(elements.count * others.count)
      func isIn(_ list: [CELValue], _ value: CELValue) -> Bool {
        list.contains { CELValue.isEqual($0, value) }
      }
      switch name {
      case "sets.contains": return .bool(others.allSatisfy { isIn(elements, $0) })
      case "sets.intersects": return .bool(others.contains { isIn(elements, $0) })
      default:
        return .bool(
          others.allSatisfy { isIn(elements, $0) } && elements.allSatisfy { isIn(others, $0) })
      }
    default: return nil
    }
  }
}
