// --- Formulas ---
// LaTeX becomes MathML, which browsers set by themselves: KaTeX makes its nodes, without fonts, style sheets or markup. It is
// fetched with the first formula; until it is there, and where it finds no formula, the source is shown.

const katexAddress = "/katex-0.16.22.min.js";
const ownNonce = document.currentScript.nonce;  // what lets the page's script run lets the library run, too
const formulaLimits = {
  length: 5000,      // characters of the source
  defined: 500,      // and of one that defines commands, which multiply what they stand for
  expansions: 1000,  // of commands, KaTeX's own ones among them
  size: 50,          // em, of what a formula asks for
  depth: 150, elements: 10_000,
  kept: 5000,        // formulas that are remembered
  time: 1000,        // ms for new formulas each time that a text is shown,
  openTime: 100,     // and while it still comes
};
let formulaTime = 0;  // that is left

/// The formula at `start` of a text: {tex, display, end}; null if there is none; "unknown" if that is still to come.
function formulaAt(text, start, open) {
  const opening = text.startsWith("$$", start) ? "$$" : text[start] === "$" ? "$" : text.slice(start, start + 2);
  const closing = { "\\(": "\\)", "\\[": "\\]" }[opening] ?? opening;
  const from = start + opening.length, longest = from + formulaLimits.length;
  // A text that comes is held back for so long only; the mark of a price is no reason to wait for the end of a paragraph.
  const patience = opening !== "$" ? 300 : /\d/.test(text[from] ?? "") ? 24 : 120;
  const unknown = open && text.length - start < patience ? "unknown" : null;
  if (opening === "$") {
    // A price is no formula: nothing but the formula is next to its marks inside of it, and no letter or digit after it.
    if (from === text.length) return unknown;
    if (/\s/.test(text[from])) return null;
    for (let end = from; end < text.length && end < longest; end += 1) {
      if (text[end] === "\\") end += 1;
      else if (text[end] === "`" || text[end] === "\n" && text[end + 1] === "\n") return null;
      else if (text[end] === "$") {
        if (/\s/.test(text[end - 1]) || /[\p{L}\p{N}$]/u.test(text[end + 1] ?? "")) return null;
        return open && end + 1 === text.length ? "unknown" : { tex: text.slice(from, end), display: false, end: end + 1 };
      }
    }
    return unknown;
  }
  const end = text.slice(from, longest).indexOf(closing);
  if (end < 0) return unknown;
  const tex = text.slice(from, from + end);
  return tex.trim() ? { tex, display: opening !== "\\(", end: from + end + closing.length } : null;
}

const formulas = new Map();  // kind and source: its element, or null where there is none

/// The element of a formula; `source` is what was written, its marks included.
function formula(tex, display, source) {
  const holder = make("span", { className: display ? "math display" : "math" });
  if (tex.length <= formulaLimits.length) {
    if (window.katex) {
      const math = formulaElement(tex.trim(), display);
      if (math) { holder.append(math.cloneNode(true)); return holder; }
    } else fetchKaTeX();
  }
  holder.classList.add("source");
  holder.append(source.trim());
  return holder;
}

function formulaElement(tex, display) {
  const key = `${display} ${tex}`;
  const known = formulas.get(key);
  if (known !== undefined) return known;
  if (formulaTime <= 0) return null;
  const start = performance.now();
  let math = null;
  const defines = /\\(?:[egx]?def|let|futurelet|global|long|(?:re)?newcommand|providecommand)(?![a-zA-Z])/.test(tex);
  if (!defines || tex.length <= formulaLimits.defined) {
    try {
      const holder = make("span");
      katex.render(tex, holder, {
        displayMode: display, output: "mathml", throwOnError: true, trust: false, strict: false, maxSize: formulaLimits.size,
        maxExpand: defines ? 50 : formulaLimits.expansions,
      });
      math = holder.querySelector("math");
      // Room beside equations that style sheets of KaTeX would give a width to, and numbers that they would count.
      for (const cell of math?.querySelectorAll(".mtr-glue, .mml-eqn-num:empty") ?? []) cell.remove();
      if (math && !isModest(math)) math = null;
      if (math) { arrangeTables(math); spellVariants(math); }
    } catch { /* No formula, or too deep a one. */ }
  }
  formulaTime -= performance.now() - start;
  if (formulas.size >= formulaLimits.kept) formulas.delete(formulas.keys().next().value);
  formulas.set(key, math);
  return math;
}

/// Whether laying it out is not too much to ask of a browser, and it is made of nothing but MathML. Attributes of style are
/// taken out: the page's policy lets none in.
function isModest(math) {
  let elements = 0, depth = 0;
  const walker = document.createTreeWalker(math, NodeFilter.SHOW_ELEMENT);
  for (let node = math; node;) {
    elements += 1;
    if (elements > formulaLimits.elements || depth > formulaLimits.depth || node.namespaceURI !== math.namespaceURI) return false;
    for (const name of ["style", "href", "class", "id"]) node.removeAttribute(name);
    if (walker.firstChild()) { depth += 1; node = walker.currentNode; continue; }
    while (!(node = walker.nextSibling())) {
      if (!walker.parentNode()) return true;
      depth -= 1;
    }
  }
  return true;
}

/// Says by classes how the columns of tables stand, as browsers do not read it in the tables' attributes.
function arrangeTables(math) {
  for (const table of math.querySelectorAll("mtable")) {
    const list = name => table.getAttribute(name)?.split(" ") ?? [];
    const alignments = list("columnalign"), columnLines = list("columnlines"), rowLines = list("rowlines");
    if (table.getAttribute("columnspacing")?.startsWith("0em")) table.classList.add("tight");
    [...table.children].forEach((row, rowIndex) => [...row.children].forEach((cell, index) => {
      const kinds = [alignments[index], index > 0 && /solid|dashed/.test(columnLines[index - 1]) && "ruled-before", rowIndex > 0 && /solid|dashed/.test(rowLines[rowIndex - 1]) && "ruled-above"];
      cell.classList.add(...kinds.filter(kind => kind && kind !== "center"));
    }));
  }
}

// Where letters of other alphabets begin in Unicode: A, a and 0; and those that were there before.
const alphabets = {
  "bold": [0x1d400, 0x1d41a, 0x1d7ce], "italic": [0x1d434, 0x1d44e], "bold-italic": [0x1d468, 0x1d482], "script": [0x1d49c, 0x1d4b6],
  "bold-script": [0x1d4d0, 0x1d4ea], "fraktur": [0x1d504, 0x1d51e], "double-struck": [0x1d538, 0x1d552, 0x1d7d8], "bold-fraktur": [0x1d56c, 0x1d586],
  "sans-serif": [0x1d5a0, 0x1d5ba, 0x1d7e2], "bold-sans-serif": [0x1d5d4, 0x1d5ee, 0x1d7ec], "sans-serif-italic": [0x1d608, 0x1d622],
  "sans-serif-bold-italic": [0x1d63c, 0x1d656], "monospace": [0x1d670, 0x1d68a, 0x1d7f6],
};
const olderLetters = {
  "italic": { h: "ℎ" }, "script": { B: "ℬ", E: "ℰ", F: "ℱ", H: "ℋ", I: "ℐ", L: "ℒ", M: "ℳ", R: "ℛ", e: "ℯ", g: "ℊ", o: "ℴ" },
  "fraktur": { C: "ℭ", H: "ℌ", I: "ℑ", R: "ℜ", Z: "ℨ" }, "double-struck": { C: "ℂ", H: "ℍ", N: "ℕ", P: "ℙ", Q: "ℚ", R: "ℝ", Z: "ℤ" },
};

/// Writes letters of other alphabets as such, as browsers do not read it in the attribute. Greek ones are made bold by the style sheet.
function spellVariants(math) {
  for (const element of math.querySelectorAll("[mathvariant]")) {
    const variant = element.getAttribute("mathvariant"), starts = alphabets[variant];
    if (!starts || element.firstElementChild) continue;
    const text = element.textContent;
    element.textContent = text.replace(/[A-Za-z0-9]/g, letter => {
      const [start, first] = letter >= "a" ? [starts[1], "a"] : letter >= "A" ? [starts[0], "A"] : [starts[2], "0"];
      return olderLetters[variant]?.[letter] ?? (start ? String.fromCodePoint(start + letter.charCodeAt() - first.charCodeAt()) : letter);
    });
    if (/^[\x20-\x7e]*$/.test(text)) element.removeAttribute("mathvariant");
  }
}

let katexIsAskedFor = false;
function fetchKaTeX() {
  if (katexIsAskedFor) return;
  katexIsAskedFor = true;
  const script = make("script", { src: katexAddress, nonce: ownNonce });
  script.addEventListener("load", () => {
    for (const [message, view] of views) {
      if (!view.body.querySelector(".math")) continue;
      view.body.blocks = [];
      bringUpToDate(message);
    }
    toEnd();
  });
  script.addEventListener("error", () => notify("Formulas are shown as they are written: the server did not send what sets them."));
  document.head.append(script);
}
