// The page: a picture, a question, an answer that can be looked into.
import { Names } from "./names.js";
import { Overlay } from "./overlay.js";
import { TokenError, ask, fetchBlob, fetchFiles, fetchJson, sendPicture, useToken } from "./service.js";

const $ = (id) => document.getElementById(id);
const KINDS = [
  { id: "names", title: "Name things", hint: "Every region of what you type", verb: "segment", view: "instances", task: "semantic" },
  { id: "objects", title: "Single objects", hint: "Each one for itself", verb: "segment", view: "instances", task: "instances" },
  { id: "panoptic", title: "Panoptic", hint: "Every pixel once", verb: "segment", view: "panoptic" },
  { id: "everything", title: "Everything, named", hint: "Without a word from you", verb: "label", view: "instances" },
  { id: "sentence", title: "A sentence", hint: "The one it describes", verb: "refer", view: "instances" },
];

const state = {
  kind: KINDS[0], methods: [], examples: [], limits: null,
  picture: null, // { blob, id, example }
  answer: null, cutoff: 0, cutoffs: {}, hidden: new Set(), running: null,
};
const overlay = new Overlay($("canvas"));
const names = new Names($("names"), () => problem(""));

// --- small things -------------------------------------------------------------------------------

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function problem(sentence) {
  $("problem").hidden = !sentence;
  $("problem").textContent = sentence;
}

function say(text) {
  $("status").textContent = text;
}

const list = (text) => text.split(",").map((part) => part.trim()).filter(Boolean);
const two = (score) => score.toFixed(2);
const swatch = (color) => {
  const made = element("span", { className: "swatch" });
  made.style.setProperty("--c", color);
  return made;
};

// --- the question -------------------------------------------------------------------------------

function able(kind) {
  const there = state.methods.filter((one) => one.state !== "absent" && one.verbs.includes(kind.verb));
  return kind.task ? there.filter((one) => one.task === kind.task) : there;
}

function drawKinds() {
  $("kinds").replaceChildren(...KINDS.map((kind) => {
    const input = element("input", { type: "radio", name: "kind", value: kind.id, checked: kind === state.kind });
    input.addEventListener("change", () => choose(kind));
    return element("label", {}, input, kind.title, element("small", { textContent: kind.hint }));
  }));
}

const inputOf = (kind) => document.querySelector(`#kinds input[value=${kind.id}]`);

function choose(kind, method) {
  state.kind = kind;
  inputOf(kind).checked = true;
  $("by-names").hidden = kind.verb !== "segment";
  $("by-text").hidden = kind.verb !== "refer";
  $("by-nothing").hidden = kind.verb !== "label";
  drawMethods(method);
}

/** The methods for the question; who is choosing right now is not disturbed. */
function drawMethods(method) {
  for (const kind of KINDS) inputOf(kind).disabled = !able(kind).length;
  const before = method ?? $("method").value;
  const options = able(state.kind).map((one) => element("option", {
    value: one.name, textContent: one.state === "ready" ? one.name : `${one.name} (is being loaded)`, selected: one.name === before,
  }));
  const texts = (all) => [...all].map((one) => one.textContent).join();
  if (texts(options) !== texts($("method").options) || method) $("method").replaceChildren(...options);
  describeMethod();
}

function describeMethod() {
  const one = state.methods.find((method) => method.name === $("method").value);
  $("method-title").textContent = one?.title ?? "";
}

function question() {
  const common = { method: $("method").value, view: state.kind.view };
  if (state.kind.verb === "label") return common;
  if (state.kind.verb === "refer") return { ...common, texts: [$("text").value.trim()] };
  return { ...common, names: names.values, against: list($("against").value), excluded: list($("excluded").value) };
}

function missing(asked) {
  if (!state.picture) return "Choose a picture first.";
  if (asked.names && !asked.names.length) return "Type at least one name to look for.";
  if (asked.texts && !asked.texts[0]) return "Type a sentence about one thing in the picture.";
  return "";
}

// --- the picture --------------------------------------------------------------------------------

async function takePicture(blob, details = {}) {
  problem("");
  const most = state.limits?.megabytes ?? Infinity;
  if (blob.size > most * 1e6) return problem(`The picture has ${(blob.size / 1e6).toFixed(1)} MB; at most ${most} are taken.`);
  let picture;
  try {
    picture = await createImageBitmap(blob, { imageOrientation: "from-image" });
  } catch {
    return problem("This browser cannot show the file as a picture; try a JPEG or PNG.");
  }
  state.picture = { blob, id: details.id ?? null, example: details.example ?? null };
  overlay.show(picture);
  $("empty").hidden = true;
  $("canvas").setAttribute("aria-label", `Picture of ${picture.width} by ${picture.height} pixels, no answer yet`);
  forget();
  say(`${details.title ?? blob.name ?? "Picture"}: ${picture.width} × ${picture.height} pixels.`);
  document.querySelectorAll("#examples button").forEach((button, number) => {
    button.setAttribute("aria-pressed", String(number === state.picture.example));
  });
}

function forget() {
  state.answer = null;
  $("result").hidden = true;
}

async function takeExample(number) {
  const example = state.examples[number];
  await takePicture(await fetchBlob(example.picture), { example: number, title: `Scene ${number + 1}` });
  names.set(state.kind.task === "instances" ? example.things : example.names);
  $("text").value = example.sentence;
}

function drawExamples() {
  $("examples").replaceChildren(...state.examples.map((example, number) => {
    const image = element("img", { src: example.picture, alt: "", width: 64, height: 64 });
    const button = element("button", { type: "button" }, image);
    button.setAttribute("aria-label", `Scene ${number + 1}`);
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => guarded(() => takeExample(number)));
    return element("li", {}, button);
  }));
}

// --- asking -------------------------------------------------------------------------------------

async function run() {
  names.finish();
  const asked = question();
  const lacking = missing(asked);
  problem(lacking);
  if (lacking) return;
  state.running?.abort();
  const mine = (state.running = new AbortController());
  const watch = startWatch();
  if (innerWidth <= 860) $("stage").scrollIntoView({ behavior: "smooth" });
  try {
    const answer = await answered(asked, mine.signal, watch);
    show(answer, performance.now() - watch.begin);
  } catch (error) {
    if (error.name === "AbortError") say("Stopped.");
    else throw error;
  } finally {
    watch.stop();
    if (state.running === mine) state.running = null;
  }
}

/** Encode first and ask then, so that one sees what takes the time; a picture is sent once. */
async function answered(asked, signal, watch) {
  const picture = state.picture;
  const send = async () => {
    watch.phase("Sending the picture");
    picture.id = (await sendPicture(picture.blob, null, signal)).image_id;
  };
  if (!picture.id) await send();
  watch.phase(`${asked.method} looks and answers`);
  try {
    return await ask(state.kind.verb, { ...asked, image_id: picture.id }, signal);
  } catch (error) {
    if (!/send the picture again/.test(error.message)) throw error;
    await send(); // it had been kept for too long
    return ask(state.kind.verb, { ...asked, image_id: picture.id }, signal);
  }
}

function startWatch() {
  const begin = performance.now();
  let text = "";
  const tick = () => { $("phase").textContent = `${text} … ${((performance.now() - begin) / 1000).toFixed(1)} s`; };
  const timer = setInterval(tick, 100);
  $("progress").hidden = $("stop").hidden = false;
  $("go").disabled = true;
  return {
    begin,
    phase(words) { text = words; say(words); tick(); },
    stop() { clearInterval(timer); $("progress").hidden = $("stop").hidden = true; $("go").disabled = false; },
  };
}

// --- the answer ---------------------------------------------------------------------------------

function show(answer, took) {
  state.answer = answer;
  state.cutoffs = {};
  state.hidden.clear();
  overlay.take(answer.instances, answer.colors);
  drawCutoffs();
  drawRows();
  $("result").hidden = false;
  update();
  const how = answer.encoded_before ? "the picture was encoded before" : "encoding included";
  const notes = answer.notes.length ? ` ${answer.notes.join(" ")}` : "";
  $("status").append(` ${Math.round(answer.answer_ms)} ms by ${answer.method} (${how}), ${Math.round(took)} ms until here.${notes}`);
  remember();
}

const limitOf = (name) => Math.max(state.cutoff, state.cutoffs[name] ?? 0);

/** Everything that cut-offs and toggles decide. */
function update() {
  const { answer } = state;
  if (!answer) return;
  for (const region of overlay.regions) {
    region.visible = region.score >= limitOf(region.label) && !state.hidden.has(region.label);
  }
  overlay.draw();
  const found = new Map();
  for (const region of answer.instances) {
    if (region.score < limitOf(region.label)) continue;
    const best = found.get(region.label) ?? { count: 0, score: 0 };
    found.set(region.label, { count: best.count + 1, score: Math.max(best.score, region.score) });
  }
  drawLegend(found);
  drawAbsent(found);
  const told = [...found].map(([name, best]) => `${name} (${two(best.score)})`).join(", ");
  say(found.size ? `Here: ${told}.` : "Nothing of this is here.");
  $("canvas").setAttribute("aria-label", found.size ? `Picture with ${told}` : "Picture in which nothing was found");
  $("here-count").textContent = found.size;
}

function drawLegend(found) {
  const focused = document.activeElement?.dataset?.name;
  const entries = [...found].map(([name, best]) => {
    const count = best.count > 1 ? `${best.count} × ` : "";
    const button = element("button", { type: "button" }, swatch(state.answer.colors[name]), element("span", { textContent: name }), element("small", { textContent: `${count}${two(best.score)}` }));
    button.dataset.name = name;
    button.setAttribute("aria-pressed", String(!state.hidden.has(name)));
    button.addEventListener("click", () => {
      if (!state.hidden.delete(name)) state.hidden.add(name);
      update();
    });
    const light = (on) => overlay.light(on ? overlay.regions.findIndex((region) => region.label === name && region.visible) : -1);
    button.addEventListener("pointerenter", () => light(true));
    button.addEventListener("pointerleave", () => light(false));
    return element("li", {}, button);
  });
  $("legend").replaceChildren(...(entries.length ? entries : [element("li", { className: "none", textContent: "Nothing above the cut-off." })]));
  if (focused) document.querySelector(`#legend button[data-name="${CSS.escape(focused)}"]`)?.focus();
}

function drawAbsent(found) {
  const { answer } = state;
  const refused = answer.presence.filter((entry) => !found.has(entry.name)).map((entry) => {
    const scores = answer.instances.filter((region) => region.label === entry.name).map((region) => region.score);
    const yours = scores.length > 0;
    const score = yours ? Math.max(...scores) : entry.score;
    const reason = yours ? `below your cut-off ${two(limitOf(entry.name))}` : entry.reason;
    return element("li", { className: yours ? "yours" : "" }, element("div", {}, element("strong", { textContent: entry.name }), element("small", { textContent: two(score) })), element("p", { textContent: reason }));
  });
  $("not-count").textContent = refused.length;
  $("absent").replaceChildren(...(refused.length ? refused : [element("li", { className: "none", textContent: "Every name was found." })]));
}

function drawCutoffs() {
  const labels = [...new Set(state.answer.instances.map((region) => region.label))];
  $("each").hidden = labels.length < 2;
  $("cutoffs").replaceChildren(...labels.map((name) => {
    const input = element("input", { type: "range", min: 0, max: 1, step: 0.01, value: 0 });
    const output = element("output", { textContent: "0.00" });
    input.addEventListener("input", () => {
      state.cutoffs[name] = Number(input.value);
      output.textContent = two(Number(input.value));
      update();
    });
    return element("label", {}, name, input, output);
  }));
}

function drawRows() {
  $("rows").replaceChildren(...state.answer.instances.map((region, number) => {
    const cells = [region.label, two(region.score), region.area.toLocaleString(), region.bbox.join(", ")];
    const row = element("tr", { tabIndex: 0 }, ...cells.map((text) => element("td", { textContent: text })));
    for (const [on, off] of [["pointerenter", "pointerleave"], ["focus", "blur"]]) {
      row.addEventListener(on, () => overlay.light(number));
      row.addEventListener(off, () => overlay.light(-1));
    }
    return row;
  }));
}

function point(event) {
  const box = $("canvas").getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * $("canvas").width;
  const y = ((event.clientY - box.top) / box.height) * $("canvas").height;
  const number = overlay.regions.length ? overlay.at(x, y) : -1;
  overlay.light(number);
  const tip = $("tip");
  tip.hidden = number < 0;
  if (number < 0) return;
  const region = overlay.regions[number];
  tip.replaceChildren(region.label, element("b", { textContent: two(region.score) }));
  const stage = $("stage").getBoundingClientRect();
  const left = Math.min(event.clientX - stage.left + 14, stage.width - tip.offsetWidth - 8);
  tip.style.transform = `translate(${left}px, ${Math.max(4, event.clientY - stage.top - 34)}px)`;
}

// --- to keep ------------------------------------------------------------------------------------

async function download() {
  const { answer } = state;
  const body = {
    ...question(), image_id: answer.image_id, verb: state.kind.verb, method: answer.method,
    formats: [$("format").value], cutoff: state.cutoff, cutoffs: state.kind.verb === "segment" ? chosenCutoffs() : {},
  };
  const { name, blob } = await fetchFiles(body);
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
  say(`${name} was downloaded.`);
}

const chosenCutoffs = () => Object.fromEntries(Object.entries(state.cutoffs).filter(([, limit]) => limit > 0));

/** The question as the part of the address behind #. */
function remember() {
  const asked = question();
  const words = new URLSearchParams({ ask: state.kind.id, method: asked.method });
  for (const name of asked.names ?? []) words.append("name", name);
  for (const text of asked.texts ?? []) words.append("text", text);
  for (const key of ["against", "excluded"]) if (asked[key]?.length) words.set(key, asked[key].join(", "));
  if (state.picture.example !== null) words.set("scene", state.picture.example);
  else if (state.picture.id) words.set("picture", state.picture.id);
  if (state.cutoff) words.set("cutoff", state.cutoff);
  history.replaceState(null, "", `#${words}`);
}

async function copyLink() {
  remember();
  try {
    await navigator.clipboard.writeText(location.href);
    say("The link was copied.");
  } catch {
    say(`The link: ${location.href}`);
  }
}

/** Fill the page from a link, and ask again. */
async function repeat(words) {
  const kind = KINDS.find((one) => one.id === words.get("ask")) ?? KINDS[0];
  choose(kind, words.get("method"));
  if (words.has("scene")) await takeExample(Number(words.get("scene")));
  else if (words.has("picture")) await takeKept(words.get("picture"));
  if (words.has("name")) names.set(words.getAll("name"));
  if (words.has("text")) $("text").value = words.get("text");
  for (const key of ["against", "excluded"]) $(key).value = words.get(key) ?? "";
  setCutoff(Number(words.get("cutoff") ?? 0));
  if (state.picture) await run();
}

async function takeKept(id) {
  let blob;
  try {
    blob = await fetchBlob(`v1/images/${encodeURIComponent(id)}`);
  } catch (error) {
    return problem(`${error.message} The question is filled in.`);
  }
  await takePicture(blob, { id, title: "The picture of the link" });
}

function setCutoff(value) {
  state.cutoff = value;
  $("cutoff").value = value;
  $("cutoff-out").textContent = two(value);
  update();
}

// --- start --------------------------------------------------------------------------------------

/** Run something; what goes wrong is a sentence on the page. */
async function guarded(action) {
  try {
    await action();
  } catch (error) {
    if (error instanceof TokenError) askToken(action);
    else problem(error.message);
  }
}

function askToken(then) {
  const dialog = $("token-dialog");
  dialog.addEventListener("close", () => {
    useToken($("token").value);
    guarded(then);
  }, { once: true });
  dialog.showModal();
}

async function loadModels() {
  const offered = await fetchJson("v1/models");
  state.methods = offered.models;
  $("preset").hidden = false;
  $("preset").textContent = `weights: ${offered.preset}`;
  $("caution").hidden = !offered.caution;
  $("caution").textContent = offered.caution ? `These are ${offered.caution}. For photographs start the service with --preset paper.` : "";
  drawMethods();
  if (state.methods.some((one) => one.state === "waiting")) setTimeout(() => guarded(loadModels), 1500);
}

async function start() {
  drawKinds();
  choose(state.kind);
  const [, examples, formats, limits] = await Promise.all([
    loadModels(), fetchJson("examples"), fetchJson("v1/formats"), fetchJson("v1/limits"),
  ]);
  state.limits = limits;
  state.examples = examples;
  $("format").replaceChildren(...formats.formats.map((name) => element("option", { value: name, textContent: name, selected: name === "overlay" })));
  drawExamples();
  const words = new URLSearchParams(location.hash.slice(1));
  if (words.has("ask")) await repeat(words);
  else await takeExample(0);
  document.body.dataset.ready = "yes";
}

function wire() {
  $("ask").addEventListener("submit", (event) => { event.preventDefault(); guarded(run); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) guarded(run);
    if (event.key === "Escape") state.running?.abort();
  });
  $("stop").addEventListener("click", () => state.running?.abort());
  $("method").addEventListener("change", describeMethod);
  $("file").addEventListener("change", () => { if ($("file").files[0]) guarded(() => takePicture($("file").files[0])); });
  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find((one) => one.type.startsWith("image/"));
    if (file) guarded(() => takePicture(file, { title: "The pasted picture" }));
  });
  document.addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("over"); });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("over"); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("over");
    const file = event.dataTransfer?.files[0];
    if (file) guarded(() => takePicture(file));
  });
  $("cutoff").addEventListener("input", () => setCutoff(Number($("cutoff").value)));
  $("opacity").addEventListener("input", () => { overlay.opacity = Number($("opacity").value); overlay.draw(); });
  $("labels").addEventListener("change", () => { overlay.labels = $("labels").checked; overlay.draw(); });
  $("canvas").addEventListener("pointermove", point);
  $("canvas").addEventListener("pointerdown", point);
  $("canvas").addEventListener("pointerleave", () => { $("tip").hidden = true; overlay.light(-1); });
  addEventListener("resize", () => overlay.draw());
  $("download").addEventListener("click", () => guarded(download));
  $("link").addEventListener("click", () => guarded(copyLink));
  $("theme").addEventListener("click", () => {
    const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
    setTheme(dark ? "light" : "dark");
  });
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  try { localStorage.setItem("theme", theme); } catch { /* the next visit forgets it */ }
}

try {
  const theme = localStorage.getItem("theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch { /* the system's choice stands */ }
wire();
guarded(start);
