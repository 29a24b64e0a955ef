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

let renaming = null;  // the conversation whose name is being written

/// The conversations in which the words that are searched for stand, in the order of their last change.
function showList() {
  if (renaming) return;
  const chats = store.chatIDs().map(id => id === current.id ? current : readChat(id)).filter(chat => chat?.messages.length);
  if (current.messages.length && !chats.includes(current)) chats.push(current);
  chats.sort((a, b) => b.updated - a.updated);
  const words = $("search").value.trim().toLowerCase();
  const entries = chats.map(chat => ({ chat, found: words ? whatHolds(chat, words) : "" })).filter(({ found }) => found !== null);
  $("list").replaceChildren(...entries.map(({ chat, found }) => {
    const open = button("", () => openChat(chat.id), { className: "chat" });
    open.append(make("span", {}, title(chat)));
    if (found) open.append(make("small", {}, found));
    if (chat.id === current.id) open.setAttribute("aria-current", "true");
    const entry = make("li", {}, open, iconButton("pen", `Rename “${title(chat)}”`, () => rename(chat, entry)),
      iconButton("bin", `Delete “${title(chat)}”`, () => removeChat(chat)));
    return entry;
  }));
  $("none-found").hidden = !words || entries.length > 0;
  for (const id of ["export-markdown", "export-json"]) $(id).disabled = current.messages.length === 0;
  $("export-all").disabled = chats.length === 0;
}

/// What stands around the words in a conversation; "" where they are in its name, null where they are nowhere.
function whatHolds(chat, words) {
  if (title(chat).toLowerCase().includes(words)) return "";
  for (const { content } of chat.all) {
    const at = content.toLowerCase().indexOf(words);
    if (at >= 0) return `${at > 20 ? "…" : ""}${content.slice(Math.max(0, at - 20), at + words.length + 60)}`.replace(/\s+/g, " ");
  }
  return null;
}

function rename(chat, entry) {
  renaming = chat;
  const field = make("input", { value: title(chat), maxLength: 200 });
  field.setAttribute("aria-label", `Name of “${title(chat)}”`);
  const end = isTaken => {
    if (renaming !== chat) return;
    renaming = null;
    const kept = chat.id === current.id ? current : opened.get(chat.id) ?? chat;
    if (isTaken) {
      kept.title = field.value.trim();
      saveChat(kept);
      if (kept === current) showTitle();
    }
    showList();
    [...$("list").querySelectorAll(".icon")].find(other => other.ariaLabel === `Rename “${title(kept)}”`)?.focus();
  };
  field.addEventListener("keydown", event => {
    if (isSend(event)) { event.preventDefault(); end(true); }
    if (event.key === "Escape") { event.stopPropagation(); end(false); }
  });
  field.addEventListener("blur", () => end(true));
  entry.replaceChildren(field);
  field.select();
}

function showTitle() {
  document.title = current.messages.length ? `${title(current)} – Jamba` : "Jamba";
}

const hasMouse = matchMedia("(pointer: fine)");
const opened = new Map();  // conversations of this tab, which may have an answer under way

/// `isStep`: the browser's way back leads to what was shown before.
function openChat(id, isStep = true) {
  current = opened.get(id) ?? readChat(id) ?? newChat();
  opened.set(current.id, current);
  store.write("current", current.id);
  follows = true;
  showMessages();
  showAddress(isStep);
  showList();
  openList(false);
  if (hasMouse.matches) $("message").focus();
}

// A conversation's address is the page's with #chat- and its id, which means something in this browser alone.
const addressMark = "#chat-";
function showAddress(isStep = false) {
  const address = current.messages.length ? addressMark + current.id : location.pathname + location.search;
  const isShown = current.messages.length ? location.hash === address : !location.hash;
  if (!isShown) history[isStep ? "pushState" : "replaceState"](null, "", address);
}

/// Opens the conversation that the address names; without one, `otherwise`.
function openAddress(otherwise) {
  const id = location.hash.startsWith(addressMark) ? location.hash.slice(addressMark.length) : otherwise;
  if (id && id !== otherwise && !opened.has(id) && !readChat(id)) notify("The conversation of this address is not in this browser.");
  openChat(id, false);
}

function removeChat(chat) {
  if (!confirm(`Delete “${title(chat)}”?`)) return;
  running.get(chat.id)?.abort();
  (opened.get(chat.id) ?? chat).deleted = true;
  opened.delete(chat.id);
  store.remove(`chat.${chat.id}`);
  if (chat.id === current.id) openChat(undefined, false); else showList();
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
