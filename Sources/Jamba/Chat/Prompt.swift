import JambaSystem
import JambaTemplate
import JambaText

/// A rendered conversation, ready to be encoded.
package struct Prompt {
  let text: MarkedText
  let marker: Marker?
  /// How the answer is read.
  let parsing: AnswerParser.Style

  /// The text with the answer, as a later rendering should begin.
  func continued(by answer: String) -> String {
    text.marked + (marker?.marked(answer, except: parsing.markers) ?? answer)
  }
}

extension ModelText {
  /// The conversation as the model's chat template prints it. Without a template the messages' texts follow one another.
  ///
  /// - Throws: `template`, `invalidOption`.
  func prompt(
    _ messages: [ChatMessage], _ options: ChatOptions, addGenerationPrompt: Bool = true
  ) throws(JambaError) -> Prompt {
    let untrusted: [JSON] = messages.map { json($0) } + options.tools + options.documents
    var marker: Marker?
    if !options.parsesSpecialTokens, let tokenizer {
      do { marker = try Marker(tokenizer, avoiding: untrusted) } catch {
        throw .invalidOption("the messages hold every character that could mark the names of control tokens")
      }
    }
    func marked(_ value: JSON, except names: [String] = []) -> JSON { marker?.marked(value, except: names) ?? value }

    guard let chosen = options.tools.isEmpty ? template : toolTemplate ?? template else {
      let text = messages.map { marker?.marked($0.content) ?? $0.content }.joined(separator: "\n")
      let start = configuration.bosTokenID.flatMap { tokenizer?.piece(of: Int32($0)) } ?? ""
      return Prompt(
        text: MarkedText(marked: start + text, mark: marker?.mark), marker: marker, parsing: AnswerParser.Style())
    }
    if options.toolUse != .free {
      guard !options.tools.isEmpty else { throw .invalidOption("calls are to fit the tools, but there are no tools") }
      guard format.toolStyle != nil else {
        throw .invalidOption(
          "calls are to fit the tools, but the chat template shows no way of calling them that is known")
      }
    }
    var context = options.variables
    context["messages"] = .array(
      messages.map { marked(json($0), except: $0.role == "assistant" ? format.markerNames : []) })
    if !options.tools.isEmpty { context["tools"] = marked(.array(options.tools)) }
    if !options.documents.isEmpty { context["documents"] = marked(.array(options.documents)) }
    context["add_generation_prompt"] = .bool(addGenerationPrompt)
    for (name, id) in [("bos_token", configuration.bosTokenID), ("eos_token", configuration.eosTokenIDs.first)] {
      if let id, let piece = tokenizer?.piece(of: Int32(id)) { context[name] = .string(piece) }
    }
    let text: String
    do { text = try chosen.render(context) } catch { throw .template(error) }
    var parsing = AnswerParser.Style()
    parsing.thinks = format.thinks
    parsing.beginsThinking = format.thinks && addGenerationPrompt && Prompt.endsThinking(text)
    parsing.tools = options.tools.isEmpty ? nil : format.toolStyle
    parsing.markers = format.markerNames
    return Prompt(text: MarkedText(marked: text, mark: marker?.mark), marker: marker, parsing: parsing)
  }

  /// A message as templates know it.
  private func json(_ message: ChatMessage) -> JSON {
    var content = message.content
    var object: JSONObject = ["role": .string(message.role)]
    if let reasoning = message.reasoning {
      if format.hasReasoningField {
        object["reasoning_content"] = .string(reasoning)
      } else {
        content = "\(ChatFormat.thinkOpening)\n\(reasoning)\n\(ChatFormat.thinkClosing)\n\n\(content)"
      }
    }
    object["content"] = .string(content)
    if let name = message.name { object["name"] = .string(name) }
    if !message.toolCalls.isEmpty {
      object["tool_calls"] = .array(message.toolCalls.map { .object($0.templateMembers) })
    }
    return .object(object)
  }
}

extension Prompt {
  /// Whether a prompt leaves a thought open, white space aside.
  fileprivate static func endsThinking(_ prompt: String) -> Bool {
    var bytes = Array(prompt.utf8)[...]
    while let last = bytes.last, last == 0x20 || last == 0x0A || last == 0x0D { bytes.removeLast() }
    return bytes.suffix(ChatFormat.thinkOpening.utf8.count).elementsEqual(ChatFormat.thinkOpening.utf8)
  }
}
