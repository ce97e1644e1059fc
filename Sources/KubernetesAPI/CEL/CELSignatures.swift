/// The functions that expressions may call: CEL's standard ones and those that Kubernetes adds
/// (KEP-2876 and its successors).
enum CELSignatures {
  struct Overload: Sendable {
    var receiver: CELType?
    var parameters: [CELType]
    var result: CELType
  }

  /// `receiver#name(parameters):result`; A, B and K are any types.
  private static let text = """
    _==_(A,A):bool _!=_(A,A):bool _&&_(bool,bool):bool _||_(bool,bool):bool !_(bool):bool
    _?_:_(bool,A,A):A @in(A,list<A>):bool @in(K,map<K,A>):bool
    _<_(bool,bool):bool _<=_(bool,bool):bool _>_(bool,bool):bool _>=_(bool,bool):bool
    _<_(int,int):bool _<=_(int,int):bool _>_(int,int):bool _>=_(int,int):bool
    _<_(uint,uint):bool _<=_(uint,uint):bool _>_(uint,uint):bool _>=_(uint,uint):bool
    _<_(double,double):bool _<=_(double,double):bool _>_(double,double):bool _>=_(double,double):bool
    _<_(int,double):bool _<=_(int,double):bool _>_(int,double):bool _>=_(int,double):bool
    _<_(double,int):bool _<=_(double,int):bool _>_(double,int):bool _>=_(double,int):bool
    _<_(int,uint):bool _<=_(int,uint):bool _>_(int,uint):bool _>=_(int,uint):bool
    _<_(uint,int):bool _<=_(uint,int):bool _>_(uint,int):bool _>=_(uint,int):bool
    _<_(uint,double):bool _<=_(uint,double):bool _>_(uint,double):bool _>=_(uint,double):bool
    _<_(double,uint):bool _<=_(double,uint):bool _>_(double,uint):bool _>=_(double,uint):bool
    _<_(string,string):bool _<=_(string,string):bool _>_(string,string):bool _>=_(string,string):bool
    _<_(bytes,bytes):bool _<=_(bytes,bytes):bool _>_(bytes,bytes):bool _>=_(bytes,bytes):bool
    _<_(duration,duration):bool _<=_(duration,duration):bool _>_(duration,duration):bool
    _>=_(duration,duration):bool _<_(timestamp,timestamp):bool _<=_(timestamp,timestamp):bool
    _>_(timestamp,timestamp):bool _>=_(timestamp,timestamp):bool
    _+_(int,int):int _+_(uint,uint):uint _+_(double,double):double _+_(string,string):string
    _+_(bytes,bytes):bytes _+_(list<A>,list<A>):list<A> _+_(duration,duration):duration
    _+_(timestamp,duration):timestamp _+_(duration,timestamp):timestamp
    _-_(int,int):int _-_(uint,uint):uint _-_(double,double):double
    _-_(duration,duration):duration _-_(timestamp,timestamp):duration
    _-_(timestamp,duration):timestamp _*_(int,int):int _*_(uint,uint):uint
    _*_(double,double):double _/_(int,int):int _/_(uint,uint):uint _/_(double,double):double
    _%_(int,int):int _%_(uint,uint):uint -_(int):int -_(double):double
    size(string):int size(bytes):int size(list<A>):int size(map<K,A>):int
    string#size():int bytes#size():int list<A>#size():int map<K,A>#size():int
    string#contains(string):bool string#startsWith(string):bool string#endsWith(string):bool
    string#matches(string):bool matches(string,string):bool
    int(int):int int(uint):int int(double):int int(string):int int(timestamp):int
    uint(uint):uint uint(int):uint uint(double):uint uint(string):uint
    double(double):double double(int):double double(uint):double double(string):double
    string(string):string string(int):string string(uint):string string(double):string
    string(bool):string string(bytes):string string(timestamp):string string(duration):string
    string(url):string string(ip):string string(cidr):string
    bytes(bytes):bytes bytes(string):bytes bool(bool):bool bool(string):bool
    duration(duration):duration duration(string):duration
    timestamp(timestamp):timestamp timestamp(string):timestamp timestamp(int):timestamp
    dyn(A):dyn type(A):type
    timestamp#getFullYear():int timestamp#getFullYear(string):int timestamp#getMonth():int
    timestamp#getMonth(string):int timestamp#getDayOfYear():int timestamp#getDayOfYear(string):int
    timestamp#getDayOfMonth():int timestamp#getDayOfMonth(string):int timestamp#getDate():int
    timestamp#getDate(string):int timestamp#getDayOfWeek():int timestamp#getDayOfWeek(string):int
    timestamp#getHours():int timestamp#getHours(string):int timestamp#getMinutes():int
    timestamp#getMinutes(string):int timestamp#getSeconds():int timestamp#getSeconds(string):int
    timestamp#getMilliseconds():int timestamp#getMilliseconds(string):int
    duration#getHours():int duration#getMinutes():int duration#getSeconds():int
    duration#getMilliseconds():int
    string#charAt(int):string string#indexOf(string):int string#indexOf(string,int):int
    string#lastIndexOf(string):int string#lastIndexOf(string,int):int string#lowerAscii():string
    string#upperAscii():string string#replace(string,string):string
    string#replace(string,string,int):string string#split(string):list<string>
    string#split(string,int):list<string> string#substring(int):string
    string#substring(int,int):string string#trim():string string#reverse():string
    string#format(list<dyn>):string list<string>#join():string list<string>#join(string):string
    strings.quote(string):string string#find(string):string string#findAll(string):list<string>
    string#findAll(string,int):list<string>
    list<A>#isSorted():bool list<A>#sum():A list<A>#min():A list<A>#max():A
    list<A>#indexOf(A):int list<A>#lastIndexOf(A):int
    isURL(string):bool url(string):url url#getScheme():string url#getHost():string
    url#getHostname():string url#getPort():string url#getEscapedPath():string
    url#getQuery():map<string,list<string>>
    isQuantity(string):bool quantity(string):quantity quantity#isInteger():bool
    quantity#asInteger():int quantity#asApproximateFloat():double quantity#sign():int
    quantity#add(quantity):quantity quantity#add(int):quantity quantity#sub(quantity):quantity
    quantity#sub(int):quantity quantity#isLessThan(quantity):bool
    quantity#isGreaterThan(quantity):bool quantity#compareTo(quantity):int
    isIP(string):bool ip(string):ip ip.isCanonical(string):bool ip#family():int
    ip#isUnspecified():bool ip#isLoopback():bool ip#isLinkLocalMulticast():bool
    ip#isLinkLocalUnicast():bool ip#isGlobalUnicast():bool
    isCIDR(string):bool cidr(string):cidr cidr#containsIP(ip):bool cidr#containsIP(string):bool
    cidr#containsCIDR(cidr):bool cidr#containsCIDR(string):bool cidr#ip():ip cidr#masked():cidr
    cidr#prefixLength():int
    isSemver(string):bool isSemver(string,bool):bool semver(string):semver
    semver(string,bool):semver semver#major():int semver#minor():int semver#patch():int
    semver#isLessThan(semver):bool semver#isGreaterThan(semver):bool semver#compareTo(semver):int
    format.dns1123Label():format format.dns1123Subdomain():format format.dns1035Label():format
    format.qualifiedName():format format.dns1123LabelPrefix():format
    format.dns1123SubdomainPrefix():format format.dns1035LabelPrefix():format
    format.labelValue():format format.uri():format format.uuid():format format.byte():format
    format.date():format format.datetime():format format.named(string):optional<format>
    format#validate(string):optional<list<string>>
    optional.of(A):optional<A> optional.ofNonZeroValue(A):optional<A> optional.none():optional<A>
    optional<A>#hasValue():bool optional<A>#value():A optional<A>#or(optional<A>):optional<A>
    optional<A>#orValue(A):A
    sets.contains(list<A>,list<A>):bool sets.equivalent(list<A>,list<A>):bool
    sets.intersects(list<A>,list<A>):bool
    base64.encode(bytes):string base64.decode(string):bytes jsonpatch.escapeKey(string):string
    kubernetes.authorization.Authorizer#path(string):kubernetes.authorization.PathCheck
    kubernetes.authorization.Authorizer#group(string):kubernetes.authorization.GroupCheck
    kubernetes.authorization.Authorizer#serviceAccount(string,string):kubernetes.authorization.Authorizer
    kubernetes.authorization.GroupCheck#resource(string):kubernetes.authorization.ResourceCheck
    kubernetes.authorization.ResourceCheck#subresource(string):kubernetes.authorization.ResourceCheck
    kubernetes.authorization.ResourceCheck#namespace(string):kubernetes.authorization.ResourceCheck
    kubernetes.authorization.ResourceCheck#name(string):kubernetes.authorization.ResourceCheck
    kubernetes.authorization.ResourceCheck#fieldSelector(string):kubernetes.authorization.ResourceCheck
    kubernetes.authorization.ResourceCheck#labelSelector(string):kubernetes.authorization.ResourceCheck
    kubernetes.authorization.ResourceCheck#check(string):kubernetes.authorization.Decision
    kubernetes.authorization.PathCheck#check(string):kubernetes.authorization.Decision
    kubernetes.authorization.Decision#allowed():bool kubernetes.authorization.Decision#reason():string
    kubernetes.authorization.Decision#errored():bool kubernetes.authorization.Decision#error():string
    """

  static let all: [String: [Overload]] = {
    var table: [String: [Overload]] = [:]
    for line in text.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
      guard let open = line.firstIndex(of: "("), let close = line.lastIndex(of: ")") else {
        continue
      }
      var name = line[..<open]
      var receiver: CELType?
      if let mark = name.firstIndex(of: "#") {
        receiver = type(name[..<mark])
        name = name[name.index(after: mark)...]
      }
      let parameters = split(line[line.index(after: open)..<close]).map { type($0) }
      let result = type(line[line.index(close, offsetBy: 2)...])
      table[String(name), default: []].append(
        Overload(receiver: receiver, parameters: parameters, result: result))
    }
    return table
  }()

  /// At the commas that stand in no brackets.
  private static func split(_ text: Substring) -> [Substring] {
    var parts: [Substring] = []
    var depth = 0
    var start = text.startIndex
    for index in text.indices {
      switch text[index] {
      case "<": depth += 1
      case ">": depth -= 1
      case "," where depth == 0:
        parts.append(text[start..<index])
        start = text.index(after: index)
      default: break
      }
    }
    if start < text.endIndex { parts.append(text[start...]) }
    return parts
  }

  private static func type(_ text: Substring) -> CELType {
    if let open = text.firstIndex(of: "<") {
      let inside = split(text[text.index(after: open)...].dropLast()).map { type($0) }
      switch text[..<open] {
      case "list": return .list(inside[0])
      case "map": return .map(inside[0], inside[1])
      default: return .optional(inside[0])
      }
    }
    switch text {
    case "bool": return .bool
    case "int": return .int
    case "uint": return .uint
    case "double": return .double
    case "string": return .string
    case "bytes": return .bytes
    case "duration": return .duration
    case "timestamp": return .timestamp
    case "dyn": return .dyn
    case "type": return .type
    case "A", "K": return .parameter(String(text))
    default: return .opaque(String(text))
    }
  }
}
