/// The short name of a cluster in interfaces, namespaces and cgroups of this machine.
public enum ClusterIdentifier {
  /// Six hexadecimal digits from the path of the cluster's home folder (FNV-1a, 32 bits, folded
  /// to 24): the same folder always gives the same id.
  public static func make(home: String) -> String {
    var hash: UInt32 = 2_166_136_261
    for byte in home.utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
    let folded = (hash >> 24) ^ (hash & 0xff_ffff)
    let digits = String(folded, radix: 16)
    return String(repeating: "0", count: 6 - digits.count) + digits
  }
}
