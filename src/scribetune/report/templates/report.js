"use strict";
(() => {
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  // Texts in the reader's language; English is the key.
  const words = JSON.parse(byId("words").textContent);
  const say = (english, values = {}) => (words[english] || english).replace(/\{(\w+)\}/g, (whole, key) => (key in values ? values[key] : whole));

  // Numbers live in data-value; an empty one was not counted and sorts last in either direction.
  const numberOf = (text) => (text === "" || text === undefined ? NaN : Number(text));
  const compareNumbers = (a, b, sign) => {
    if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
    return sign * (a - b);
  };

  // Tables: click a heading to sort.
  for (const table of document.querySelectorAll("table.sortable")) {
    const headings = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
    headings.forEach((heading, column) => {
      const button = heading.querySelector("button");
      if (!button) return;
      button.addEventListener("click", () => {
        const ascending = heading.getAttribute("aria-sort") !== "ascending";
        headings.forEach((other) => other.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
        const sign = ascending ? 1 : -1;
        const numeric = button.dataset.sort === "number";
        const rows = [...table.tBodies[0].rows];
        rows.sort((a, b) => {
          const x = a.cells[column], y = b.cells[column];
          if (numeric) return compareNumbers(numberOf(x.dataset.value), numberOf(y.dataset.value), sign);
          return sign * x.textContent.localeCompare(y.textContent, undefined, { numeric: true });
        });
        table.tBodies[0].append(...rows);
      });
    });
  }
  for (const input of document.querySelectorAll("input[data-filter]")) {
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      for (const row of byId(input.dataset.filter).tBodies[0].rows) {
        row.hidden = !row.textContent.toLowerCase().includes(wanted);
      }
    });
  }

  // Test pages: filter, order, view. Of every page there is a row in the index and a small image; the pages themselves
  // stand in the document while they are few, else a page's HTML is unpacked when it is shown.
  const gunzip = (packed) => {
    const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  };
  const index = JSON.parse(byId("page-index").textContent);
  const entries = index.pages;
  const chunks = document.getElementsByClassName("page-chunk");
  const packed = chunks.length > 0;
  const inline = [...document.querySelectorAll("article.page")];
  inline.forEach((card, place) => { entries[place].card = card; });
  const position = new Map(entries.map((entry, place) => [entry.index, place]));
  const places = ["find", "show", "category", "language", "script", "layout", "source", "measure", "order"];
  const controls = places.map(byId).filter(Boolean);
  const valueOf = (id) => (byId(id) ? byId(id).value : "");
  // What a link asks for beyond the controls: the pages of a document; those whose score is at least so much.
  let narrowed = {};
  const measureAt = () => Math.max(0, index.measures.findIndex(([key]) => key === valueOf("measure")));
  const scoresOf = (entry, at) => (entry.scores[at] || [null, null]).map((score) => (score === null ? NaN : score));
  const verdictOf = (entry, at) => {
    const [base, tuned] = scoresOf(entry, at);
    if (Number.isNaN(base) || Number.isNaN(tuned)) return "";
    return base === tuned ? "same" : (tuned < base) === (index.measures[at][2] === "lower") ? "better" : "worse";
  };
  const wanted = (entry, at) => {
    const show = valueOf("show");
    if (show === "flagged" && !entry.flagged) return false;
    if (show === "table" && !entry.layout.includes("tables")) return false;
    if (["better", "same", "worse"].includes(show) && verdictOf(entry, at) !== show) return false;
    for (const key of ["category", "language", "script", "layout", "source"]) {
      if (valueOf(key) && entry[key] !== valueOf(key)) return false;
    }
    const scores = scoresOf(entry, at);
    if (at > 0 && scores.every(Number.isNaN)) return false; // not counted on this page
    if ("document" in narrowed && entry.document !== narrowed.document) return false;
    if ("least" in narrowed && !(scores[valueOf("order") === "base" ? 0 : 1] >= narrowed.least - 1e-9)) return false;
    return entry.search.includes(valueOf("find").trim().toLowerCase());
  };
  const orders = {
    index: (entry) => entry.index,
    tuned: (entry, at, sign) => sign * scoresOf(entry, at)[1],
    base: (entry, at, sign) => sign * scoresOf(entry, at)[0],
    gain: (entry, at, sign) => sign * (scoresOf(entry, at)[0] - scoresOf(entry, at)[1]),
    loss: (entry, at, sign) => sign * (scoresOf(entry, at)[1] - scoresOf(entry, at)[0]),
  };
  const ordered = [...entries];
  let order = "index 0";
  const sort = () => {
    const at = measureAt();
    if (`${valueOf("order")} ${at}` === order) return false;
    order = `${valueOf("order")} ${at}`;
    // The worst come first: the greatest error, the smallest score.
    const sign = index.measures[at] && index.measures[at][2] === "lower" ? -1 : 1;
    const keys = new Map(entries.map((entry) => [entry, orders[valueOf("order")](entry, at, sign)]));
    ordered.sort((a, b) => compareNumbers(keys.get(a), keys.get(b), 1) || a.index - b.index);
    return true;
  };

  // Small images: those in sight are in the document, whatever the number of pages.
  const sheet = byId("sheet");
  const CELL = { width: 118, height: 162 };
  const packs = document.getElementsByClassName("thumbnails");
  const unpacked = new Map();
  const thumbnailOf = (entry) => {
    const place = position.get(entry.index);
    const pack = Math.floor(place / index.perChunk);
    if (!unpacked.has(pack)) unpacked.set(pack, packs[pack].textContent.split(","));
    return unpacked.get(pack)[place % index.perChunk];
  };
  const shownScore = (score) => (Number.isNaN(score) ? "—" : score >= 100 ? score.toFixed(0) : score.toFixed(3));
  const cellOf = (entry, at) => {
    const cell = document.createElement("a");
    cell.href = `#page-${entry.index}`;
    cell.className = `small ${verdictOf(entry, at)}`;
    cell.title = entry.id;
    const data = thumbnailOf(entry);
    const image = document.createElement(data ? "img" : "i");
    if (data) {
      image.decoding = "async";
      image.alt = "";
      image.src = `data:image/webp;base64,${data}`;
    } else {
      image.textContent = say("no image");
    }
    const number = document.createElement("b");
    number.textContent = entry.index;
    const scores = document.createElement("span");
    scores.textContent = scoresOf(entry, at).map(shownScore).join(" → ");
    cell.append(image, number, scores);
    return cell;
  };
  let listed = [];
  let cells = new Map();
  let cellsMeasure = -1;
  const drawSheet = () => {
    const at = measureAt();
    const columns = Math.max(1, Math.floor(sheet.firstElementChild.clientWidth / CELL.width));
    sheet.firstElementChild.style.height = `${Math.ceil(listed.length / columns) * CELL.height}px`;
    const first = Math.max(0, Math.floor(sheet.scrollTop / CELL.height) - 1) * columns;
    const last = (Math.ceil((sheet.scrollTop + sheet.clientHeight) / CELL.height) + 1) * columns;
    const kept = at === cellsMeasure ? cells : new Map();
    cells = new Map();
    cellsMeasure = at;
    listed.slice(first, last).forEach((entry, place) => {
      const cell = kept.get(entry) || cellOf(entry, at);
      cell.style.left = `${((first + place) % columns) * CELL.width}px`;
      cell.style.top = `${Math.floor((first + place) / columns) * CELL.height}px`;
      cells.set(entry, cell);
    });
    // In the order in which they are shown, for those who go by the keyboard.
    const children = [...cells.values()];
    const there = sheet.firstElementChild.children;
    if (children.length !== there.length || children.some((cell, place) => cell !== there[place])) {
      sheet.firstElementChild.replaceChildren(...children);
    }
  };
  sheet.addEventListener("scroll", () => requestAnimationFrame(drawSheet), { passive: true });
  const showSheet = (matching) => {
    listed = matching;
    sheet.hidden = matching.length === 0;
    sheet.scrollTop = 0;
    drawSheet();
  };
  new ResizeObserver(() => requestAnimationFrame(drawSheet)).observe(sheet);

  // A card when it is in the document: its texts scroll together, by share of their length; its image opens larger.
  const zoom = byId("zoom");
  const prepare = (card) => {
    const texts = [...card.querySelectorAll(".text")];
    let leader = null;
    for (const text of texts) {
      const lead = () => { leader = text; };
      for (const kind of ["pointerenter", "pointerdown", "focus", "wheel", "touchstart"]) text.addEventListener(kind, lead, { passive: true });
      text.addEventListener("scroll", () => {
        const length = text.scrollHeight - text.clientHeight;
        if (text !== leader || length <= 0) return;
        const share = text.scrollTop / length;
        for (const other of texts) {
          if (other !== text) other.scrollTop = share * (other.scrollHeight - other.clientHeight);
        }
      }, { passive: true });
    }
    for (const image of card.querySelectorAll(".image img")) {
      if ("linked" in image.dataset) {
        image.addEventListener("error", () => {
          const small = thumbnailOf(entries[position.get(Number(card.dataset.index))]);
          if (small) image.src = `data:image/webp;base64,${small}`;
          card.querySelector(".missing").hidden = false;
        }, { once: true });
      }
      image.addEventListener("click", () => {
        zoom.querySelector("img").src = image.src;
        zoom.querySelector("img").alt = image.alt;
        zoom.showModal();
      });
    }
    const copy = card.querySelector(".copy");
    copy.addEventListener("click", async () => {
      const command = copy.parentElement.querySelector("code");
      getSelection().selectAllChildren(command);
      try {
        await navigator.clipboard.writeText(command.textContent);
      } catch {
        document.execCommand("copy"); // where a page from disk may not use the clipboard
      }
      copy.textContent = say("Copied");
      setTimeout(() => { copy.textContent = say("Copy"); }, 2000);
    });
    return card;
  };
  inline.forEach(prepare);
  zoom.querySelector("img").addEventListener("click", () => zoom.close());
  byId("unzoom").addEventListener("click", () => zoom.close());

  // Chunks of cards, unpacked once; the last few are kept.
  const opened = new Map();
  const perChunk = packed ? Math.ceil(entries.length / chunks.length) : 0;
  const cardOf = async (entry) => {
    if (entry.card) return entry.card;
    const place = position.get(entry.index);
    const chunk = Math.floor(place / perChunk);
    if (!opened.has(chunk)) {
      if (opened.size > 40) opened.delete(opened.keys().next().value);
      opened.set(chunk, gunzip(chunks[chunk].textContent).then((html) => {
        const template = document.createElement("template");
        template.innerHTML = html;
        return [...template.content.querySelectorAll("article.page")].map(prepare);
      }));
    }
    return (await opened.get(chunk))[place % perChunk];
  };

  const STEP = 20;
  let limit = STEP;
  let pinned = null;
  let turn = 0;
  const count = (shown) => {
    byId("none").hidden = shown > 0 || entries.length === 0;
    const all = entries.length;
    byId("count").textContent = shown < all ? say("{shown} of {count} pages", { shown, count: all }) : shown === 1 ? say("{count} page", { count: 1 }) : say("{count} pages", { count: shown });
  };
  const found = () => {
    const at = measureAt();
    const isResorted = sort();
    const matching = ordered.filter((entry) => wanted(entry, at));
    count(matching.length);
    showSheet(matching);
    return { matching, isResorted };
  };
  const arrangeInline = () => {
    const { matching, isResorted } = found();
    if (isResorted) byId("cards").append(...ordered.map((entry) => entry.card));
    const shown = new Set(matching);
    for (const entry of entries) entry.card.hidden = !shown.has(entry);
  };
  const arrangePacked = async () => {
    const mine = ++turn;
    const { matching } = found();
    const first = pinned === null ? [] : [pinned];
    const list = [...first, ...matching.filter((entry) => entry !== pinned)].slice(0, limit);
    const cards = await Promise.all(list.map(cardOf));
    if (mine !== turn) return;
    byId("cards").replaceChildren(...cards);
    byId("further").hidden = matching.length <= limit;
    byId("more").textContent = say("Show more ({count} further pages)", { count: matching.length - limit });
    if (root.dataset.pages !== "shown") performance.mark("pages-shown");
    root.dataset.pages = "shown";
  };
  const arrange = () => (packed ? arrangePacked() : arrangeInline());
  const showNarrowed = () => {
    const place = byId("narrowed");
    const told = Object.entries(narrowed).map(([key, value]) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "quiet";
      const side = valueOf("order") === "base" ? say("base") : say("tuned");
      button.textContent = `${key === "least" ? `${side} ≥ ${Number(value.toPrecision(4))}` : value} ✕`;
      button.title = say("remove this filter");
      button.addEventListener("click", () => { delete narrowed[key]; restart(); });
      return button;
    });
    place.replaceChildren(...told);
    place.hidden = told.length === 0;
  };
  const clear = () => {
    narrowed = {};
    for (const control of controls) {
      if (control.id === "measure") control.selectedIndex = 0;
      else if (control.id !== "order") control.value = "";
    }
    showNarrowed();
  };
  const reset = () => { clear(); return arrange(); };
  const restart = () => { limit = STEP; pinned = null; showNarrowed(); return arrange(); };
  controls.forEach((control) => control.addEventListener("input", restart));
  byId("more").addEventListener("click", () => { limit += STEP; arrange(); });
  byId("tools").addEventListener("submit", (event) => event.preventDefault());
  byId("reset").addEventListener("click", reset);

  // Links to pages: #page-7 is a page, #pages?measure=wer&order=tuned the pages behind a number, #documents?find=locked
  // the documents behind one.
  const showPages = async (query) => {
    clear();
    byId("order").value = "index";
    for (const [key, value] of new URLSearchParams(query)) {
      const control = places.includes(key) ? byId(key) : null;
      if (control && (control.type === "search" || [...control.options].some((option) => option.value === value))) control.value = value;
      if (key === "document") narrowed.document = value;
      if (key === "least" && value !== "" && Number.isFinite(Number(value))) narrowed.least = Number(value);
    }
    await restart();
    byId("pages").scrollIntoView();
  };
  const showDocuments = (query) => {
    const input = byId("find-document");
    input.value = new URLSearchParams(query).get("find") || "";
    input.dispatchEvent(new Event("input"));
    byId("document-list").scrollIntoView();
  };
  const target = async () => {
    const asked = /^#(pages|documents)\?(.*)$/.exec(location.hash);
    if (asked) {
      await (asked[1] === "pages" ? showPages(asked[2]) : showDocuments(asked[2]));
      return;
    }
    const found = /^#page-(\d+)$/.exec(location.hash);
    const entry = found ? entries[position.get(Number(found[1]))] : undefined;
    if (!entry) return;
    if (packed) {
      if (!byId(location.hash.slice(1))) { pinned = entry; await arrange(); }
    } else if (entry.card.hidden) {
      reset();
    }
    const card = byId(location.hash.slice(1));
    if (card) card.scrollIntoView();
  };
  document.addEventListener("click", (event) => {
    // The same link once more: the address does not change, and what it asks for may have been left.
    const link = event.target.closest ? event.target.closest('a[href^="#page"], a[href^="#documents?"]') : null;
    if (link && link.getAttribute("href") === location.hash) target();
  });
  addEventListener("hashchange", target);
  const firstShown = packed ? arrange().then(target) : Promise.resolve(arrange()).then(target);
  for (const radio of document.querySelectorAll('input[name="view"]')) {
    radio.addEventListener("change", () => { root.dataset.view = radio.value; });
  }

  // What is folded on the screen is wanted on paper, and where a link leads to it.
  addEventListener("beforeprint", () => {
    for (const folded of document.querySelectorAll("#metrics details")) folded.open = true;
  });

  // Plots, in the colours of the style sheet.
  const colour = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
  const figures = [...document.querySelectorAll("script[data-figure]")].map((element) => ({
    canvas: byId(element.dataset.figure),
    figure: JSON.parse(element.textContent),
  }));
  const coloured = ({ data, layout }) => {
    const axis = { gridcolor: colour("line"), zerolinecolor: colour("line"), linecolor: colour("line"), tickcolor: colour("line"), automargin: true };
    const own = {
      ...layout,
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("text") },
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
      hoverlabel: { bgcolor: colour("surface"), bordercolor: colour("line"), font: { color: colour("text") }, align: "left" },
    };
    for (const key of Object.keys(layout)) {
      if (/^[xy]axis\d*$/.test(key)) own[key] = { ...axis, ...layout[key] };
    }
    const traces = data.map((trace) => {
      const paint = colour(trace.meta);
      return { ...trace, line: { ...trace.line, color: paint }, marker: { ...trace.marker, color: paint } };
    });
    return [traces, own];
  };
  const draw = async () => {
    for (const { canvas, figure } of figures) {
      await new Promise((go) => setTimeout(go, 0)); // so that the page answers between two plots
      const [data, layout] = coloured(figure);
      Plotly.react(canvas, data, layout, { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] });
    }
  };
  const start = async () => {
    const library = document.createElement("script");
    library.textContent = await gunzip(byId("plotly-packed").textContent);
    document.head.append(library);
    document.querySelectorAll(".canvas .waiting").forEach((note) => note.remove());
    await draw();
    for (const { canvas } of figures) {
      canvas.on("plotly_click", (event) => {
        // A point is a page; a place on a curve of shares stands for the pages from there on.
        const point = event.points[0];
        if (Array.isArray(point.customdata)) location.hash = `page-${point.customdata[0]}`;
        else if (canvas.id === "plot-cumulative") location.hash = `pages?measure=cer&order=${point.data.meta}&least=${point.x}`;
      });
    }
    performance.mark("plots-drawn");
    root.dataset.plots = "drawn";
  };
  const failed = (error) => {
    for (const note of document.querySelectorAll(".canvas .waiting")) {
      note.textContent = say("This browser could not draw the plot ({error}). The figures are in training_log.csv and samples.csv.", { error: error.message });
    }
    root.dataset.plots = "failed";
  };
  // After the pages are on screen: plotly.js takes a browser about a second.
  const whenIdle = window.requestIdleCallback || ((work) => setTimeout(work, 50));
  if (figures.length) {
    firstShown.finally(() => requestAnimationFrame(() => whenIdle(() => start().catch(failed), { timeout: 1000 })));
  }

  // What the stages took: figures that differ from run to run, in a page of their own. It is asked in a frame that may run
  // its script and nothing else, and what it answers is taken as text.
  const frame = byId("resources-frame");
  const place = byId("resources-table");
  addEventListener("message", ({ source, data }) => {
    if (source !== frame.contentWindow || !data || data.scribetune !== "resources" || place.firstChild) return;
    if (data.build !== place.dataset.build) {
      byId("resources-note").textContent = say("reports/resources.html, which lies beside this file, is of another build: what this one took is not known here.");
      return;
    }
    const table = document.createElement("table");
    const line = (parent, texts, kind) => {
      const row = parent.insertRow();
      texts.slice(0, 12).forEach((text, column) => {
        const cell = document.createElement(kind || (column === 0 ? "th" : "td"));
        cell.textContent = String(text).slice(0, 200);
        row.append(cell);
      });
    };
    line(table.createTHead(), data.head, "th");
    const body = table.createTBody();
    data.rows.slice(0, 60).forEach((texts) => line(body, texts));
    place.append(table);
    place.hidden = false;
    byId("resources-note").textContent = String(data.note).slice(0, 2000);
    if (data.trained) {
      byId("trained").textContent = ` · ${String(data.trained).slice(0, 60)}`;
      byId("trained").hidden = false;
    }
    root.dataset.resources = "shown";
  });
  firstShown.finally(() => { frame.src = "resources.html"; });

  // Colour scheme: as the system has it, or the reader's choice.
  const themes = ["auto", "light", "dark"];
  let theme = 0;
  byId("theme").addEventListener("click", () => {
    theme = (theme + 1) % themes.length;
    if (theme === 0) delete root.dataset.theme;
    else root.dataset.theme = themes[theme];
    byId("theme").textContent = [say("Theme: auto"), say("Theme: light"), say("Theme: dark")][theme];
    if (root.dataset.plots === "drawn") draw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    if (root.dataset.plots === "drawn") draw();
  });
})();
