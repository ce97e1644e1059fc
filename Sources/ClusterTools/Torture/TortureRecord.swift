import JSONDocument
import Linearizability
import Synchronization

/// An operation as a client saw it.
struct TortureOperation: Sendable {
  var key: String
  var server: Int
  var operation: KeyModel.Operation
}

/// What clients and watches of a torture run have seen so far.
final class TortureRecord: Sendable {
  private struct State: Sendable {
    var operations: [TortureOperation] = []
    var refused: Set<Int> = []
    var problems: [String] = []
    var faults: [(nanoseconds: Int64, what: String)] = []
    var nextValue = 1
  }

  private let state = Mutex(State())
  private let start = ContinuousClock.now

  /// Since the run began.
  var now: Int64 {
    let (seconds, attoseconds) = (ContinuousClock.now - start).components
    return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
  }

  /// One that no other write has.
  func takeValue() -> Int {
    state.withLock { state in
      defer { state.nextValue += 1 }
      return state.nextValue
    }
  }

  func add(_ operation: TortureOperation) { state.withLock { $0.operations.append(operation) } }
  func refused(_ value: Int) { state.withLock { _ = $0.refused.insert(value) } }
  func fault(_ what: String) {
    let now = now
    state.withLock { $0.faults.append((now, what)) }
  }

  /// An answer that no fault excuses; the first few.
  func problem(_ text: String) {
    state.withLock { if $0.problems.count < 20 { $0.problems.append(text) } }
  }

  var operations: [TortureOperation] { state.withLock { $0.operations } }
  var refusedValues: Set<Int> { state.withLock { $0.refused } }
  var problems: [String] { state.withLock { $0.problems } }
  var faults: [(nanoseconds: Int64, what: String)] { state.withLock { $0.faults } }

  /// One JSON object a line: faults, operations in the order of their calls, events of watches.
  func lines(_ streams: [WatchStream]) -> String {
    var lines = faults.map { fault -> JSONValue in
      ["fault": .string(fault.what), "at": .int(fault.nanoseconds)]
    }
    for entry in operations.sorted(by: { $0.operation.called < $1.operation.called }) {
      let operation = entry.operation
      lines.append([
        "client": JSONValue(operation.client), "server": JSONValue(entry.server),
        "key": .string(entry.key), "called": .int(operation.called),
        "returned": operation.returned.map { .int($0) } ?? .null,
        "input": .string("\(operation.input)"),
        "output": operation.output.map { .string("\($0)") } ?? .null,
      ])
    }
    for stream in streams {
      for (position, event) in stream.events.enumerated() {
        lines.append([
          "watch": .string(stream.name), "kind": .string(event.kind.rawValue),
          "key": .string(event.key), "value": JSONValue(event.value),
          "revision": .int(Int64(clamping: event.revision)),
          "resumed": .bool(stream.resumptions.contains(position)),
        ])
      }
    }
    return lines.map { $0.text + "\n" }.joined()
  }
}
