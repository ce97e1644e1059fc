import Raft

/// Runs replicas by commands, one a line, and writes down what they say: golden transcripts.
///
/// Messages wait on their links until a command moves them; a disk writes at once unless held.
struct Transcript {
  private struct Replica {
    var node: RaftNode
    var disk: DiskImage
    var waiting: [RaftActions] = []
    var holding = false
    var running = true
    var start = 0
  }

  private struct DiskImage {
    var hardState = HardState()
    var base: LogIndex = 0
    var baseTerm: Term = 0
    var entries: [LogEntry] = []
    var applied: LogIndex = 0
    var membership: Membership?

    mutating func write(_ actions: RaftActions) {
      if let hardState = actions.hardState { self.hardState = hardState }
      if let first = actions.entries.first {
        entries.removeAll { $0.index >= first.index }
        entries += actions.entries
      }
    }

    /// Entries up to `index` are removed, as segments of a log are.
    mutating func forget(_ index: LogIndex) {
      guard let last = entries.last(where: { $0.index <= index }) else { return }
      (base, baseTerm) = (last.index, last.term)
      entries.removeAll { $0.index <= index }
    }

    func read(_ request: EntriesRequest) -> EntriesRead? {
      let term =
        request.after == base ? baseTerm : entries.first { $0.index == request.after }?.term
      guard let term, request.after >= base else { return nil }
      return EntriesRead(
        previousTerm: term,
        entries: entries.filter { $0.index > request.after && $0.index <= request.through })
    }
  }

  private var replicas: [ReplicaID: Replica] = [:]
  private var ids: [ReplicaID] = []
  /// The voters of replicas that are told of no other membership.
  private var initial: [ReplicaID] = []
  private var links: [[ReplicaID]: [Message]] = [:]
  private var cut: Set<[ReplicaID]> = []
  private var maximumLogBytes = 64 << 20
  private var output: [String] = []

  static func run(_ script: String) -> String {
    var transcript = Transcript()
    for line in script.split(separator: "\n") {
      let words = line.split(separator: " ").map(String.init)
      if words.isEmpty || words[0].hasPrefix("#") { continue }
      transcript.output.append("> " + words.joined(separator: " "))
      transcript.execute(words)
    }
    return transcript.output.joined(separator: "\n")
  }

  private mutating func execute(_ words: [String]) {
    let numbers = words.dropFirst().compactMap { UInt64($0) }
    switch words[0] {
    case "memory": maximumLogBytes = Int(numbers[0])
    case "cluster":
      ids = numbers
      initial = numbers
      for id in ids { start(id, disk: DiskImage()) }
    // Replicas that know of no group yet.
    case "blank":
      for id in numbers {
        ids = (ids + [id]).sorted()
        var disk = DiskImage()
        disk.membership = Membership()
        start(id, disk: disk)
      }
    case "voters": change(numbers[0], voters: Array(numbers.dropFirst()))
    case "learners": change(numbers[0], learners: Array(numbers.dropFirst()))
    case "members": for id in numbers { members(id) }
    case "campaign": act(numbers[0]) { $0.campaign() }
    case "tick":
      for _ in 0..<(numbers.count > 1 ? numbers[1] : 1) { act(numbers[0]) { $0.tick() } }
    case "propose":
      act(numbers[0]) { node in
        _ = node.propose(words.dropFirst(2).map { Array($0.utf8) })
      }
    case "read": act(numbers[0]) { $0.readIndex(context: numbers[1]) }
    case "lost": act(numbers[0]) { $0.connectionLost(to: numbers[1]) }
    case "transfer": act(numbers[0]) { $0.transferLeadership(to: numbers[1]) }
    case "deliver": deliver(numbers[0], numbers[1])
    case "drop": links[[numbers[0], numbers[1]]] = nil
    case "run": run()
    // As run, without a word.
    case "settle":
      let before = output.count
      run()
      output.removeSubrange(before...)
    case "term": replicas[numbers[0]]?.disk.hardState.term = numbers[1]
    case "isolate":
      for id in ids where id != numbers[0] {
        cut.formUnion([[id, numbers[0]], [numbers[0], id]])
      }
    case "heal": cut = []
    case "hold": replicas[numbers[0]]?.holding = true
    case "sync":
      replicas[numbers[0]]?.holding = false
      flush(numbers[0])
    case "crash":
      replicas[numbers[0]]?.running = false
      replicas[numbers[0]]?.waiting = []
      for id in ids { links[[id, numbers[0]]] = nil }
    case "restart": if let disk = replicas[numbers[0]]?.disk { start(numbers[0], disk: disk) }
    case "forget": replicas[numbers[0]]?.disk.forget(numbers[1])
    case "snapshot": snapshot(from: numbers[0], to: numbers[1])
    case "log":
      let entries = replicas[numbers[0]]?.disk.entries ?? []
      output.append("  " + entries.map { "\($0.index)/\($0.term)" }.joined(separator: " "))
    case "status": for id in numbers.isEmpty ? ids : numbers { status(id) }
    default: output.append("  unknown command")
    }
  }

  private mutating func start(_ id: ReplicaID, disk: DiskImage) {
    let configuration = RaftConfiguration(
      id: id, peers: initial, maximumLogBytes: maximumLogBytes, seed: id)
    let node = RaftNode(
      configuration: configuration, hardState: disk.hardState, snapshotIndex: disk.base,
      snapshotTerm: disk.baseTerm, entries: disk.entries, applied: disk.applied,
      membership: disk.membership)
    replicas[id] = Replica(node: node, disk: disk)
  }

  private mutating func act(_ id: ReplicaID, _ body: (inout RaftNode) -> Void) {
    guard var replica = replicas[id], replica.running else { return }
    body(&replica.node)
    let actions = replica.node.takeActions()
    if !actions.isEmpty {
      replica.waiting.append(actions)
      for message in actions.messages { send(message) }
      for read in actions.reads { output.append("  \(id) read \(read.context) at \(read.index)") }
      for context in actions.failedReads { output.append("  \(id) read \(context) failed") }
      for peer in actions.snapshotsNeeded { output.append("  \(id) snapshot needed by \(peer)") }
      let commands = actions.committed.map {
        switch $0.kind {
        case .empty: "\($0.index):-"
        case .command: "\($0.index):" + text($0.payload)
        case .membership:
          "\($0.index):(" + (Membership(encoded: $0.payload).map(describe) ?? "?") + ")"
        }
      }
      if !commands.isEmpty {
        output.append("  \(id) applies " + commands.joined(separator: " "))
      }
    }
    replicas[id] = replica
    if let last = actions.committed.last {
      replicas[id]?.disk.applied = last.index
      act(id) { $0.applied(to: last.index) }
    }
    if !replica.holding { flush(id) }
    for request in actions.entriesNeeded { read(request, id) }
  }

  private mutating func read(_ request: EntriesRequest, _ id: ReplicaID) {
    let read = replicas[id]?.disk.read(request)
    output.append(
      "  \(id) reads for \(request.peer): "
        + (read.map { "\(request.after)/\($0.previousTerm) and \($0.entries.count) entries" }
          ?? "gone"))
    act(id) { $0.entriesRead(request, read) }
  }

  private mutating func flush(_ id: ReplicaID) {
    while let actions = replicas[id]?.waiting.first {
      replicas[id]?.waiting.removeFirst()
      replicas[id]?.disk.write(actions)
      for message in actions.messagesAfterPersist { send(message) }
      if let last = actions.entries.last {
        act(id) { $0.persisted(index: last.index, term: last.term) }
      }
    }
  }

  private mutating func send(_ message: Message) {
    guard !cut.contains([message.from, message.to]), replicas[message.to]?.running == true
    else { return }
    links[[message.from, message.to], default: []].append(message)
  }

  private mutating func deliver(_ from: ReplicaID, _ to: ReplicaID) {
    let messages = links.removeValue(forKey: [from, to]) ?? []
    for message in messages {
      output.append("  " + describe(message))
      act(to) { $0.step(message) }
    }
  }

  /// Delivers until nobody says anything.
  private mutating func run() {
    while links.values.contains(where: { !$0.isEmpty }) {
      for from in ids { for to in ids { deliver(from, to) } }
    }
  }

  private mutating func snapshot(from: ReplicaID, to: ReplicaID) {
    guard let source = replicas[from]?.disk,
      replicas[from]?.node.status.term == replicas[to]?.node.status.term,
      replicas[to]?.node.accepts(snapshotIndex: source.applied) == true
    else { return output.append("  refused") }
    let at = source.entries.first { $0.index == source.applied }?.term ?? source.baseTerm
    replicas[to]?.disk.base = source.applied
    replicas[to]?.disk.baseTerm = at
    replicas[to]?.disk.entries = []
    replicas[to]?.disk.applied = source.applied
    let membership = replicas[from]?.node.membership
    replicas[to]?.disk.membership = membership
    act(to) {
      $0.restore(snapshotIndex: source.applied, snapshotTerm: at, membership: membership)
    }
    act(from) { $0.snapshotSent(to: to, index: source.applied, succeeded: true) }
  }

  private mutating func change(
    _ id: ReplicaID, voters: [ReplicaID]? = nil, learners: [ReplicaID]? = nil
  ) {
    guard var membership = replicas[id]?.node.membership else { return }
    if let voters {
      membership.outgoing = membership.voters
      membership.voters = voters
      membership.learners.removeAll { voters.contains($0) }
    }
    if let learners { membership.learners = learners }
    var isTaken = false
    act(id) { isTaken = $0.propose(membership) != nil }
    if !isTaken { output.append("  refused") }
  }

  private mutating func members(_ id: ReplicaID) {
    guard let node = replicas[id]?.node else { return }
    output.append("  \(id) " + describe(node.membership))
  }

  private func describe(_ membership: Membership) -> String {
    func list(_ ids: [ReplicaID]) -> String { ids.map(String.init).joined(separator: " ") }
    return "voters " + list(membership.voters)
      + (membership.isJoint ? ", outgoing " + list(membership.outgoing) : "")
      + (membership.learners.isEmpty ? "" : ", learners " + list(membership.learners))
  }

  private mutating func status(_ id: ReplicaID) {
    guard let status = replicas[id]?.node.status, replicas[id]?.running == true else {
      return output.append("  \(id) down")
    }
    output.append(
      "  \(id) \(status.role) T\(status.term) leader=\(status.leader) commit=\(status.commit)"
        + " last=\(status.lastIndex)")
  }

  private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  private func describe(_ message: Message) -> String {
    "\(message.from)>\(message.to) T\(message.term) " + describe(message.body)
  }

  private func describe(_ body: Message.Body) -> String {
    switch body {
    case .preVote(let index, let term): "preVote \(index)/\(term)"
    case .preVoteResponse(let granted): "preVoteResponse \(granted ? "yes" : "no")"
    case .requestVote(let index, let term, let transfer):
      "requestVote \(index)/\(term)\(transfer ? " transfer" : "")"
    case .voteResponse(let granted): "voteResponse \(granted ? "yes" : "no")"
    case .append(let index, let term, let entries, let commit):
      "append \(index)/\(term) ["
        + entries.map { "\($0.index)/\($0.term)" }
        .joined(separator: " ") + "] commit=\(commit)"
    case .appendResponse(false, let index, _, _): "accepted \(index)"
    case .appendResponse(true, let index, let hintIndex, let hintTerm):
      "rejected \(index) hint=\(hintIndex)/\(hintTerm)"
    case .heartbeat(let commit, let context): "heartbeat commit=\(commit) read=\(context)"
    case .heartbeatResponse(let context): "heartbeatResponse read=\(context)"
    case .snapshot(let index, let term): "snapshot \(index)/\(term)"
    case .readIndex: "readIndex"
    case .readIndexResponse(_, let index): "readIndexResponse \(index)"
    case .timeoutNow: "timeoutNow"
    }
  }
}
