// --- Text files in messages ---

const fileLimits = { file: 256 << 10, all: 1 << 20 };  // bytes, of one and of a message's together
let attached = [];  // {name, text} of the message that is being written

/// The text of a file: UTF-8, or UTF-16 with a mark of its order of bytes.
async function readText(file) {
  if (file.size > fileLimits.file) throw new Problem(`“${file.name}” has ${bytes(file.size)}; a file may have ${bytes(fileLimits.file)}.`);
  if (attached.reduce((sum, { text }) => sum + text.length, file.size) > fileLimits.all) throw new Problem(`“${file.name}” is too much: the files of a message may have ${bytes(fileLimits.all)} together.`);
  let data;
  try { data = new Uint8Array(await file.arrayBuffer()); } catch { throw new Problem(`“${file.name}” cannot be read.`); }
  const order = data[0] === 0xff && data[1] === 0xfe ? "utf-16le" : data[0] === 0xfe && data[1] === 0xff ? "utf-16be" : "utf-8";
  try {
    const text = new TextDecoder(order, { fatal: true }).decode(data);
    if (text.includes("\0")) throw new TypeError("binary");
    return text;
  } catch { throw new Problem(`“${file.name}” is no text file.`); }
}

async function attach(files) {
  const troubles = [];
  for (const file of files) {
    try { attached.push({ name: file.name, text: await readText(file) }); } catch (error) { troubles.push(error.message); }
  }
  if (troubles.length) notify(troubles.slice(0, 3).join(" ") + (troubles.length > 3 ? ` And ${troubles.length - 3} more.` : ""));
  showAttached();
  $("message").focus();
}

function showAttached() {
  $("attached").hidden = attached.length === 0;
  $("attached").replaceChildren(...attached.map(file => make("li", {}, make("span", {}, file.name), make("small", {}, bytes(file.text.length)),
    iconButton("cross", `Remove “${file.name}”`, () => {
      attached = attached.filter(other => other !== file);
      showAttached();
      announce("Removed.");
      $("message").focus();
    }))));
}

/// A message's text with its files behind it: the name of each, and its text between fences longer than any in it.
function withFiles(text, files) {
  const block = ({ name, text }) => {
    let fence = "```";
    for (const [ticks] of text.matchAll(/`{3,}/g)) if (ticks.length >= fence.length) fence = "`".repeat(ticks.length + 1);
    const ending = /\.([\w+#-]{1,12})$/.exec(name)?.[1].toLowerCase() ?? name.toLowerCase();
    const language = codeLanguages.has(ending) ? ending : "";
    return `${name.replace(/[\p{Cc}`]/gu, "_")}:\n${fence}${language}\n${text}${text.endsWith("\n") ? "" : "\n"}${fence}`;
  };
  return [text, ...files.map(block)].filter(part => part.trim()).join("\n\n");
}
