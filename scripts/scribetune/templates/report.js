"use strict";
(() => {
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);

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

  // Test pages: filter, order, view. Few pages stand in the document; of many there is an index, and a page's HTML is
  // unpacked when it is shown. An entry is what filters and order read: data-* of a card, or a row of the index.
  const gunzip = (packed) => {
    const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  };
  const packed = byId("page-index");
  const inline = [...document.querySelectorAll("article.page")];
  const entries = packed ? JSON.parse(packed.textContent) : inline.map((card) => ({ ...card.dataset, card }));
  const position = new Map(entries.map((entry, place) => [Number(entry.index), place]));
  const controls = ["find", "show", "category", "language", "script", "layout", "order"].map(byId).filter(Boolean);
  const valueOf = (id) => (byId(id) ? byId(id).value : "");
  const wanted = (entry) => {
    const show = valueOf("show");
    if (show === "flagged" && !("flagged" in entry)) return false;
    if (show === "table" && !entry.layout.includes("tables")) return false;
    if (["better", "same", "worse"].includes(show) && entry.verdict !== show) return false;
    for (const key of ["category", "language", "script", "layout"]) {
      if (valueOf(key) && entry[key] !== valueOf(key)) return false;
    }
    return entry.search.includes(valueOf("find").trim().toLowerCase());
  };
  const keys = {
    index: (entry) => Number(entry.index),
    tuned: (entry) => -numberOf(entry.tuned),
    base: (entry) => -numberOf(entry.base),
    gain: (entry) => numberOf(entry.tuned) - numberOf(entry.base),
    loss: (entry) => numberOf(entry.base) - numberOf(entry.tuned),
  };
  const ordered = [...entries];
  let order = "index";
  const sort = () => {
    if (valueOf("order") === order) return false;
    order = valueOf("order");
    const key = keys[order];
    ordered.sort((a, b) => compareNumbers(key(a), key(b), 1) || keys.index(a) - keys.index(b));
    return true;
  };

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
      image.addEventListener("click", () => {
        zoom.querySelector("img").src = image.src;
        zoom.querySelector("img").alt = image.alt;
        zoom.showModal();
      });
    }
    return card;
  };
  inline.forEach(prepare);
  zoom.querySelector("img").addEventListener("click", () => zoom.close());
  byId("unzoom").addEventListener("click", () => zoom.close());

  // Chunks of cards, unpacked once; the last few are kept.
  const chunks = document.getElementsByClassName("page-chunk");
  const opened = new Map();
  const perChunk = packed ? Math.ceil(entries.length / chunks.length) : 0;
  const cardOf = async (entry) => {
    if (entry.card) return entry.card;
    const place = position.get(Number(entry.index));
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
    byId("count").textContent = shown === entries.length ? `${shown} page${shown === 1 ? "" : "s"}` : `${shown} of ${entries.length} pages`;
  };
  const arrangeInline = () => {
    if (sort()) byId("cards").append(...ordered.map((entry) => entry.card));
    let shown = 0;
    for (const entry of entries) {
      entry.card.hidden = !wanted(entry);
      shown += entry.card.hidden ? 0 : 1;
    }
    count(shown);
  };
  const arrangePacked = async () => {
    const mine = ++turn;
    sort();
    const matching = ordered.filter(wanted);
    count(matching.length);
    const first = pinned === null ? [] : [pinned];
    const list = [...first, ...matching.filter((entry) => entry !== pinned)].slice(0, limit);
    const cards = await Promise.all(list.map(cardOf));
    if (mine !== turn) return;
    byId("cards").replaceChildren(...cards);
    byId("further").hidden = matching.length <= limit;
    byId("more").textContent = `Show more (${matching.length - limit} further pages)`;
    if (root.dataset.pages !== "shown") performance.mark("pages-shown");
    root.dataset.pages = "shown";
  };
  const arrange = () => (packed ? arrangePacked() : arrangeInline());
  const reset = () => {
    for (const control of controls) {
      if (control.id !== "order") control.value = "";
    }
    return arrange();
  };
  const restart = () => { limit = STEP; pinned = null; arrange(); };
  controls.forEach((control) => control.addEventListener("input", restart));
  byId("more").addEventListener("click", () => { limit += STEP; arrange(); });
  byId("tools").addEventListener("submit", (event) => event.preventDefault());
  byId("reset").addEventListener("click", reset);
  const target = async () => {
    const found = /^#page-(\d+)$/.exec(location.hash);
    const entry = found ? entries[position.get(Number(found[1]))] : undefined;
    if (!entry) return;
    if (packed) {
      if (!byId(location.hash.slice(1))) { pinned = entry; await arrange(); }
    } else if (entry.card.hidden) {
      reset();
    } else {
      return;
    }
    const card = byId(location.hash.slice(1));
    if (card) card.scrollIntoView();
  };
  addEventListener("hashchange", target);
  const firstShown = packed ? arrange().then(target) : Promise.resolve();
  for (const radio of document.querySelectorAll('input[name="view"]')) {
    radio.addEventListener("change", () => { root.dataset.view = radio.value; });
  }

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
        const [index] = event.points[0].customdata || [];
        if (index !== undefined) location.hash = `page-${index}`;
      });
    }
    performance.mark("plots-drawn");
    root.dataset.plots = "drawn";
  };
  const failed = (error) => {
    for (const note of document.querySelectorAll(".canvas .waiting")) {
      note.textContent = `This browser could not draw the plot (${error.message}). The figures are in training_log.csv and samples.csv.`;
    }
    root.dataset.plots = "failed";
  };
  // After the pages are on screen: plotly.js takes a browser about a second.
  const whenIdle = window.requestIdleCallback || ((work) => setTimeout(work, 50));
  if (figures.length) {
    firstShown.finally(() => requestAnimationFrame(() => whenIdle(() => start().catch(failed), { timeout: 1000 })));
  }

  // Colour scheme: as the system has it, or the reader's choice.
  const themes = ["auto", "light", "dark"];
  let theme = 0;
  byId("theme").addEventListener("click", () => {
    theme = (theme + 1) % themes.length;
    if (theme === 0) delete root.dataset.theme;
    else root.dataset.theme = themes[theme];
    byId("theme").textContent = `Theme: ${themes[theme]}`;
    if (root.dataset.plots === "drawn") draw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    if (root.dataset.plots === "drawn") draw();
  });
})();
