import Foundation
import Glibc

/// A file of a volume whose contents come from the API.
struct VolumeFile: Sendable, Hashable {
  /// Relative, without `..`.
  var path: String
  var contents: [UInt8]
  var mode: Int64
}

/// Writes files so that a reader sees the old ones or the new ones: into a folder of their own, to
/// which the link `..data` is moved in one step; each name links through it.
enum VolumeWriter {
  static func write(_ files: [VolumeFile], to directory: String) throws {
    let manager = FileManager.default
    try manager.createDirectory(atPath: directory, withIntermediateDirectories: true)
    for file in files {
      let parts = file.path.split(separator: "/", omittingEmptySubsequences: false)
      guard !parts.isEmpty, !parts.contains(""), !parts.contains("..") else {
        throw PodError("FailedMount", "the path \"\(file.path)\" leaves its volume")
      }
    }
    let link = "\(directory)/..data"
    let old = try? manager.destinationOfSymbolicLink(atPath: link)
    if let old, isSame(files, as: "\(directory)/\(old)") { return }
    let name = "..\(UUID().uuidString.lowercased().prefix(13))"
    let folder = "\(directory)/\(name)"
    for file in files {
      let path = "\(folder)/\(file.path)"
      try manager.createDirectory(
        atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      try Data(file.contents).write(to: URL(fileURLWithPath: path))
      chmod(path, mode_t(truncatingIfNeeded: file.mode & 0o777))
    }
    try manager.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let temporary = "\(directory)/..data-new"
    unlink(temporary)
    guard symlink(name, temporary) == 0, rename(temporary, link) == 0 else {
      throw PodError(
        "FailedMount", "\(link) can't be written: \(String(cString: strerror(errno)))")
    }
    let tops = Set(files.compactMap { $0.path.split(separator: "/").first.map(String.init) })
    for top in tops
    where (try? manager.destinationOfSymbolicLink(atPath: "\(directory)/\(top)")) == nil {
      symlink("..data/\(top)", "\(directory)/\(top)")
    }
    for entry in (try? manager.contentsOfDirectory(atPath: directory)) ?? []
    where !entry.hasPrefix("..") && !tops.contains(entry) {
      unlink("\(directory)/\(entry)")
    }
    if let old, !old.contains("/") { try? manager.removeItem(atPath: "\(directory)/\(old)") }
  }

  private static func isSame(_ files: [VolumeFile], as folder: String) -> Bool {
    let present = (FileManager.default.enumerator(atPath: folder)?.allObjects as? [String]) ?? []
    var regular = 0
    for path in present {
      var isDirectory: ObjCBool = false
      if FileManager.default.fileExists(atPath: "\(folder)/\(path)", isDirectory: &isDirectory),
        !isDirectory.boolValue
      {
        regular += 1
      }
    }
    return regular == files.count
      && files.allSatisfy { file in
        FileManager.default.contents(atPath: "\(folder)/\(file.path)").map { Array($0) }
          == file.contents
      }
  }
}
