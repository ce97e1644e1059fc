import JSONDocument
import SeededRuns
import Testing

@testable import KubernetesAPI

struct ApplyTests {
  static func manager(_ type: String, _ kind: String, _ apiVersion: String) throws -> FieldManager {
    FieldManager(
      schema: try #require(Catalogue.shared.applySchema(ofType: type)), kind: kind,
      apiVersion: apiVersion, versions: [apiVersion], ignoredFields: [["status"]])
  }

  static func write(_ name: String, time: String = "2026-11-24T00:00:00Z") -> FieldManager.Write {
    FieldManager.Write(manager: name, apiVersion: "v1", subresource: "", time: time)
  }

  static func json(_ text: String) throws -> JSONValue { try JSONValue(parsing: text) }

  /// Who owns what, a line each: `alpha Apply .data.a .data.b`.
  static func owners(_ object: JSONValue) -> [String] {
    (object.at("metadata", "managedFields")?.arrayValue ?? []).map { entry in
      let fields = FieldSet(encoded: entry["fieldsV1"] ?? [:]) ?? FieldSet()
      let paths = fields.paths.map { $0.map(\.display).joined() }
      return ([entry["manager"]?.stringValue ?? "", entry["operation"]?.stringValue ?? ""] + paths)
        .joined(separator: " ")
    }
  }

  static func configMap(_ data: String) throws -> JSONValue {
    try json(#"{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"},"data":\#(data)}"#)
  }

  // MARK: Sets of fields

  @Test(arguments: [
    #"{"f:metadata":{"f:labels":{".":{},"f:app":{}}}}"#,
    #"{"f:spec":{"f:containers":{"k:{\"name\":\"c\"}":{".":{},"f:image":{}}}}}"#,
    #"{"f:metadata":{"f:finalizers":{".":{},"v:\"a/b\"":{}}}}"#,
    #"{"f:spec":{"f:ports":{"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{}}}}}"#,
  ])
  func setsKeepTheirForm(text: String) throws {
    let set = try #require(FieldSet(encoded: try Self.json(text)))
    let encoded = set.encoded
    let again = try #require(FieldSet(encoded: encoded))
    #expect(again == set)
    if !text.contains(#"\"TCP\"}":{".""#) { #expect(encoded.text == text) }
  }

  @Test(arguments: ["[]", #"{"x":{}}"#, #"{"f:a":1}"#, #"{"k:[]":{}}"#, #"{"i:x":{}}"#, "null"])
  func whatIsNoSetIsRefused(text: String) throws {
    #expect(FieldSet(encoded: try Self.json(text)) == nil)
  }

  /// The short way of creations comes to what a comparison with an empty object comes to.
  @Test func creationsOwnWhatTheyGive() throws {
    var random = SplitMix64(seed: 3)
    for type in Catalogue.shared.types {
      guard let kind = type.kinds.first else { continue }
      let manager = try Self.manager(type.name, kind.kind, kind.apiVersion)
      for _ in 0..<4 {
        var generator = ObjectGenerator(random: random)
        var object = generator.object(type, kind)
        random = generator.random
        object.set(nil, at: "metadata", "managedFields")
        let comparison = manager.schema.compare(manager.empty, object)
          .subtractingTrees(manager.ignored)
        let owned = comparison.added.union(comparison.modified).subtracting(FieldManager.unowned)
        let fields = JSONValue.object(manager.fieldsOfCreation(object))
        #expect(fields.text == owned.encoded.text, "\(type.name)")
      }
    }
  }

  /// Editing what is written of managers comes to what reading it and writing it again comes to.
  @Test(arguments: 1...6) func editedFieldsAreThoseThatAreReadAndWritten(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    var edits = 0
    for type in Catalogue.shared.types {
      guard let kind = type.kinds.first else { continue }
      let manager = try Self.manager(type.name, kind.kind, kind.apiVersion)
      func generated() -> JSONValue {
        var generator = ObjectGenerator(random: random)
        var object = generator.object(type, kind)
        random = generator.random
        object.set(nil, at: "metadata", "managedFields")
        return object
      }
      func write(_ round: Int) -> FieldManager.Write {
        FieldManager.Write(
          manager: ["ann", "bob", "cid"][random.next(below: 3)], apiVersion: kind.apiVersion,
          subresource: random.next(below: 3) == 0 ? "status" : "",
          time: "2026-11-24T00:00:0\(round)Z")
      }
      var object = generated()
      var fields = manager.update(from: nil, to: object, managedFields: nil, write(0))
      for round in 1...5 {
        var next = object
        // Parts of another object, and parts gone.
        let other = generated()
        for (name, value) in other.objectValue ?? [:] where random.next(below: 2) == 0 {
          next[name] = value
        }
        for (name, value) in next["spec"]?.objectValue ?? [:] {
          switch random.next(below: 4) {
          case 0: next.set(nil, at: "spec", name)
          case 1: next.set(other.at("spec", name) ?? value, at: "spec", name)
          default: break
          }
        }
        object.set(fields, at: "metadata", "managedFields")
        let write = write(round)
        let read = manager.updateByReading(from: object, to: next, managedFields: fields, write)
        if let before = fields, let edited = manager.edited(before, from: object, to: next, write) {
          #expect(edited.text == read?.text ?? "null", "\(type.name), seed \(seed)")
          edits += 1
        }
        (object, fields) = (next, read)
      }
    }
    #expect(edits > 300)
  }

  // MARK: Apply

  @Test func fieldsNoLongerAppliedGoUnlessOthersOwnThem() throws {
    let manager = try Self.manager("io.k8s.api.core.v1.ConfigMap", "ConfigMap", "v1")
    let first = try #require(
      try manager.apply(
        try Self.configMap(#"{"a":"1","b":"2"}"#), to: manager.empty, force: false,
        isCreation: true, Self.write("alpha")))
    #expect(Self.owners(first) == ["alpha Apply .data.a .data.b"])
    // Another one shares b, with the same value.
    let shared = try #require(
      try manager.apply(
        try Self.configMap(#"{"b":"2","c":"3"}"#), to: first, force: false, isCreation: false,
        Self.write("beta", time: "2026-11-24T00:00:01Z")))
    #expect(
      Self.owners(shared) == ["alpha Apply .data.a .data.b", "beta Apply .data.b .data.c"])
    // The first gives up both; only a goes.
    let left = try #require(
      try manager.apply(
        try Self.configMap(#"{"d":"4"}"#), to: shared, force: false, isCreation: false,
        Self.write("alpha", time: "2026-11-24T00:00:02Z")))
    #expect(left["data"] == (try Self.json(#"{"b":"2","c":"3","d":"4"}"#)))
    #expect(Self.owners(left) == ["beta Apply .data.b .data.c", "alpha Apply .data.d"])
  }

  @Test func conflictsNameManagersAndFields() throws {
    let manager = try Self.manager("io.k8s.api.core.v1.ConfigMap", "ConfigMap", "v1")
    var live = try Self.configMap(#"{"a":"1"}"#)
    live.set(
      manager.update(from: nil, to: live, managedFields: nil, Self.write("kubectl-create")),
      at: "metadata", "managedFields")
    #expect(Self.owners(live) == ["kubectl-create Update .data .data.a"])
    let wanted = try Self.configMap(#"{"a":"2"}"#)
    let error = #expect(throws: FieldManager.Conflicts.self) {
      try manager.apply(
        wanted, to: live, force: false, isCreation: false, Self.write("alpha"))
    }
    #expect(
      error?.conflicts == [.init(manager: #""kubectl-create" using v1"#, path: ".data.a")])
    let forced = try #require(
      try manager.apply(wanted, to: live, force: true, isCreation: false, Self.write("alpha")))
    #expect(Self.owners(forced) == ["alpha Apply .data.a", "kubectl-create Update .data"])
    // The same again changes nothing.
    #expect(
      try manager.apply(wanted, to: forced, force: false, isCreation: false, Self.write("alpha"))
        == nil)
  }

  @Test func elementsOfListsAreOwnedByKey() throws {
    let manager = try Self.manager("io.k8s.api.core.v1.Pod", "Pod", "v1")
    func pod(_ containers: String) throws -> JSONValue {
      try Self.json(
        #"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"},"spec":{"containers":\#(containers)}}"#
      )
    }
    let first = try #require(
      try manager.apply(
        try pod(#"[{"name":"a","image":"x"},{"name":"b","image":"y"}]"#), to: manager.empty,
        force: false, isCreation: true, Self.write("alpha")))
    let second = try #require(
      try manager.apply(
        try pod(#"[{"name":"c","image":"z"},{"name":"a","image":"x"}]"#), to: first, force: false,
        isCreation: false, Self.write("beta")))
    let names = second.at("spec", "containers")?.arrayValue?.compactMap { $0["name"]?.stringValue }
    #expect(names == ["c", "a", "b"])
    // Keys that are left out have their default.
    let ports = try manager.apply(
      try pod(#"[{"name":"a","ports":[{"containerPort":80}]}]"#), to: manager.empty, force: false,
      isCreation: true, Self.write("alpha"))
    #expect(
      Self.owners(try #require(ports)).first?.contains(
        #"[containerPort=80,protocol="TCP"]"#) == true)
  }

  @Test(arguments: [
    (#"{"data":{"a":1}}"#, ".data.a: expected string"),
    (#"{"data":[]}"#, ".data: expected map"),
    (#"{"bogus":1}"#, ".bogus: field not declared in schema"),
    (
      #"{"metadata":{"finalizers":["a","a"]}}"#,
      #".metadata.finalizers: duplicate entries for key [="a"]"#
    ),
  ])
  func configurationsMustFitTheSchema(text: String, message: String) throws {
    let manager = try Self.manager("io.k8s.api.core.v1.ConfigMap", "ConfigMap", "v1")
    let configuration = try Self.json(text)
    let error = #expect(throws: FieldMismatch.self) { try manager.check(configuration) }
    #expect(error?.description.hasPrefix(message) == true, "\(error.debugDescription)")
  }

  // MARK: Other writes

  @Test func updatesTakeOverWhatTheyChange() throws {
    let manager = try Self.manager("io.k8s.api.core.v1.ConfigMap", "ConfigMap", "v1")
    let live = try #require(
      try manager.apply(
        try Self.configMap(#"{"a":"1","b":"2","c":"3"}"#), to: manager.empty, force: false,
        isCreation: true, Self.write("alpha")))
    var new = live
    new["data"] = try Self.json(#"{"a":"1","b":"9","d":"4"}"#)
    new.set(
      manager.update(
        from: live, to: new, managedFields: live.at("metadata", "managedFields"),
        Self.write("kubectl-edit", time: "2026-11-24T00:00:05Z")), at: "metadata", "managedFields")
    #expect(Self.owners(new) == ["alpha Apply .data.a", "kubectl-edit Update .data.b .data.d"])
    // What changes nothing keeps all as it is.
    #expect(
      manager.update(
        from: new, to: new, managedFields: new.at("metadata", "managedFields"),
        Self.write("other")) == new.at("metadata", "managedFields"))
  }

  @Test func objectsFromBeforeTrackingStayUntrackedUntilApplied() throws {
    let manager = try Self.manager("io.k8s.api.core.v1.ConfigMap", "ConfigMap", "v1")
    let old = try Self.configMap(#"{"a":"1"}"#)
    let new = try Self.configMap(#"{"a":"2"}"#)
    #expect(manager.update(from: old, to: new, managedFields: nil, Self.write("x")) == nil)
    let applied = try #require(
      try manager.apply(
        try Self.configMap(#"{"b":"1"}"#), to: old, force: false, isCreation: false,
        Self.write("alpha")))
    #expect(
      Self.owners(applied) == [
        "alpha Apply .data.b", "before-first-apply Update .data .data.a",
      ])
  }

  @Test func onlySoManyUpdateManagersAreKept() throws {
    let manager = try Self.manager("io.k8s.api.core.v1.ConfigMap", "ConfigMap", "v1")
    var live = try Self.configMap("{}")
    live.set(
      manager.update(
        from: nil, to: try Self.configMap(#"{"z":"0"}"#), managedFields: nil,
        Self.write("m")), at: "metadata", "managedFields")
    for number in 10..<30 {
      var new = live
      new.set(.string("1"), at: "data", "k\(number)")
      new.set(
        manager.update(
          from: live, to: new, managedFields: live.at("metadata", "managedFields"),
          Self.write("m\(number)", time: "2026-11-24T00:00:\(number)Z")), at: "metadata",
        "managedFields")
      live = new
    }
    let owners = Self.owners(live)
    #expect(owners.count == ManagedFields.maximumUpdateManagers)
    #expect(owners.first?.hasPrefix("ancient-changes Update") == true)
    #expect(owners.last == "m29 Update .data.k29")
  }
}
