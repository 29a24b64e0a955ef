"use strict";

// --- Small things ---

const $ = id => document.getElementById(id);

/// An element with properties and children, or lists of them; strings become text nodes.
function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  for (const child of children.flat()) element.append(child);
  return element;
}

function button(label, action, properties = {}) {
  const element = make("button", { type: "button", textContent: label, ...properties });
  element.addEventListener("click", action);
  return element;
}

let noticeTimer;
/// Says something that went wrong outside of an answer.
function notify(text) {
  $("notice").textContent = text;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => { $("notice").textContent = ""; }, 8000);
}

/// For screen readers: one sentence, when something has ended.
function announce(text) {
  $("announcer").textContent = "";
  setTimeout(() => { $("announcer").textContent = text; }, 50);  // The same words again are a change, too.
}

/// A button that shows one of the page's icons, and is read out as `label`.
function iconButton(icon, label, action) {
  const element = button("", action, { className: "icon" });
  element.setAttribute("aria-label", label);
  element.append($(icon).content.cloneNode(true));
  return element;
}

const number = (value, digits = 0) => value.toLocaleString(undefined, { maximumFractionDigits: digits });
function bytes(value) {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) { value /= 1024; unit += 1; }
  return `${number(value, value < 10 && unit > 0 ? 1 : 0)} ${units[unit]}`;
}

async function copy(text, from) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Pages that did not come over a secure connection have no clipboard object.
    const area = make("textarea", { value: text, className: "unseen" });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    from.focus();
  }
  announce("Copied");
  const label = from.textContent;
  if (label === "Copied") return;
  from.textContent = "Copied";
  setTimeout(() => { from.textContent = label; }, 1500);
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
