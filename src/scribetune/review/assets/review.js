// The review page. What a person types is kept in this browser at every key, and on the server half a second later;
// the browser's copy goes away when the server has confirmed its own. So nothing is lost when either of them stops.
"use strict";

const REASONS = ["wrong text", "text missing", "wrong table", "wrong reading order", "wrong formula", "not worth learning from"];
const SAVE_AFTER_MS = 500;
const RETRY_AFTER_MS = 2000;
const $ = (id) => document.getElementById(id);

let build = "";
let pages = [];
let left = 0; // pages of the queue that are not decided on
let queueName = "";
let page = null; // as the server gave it
let base = ""; // the label as it was, as the editor has it
let version = ""; // of the page when this text began
let revision = 0; // of the draft on the server
let unsaved = false;
let saving = null; // promise of the save under way
let timer = 0;
let previewTimer = 0;
let deciding = false;

class Refusal extends Error {
  constructor(status, content) {
    super(content.error || `The server answers ${status}.`);
    this.status = status;
    this.content = content;
  }
}

async function request(path, method = "GET", body = undefined) {
  const options = { method, headers: {} };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  const answer = await fetch(path, options); // rejects where the server cannot be reached
  const text = await answer.text();
  let content = {};
  try {
    content = JSON.parse(text);
  } catch {
    content = { error: text.trim() };
  }
  if (!answer.ok) throw new Refusal(answer.status, content);
  return content;
}

const reviewer = () => $("reviewer").value.trim();
const key = (id) => `scribetune-review:${build}:${reviewer()}:${id}`;

function kept(id) {
  try {
    return JSON.parse(localStorage.getItem(key(id)));
  } catch {
    return null;
  }
}

function keep() {
  try {
    localStorage.setItem(key(page.id), JSON.stringify({ text: $("editor").value, version, revision }));
  } catch {
    say("This browser keeps nothing; the server does", true);
  }
}

function say(text, bad = false) {
  $("saved").textContent = text;
  $("saved").className = bad ? "bad" : "";
}

function notice(text, buttons = [], theirs = null) {
  $("notice").hidden = !text;
  $("notice-text").textContent = text;
  $("notice-buttons").replaceChildren(
    ...buttons.map(([label, act]) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = label;
      button.addEventListener("click", act);
      return button;
    }),
  );
  $("notice-theirs").hidden = theirs === null;
  $("notice-theirs").textContent = theirs === null ? "" : theirs;
}

// ---- the list of pages

async function loadQueue() {
  const queue = await request("/api/queue");
  build = queue.build;
  pages = queue.pages;
  showQueue(queue);
}

function showQueue(queue) {
  left = queue.left;
  queueName = queue.name;
  $("progress").textContent = `${queueName}: ${left} to look at`;
  showSpotCheck(queue.spot_check);
  $("queue").replaceChildren(
    ...pages.map((entry) => {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.id = entry.id;
      button.addEventListener("click", () => go(entry.id));
      const item = document.createElement("li");
      item.append(button);
      describe(button, entry);
      return item;
    }),
  );
}

function describe(button, entry) {
  const small = document.createElement("small");
  small.textContent = entry.done
    ? `${{ accept: "accepted", correct: "corrected", reject: "rejected" }[entry.verdict]} by ${entry.reviewer}`
    : `trust ${entry.trust.toFixed(2)}${entry.reason ? ` · refused: ${entry.reason}` : ""}`;
  small.className = entry.done ? "done" : "";
  button.replaceChildren(document.createTextNode(entry.id), small);
  button.setAttribute("aria-current", String(page !== null && page.id === entry.id));
}

function refreshList() {
  for (const button of $("queue").querySelectorAll("button")) {
    const entry = pages.find((candidate) => candidate.id === button.dataset.id);
    if (entry) describe(button, entry);
    if (page && entry && entry.id === page.id) button.scrollIntoView({ block: "nearest" });
  }
}

function showSpotCheck(result) {
  if (!result) return;
  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  const rate = result.rate === null ? "" : ` = ${percent(result.rate)} (${percent(result.low)} to ${percent(result.high)})`;
  $("spot").textContent = `Spot check: ${result.reviewed} of ${result.pages} judged, ${result.errors} with errors${rate}`;
}

function neighbour(step, undoneOnly) {
  const at = page ? pages.findIndex((entry) => entry.id === page.id) : -1;
  for (let turn = 1; turn <= pages.length; turn += 1) {
    const entry = pages[(at + step * turn + 2 * pages.length) % pages.length];
    if (entry && !(undoneOnly && entry.done)) return entry.id;
  }
  return null;
}

// ---- one page

async function go(id) {
  if (!id) return;
  if (location.hash.slice(1) === encodeURI(id)) await open(id);
  else location.hash = encodeURI(id); // and the hashchange opens it
}

async function open(id) {
  if (!reviewer()) {
    notice("Please enter your name first (top right): it is recorded with each decision.");
    $("reviewer").focus();
    return;
  }
  await settle();
  let opened;
  try {
    opened = await request(`/api/page?id=${encodeURIComponent(id)}&reviewer=${encodeURIComponent(reviewer())}`);
  } catch (error) {
    notice(error instanceof Refusal ? error.message : "The server cannot be reached. Start `scribetune review` again; this page goes on then.");
    return;
  }
  show(opened);
}

function show(opened) {
  page = opened;
  notice("");
  const editor = $("editor");
  editor.value = page.text;
  base = editor.value; // line ends as the editor has them
  version = page.version;
  revision = page.draft ? page.draft.revision : 0;
  unsaved = false;
  say("");
  if (page.draft) {
    editor.value = page.draft.text;
    if (editor.value !== base) version = page.draft.version;
    say("Your draft");
  }
  const local = kept(page.id);
  if (local && local.text === editor.value) localStorage.removeItem(key(page.id));
  else if (local && local.revision >= revision) {
    editor.value = local.text;
    version = local.version;
    unsaved = true;
    say("Restored from this browser");
    schedule(0);
  } else if (local) {
    notice("This browser has another, older text of yours for this page.", [
      ["Use it", () => replaceText(local.text)],
      ["Forget it", () => { localStorage.removeItem(key(page.id)); notice(""); }],
    ], local.text);
  }
  if (version !== page.version && editor.value !== base) stale(page);
  editor.disabled = !page.editable;
  editor.scrollTop = 0;
  $("reject").disabled = false;
  $("image").src = `/image?id=${encodeURIComponent(page.id)}`;
  $("image").alt = `Page image of ${page.id}`;
  $("image-pane").scrollTop = 0;
  $("reading").innerHTML = page.reading; // escaped by the server, as the report is
  $("tab-reading").hidden = !page.reading;
  if (!page.reading) tab("preview");
  const facts = [page.id, `trust ${page.trust.toFixed(2)}`];
  facts.push(page.source ? `label by ${page.source}${page.author ? ` (${page.author})` : ""}` : "no label");
  if (!page.accepted) facts.push(`refused by the build: ${page.reason}`);
  if (page.review) facts.push(`${page.review.verdict} by ${page.review.reviewer}${page.review.reason ? `: ${page.review.reason}` : ""}`);
  if (page.others.length) facts.push(`${page.others.join(", ")} has a draft of this page`);
  if (!page.editable) facts.push(`${page.characters} characters: too long to edit here, the beginning is shown`);
  $("about").textContent = facts.join(" · ");
  if (page.report) {
    const link = document.createElement("a");
    link.href = `/reports/index.html#${page.report}`;
    link.target = "scribetune-report";
    link.textContent = "in the report";
    $("about").append(" · ", link);
  }
  changed();
  refreshList();
}

const isDirty = () => $("editor").value !== base;

function changed() {
  $("decide").textContent = isDirty() ? "Save correction" : "Accept";
  $("decide").disabled = deciding || (!isDirty() && !page.characters);
  $("undo").hidden = !isDirty();
  clearTimeout(previewTimer);
  previewTimer = setTimeout(preview, 150);
}

async function preview() {
  const text = $("editor").value;
  try {
    const shown = await request("/api/preview", "POST", { text });
    if (text !== $("editor").value) return;
    $("preview").innerHTML = shown.html; // markdown_view lets no markup of the text through
    const notes = [];
    if (shown.deceptive) notes.push(`${shown.deceptive} invisible or deceptive characters (⟦U+…⟧ in the preview)`);
    if (shown.omitted) notes.push(`${shown.omitted} characters more than are shown`);
    $("preview-note").textContent = notes.join(" · ");
  } catch {
    $("preview-note").textContent = "no preview: the server cannot be reached";
  }
}

function replaceText(text) {
  $("editor").value = text;
  notice("");
  typed();
}

function stale(now) {
  const who = now.review ? `${now.review.reviewer} decided on this page (${now.review.verdict})` : "The label has changed";
  conflict(`${who} since you began. Your text is kept.`, now);
}

function conflict(message, now) {
  const theirs = now.text;
  notice(message, [
    ["Take theirs", () => {
      $("editor").value = theirs;
      base = $("editor").value;
      page = { ...now, draft: null };
      version = now.version;
      notice("");
      typed();
    }],
    ["Keep mine and go on", () => {
      page = now;
      const mine = $("editor").value;
      $("editor").value = now.text;
      base = $("editor").value;
      $("editor").value = mine;
      version = now.version;
      notice("");
      typed();
    }],
  ], theirs);
}

// ---- saving

function typed() {
  unsaved = true;
  keep();
  say("Saving…");
  changed();
  schedule(SAVE_AFTER_MS);
}

function schedule(delay) {
  clearTimeout(timer);
  timer = setTimeout(save, delay);
}

function save() {
  clearTimeout(timer);
  if (!saving && unsaved && page) {
    saving = saveNow().finally(() => {
      saving = null;
    });
  }
  return saving;
}

async function saveNow() {
  const id = page.id;
  const text = $("editor").value;
  try {
    const saved = await request("/api/draft", "PUT", { id, reviewer: reviewer(), text, version, revision });
    if (page.id !== id) return;
    revision = saved.revision;
    if ($("editor").value === text) {
      unsaved = false;
      localStorage.removeItem(key(id));
      say("Saved");
    } else {
      keep();
      schedule(SAVE_AFTER_MS);
    }
    if (saved.stale && $("notice").hidden) {
      const now = await request(`/api/page?id=${encodeURIComponent(id)}&reviewer=${encodeURIComponent(reviewer())}`);
      if (page.id === id) stale(now);
    }
  } catch (error) {
    if (error instanceof Refusal && error.status === 409) {
      const draft = error.content.page.draft;
      say("Not saved: see above", true);
      notice(error.message, [
        ["Take that text", () => { revision = draft.revision; replaceText(draft.text); }],
        ["Keep this text", () => { revision = draft.revision; notice(""); typed(); }],
      ], draft.text);
    } else if (error instanceof Refusal) {
      say(`Not saved: ${error.message} (kept in this browser)`, true);
    } else {
      say("The server cannot be reached: kept in this browser, trying again", true);
      schedule(RETRY_AFTER_MS);
    }
  }
}

async function settle() {
  if (saving) await saving;
  if (unsaved) await save(); // what cannot be saved now is in this browser
  clearTimeout(timer);
}

async function decide(verdict, reason = "") {
  if (!page || deciding) return;
  deciding = true;
  changed();
  try {
    await settle();
    const body = { id: page.id, reviewer: reviewer(), verdict, text: $("editor").value, reason, version };
    const decided = await request("/api/verdict", "POST", body);
    localStorage.removeItem(key(page.id));
    unsaved = false;
    const entry = pages.find((candidate) => candidate.id === page.id);
    if (entry && !entry.done) left -= 1;
    if (entry) Object.assign(entry, { done: true, verdict, reviewer: reviewer() });
    showSpotCheck(decided.spot_check);
    $("progress").textContent = `${queueName}: ${left} to look at`;
    const next = neighbour(1, true);
    deciding = false;
    if (next) await go(next);
    else await finish();
  } catch (error) {
    deciding = false;
    changed();
    if (error instanceof Refusal && error.status === 409) conflict(error.message, error.content.page);
    else if (error instanceof Refusal) notice(error.message);
    else notice("The server cannot be reached: nothing was decided, your text is kept in this browser. Start `scribetune review` again and repeat this.");
  }
}

async function finish() {
  await loadQueue(); // a long queue comes in parts
  const next = pages.find((entry) => !entry.done);
  if (next) {
    await go(next.id);
    return;
  }
  if (page) await open(page.id);
  notice("All pages of this queue are decided on. Stop the server with Ctrl-C in its terminal and build again.");
}

// ---- keys and buttons

function tab(name) {
  for (const other of ["preview", "reading"]) {
    $(other).hidden = other !== name;
    $(`tab-${other}`).setAttribute("aria-selected", String(other === name));
  }
}

function primary() {
  if (!$("decide").disabled && page) decide(isDirty() ? "correct" : "accept");
}

function reject() {
  if (!page || $("reject").disabled) return;
  $("reason").value = "";
  $("reject-dialog").showModal();
  $("reason").focus();
}

function start() {
  $("reviewer").value = localStorage.getItem("scribetune-reviewer") || "";
  $("editor").addEventListener("input", typed);
  $("decide").addEventListener("click", primary);
  $("reject").addEventListener("click", reject);
  $("undo").addEventListener("click", () => replaceText(base));
  $("next").addEventListener("click", () => go(neighbour(1, false)));
  $("previous").addEventListener("click", () => go(neighbour(-1, false)));
  $("help").addEventListener("click", () => $("help-dialog").showModal());
  $("help-close").addEventListener("click", () => $("help-dialog").close());
  $("reject-cancel").addEventListener("click", () => $("reject-dialog").close());
  $("tab-preview").addEventListener("click", () => tab("preview"));
  $("tab-reading").addEventListener("click", () => tab("reading"));
  $("image").addEventListener("click", () => $("image").classList.toggle("full"));
  $("jump").addEventListener("change", () => go($("jump").value.trim()));
  $("reviewer").addEventListener("change", async () => {
    localStorage.setItem("scribetune-reviewer", reviewer());
    const id = decodeURI(location.hash.slice(1)) || neighbour(1, true);
    unsaved = false; // a draft belongs to the name it was typed under, and has been kept under it
    await go(id);
  });
  $("reasons").replaceChildren(
    ...REASONS.map((reason, index) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = `${index + 1} ${reason}`;
      button.addEventListener("click", () => { $("reason").value = reason; $("reason").focus(); });
      return button;
    }),
  );
  $("reject-form").addEventListener("submit", (event) => {
    event.preventDefault();
    $("reject-dialog").close();
    decide("reject", $("reason").value);
  });
  window.addEventListener("hashchange", () => open(decodeURI(location.hash.slice(1))));
  window.addEventListener("pagehide", () => { if (unsaved && page) keep(); });
  document.addEventListener("visibilitychange", () => { if (document.hidden) save(); });
  document.addEventListener("keydown", keys);
}

function keys(event) {
  if ($("reject-dialog").open) {
    const index = event.altKey ? Number(event.code.replace("Digit", "")) - 1 : -1;
    if (REASONS[index]) {
      event.preventDefault();
      $("reason").value = REASONS[index];
    }
    return;
  }
  if ($("help-dialog").open) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    primary();
    return;
  }
  if (event.target.matches("textarea, input")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const act = {
    a: primary,
    e: () => $("editor").focus(),
    r: reject,
    j: () => go(neighbour(1, false)),
    k: () => go(neighbour(-1, false)),
    z: () => $("image").classList.toggle("full"),
    p: () => tab($("preview").hidden || $("tab-reading").hidden ? "preview" : "reading"),
    "?": () => $("help-dialog").showModal(),
  }[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
}

async function main() {
  start();
  try {
    await loadQueue();
  } catch (error) {
    notice(error instanceof Refusal ? error.message : "The server cannot be reached.");
    return;
  }
  const wanted = decodeURI(location.hash.slice(1)) || neighbour(1, true);
  if (wanted) await go(wanted);
  else notice("There is no page in this queue.");
}

main();
