import Foundation

extension ClusterConfiguration {
  /// Reads the file at `path`.
  ///
  /// - Throws: `ConfigurationError` with every mistake found, or saying why it can't be read.
  public static func load(path: String) throws -> ClusterConfiguration {
    func failure(_ message: String) -> ConfigurationError {
      ConfigurationError(path: path, problems: [.init(line: 0, key: "", message: message)])
    }
    let data: Data
    do {
      // A device or a huge file given by mistake must not be read whole.
      let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
      defer { try? handle.close() }
      data = try handle.read(upToCount: maximumFileBytes + 1) ?? Data()
    } catch {
      let reason = FileManager.default.fileExists(atPath: path) ? "can't be read" : "is missing"
      throw failure("the file \(reason); give another with --config FILE")
    }
    guard let text = String(data: data, encoding: .utf8) else {
      throw failure("the file is not UTF-8 text")
    }
    return try parse(yaml: text, path: path)
  }
}
