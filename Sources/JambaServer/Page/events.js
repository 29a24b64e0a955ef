// --- Events ---

$("composer").addEventListener("submit", event => {
  event.preventDefault();
  if (running.has(current.id)) { stop(); return; }
  const area = $("message");
  const text = withFiles(area.value, attached);
  if (!text.trim()) return;
  area.value = "";
  attached = [];
  showAttached();
  fitComposer();
  send(text);
  area.focus();
});
// The second click of a double click on Send is not meant to stop.
$("send").addEventListener("click", event => { if (event.detail > 1) event.preventDefault(); });
$("message").addEventListener("input", fitComposer);
$("message").addEventListener("keydown", event => {
  if (!isSend(event)) return;
  event.preventDefault();
  if (running.has(current.id)) announce("An answer is under way. Escape stops it."); else $("composer").requestSubmit();
});
document.addEventListener("keydown", event => {
  if (event.key !== "Escape" || $("settings").open || event.target === $("search") && event.target.value) return;
  if (document.body.classList.contains("list-open")) openList(false); else stop();
});

// Only the reader's own moves end or begin following: what is added below does not make a scroll event.
$("log").addEventListener("scroll", noticeEnd);
new ResizeObserver(toEnd).observe($("log"));
$("latest").addEventListener("click", () => { follows = true; toEnd(); $("message").focus(); });
$("log").addEventListener("click", event => {
  const copyButton = event.target.closest(".copy-code");
  if (copyButton) copy(copyButton.closest(".block").querySelector("code").textContent, copyButton);
});

$("new-chat").addEventListener("click", () => openChat());
$("open-list").addEventListener("click", () => openList(true));
$("close-list").addEventListener("click", () => openList(false));
document.addEventListener("click", event => {
  if (event.target === document.body || event.target === document.documentElement) openList(false);
});
matchMedia("(max-width: 48rem)").addEventListener("change", () => openList(false));
$("export-json").addEventListener("click", exportJSON);
$("export-markdown").addEventListener("click", exportMarkdown);
$("export-all").addEventListener("click", exportAll);
$("search").addEventListener("input", showList);

// The buttons stand for fields of files, which cannot look like them.
for (const [id, take] of [["import", importFiles], ["attach", attach]]) {
  const field = $(`${id}-file`);
  $(id).addEventListener("click", () => field.click());
  field.addEventListener("change", async () => {
    await take([...field.files]);
    field.value = "";  // the same file again is a change, too
  });
}
const hasFiles = transfer => transfer?.types.includes("Files");
let dropTimer;
document.addEventListener("dragover", event => {
  if (!hasFiles(event.dataTransfer) || $("settings").open) return;
  event.preventDefault();
  document.body.classList.add("dropping");
  clearTimeout(dropTimer);
  dropTimer = setTimeout(() => document.body.classList.remove("dropping"), 300);
});
document.addEventListener("drop", event => {
  if (!hasFiles(event.dataTransfer)) return;
  event.preventDefault();
  document.body.classList.remove("dropping");
  if (!$("settings").open) attach([...event.dataTransfer.files]);
});
$("message").addEventListener("paste", event => {
  if (event.clipboardData.files.length === 0) return;
  event.preventDefault();
  attach([...event.clipboardData.files]);
});

// Not by the address, which tells of the conversation.
document.querySelector(".skip").addEventListener("click", event => { event.preventDefault(); $("message").focus(); });
addEventListener("popstate", () => openAddress());

$("theme").addEventListener("click", () => {
  settings.theme = isDark() ? "light" : "dark";
  store.write("settings", settings);
  showTheme();
});
systemIsDark.addEventListener("change", showTheme);
$("model").addEventListener("change", event => {
  settings.model = event.target.value;
  store.write("settings", settings);
  showModels();
});
$("open-settings").addEventListener("click", openSettings);
$("cancel-settings").addEventListener("click", () => $("settings").close());
$("defaults").addEventListener("click", () => fillSampling({}));
$("preset").addEventListener("change", choosePreset);
$("save-preset").addEventListener("click", savePreset);
$("delete-preset").addEventListener("click", deletePreset);
$("preset-name").addEventListener("keydown", event => { if (isSend(event)) { event.preventDefault(); savePreset(); } });
$("settings-form").addEventListener("invalid", event => event.target.closest("details")?.setAttribute("open", ""), true);
$("settings-form").addEventListener("submit", event => { event.preventDefault(); saveSettings(); });

// Another tab has changed what is kept.
addEventListener("storage", event => {
  if (!event.key?.startsWith("jamba.chat.")) return;
  const id = event.key.slice(11);
  if (!running.has(id)) opened.delete(id);
  if (id === current.id && !running.has(id) && event.newValue) {
    current = readChat(id) ?? current;
    opened.set(id, current);
    showMessages();
  }
  showList();
});
addEventListener("pagehide", () => { for (const id of running.keys()) if (opened.has(id)) saveChat(opened.get(id)); });

buildSampling();
showTheme();
openAddress(store.read("current"));
readModels().then(readFigures);
