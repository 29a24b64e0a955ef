// --- Markdown ---
// A text is split into blocks, each of which becomes one element; while an answer streams only the blocks that changed are
// built again, and what is on the page is changed to match, so that selections, scrolling and focus stay.
// `open`: the text may still go on. Then marks at its end whose meaning is not known yet are held back, and what is opened
// and not closed counts as closed at the end.

const deepest = 12;  // of lists, quotes and emphasis inside one another
const patterns = {
  fence: /^ {0,3}(`{3,}|~{3,})([^`]*)$/,
  heading: /^ {0,3}(#{1,6})(?:[ \t]+(.*))?$/,
  rule: /^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$/,
  quote: /^ {0,3}> ?/,
  item: /^( *)([-*+]|\d{1,9}[.)])(?: +|$)/,
  unknownEnd: /^[ \t>]*(?:[-*+_#=~`]{1,6}|\d{1,9}[.)]?|\|[ |:-]*)?[ \t]*$/,
};

function renderMarkdown(body, text, open) {
  const blocks = split(open ? settle(text) : text, open);
  const known = body.blocks ?? [];
  let shown = body.firstElementChild;
  body.blocks = blocks.map((block, index) => {
    const isOpen = open && index === blocks.length - 1;
    const source = `${block.kind} ${isOpen} ${block.lines.join("\n")}`;
    const next = shown?.nextElementSibling;
    if (known[index] !== source || !shown) {
      const fresh = blockElement(block, isOpen, 0);
      // Only now: with each child that is added to it an element of the direction "auto" is looked through again.
      fresh.dir = block.kind === "fence" ? "ltr" : "auto";
      if (shown) morph(shown, fresh); else body.append(fresh);
    }
    shown = next;
    return source;
  });
  while (body.children.length > blocks.length) body.lastElementChild.remove();
}

/// Without the last line, if it may yet become the beginning of a list, a heading, a rule, a fence or a row; without a
/// last character that may be half of a mark.
function settle(text) {
  text = text.replace(/[\\!]$|~{1,2}$/, "");
  const start = text.lastIndexOf("\n") + 1;
  return text.length - start < 80 && patterns.unknownEnd.test(text.slice(start)) ? text.slice(0, start) : text;
}

function cells(line) {
  const row = line.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "");
  return row.split(/(?<!\\)\|/).map(cell => cell.trim());
}
const isDelimiter = line => line !== undefined && line.includes("-") && cells(line).every(cell => /^:?-+:?$/.test(cell));

function kind(lines, index, open) {
  const line = lines[index], next = lines[index + 1];
  if (patterns.fence.test(line)) return "fence";
  if (patterns.heading.test(line)) return "heading";
  if (patterns.rule.test(line)) return "rule";
  if (patterns.quote.test(line)) return "quote";
  if (patterns.item.test(line)) return "list";
  if (line.includes("|") && isDelimiter(next)) return "table";
  const mayBeTable = open && line.trim().startsWith("|") && (next === undefined || next === "" && index + 2 === lines.length);
  return mayBeTable ? "table" : "paragraph";
}

/// The blocks of a text: {kind, lines}.
function split(text, open) {
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  const blocks = [];
  let index = 0;
  while (index < lines.length) {
    if (!lines[index].trim()) { index += 1; continue; }
    const start = index, block = { kind: kind(lines, index, open) };
    index += 1;
    const goesOn = continuation[block.kind](lines, start);
    while (index < lines.length && goesOn(index)) index += 1;
    block.lines = lines.slice(start, index);
    blocks.push(block);
  }
  return blocks;
}

/// For each kind of block: given its first line, whether it goes on with the line at an index.
const continuation = {
  heading: () => () => false,
  rule: () => () => false,
  fence(lines, start) {
    const mark = patterns.fence.exec(lines[start])[1];
    let ended = false;
    return index => {
      if (ended) return false;
      const line = lines[index].trim();
      ended = line.length >= mark.length && line === mark[0].repeat(line.length);
      return true;
    };
  },
  quote: lines => index => patterns.quote.test(lines[index]),
  table: lines => index => lines[index].trim() !== "" && (lines[index].includes("|") || isDelimiter(lines[index])),
  paragraph: lines => index => {
    if (!lines[index].trim()) return false;
    const next = kind(lines, index, false);
    // A number that begins a line of prose ("… in\n1984. It …") is no list; one that begins with 1 is.
    return next === "paragraph" || next === "list" && /^ *\d/.test(lines[index]) && !/^ *1[.)]/.test(lines[index]);
  },
  list(lines, start) {
    const [, indent, marker] = patterns.item.exec(lines[start]);
    const ordered = /\d/.test(marker);
    return index => {
      const line = lines[index];
      if (!line.trim()) {
        const next = lines.slice(index + 1, index + 4).find(line => line.trim());
        return next !== undefined && (/^ {2}/.test(next) || patterns.item.test(next));
      }
      if (/^ *\t/.test(line) || line.search(/\S/) > indent.length + 1) return true;
      const item = patterns.item.exec(line);
      if (item && !patterns.rule.test(line)) return /\d/.test(item[2]) === ordered;
      return lines[index - 1].trim() !== "" && kind(lines, index, false) === "paragraph";
    };
  },
};

/// The element of a block.
function blockElement({ kind, lines }, open, depth) {
  if (depth > deepest) return make("p", {}, lines.join("\n"));
  const inside = (lines, open) => {
    const blocks = split(lines.join("\n"), open);
    return blocks.map((block, index) => blockElement(block, open && index === blocks.length - 1, depth + 1));
  };
  switch (kind) {
    case "fence": return codeBlock(lines);
    case "rule": return make("hr");
    case "table": return table(lines, open);
    case "quote": return make("blockquote", {}, inside(lines.map(line => line.replace(patterns.quote, "")), open));
    case "list": return list(lines, open, inside);
    case "heading": {
      const [, marks, text = ""] = patterns.heading.exec(lines[0]);
      // Headings of the page come above those of an answer.
      return inline(make(`h${Math.min(6, marks.length + 2)}`), text.trimEnd().replace(/\s#+$/, ""), open);
    }
    default: return inline(make("p"), lines.map(line => line.trim()).join("\n"), open);
  }
}

/// `inside` makes the elements of an item's lines.
function list(lines, open, inside) {
  const [, indent, marker] = patterns.item.exec(lines[0]);
  const items = [];
  let width = 0;  // of the indentation that belongs to the item
  for (const line of lines) {
    const item = patterns.item.exec(line);
    if (item && item[1].length <= indent.length + 1) {
      width = item[1].length + item[2].length + 1;
      items.push([line.slice(item[0].length)]);
    } else {
      const space = /^[ \t]*/.exec(line.slice(0, width))[0];
      items.at(-1).push(line.slice(space.includes("\t") ? space.indexOf("\t") + 1 : space.length));
    }
  }
  const elements = items.map((item, index) => make("li", {}, inside(item, open && index === items.length - 1)));
  return /\d/.test(marker) ? make("ol", { start: parseInt(marker) }, elements) : make("ul", {}, elements);
}

function codeBlock(lines) {
  const [, mark, info] = patterns.fence.exec(lines[0]);
  const last = lines.length > 1 ? lines.at(-1).trim() : "";
  const ends = lines.length > 1 && (last === "" || last.length >= mark.length && last === mark[0].repeat(last.length));
  const language = info.trim().split(/\s/)[0];
  const pre = make("pre", { tabIndex: 0 }, make("code", { textContent: lines.slice(1, ends ? -1 : undefined).join("\n") }));
  pre.setAttribute("role", "group");
  pre.setAttribute("aria-label", language ? `Code, ${language}` : "Code");
  const bar = make("div", { className: "row" }, make("span", {}, language || "code"), make("button", { type: "button", className: "copy-code" }, "Copy code"));
  return make("div", { className: "block" }, bar, pre);
}

function table(lines, open) {
  const rows = lines.filter((line, index) => index !== 1 || !isDelimiter(line)).map(cells);
  const columns = rows[0].length;
  const alignments = (isDelimiter(lines[1]) ? cells(lines[1]) : []).map(cell =>
    cell.endsWith(":") ? (cell.startsWith(":") ? "center" : "end") : "");
  const row = (texts, index) => make("tr", {}, texts.slice(0, columns).map((text, column) => {
    const cell = inline(make(index === 0 ? "th" : "td"), text, open && index === rows.length - 1);
    if (index === 0) cell.scope = "col";
    if (alignments[column]) cell.className = alignments[column];
    return cell;
  }));
  const parts = rows.map(row);
  const block = make("div", { className: "block", tabIndex: 0 },
    make("table", {}, make("thead", {}, parts[0]), make("tbody", {}, parts.slice(1))));
  block.setAttribute("role", "group");
  block.setAttribute("aria-label", "Table");
  return block;
}

/// Appends what is inside of a line or paragraph to `parent`, and returns that.
function inline(parent, text, open, depth = 0) {
  const special = /\\([!-/:-@[-`{-~])|`+|\*{1,3}|_{1,3}|~~|!?\[|https?:\/\/[^\s<>]+|\n|<br ?\/?>/g;
  const unclosed = new Set();  // marks that were looked for up to the end in vain
  let at = 0, match;
  const literal = end => { if (end > at) parent.append(text.slice(at, end)); at = end; };
  if (depth > deepest) { literal(text.length); return parent; }

  while ((match = special.exec(text))) {
    const mark = match[0], start = match.index, after = start + mark.length;
    let child = null, end = after;
    if (match[1]) {
      child = document.createTextNode(match[1]);
    } else if (mark === "\n" || mark.startsWith("<br")) {
      child = make("br");
    } else if (mark[0] === "`") {
      let close = unclosed.has(mark) ? -1 : closingTicks(text, after, mark.length);
      if (close < 0) {
        unclosed.add(mark);
        if (!open) continue;
        if (after === text.length) { literal(start); return parent; }
        close = text.length;
      }
      const code = text.slice(after, close);
      child = make("code", {}, code.startsWith(" ") && code.endsWith(" ") && code.trim() ? code.slice(1, -1) : code);
      end = close + mark.length;
    } else if (mark.endsWith("[")) {
      const link = linkAt(text, after, open);
      if (link === "unknown") { literal(start); return parent; }
      if (!link) continue;
      const url = webAddress(link.target);
      end = link.end;
      child = url ? anchor(url, text.slice(after, link.close), depth) : document.createTextNode(text.slice(start, end));
    } else if (mark[0] === "h") {
      const address = mark.replace(/[.,;:!?'"*_\])]+$/, tail => mark.includes("(") ? tail.match(/^\)*/)[0] : "");
      const url = webAddress(address);
      if (!url) continue;
      end = start + address.length;
      child = anchor(url, address, deepest);
    } else {
      const inWord = mark[0] === "_" && /[\p{L}\p{N}]/u.test(text[start - 1] ?? "");
      if (inWord || !/\S/.test(text[after] ?? "")) {
        if (open && !inWord && after === text.length) { literal(start); return parent; }
        continue;
      }
      let close = unclosed.has(mark) ? -1 : closingMark(text, after, mark);
      if (close < 0) {
        unclosed.add(mark);
        if (!open) continue;
        close = text.length;
      }
      const tag = { 1: "em", 2: mark === "~~" ? "del" : "strong", 3: "strong" }[mark.length];
      const isOpen = open && close === text.length;
      const inner = text.slice(after, close);  // where it is open, the first half of the closing mark may be there
      const content = inline(make(tag), isOpen ? inner.replace(/[*_~]{1,2}$/, "") : inner, isOpen, depth + 1);
      child = mark.length === 3 ? make("em", {}, content) : content;
      end = close + mark.length;
    }
    literal(start);
    parent.append(child);
    at = special.lastIndex = Math.min(end, text.length);
  }
  literal(text.length);
  return parent;
}

function closingTicks(text, from, length) {
  for (const match of text.slice(from).matchAll(/`+/g)) if (match[0].length === length) return from + match.index;
  return -1;
}

/// Where the mark that ends an emphasis begins, or -1. Code in between is passed over.
function closingMark(text, from, mark) {
  const runs = /\\.|`+|\*+|_+|~~/gs;
  runs.lastIndex = from;
  for (let run; (run = runs.exec(text));) {
    const length = run[0].length, end = run.index + length;
    if (run[0][0] === "`") {
      const close = closingTicks(text, end, length);
      if (close >= 0) runs.lastIndex = close + length;
      continue;
    }
    const fits = mark.length === 1 ? length % 2 === 1 : length >= mark.length;
    const flanks = /\S/.test(text[run.index - 1] ?? "") && (mark[0] !== "_" || !/[\p{L}\p{N}]/u.test(text[end] ?? ""));
    if (run[0][0] === mark[0] && fits && flanks && run.index > from) return end - mark.length;
  }
  return -1;
}

/// The link whose text begins at `from`: {close: the text's end, target, end}; null if it is none; "unknown" if that is still to come.
function linkAt(text, from, open) {
  const longest = 300;
  let level = 1, close = from;
  for (; close < text.length && close < from + longest; close += 1) {
    if (text[close] === "\\") close += 1;
    else if (text[close] === "[") level += 1;
    else if (text[close] === "]" && --level === 0) break;
  }
  if (close >= text.length - 1) return open && close < from + longest ? "unknown" : null;
  if (text[close] !== "]" || text[close + 1] !== "(") return null;
  const target = /\(\s*<?([^\s<>()]*(?:\([^\s<>()]*\)[^\s<>()]*)*)>?(?:\s+(?:"[^"]*"|'[^']*'))?\s*\)/y;
  target.lastIndex = close + 1;
  const match = target.exec(text);
  if (match) return { close, target: match[1], end: target.lastIndex };
  return open && text.length < close + longest && !text.includes(")", close) ? "unknown" : null;
}

/// The address, if it leads to the web: the only kind that is made a link.
function webAddress(text) {
  try {
    const url = new URL(text);
    return ["http:", "https:"].includes(url.protocol) && !url.username && !url.password ? url.href : null;
  } catch { return null; }
}

/// A link that says where it leads.
function anchor(url, text, depth) {
  const link = make("a", { href: url, target: "_blank", rel: "noopener noreferrer" });
  if (depth >= deepest) link.append(text); else inline(link, text, false, deepest - 1);
  for (const inner of link.querySelectorAll("a")) inner.replaceWith(...inner.childNodes);
  const shown = link.textContent;
  if (shown === url || `${shown}/` === url) return link;
  return make("span", {}, link, make("span", { className: "target" }, ` (${url})`));
}

/// Changes `old` to be like `fresh`, keeping the nodes that stay.
function morph(old, fresh) {
  if (old.nodeType === Node.TEXT_NODE && fresh.nodeType === Node.TEXT_NODE) {
    if (fresh.data.startsWith(old.data)) old.appendData(fresh.data.slice(old.data.length)); else old.data = fresh.data;
    return;
  }
  if (!old.cloneNode(false).isEqualNode(fresh.cloneNode(false))) { old.replaceWith(fresh); return; }
  const children = [...fresh.childNodes];
  children.forEach((child, index) => {
    if (old.childNodes[index]) morph(old.childNodes[index], child); else old.append(child);
  });
  while (old.childNodes.length > children.length) old.lastChild.remove();
}
