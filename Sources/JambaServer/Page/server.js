// --- The server ---

/// What a request failed with, in words for the reader.
class Problem extends Error {
  constructor(message, status = 0) { super(message); this.status = status; }
}

async function call(path, options = {}) {
  const headers = { ...options.headers };
  if (store.apiKey) headers.Authorization = `Bearer ${store.apiKey}`;
  let response;
  try {
    response = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch (error) {
    throw error.name === "AbortError" ? error : new Problem("The server cannot be reached.");
  }
  if (response.ok) return response;
  const said = await response.json().then(body => body.error?.message, () => null);
  const wait = parseInt(response.headers.get("Retry-After"));
  const words = {
    401: store.apiKey ? "The server does not accept this API key." : "The server wants an API key.",
    429: `The server is busy.${wait > 0 ? ` Try again in ${wait} s.` : ""}`,
    503: "The server cannot answer now.",
  }[response.status] ?? `The server refused the request (${response.status}).`;
  throw new Problem(said ? `${words} It says: ${said}` : words, response.status);
}

/// The data of the server-sent events of a response, one after another.
async function* events(response) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let buffer = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      buffer += decoder.decode(value, { stream: true });
      for (let end; (end = /\r?\n\r?\n/.exec(buffer));) {
        const lines = buffer.slice(0, end.index).split(/\r?\n/);
        buffer = buffer.slice(end.index + end[0].length);
        const data = lines.filter(line => line.startsWith("data:")).map(line => line.slice(5).trimStart()).join("\n");
        if (data) yield data;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

const models = new Map();  // id: entry of /v1/models
let properties = {};       // what /props says

async function readModels() {
  try {
    const { data } = await (await call("/v1/models")).json();
    models.clear();
    for (const model of data) models.set(model.id, model);
    showModels();
    properties = await (await call("/props")).json().catch(() => null) ?? {};
    showModels();
  } catch (error) {
    if (error.status === 401) askForKey(error.message); else notify(error.message);
  }
}

const currentModel = () => models.get(settings.model) ?? models.values().next().value;

/// Memory and load, while somebody looks.
async function readFigures() {
  if (!document.hidden) {
    let text = "";
    try {
      const metrics = await (await call("/metrics")).text();
      const value = name => { const match = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)`, "m").exec(metrics); return match ? Number(match[1]) : null; };
      const resident = value("jamba_memory_resident_bytes"), running = value("jamba_requests_running"), waiting = value("jamba_requests_waiting");
      const limit = currentModel()?.jamba?.memory_limit;
      const parts = [];
      if (resident !== null) parts.push(`${bytes(resident)}${limit ? ` of ${bytes(limit)}` : ""}`);
      if (running) parts.push(`${running} answering`);
      if (waiting) parts.push(`${waiting} waiting`);
      text = parts.join(" · ");
      if (models.size === 0) readModels();
    } catch (error) {
      text = error.status ? "" : "not reachable";
    }
    $("figures").textContent = text && text !== "not reachable" ? `Memory ${text}` : text;
  }
  setTimeout(readFigures, 5000);
}
