import ChildProcesses
import Foundation
import Testing

/// A tour of kubectl's subcommands that need no container, with old and new kubectls, against
/// transcripts. `TAFFRAIL_RECORD_TOUR=1` writes the transcripts anew: read the difference before
/// it is committed.
struct KubectlTourTests {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("KubectlTour")

  @Test(
    .enabled(
      if: KubectlTourTests.kubectl("1.27") != nil && KubectlTourTests.kubectl("1.33") != nil,
      "kubectl.1.27, kubectl.1.30 and kubectl.1.33 must lie beside kubectl"),
    arguments: ["1.27", "1.30", "1.33"])
  func everythingAnswersAsTheTranscriptSays(version: String) async throws {
    let kubectl = try #require(Self.kubectl(version))
    let folder = try TestFolder()
    let server = try await Standalone.start(
      folder.path + "/data", options: ["--controllers", "serviceaccount"])
    let work = folder.path + "/work"
    let files = FileManager.default
    try files.createDirectory(atPath: work + "/bin", withIntermediateDirectories: true)
    try files.createSymbolicLink(atPath: work + "/bin/kubectl", withDestinationPath: kubectl)
    for name in try files.contentsOfDirectory(atPath: Self.folder.path)
    where name.hasSuffix(".yaml") {
      try files.copyItem(
        atPath: Self.folder.appendingPathComponent(name).path, toPath: work + "/" + name)
    }
    let commands = try String(
      contentsOf: Self.folder.appendingPathComponent("commands.txt"), encoding: .utf8)
    var transcript = ""
    for command in commands.split(separator: "\n") {
      let (status, output) = try await Self.run(
        String(command), in: work, kubeconfig: folder.path + "/data/kubeconfig")
      transcript += "$ \(command)\n" + TranscriptNormalizer(folder: work).normalize(output)
      if status != 0 { transcript += "[exit \(status)]\n" }
    }
    try await server.process.stop().expect(status: 0)
    let golden = Self.folder.appendingPathComponent("expected-\(version).txt")
    if ProcessInfo.processInfo.environment["TAFFRAIL_RECORD_TOUR"] != nil {
      try transcript.write(to: golden, atomically: true, encoding: .utf8)
      return
    }
    let expected = try String(contentsOf: golden, encoding: .utf8)
    Self.compare(transcript, expected)
  }

  /// Names each command whose answer differs, with both answers.
  private static func compare(_ transcript: String, _ expected: String) {
    let found = steps(transcript)
    let wanted = steps(expected)
    #expect(found.map(\.command) == wanted.map(\.command), "record the transcripts anew")
    for (found, wanted) in zip(found, wanted) {
      #expect(
        found.output == wanted.output,
        "\(found.command)\n--- expected\n\(wanted.output)--- but was\n\(found.output)")
    }
  }

  private static func steps(_ transcript: String) -> [(command: String, output: String)] {
    var steps: [(command: String, output: String)] = []
    for line in transcript.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("$ ") {
        steps.append((String(line), ""))
      } else if let last = steps.indices.last {
        steps[last].output += line + "\n"
      }
    }
    return steps
  }

  private static func run(_ command: String, in folder: String, kubeconfig: String) async throws
    -> (status: Int32, output: String)
  {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    let output = folder + "/output"
    try Data().write(to: URL(fileURLWithPath: output))
    let process = try ChildProcess.start(
      ["/bin/bash", "-c", command],
      .init(
        output: .appended(toFile: output),
        environment: [
          "PATH": "\(folder)/bin:\(path)", "KUBECONFIG": kubeconfig, "HOME": folder, "TZ": "UTC",
        ], directory: folder))
    // Not awaited on a thread of the pool: many tests run beside this one.
    let status = await process.waited().status
    return (status, try String(contentsOfFile: output, encoding: .utf8))
  }

  /// Where the kubectl of a version lies: beside the one in use.
  static func kubectl(_ version: String) -> String? {
    let paths = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    for path in paths {
      let found = URL(fileURLWithPath: "\(path)/kubectl").resolvingSymlinksInPath()
      let candidate = found.deletingLastPathComponent().path + "/kubectl.\(version)"
      if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
    }
    return nil
  }
}

/// Takes out of a transcript what differs from run to run.
struct TranscriptNormalizer {
  var folder: String

  private static let rules: [(pattern: String, replacement: String)] = [
    ("X509SHA256=[0-9a-f]{64}", "X509SHA256=HASH"),
    (#"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"#, "UID"),
    (#"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"#, "TIME"),
    ("\u{1B}" + #"\[[0-9;]*m"#, ""),
    (#"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000"#, "DATE"),
    (#"resourceVersion: "\d+""#, "resourceVersion: \"N\""),
    (#"127\.0\.0\.1:\d+"#, "127.0.0.1:PORT"),
    (#"10\.96\.\d+\.\d+"#, "10.96.X.X"),
    (#"\b3\d{4}/TCP"#, "NODEPORT/TCP"),
    (#"\b(\d+(ms|s|m))+\b"#, "AGE"),
    // Columns are as wide as what was taken out.
    (#"[ \t]+\n"#, "\n"),
    (#"  +"#, "  "),
    (#"-{3,}"#, "---"),
    (#"kube-api-access-[a-z0-9]{5}"#, "kube-api-access-XXXXX"),
  ]

  func normalize(_ text: String) -> String {
    var text = text.replacingOccurrences(of: folder, with: "FOLDER")
    for rule in Self.rules {
      text = text.replacingOccurrences(
        of: rule.pattern, with: rule.replacement, options: .regularExpression)
    }
    if !text.isEmpty, !text.hasSuffix("\n") { text += "\n" }
    return text
  }
}
