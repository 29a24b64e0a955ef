// --- What is kept ---
// In localStorage: jamba.settings, jamba.current, and jamba.chat.ID for each conversation; in sessionStorage: the API key.
// Browsers may refuse (private windows, a full disk): the page goes on with what it has in memory, and says so once.

const store = {
  told: false,
  read(key) {
    try { return JSON.parse(localStorage.getItem(`jamba.${key}`)); } catch { return null; }
  },
  write(key, value) {
    try {
      localStorage.setItem(`jamba.${key}`, JSON.stringify(value));
    } catch {
      if (!store.told) notify("The browser’s storage is full or closed: conversations are not kept.");
      store.told = true;
    }
  },
  remove(key) {
    try { localStorage.removeItem(`jamba.${key}`); } catch { /* Nothing was kept. */ }
  },
  chatIDs() {
    try {
      return Object.keys(localStorage).filter(key => key.startsWith("jamba.chat.")).map(key => key.slice(11));
    } catch { return []; }
  },
  get apiKey() {
    try { return sessionStorage.getItem("jamba.key") ?? ""; } catch { return store.keyInMemory ?? ""; }
  },
  set apiKey(key) {
    store.keyInMemory = key;
    try { key ? sessionStorage.setItem("jamba.key", key) : sessionStorage.removeItem("jamba.key"); } catch { /* In memory. */ }
  },
};

const settings = { theme: "system", system: "", model: "", sampling: {}, ...store.read("settings") };

/// A conversation: {id, created, updated, system, messages}. A message: {role, content}; an answer has also reasoning, calls,
/// figures, finish ("stop", "length", …), stopped (by the reader), error.
function newChat() {
  const now = Date.now();
  return { id: now.toString(36) + Math.random().toString(36).slice(2, 8), created: now, updated: now, system: settings.system, messages: [] };
}

function readChat(id) {
  const chat = store.read(`chat.${id}`);
  if (!chat || !Array.isArray(chat.messages)) return null;
  const isMessage = m => m && (m.role === "user" || m.role === "assistant") && typeof m.content === "string";
  const { created, updated, system } = chat;
  if (![created, updated].every(Number.isFinite) || typeof system !== "string") return null;
  return { id, created, updated, system, messages: chat.messages.filter(isMessage) };
}

function saveChat(chat) {
  if (chat.deleted || chat.messages.length === 0) return;
  const { id, created, updated, system, messages } = chat;
  store.write(`chat.${id}`, { id, created, updated, system, messages });
}

function title(chat) {
  const first = chat.messages.find(message => message.role === "user")?.content.trim().replace(/\s+/g, " ");
  return !first ? "New chat" : first.length > 60 ? `${first.slice(0, 60)}…` : first;
}
