// --- Branches ---
// A conversation is a tree: `all` holds its messages in the order in which they came, each of which knows the one that it follows
// (`parent`, null for a first one); `messages` are those from the first to the last of the branch that is shown. Another answer
// to a message, or another wording of it, is another child of the same parent.

function append(chat, message) {
  message.parent = chat.messages.at(-1) ?? null;
  chat.all.push(message);
  chat.messages.push(message);
}

/// A message and what stands in its place in other branches, in the order in which they came.
const versions = (chat, message) => chat.all.filter(other => other.parent === message.parent);

/// Shows the branch with a message in it, from there on the newest.
function showBranch(chat, message) {
  const path = [];
  for (let at = message; at; at = at.parent) path.push(at);
  chat.messages = path.reverse();
  const newest = new Map(chat.all.map(child => [child.parent, child]));
  for (let at = message; (at = newest.get(at));) chat.messages.push(at);
}

/// A message goes away, and nothing has followed it.
function drop(chat, message) {
  chat.all = chat.all.filter(other => other !== message);
  chat.messages = chat.messages.filter(other => other !== message);
}

/// The tree as JSON can hold it: {messages, shown}, where parents are indices of the list, -1 for none.
function flat(chat) {
  const indices = new Map(chat.all.map((message, index) => [message, index]));
  return {
    messages: chat.all.map(message => ({ ...message, parent: indices.get(message.parent) ?? -1 })),
    shown: indices.get(chat.messages.at(-1)) ?? -1,
  };
}

/// The tree of such a list: {all, messages}. An entry without `parent` follows the one before it; what follows an entry that is
/// no message follows what that would have followed.
function grown(list, shown) {
  const known = [], all = [];
  list.forEach((entry, index) => {
    const parent = Number.isInteger(entry?.parent) && entry.parent < index ? known[entry.parent] : known[index - 1];
    const message = cleanMessage(entry);
    if (message) all.push(Object.assign(message, { parent: parent ?? null }));
    known.push(message ?? parent);
  });
  const chat = { all, messages: [] };
  const last = known[shown] ?? all.at(-1);
  if (last) showBranch(chat, last);
  return chat;
}
