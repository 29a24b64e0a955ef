import JambaSystem

extension Parameters {
  /// The forms that vLLM's members ask for, `structured_outputs` and those of its earlier versions, with the members' names.
  mutating func guidedForms() throws(Failure) -> [(form: AnswerRequest.Form, name: String)] {
    var forms: [(AnswerRequest.Form, String)] = []
    for (kind, name) in [
      (GuidedForm.json, "guided_json"), (.regex, "guided_regex"), (.choice, "guided_choice"),
      (.grammar, "guided_grammar"), (.jsonObject, "guided_json_object"),
    ] {
      if let form = try form(kind, name) { forms.append((form, name)) }
    }
    if var members = try members("structured_outputs") {
      for (kind, name) in [
        (GuidedForm.json, "json"), (.regex, "regex"), (.choice, "choice"), (.grammar, "grammar"),
        (.jsonObject, "json_object"),
      ] {
        if let form = try members.form(kind, name) { forms.append((form, members.place(name))) }
      }
      // How an engine of grammars is to go about it.
      members.ignore([
        "disable_any_whitespace", "disable_fallback", "disable_additional_properties", "whitespace_pattern",
      ])
      try members.fixed("structural_tag", [])
      try members.finish()
    }
    return forms
  }

  private enum GuidedForm { case json, regex, choice, grammar, jsonObject }

  private mutating func form(_ kind: GuidedForm, _ name: String) throws(Failure) -> AnswerRequest.Form? {
    let place = place(name)
    switch kind {
    case .json:
      guard let value = value(name) else { return nil }
      guard let text = value.string else { return .schema(value) }
      guard let schema = try? JSON.parse(text) else { throw .invalid(place, "\"\(place)\" holds no JSON") }
      return .schema(schema)
    case .regex: return try string(name).map { .pattern($0) }
    case .grammar: return try string(name).map { .grammar($0) }
    case .choice:
      guard let list = try array(name), !list.isEmpty else { return nil }
      let texts = list.compactMap(\.string)
      guard texts.count == list.count, texts.contains(where: { !$0.isEmpty }) else {
        throw .invalid(place, "\"\(place)\" is not a list of texts")
      }
      return .grammar("root ::= " + texts.map(Parameters.literal).joined(separator: " | "))
    case .jsonObject: return try bool(name) == true ? .schema(.object(["type": .string("object")])) : nil
    }
  }

  /// A text as GBNF writes it.
  private static func literal(_ text: String) -> String {
    var literal = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": literal += "\\\(scalar)"
      case "\n": literal += "\\n"
      case "\r": literal += "\\r"
      case "\t": literal += "\\t"
      default: literal.unicodeScalars.append(scalar)
      }
    }
    return literal + "\""
  }
}
