import ArgumentParser
import ClusterConfiguration
import ClusterTools
import Foundation
import Keyspace
import KubernetesAPI
import LogTools

struct LogCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "log",
    abstract:
      "Read the log: what happened, who did it, why, and what the cluster looked like then.",
    discussion: """
      Reads the folder of a replica on this machine, also while its server runs: the furthest one \
      of cluster.conf's, or the one that --data names.
      """,
    subcommands: [List.self, Show.self, Why.self, At.self, Verify.self, Stats.self])
}

/// Which replica's log to read.
struct LogOptions: ParsableArguments {
  @OptionGroup var options: ConfigurationOptions
  @Option(name: .long, help: "A replica's folder; its server need not run.")
  var data: String?

  /// The folders to choose from.
  func folders() throws -> [String] {
    if let data { return [data] }
    let (configuration, home) = try options.load()
    return configuration.servers.map { home.serverFolder($0.id) }.filter {
      FileManager.default.fileExists(atPath: $0)
    }
  }

  /// Opens the log. Of a running cluster it waits until all that was written before is in it.
  func open() async throws -> FolderLogSource {
    if let data { return try FolderLogSource(folder: data) }
    let (configuration, home) = try options.load()
    let folders = try folders()
    guard !folders.isEmpty else {
      throw LogToolError(
        "there is no replica's folder in \(home.path); start the cluster with `taffrail up`, or"
          + " name a folder with --data")
    }
    let clients = try? ClusterClients(
      configuration: configuration, home: home, userAgent: "taffrail-log")
    let status = await clients?.status()
    clients?.shutDown()
    let furthest = status?.replicas.compactMap { replica in
      replica.number("revision").map { (revision: UInt64(clamping: $0), id: replica.id) }
    }.max { $0.revision < $1.revision }
    guard let furthest, furthest.revision > 0 else {
      return try FolderLogSource.furthest(of: folders)
    }
    return try await FolderLogSource.live(
      folder: home.serverFolder(furthest.id), revision: furthest.revision,
      timeoutMilliseconds: 3_000)
  }
}

extension SnapshotView.Format: ExpressibleByArgument {}

enum EventFormat: String, ExpressibleByArgument, CaseIterable { case text, wide, json }

/// A revision, or a moment of which it was the last.
enum Position {
  /// Refuses what is neither a revision nor a time.
  static func validate(_ text: String) throws {
    guard Revision(text) == nil, TimeExpression.parse(text, nowMilliseconds: 0) == nil else {
      return
    }
    throw ValidationError(
      "\"\(text)\" is neither a revision nor a time; write e.g. 214, 10m, 18:04 or"
        + " 2026-01-31T18:04:05Z")
  }

  static func revision(_ text: String, in source: FolderLogSource) throws -> Revision {
    try validate(text)
    let range = source.revisions
    if let revision = Revision(text) {
      guard range.contains(revision) else {
        throw LogToolError(
          "revision \(revision) is not in this log, which holds \(range.lowerBound) to"
            + " \(range.upperBound)")
      }
      return revision
    }
    guard
      let time = TimeExpression.parse(
        text, nowMilliseconds: Int64(Date().timeIntervalSince1970 * 1000))
    else {
      throw LogToolError("\"\(text)\" is no time")
    }
    guard let revision = try source.revision(atMilliseconds: UInt64(max(0, time))),
      range.contains(revision)
    else {
      throw LogToolError(
        "this log holds nothing as old as \(text); it begins at revision \(range.lowerBound)")
    }
    return revision
  }

  static func time(_ text: String, option: String) throws -> UInt64 {
    guard
      let time = TimeExpression.parse(
        text, nowMilliseconds: Int64(Date().timeIntervalSince1970 * 1000))
    else {
      throw ValidationError(
        "\(option) \"\(text)\" is no time; write e.g. 10m, 18:04 or 2026-01-31T18:04:05Z")
    }
    return UInt64(max(0, time))
  }
}

extension LogCommand {
  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "One line an event: revision, time, who, verb, object, what changed, cause.",
      discussion: """
        Shows the API's objects. What the servers keep for themselves is left out, unless \
        --internal or -o wide asks for it: allocations/… (the addresses and ports that Services \
        have) and apiservers/… (which servers are there). Times are UTC, in RFC 3339 with \
        milliseconds where -o is wide or json.
        """)

    @OptionGroup var log: LogOptions
    @Option(help: "Only events from then on: 10m, 18:04 or an RFC 3339 time.")
    var since: String?
    @Option(help: "Only events until then.")
    var until: String?
    @Option(
      help:
        "Only this object's (deployments/default/web), namespace's (pods/default) or resource's.")
    var object: String?
    @Option(help: "Only writes of users whose name contains this.")
    var user: String?
    @Option(help: "Only objects of this kind; several separated by commas.")
    var kind: String?
    @Option(help: "Only this verb: create, update, patch, delete.")
    var verb: String?
    @Option(help: "Only the last so many.")
    var tail: Int?
    @Flag(help: "Also the servers' own keys, which are no objects of the API.")
    var `internal` = false
    @Flag(name: .shortAndLong, help: "Go on with events as they come.")
    var follow = false
    @Option(name: .shortAndLong, help: "text, wide or json (one object a line).")
    var output: EventFormat = .text

    func filter() throws -> LogFilter {
      var filter = LogFilter()
      filter.reference = try object.map { try ResourceNames.reference($0) }
      filter.user = user
      filter.includesInternal = `internal` || output == .wide
      filter.verb = verb
      if let kind {
        filter.resources = Set(
          try kind.split(separator: ",").map {
            ResourceNames.storageName(of: try ResourceNames.find(String($0)))
          })
      }
      filter.sinceMilliseconds = try since.map { try Position.time($0, option: "--since") }
      filter.untilMilliseconds = try until.map { try Position.time($0, option: "--until") }
      return filter
    }

    func validate() throws {
      if let tail, tail < 0 { throw ValidationError("--tail must not be negative") }
      do {
        _ = try filter()
      } catch let error as ResourceNames.Unknown {
        throw ValidationError(error.description)
      }
    }

    func run() async throws {
      let filter = try filter()
      let source = try await log.open()
      if output != .json {
        let header = EventLine.header + (output == .wide ? ["AGENT"] : [])
        print(ColumnText.line(header, widths: EventLine.widths))
      }
      // Output into a pipe that nobody reads any more ends the program, as it does others.
      signal(SIGPIPE, SIG_DFL)
      var position: Revision = 0
      var last: [LoggedEvent] = []
      while let page = try next(source, filter, &position) {
        if let tail {
          last = Array((last + page).suffix(tail))
        } else {
          for event in page { try show(event, source) }
        }
      }
      for event in last { try show(event, source) }
      while follow {
        // Readers in other processes are not told of commits, so they look again.
        try await Task.sleep(for: .milliseconds(100))
        try source.refresh()
        while let page = try next(source, filter, &position) {
          for event in page { try show(event, source) }
        }
      }
    }

    /// The next page's events that match; nil at the end.
    func next(_ source: FolderLogSource, _ filter: LogFilter, _ position: inout Revision) throws
      -> [LoggedEvent]?
    {
      let page = try source.events(filter, after: position, limit: 500)
      guard let last = page.last else { return nil }
      position = last.revision
      return page.filter(filter.matches)
    }

    func show(_ event: LoggedEvent, _ source: FolderLogSource) throws {
      let line = try source.line(for: event)
      switch output {
      case .json: print(line.json(includeObject: false).text)
      case .text, .wide:
        print(ColumnText.line(line.cells(wide: output == .wide), widths: EventLine.widths))
      }
      fflush(nil)
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "One event with its object, and a diff to the version before.")

    @OptionGroup var log: LogOptions
    @Argument(help: "The event's revision.")
    var revision: UInt64
    @Flag(help: "Colours also where the output is no terminal.")
    var color = false
    @Option(name: .shortAndLong, help: "text, wide (the whole object too) or json.")
    var output: EventFormat = .text

    func run() async throws {
      let source = try await log.open()
      let events = try source.events(at: revision)
      guard !events.isEmpty else {
        let range = source.revisions
        throw LogToolError(
          "no event has revision \(revision); this log holds \(range.lowerBound) to"
            + " \(range.upperBound)")
      }
      for event in events {
        let line = try source.line(for: event)
        if output == .json {
          print(line.json(includeObject: true).text)
          continue
        }
        print(
          EventReport.text(
            line, previous: try source.previous(of: event),
            whole: output == .wide, color: color || isatty(1) == 1), terminator: "")
      }
    }
  }

  struct Why: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "The chain of causes from an object back to the command that began it.")

    @OptionGroup var log: LogOptions
    @Argument(help: "The object, e.g. pods/default/web-xyz.")
    var object: String
    @Option(help: "Of its state at this revision or time, instead of its last.")
    var at: String?
    @Option(name: .shortAndLong, help: "text or json.")
    var output: EventFormat = .text

    func validate() throws {
      do {
        guard try ResourceNames.reference(object).name != nil else {
          throw ValidationError("\"\(object)\" is not one object; write RESOURCE/NAMESPACE/NAME")
        }
      } catch let error as ResourceNames.Unknown {
        throw ValidationError(error.description)
      }
      if let at { try Position.validate(at) }
    }

    func run() async throws {
      let reference = try ResourceNames.reference(object)
      let source = try await log.open()
      let revision = try at.map { try Position.revision($0, in: source) } ?? .max
      guard let last = try source.lastEvent(of: reference.prefix, notAfter: revision) else {
        throw LogToolError("the log has no event of \(reference)")
      }
      var chains = [try CauseChain(of: last) { try source.events(at: $0).first }]
      // How it came to be, where its last change has another story.
      if let creation = try source.events(of: reference.prefix).last(where: {
        $0.previousRevision == 0 && $0.revision <= last.revision
      }), !chains[0].links.contains(where: { $0.revision == creation.revision }) {
        chains.append(try CauseChain(of: creation) { try source.events(at: $0).first })
      }
      for (position, chain) in chains.enumerated() {
        if output == .json {
          for link in chain.links {
            print(try source.line(for: link).json(includeObject: false).text)
          }
          continue
        }
        if position > 0 { print("") }
        let lines = try chain.links.map { try source.line(for: $0) }
        print(CauseText.render(lines, lostCause: chain.lostCause), terminator: "")
      }
    }
  }

  struct At: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "The cluster as it was: taffrail log at REVISION|TIME get pods -n default.")

    @OptionGroup var log: LogOptions
    @Argument(help: "A revision, or a time: 10m, 18:04, or RFC 3339.")
    var position: String
    @Argument(help: "get")
    var verb: String
    @Argument(help: "The resource, or several with commas; RESOURCE/NAME for one object.")
    var resources: String
    @Argument(help: "Names; all objects if left out.")
    var names: [String] = []
    @Option(name: .shortAndLong, help: "The namespace.")
    var namespace = "default"
    @Flag(name: [.customShort("A"), .long], help: "All namespaces.")
    var allNamespaces = false
    @Option(name: [.customShort("l"), .long], help: "A label selector.")
    var selector: String?
    @Option(name: .shortAndLong, help: "wide, yaml, json or name; a table if left out.")
    var output: SnapshotView.Format = .table

    func validate() throws {
      guard verb == "get" else {
        throw ValidationError("the past can only be read: write `get`, not `\(verb)`")
      }
      try Position.validate(position)
    }

    func run() async throws {
      let source = try await log.open()
      let revision = try Position.revision(position, in: source)
      var view = SnapshotView(source: source, revision: revision)
      view.namespace = allNamespaces ? nil : namespace
      view.selector = selector
      view.format = output
      let text = try view.get(resources: resources, names: names)
      print(text.output, terminator: "")
      if let message = text.message {
        FileHandle.standardError.write(Data((message + "\n").utf8))
      }
      if text.isMissing { throw ExitCode(1) }
    }
  }

  struct Verify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Check every checksum and chain in every segment; name the first bad byte.",
      discussion:
        "Without --data, the logs of all replicas on this machine. Exits with 1 for damage.")

    @OptionGroup var log: LogOptions

    func run() async throws {
      var isIntact = true
      let folders = try log.folders()
      guard !folders.isEmpty else {
        throw LogToolError("there is no replica's folder; name one with --data")
      }
      for folder in folders {
        let (text, intact) = try FolderVerification.run(folder: folder)
        print(text, terminator: "")
        isIntact = isIntact && intact
      }
      if !isIntact { throw ExitCode(1) }
    }
  }

  struct Stats: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "How much the log holds, of whom and of what.")

    @OptionGroup var log: LogOptions

    func run() async throws {
      let source = try await log.open()
      print(try LogStatistics.text(of: source), terminator: "")
    }
  }
}
