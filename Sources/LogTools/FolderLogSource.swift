import EventStore
import Keyspace

#if canImport(Glibc)
  import Glibc
#endif

/// A replica's folder as a source of events.
public final class FolderLogSource: LogSource {
  public let folder: String
  /// What was found on opening, for people.
  public private(set) var notes: [String] = []
  private var reader: HistoryReader
  /// Keeps the temporary files of a replayed tail.
  private var history: FolderHistory?

  /// Opens the folder of a replica, with what its log holds beyond the database.
  ///
  /// - Throws: `LogToolError` where it is no replica's folder or too damaged to read.
  public init(folder: String) throws {
    self.folder = folder
    let history = try Self.translated(folder) { try FolderHistory.open(folder) }
    reader = history.reader
    notes = history.notes
    self.history = history
  }

  private init(folder: String, live reader: HistoryReader) {
    self.folder = folder
    self.reader = reader
  }

  /// The folder of a server that runs: reads its database, and waits until that holds `revision`.
  public static func live(
    folder: String, revision: Revision, timeoutMilliseconds: Int
  ) async throws -> FolderLogSource {
    let deadline = ContinuousClock.now + .milliseconds(timeoutMilliseconds)
    if let reader = try? HistoryReader(path: "\(folder)/projection.sqlite") {
      while true {
        if reader.newestRevision >= revision {
          return FolderLogSource(folder: folder, live: reader)
        }
        guard ContinuousClock.now < deadline else { break }
        try await Task.sleep(for: .milliseconds(20))
        try translated(folder) { try reader.refresh() }
      }
    }
    return try FolderLogSource(folder: folder)
  }

  /// The folder of several that knows most.
  public static func furthest(of folders: [String]) throws -> FolderLogSource {
    var best: FolderLogSource?
    var failure: (any Error)?
    for folder in folders {
      do {
        let source = try FolderLogSource(folder: folder)
        if best.map({ $0.reader.newestRevision < source.reader.newestRevision }) ?? true {
          best = source
        }
      } catch {
        failure = error
      }
    }
    if let best { return best }
    throw failure ?? LogToolError("there is no replica's folder to read")
  }

  /// Sees what was written since.
  public func refresh() throws {
    if history == nil {
      try Self.translated(folder) { try reader.refresh() }
    } else {
      let history = try Self.translated(folder) { try FolderHistory.open(folder) }
      reader = history.reader
      self.history = history
    }
  }

  public var revisions: ClosedRange<Revision> {
    let oldest = max(1, reader.oldestRevision)
    return oldest...max(oldest, reader.newestRevision)
  }

  public func events(_ filter: LogFilter, after revision: Revision, limit: Int) throws
    -> [LoggedEvent]
  {
    var query = HistoryFilter(fromRevision: revision + 1)
    query.sinceMilliseconds = filter.sinceMilliseconds
    query.untilMilliseconds = filter.untilMilliseconds
    if let reference = filter.reference {
      if reference.name == nil {
        query.prefixes = [reference.prefix]
      } else {
        query.key = reference.prefix
      }
    } else if let resources = filter.resources {
      query.prefixes = resources.sorted().map { Key($0 + "/") }
    }
    // A page ends with a whole transaction, since the next one begins after a revision.
    var events = try Self.translated(folder) { try reader.events(query, limit: limit) }
    if events.count == limit, let last = events.last {
      let rest = try Self.translated(folder) { try reader.events(at: last.revision) }
      events += rest.filter { $0.position > last.position }
    }
    return events.map(LoggedEvent.init)
  }

  public func events(at revision: Revision) throws -> [LoggedEvent] {
    try Self.translated(folder) { try reader.events(at: revision) }.map(LoggedEvent.init)
  }

  public func lastEvent(of key: Key, notAfter revision: Revision) throws -> LoggedEvent? {
    let before = revision == .max ? revision : revision + 1
    return try Self.translated(folder) { try reader.previous(of: key, before: before) }
      .map(LoggedEvent.init)
  }

  public func events(of key: Key) throws -> [LoggedEvent] {
    var found: [LoggedEvent] = []
    try Self.translated(folder) {
      try reader.forEach(HistoryFilter(key: key)) { event in
        found.append(LoggedEvent(event))
        return true
      }
    }
    return found
  }

  public func entries(prefix: Key, at revision: Revision) throws -> [Entry] {
    try Self.translated(folder) { try reader.state(at: revision, prefix: prefix) }
  }

  public func revision(atMilliseconds time: UInt64) throws -> Revision? {
    try Self.translated(folder) { try reader.revision(atTime: time) }
  }

  public func statistics() throws -> HistoryStatistics {
    try Self.translated(folder) { try reader.statistics() }
  }

  private static func translated<Result>(_ folder: String, _ body: () throws -> Result) throws
    -> Result
  {
    do {
      return try body()
    } catch let error as ProjectionError {
      throw LogToolError("\(folder): \(error)")
    }
  }
}

extension LoggedEvent {
  init(_ event: HistoryEvent) {
    self.init(
      revision: event.revision, kind: event.kind, key: event.key, value: event.value,
      previousRevision: event.previousRevision, provenance: event.provenance,
      timeMilliseconds: event.timeMilliseconds)
  }
}
