// --- Blocks of Markdown ---
// A text is split into blocks, each of which becomes one element; while an answer streams only the blocks that changed are
// built again, and what is on the page is changed to match, so that selections, scrolling and focus stay.
// `open`: the text may still go on. Then marks at its end whose meaning is not known yet are held back, and what is opened
// and not closed counts as closed at the end.

const deepest = 12;  // of lists, quotes and emphasis inside one another
const longestMarkdown = 1_000_000;  // characters; what is longer is shown as it is written
const patterns = {
  fence: /^ {0,3}(`{3,}|~{3,})([^`]*)$/,
  heading: /^ {0,3}(#{1,6})(?:[ \t]+(.*))?$/,
  rule: /^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$/,
  quote: /^ {0,3}> ?/,
  formula: /^ {0,3}(?:\$\$|\\\[|\\begin\{(?:equation|align|alignat|gather|CD)\*?\})/,
  item: /^( *)([-*+]|\d{1,9}[.)])(?: +|$)/,
  unknownEnd: /^[ \t>]*(?:[-*+_#=~`]{1,6}|\$|\\[a-z]*|\d{1,9}[.)]?|\|[ |:-]*)?[ \t]*$/,
};

function renderMarkdown(body, text, open) {
  formulaTime = open ? formulaLimits.openTime : formulaLimits.time;
  const blocks = text.length > longestMarkdown ? [{ kind: "text", lines: [text] }] : split(open ? settle(text) : text, open);
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
  if (patterns.formula.test(line) && formulaLines(lines, index, open) > 0) return "formula";
  if (patterns.item.test(line)) return "list";
  if (line.includes("|") && isDelimiter(next)) return "table";
  const mayBeTable = open && line.trim().startsWith("|") && (next === undefined || next === "" && index + 2 === lines.length);
  return mayBeTable ? "table" : "paragraph";
}

/// How many lines a formula that begins with a line has; 0 if none does, or more than it stands there.
function formulaLines(lines, start, open) {
  const [mark] = patterns.formula.exec(lines[start]);
  const opening = mark.trim(), isEnvironment = opening.startsWith("\\begin");
  const closing = isEnvironment ? opening.replace("begin", "end") : opening === "$$" ? "$$" : "\\]";
  for (let index = start; index < lines.length && index < start + 100; index += 1) {
    const line = lines[index].trimEnd(), from = index === start ? mark.length : 0;
    const end = line.indexOf(closing, from);
    if (end >= 0) return end + closing.length === line.length ? index - start + 1 : 0;
  }
  return open && lines.length - start <= 100 ? lines.length - start : 0;
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
  text: () => () => false,
  formula(lines, start) {
    const end = start + (formulaLines(lines, start, true) || 1);
    return index => index < end;
  },
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
    case "text": return make("pre", { className: "plain" }, lines[0]);
    case "formula": return make("p", {}, blockFormula(lines.join("\n").trim(), open));
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

/// The formula of a block; its source, while it is not complete.
function blockFormula(source, open) {
  const marks = source.startsWith("$$") ? ["$$", "$$"] : source.startsWith("\\[") ? ["\\[", "\\]"] : null;
  const isWhole = marks ? source.length > 3 && source.endsWith(marks[1]) : /\\end\{\w+\*?\}$/.test(source);
  if (open && !isWhole) return make("span", { className: "math display source" }, source);
  return formula(marks ? source.slice(2, -2) : source, true, source);
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
  const language = info.trim().split(/[\s,{]/)[0];
  const pre = make("pre", { tabIndex: 0 }, make("code", {}, codeNodes(lines.slice(1, ends ? -1 : undefined).join("\n"), language)));
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
