import Testing

/// Runs the commands in `transcript` (its lines with `> `) and expects exactly this transcript.
func expectTranscript(
  _ transcript: String, sourceLocation: SourceLocation = #_sourceLocation
) {
  let commands = transcript.split(separator: "\n").filter { $0.hasPrefix("> ") }
    .map { $0.dropFirst(2) }.joined(separator: "\n")
  let actual = Transcript.run(commands)
  guard actual != transcript else { return }
  let expectedLines = transcript.split(separator: "\n")
  let actualLines = actual.split(separator: "\n")
  let line = zip(expectedLines, actualLines).firstIndex { $0.0 != $0.1 }
  Issue.record(
    "differs from line \(line.map { $0 + 1 } ?? min(expectedLines.count, actualLines.count) + 1):\n\(actual)",
    sourceLocation: sourceLocation)
}

extension Zip2Sequence {
  fileprivate func firstIndex(where matches: (Element) -> Bool) -> Int? {
    enumerated().first { matches($0.element) }?.offset
  }
}
