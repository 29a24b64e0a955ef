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

/// The sampling fields of a request that the reader may set.
const sampling = [
  { name: "temperature", label: "Temperature", min: 0, max: 10, step: "any", hint: "0 always takes the likeliest token" },
  { name: "top_p", label: "Top p", min: 0, max: 1, step: "any", hint: "keeps the likeliest tokens up to this probability" },
  { name: "top_k", label: "Top k", min: 0, step: 1, hint: "keeps so many of the likeliest tokens; 0 keeps all" },
  { name: "min_p", label: "Min p", min: 0, max: 1, step: "any", hint: "drops tokens below this share of the likeliest" },
  { name: "repeat_penalty", label: "Repetition penalty", min: 0.01, max: 10, step: "any", hint: "above 1 discourages repetition; 1 is off" },
  { name: "seed", label: "Seed", min: 0, max: Number.MAX_SAFE_INTEGER, step: 1, hint: "the same seed gives the same answer" },
  { name: "max_tokens", label: "Maximum tokens", min: 1, step: 1, hint: "a longer answer is cut off" },
];

function buildSampling() {
  const field = (name, label, hint, input) => {
    const id = `${name}-hint`;
    input.name = name;
    input.setAttribute("aria-describedby", id);
    return make("label", { className: "field" }, label, input, make("small", { id }, hint));
  };
  for (const { name, label, hint, ...limits } of sampling) {
    $("sampling").append(field(name, label, hint, make("input", { type: "number", placeholder: "default", inputMode: "decimal", ...limits })));
  }
  const stops = field("stop", "Stop sequences", "one a line, at most four; the answer ends before them", make("textarea", { rows: 2 }));
  stops.classList.add("wide");
  $("sampling").append(stops);
}

function openSettings() {
  const form = $("settings-form").elements;
  form.system.value = current.system;
  for (const { name } of sampling) form[name].value = settings.sampling[name] ?? "";
  form.stop.value = (settings.sampling.stop ?? []).join("\n");
  form.theme.value = settings.theme;
  form.key.value = store.apiKey;
  $("key-problem").hidden = true;
  $("settings").showModal();
}

function clearSampling() {
  const form = $("settings-form").elements;
  for (const { name } of sampling) form[name].value = "";
  form.stop.value = "";
}

function saveSettings() {
  const form = $("settings-form").elements;
  settings.sampling = {};
  for (const { name } of sampling) if (form[name].value !== "") settings.sampling[name] = Number(form[name].value);
  const stops = form.stop.value.split("\n").filter(line => line !== "").slice(0, 4);
  if (stops.length) settings.sampling.stop = stops;
  settings.theme = form.theme.value;
  settings.system = current.system = form.system.value;
  store.write("settings", settings);
  saveChat(current);
  showTheme();
  $("settings").close();
  const isNewKey = form.key.value !== store.apiKey;
  store.apiKey = form.key.value;
  if (isNewKey) readModels();
  if (isNewKey && current.messages.at(-1)?.wantsKey) answerFrom(current.messages.length - 1);
}

function askForKey(words) {
  if (!$("settings").open) openSettings();
  $("key-problem").hidden = false;
  $("key-problem").textContent = words;
  $("settings-form").elements.key.focus();
}
