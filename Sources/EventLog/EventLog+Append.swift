extension EventLog {
  /// Appends entries, and the vote if there is a new one, as one block. Where the first index is
  /// at or below the last one, what the log holds from there on is replaced. Nothing is durable
  /// before `sync`; a crash until then leaves the log as it was, or a beginning of what was
  /// appended: first the vote, then the entries in order.
  ///
  /// - Throws: `noSpace` where the disk is full: then nothing was appended, and the log goes on.
  ///   Other errors of the disk end it.
  public mutating func append(_ records: [LogRecord], vote newVote: LogVote?) throws(LogError) {
    try checkFailure()
    guard !records.isEmpty || newVote != nil else { return }
    let end = try replacedEnd(records)
    if let last = segments.last, last.size >= options.segmentBytes {
      disk.trim(last.name)
      try sync()
      try beginSegment(isReset: false, base: index.last)
    }
    var builder = BlockBuilder(chain: chain, syncedLength: syncedLength, options: options)
    if let newVote { builder.add(newVote) }
    if let end { builder.addEnd(end) }
    for record in records { builder.add(record) }
    builder.flush()
    let start = try write(builder.bytes)

    chain = builder.chain
    if let newVote { vote = newVote }
    if let end, let reason = index.cut(to: end) { preconditionFailure(reason) }
    for record in records {
      let position = LogPosition(index: record.index, term: record.term)
      if let reason = index.append(position) { preconditionFailure(reason) }
    }
    for block in builder.blocks {
      guard let entries = block.entries, let segment = segments.last else { continue }
      index.place(
        LogIndex.BlockPlace(
          segment: segment.sequence, offset: start + block.offset, size: block.size,
          first: entries.lowerBound, last: entries.upperBound))
    }
  }

  /// Checks that entries continue the log; returns where it is cut before they do.
  private func replacedEnd(_ records: [LogRecord]) throws(LogError) -> LogPosition? {
    guard let first = records.first else { return nil }
    guard first.index >= firstIndex, first.index <= lastIndex + 1 else {
      throw .invalid(
        "entry \(first.index) can't be appended to a log of \(firstIndex) to \(lastIndex)")
    }
    guard let term = index.term(at: first.index - 1) else {
      throw .invalid("the entry before \(first.index) is not known")
    }
    var before = LogPosition(index: first.index - 1, term: term)
    let end = first.index <= lastIndex ? before : nil
    for record in records {
      guard record.index == before.index + 1, record.term >= before.term else {
        throw .invalid(
          "entry \(record.index) of term \(record.term) can't follow entry \(before.index) "
            + "of term \(before.term)")
      }
      guard record.payload.count < BlockHeader.maximumContent / 2 else {
        throw .invalid("entry \(record.index) is too large")
      }
      before = LogPosition(index: record.index, term: record.term)
    }
    return end
  }

  /// Writes at the end of the last segment; returns where.
  private mutating func write(_ bytes: [UInt8]) throws(LogError) -> Int {
    guard let last = segments.last else { throw .invalid("the log has no segment") }
    do { try disk.append(bytes, to: last.name) } catch {
      let reported = LogError.from(error)
      // Part of it may have been written.
      do { try disk.truncate(last.name, to: last.size) } catch {
        failure = .disk(error)
        throw .disk(error)
      }
      if error.kind != .noSpace { failure = reported }
      throw reported
    }
    segments[segments.count - 1].size += bytes.count
    segments[segments.count - 1].fileSize = segments[segments.count - 1].size
    return last.size
  }

  /// Makes the next segment, with the vote as its first record, and goes on in it.
  ///
  /// It is written under another name, and synced before it is renamed: so a segment is never
  /// seen without its beginning, and exists only when those before it are complete.
  mutating func beginSegment(isReset: Bool, base: LogPosition) throws(LogError) {
    let sequence = max(manifest.newest, segments.last?.sequence ?? 0) + 1
    let header = SegmentHeader(
      clusterID: manifest.clusterID, replicaID: manifest.replicaID, sequence: sequence,
      base: base, chain: chain, isReset: isReset)
    var builder = BlockBuilder(
      chain: chain, syncedLength: SegmentHeader.size, options: options)
    builder.add(vote)
    builder.flush()
    let bytes = header.encoded() + builder.bytes
    let name = SegmentHeader.name(sequence)
    let temporary = name + ".tmp"
    do {
      // A crash or a full disk may have left one.
      if try disk.list().contains(temporary) { try disk.remove(temporary) }
      try disk.append(bytes, to: temporary)
    } catch {
      let reported = LogError.from(error)
      try? disk.remove(temporary)
      if error.kind != .noSpace { failure = reported }
      throw reported
    }
    try synchronize { (disk) throws(DiskError) in
      try disk.sync(temporary)
      try disk.rename(temporary, to: name)
      try disk.syncDirectory()
    }
    chain = builder.chain
    segments.append(
      LoadedLog.Segment(sequence: sequence, size: bytes.count, fileSize: bytes.count))
    syncedLength = bytes.count
    var updated = manifest
    updated.newest = sequence
    if isReset { updated.oldest = sequence }
    do { try write(updated) } catch {
      // The segment stands without its mention too; the next manifest makes up for it.
      if case .noSpace = error { return }
      throw error
    }
  }

  mutating func write(_ updated: LogManifest) throws(LogError) {
    let temporary = LogManifest.name + ".tmp"
    do {
      if try disk.list().contains(temporary) { try disk.remove(temporary) }
      try disk.append(updated.encoded(), to: temporary)
    } catch {
      try? disk.remove(temporary)
      throw LogError.from(error)
    }
    try synchronize { (disk) throws(DiskError) in
      try disk.sync(temporary)
      try disk.rename(temporary, to: LogManifest.name)
      try disk.syncDirectory()
    }
    manifest = updated
  }
}
