// The page to try a model: a file goes to the server, which reads its pages one after another; they are shown as they come.
"use strict";

// Texts that are looked up by a value.
const STATES = {
  uploading: "Sending…", waiting: "Waiting: {before} documents are before this one", opening: "Opening the document…",
  loading: "Loading the model, once…", reading: "Reading: {done} of {all} pages", done: "Read: {all} pages",
  stopped: "Stopped: {done} of {all} pages were read", failed: "This document cannot be read.",
};
const STATUSES = {
  "": "not read yet", ok: "read", blank: "nothing on it", unsure: "unsure", loop: "repeats itself", cut: "cut off",
  error: "not read", timed_out: "not read", too_large: "not read",
};
const REASONS = {
  encrypted: "It needs a password: `scribetune convert --password-variable` takes one.",
  not_a_pdf: "It is no PDF.", not_an_image: "It is no image that can be read.", zero_pages: "It has no pages.",
  truncated: "It is damaged or not complete.", too_large: "It is too large.", timed_out: "It takes too long to open.",
};
const UNREACHABLE = "The server cannot be reached. Start `scribetune demo` again, and open the address that it prints.";
const HAVE_ENDED = ["done", "stopped", "failed"];
const TO_BE_LOOKED_AT = ["unsure", "loop", "cut", "error", "timed_out", "too_large"];
const LOOK_AGAIN_MS = 400;
const $ = (id) => document.getElementById(id);

let words = {}; // English → the language of the page
let current = null; // the document, as the server last told of it
let shown = 0; // number of the page that is shown
let visit = 0; // counts documents: answers about an earlier one are dropped

const t = (english, values = {}) => (words[english] ?? english).replace(/\{(\w+)\}/g, (_, key) => String(values[key]));

class Refusal extends Error {}

async function request(path, options = {}) {
  const answer = await fetch(path, options); // rejects where the server cannot be reached
  const text = await answer.text();
  let content = {};
  try {
    content = JSON.parse(text);
  } catch {
    content = { error: text.trim() };
  }
  if (!answer.ok) throw new Refusal(content.error || t("The server answers {status}.", { status: answer.status }));
  return content;
}

const asked = (path, values) => `${path}?${new URLSearchParams(values)}`;

function complain(error) {
  say($("error"), error instanceof Refusal ? error.message : t(UNREACHABLE));
  $("error").hidden = false;
}

function quiet() {
  $("error").textContent = "";
  $("error").hidden = true;
}

// ---- a document is given

async function give(file) {
  quiet();
  if (!file) return;
  const limit = Number(document.body.dataset.limit);
  if (file.size > limit) {
    complain(new Refusal(t("The file has {size} MiB; {limit} are allowed.", {
      size: Math.ceil(file.size / 2 ** 20), limit: limit / 2 ** 20,
    })));
    return;
  }
  const mine = ++visit;
  current = { id: "", name: file.name, state: "uploading", pages: [], before: 0, message: "" };
  shown = 0;
  tell();
  try {
    const headers = { "Content-Type": "application/octet-stream" };
    const told = await request(asked("/api/document", { name: file.name }), { method: "POST", headers, body: file });
    if (mine === visit) {
      current = told;
      await follow(mine);
    }
  } catch (error) {
    if (mine !== visit) return;
    if (!current.id) current = null;
    tell();
    complain(error);
  }
}

async function follow(mine) {
  while (mine === visit) {
    tell();
    if (!shown) {
      const first = current.pages.find(([, status]) => status);
      if (first) show(first[0]);
    }
    if (HAVE_ENDED.includes(current.state)) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    const told = await request(asked("/api/document", { id: current.id }));
    if (mine === visit) current = told;
  }
}

// ---- how far it is

function tell() {
  const here = current !== null;
  const pages = here ? current.pages : [];
  const done = pages.filter(([, status]) => status).length;
  $("drop").hidden = here;
  $("open").hidden = !here;
  $("stop").hidden = !here || !current.id || HAVE_ENDED.includes(current.state);
  $("stop").disabled = here && Boolean(current.stopping);
  $("download").hidden = done === 0;
  if (done) $("download").href = asked("/markdown", { id: current.id });
  for (const id of ["list", "image-pane", "text-pane"]) $(id).hidden = pages.length === 0;
  $("progress").hidden = !here || current.state !== "reading";
  $("progress").max = pages.length || 1;
  $("progress").value = done;
  const name = here && current.state === "waiting" && !current.before ? "opening" : here && current.state;
  const state = here ? t(STATES[name], { before: current.before, done, all: pages.length }) : "";
  say($("status"), here ? `${current.name} · ${state}${current.stopping ? ` · ${t("Stopping after this page…")}` : ""}` : "");
  if (here && current.message) {
    const status = current.message.split(":")[0];
    complain(new Refusal(status in REASONS ? t(REASONS[status]) : current.message));
  }
  list(pages);
  buttons();
}

// Said anew only where it has changed: a screen reader reads it aloud.
function say(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

function list(pages) {
  while ($("pages").children.length > pages.length) $("pages").lastChild.remove();
  pages.forEach(([number, status], index) => {
    let item = $("pages").children[index];
    if (!item) {
      item = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.append(document.createElement("span"), document.createElement("small"));
      button.addEventListener("click", () => show(Number(button.dataset.page)));
      item.append(button);
      $("pages").append(item);
    }
    const button = item.firstChild;
    button.dataset.page = number;
    button.disabled = !status;
    button.setAttribute("aria-current", String(number === shown));
    say(button.firstChild, t("Page {number}", { number }));
    say(button.lastChild, status in STATUSES ? t(STATUSES[status]) : status);
    button.lastChild.className = TO_BE_LOOKED_AT.includes(status) ? "look" : status ? "ok" : "";
  });
}

const readPages = () => (current ? current.pages.filter(([, status]) => status).map(([number]) => number) : []);

function buttons() {
  const numbers = readPages();
  $("previous").disabled = !numbers.some((number) => number < shown);
  $("next").disabled = !numbers.some((number) => number > shown);
}

// ---- a page is shown

async function show(number) {
  const mine = visit;
  shown = number;
  tell();
  const about = { id: current.id, page: number };
  $("image").hidden = true;
  say($("image-note"), t("Loading the page image…"));
  $("image-note").hidden = false;
  $("image").src = asked("/image", about);
  $("image").alt = t("Page {number} of {name}", { number, name: current.name });
  try {
    const page = await request(asked("/api/page", about));
    if (mine !== visit || number !== shown) return;
    $("source").textContent = page.text;
    // Written by the server from the text: no markup of a document or a model is in it.
    $("rendered").innerHTML = page.html;
    const parts = [t("Page {number}", { number }), page.status in STATUSES ? t(STATUSES[page.status]) : page.status];
    if (page.seconds) parts.push(t("{seconds} s", { seconds: page.seconds.toFixed(1) }));
    if (page.probability !== null) parts.push(t("mean probability {value}", { value: page.probability.toFixed(3) }));
    if (page.omitted) parts.push(t("{count} characters more in the source", { count: page.omitted }));
    $("about").textContent = parts.join(" · ");
    for (const id of ["rendered", "source", "image-pane"]) $(id).scrollTop = 0;
  } catch (error) {
    if (mine === visit) complain(error);
  }
}

function step(direction) {
  const numbers = readPages().filter((number) => (number - shown) * direction > 0);
  if (numbers.length) show(direction > 0 ? Math.min(...numbers) : Math.max(...numbers));
}

function choose(tab) {
  for (const id of ["rendered", "source"]) {
    $(id).hidden = id !== tab;
    $(`tab-${id}`).setAttribute("aria-selected", String(id === tab));
    $(`tab-${id}`).tabIndex = id === tab ? 0 : -1;
  }
}

// ---- what people do

async function start() {
  if (document.documentElement.lang !== "en") words = await request("/assets/demo.zh.json");
  for (const id of ["choose", "open"]) $(id).addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", () => {
    give($("file").files[0]);
    $("file").value = "";
  });
  $("stop").addEventListener("click", async () => {
    const mine = visit;
    try {
      const headers = { "Content-Type": "application/json" };
      const body = JSON.stringify({ id: current.id });
      const told = await request("/api/cancel", { method: "POST", headers, body });
      if (mine === visit) current = told;
      tell();
    } catch (error) {
      complain(error);
    }
  });
  $("previous").addEventListener("click", () => step(-1));
  $("next").addEventListener("click", () => step(1));
  for (const id of ["rendered", "source"]) {
    $(`tab-${id}`).addEventListener("click", () => choose(id));
    $(`tab-${id}`).addEventListener("keydown", (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      const other = id === "rendered" ? "source" : "rendered";
      choose(other);
      $(`tab-${other}`).focus();
    });
  }
  $("image").addEventListener("load", () => {
    $("image").hidden = false;
    $("image-note").hidden = true;
  });
  $("image").addEventListener("error", () => say($("image-note"), t("There is no image of this page.")));
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("over");
    give(event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => give(event.clipboardData.files[0]));
}

start().catch(complain);
