// --- What is inside of a line of Markdown ---

/// Appends what is inside of a line or paragraph to `parent`, and returns that.
function inline(parent, text, open, depth = 0) {
  const special = /\\[([]|\$\$?|\\([!-/:-@[-`{-~])|`+|\*{1,3}|_{1,3}|~~|!?\[|https?:\/\/[^\s<>]+|\n|<br ?\/?>/g;
  const unclosed = new Set();  // marks that were looked for up to the end in vain
  let at = 0, match;
  const literal = end => { if (end > at) parent.append(text.slice(at, end)); at = end; };
  if (depth > deepest) { literal(text.length); return parent; }

  while ((match = special.exec(text))) {
    const mark = match[0], start = match.index, after = start + mark.length;
    let child = null, end = after;
    const math = !match[1] && (mark[0] === "$" || mark[0] === "\\") ? formulaAt(text, start, open) : undefined;
    if (math === "unknown") { literal(start); return parent; }
    if (math) {
      child = formula(math.tex, math.display, text.slice(start, math.end));
      end = math.end;
    } else if (mark[0] === "$") {
      continue;
    } else if (mark === "\\(" || mark === "\\[") {
      child = document.createTextNode(mark[1]);
    } else if (match[1]) {
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
