// --- Models, appearance, settings ---

function showModels() {
  const model = currentModel();
  const several = models.size > 1;
  $("model-name").textContent = several ? "" : model?.id ?? "";
  $("model").hidden = !several;
  $("model").replaceChildren(...[...models.keys()].map(id => make("option", { value: id, selected: id === model.id }, id)));
  const facts = model?.jamba ?? {};
  $("model-facts").textContent = !model ? "" : [model.id,
    facts.parameters_bytes && `parameters ${bytes(facts.parameters_bytes)}`,
    facts.memory_limit && `memory limit ${bytes(facts.memory_limit)}`,
    facts.context ? `context ${number(facts.context)} tokens` : facts.context === null && "context without end",
    properties.total_slots && `${number(properties.total_slots)} answers at once`,
    facts.supports_reasoning && "thinks before it answers",
    facts.supports_tools && "can call tools",
  ].filter(Boolean).join(" · ");
}

function showTheme() {
  const root = document.documentElement;
  if (settings.theme === "system") delete root.dataset.theme; else root.dataset.theme = settings.theme;
  $("theme").ariaPressed = String(isDark());
}
const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => settings.theme === "system" ? systemIsDark.matches : settings.theme === "dark";

function openSettings() {
  const form = $("settings-form").elements;
  form.system.value = current.system;
  fillSampling(settings.sampling);
  showDefaults();
  showPresets();
  form["preset-name"].value = "";
  $("template-text").textContent = properties.chat_template ?? "";
  $("template").hidden = !properties.chat_template;
  form.theme.value = settings.theme;
  form.key.value = store.apiKey;
  $("key-problem").hidden = true;
  $("settings").showModal();
}

function saveSettings() {
  const form = $("settings-form").elements;
  settings.sampling = readSampling();
  settings.theme = form.theme.value;
  settings.system = current.system = form.system.value;
  store.write("settings", settings);
  saveChat(current);
  showTheme();
  $("settings").close();
  const isNewKey = form.key.value !== store.apiKey;
  store.apiKey = form.key.value;
  if (isNewKey) readModels();
  const last = current.messages.at(-1);
  if (isNewKey && last?.wantsKey) isEmpty(last) ? answerFrom(current.messages.length - 1) : goOn();
}

function askForKey(words) {
  if (!$("settings").open) openSettings();
  $("key-problem").hidden = false;
  $("key-problem").textContent = words;
  $("settings-form").elements.key.focus();
}
