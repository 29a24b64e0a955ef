// --- Composer, conversations ---

function showComposer() {
  const isRunning = running.has(current.id);
  $("send").textContent = isRunning ? "Stop" : "Send";
  $("send").classList.toggle("primary", !isRunning);
  $("send").classList.toggle("outlined", isRunning);
}

function fitComposer() {
  const area = $("message");
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + 2}px`;
}

function showList() {
  const chats = store.chatIDs().map(id => id === current.id ? current : readChat(id)).filter(chat => chat?.messages.length);
  if (current.messages.length && !chats.includes(current)) chats.push(current);
  chats.sort((a, b) => b.updated - a.updated);
  $("list").replaceChildren(...chats.map(chat => {
    const open = button("", () => openChat(chat.id), { className: "chat" });
    open.append(make("span", {}, title(chat)));
    if (chat.id === current.id) open.setAttribute("aria-current", "true");
    const remove = button("", () => removeChat(chat), { className: "icon" });
    remove.setAttribute("aria-label", `Delete “${title(chat)}”`);
    remove.append($("bin").content.cloneNode(true));
    return make("li", {}, open, remove);
  }));
  for (const id of ["export-markdown", "export-json"]) $(id).disabled = current.messages.length === 0;
}

const hasMouse = matchMedia("(pointer: fine)");
const opened = new Map();  // conversations of this tab, which may have an answer under way

function openChat(id) {
  current = opened.get(id) ?? readChat(id) ?? newChat();
  opened.set(current.id, current);
  store.write("current", current.id);
  follows = true;
  showMessages();
  showList();
  openList(false);
  if (hasMouse.matches) $("message").focus();
}

function removeChat(chat) {
  if (!confirm(`Delete “${title(chat)}”?`)) return;
  running.get(chat.id)?.abort();
  (opened.get(chat.id) ?? chat).deleted = true;
  opened.delete(chat.id);
  store.remove(`chat.${chat.id}`);
  if (chat.id === current.id) openChat(); else showList();
  announce("Deleted.");
  $("new-chat").focus();
}

/// The list on narrow screens, where it covers the rest.
function openList(open) {
  const wasOpen = document.body.classList.contains("list-open");
  document.body.classList.toggle("list-open", open);
  $("open-list").ariaExpanded = String(open);
  document.querySelector("main").inert = document.querySelector("header").inert = open;
  if (open) $("new-chat").focus(); else if (wasOpen) $("open-list").focus();
}

function download(name, type, text) {
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

const fileName = chat => title(chat).replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 40) || "chat";

function exportJSON() {
  const messages = current.messages.map(({ role, content, reasoning, calls }) =>
    ({ role, content, ...(reasoning ? { reasoning_content: reasoning } : {}), ...(calls?.length ? { tool_calls: calls } : {}) }));
  if (current.system.trim()) messages.unshift({ role: "system", content: current.system });
  const text = JSON.stringify({ model: currentModel()?.id ?? null, created: new Date(current.created).toISOString(), messages }, null, 2);
  download(`${fileName(current)}.json`, "application/json", `${text}\n`);
}

function exportMarkdown() {
  const parts = [`# ${title(current)}`];
  if (current.system.trim()) parts.push("## System", current.system);
  for (const { role, content, calls } of current.messages) {
    parts.push(role === "user" ? "## You" : "## Answer", content);
    for (const call of calls ?? []) parts.push(`Call of ${call.function.name}:\n\n\`\`\`json\n${call.function.arguments}\n\`\`\``);
  }
  download(`${fileName(current)}.md`, "text/markdown", `${parts.join("\n\n")}\n`);
}
