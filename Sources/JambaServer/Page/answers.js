// --- Answers ---

const running = new Map();  // id of a conversation: the controller that ends its answer

function requestBody(chat) {
  const messages = chat.system.trim() ? [{ role: "system", content: chat.system }] : [];
  for (const { role, content, calls } of chat.messages) {
    if (role === "assistant" && !content && !calls?.length) continue;
    messages.push({ role, content, ...(calls?.length ? { tool_calls: calls } : {}) });
  }
  return { model: currentModel()?.id, messages, stream: true, stream_options: { include_usage: true }, ...settings.sampling };
}

/// Takes one chunk of the stream into the answer.
function take(message, chunk) {
  if (chunk.error) throw new Problem(`The answer was broken off. The server says: ${chunk.error.message}`);
  const choice = chunk.choices?.[0], delta = choice?.delta ?? {};
  message.content += delta.content ?? "";
  message.reasoning += delta.reasoning_content ?? "";
  for (const part of delta.tool_calls ?? []) {
    const call = message.calls[Math.min(part.index ?? 0, message.calls.length)] ??= { id: "", type: "function", function: { name: "", arguments: "" } };
    call.id ||= part.id ?? "";
    call.function.name += part.function?.name ?? "";
    call.function.arguments += part.function?.arguments ?? "";
  }
  if (choice?.finish_reason) message.finish = choice.finish_reason;
  if (chunk.usage) {
    message.figures = {
      answer: chunk.usage.completion_tokens, prompt: chunk.usage.prompt_tokens,
      cached: chunk.usage.prompt_tokens_details?.cached_tokens ?? 0,
      answerSpeed: chunk.timings?.predicted_tokens_per_second, promptSpeed: chunk.timings?.prompt_tokens_per_second,
    };
  }
}

/// Asks for the answer to the conversation as it is, and shows it while it comes.
async function answer(chat) {
  const controller = new AbortController();
  const message = { role: "assistant", content: "", reasoning: "", calls: [] };
  running.set(chat.id, controller);
  const body = JSON.stringify(requestBody(chat));
  chat.messages.push(message);
  chat.updated = Date.now();
  saveChat(chat);
  showMessages();
  let saved = Date.now();
  try {
    const response = await call("/v1/chat/completions", {
      method: "POST", headers: { "Content-Type": "application/json" }, body, signal: controller.signal,
    });
    for await (const data of events(response)) {
      if (data === "[DONE]") break;
      take(message, JSON.parse(data));
      showSoon(message);
      if (Date.now() - saved > 2000) { saveChat(chat); saved = Date.now(); }
    }
    if (!message.finish) throw new Problem("The connection ended before the answer did.");
  } catch (error) {
    if (controller.signal.aborted) message.stopped = true;
    else {
      message.error = error instanceof SyntaxError ? "The server sent something that is not JSON." : error instanceof Problem ? error.message
        : "The connection ended before the answer did.";
      message.wantsKey = error.status === 401;
    }
  }
  running.delete(chat.id);
  saveChat(chat);
  showMessage(message);
  showList();
  showComposer();
  if (chat === current) {
    const text = views.get(message)?.body.textContent.trim().slice(0, 3000) ?? "";
    announce(message.error ?? (message.stopped ? "Stopped." : `Answer: ${text || "no text"}`));
  } else if (!chat.deleted) announce(`The answer in “${title(chat)}” has ended.`);
  if (message.wantsKey && chat === current) askForKey(message.error);
}

function stop() { running.get(current.id)?.abort(); }

function send(text) {
  if (!text.trim() || running.has(current.id)) return;
  current.messages.push({ role: "user", content: text });
  store.write("current", current.id);
  follows = true;
  answer(current);
  showList();
}

/// Answers again from before the message at `index`, which with all after it goes away; `text` takes a reader's message's place.
function answerFrom(index, text) {
  if (running.has(current.id)) { notify("Stop the answer first."); return; }
  current.messages.length = index;
  if (text !== undefined) current.messages.push({ role: "user", content: text });
  follows = true;
  answer(current);
  showList();
  // What had the focus is gone. A touch screen's keyboard is not called up for that.
  $(hasMouse.matches ? "message" : "log").focus();
}
