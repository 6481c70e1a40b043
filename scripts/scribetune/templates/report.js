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

  // Test pages: filter, order, view.
  const cards = [...document.querySelectorAll("article.page")];
  const controls = ["find", "show", "category", "language", "order"].map(byId).filter(Boolean);
  const valueOf = (id) => (byId(id) ? byId(id).value : "");
  const wanted = (card) => {
    const show = valueOf("show");
    const text = valueOf("find").trim().toLowerCase();
    if (show === "flagged" && !("flagged" in card.dataset)) return false;
    if (show === "table" && !("table" in card.dataset)) return false;
    if (["better", "same", "worse"].includes(show) && card.dataset.verdict !== show) return false;
    if (valueOf("category") && card.dataset.category !== valueOf("category")) return false;
    if (valueOf("language") && card.dataset.language !== valueOf("language")) return false;
    return card.dataset.search.includes(text);
  };
  const keys = {
    index: (card) => Number(card.dataset.index),
    tuned: (card) => -numberOf(card.dataset.tuned),
    base: (card) => -numberOf(card.dataset.base),
    gain: (card) => numberOf(card.dataset.tuned) - numberOf(card.dataset.base),
    loss: (card) => numberOf(card.dataset.base) - numberOf(card.dataset.tuned),
  };
  let order = "index";
  const arrange = () => {
    if (valueOf("order") !== order) {
      order = valueOf("order");
      const key = keys[order];
      cards.sort((a, b) => compareNumbers(key(a), key(b), 1) || keys.index(a) - keys.index(b));
      byId("cards").append(...cards);
    }
    let shown = 0;
    for (const card of cards) {
      card.hidden = !wanted(card);
      shown += card.hidden ? 0 : 1;
    }
    byId("none").hidden = shown > 0 || cards.length === 0;
    byId("count").textContent = shown === cards.length ? `${shown} page${shown === 1 ? "" : "s"}` : `${shown} of ${cards.length} pages`;
  };
  const reset = () => {
    for (const control of controls) {
      if (control.id !== "order") control.value = "";
    }
    arrange();
  };
  controls.forEach((control) => control.addEventListener("input", arrange));
  byId("tools").addEventListener("submit", (event) => event.preventDefault());
  byId("reset").addEventListener("click", reset);
  const target = () => {
    const card = location.hash.startsWith("#page-") ? byId(location.hash.slice(1)) : null;
    if (card && card.hidden) {
      reset();
      card.scrollIntoView();
    }
  };
  addEventListener("hashchange", target);
  for (const radio of document.querySelectorAll('input[name="view"]')) {
    radio.addEventListener("change", () => { root.dataset.view = radio.value; });
  }

  // The texts of one page scroll together, by share of their length.
  for (const card of cards) {
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
  }

  // A click on a page image shows it larger.
  const zoom = byId("zoom");
  for (const image of document.querySelectorAll(".image img")) {
    image.addEventListener("click", () => {
      zoom.querySelector("img").src = image.src;
      zoom.querySelector("img").alt = image.alt;
      zoom.showModal();
    });
  }
  zoom.querySelector("img").addEventListener("click", () => zoom.close());
  byId("unzoom").addEventListener("click", () => zoom.close());

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
  const draw = () => {
    for (const { canvas, figure } of figures) {
      const [data, layout] = coloured(figure);
      Plotly.react(canvas, data, layout, { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] });
    }
  };
  const start = async () => {
    const packed = Uint8Array.from(atob(byId("plotly-packed").textContent), (character) => character.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const library = document.createElement("script");
    library.textContent = await new Response(stream).text();
    document.head.append(library);
    document.querySelectorAll(".canvas .waiting").forEach((note) => note.remove());
    draw();
    for (const { canvas } of figures) {
      canvas.on("plotly_click", (event) => {
        const [index] = event.points[0].customdata || [];
        if (index !== undefined) location.hash = `page-${index}`;
      });
    }
    root.dataset.plots = "drawn";
  };
  const failed = (error) => {
    for (const note of document.querySelectorAll(".canvas .waiting")) {
      note.textContent = `This browser could not draw the plot (${error.message}). The figures are in training_log.csv and samples.csv.`;
    }
    root.dataset.plots = "failed";
  };
  if (figures.length) requestAnimationFrame(() => setTimeout(() => start().catch(failed), 0));

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
