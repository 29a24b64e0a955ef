// --- Messages on the page ---

let current;             // the conversation that is shown
let follows = true;      // the end of the log is kept in sight
const views = new Map(); // message: its elements
const unseen = new Set();
let frame = 0;

function showSoon(message) {
  unseen.add(message);
  frame ||= requestAnimationFrame(() => { frame = 0; unseen.forEach(bringUpToDate); unseen.clear(); toEnd(); });
}

function showMessages() {
  const log = $("log");
  const shown = new Set(current.messages);
  for (const [message, view] of views) {
    if (shown.has(message)) continue;
    view.root.remove();
    views.delete(message);
  }
  log.querySelector(".welcome")?.remove();
  if (current.messages.length === 0) {
    log.append(make("div", { className: "welcome" }, make("h2", {}, "What shall we talk about?"),
      make("p", {}, make("kbd", {}, "Enter"), " sends, ", make("kbd", {}, "Shift Enter"), " starts a new line, ", make("kbd", {}, "Esc"), " stops."),
      make("p", {}, "Conversations stay in this browser.")));
  }
  for (const message of current.messages) {
    if (views.has(message)) continue;
    const root = make("article", { className: message.role });
    root.setAttribute("aria-label", message.role === "user" ? "You" : "Answer");
    views.set(message, { root, body: make("div", { className: "body" }) });
    log.append(root);
  }
  current.messages.forEach(bringUpToDate);
  showTitle();
  showComposer();
  toEnd();
}

function showMessage(message) {
  bringUpToDate(message);
  toEnd();
}

/// Brings the elements of a message up to date, if it is shown.
function bringUpToDate(message) {
  const view = views.get(message);
  if (!view || view.editing) return;
  if (message.role === "user") {
    view.body.textContent = message.content;
    view.body.dir = "auto";
    if (message.content.length > 3000) {  // with files, say: what scrolls by itself is to be reached by keyboards
      view.body.tabIndex = 0;
      view.body.role = "group";
      view.body.ariaLabel = "Your message, which scrolls";
    }
    view.root.replaceChildren(view.body, actions(...versionSwitch(message), button("Copy", event => copy(message.content, event.currentTarget)),
      button("Edit", () => edit(message, view))));
    return;
  }
  const isRunning = message === current.messages.at(-1) && running.has(current.id);
  view.root.setAttribute("aria-busy", isRunning);
  if (message.reasoning && !view.thoughts) {
    view.thoughts = make("details", { className: "thoughts" }, make("summary"), make("div", { dir: "auto" }));
    view.root.prepend(view.thoughts);
  }
  if (view.thoughts) {
    view.thoughts.firstChild.textContent = isRunning && !message.content ? "Thinking…" : "Thoughts";
    morph(view.thoughts.lastChild, make("div", { dir: "auto" }, message.reasoning.trim()));
  }
  if (!view.body.isConnected) view.root.append(view.body);
  view.body.classList.add("markdown");
  renderMarkdown(view.body, message.content, isRunning);
  while (view.body.nextSibling) view.body.nextSibling.remove();
  for (const call of message.calls ?? []) {
    const block = codeBlock(["```", call.function.arguments]);
    block.querySelector("span").textContent = `Tool call: ${call.function.name}`;
    view.root.append(block);
  }
  if (isRunning) {
    const words = pace(running.get(current.id));
    if (!message.content && !message.reasoning) view.root.append(make("p", { className: "waiting" }, "Reading"));
    else if (words) view.root.append(actions(make("span", { className: "pace" }, words)));
  } else {
    if (message.error) view.root.append(make("p", { className: "problem" }, message.error));
    view.root.append(answerActions(message));
  }
}

const actions = (...children) => make("div", { className: "actions" }, ...children);

function answerActions(message) {
  const row = actions(...versionSwitch(message));
  if (message.content) row.append(button("Copy", event => copy(message.content, event.currentTarget)));
  if (message === current.messages.at(-1)) {
    row.append(button("Retry", () => answerFrom(current.messages.indexOf(message))));
    if (canGoOn(message)) row.append(button("Continue", goOn));
  }
  const notes = [];
  if (message.stopped) notes.push("Stopped");
  if (!message.finish && !message.stopped && !message.error) notes.push("Interrupted");
  if (message.finish === "length") notes.push("Cut off at the maximum of tokens");
  const { answer, answerSpeed, prompt, promptSpeed, cached } = message.figures ?? {};
  const words = (value, unit, digits = 0) => Number.isFinite(value) ? [`${number(value, digits)} ${unit}`] : [];
  const figures = [...words(answerSpeed, "tokens/s", 1), ...words(answer, "tokens")].join(" · ");
  if (figures) notes.push(figures);
  if (prompt) notes.push(["prompt " + words(prompt, "tokens")[0], ...(cached ? words(cached, "cached") : []), ...words(promptSpeed, "tokens/s", 1)].join(", "));
  row.append(...notes.map(note => make("span", {}, note)));
  return row;
}

/// Which of several versions a message is, and the way to the others.
function versionSwitch(message) {
  const all = versions(current, message), at = all.indexOf(message);
  if (all.length < 2) return [];
  const to = (label, icon, index) => {
    const arrow = iconButton(icon, label, () => {
      if (running.has(current.id)) { notify("Stop the answer first."); return; }
      showBranch(current, all[index]);
      follows = false;
      saveChat(current);
      showMessages();
      noticeEnd();
      showList();
      const arrows = views.get(all[index]).root.querySelectorAll(".actions .icon:not(:disabled)");
      ([...arrows].find(other => other.ariaLabel === label) ?? arrows[0]).focus();
      announce(`Version ${index + 1} of ${all.length}`);
    });
    arrow.disabled = !all[index];
    return arrow;
  };
  return [to("Version before", "before", at - 1), make("span", { className: "version" }, `${at + 1}/${all.length}`), to("Version after", "after", at + 1)];
}

function edit(message, view) {
  view.editing = true;
  const area = make("textarea", { value: message.content, rows: Math.min(12, message.content.split("\n").length + 1), dir: "auto" });
  area.setAttribute("aria-label", "Edit your message");
  const cancel = () => { view.editing = false; showMessage(message); [...view.root.querySelectorAll("button")].at(-1).focus(); };
  const form = make("form", {}, area, make("div", { className: "actions" },
    make("button", { type: "submit", className: "outlined" }, "Send"), button("Cancel", cancel)));
  const finish = () => {
    if (!area.value.trim()) return;
    answerFrom(current.messages.indexOf(message), area.value);
  };
  form.addEventListener("submit", event => { event.preventDefault(); finish(); });
  area.addEventListener("keydown", event => {
    if (isSend(event)) { event.preventDefault(); finish(); }
    if (event.key === "Escape") { event.stopPropagation(); cancel(); }
  });
  view.root.replaceChildren(form);
  area.focus();
}

/// Enter sends; not while an input method composes a word.
const isSend = event => event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229;

/// Whether the end is in sight, and is to be kept there.
function noticeEnd() {
  const log = $("log");
  follows = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  $("latest").hidden = follows;
}

function toEnd() {
  const log = $("log");
  if (follows) log.scrollTop = log.scrollHeight;
  $("latest").hidden = follows;
}
