// --- Answers ---

/// id of a conversation: the controller that ends its answer, which also counts {pieces, since (the first one, ms), pace (in
/// words), paced (when that was said)}.
const running = new Map();

/// `goesOn`: the last message is an answer, which the model is to go on with.
function requestBody(chat, goesOn) {
  const messages = chat.system.trim() ? [{ role: "system", content: chat.system }] : [];
  for (const { role, content, calls } of chat.messages) {
    if (role === "assistant" && !content && !calls?.length) continue;
    messages.push({ role, content, ...(calls?.length ? { tool_calls: calls } : {}) });
  }
  if (goesOn && chat.messages.at(-1).reasoning) messages.at(-1).reasoning_content = chat.messages.at(-1).reasoning;
  return {
    model: currentModel()?.id, messages, stream: true, stream_options: { include_usage: true },
    ...(goesOn ? { continue_final_message: true, add_generation_prompt: false } : {}), ...settings.sampling,
  };
}

/// What has no part in the conversation: an answer that did not come.
const isEmpty = message => message.role === "assistant" && !message.content && !message.reasoning && !message.calls?.length;

/// Answers that did not come to their end, of which something is there, can be gone on with.
const canGoOn = message => Boolean(message.content) && !message.calls?.length && !["stop", "tool_calls", "content_filter"].includes(message.finish);

/// How fast an answer is coming, in words that change no more than twice a second. A piece is a token, or a few.
function pace(controller) {
  const now = performance.now();
  if (!(now - controller.paced < 500)) {
    const seconds = (now - controller.since) / 1000;
    controller.paced = now;
    controller.pace = controller.pieces > 2 && seconds > 0.3 ? `about ${number((controller.pieces - 1) / seconds, 1)} tokens/s · ${number(controller.pieces)} tokens` : "";
  }
  return controller.pace;
}

/// Takes one chunk of the stream into the answer; `before` counts the tokens that it had when it was gone on with.
function take(message, chunk, before) {
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
      answer: before + chunk.usage.completion_tokens, prompt: chunk.usage.prompt_tokens,
      cached: chunk.usage.prompt_tokens_details?.cached_tokens ?? 0,
      answerSpeed: chunk.timings?.predicted_tokens_per_second, promptSpeed: chunk.timings?.prompt_tokens_per_second,
    };
  }
}

/// Asks for the answer to the conversation as it is, or for the rest of the one with which it ends, and shows it while it comes.
async function answer(chat, goesOn = false) {
  const controller = Object.assign(new AbortController(), { pieces: 0, pace: "" });
  const message = goesOn ? chat.messages.at(-1) : { role: "assistant", content: "", reasoning: "", calls: [] };
  const before = goesOn ? message.figures?.answer ?? NaN : 0;  // not known of a part that was stopped
  running.set(chat.id, controller);
  const body = JSON.stringify(requestBody(chat, goesOn));
  for (const name of ["finish", "stopped", "error", "wantsKey", "figures"]) delete message[name];
  if (!goesOn) append(chat, message);
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
      const chunk = JSON.parse(data), delta = chunk.choices?.[0]?.delta;
      take(message, chunk, before);
      if (delta?.content || delta?.reasoning_content || delta?.tool_calls) {
        controller.pieces += 1;
        controller.since ??= performance.now();
      }
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
  append(current, { role: "user", content: text });
  store.write("current", current.id);
  follows = true;
  answer(current);
  showAddress();
  showList();
}

/// Answers again from before the message at `index`, in a branch of its own; `text` takes a reader's message's place.
function answerFrom(index, text) {
  if (running.has(current.id)) { notify("Stop the answer first."); return; }
  const replaced = current.messages[index];
  current.messages.length = index;
  if (isEmpty(replaced)) drop(current, replaced);
  if (text !== undefined) append(current, { role: "user", content: text });
  follows = true;
  answer(current);
  showList();
  leaveButton();
}

function goOn() {
  if (running.has(current.id)) return;
  follows = true;
  answer(current, true);
  leaveButton();
}

/// What had the focus is gone. A touch screen's keyboard is not called up for that.
function leaveButton() { $(hasMouse.matches ? "message" : "log").focus(); }
