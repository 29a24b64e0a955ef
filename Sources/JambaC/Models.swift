public import CJamba
internal import Jamba
internal import JambaFormat

@c @implementation public func jamba_version_number() -> UInt32 {
  UInt32(JAMBA_VERSION_MAJOR * 10000 + JAMBA_VERSION_MINOR * 100 + JAMBA_VERSION_PATCH)
}

@c @implementation public func jamba_model_plan(
  _ path: UnsafePointer<CChar>!, _ options: UnsafePointer<jamba_model_options>!,
  _ plan: UnsafeMutablePointer<jamba_plan>!
) -> jamba_status {
  report { () throws(Failure) in
    let path = unsafe try text(path, "the path")
    let options = unsafe try ModelOptions(options)
    unsafe try checkResult(plan, "the plan")
    let result = try runtime { () throws(JambaError) in try JambaModel.plan(path, options: options) }
    unsafe try store(jamba_plan(result), in: plan, "the plan")
  }
}

@c @implementation public func jamba_model_open(
  _ path: UnsafePointer<CChar>!, _ options: UnsafePointer<jamba_model_options>!,
  _ callbacks: UnsafePointer<jamba_callbacks>!, _ model: UnsafeMutablePointer<OpaquePointer?>!
) -> jamba_status {
  report { () throws(Failure) in
    let path = unsafe try text(path, "the path")
    let options = unsafe try ModelOptions(options)
    let callbacks = unsafe try Callbacks(callbacks)
    unsafe try checkResult(model)
    let opened = try runtime { () throws(JambaError) in
      try JambaModel.open(path, options: options) { callbacks.progress($0, $1) && !callbacks.isCancelled }
    }
    callbacks.log("\(opened.path): \(opened.instructionSetName) kernels on \(opened.threadCount) threads")
    callbacks.log("\(opened.plan.residency): \(opened.plan.byteCount) bytes planned within \(opened.plan.limit)")
    unsafe model.pointee = Handles.models.insert(opened)
  }
}

@c @implementation public func jamba_model_free(_ model: OpaquePointer!) {
  unsafe Handles.models.free(model)
}

@c @implementation public func jamba_adapter_load(
  _ model: OpaquePointer!, _ path: UnsafePointer<CChar>!, _ adapter: UnsafeMutablePointer<OpaquePointer?>!
) -> jamba_status {
  report { () throws(Failure) in
    let model = unsafe try Handles.models.object(of: model)
    let path = unsafe try text(path, "the path")
    unsafe try checkResult(adapter)
    let loaded = try runtime { () throws(JambaError) in try model.loadAdapter(path) }
    unsafe adapter.pointee = Handles.adapters.insert(loaded)
  }
}

@c @implementation public func jamba_adapter_free(_ adapter: OpaquePointer!) {
  unsafe Handles.adapters.free(adapter)
}

@c @implementation public func jamba_model_info(
  _ model: OpaquePointer!, _ info: UnsafeMutablePointer<jamba_info>!
) -> jamba_status {
  report { () throws(Failure) in
    let model = unsafe try Handles.models.object(of: model)
    unsafe try store(jamba_info(model), in: info, "the info")
  }
}

@c @implementation public func jamba_model_end_tokens(
  _ model: OpaquePointer!, _ tokens: UnsafeMutablePointer<Int32>!, _ capacity: Int, _ count: UnsafeMutablePointer<Int>!
) -> jamba_status {
  report { () throws(Failure) in
    let model = unsafe try Handles.models.object(of: model)
    unsafe try Room(tokens, capacity, count).fill(model.endTokens.sorted().span)
  }
}

extension ModelOptions {
  init(_ pointer: UnsafePointer<jamba_model_options>?) throws(Failure) {
    let given = unsafe try structure(
      pointer, jamba_model_options(), first: ModelOptions.firstStructByteCount, "the model's options")
    self.init()
    memory = unsafe try byteCount(given.memory, "memory")
    snapshotByteCount = unsafe try byteCount(given.snapshot_memory, "snapshot_memory")
    threads = unsafe orDefault(given.threads)
    context = unsafe orDefault(given.context)
    if let count = unsafe orDefault(given.sessions) { sessions = count }
    sessionDefaults = unsafe try SessionOptions(
      chunk: given.chunk, orChunk: SessionOptions.usualChunk, window: given.window, sinks: given.sinks,
      given.cache_type, draft: given.draft)
    switch unsafe given.access {
    case JAMBA_ACCESS_DEFAULT: access = nil
    case JAMBA_ACCESS_CACHED: access = .cached
    case JAMBA_ACCESS_DIRECT: access = .direct
    default: throw .argument(unsafe "the access is \(given.access.rawValue), which is none of jamba_access")
    }
    chatTemplate = unsafe try optionalText(given.chat_template, "the chat template")
    draftTexts = unsafe try array(
      given.draft_texts, given.draft_text_count, limit: ArgumentLimits.draftTextCount, "texts to guess from"
    ).map { (path) throws(Failure) in unsafe try text(path, "the path of a text to guess from") }
    keepsUses = unsafe given.keep_uses != 0
  }

  /// Of the struct before it knew of texts to guess from.
  private static let firstStructByteCount = unsafe MemoryLayout<jamba_model_options>.offset(of: \.draft_texts)!
}

/// Bytes from C; zero is nil.
private func byteCount(_ value: UInt64, _ name: String) throws(Failure) -> Int? {
  guard value <= 1 << 62 else { throw .argument("\(name) is \(value) bytes, which is absurd") }
  return value == 0 ? nil : Int(value)
}

/// A count from C; zero is nil.
func orDefault(_ value: UInt32) -> Int? { value == 0 ? nil : Int(value) }

extension CacheType {
  static func of(_ type: jamba_cache_type) throws(Failure) -> CacheType? {
    switch type {
    case JAMBA_CACHE_DEFAULT: nil
    case JAMBA_CACHE_F32: .f32
    case JAMBA_CACHE_F16: .f16
    case JAMBA_CACHE_INT8: .int8
    case JAMBA_CACHE_INT4: .int4
    default: throw .argument("the cache type is \(type.rawValue), which is none of jamba_cache_type")
    }
  }
}

extension jamba_plan {
  init(_ plan: MemoryPlan) {
    self.init()
    limit = UInt64(clamping: plan.limit.byteCount)
    total = UInt64(clamping: plan.byteCount)
    least = UInt64(clamping: plan.leastByteCount)
    switch plan.residency {
    case .mapped: residency = JAMBA_RESIDENCY_MAPPED
    case .owned: residency = JAMBA_RESIDENCY_OWNED
    case .experts(let slots):
      residency = JAMBA_RESIDENCY_EXPERTS
      expert_slots = UInt32(clamping: slots)
    case .layers(let kept, let slots, let expertSlots):
      residency = JAMBA_RESIDENCY_LAYERS
      kept_layers = UInt32(clamping: kept)
      layer_slots = UInt32(clamping: slots)
      expert_slots = UInt32(clamping: expertSlots)
    }
    context = UInt32(clamping: plan.context)
    let given = plan.items.map { item in
      var given = jamba_plan_item()
      copy(item.name, to: &given.name)
      given.bytes = UInt64(clamping: item.byteCount)
      return given
    }
    item_count = unsafe withUnsafeMutableBytes(of: &items) { target in
      let target = unsafe target.bindMemory(to: jamba_plan_item.self)
      let count = min(target.count, given.count)
      for index in 0..<count { unsafe target[index] = given[index] }
      return UInt32(count)
    }
  }
}

extension jamba_info {
  init(_ model: JambaModel) {
    let c = model.configuration
    self.init()
    file_bytes = UInt64(clamping: model.file.byteCount)
    vocabulary_count = UInt32(clamping: c.vocabSize)
    hidden_size = UInt32(clamping: c.hiddenSize)
    layer_count = UInt32(clamping: c.numHiddenLayers)
    attention_layer_count = UInt32(clamping: c.layers(with: .attention).count)
    expert_count = UInt32(clamping: max(1, c.numExperts))
    experts_per_token = UInt32(clamping: max(1, c.numExpertsPerTok))
    context_limit = UInt32(clamping: c.maxPositionEmbeddings)
    threads = UInt32(clamping: model.threadCount)
    begin_token = Int32(clamping: c.bosTokenID ?? -1)
    has_tokenizer = model.tokenizer == nil ? 0 : 1
    has_chat_template = model.chatTemplate == nil ? 0 : 1
    copy(model.instructionSetName, to: &instruction_set)
  }
}
