import Foundation
import Jamba
import JambaGrammar
import JambaSystem
import Testing

/// JSON schemas: texts that fit, texts that do not, and keywords that are refused. tools/check/schemas compares a
/// thousand random schemas with Python's jsonschema.
@Suite struct SchemaTests {
  @Test(
    arguments: [
      (
        "true", ["{}", "[1, {\"a\": null}]", "-1.5e+3", "\"\\u00e9\"", "{\n  \"a\":1\n}"],
        ["", "01", "{\"a\"}", "\"\\ud800\"", "nul", "[1,]"]
      ),
      (#"{"type": "integer"}"#, ["0", "-12"], ["1.0", "-", "+1", "00"]),
      (#"{"type": "integer", "minimum": -3, "maximum": 120}"#, ["-3", "0", "99", "120"], ["-4", "121", "-0", "1200"]),
      (
        #"{"type": "integer", "exclusiveMinimum": 9, "exclusiveMaximum": 1001}"#, ["10", "1000", "999"], ["9", "1001"]
      ),
      (#"{"type": "integer", "maximum": -1}"#, ["-1", "-500"], ["0", "1"]),
      (#"{"type": "number", "minimum": 0, "maximum": 1}"#, ["0", "0.25", "1", "1.0"], ["1.1", "-0.1", "2"]),
      (
        #"{"type": "number", "exclusiveMinimum": -2, "exclusiveMaximum": 0}"#, ["-1.5", "-0.1", "-1"],
        ["-2", "0", "-2.5", "0.1"]
      ),
      (
        #"{"type": "string", "minLength": 2, "maxLength": 3}"#, [#""ab""#, #""日本語""#, #""a\n""#],
        [#""a""#, #""abcd""#, #""a"#]
      ),
      (#"{"type": "string", "pattern": "^[a-c]+\\d{2}$"}"#, [#""a12""#], [#""a1""#, #""xa12""#]),
      (#"{"type": "string", "pattern": "b\""}"#, [#""abx b\" x""#], [#""b""#]),
      (#"{"type": "string", "pattern": "^\\p{ASCII}[\\p{Print}]*$"}"#, [#""a~ ""#], [#""é""#, #""aé""#]),
      (#"{"type": "string", "pattern": "^\\p{Upper}\\P{Alnum}\\p{XDigit}$"}"#, [#""A-f""#], [#""a-f""#, #""Aéf""#, #""A-g""#]),
      (#"{"type": "string", "pattern": "^\\p{digit}\\p{Dash_Punctuation}$"}"#, [#""3-""#, #""٣–""#], [#""33""#]),
      (
        #"{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": {"a": {}, "b": {}}, "dependencies": {"a": ["b"]}}"#,
        [#"{"a":1,"b":2}"#, #"{"b":2}"#], [#"{"a":1}"#]
      ),
      (
        #"{"unknown": {"$id": "x:y", "type": "null"}, "properties": {"const": {"$ref": "x:y"}, "d": {"$id": "x:y", "type": "string"}}, "required": ["const"]}"#,
        [#"{"const":"a"}"#], [#"{"const":null}"#]
      ),
      (##"{"anyOf": [{"$ref": "#here"}, {"$ref": "#there"}], "x": {"$anchor": "here", "const": 1}, "$defs": {"default": {"$anchor": "there", "const": 2}}}"##, ["1", "2"], ["3"]),
      (#"{"type": "string", "pattern": "^(a(?i)b|c)d$"}"#, [#""aBd""#, #""Cd""#], [#""ABd""#, #""aBD""#]),
      (#"{"type": "string", "format": "date"}"#, [#""2024-12-31""#], [#""2024-02-30""#, #""2024-13-01""#, #""x""#]),
      (
        #"{"enum": ["a", 1, null, {"k": [true]}]}"#, [#""a""#, "1", "null", #"{"k":[true]}"#],
        [#""b""#, "2", #"{"k":[false]}"#]
      ),
      (#"{"enum": ["a", 1, null], "type": ["integer", "null"]}"#, ["1", "null"], [#""a""#]),
      (#"{"const": "é\n"}"#, [#""é\n""#], [#""é""#]),
      (
        #"{"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 2}"#, ["[true]", "[true, false]"],
        ["[]", "[true,true,true]", "[1]"]
      ),
      (
        #"{"type": "array", "prefixItems": [{"type": "null"}, {"type": "integer"}], "items": false}"#,
        ["[]", "[null]", "[null,3]"], ["[3]", "[null,3,3]"]
      ),
      (
        #"{"type": "array", "prefixItems": [{"type": "null"}], "items": {"type": "integer"}, "minItems": 2}"#,
        ["[null,3]", "[null,3,4]"], ["[null]", "[null,null]"]
      ),
      (
        #"{"type": "object", "properties": {"a": {"type": "null"}, "b": {"type": "null"}}, "required": ["b"], "additionalProperties": false}"#,
        [#"{"b":null}"#, #"{"a":null, "b": null}"#], ["{}", #"{"a":null}"#, #"{"b":null,"c":null}"#]
      ),
      (
        #"{"type": "object", "properties": {"ab": {"type": "null"}}, "additionalProperties": {"type": "integer"}}"#,
        ["{}", #"{"ab":null,"a":1,"abc":2,"":3}"#, #"{"x":1}"#], [#"{"ab":1}"#, #"{"x":1,"ab":2}"#, #"{"a\u0062":1}"#]
      ),
      (
        #"{"type": "object", "required": ["x"], "additionalProperties": {"type": "null"}}"#,
        [#"{"x":null}"#, #"{"x":null,"y":null}"#], ["{}", #"{"y":null}"#]
      ),
      // Who declares members means no others, unless something else is said.
      (#"{"properties": {"a": {"type": "null"}}, "type": "object"}"#, ["{}", #"{"a":null}"#], [#"{"b":1}"#]),
      (#"{"type": "object", "properties": {}}"#, ["{}"], [#"{"b":1}"#]),
      (
        #"{"properties": {"a": {"properties": {"b": {"type": "null"}}}}}"#, [#"{"a":{"b":null}}"#],
        [#"{"a":{"c":null}}"#, #"{"a":{},"b":1}"#]
      ),
      (#"{"properties": {"a": {"type": "null"}}, "additionalProperties": true}"#, [#"{"a":null,"b":1}"#], []),
      (#"{"properties": {"a": {"type": "null"}}, "required": ["b"]}"#, [#"{"a":null,"b":1}"#], [#"{"a":null}"#]),
      (#"{"type": "object"}"#, ["{}", #"{"b":1}"#], []),
      (#"{"anyOf": [{"type": "null"}, {"type": "string"}]}"#, ["null", #""""#], ["1"]),
      (#"{"oneOf": [{"type": "null"}, {"type": "integer"}]}"#, ["null", "1"], [#""""#]),
      (
        ##"{"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}, "additionalProperties": false}}}"##,
        ["{}", #"{"next":{"next":{}}}"#], [#"{"next":1}"#]
      ),
      (#"{"minLength": 2}"#, [#""ab""#], [#""a""#]),
      // Members that may be left out come at any place.
      (
        #"{"type": "object", "properties": {"a": {"type": "null"}, "b": {"type": "null"}}, "required": ["b"]}"#,
        [#"{"b":null,"a":null}"#, #"{"a":null,"b":null}"#], [#"{"a":null}"#, #"{"b":null,"b":null}"#]
      ),
    ] as [(String, [String], [String])])
  func matches(_ schema: String, _ right: [String], _ wrong: [String]) throws {
    let grammar = try Grammar(jsonSchema: JSON.parse(schema))
    for text in right { #expect(try grammar.matches(text), "\(text)") }
    for text in wrong { #expect(try !grammar.matches(text), "\(text)") }
  }

  /// What is refused, and the sentence that says so.
  @Test(arguments: [
    (#"{"properties": {"a": {"type": "number", "multipleOf": 4999}}}"#, "multipleOf", "at /properties/a"),
    (#"{"type": "string", "pattern": "(a)\\1"}"#, "pattern", "\"1\" at character 5"),
    (#"{"type": "string", "pattern": "(?<=^a)b"}"#, "pattern", "an assertion in a look behind"),
    (#"{"type": "string", "pattern": "^(\\ba|b)+$"}"#, "pattern", "looking further behind than the part before it"),
    (#"{"type": "string", "pattern": "(a?(?=b))*"}"#, "pattern", "an anchor or a look ahead inside a repetition"),
    (##"{"$dynamicRef": "#n", "$defs": {"a": {"$dynamicAnchor": "n"}, "b": {"$id": "b", "$dynamicAnchor": "n"}}}"##, "$dynamicRef", "several schemas"),
    (#"{"type": "string", "pattern": "a("}"#, "pattern", "the end at character 3"),
    (#"{"type": "string", "pattern": "(?im)^a"}"#, "pattern", "\"m\" at character 4"),
    (#"{"$ref": "other.json"}"#, "$ref", "outside of the document"),
    (#"{"$ref": "http://json-schema.org/draft-07/schema#"}"#, "$ref", "outside of the document"),
    (#"{"oneOf": [{"type": "object"}, {"type": "object", "patternProperties": {"^a": {"type": "integer"}}}]}"#, "oneOf", "use anyOf"),
    (#"{"type": "array", "not": {"items": {"type": "string"}, "uniqueItems": true}, "maxItems": 0}"#, "not", "array"),
    (#"{"type": "object", "minProperties": 2}"#, "minProperties", "at its root"),
    (#"{"type": "array", "contains": {"type": "null"}, "minContains": 5000}"#, "contains", "at its root"),
  ])
  func refusesByName(_ schema: String, _ keyword: String, _ reason: String) throws {
    let error = try #require(throws: GrammarError.self) { try Grammar(jsonSchema: JSON.parse(schema)) }
    guard case .unsupported(let found, _, _) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(found == keyword && error.description.contains("\"\(keyword)\""))
    #expect(error.description.contains(reason), "\(error)")
  }

  @Test(arguments: [
    "1", #"{"type": "text"}"#, #"{"type": []}"#, #"{"enum": []}"#, #"{"properties": 1}"#, ##"{"$ref": "#/nowhere"}"##,
    #"{"minLength": -1}"#, #"{"minItems": 1.5}"#, #"{"anyOf": []}"#, ##"{"$ref": "#"}"##, #"{"required": [1]}"#,
    #"{"type": "object", "required": ["a"], "additionalProperties": false}"#,
    #"{"type": "integer", "minimum": 3, "maximum": 2}"#,
    ##"{"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}"##,
  ])
  func refusesWhatIsNoSchema(_ schema: String) throws {
    #expect(throws: GrammarError.self) { try Grammar(jsonSchema: JSON.parse(schema)) }
  }

  /// An error names the member that cannot be there.
  @Test func namesWhatHasNoValue() throws {
    let schema = #"{"properties": {"a": {"properties": {"b": {"type": "integer", "minimum": 3, "maximum": 2}}, "required": ["b"]}}, "required": ["a"]}"#
    let typed = #"{"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {"type": "integer", "minimum": 3, "maximum": 2}}, "required": ["b"]}}, "required": ["a"]}"#
    #expect(throws: GrammarError.self) { try Grammar(jsonSchema: JSON.parse(schema)) }
    #expect(throws: GrammarError.invalidSchema(path: "/properties/a/properties/b", reason: "no value fits")) {
      try Grammar(jsonSchema: JSON.parse(typed))
    }
    #expect(throws: GrammarError.invalidSchema(path: "", reason: "no value fits")) { try Grammar(jsonSchema: JSON.parse(#"{"not": {}}"#)) }
  }

  /// What is too large is told with its place, and references one behind the other are no nesting.
  @Test func namesWhatIsTooLarge() throws {
    let schema = #"{"type": "object", "properties": {"a": {"type": "string", "pattern": "(a|b)*a(a|b){40}", "not": {"pattern": "(a|b)*b(a|b){40}"}}}}"#
    let error = try #require(throws: GrammarError.self) { try Grammar(jsonSchema: JSON.parse(schema)) }
    #expect(error.description.contains("at /properties/a"), "\(error)")
    let chain = (0..<3000).map { ##""d\##($0)": {"$ref": "#/$defs/d\##($0 + 1)"}"## }.joined(separator: ", ")
    let deep = try Grammar(jsonSchema: JSON.parse("{\"$ref\": \"#/$defs/d0\", \"$defs\": {\(chain), \"d3000\": {\"type\": \"null\"}}}"))
    #expect(try deep.matches("null"))
  }

  /// White space by an option, by the schema's own word, and for JSON of any kind within.
  @Test func leavesWhiteSpaceFree() throws {
    let schema = try JSON.parse(#"{"type": "object", "properties": {"a": {}}, "additionalProperties": {"type": "integer"}}"#)
    let text = "{ \"a\" :\t{ \"b\" : [ ] } ,\r\n\n \"c\" : 1 }"
    #expect(try Grammar(jsonSchema: schema, whitespace: .free).matches(text))
    #expect(try !Grammar(jsonSchema: schema).matches(text))
    let said = try JSON.parse(#"{"type": "array", "items": {"const": {"k": [1, 2]}}, "x-whitespace": "free"}"#)
    #expect(try Grammar(jsonSchema: said).matches(#"[ { "k" : [ 1 ,2 ] } ]"#))
    #expect(throws: GrammarError.self) { try Grammar(jsonSchema: JSON.parse(#"{"x-whitespace": "much"}"#)) }
  }

  /// Where a schema says nothing of other members, there are none, or any by choice.
  @Test func objectsAreOpenByChoice() throws {
    let schema = try JSON.parse(#"{"properties": {"a": {"properties": {"b": {"type": "null"}}, "additionalProperties": false}}}"#)
    let texts = [#"{"a":{"b":null}}"#, #"{"a":{"b":null},"c":1}"#, #"{"c":{"d":[]}}"#, #"{"a":{"c":1}}"#]
    func allowed(_ grammar: Grammar) throws -> [Bool] { try texts.map { try grammar.matches($0) } }
    #expect(try allowed(Grammar(jsonSchema: schema)) == [true, false, false, false])
    #expect(try allowed(Grammar(jsonSchema: schema, objects: .open)) == [true, true, true, false])
    let open = try JSON.parse(#"{"x-objects": "open", "properties": {"a": {"properties": {"b": {"type": "null"}}}}}"#)
    #expect(try allowed(Grammar(jsonSchema: open)) == [true, true, true, true])
    #expect(throws: GrammarError.self) { try Grammar(jsonSchema: JSON.parse(#"{"x-objects": "some"}"#)) }
  }

  /// Where a schema names no type, values have those that its keywords speak of, or any by choice.
  @Test func typesAreAnyByChoice() throws {
    let texts = ["5", "1", #""a""#, "null", "[]", #"{"a": 5}"#, #"{"a": 1}"#, #"{"a": null}"#]
    func allowed(_ schema: String) throws -> [Bool] {
      let grammar = try Grammar(jsonSchema: JSON.parse(schema))
      return try texts.map { try grammar.matches($0) }
    }
    #expect(try allowed(#"{"minimum": 3}"#) == [true, false, false, false, false, false, false, false])
    #expect(try allowed(#"{"x-types": "any", "minimum": 3}"#) == [true, false, true, true, true, true, true, true])
    let member = #""properties": {"a": {"minimum": 3}}"#
    #expect(try allowed("{\(member)}") == [false, false, false, false, false, true, false, false])
    #expect(try allowed(#"{"x-types": "any", \#(member)}"#) == [true, true, true, true, true, true, false, true])
    #expect(try allowed(#"{"x-types": "any", "type": "object", \#(member)}"#) == [false, false, false, false, false, true, false, true])
    #expect(throws: GrammarError.self) { try Grammar(jsonSchema: JSON.parse(#"{"x-types": "some"}"#)) }
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let schema: JSON
    let valid: [String]
    let invalid: [String]

    var testDescription: String { schema.text() }
  }

  /// Written by tools/fixtures/schemas; Python's jsonschema says what is valid.
  static let cases: [Case] = {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/schemas.jsonl")
    guard let text = try? String(contentsOf: file, encoding: .utf8) else { return [] }
    return text.split(separator: "\n").map { line in
      let json = try! JSON.parse(String(line))
      func texts(_ key: String) -> [String] { json[key]!.array!.map { $0.string! } }
      return Case(schema: json["schema"]!, valid: texts("valid"), invalid: texts("invalid"))
    }
  }()

  @Test func agreesWithPython() throws {
    #expect(SchemaTests.cases.count >= 400)
    for one in SchemaTests.cases {
      do {
        let grammar = try Grammar(jsonSchema: one.schema)
        for text in one.valid { #expect(try grammar.matches(text), "\(one.schema.text()) \(text)") }
        for text in one.invalid { #expect(try !grammar.matches(text), "\(one.schema.text()) \(text)") }
      } catch {
        Issue.record("\(one.schema.text()): \(error)")
      }
    }
  }

  /// Items that must differ are told apart as values, whatever they are.
  @Test func tellsItemsApart() throws {
    let any = try Grammar(jsonSchema: JSON.parse(#"{"type": "array", "uniqueItems": true}"#))
    for text in ["[]", "[1,2]", #"[null,"null"]"#, "[[1],[2]]", "[true, false]", "[[1,1],[2]]", #"[{"a":[1,1]},{"a":[1]}]"#] {
      #expect(try any.matches(text), "\(text)")
    }
    for text in ["[1,1]", "[1,1.0]", "[1, 10e-1 ]", #"["a","\u0061"]"#, #"[{"a":1,"b":2},{"b":2,"a":1}]"#, "[[1],[1]]", "[true,true]"] {
      #expect(try !any.matches(text), "\(text)")
    }
    let inner = try Grammar(
      jsonSchema: JSON.parse(#"{"type": "array", "items": {"type": "array", "items": {"type": "integer"}, "uniqueItems": true}}"#))
    #expect(try inner.matches("[[1,2],[1,2]]"))
    #expect(try !inner.matches("[[1,2],[2,2]]"))
    let mixed = try Grammar(
      jsonSchema: JSON.parse(#"{"properties": {"a": {"type": "array", "items": {"type": "string"}, "uniqueItems": true}, "b": {"type": "array"}}}"#))
    #expect(try mixed.matches(#"{"b":[1,1],"a":["x","y"]}"#))
    #expect(try !mixed.matches(#"{"b":[1,1],"a":["x","x"]}"#))
  }

  /// Schemas made to take time or memory are answered or refused.
  @Test func boundsHostileSchemas() throws {
    func outcome(_ schema: String, _ text: String) throws -> Bool? {
      let schema = try JSON.parse(schema)
      do { return try Grammar(jsonSchema: schema).matches(text) } catch { return nil }
    }
    // What is to be told apart from hundreds of others is refused, or known by little.
    func list(_ keyword: String, _ count: Int, _ schema: (Int) -> String) -> String {
      "{\"\(keyword)\": [\((0..<count).map(schema).joined(separator: ", "))]}"
    }
    func pattern(_ number: Int) -> String { #"{"type": "string", "pattern": "^a*[b-z]{\#(number % 7 + 1)}b*\#(number)"}"# }
    func object(_ number: Int) -> String {
      #"{"type": "object", "properties": {"k\#(number)": {"type": "string"}, "z": {"type": "integer"}}, "required": ["z"]}"#
    }
    func constant(_ number: Int) -> String {
      #"{"type": "object", "properties": {"t": {"const": \#(number)}}, "required": ["t"]}"#
    }
    #expect(try outcome(list("anyOf", 200, pattern), #""b0""#) == true)
    #expect(try outcome(list("allOf", 200, pattern), #""b0""#) == nil)
    #expect(try outcome(list("oneOf", 500, object), #"{"z": 1}"#) == nil)
    #expect(try outcome(list("oneOf", 120, constant), #"{"t": 119}"#) == true)
    // Copies of what looks ahead are as many as they are counted, not as many as there are pairs of them.
    #expect(try outcome(#"{"type": "string", "pattern": "^((?![:*$])[ -~]){1,255}$"}"#, #""a b""#) == true)
    #expect(try outcome(#"{"type": "string", "pattern": "^((?![:*$])[ -~]){1,255}$"}"#, #""a:b""#) == false)
    // Lengths are counted, not spelled out.
    let long = (0..<200).map { #""p\#($0)": {"type": "string", "maxLength": 1000000}"# }.joined(separator: ", ")
    #expect(try outcome("{\"type\": \"object\", \"properties\": {\(long)}}", #"{"p7": "a"}"#) == true)
    #expect(try outcome(#"{"pattern": "^(([a-z]{1000}){1000}){1000}$"}"#, #""a""#) != true)
    func repeating(_ part: String, _ count: Int) -> String { #"{"pattern": ""# + String(repeating: part, count: count) + #""}"# }
    #expect(try outcome(repeating("a?^", 20_000), #""b""#) == true)
    #expect(try outcome(repeating("^", 60_000), #""b""#) == true)
    #expect(try outcome(repeating("a^", 20_000), #""b""#) != true)
    #expect(try outcome(repeating("a?(?<=a)^", 5000), #""b""#) == nil)
    #expect(try outcome(repeating("c*d?e*", 1500), #""c""#) != false)
    #expect(try outcome(repeating(#"\\p{Lu}"#, 9000), #""a""#) != true)
    #expect(try outcome(#"{"pattern": "^(?=^[^./])(^((?!\\.{65536}).)*$)"}"#, #""a""#) != false)
    #expect(try outcome(#"{"pattern": "^([a-z]+ ?){1,5000}$"}"#, #""once upon a time""#) == true)
    #expect(try outcome(#"{"pattern": "^(a?){3000}a{3000}$", "maxLength": 4000}"#, #""b""#) != true)
    #expect(try outcome(#"{"pattern": "(a|b)*a(a|b){40}", "maxLength": 100}"#, #""b""#) != true)
    // Combinations that double with every schema.
    let doubling = (0..<30).map { #"{"anyOf": [{"required": ["a\#($0)"]}, {"required": ["b\#($0)"]}]}"# }.joined(separator: ", ")
    #expect(try outcome("{\"type\": \"object\", \"allOf\": [\(doubling)]}", "{}") == nil)
    let either = (0..<30).map { #"{"properties": {"p\#($0)": {"type": "null"}}, "required": ["p\#($0)"]}"# }.joined(separator: ", ")
    _ = try outcome("{\"type\": \"object\", \"oneOf\": [\(either)]}", "{}")
    // References that go round, and long chains of them.
    #expect(try outcome(##"{"allOf": [{"$ref": "#"}]}"##, "{}") == nil)
    #expect(try outcome(##"{"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"not": {"$ref": "#/$defs/a"}}}}"##, "1") == nil)
    let chain = (0..<2000).map { ##""d\##($0)": {"type": "object", "properties": {"n": {"$ref": "#/$defs/d\##($0 + 1)"}}, "required": ["n"]}"## }.joined(separator: ", ")
    #expect(try outcome("{\"$ref\": \"#/$defs/d0\", \"$defs\": {\(chain), \"d2000\": {\"type\": \"null\"}}}", "{}") == false)
    let names = (0..<3000).map { "\"\($0)\"" }.joined(separator: ", ")
    #expect(try outcome("{\"enum\": [\(names)]}", "\"77\"") == true)
    #expect(try outcome("{\"type\": \"string\", \"not\": {\"enum\": [\(names)]}}", "\"77\"") == false)
  }

  /// So much is taken, and one more is not.
  @Test func limits() throws {
    func reason(_ schema: String) throws -> String {
      let json = try JSON.parse(schema)
      do throws(GrammarError) {
        _ = try Grammar(jsonSchema: json)
        return ""
      } catch { return "\(error)" }
    }
    func required(_ letter: String, _ count: Int) -> String {
      #"{"anyOf": [\#((0..<count).map { #"{"required": ["\#(letter)\#($0)"]}"# }.joined(separator: ","))]}"#
    }
    func combined(_ first: Int, _ second: Int) -> String {
      #"{"type": "object", "allOf": [\#(required("a", first)), \#(required("b", second))]}"#
    }
    #expect(try !reason(combined(25, 24)).contains("alternatives"))
    #expect(try reason(combined(25, 25)).contains("more than 600 alternatives"))
    // Beside these there are the whole, and the one that nothing fits.
    func definitions(_ count: Int) -> String {
      #"{"$defs": {\#((0..<count).map { #""\#($0)": {"$anchor": "a\#($0)"}"# }.joined(separator: ","))}}"#
    }
    #expect(try reason(definitions(99_998)) == "")
    #expect(try reason(definitions(99_999)).contains("more than 100000 schemas"))
  }
}
