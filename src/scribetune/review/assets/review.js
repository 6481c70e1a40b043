// The review page. What a person types is kept in this browser at every key, and on the server half a second later;
// the browser's copy goes away when the server has confirmed its own. So nothing is lost when either of them stops.
"use strict";

// Texts that are looked up by a value; in reviews.csv the reasons stand as here, in every language.
const REASONS = ["wrong text", "text missing", "wrong table", "wrong reading order", "wrong formula", "not worth learning from"];
const QUEUES = {
  trust: "Least trusted labels", worst: "Test pages read worst", unlabelled: "Pages without a label", spot_check: "Spot check",
  next: "Most worth correcting",
};
const SOURCES = { machine: "label by the machine", correction: "label by a person", teacher: "label by a model" };
const VERDICTS = { accept: "accepted by {reviewer}", correct: "corrected by {reviewer}", reject: "rejected by {reviewer}" };
const REFUSED = {
  scan: "scan", vector_only: "drawings only", invisible_text: "invisible text", hidden_text: "hidden text",
  label_failed: "labelling failed", no_text: "no text", garbage_text: "garbage text", low_recall: "words missing",
  low_precision: "words that the page has not",
  formula_lost: "formula lost", formula: "formula without LaTeX", review: "formula to be reviewed",
  table_doubtful: "table doubtful",
  low_trust: "label in doubt",
  low_agreement: "the image says otherwise", too_short: "too short", too_long: "too long", rejected: "rejected",
};
// What speaks against a label, as dataset/trust.py says it; behind a colon stand how much of it there is, and where.
const DOUBTS = [
  "words of the page are not in the label",
  "words of the label are not on the page, or not so often",
  "words joined or divided otherwise than on the page",
  "words close together on a line are apart in the label",
  "lines that go on below are apart in the label",
  "lines stand before what is above them, or to their left",
  "text that goes on is cut by what stands elsewhere",
  "words have other neighbours than on the page's lines and in the order in which it draws them",
  "paragraphs go over the gap between columns and back",
  "values are parted from the names beside them",
  "cells stand in another row or column on the page",
  "cells have two columns of the page",
  "headings are rows of a table",
  "headings of a table stand beside their columns",
  "words have marks among their letters",
  "pictures that layout analysis sees otherwise, without a mark in their place, or a form or text for a drawing",
  "words of the text layer are missing, by place",
  "words are not where the text layer has them",
  "characters are drawn as others than the PDF says",
  "glyphs map to no character",
  "rows of text are seen that the text layer has not",
  "formulas are characters without LaTeX",
  "LaTeX of formulas found no place",
  "the page has tables, and neither tags nor a second reading confirm them",
  "two readings of a table differ",
  "lines are seen in the image that the text layer has not",
  "the reading of the image has other words",
  "a model wrote the label from the image",
];
// Who reads a page otherwise than its label, as review/both_readings.py says it.
const WITNESSES = {
  table: "A second reading of the table, from its words alone, differs from the label.",
  font: "The page image shows other letters than the text layer says: most words of a font are read otherwise.",
  letter: "The page image shows another letter than the text layer says, each time that it comes.",
  lost: "The page image shows lines where the text layer has no words.",
  undrawn: "The page image shows nothing where the text layer has words.",
  unsure: "Two readers of the scan do not read these lines alike, or the first is not certain of a letter.",
};
const UNREACHABLE = "The server cannot be reached. Start `scribetune review` again; this page goes on then.";
const SAVE_AFTER_MS = 500;
const RETRY_AFTER_MS = 2000;
const $ = (id) => document.getElementById(id);

let words = {}; // English → the language of the page
let me = localStorage.getItem("scribetune-reviewer") || ""; // of the reviewer, once they have said it
let build = "";
let proposed = ""; // a name, from git
let pages = [];
let left = 0; // pages of the queue that are not decided on
let queueName = "";
let page = null; // as the server gave it
let base = ""; // the label as it was, as the editor has it
let version = ""; // of the page when this text began
let revision = 0; // of the draft on the server
let edits = 0; // counted, to see whether something was typed meanwhile
let unsaved = false;
let saving = null; // promise of the save under way
let timer = 0;
let previewTimer = 0;
let deciding = false;

const t = (english, values = {}) => (words[english] ?? english).replace(/\{(\w+)\}/g, (_, key) => String(values[key]));

class Refusal extends Error {
  constructor(status, content) {
    super(content.error || t("The server answers {status}.", { status }));
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

const told = (error) => (error instanceof Refusal ? error.message : t(UNREACHABLE));

// Whose drafts these are: until a name has been said, this browser's.
function reviewer() {
  if (me) return me;
  let id = localStorage.getItem("scribetune-unnamed");
  if (!id) {
    id = `unnamed-${crypto.getRandomValues(new Uint32Array(1))[0].toString(16).padStart(8, "0")}`;
    localStorage.setItem("scribetune-unnamed", id);
  }
  return id;
}

const prefix = (who) => `scribetune-review:${build}:${who}:`;
const key = (id) => prefix(reviewer()) + id;

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
    say(t("This browser keeps nothing; the server does"), true);
  }
}

function say(text, bad = false) {
  $("saved").textContent = text;
  $("saved").className = bad ? "bad" : "";
}

function notice(text, buttons = []) {
  $("notice").hidden = !text;
  $("notice-text").textContent = text;
  $("notice-buttons").replaceChildren(...buttons.map(([label, act]) => pushButton(label, act)));
  $("difference").hidden = true;
  if (text) $("notice").scrollIntoView({ block: "nearest" });
}

function pushButton(label, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = label;
  button.addEventListener("click", act);
  return button;
}

// What `theirs` and the text in the editor have that the other has not, below the notice.
async function showDifference(theirs) {
  const mine = $("editor").value;
  const asked = $("notice-text").textContent;
  const shown = await request("/api/difference", "POST", { theirs, mine });
  if ($("notice").hidden || $("notice-text").textContent !== asked) return;
  const legend = [t("Struck out: only in the other text. Underlined: only in yours.")];
  if (shown.omitted) legend.push(t("{count} characters more are not compared.", { count: shown.omitted }));
  $("difference-legend").textContent = legend.join(" ");
  $("difference-text").innerHTML = shown.html; // escaped by the server
  $("difference").hidden = false;
}

// Ask which of two texts holds; what is not chosen can be had back as long as the page is open.
function choose(message, theirs, takeTheirs, keepMine) {
  const isSame = theirs.trim() === $("editor").value.trim();
  const buttons = isSame ? [[t("Go on"), keepMine]]
    : [[t("Take the other text"), takeTheirs], [t("Keep mine and go on"), keepMine]];
  notice([message, isSame ? t("Both texts are the same.") : t("Your text is kept. Which one holds?")].join(" "), buttons);
  if (!isSame) showDifference(theirs).catch((error) => say(told(error), true));
}

// ---- the list of pages

async function loadQueue() {
  const queue = await request("/api/queue");
  build = queue.build;
  proposed = queue.proposed_reviewer;
  pages = queue.pages;
  showQueue(queue);
}

function showQueue(queue) {
  left = queue.left;
  queueName = queue.name;
  showLeft();
  showSpotCheck(queue.spot_check);
  $("queue").replaceChildren(
    ...pages.map((entry) => {
      const button = pushButton(entry.id, () => go(entry.id));
      button.dataset.id = entry.id;
      const item = document.createElement("li");
      item.append(button);
      describe(button, entry);
      return item;
    }),
  );
}

function showLeft() {
  const queue = t(QUEUES[queueName.split("-")[0]]);
  $("progress").textContent = t("{queue}: {left} to look at", { queue, left });
}

const trust = (value) => t("trust {value}", { value: value.toFixed(2) });
const refused = (reason) => t("refused: {reason}", { reason: t(REFUSED[reason] ?? reason) });
const decided = (review) => t(VERDICTS[review.verdict], { reviewer: review.reviewer });

function describe(button, entry) {
  const small = document.createElement("small");
  small.textContent = entry.done
    ? decided(entry)
    : [trust(entry.trust), ...(entry.reason ? [refused(entry.reason)] : [])].join(" · ");
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
  const { reviewed, pages: drawn, errors } = result;
  const parts = [t("{reviewed} of {drawn} judged, {errors} with errors", { reviewed, drawn, errors })];
  if (result.rate !== null) {
    const [rate, low, high] = [result.rate, result.low, result.high].map(percent);
    parts.push(t("{rate} (95 % interval {low} to {high})", { rate, low, high }));
  }
  $("spot").textContent = parts.join(" = ");
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
  let opened;
  let before;
  try {
    do { // again, where something was typed meanwhile: the answer does not know of it
      await settle();
      before = edits;
      opened = await request(`/api/page?id=${encodeURIComponent(id)}&reviewer=${encodeURIComponent(reviewer())}`);
    } while (edits !== before);
  } catch (error) {
    notice(told(error));
    return;
  }
  show(opened);
}

function show(opened) {
  if (!page || page.id !== opened.id) {
    showImage(opened.id);
    scrollTo(0, 0);
  }
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
    say(t("Your draft"));
  }
  const local = kept(page.id);
  if (local && local.text === editor.value) localStorage.removeItem(key(page.id));
  else if (local && local.revision >= revision) {
    editor.value = local.text;
    version = local.version;
    unsaved = true;
    say(t("Restored from this browser"));
    schedule(0);
  } else if (local) {
    choose(t("This browser has another, older text of yours for this page."), local.text,
      () => replaceText(local.text), () => { localStorage.removeItem(key(page.id)); notice(""); });
  }
  if (version !== page.version && editor.value !== base) stale(page);
  editor.disabled = !page.editable;
  editor.scrollTop = 0;
  $("reject").disabled = false;
  $("reading").innerHTML = page.reading; // escaped by the server, as the report is
  $("tab-reading").hidden = !page.reading;
  showBlocks();
  showBoth();
  if ((!page.reading && !$("reading").hidden) || (!page.both.length && !$("both").hidden)) tab("preview");
  const facts = [page.id, trust(page.trust)];
  facts.push(page.source ? `${t(SOURCES[page.source])}${page.author ? ` (${page.author})` : ""}` : t("no label"));
  if (!page.accepted) facts.push(refused(page.reason));
  if (page.review) facts.push(`${decided(page.review)}${page.review.reason ? `: ${t(page.review.reason)}` : ""}`);
  const others = [...new Set(page.others.map((other) => other || t("somebody without a name")))];
  const names = new Intl.ListFormat(document.documentElement.lang).format(others);
  if (names) facts.push(t("draft of this page by {names}", { names }));
  if (!page.editable) facts.push(t("{count} characters: too long to edit here, the beginning is shown", { count: page.characters }));
  $("about").textContent = facts.join(" · ");
  if (page.report) {
    const link = document.createElement("a");
    link.href = `/reports/index.html#${page.report}`;
    link.target = "scribetune-report";
    link.textContent = t("in the report");
    $("about").append(" · ", link);
  }
  $("doubts").replaceChildren(...(page.source === "correction" ? [] : page.doubts).map((doubt) => {
    const item = document.createElement("li");
    const [what, ...more] = doubt.split(": ");
    item.textContent = [DOUBTS.includes(what) ? t(what) : what, ...more].join(": ");
    return item;
  }));
  changed();
  refreshList();
}

// Both readings of what is doubted, beside each other; their places are framed on the image.
function showBoth() {
  $("tab-both").hidden = !page.both.length;
  $("both").replaceChildren(...page.both.flatMap((found) => {
    const about = document.createElement("p");
    about.textContent = [t(WITNESSES[found.kind]), ...(found.trust === null ? [] : [trust(found.trust)]), found.place].join(" · ");
    const beside = document.createElement("div");
    beside.className = "beside";
    for (const [title, html] of [[t("The label"), found.label], [t("The second reader"), found.other]]) {
      const part = document.createElement("div");
      const heading = document.createElement("h3");
      heading.textContent = title;
      const reading = document.createElement("div");
      reading.innerHTML = html; // escaped by the server
      part.append(heading, reading);
      beside.append(part);
    }
    return [about, beside];
  }));
  $("marks").replaceChildren(...page.both.flatMap((found) => found.places.map((place) => {
    const mark = document.createElement("div");
    ["left", "top", "width", "height"].forEach((side, at) => { mark.style[side] = `${100 * place[at]}%`; });
    return mark;
  })));
}

// Where the blocks of the label stand, on the image; numbers and names come as such from the server.
function showBlocks() {
  $("boxes").hidden = !page.blocks.length;
  const drawing = $("blocks").namespaceURI;
  $("blocks").replaceChildren(...page.blocks.map(({ kind, box: [left, top, right, bottom] }) => {
    const drawn = document.createElementNS(drawing, "rect");
    const sides = { x: left, y: top, width: right - left, height: bottom - top };
    for (const [side, value] of Object.entries(sides)) drawn.setAttribute(side, value);
    const title = document.createElementNS(drawing, "title");
    title.textContent = kind;
    drawn.append(title);
    return drawn;
  }));
  blocksShown(false);
}

function blocksShown(are) {
  $("boxes").setAttribute("aria-pressed", String(are));
  $("blocks").toggleAttribute("hidden", !are || $("image").hidden);
}

function showImage(id) {
  $("marks").hidden = true;
  $("image").hidden = $("zoom").disabled = true;
  $("image-note").hidden = false;
  $("image-note").textContent = t("Loading the page image…");
  $("image").alt = t("Page image of {page}", { page: id });
  $("image").src = `/image?id=${encodeURIComponent(id)}`;
  $("image-pane").scrollTop = 0;
}

function imageLoaded(isThere) {
  $("image").hidden = $("marks").hidden = $("zoom").disabled = !isThere;
  blocksShown($("boxes").getAttribute("aria-pressed") === "true");
  $("image-note").hidden = isThere;
  $("image-note").textContent = isThere ? "" : t("There is no image of this page: build the pages again.");
}

function zoom() {
  if ($("zoom").disabled) return;
  $("zoom").setAttribute("aria-pressed", String($("image").classList.toggle("full")));
}

const isDirty = () => $("editor").value !== base;

function changed() {
  $("decide").textContent = isDirty() ? t("Save correction") : t("Accept");
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
    if (shown.deceptive) notes.push(t("{count} invisible or deceptive characters (⟦U+…⟧ in the preview)", { count: shown.deceptive }));
    if (shown.omitted) notes.push(t("{count} characters more than are shown", { count: shown.omitted }));
    $("preview-note").textContent = notes.join(" · ");
  } catch {
    $("preview-note").textContent = t("no preview: the server cannot be reached");
  }
}

function replaceText(text) {
  const before = $("editor").value;
  $("editor").value = text;
  notice(t("The text was replaced."), [[t("Bring the one before back"), () => replaceText(before)]]);
  typed();
}

function stale(now) {
  const review = (state) => state.split(".")[1]; // the version of a page is that of its label and of its review
  const isDecided = now.review && review(now.version) !== review(version);
  conflict(isDecided ? t("{reviewer} decided on this page while it was open here.", { reviewer: now.review.reviewer })
    : t("The label has changed while this page was open here."), now);
}

function conflict(message, now) {
  const goOn = (text) => {
    const mine = $("editor").value;
    page = { ...now, draft: null };
    version = now.version;
    $("editor").value = now.text;
    base = $("editor").value;
    $("editor").value = mine;
    if (text === mine) {
      notice("");
      typed();
    } else replaceText(text);
  };
  choose(message, now.text, () => goOn(now.text), () => goOn($("editor").value));
}

// ---- saving

function typed() {
  edits += 1;
  unsaved = true;
  keep();
  say(t("Saving…"));
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
    if (page.id !== id) return true;
    revision = saved.revision;
    if ($("editor").value === text) {
      unsaved = false;
      localStorage.removeItem(key(id));
      say(t("Saved"));
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
      say(t("Not saved: see above"), true);
      choose(error.message, draft.text, () => { revision = draft.revision; replaceText(draft.text); },
        () => { revision = draft.revision; notice(""); typed(); });
      return false;
    } else if (error instanceof Refusal) {
      say(t("Not saved: {error} (kept in this browser)", { error: error.message }), true);
    } else {
      say(t("The server cannot be reached: kept in this browser, trying again"), true);
      schedule(RETRY_AFTER_MS);
    }
  }
  return true;
}

// Returns whether the draft on the server is no other tab's; what cannot be saved now is in this browser.
async function settle() {
  let isMine = saving ? await saving : true;
  if (unsaved) isMine = await save();
  clearTimeout(timer);
  return isMine;
}

async function decide(verdict, reason = "") {
  if (!page || deciding) return;
  deciding = true;
  changed();
  try {
    if (!(me || (await askName())) || !(await settle())) {
      deciding = false;
      changed();
      return;
    }
    const body = { id: page.id, reviewer: reviewer(), verdict, text: $("editor").value, reason, version };
    const answer = await request("/api/verdict", "POST", body);
    localStorage.removeItem(key(page.id));
    unsaved = false;
    const entry = pages.find((candidate) => candidate.id === page.id);
    if (entry && !entry.done) left -= 1;
    if (entry) Object.assign(entry, { done: true, verdict, reviewer: reviewer() });
    showSpotCheck(answer.spot_check);
    showLeft();
    const next = neighbour(1, true);
    deciding = false;
    if (next) await go(next);
    else await finish();
  } catch (error) {
    deciding = false;
    changed();
    if (error instanceof Refusal && error.status === 409) conflict(error.message, error.content.page);
    else if (error instanceof Refusal) notice(error.message);
    else notice([t("Nothing was decided, your text is kept in this browser."), t(UNREACHABLE)].join(" "));
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
  notice(t("All pages of this queue are decided on. Stop the server with Ctrl-C in its terminal and build again."));
}

// ---- the reviewer's name

function showName() {
  $("reviewer").textContent = me ? t("Reviewer: {name}", { name: me }) : t("Reviewer: none yet");
}

// Returns whether a name was given.
function askName() {
  const dialog = $("name-dialog");
  $("name").value = me || proposed;
  $("name-error").textContent = "";
  dialog.returnValue = "";
  dialog.showModal();
  $("name").select();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "named"), { once: true });
  });
}

async function takeName() {
  const given = $("name").value.trim() || proposed;
  try {
    await settle(); // drafts are kept under the name that they were typed under
    const was = reviewer();
    await request("/api/reviewer", "PUT", { was, name: given });
    if (!me) takeAlong(was, given);
    me = given;
    localStorage.setItem("scribetune-reviewer", me);
    showName();
    $("name-dialog").close("named");
  } catch (error) {
    $("name-error").textContent = told(error);
  }
}

// What only this browser keeps goes with the drafts to the name.
function takeAlong(was, given) {
  for (const old of Object.keys(localStorage).filter((item) => item.startsWith(prefix(was)))) {
    const named = prefix(given) + old.slice(prefix(was).length);
    if (localStorage.getItem(named) !== null) continue;
    localStorage.setItem(named, localStorage.getItem(old));
    localStorage.removeItem(old);
  }
}

async function changeName() {
  const was = me;
  if (!(await askName()) || !page) return;
  if (was && was !== me) unsaved = false; // it is kept under the name that it was typed under
  await open(page.id);
}

// ---- keys and buttons

function tab(name) {
  for (const other of ["preview", "reading", "both"]) {
    $(other).hidden = other !== name;
    $(`tab-${other}`).setAttribute("aria-selected", String(other === name));
  }
}

function nextTab() {
  const there = ["preview", "reading", "both"].filter((name) => !$(`tab-${name}`).hidden);
  tab(there[(there.findIndex((name) => !$(name).hidden) + 1) % there.length]);
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

function chooseReason(reason) {
  $("reason").value = t(reason);
  $("reason").focus();
}

function start() {
  showName();
  const narrow = matchMedia("(max-width: 900px)");
  const fit = () => { $("list").open = !narrow.matches; };
  narrow.addEventListener("change", fit);
  fit();
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
  $("tab-both").addEventListener("click", () => tab("both"));
  $("boxes").addEventListener("click", () => blocksShown($("boxes").getAttribute("aria-pressed") !== "true"));
  for (const id of ["image", "zoom"]) $(id).addEventListener("click", zoom);
  $("image").addEventListener("load", () => imageLoaded(true));
  $("image").addEventListener("error", () => imageLoaded(false));
  $("jump").addEventListener("change", () => go($("jump").value.trim()));
  $("reviewer").addEventListener("click", changeName);
  $("name-cancel").addEventListener("click", () => $("name-dialog").close(""));
  $("name-form").addEventListener("submit", (event) => {
    event.preventDefault();
    takeName();
  });
  $("reasons").replaceChildren(
    ...REASONS.map((reason, index) => pushButton(`${index + 1} ${t(reason)}`, () => chooseReason(reason))),
  );
  $("reject-form").addEventListener("submit", (event) => {
    event.preventDefault();
    $("reject-dialog").close();
    const given = $("reason").value.trim();
    decide("reject", REASONS.find((reason) => t(reason) === given) ?? given);
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
      chooseReason(REASONS[index]);
    }
    return;
  }
  if ($("help-dialog").open || $("name-dialog").open) return;
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
    z: zoom,
    p: nextTab,
    "?": () => $("help-dialog").showModal(),
  }[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
}

async function main() {
  try {
    if (document.documentElement.lang !== "en") words = await request("/assets/review.zh.json");
    start();
    await loadQueue();
  } catch (error) {
    notice(told(error));
    return;
  }
  const wanted = decodeURI(location.hash.slice(1)) || neighbour(1, true);
  if (wanted) await go(wanted);
  else notice(t("There is no page in this queue."));
}

main();
