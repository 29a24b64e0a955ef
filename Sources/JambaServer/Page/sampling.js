// --- How answers are drawn ---

/// The fields of a request that the reader may set; those of `more` are folded away.
const sampling = [
  { name: "temperature", label: "Temperature", min: 0, max: 10, step: "any", hint: "0 always takes the likeliest token" },
  { name: "top_p", label: "Top p", min: 0, max: 1, step: "any", hint: "keeps the likeliest tokens up to this probability" },
  { name: "top_k", label: "Top k", min: 0, step: 1, hint: "keeps so many of the likeliest tokens; 0 keeps all" },
  { name: "min_p", label: "Min p", min: 0, max: 1, step: "any", hint: "drops tokens below this share of the likeliest" },
  { name: "repeat_penalty", label: "Repetition penalty", min: 0.01, max: 10, step: "any", hint: "above 1 discourages repetition; 1 is off" },
  { name: "seed", label: "Seed", min: 0, max: Number.MAX_SAFE_INTEGER, step: 1, hint: "the same seed gives the same answer" },
  { name: "max_tokens", label: "Maximum tokens", min: 1, step: 1, hint: "a longer answer is cut off", default: "n_predict" },
  { more: true, name: "frequency_penalty", label: "Frequency penalty", min: -2, max: 2, step: "any", hint: "for each time that a token has come" },
  { more: true, name: "presence_penalty", label: "Presence penalty", min: -2, max: 2, step: "any", hint: "for having come at all" },
  { more: true, name: "repeat_last_n", label: "Tokens that penalties see", min: -1, step: 1, hint: "the last so many; -1 for all" },
  { more: true, name: "typical_p", label: "Typical p", min: 0, max: 1, step: "any", hint: "keeps tokens of usual surprise; 1 is off" },
  { more: true, name: "top_n_sigma", label: "Top n sigma", min: -1, step: "any", hint: "keeps logits within so many deviations of the top; -1 is off" },
  { more: true, name: "xtc_probability", label: "XTC probability", min: 0, max: 1, step: "any", hint: "of leaving out the likeliest tokens; 0 is off" },
  { more: true, name: "xtc_threshold", label: "XTC threshold", min: 0, max: 1, step: "any", hint: "what counts as likely for that" },
  { more: true, name: "dynatemp_range", label: "Dynamic temperature", min: 0, step: "any", hint: "how far the temperature moves; 0 is off" },
  { more: true, name: "dynatemp_exponent", label: "Dynamic temperature exponent", min: 0, step: "any", hint: "how it follows the entropy" },
  { more: true, name: "dry_multiplier", label: "DRY multiplier", min: 0, step: "any", hint: "against repeated sequences; 0 is off" },
  { more: true, name: "dry_base", label: "DRY base", min: 1, step: "any", hint: "how it grows with their length" },
  { more: true, name: "dry_allowed_length", label: "DRY allowed length", min: 1, step: 1, hint: "sequences up to it are free" },
  { more: true, name: "mirostat_tau", label: "Mirostat target", min: 0, step: "any", hint: "surprise to keep to, with Mirostat" },
  { more: true, name: "mirostat_eta", label: "Mirostat rate", min: 0, step: "any", hint: "how fast it gets there" },
];
const choices = [
  { more: true, name: "mirostat", label: "Mirostat", hint: "instead of dropping unlikely tokens", options: [["", "default"], ["0", "off"], ["2", "version 2"]] },
  { name: "enable_thinking", label: "Thinking", hint: "where the chat template knows it", options: [["", "default"], ["true", "on"], ["false", "off"]] },
];
const mostStops = 16;

/// Presets that the page brings along; the reader's own are in settings.presets.
const givenPresets = {
  "Always the likeliest": { temperature: 0 },
  "Careful": { temperature: 0.3, top_p: 0.9 },
  "Balanced": { temperature: 0.7, top_p: 0.95, min_p: 0.02 },
  "Free": { temperature: 1.1, min_p: 0.05 },
};

function buildSampling() {
  const field = (name, label, hint, input) => {
    const id = `${name}-hint`;
    input.name = name;
    input.setAttribute("aria-describedby", id);
    return make("label", { className: "field" }, label, input, make("small", { id }, hint));
  };
  for (const { name, label, hint, more, default: known, ...limits } of sampling) {
    $(more ? "more-sampling" : "sampling").append(field(name, label, hint, make("input", { type: "number", placeholder: "default", inputMode: "decimal", ...limits })));
  }
  for (const { name, label, hint, more, options } of choices) {
    const select = make("select", {}, options.map(([value, text]) => make("option", { value }, text)));
    $(more ? "more-sampling" : "sampling").append(field(name, label, hint, select));
  }
  const stops = field("stop", "Stop sequences", `one a line, at most ${mostStops}; the answer ends before them`, make("textarea", { rows: 2 }));
  stops.classList.add("wide");
  $("sampling").append(stops);
}

/// Says what the server takes where a field is empty, as far as it has told; takes away what its model has no use for.
function showDefaults() {
  const form = $("settings-form").elements, known = properties.default_generation_settings?.params ?? {};
  for (const { name, default: key = name } of sampling) {
    form[name].placeholder = Number.isFinite(known[key]) ? `default ${number(known[key], 4)}` : "default";
  }
  form.enable_thinking.closest(".field").hidden = !currentModel()?.jamba?.supports_reasoning;
}

function fillSampling(values) {
  const form = $("settings-form").elements;
  for (const { name } of [...sampling, ...choices]) form[name].value = values[name] ?? "";
  form.stop.value = (values.stop ?? []).join("\n");
}

/// What the fields say: the members of a request.
function readSampling() {
  const form = $("settings-form").elements, values = {};
  for (const { name } of sampling) if (form[name].value !== "") values[name] = Number(form[name].value);
  for (const { name } of choices) if (form[name].value !== "") values[name] = JSON.parse(form[name].value);
  const stops = form.stop.value.split("\n").filter(line => line !== "").slice(0, mostStops);
  if (stops.length) values.stop = stops;
  return values;
}

function showPresets(chosen = "") {
  const group = (label, names, prefix) => {
    const element = make("optgroup", { label }, names.map(name => make("option", { value: prefix + name, selected: prefix + name === chosen }, name)));
    return names.length ? [element] : [];
  };
  $("preset").replaceChildren(make("option", { value: "" }, "choose one"), ...group("The page’s", Object.keys(givenPresets), "given "),
    ...group("Yours", Object.keys(settings.presets).sort(), "own "));
  $("delete-preset").disabled = !chosen.startsWith("own ");
}

function choosePreset() {
  const value = $("preset").value;
  $("delete-preset").disabled = !value.startsWith("own ");
  if (value) fillSampling(value.startsWith("own ") ? settings.presets[value.slice(4)] : givenPresets[value.slice(6)]);
}

function savePreset() {
  const name = $("preset-name").value.trim();
  const invalid = $("settings-form").querySelector("fieldset :invalid");
  if (!name) { $("preset-name").focus(); announce("Give the preset a name."); return; }
  if (invalid) { invalid.closest("details")?.setAttribute("open", ""); invalid.reportValidity(); return; }
  settings.presets = { ...settings.presets, [name]: readSampling() };
  store.write("settings", settings);
  $("preset-name").value = "";
  showPresets(`own ${name}`);
  announce(`The preset “${name}” is kept.`);
}

function deletePreset() {
  const name = $("preset").value.slice(4);
  settings.presets = Object.fromEntries(Object.entries(settings.presets).filter(([other]) => other !== name));
  store.write("settings", settings);
  showPresets();
  $("preset").focus();
  announce(`The preset “${name}” is gone.`);
}
