"""What a page must have for keyboards, screen readers and weak eyes, computed in the browser from the rendered page."""

# Returns a list of complaints. Colours are composed over what lies behind them; large text (24 px, or 18.66 px bold) needs 3:1,
# other text 4.5:1, borders of fields and outlined buttons 3:1 (WCAG 2.2, 1.4.3 and 1.4.11).
AUDIT = r"""
() => {
  const complaints = [];
  const describe = e => `<${e.tagName.toLowerCase()}${e.id ? " id=" + e.id : ""}${e.className ? " class=" + e.className : ""}> "${e.textContent.trim().slice(0, 30)}"`;
  const seen = e => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && e.getBoundingClientRect().width > 1;
  const inert = e => e.closest("[inert]") || document.querySelector("dialog[open]") && !e.closest("dialog[open]");

  const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = color => {
    probe.clearRect(0, 0, 1, 1); probe.fillStyle = color; probe.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = probe.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => top.slice(0, 3).map((v, i) => v * top[3] + below[i] * (1 - top[3])).concat(1);
  const background = e => {
    const chain = [];
    for (; e; e = e.parentElement) chain.push(rgba(getComputedStyle(e).backgroundColor));
    return chain.reverse().reduce((below, color) => over(color, below), [255, 255, 255, 1]);
  };
  const luminance = color => {
    const [r, g, b] = color.slice(0, 3).map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => { const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };

  let texts = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !seen(e) || inert(e) || e.closest("script, style, noscript, :disabled")) continue;
    texts += 1;
    const style = getComputedStyle(e), size = parseFloat(style.fontSize), behind = background(e);
    const needed = size >= 24 || size >= 18.66 && style.fontWeight >= 700 ? 3 : 4.5;
    const ratio = contrast(over(rgba(style.color), behind), behind);
    if (ratio < needed) complaints.push(`contrast ${ratio.toFixed(2)} of ${describe(e)}`);
  }
  if (texts < 3) complaints.push("no text was looked at");
  for (const e of document.querySelectorAll("input, textarea, select, button.outlined")) {
    if (!seen(e) || inert(e)) continue;
    const ratio = contrast(over(rgba(getComputedStyle(e).borderTopColor), background(e.parentElement)), background(e.parentElement));
    if (ratio < 3) complaints.push(`border ${ratio.toFixed(2)} of ${describe(e)}`);
    if (e.placeholder && contrast(rgba(getComputedStyle(e, "::placeholder").color), background(e)) < 4.5) complaints.push(`placeholder of ${describe(e)}`);
  }

  const name = e => e.getAttribute("aria-label") || (e.getAttribute("aria-labelledby") || "").split(" ").map(id => document.getElementById(id)?.textContent).join("")
    || [...(e.labels ?? [])].map(l => l.textContent).join("") || (e.matches("button, a, summary") ? e.textContent : "");
  for (const e of document.querySelectorAll("button, a, input, textarea, select, summary, dialog, nav, [tabindex='0'], [role=group], [role=region], article")) {
    if (seen(e) && !name(e).trim()) complaints.push(`no name: ${describe(e)}`);
  }
  for (const e of document.querySelectorAll("button, input, select, summary")) {
    const box = e.getBoundingClientRect();
    if (seen(e) && (box.width < 24 || box.height < 24)) complaints.push(`small target ${box.width} x ${box.height}: ${describe(e)}`);
  }
  for (const e of document.querySelectorAll("[aria-describedby], [aria-labelledby], [aria-controls]")) {
    for (const attribute of ["aria-describedby", "aria-labelledby", "aria-controls"]) {
      for (const id of (e.getAttribute(attribute) ?? "").split(" ")) if (id && !document.getElementById(id)) complaints.push(`${attribute} leads nowhere: ${describe(e)}`);
    }
  }
  const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
  ids.filter((id, i) => ids.indexOf(id) !== i).forEach(id => complaints.push(`id twice: ${id}`));
  for (const landmark of ["header", "nav", "main"]) {
    if (document.querySelectorAll(`body > ${landmark}`).length !== 1) complaints.push(`not one <${landmark}>`);
  }
  if (document.querySelectorAll("h1").length !== 1) complaints.push("not one <h1>");
  if (!document.documentElement.lang) complaints.push("no language");
  if (!document.title) complaints.push("no title");
  const log = document.getElementById("log");
  if (log.closest("[aria-live]") || log.querySelector("[aria-live]")) complaints.push("tokens would be announced one by one");
  if (document.documentElement.scrollWidth > Math.min(innerWidth, screen.width)) complaints.push(`wider than the window: ${document.documentElement.scrollWidth}`);
  return complaints;
}
"""


def complaints(page):
    return page.evaluate(AUDIT)
