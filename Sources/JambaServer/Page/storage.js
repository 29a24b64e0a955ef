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
      return true;
    } catch {
      if (!store.told) notify("The browser’s storage is full or closed: conversations are not kept.");
      store.told = true;
      return false;
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

const settings = { theme: "system", system: "", model: "", sampling: {}, presets: {}, ...store.read("settings") };

/// A conversation: {id, created, updated, title (where the reader gave one), system, all, messages}; see branches.js for the
/// last two. A message: {role, content, parent}; an answer has also reasoning, calls, figures, finish ("stop", "length", …),
/// stopped (by the reader), error.
function newChat() {
  const now = Date.now();
  return { id: now.toString(36) + Math.random().toString(36).slice(2, 8), created: now, updated: now, title: "", system: settings.system, all: [], messages: [] };
}

/// What is kept of a message of unknown origin, in a new object; null if it is none.
function cleanMessage(entry) {
  if (!entry || !["user", "assistant"].includes(entry.role) || typeof entry.content !== "string") return null;
  const { role, content } = entry;
  if (role === "user") return { role, content };
  const text = value => typeof value === "string" ? value : "";
  const calls = (Array.isArray(entry.calls) ? entry.calls : []).map(call =>
    ({ id: text(call?.id), type: "function", function: { name: text(call?.function?.name), arguments: text(call?.function?.arguments) } }));
  const message = { role, content, reasoning: text(entry.reasoning), calls };
  for (const name of ["finish", "error"]) if (text(entry[name])) message[name] = entry[name];
  if (entry.stopped === true) message.stopped = true;
  if (entry.figures) message.figures = Object.fromEntries(Object.entries(entry.figures).filter(([, value]) => Number.isFinite(value)));
  return message;
}

function readChat(id) {
  const chat = store.read(`chat.${id}`);
  if (!chat || !Array.isArray(chat.messages)) return null;
  const { created, updated, system, title } = chat;
  if (![created, updated].every(Number.isFinite) || typeof system !== "string") return null;
  return { id, created, updated, title: typeof title === "string" ? title : "", system, ...grown(chat.messages, chat.shown) };
}

/// Whether it is kept now.
function saveChat(chat) {
  if (chat.deleted || chat.all.length === 0) return true;
  const { id, created, updated, title, system } = chat;
  return store.write(`chat.${id}`, { id, created, updated, title, system, ...flat(chat) });
}

function title(chat) {
  const first = chat.title || chat.messages.find(message => message.role === "user")?.content.slice(0, 1000).trim().replace(/\s+/g, " ");
  return !first ? "New chat" : first.length > 60 ? `${first.slice(0, 60)}…` : first;
}
