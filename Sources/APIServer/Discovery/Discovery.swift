import JSONDocument
import KubernetesAPI

/// What the server has, as clients ask for it: the groups, their versions, the resources.
struct Discovery: Sendable {
  let catalogue: Catalogue
  let custom: CustomCatalogue

  static let aggregatedType = "application/json;as=APIGroupDiscoveryList;g=apidiscovery.k8s.io;v="

  /// The version of aggregated discovery that an Accept header prefers; `nil` for the plain form.
  static func aggregatedVersion(accept: String?) -> String? {
    for type in MediaType.list(accept ?? "") {
      if type.type == "application/json" || type.type == "*/*" {
        guard type.parameters["as"] != nil else { return nil }
        if type.parameters["as"] == "APIGroupDiscoveryList",
          type.parameters["g"] == "apidiscovery.k8s.io",
          let version = type.parameters["v"], ["v2", "v2beta1"].contains(version)
        {
          return version
        }
      }
    }
    return nil
  }

  private var namedGroups: [(group: String, versions: [String])] {
    var groups = catalogue.groups.filter { !$0.group.isEmpty }
    for (group, versions) in custom.groups {
      if let index = groups.firstIndex(where: { $0.group == group }) {
        groups[index].versions += versions.filter { !groups[index].versions.contains($0) }
      } else {
        groups.append((group, versions))
      }
    }
    return groups
  }

  private func resources(_ group: String, _ version: String) -> [ResourceInfo] {
    catalogue.resources(group: group, version: version)
      + custom.resources(group: group, version: version)
  }

  func coreVersions(serverAddress: String) -> JSONValue {
    [
      "kind": "APIVersions", "versions": ["v1"],
      "serverAddressByClientCIDRs": [
        ["clientCIDR": "0.0.0.0/0", "serverAddress": .string(serverAddress)]
      ],
    ]
  }

  func groupList() -> JSONValue {
    [
      "kind": "APIGroupList", "apiVersion": "v1",
      "groups": .array(namedGroups.map { group($0.group, $0.versions) }),
    ]
  }

  func group(_ name: String) -> JSONValue? {
    guard let found = namedGroups.first(where: { $0.group == name }) else { return nil }
    var value: JSONValue = ["kind": "APIGroup", "apiVersion": "v1"]
    for (key, member) in group(found.group, found.versions).objectValue ?? JSONObject() {
      value[key] = member
    }
    return value
  }

  private func group(_ name: String, _ versions: [String]) -> JSONValue {
    func version(_ version: String) -> JSONValue {
      ["groupVersion": .string("\(name)/\(version)"), "version": .string(version)]
    }
    return [
      "name": .string(name), "versions": .array(versions.map(version)),
      "preferredVersion": version(versions.first ?? ""),
    ]
  }

  func resourceList(group: String, version: String) -> JSONValue? {
    let resources = resources(group, version)
    guard !resources.isEmpty else { return nil }
    var list: [JSONValue] = []
    for resource in resources {
      var item: JSONValue = [
        "name": .string(resource.resource), "singularName": .string(resource.singular),
        "namespaced": .bool(resource.namespaced), "kind": .string(resource.kind),
        "verbs": .array(resource.verbs.map { .string($0) }),
      ]
      if !resource.shortNames.isEmpty {
        item["shortNames"] = .array(resource.shortNames.map { .string($0) })
      }
      if !resource.categories.isEmpty {
        item["categories"] = .array(resource.categories.map { .string($0) })
      }
      if !resource.storageVersionHash.isEmpty {
        item["storageVersionHash"] = .string(resource.storageVersionHash)
      }
      list.append(item)
      for subresource in resource.subresources {
        var item: JSONValue = [
          "name": .string("\(resource.resource)/\(subresource.name)"), "singularName": "",
          "namespaced": .bool(resource.namespaced),
        ]
        if subresource.group != group || subresource.version != version {
          if !subresource.group.isEmpty { item["group"] = .string(subresource.group) }
          item["version"] = .string(subresource.version)
        }
        item["kind"] = .string(subresource.kind)
        item["verbs"] = .array(subresource.verbs.map { .string($0) })
        list.append(item)
      }
    }
    var answer: JSONValue = ["kind": "APIResourceList"]
    // Upstream's core group, which is older than the field, lacks it.
    if !group.isEmpty { answer["apiVersion"] = "v1" }
    answer["groupVersion"] = .string(group.isEmpty ? version : "\(group)/\(version)")
    answer["resources"] = .array(list)
    return answer
  }

  /// All groups (or the core group) with all their resources in one answer.
  func aggregated(version: String, core: Bool) -> JSONValue {
    let groups = core ? catalogue.groups.filter { $0.group.isEmpty } : namedGroups
    return [
      "kind": "APIGroupDiscoveryList",
      "apiVersion": .string("apidiscovery.k8s.io/\(version)"), "metadata": [:],
      "items": .array(
        groups.map { group in
          [
            "metadata": group.group.isEmpty ? [:] : ["name": .string(group.group)],
            "versions": .array(
              group.versions.map { version in
                [
                  "version": .string(version),
                  "resources": .array(
                    resources(group.group, version).map(aggregated)),
                  "freshness": "Current",
                ]
              }),
          ]
        }),
    ]
  }

  private func aggregated(_ resource: ResourceInfo) -> JSONValue {
    func kind(_ group: String, _ version: String, _ kind: String, own: Bool) -> JSONValue {
      [
        "group": .string(own ? "" : group), "version": .string(own ? "" : version),
        "kind": .string(kind),
      ]
    }
    var item: JSONValue = [
      "resource": .string(resource.resource),
      "responseKind": kind(resource.group, resource.version, resource.kind, own: true),
      "scope": .string(resource.namespaced ? "Namespaced" : "Cluster"),
      "singularResource": .string(resource.singular),
      "verbs": .array(resource.verbs.map { .string($0) }),
    ]
    if !resource.shortNames.isEmpty {
      item["shortNames"] = .array(resource.shortNames.map { .string($0) })
    }
    if !resource.categories.isEmpty {
      item["categories"] = .array(resource.categories.map { .string($0) })
    }
    if !resource.subresources.isEmpty {
      item["subresources"] = .array(
        resource.subresources.map { subresource in
          let isOwn =
            subresource.group == resource.group && subresource.version == resource.version
          return [
            "subresource": .string(subresource.name),
            "responseKind": kind(
              subresource.group, subresource.version, subresource.kind, own: isOwn),
            "verbs": .array(subresource.verbs.map { .string($0) }),
          ]
        })
    }
    return item
  }

  static let version: JSONValue = [
    "major": "1", "minor": "36", "emulationMajor": "1", "emulationMinor": "36",
    "minCompatibilityMajor": "1", "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.2-taffrail", "gitCommit": "", "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "gc",
    "platform": "linux/amd64",
  ]
}
