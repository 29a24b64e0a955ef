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
    ] as [(String, [String], [String])])
  func matches(_ schema: String, _ right: [String], _ wrong: [String]) throws {
    let grammar = try Grammar(jsonSchema: JSON.parse(schema))
    for text in right { #expect(try grammar.matches(text), "\(text)") }
    for text in wrong { #expect(try !grammar.matches(text), "\(text)") }
  }

  @Test(arguments: [
    (#"{"type": "object", "patternProperties": {}}"#, "patternProperties"),
    (#"{"type": "array", "uniqueItems": true}"#, "uniqueItems"),
    (#"{"not": {}}"#, "not"), (#"{"type": "integer", "multipleOf": 5}"#, "multipleOf"),
    (#"{"if": {}, "then": {}}"#, "if"),
    (#"{"type": "string", "minimum": 3}"#, "minimum"), (#"{"type": "number", "minimum": 0.5}"#, "minimum"),
    (#"{"type": "string", "format": "email"}"#, "format"), (#"{"type": "string", "pattern": "a(?=b)"}"#, "pattern"),
    (#"{"type": "string", "pattern": "(a)\\1"}"#, "pattern"), (#"{"type": "string", "pattern": "a^b"}"#, "pattern"),
    (#"{"oneOf": [{"type": "integer"}, {"type": "number"}]}"#, "oneOf"), (#"{"allOf": [{}, {}]}"#, "allOf"),
    (#"{"anyOf": [{}], "minLength": 2}"#, "minLength"), (#"{"$ref": "other.json"}"#, "$ref"),
    (#"{"nonsense": 1}"#, "nonsense"),
    (#"{"properties": {"a": {"contains": {}}}}"#, "contains"),
    (#"{"type": "object", "minProperties": 1}"#, "minProperties"),
  ])
  func refusesByName(_ schema: String, _ keyword: String) throws {
    let error = try #require(throws: GrammarError.self) { try Grammar(jsonSchema: JSON.parse(schema)) }
    guard case .unsupported(let found, _, _) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(found == keyword && error.description.contains("\"\(keyword)\""))
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
}
