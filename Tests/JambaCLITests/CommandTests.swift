import Foundation
import JambaSystem
import TestSupport
import Testing

/// The commands, from the built program.
@Suite struct CommandTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  func jamba(_ arguments: String..., input: String = "") throws -> Program.Outcome { try run(arguments, input: input) }

  func demo() throws -> String {
    let path = folder.file("demo.jamba")
    let outcome = try jamba("convert", Fixtures.checkpoint("demo"), path)
    #expect(outcome.status == 0 && outcome.output.isEmpty, "\(outcome.errors)")
    return path
  }

  @Test func fromCheckpointToText() throws {
    let model = try demo()
    let verified = try jamba("verify", model, "--against", Fixtures.checkpoint("demo"))
    #expect(verified.status == 0 && verified.output.contains("is sound"))
    let inspected = try JSON.parse(try jamba("inspect", model, "--json").output)
    #expect(inspected["parameters"]?.integer == 19_493_968)

    let once = try jamba("generate", model, "--prompt", "Once upon a time", "-n", "24")
    #expect(once.status == 0 && once.output.split(separator: " ").count > 10 && once.errors.isEmpty)
    let report = try JSON.parse(try jamba("generate", model, "--prompt", "Once upon a time", "-n", "24", "--json").output)
    #expect(report["text"]?.string.map { $0 + "\n" } == once.output)
    #expect(report["finish_reason"]?.string == "length")
    #expect(report["usage"]?["completion_tokens"]?.integer == 24)
    #expect(report["peak_resident_bytes"]?.integer ?? 0 > 1 << 20)
    #expect(report["timings"]?["decode_tokens_per_second"]?.double ?? 0 > 0)

    // The same seed draws the same text, another one another.
    func drawn(_ seed: String) throws -> String {
      try jamba("generate", model, "--prompt", "One day", "-n", "24", "--temperature", "1", "--seed", seed).output
    }
    #expect(try drawn("1") == drawn("1"))
    #expect(try drawn("1") != drawn("2"))

    let stopped = try jamba("generate", model, "--prompt", "Once upon a time", "-n", "24", "--stop", "little")
    #expect(once.output.contains("little") && !stopped.output.contains("little"))
    #expect(once.output.hasPrefix(stopped.output.dropLast()))
  }

  @Test func calibratesAndMeasures() throws {
    let (reference, plain) = (folder.file("bf16.jamba"), folder.file("plain.jamba"))
    let (weighed, moments) = (folder.file("weighed.jamba"), folder.file("moments.safetensors"))
    for command in [
      ["convert", Fixtures.checkpoint("demo"), reference, "--type", "bf16"],
      ["calibrate", reference, Fixtures.stories, "-o", moments, "--windows", "4"],
      ["convert", Fixtures.checkpoint("demo"), plain, "--recipe", "small"],
      ["convert", Fixtures.checkpoint("demo"), weighed, "--recipe", "small", "--importance", moments],
    ] {
      let outcome = try run(command)
      #expect(outcome.status == 0 && outcome.output.isEmpty, "\(outcome.errors)")
    }
    let sizes = try [plain, weighed].map { try JSON.parse(try jamba("inspect", $0, "--json").output)["bits_per_weight"] }
    #expect(sizes[0] != nil && sizes[0] == sizes[1])
    let measured = try JSON.parse(
      try jamba(
        "perplexity", weighed, Fixtures.stories, "--reference", reference, "--windows", "2", "--context", "64", "--skip", "32",
        "--layers", "--json"
      ).output)
    #expect(measured["tokens"]?.integer == 62 && measured["windows"]?.integer == 2)
    for name in [
      "perplexity", "perplexity_error", "reference_perplexity", "perplexity_ratio", "mean_kl", "mean_kl_error", "kl_90", "kl_99",
      "kl_999", "max_kl", "top1_agreement", "top5_agreement",
    ] {
      #expect(measured[name]?.double ?? 0 > 0, "\(name)")
    }
    #expect(measured["layers"]?.array?.count == 8)
    let same = try jamba("verify", weighed, "--against", Fixtures.checkpoint("demo"), "--reference", reference)
    #expect(same.status == 0 && same.output.contains("dB") && same.output.contains("computes what"), "\(same.errors)")

    // A router upside down: what a wrong port might do, and no check of bytes finds.
    var tensors = try TensorFile.checkpoint(Fixtures.checkpoint("demo"))
    let router = "model.layers.1.feed_forward.router.weight"
    for index in stride(from: 1, to: tensors.tensors[router]!.bytes.count, by: 2) {
      tensors.tensors[router]!.bytes[index] ^= 0x80
    }
    let (other, wrong) = (folder.file("other"), folder.file("wrong.jamba"))
    try FileManager.default.createDirectory(atPath: other, withIntermediateDirectories: true)
    for name in ["config.json", "tokenizer.json"] {
      try FileManager.default.copyItem(atPath: Fixtures.checkpoint("demo") + "/" + name, toPath: other + "/" + name)
    }
    try tensors.save(to: other + "/model.safetensors")
    #expect(try jamba("convert", other, wrong).status == 0)
    let different = try jamba("verify", wrong, "--reference", reference)
    #expect(different.status == 1 && different.errors.contains("does not compute"))
  }

  /// What cannot be read is not taken for the end: a folder as standard input.
  @Test func inputThatCannotBeReadIsAnError() throws {
    let run = try Program.run(["chat", try demo()], wrapper: ["/bin/sh", "-c", "exec \"$@\" < /", "sh"], in: folder)
    #expect(run.status == 1 && run.errors.contains("jamba: cannot read standard input"), "\(run)")
  }

  @Test func chats() throws {
    let model = try demo()
    let answer = try jamba("chat", model, "--prompt", "Hello", "--temperature", "0")
    #expect(answer.status == 0 && !answer.output.contains("<|") && answer.output.count > 3)
    let session = try jamba(
      "chat", model, "--temperature", "0", "-n", "20", input: "Hello\n/reset\nHello\nAnd you?\n/nonsense\n/quit\nnever read\n")
    let lines = session.output.split(separator: "\n")
    #expect(session.status == 0 && lines.count >= 3)
    #expect(lines[0] == lines[1])
    #expect(session.errors.contains("no command /nonsense"))
  }

  @Test func answersInAGivenForm() throws {
    let model = try demo()
    let schema = folder.file("schema.json")
    try write(Array(#"{"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 6}, "minItems": 2, "maxItems": 2}"#.utf8), to: schema)
    for arguments in [["generate", model, "--prompt", "Dice:"], ["chat", model, "--prompt", "Throw two dice."]] {
      let outcome = try run(arguments + ["--json-schema", schema, "--temperature", "1", "--seed", "1"])
      let values = try JSON.parse(outcome.output).array?.compactMap(\.integer) ?? []
      #expect(outcome.status == 0 && values.count == 2 && values.allSatisfy { 1...6 ~= $0 }, "\(outcome.output)")
    }
    let grammar = folder.file("grammar.gbnf")
    try write(Array("root ::= \"yes\" | \"no\"".utf8), to: grammar)
    let choice = try jamba("chat", model, "--grammar", grammar, "--prompt", "Is the sky blue?").output
    #expect(choice == "yes\n" || choice == "no\n")

    let tools = folder.file("tools.json")
    try write(
      Array(#"[{"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": false}}}]"#.utf8),
      to: tools)
    let template = folder.file("template.jinja")
    try write(
      Array("{{ bos_token }}<tool_call>{{ tools|tojson }}{% for m in messages %}<|bom|>{{ m.content }}<|eom|>{% endfor %}".utf8),
      to: template)
    let call = try jamba(
      "chat", model, "--tools", tools, "--tool-use", "required", "--chat-template", template, "--prompt", "Add.", "-n", "200")
    let parsed = try JSON.parse(call.output.split(separator: "\n").last.map(String.init) ?? "")
    #expect(parsed["name"]?.string == "add" && parsed["arguments"]?["a"]?.integer != nil, "\(call.output) \(call.errors)")

    try write(Array(#"{"type": "string", "pattern": "(a)\\1"}"#.utf8), to: schema)
    let refused = try jamba("generate", model, "--prompt", "x", "--json-schema", schema)
    #expect(refused.status == 1 && refused.errors.contains("\"pattern\"") && refused.output.isEmpty)
    try write(Array("root ::= root".utf8), to: grammar)
    #expect(try jamba("generate", model, "--prompt", "x", "--grammar", grammar).status == 1)
  }

  @Test func tokenizesAndRenders() throws {
    let model = try demo()
    let line = try JSON.parse(try jamba("tokenize", model, "Hello world").output)
    #expect(line["decoded"]?.string == "Hello world")
    let ids = (line["ids"]?.array ?? []).compactMap(\.integer)
    #expect(!ids.isEmpty)
    #expect(line["ids_with_special"]?.array?.compactMap(\.integer) == [1] + ids)
    let decoded = try jamba("tokenize", model, "--decode", ids.map(String.init).joined(separator: ","))
    #expect(decoded.output == "Hello world\n")

    let context = folder.file("context.json")
    try write(
      Array(#"{"messages": [{"role": "user", "content": "Hi"}], "add_generation_prompt": true, "bos_token": "<s>"}"#.utf8),
      to: context)
    #expect(
      try jamba("render", model, "--context", context).output == "<s><|bom|><|user|>Hi<|eom|><|bom|><|assistant|>")
  }

  @Test func logitsAreASafetensorsFile() throws {
    let model = folder.file("moe.jamba")
    #expect(try jamba("convert", Fixtures.checkpoint("moe"), model, "--type", "f32").status == 0)
    var files: [[UInt8]] = []
    for (chunk, threads) in [("1", "1"), ("7", "2"), ("64", "1"), ("256", "2")] {
      let output = folder.file("logits.safetensors")
      let outcome = try jamba(
        "logits", model, "--tokens", "5, 6 7,8", "--output", output, "--chunk", chunk, "--threads", threads)
      #expect(outcome.status == 0, "\(outcome.errors)")
      files.append(try bytes(of: output))
      #expect(try TensorFile(output).tensors["logits"]?.shape == [4, 512])
    }
    #expect(Set(files).count == 1)
  }

  /// Options of sampling arrive: a bias decides, and a penalty for what has come keeps it from coming again.
  @Test func samplingOptionsCount() throws {
    let model = try demo()
    func tokens(_ arguments: String...) throws -> [Int] {
      let outcome = try run(
        ["generate", model, "--tokens", "1", "-n", "8", "--ignore-eos", "--json"] + arguments)
      #expect(outcome.status == 0, "\(outcome.errors)")
      return try JSON.parse(outcome.output)["tokens"]?.array?.compactMap(\.integer) ?? []
    }
    #expect(try tokens("--logit-bias", "300+100") == Array(repeating: 300, count: 8))
    #expect(try tokens("--logit-bias", "300+100", "--logit-bias", "300-200").contains(300) == false)
    #expect(
      try Set(tokens("--logit-bias", "300+100", "--presence-penalty", "100", "--repeat-last-n", "-1")).count == 8)
    let repeating = try tokens(
      "--logit-bias", "300+90", "--dry-multiplier", "100", "--dry-allowed-length", "1", "--dry-sequence-breaker", "none")
    #expect(repeating.contains { $0 != 300 })
    #expect(
      try tokens("--temperature", "1", "--seed", "3", "--mirostat", "2", "--mirostat-tau", "0.01")
        == tokens("--temperature", "1", "--seed", "4", "--top-k", "1"))
  }

  /// One sentence on standard error, nothing on standard output, the documented status.
  @Test func failuresAreOneSentence() throws {
    let model = try demo()
    let text = folder.file("text")
    try write(Array("not a model".utf8), to: text)
    let failures: [[String]] = [
      ["generate", "/nonexistent.jamba", "--prompt", "x"], ["generate", text, "--prompt", "x"],
      ["generate", folder.path, "--prompt", "x"], ["generate", model, "--tokens", "1,99999"],
      ["generate", model, "--tokens", "1,x"], ["generate", model, "--tokens", "1,-5"],
      ["convert", "/nonexistent", folder.file("o.jamba")],
      ["convert", Fixtures.checkpoint("moe"), "/nonexistent/o.jamba"], ["verify", text], ["inspect", text],
      ["chat", text], ["logits", model, "--tokens", "", "--output", folder.file("l")],
      ["logits", model, "--tokens", "1", "--output", "/nonexistent/l"], ["tokenize", model, "--jsonl", text],
      ["render", model, "--context", text], ["perplexity", model, text], ["unpack", text, folder.file("u")],
    ]
    for arguments in failures {
      let outcome = try run(arguments)
      #expect(outcome.status == 1, "\(arguments): \(outcome.errors)")
      #expect(outcome.output.isEmpty, "\(arguments)")
      #expect(outcome.errors.hasPrefix("jamba: ") && outcome.errors.split(separator: "\n").count == 1, "\(arguments): \(outcome.errors)")
    }
  }

  @Test func wrongUsageIsStatus2() throws {
    for arguments in [
      ["frobnicate"], ["generate"], ["generate", "x"], ["generate", "x", "--prompt", "a", "--tokens", "1"],
      ["generate", "x", "--prompt", "a", "--temperature", "nan"], ["generate", "x", "--prompt", "a", "--top-p", "-1"],
      ["generate", "x", "--prompt", "a", "--mirostat", "1"], ["generate", "x", "--prompt", "a", "--logit-bias", "5"],
      ["generate", "x", "--prompt", "a", "--dry-base", "0"], ["generate", "x", "--prompt", "a", "--chunk", "0"],
      ["generate", "x", "--prompt", "a", "--window", "4", "--sinks", "4"], ["plan", "x", "--sessions", "0"],
      ["generate", "x", "--prompt", "a", "--context", "0"],
      ["generate", "x", "--prompt", "a", "-n", "-1"], ["generate", "x", "--prompt", "a", "--threads", "0"],
      ["convert", "x"], ["convert", "x", "y", "--type", "int5"], ["convert", "x", "y", "--type", "int8", "--recipe", "small"],
      ["convert", "x", "y", "--recipe", "small", "--bits", "4.7"], ["convert", "x", "y", "--bits", "nan"],
      ["convert", "x", "y", "--bits-on-disk", "3.5", "--bits", "4.7"], ["convert", "x", "y", "--bits-on-disk", "3.5", "--pack", "raw"],
      ["logits", "x", "--tokens", "1"], ["tokenize", "x"], ["perplexity", "x", "y", "--skip", "511"], ["perplexity", "x", "y", "--layers"],
      ["calibrate", "x", "y"], ["calibrate", "x", "y", "-o", "z", "--windows", "0"],
      ["convert", "x", "y", "--type", "bf16", "--importance", "z"], ["perplexity", "x", "y", "--context", "1"],
    ] {
      let outcome = try run(arguments)
      #expect(outcome.status == 2 && outcome.output.isEmpty && !outcome.errors.isEmpty, "\(arguments)")
    }
    #expect(try run(["--help"]).status == 0)
    #expect(try run(["--version"]).status == 0)
  }

  private func run(_ arguments: [String], input: String = "") throws -> Program.Outcome {
    try Program.run(arguments, input: input, in: folder)
  }
}
