// --- Export and import ---

const importLimits = { file: 20 << 20, conversations: 1000, messages: 5000 };  // bytes, numbers

function download(name, type, text) {
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

const fileName = chat => title(chat).replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 40) || "chat";

/// A conversation as OpenAI's API has it: the branch that is shown; where there are others, all of them in `branches`.
function exported(chat) {
  const plain = ({ role, content, reasoning, calls }) =>
    ({ role, content, ...(reasoning ? { reasoning_content: reasoning } : {}), ...(calls?.length ? { tool_calls: calls } : {}) });
  const messages = chat.messages.map(plain);
  if (chat.system.trim()) messages.unshift({ role: "system", content: chat.system });
  const tree = flat(chat);
  const branches = { shown: tree.shown, messages: tree.messages.map(message => ({ ...plain(message), parent: message.parent })) };
  return {
    model: currentModel()?.id ?? null, title: title(chat), created: new Date(chat.created).toISOString(), messages,
    ...(chat.all.length > chat.messages.length ? { branches } : {}),
  };
}

const asJSON = value => `${JSON.stringify(value, null, 2)}\n`;
function exportJSON() { download(`${fileName(current)}.json`, "application/json", asJSON(exported(current))); }

function exportAll() {
  const chats = store.chatIDs().map(id => opened.get(id) ?? readChat(id)).filter(chat => chat?.messages.length);
  if (current.messages.length && !chats.some(chat => chat.id === current.id)) chats.push(current);
  chats.sort((a, b) => a.updated - b.updated);
  download("conversations.json", "application/json", asJSON({ conversations: chats.map(exported) }));
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

/// A message of a file, as the page has it.
function importedMessage(entry, number) {
  const where = `Message ${number}`;
  if (!entry || typeof entry !== "object") throw new Problem(`${where} is no object.`);
  const { role } = entry;
  if (role !== "user" && role !== "assistant") throw new Problem(`${where} has the role ${JSON.stringify(role ?? null).slice(0, 40)}, which has no place here.`);
  const content = textOf(entry.content, where);
  const message = cleanMessage({ role, content, reasoning: entry.reasoning_content, calls: entry.tool_calls, finish: "stop" });
  return Number.isInteger(entry.parent) ? { ...message, parent: entry.parent } : message;
}

/// A text, or those of a list of parts.
function textOf(content, where) {
  if (content === null || content === undefined) return "";
  if (typeof content === "string") return content;
  const texts = Array.isArray(content) ? content.map(part => typeof part === "string" ? part : part?.type === "text" ? part.text : null) : [null];
  if (texts.some(text => typeof text !== "string")) throw new Problem(`${where} holds something that is no text.`);
  return texts.join("");
}

function importedChat(entry) {
  if (!entry || typeof entry !== "object" || !Array.isArray(entry.messages)) throw new Problem("There is a conversation without a list of messages.");
  const list = entry.branches?.messages ?? entry.messages;
  if (!Array.isArray(list)) throw new Problem("There is a conversation whose branches are no list.");
  if (Math.max(list.length, entry.messages.length) > importLimits.messages) throw new Problem(`There is a conversation of more than ${number(importLimits.messages)} messages.`);
  const isSystem = message => ["system", "developer"].includes(message?.role);
  const system = entry.messages.filter(isSystem).map(message => textOf(message.content, "The system prompt")).join("\n\n");
  const messages = (list === entry.messages ? list.filter(message => !isSystem(message)) : list).map((message, index) => importedMessage(message, index + 1));
  if (messages.length === 0) throw new Problem("There is a conversation without a message.");
  if (list === entry.messages) for (const message of messages) delete message.parent;
  messages.forEach(({ parent = -1 }, index) => {
    if (parent < -1 || parent >= index) throw new Problem(`Message ${index + 1} follows one that is not before it.`);
  });
  const created = Date.parse(entry.created);
  const chat = { ...newChat(), system, title: typeof entry.title === "string" ? entry.title.slice(0, 200) : "", ...grown(messages, entry.branches?.shown) };
  if (Number.isFinite(created)) chat.created = created;
  return chat;
}

/// Takes in all conversations of a file, or none.
async function importFile(file) {
  if (file.size > importLimits.file) throw new Problem(`It has more than ${bytes(importLimits.file)}.`);
  let body;
  try { body = JSON.parse(await file.text()); } catch { throw new Problem("It is not JSON."); }
  if (!body || typeof body !== "object") throw new Problem("There is no conversation in it.");
  const isMessage = entry => typeof entry?.role === "string";
  const entries = Array.isArray(body.conversations) ? body.conversations : Array.isArray(body) ? (body.length && body.every(isMessage) ? [{ messages: body }] : body) : [body];
  if (entries.length === 0) throw new Problem("There is no conversation in it.");
  if (entries.length > importLimits.conversations) throw new Problem(`It has more than ${number(importLimits.conversations)} conversations.`);
  const chats = entries.map(importedChat);
  const told = store.told;
  store.told = true;  // what is said below says more
  const isKept = chats.every(saveChat);
  store.told = told;
  if (!isKept) {
    for (const chat of chats) store.remove(`chat.${chat.id}`);
    throw new Problem("The browser’s storage has no room for it.");
  }
  return chats;
}

async function importFiles(files) {
  let count = 0, last;
  for (const file of files) {
    try {
      const chats = await importFile(file);
      count += chats.length;
      last = chats.at(-1);
    } catch (error) {
      notify(`“${file.name}” was not imported. ${error instanceof Problem ? error.message : "It cannot be read."}`);
    }
  }
  if (last) openChat(last.id);
  if (count) announce(count === 1 ? "One conversation was imported." : `${count} conversations were imported.`);
}
