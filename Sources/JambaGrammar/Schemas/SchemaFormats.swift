/// Languages of `format`, as patterns. What is not here is an annotation.
enum SchemaFormats {
  /// The pattern of a format's texts; nil for a format that says nothing that is held.
  static func pattern(_ name: String) -> String? { patterns[name] }

  /// A pattern that finds whatever any reader may take for a format's text; nil where that is any text.
  static func outerPattern(_ name: String) -> String? { outerPatterns[name] }

  private static let outerPatterns: [String: String] = [
    "date": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "time": "^[0-9]{2}:[0-9]{2}:[0-9]{2}", "date-time": "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]",
    "uuid": "^\(hex){8}-\(hex){4}-\(hex){4}-\(hex){4}-\(hex){12}$", "duration": "^P", "email": "@", "idn-email": "@",
    "hostname": "^[A-Za-z0-9.\\-]+$", "ipv4": "^[0-9.]+$", "ipv6": "^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%|$)",
    "uri": "^[A-Za-z][A-Za-z0-9+.\\-]*:", "iri": "^[A-Za-z][A-Za-z0-9+.\\-]*:", "json-pointer": "^(?:/|$)",
    "relative-json-pointer": "^[0-9]",
  ]

  private static let patterns: [String: String] = [
    "date": "^\(date)$", "time": "^\(time)$", "date-time": "^\(date)T\(time)$",
    "uuid": "^\(hex){8}-\(hex){4}-\(hex){4}-\(hex){4}-\(hex){12}$",
    "duration": "^P(?:\(days)(?:T\(hours))?|T\(hours)|[0-9]{1,9}W)$",
    "email": "^\(local)@\(host)$", "idn-email": "^\(wideLocal)@\(host)$",
    "hostname": "^\(host)$", "idn-hostname": "^\(host)$",
    "ipv4": "^\(ipv4)$", "ipv6": "^\(ipv6)$",
    "uri": "^\(uri(""))$", "iri": "^\(uri(wide))$",
    "uri-reference": "^(?:\(uri(""))|\(relative("")))$", "iri-reference": "^(?:\(uri(wide))|\(relative(wide)))$",
    "uri-template": "^(?:[!#$&(-;=?-\\[\\]_a-z~]|\(percent)|\\{[+#./;?&]?\(variable)(?:,\(variable))*\\})*$",
    "json-pointer": "^\(pointer)$", "relative-json-pointer": "^(?:0|[1-9]{1,8}0?)(?:#|\(pointer))$",
    "regex": "^\(expression(groups: 2))$",
  ]

  private static let hex = "[0-9a-fA-F]"

  // Times, as RFC 3339 has them, without leap seconds; days with the years that have them.
  private static let leap = "(?:[1-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:[2468][048]|[13579][26])00)"
  private static let date =
    "(?:[1-9][0-9]{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))|\(leap)-02-29)"
  private static let hour = "(?:[01][0-9]|2[0-3])"
  private static let time = "\(hour):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,6})?(?:Z|[+\\-]\(hour):[0-5][0-9])"
  private static let count = "[0-9]{1,9}"
  private static let hours =
    "(?:\(count)H(?:\(count)M(?:\(count)S)?)?|\(count)M(?:\(count)S)?|\(count)S)"
  private static let days = "(?:\(count)Y(?:\(count)M(?:\(count)D)?)?|\(count)M(?:\(count)D)?|\(count)D)"

  // Names of hosts have at most 253 characters: four labels of any length do, or fifteen short ones.
  private static func label(_ most: Int) -> String {
    // Two hyphens at the third and fourth place are kept for encoded names.
    let (end, any) = ("[A-Za-z0-9]", "[A-Za-z0-9\\-]")
    return
      "\(end)(?:\(any)?\(end)|\(any)(?:\(end)\(any){0,\(most - 4)}\(end)|-\(end)(?:\(any){0,\(most - 5)}\(end))?))?"
  }
  private static let host =
    "(?:\(label(63))(?:\\.\(label(63))){0,2}(?:\\.\(label(61)))?|\(label(15))(?:\\.\(label(15))){0,14})"
  private static let atom = "A-Za-z0-9!#$%&'*+/=?\\^_`{|}~\\-"
  private static let local = "(?=[^@]{1,64}@)[\(atom)]+(?:\\.[\(atom)]+)*"
  private static let wideLocal = "(?=[^@]{1,64}@)[\(atom)\(wide)]+(?:\\.[\(atom)\(wide)]+)*"

  private static let byte = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
  private static let ipv4 = "\(byte)(?:\\.\(byte)){3}"
  private static let group = "[0-9a-fA-F]{1,4}"
  private static let last = "(?:\(group):\(group)|\(ipv4))"
  private static let ipv6: String = {
    var forms = ["(?:\(group):){6}\(last)", "::(?:\(group):){5}\(last)"]
    // Behind the gap of two colons stands what the groups before it leave.
    for before in 1...5 {
      forms.append("(?:\(group)(?::\(group)){0,\(before - 1)})?::(?:\(group):){\(5 - before)}\(last)")
    }
    forms.append("(?:\(group)(?::\(group)){0,5})?::\(group)")
    forms.append("(?:\(group)(?::\(group)){0,6})?::")
    return "(?:\(forms.joined(separator: "|")))"
  }()

  // Characters beyond ASCII that international names and addresses have.
  private static let wide = "\\u00A1-\\u167F\\u1681-\\u1FFF\\u2010-\\u2027\\u2030-\\u205E\\u2070-\\u2FFF\\u3001-\\uD7FF\\uF900-\\uFDCF\\uFDF0-\\uFEFE"
  private static let percent = "%[0-9a-fA-F]{2}"
  private static let plain = "A-Za-z0-9._~!$&'()*+,;=\\-"
  private static func character(_ more: String, and wide: String) -> String {
    "(?:[\(plain)\(more)\(wide)]|\(percent))"
  }
  private static func authority(_ wide: String) -> String {
    "(?:\(character(":", and: wide))*@)?(?:\\[\(ipv6)\\]|\(character("", and: wide))*)(?::[0-9]{0,5})?"
  }
  private static func behindPath(_ wide: String) -> String {
    "(?:\\?\(character(":@/?", and: wide))*)?(?:#\(character(":@/?", and: wide))*)?"
  }
  private static func uri(_ wide: String) -> String {
    let segment = character(":@", and: wide)
    return
      "[A-Za-z][A-Za-z0-9+.\\-]*:(?://\(authority(wide))(?:/\(segment)*)*|/(?:\(segment)+(?:/\(segment)*)*)?|\(segment)+(?:/\(segment)*)*)\(behindPath(wide))"
  }
  private static func relative(_ wide: String) -> String {
    let segment = character(":@", and: wide)
    let first = character("@", and: wide)
    return
      "(?://\(authority(wide))(?:/\(segment)*)*|/(?:\(segment)+(?:/\(segment)*)*)?|\(first)+(?:/\(segment)*)*|)\(behindPath(wide))"
  }
  /// A reader in Python takes no percent sign first, and three digits.
  private static let variable =
    "[A-Za-z0-9_](?:\\.?(?:[A-Za-z0-9_]|\(percent)))*(?::[1-9][0-9]{0,2}|\\*)?"
  private static let pointer = "(?:/(?:[^~/]|~[01])*)*"

  /// Regular expressions that every reader takes: literals, classes, groups to a depth, repetitions.
  private static func expression(groups: Int) -> String {
    let member = "(?:[A-Za-z0-9_ .,:;/@#%&=<>!\"'`~+*?$|(){}]|\\\\[dwsDWSntr.\\-\\]\\[\\\\]|a-z|A-Z|0-9)"
    var atom = "[A-Za-z0-9_ ,:;/@#%&=<>!\"'`~\\-]|\\.|\\\\[dwsDWSnrt.*+?^$|()\\[\\]{}\\\\/\\-]|\\[\\^?\(member)+\\]"
    if groups > 0 { atom += "|\\((?:\\?:)?\(expression(groups: groups - 1))\\)" }
    let item = "(?:\(atom))(?:[*+?]|\\{[0-9]{1,3}\\}|\\{[0-9]{1,3},\\})?"
    let ends = groups == 2 ? ("\\^?", "\\$?") : ("", "")
    return "\(ends.0)(?:\(item))*\(ends.1)(?:\\|\(ends.0)(?:\(item))*\(ends.1))*"
  }
}
