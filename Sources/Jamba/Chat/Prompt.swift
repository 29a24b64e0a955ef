import JambaSystem
import JambaTemplate
import JambaText

/// A rendered conversation, ready to be encoded.
package struct Prompt {
  let text: MarkedText
  let marker: Marker?
  /// How the answer is read.
  let parsing: AnswerParser.Style

  /// The text as the model reads it.
  package var shownText: String { text.text }

  /// The text with the answer, as a later rendering should begin.
  func continued(by answer: String) -> String {
    text.marked + (marker?.marked(answer, except: parsing.markers) ?? answer)
  }
}

extension ModelText {
  /// The conversation as the model's chat template prints it. Without a template the messages' texts follow one another.
  ///
  /// - Parameter hasAnswerGrammar: the answer's text is held to a grammar of its own.
  /// - Throws: `template`, `invalidOption`.
  func prompt(
    _ messages: [ChatMessage], _ options: ChatOptions, addGenerationPrompt: Bool = true, hasAnswerGrammar: Bool = false
  ) throws(JambaError) -> Prompt {
    var options = options
    if options.toolUse != .free, options.tools.isEmpty {
      throw .invalidOption("calls are to fit the tools, but there are no tools")
    }
    if options.continuesFinalMessage, messages.isEmpty {
      throw .invalidOption("the last message is to be continued, but there are no messages")
    }
    let isGeneric = !options.tools.isEmpty && format.toolStyle == nil
    guard isGeneric else {
      return try print(messages, options, addGenerationPrompt, tools: options.tools.isEmpty ? nil : format.toolStyle)
    }
    if options.continuesFinalMessage {
      // The form begins with the answer, of which a part is there already.
      guard options.toolUse != .required else {
        throw .invalidOption(
          "a call is required, which is an answer of its own where the chat template knows no tools, and the last message "
            + "is to be continued")
      }
      (options.tools, options.toolUse) = ([], .free)
      return try print(messages, options, addGenerationPrompt, tools: nil)
    }
    let wrapsText = !hasAnswerGrammar
    func generic(hasSystemRole: Bool) throws(JambaError) -> Prompt {
      let messages = GenericTools.messages(messages, options, wrapsText: wrapsText, hasSystemRole: hasSystemRole)
      return try print(messages, options, addGenerationPrompt, tools: .generic, hasPlainResponse: !wrapsText)
    }
    do throws(JambaError) { return try generic(hasSystemRole: true) } catch {
      // A template that refuses system messages, or one that fails anyhow.
      do throws(JambaError) { return try generic(hasSystemRole: false) } catch _ { throw error }
    }
  }

  private func print(
    _ messages: [ChatMessage], _ options: ChatOptions, _ addGenerationPrompt: Bool, tools: ChatFormat.ToolStyle?,
    hasPlainResponse: Bool = false
  ) throws(JambaError) -> Prompt {
    let addGenerationPrompt = addGenerationPrompt && options.addsGenerationPrompt && !options.continuesFinalMessage
    let untrusted: [JSON] = messages.map { json($0) } + options.tools + options.documents
    var marker: Marker?
    if !options.parsesSpecialTokens, let tokenizer {
      do { marker = try Marker(tokenizer, avoiding: untrusted) } catch {
        throw .invalidOption("the messages hold every character that could mark the names of control tokens")
      }
    }
    func marked(_ value: JSON, except names: [String] = []) -> JSON { marker?.marked(value, except: names) ?? value }

    var parsing = AnswerParser.Style()
    parsing.tools = tools
    parsing.hasPlainResponse = hasPlainResponse
    parsing.continuesText = options.continuesFinalMessage
    guard let chosen = tools == nil || tools == .generic ? template : toolTemplate ?? template else {
      let text = messages.map { marker?.marked($0.content) ?? $0.content }.joined(separator: "\n")
      let start = configuration.bosTokenID.flatMap { tokenizer?.piece(of: Int32($0)) } ?? ""
      return Prompt(text: MarkedText(marked: start + text, mark: marker?.mark), marker: marker, parsing: parsing)
    }
    var context = options.variables
    var shown = messages
    let tag = options.continuesFinalMessage ? FinalMessage.tag(for: messages) : ""
    if !tag.isEmpty { shown[shown.count - 1].content += tag }
    context["messages"] = .array(
      shown.map { marked(json($0), except: $0.role == "assistant" ? format.markerNames : []) })
    if tools != nil, tools != .generic { context["tools"] = marked(.array(options.tools)) }
    if !options.documents.isEmpty { context["documents"] = marked(.array(options.documents)) }
    context["add_generation_prompt"] = .bool(addGenerationPrompt)
    for (name, id) in [("bos_token", configuration.bosTokenID), ("eos_token", configuration.eosTokenIDs.first)] {
      if let id, let piece = tokenizer?.piece(of: Int32(id)) { context[name] = .string(piece) }
    }
    var text: String
    do { text = try chosen.render(context) } catch { throw .template(error) }
    if !tag.isEmpty {
      guard let cut = FinalMessage.cut(text, at: tag) else {
        throw .invalidOption("the last message is to be continued, but the chat template does not print it")
      }
      text = cut
    }
    parsing.thinks = format.thinks
    parsing.beginsThinking =
      format.thinks
      && (tag.isEmpty
        ? addGenerationPrompt && Prompt.ends(text, with: ChatFormat.thinkOpening)
        : FinalMessage.isWithinThought(messages.last?.content ?? ""))
    parsing.isThoughtOver =
      !tag.isEmpty || options.variables["enable_thinking"] == .bool(false)
      || Prompt.ends(text, with: ChatFormat.thinkClosing)
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
  /// Whether a prompt ends with a mark, white space aside.
  fileprivate static func ends(_ prompt: String, with mark: String) -> Bool {
    var bytes = Array(prompt.utf8)[...]
    while let last = bytes.last, last == 0x20 || last == 0x0A || last == 0x0D { bytes.removeLast() }
    return bytes.suffix(mark.utf8.count).elementsEqual(mark.utf8)
  }
}
