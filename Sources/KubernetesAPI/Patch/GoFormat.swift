import JSONDocument

/// Values as Go's `%v` prints them, since upstream's messages quote them so.
public enum GoFormat {
  public static func text(_ value: JSONValue) -> String {
    switch value {
    case .null: return "<nil>"
    case .bool(let value): return value ? "true" : "false"
    case .int(let value): return String(value)
    case .double(let value): return JSONValue.double(value).text
    case .string(let value): return value
    case .array(let values): return "[" + values.map(text).joined(separator: " ") + "]"
    case .object(let object): return text(object)
    }
  }

  public static func text(_ object: JSONObject) -> String {
    let members = object.sorted { $0.0 < $1.0 }.map { "\($0.0):\(text($0.1))" }
    return "map[" + members.joined(separator: " ") + "]"
  }

  /// A string as `%q` prints it.
  public static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case "\r": result += "\\r"
      case "\u{07}": result += "\\a"
      case "\u{08}": result += "\\b"
      case "\u{0C}": result += "\\f"
      case "\u{0B}": result += "\\v"
      default:
        if scalar.value < 0x20 || scalar.value == 0x7F {
          let digits = String(scalar.value, radix: 16)
          result += "\\x" + (digits.count < 2 ? "0" : "") + digits
        } else {
          result.unicodeScalars.append(scalar)
        }
      }
    }
    return result + "\""
  }
}
