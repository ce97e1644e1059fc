import Glibc

/// Files of /proc and /sys, whose size is not known before they are read. They come in pieces, of
/// which a short one is not the last.
public enum KernelFile {
  /// Nil where it can't be read.
  public static func read(_ path: String) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var contents: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count == 0 { return contents }
      if count < 0 {
        if errno == EINTR { continue }
        return nil
      }
      contents += buffer[..<count]
    }
  }
}
