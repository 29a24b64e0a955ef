import Jamba
import JambaGrammar
import JambaSystem

/// A request for an answer whose prompts have been made and found to fit, and whose grammars are compiled.
struct PreparedAnswer: PreparedWork {
  let request: AnswerRequest
  let prompts: [TokenizedPrompt]
  /// The most tokens of an answer, by prompt.
  let rooms: [Int]
  let grammar: Grammar?

  var promptTokenCount: Int { prompts.reduce(0) { $0 + $1.tokens.count } }

  func run(_ job: Job, _ answers: Answers, slot: Int) throws(Failure) -> AnswerUsage {
    try AnswerGenerator(self, job, answers, slot: slot).run()
  }
}

extension AnswerRequest: Work {
  func prepare(_ answers: Answers) throws(Failure) -> any PreparedWork {
    let (model, options) = (answers.model, answers.options)
    let grammar = try grammar(answers.grammars)
    let prompts: [TokenizedPrompt]
    do throws(JambaError) { prompts = try self.prompts(answers, grammar) } catch {
      throw Failure(error, grammarParameter: "tools", promptParameter: promptParameter)
    }
    let rooms = try prompts.map { (prompt) throws(Failure) in try room(after: prompt.tokens.count, model, options) }
    let prepared = PreparedAnswer(request: self, prompts: prompts, rooms: rooms, grammar: grammar)
    try checkSize(prepared)
    return prepared
  }

  private func prompts(_ answers: Answers, _ grammar: Grammar?) throws(JambaError) -> [TokenizedPrompt] {
    switch source {
    case .chat(let messages, let options):
      let prompt = try answers.model.tokenizedPrompt(
        messages, options, hasAnswerGrammar: form != .free,
        fitting: answers.options.refusesUnknownMembers ? nil : answers.model.textLimit)
      if prompt.leavesOutTools {
        answers.metrics.countPassedOver(1)
        answers.notices.passedOver(["tools (they do not fit the context)"])
      }
      return [try prompt.constrained(by: grammar)]
    case .texts(let prompts):
      return try prompts.map { (prompt) throws(JambaError) in
        TokenizedPrompt(tokens: try prompt.tokens(answers.model))
      }
    }
  }

  private func grammar(_ cache: GrammarCache) throws(Failure) -> Grammar? {
    do throws(GrammarError) {
      switch form {
      case .free: return nil
      case .schema(let schema):
        return try cache.grammar(of: "schema " + schema.text()) { () throws(GrammarError) in try Grammar(jsonSchema: schema) }
      case .grammar(let text):
        return try cache.grammar(of: "grammar " + text) { () throws(GrammarError) in try Grammar(source: text) }
      case .pattern(let text):
        return try cache.grammar(of: "pattern " + text) { () throws(GrammarError) in try Grammar(pattern: text) }
      }
    } catch { throw Failure(.grammar(error), grammarParameter: formParameter) }
  }

  /// The most tokens that an answer may have: what the request asks for, within the context.
  private func room(
    after promptTokenCount: Int, _ model: JambaModel, _ options: ServerOptions
  ) throws(Failure) -> Int {
    let wanted = maxTokens ?? options.defaultMaxTokens
    guard let context = model.textLimit else { return wanted }
    guard promptTokenCount < context || wanted == 0 && promptTokenCount == context else {
      throw .contextFull(promptTokenCount, of: context, promptParameter)
    }
    return min(wanted, context - promptTokenCount)
  }

  /// What is told of many tokens is kept until all of them are there.
  private func checkSize(_ prepared: PreparedAnswer) throws(Failure) {
    guard let top = topLogProbabilities, echoes || prepared.prompts.count > 1 else { return }
    let scored = echoes ? prepared.promptTokenCount : 0
    let generated = prepared.rooms.reduce(0) { $0 + min($1, Limits.probabilities) * candidateCount }
    guard (scored + generated).multipliedReportingOverflow(by: top + 1).partialValue <= Limits.probabilities,
      scored + generated <= Limits.probabilities
    else {
      throw .invalid(
        "logprobs",
        "\"logprobs\" asks for the log-probabilities of up to \(scored + generated) tokens with \(top) others each, which "
          + "are more than \(Limits.probabilities)")
    }
  }
}
