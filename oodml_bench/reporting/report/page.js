"use strict";
(() => {
  const data = JSON.parse(document.getElementById("content").textContent);
  const byId = (id) => document.getElementById(id);
  const root = document.documentElement;
  const SIDES = { t: "train", e: "test", r: "removed", "-": "not in it" };
  const SHAPES = ["circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "x", "star", "pentagon", "hexagon"];
  const COLOURS = {
    light: ["#0072b2", "#d55e00", "#00795c", "#a3457f", "#b07800", "#2b8cbe", "#1b1f24"],
    dark: ["#56b4e9", "#f0894a", "#2fc79c", "#e79ac4", "#e6b94a", "#9ecae1", "#e8eaed"],
  };
  const DASHES = ["solid", "dash", "dot", "dashdot"];
  let marked = null;
  let level = 0;
  const onTheme = [];
  const onMark = [];

  // Names are data: what stands in a chart is escaped, what stands elsewhere is text.
  const escaped = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const colour = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();
  const dark = () => root.dataset.theme === "dark";
  const known = (value) => value !== null && value !== undefined;
  const fixed = (value, digits) => (known(value) ? value.toFixed(digits) : "–");
  const significant = (value) => (known(value) ? (Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(4)))) : "–");
  const percent = (value) => (known(value) ? `${(100 * value).toFixed(0)} %` : "–");

  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "class") made.className = value;
      else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  }

  // ---- theme -------------------------------------------------------------------------------------------------------
  const preferred = window.matchMedia("(prefers-color-scheme: dark)");
  root.dataset.theme = preferred.matches ? "dark" : "light";
  const redraw = () => onTheme.forEach((draw) => draw());
  byId("theme").addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    redraw();
  });
  preferred.addEventListener("change", (event) => {
    root.dataset.theme = event.matches ? "dark" : "light";
    redraw();
  });

  function layout(more) {
    const axis = { gridcolor: colour("line"), zerolinecolor: colour("line"), linecolor: colour("line"), automargin: true };
    const { xaxis = {}, yaxis = {}, ...rest } = more;
    return {
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { color: colour("text"), family: "system-ui, sans-serif", size: 13 },
      margin: { l: 56, r: 14, t: 24, b: 48 },
      hoverlabel: { bgcolor: colour("panel"), bordercolor: colour("line"), font: { color: colour("text") }, align: "left" },
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 },
      xaxis: { ...axis, ...xaxis },
      yaxis: { ...axis, ...yaxis },
      ...rest,
    };
  }
  const config = { responsive: true, displaylogo: false, displayModeBar: false, scrollZoom: false };
  const axisOf = (more) => ({ gridcolor: colour("line"), zerolinecolor: colour("line"), linecolor: colour("line"), automargin: true, ...more });

  // ---- marking a class ---------------------------------------------------------------------------------------------
  function mark(place) {
    marked = place === marked ? null : place;
    const bar = byId("marked");
    bar.hidden = marked === null;
    if (marked !== null) {
      const name = data.classes[marked].name;
      const sides = data.sides.map((side) => SIDES[side[marked]]);
      bar.querySelector("span").textContent = `Marked: ${name} (${described(sides)})`;
    }
    onMark.forEach((update) => update());
  }
  function described(sides) {
    const parts = [];
    let start = 0;
    for (let i = 1; i <= sides.length; i += 1) {
      if (i === sides.length || sides[i] !== sides[start]) {
        const numbers = data.levels.slice(start, i).map((row) => row.level);
        const span = numbers.length > 1 ? `levels ${numbers[0]}–${numbers[numbers.length - 1]}` : `level ${numbers[0]}`;
        parts.push(`${sides[start]} at ${span}`);
        start = i;
      }
    }
    return parts.join(", ");
  }
  byId("marked").querySelector("button").addEventListener("click", () => mark(marked));

  // ---- the table of levels -----------------------------------------------------------------------------------------
  const COLUMNS = [
    ["level", "Level", "", (v) => String(v)],
    ["fid", "FID", "", significant],
    ["interval", "95 %", "jackknife", (v) => (known(v) ? `${significant(v[0])} – ${significant(v[1])}` : "–")],
    ["mean_term", "Mean", "term", significant],
    ["covariance_term", "Covariance", "term", significant],
    ["null_low", "Random splits", "95 % band", (v, row) => (known(v) ? `${significant(v)} – ${significant(row.null_high)}` : "–")],
    ["percentile", "Percentile", "of random splits", percent],
    ["z", "z", "", (v) => (known(v) ? v.toFixed(1) : "–")],
    ["kid", "KID", "size-free", (v) => (known(v) ? v.toPrecision(3) : "–")],
    ["nearest", "Nearest train", "median distance", significant],
    ["train", "Train", "classes", (v, row) => (row.validation ? `${v} (${row.validation} val.)` : String(v))],
    ["test", "Test", "classes", String],
    ["removed", "Removed", "classes", String],
    ["train_samples", "Train", "samples", (v) => (known(v) ? v.toLocaleString("en") : "–")],
    ["test_samples", "Test", "samples", (v) => (known(v) ? v.toLocaleString("en") : "–")],
    ["episodes", "Episodes", "number × shots", (v) => v || "none"],
  ];
  let sorted = { key: "level", down: false };
  const sortValue = (row, key) => (Array.isArray(row[key]) ? row[key][0] : row[key]);
  function levelTable() {
    const columns = COLUMNS.filter(([key]) => data.levels.some((row) => known(row[key])));
    const head = element("tr");
    for (const [key, name, small] of columns) {
      const button = element("button", { type: "button", onclick: () => {
        sorted = { key, down: sorted.key === key && !sorted.down };
        levelTable();
        byId("levels").querySelector(`button[data-key="${key}"]`).focus();
      }, "data-key": key }, name);
      const cell = element("th", { scope: "col" }, button);
      if (small) cell.append(element("small", {}, small));
      if (sorted.key === key) cell.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
      head.append(cell);
    }
    const rows = [...data.levels].sort((a, b) => {
      const [x, y] = [sortValue(a, sorted.key), sortValue(b, sorted.key)];
      const order = !known(x) ? 1 : !known(y) ? -1 : typeof x === "string" ? x.localeCompare(y) : x - y;
      return sorted.down ? -order : order;
    });
    const body = element("tbody");
    for (const row of rows) {
      const inside = known(row.null_low) && row.fid >= row.null_low && row.fid <= row.null_high;
      const line = element("tr", inside ? { class: "inside", title: "within the band of random splits" } : {});
      for (const [key, , , shown] of columns) line.append(element("td", {}, shown(row[key], row)));
      body.append(line);
    }
    byId("levels").replaceChildren(element("thead", {}, head), body);
  }
  levelTable();

  // A cell that begins like a formula is written as text, since spreadsheets would compute it; a number stays one. The
  // wide forms of the signs count, which some of them read alike.
  const csvCell = (value) => {
    const text = known(value) ? String(value) : "";
    const number = /^[+-]?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text);
    const safe = /^\s*[=+\-@＝＋－＠]|^[\t\r\n]/.test(text) && !number ? `'${text}` : text;
    return /[",\n\r\t]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
  };
  byId("csv").addEventListener("click", () => {
    const keys = Object.keys(data.levels[0]).filter((key) => key !== "interval");
    const header = [...keys, "interval_low", "interval_high"];
    const lines = data.levels.map((row) => [...keys.map((key) => row[key]), ...(row.interval || [null, null])]);
    const text = [header, ...lines].map((line) => line.map(csvCell).join(",")).join("\r\n");
    const url = URL.createObjectURL(new Blob([`${text}\r\n`], { type: "text/csv" }));
    const link = element("a", { href: url, download: `${data.name}_levels.csv` });
    link.click();
    URL.revokeObjectURL(url);
  });

  // ---- progression -------------------------------------------------------------------------------------------------
  const listed = (places) => {
    const names = places.slice(0, 6).map((place) => escaped(data.classes[place].name));
    return names.join("<br>&nbsp;&nbsp;") + (places.length > 6 ? `<br>&nbsp;&nbsp;and ${places.length - 6} more` : "");
  };
  function hoverOf(step) {
    const parts = [`<b>${escaped(step.id)}</b>: FID ${significant(step.fid)}`];
    for (const [key, title] of [["to_test", "train → test"], ["to_train", "test → train"], ["removed", "removed"]]) {
      if (step[key].length) parts.push(`${title}:<br>&nbsp;&nbsp;${listed(step[key])}`);
    }
    return parts.join("<br>");
  }
  function drawProgression() {
    const chart = byId("progression-chart");
    if (!chart) return;
    const traces = [];
    const spans = { swaps: 1, removal: 1 };
    for (const walk of data.walks) {
      const kind = walk.kind === "removal" ? "removal" : "swaps";
      spans[kind] = Math.max(spans[kind], ...walk.steps.map((step) => Math.abs(step.place)));
      traces.push({
        type: "scatter", mode: "lines+markers", name: walk.kind, line: { color: colour(walk.kind), width: 2 }, marker: { size: 4 },
        x: walk.steps.map((step) => step.place), y: walk.steps.map((step) => step.fid),
        text: walk.steps.map(hoverOf), hovertemplate: "%{text}<extra></extra>",
        xaxis: kind === "removal" ? "x2" : "x",
      });
      if (marked !== null) {
        const touched = walk.steps.filter((s) => [...s.to_test, ...s.to_train, ...s.removed].includes(marked));
        if (touched.length) traces.push({
          type: "scatter", mode: "markers", name: "marked class moves", showlegend: false,
          marker: { color: colour("mark"), size: 13, symbol: "diamond-open", line: { width: 3 } },
          x: touched.map((step) => step.place), y: touched.map((step) => step.fid),
          text: touched.map(hoverOf), hovertemplate: "%{text}<extra></extra>", xaxis: kind === "removal" ? "x2" : "x",
        });
      }
    }
    const steps = new Map(data.walks.flatMap((walk) => walk.steps.map((step) => [step.id, [walk.kind, step]])));
    for (const axis of ["x", "x2"]) {
      const rows = data.levels.filter((row) => {
        const found = steps.get(String(row.step).split("~")[0]);
        return found && (found[0] === "removal") === (axis === "x2");
      });
      traces.push({
        type: "scatter", mode: "markers+text", name: "level", showlegend: axis === "x", xaxis: axis,
        x: rows.map((row) => steps.get(String(row.step).split("~")[0])[1].place), y: rows.map((row) => row.fid),
        text: rows.map((row) => String(row.level)), textfont: { size: 11 }, cliponaxis: false,
        marker: { size: 19, color: colour("back"), line: { color: colour("text"), width: 1.5 } },
        hovertemplate: "level %{text}: FID %{y:.4~g}<extra></extra>",
      });
    }
    const shapes = [];
    const plain = data.levels.find((row) => row.removed === 0 && known(row.null_low));
    if (plain) shapes.push({ type: "rect", xref: "x domain", x0: 0, x1: 1, y0: plain.null_low, y1: plain.null_high, fillcolor: colour("band"), opacity: 0.5, line: { width: 0 }, layer: "below" });
    const fewer = data.levels.filter((row) => known(row.null_low) && (row.removed > 0 || row === plain));
    if (fewer.length > 1) {
      const x = fewer.map((row) => row.removed / 2);
      traces.unshift({
        type: "scatter", mode: "lines", xaxis: "x2", x: [...x, ...[...x].reverse()], fill: "toself", fillcolor: colour("band"), opacity: 0.5, line: { width: 0 }, hoverinfo: "skip",
        y: [...fewer.map((row) => row.null_low), ...fewer.map((row) => row.null_high).reverse()], name: "random splits (95 %)", showlegend: true,
      });
    }
    const both = data.walks.some((walk) => walk.kind === "removal");
    const cut = both ? 0.62 : 1;
    const narrow = chart.clientWidth < 600;
    Plotly.react(chart, traces, layout({
      height: 400,
      hovermode: "closest",
      shapes,
      xaxis: { title: { text: narrow ? "swaps" : "swaps (left: easier, right: harder)" }, domain: [0, cut], zeroline: true },
      xaxis2: axisOf({ title: { text: narrow ? "removed a side" : "classes removed a side" }, domain: [cut + 0.04, 1], visible: both }),
      yaxis: { title: { text: "FID" } },
    }), config);
  }

  // ---- map ---------------------------------------------------------------------------------------------------------
  function side(place) { return data.sides[level][place]; }
  function drawMap() {
    const chart = byId("map-chart");
    if (!chart) return;
    const traces = [];
    for (const [key, name, shape] of [["r", "removed", "x-thin"], ["t", "train", "circle"], ["e", "test", "square"]]) {
      const places = data.classes.map((_, place) => place).filter((place) => side(place) === key);
      traces.push({
        type: "scatter", mode: "markers", name: `${name} (${places.length})`, customdata: places,
        x: places.map((place) => data.classes[place].place[0]), y: places.map((place) => data.classes[place].place[1]),
        text: places.map((place) => escaped(data.classes[place].name)),
        marker: { color: colour({ t: "train", e: "test", r: "removed" }[key]), symbol: shape, size: data.classes.length > 2000 ? 4 : 8, opacity: key === "r" ? 0.8 : 0.85, line: key === "r" ? { color: colour("removed"), width: 1.5 } : { color: colour("back"), width: 0.6 } },
        hovertemplate: "%{text}<extra></extra>",
      });
    }
    if (marked !== null) traces.push({
      type: "scatter", mode: "markers", showlegend: false, hoverinfo: "skip", x: [data.classes[marked].place[0]], y: [data.classes[marked].place[1]],
      marker: { size: 20, symbol: "circle-open", color: colour("mark"), line: { width: 3 } },
    });
    const bare = { visible: false };
    Plotly.react(chart, traces, layout({ height: Math.min(520, chart.clientWidth + 40), hovermode: "closest", margin: { l: 10, r: 10, t: 30, b: 10 }, xaxis: bare, yaxis: { ...bare, scaleanchor: "x" } }), config);
    byId("level-name").textContent = `${data.levels[level].level} – FID ${significant(data.levels[level].fid)}`;
  }
  function point(place) {
    const box = byId("pointed");
    if (!box) return;
    const about = data.classes[place];
    const words = element("div", {}, element("strong", {}, about.name));
    for (const line of [about.superclass, `${SIDES[side(place)]} at level ${data.levels[level].level}`, known(about.samples) ? `${about.samples} samples` : null]) {
      if (line) words.append(element("div", { class: "hint" }, line));
    }
    const picture = data.pictures[about.name];
    box.replaceChildren(...(picture ? [element("img", { src: picture, alt: "" })] : []), words);
  }
  function startMap() {
    const slider = byId("level-slider");
    if (!slider) return;
    slider.max = String(data.levels.length - 1);
    slider.value = "0";
    const go = (to) => {
      level = to;
      slider.value = String(to);
      slider.setAttribute("aria-valuetext", `level ${data.levels[to].level}`);
      drawMap();
    };
    slider.addEventListener("input", () => go(Number(slider.value)));
    const play = byId("play");
    let timer = null;
    const stop = () => { clearInterval(timer); timer = null; play.textContent = "Play"; play.setAttribute("aria-pressed", "false"); };
    play.addEventListener("click", () => {
      if (timer !== null) { stop(); return; }
      if (level === data.levels.length - 1) go(0);
      play.textContent = "Pause";
      play.setAttribute("aria-pressed", "true");
      timer = setInterval(() => (level + 1 < data.levels.length ? go(level + 1) : stop()), 900);
    });
    go(0);
    const chart = byId("map-chart");
    chart.on("plotly_hover", (event) => known(event.points[0].customdata) && point(event.points[0].customdata));
    chart.on("plotly_click", (event) => { if (known(event.points[0].customdata)) { point(event.points[0].customdata); mark(event.points[0].customdata); } });
  }

  // ---- who moved ---------------------------------------------------------------------------------------------------
  const MOST_ROWS = 400;
  const firstChange = (place) => {
    const sides = data.sides.map((all) => all[place]);
    const at = sides.findIndex((now, i) => i > 0 && now !== sides[i - 1]);
    return at < 0 ? sides.length : at;
  };
  const changes = data.classes.map((_, place) => firstChange(place));
  const pattern = data.classes.map((_, place) => data.sides.map((all) => all[place]).join(""));
  const order = data.classes.map((_, place) => place).sort((a, b) => changes[a] - changes[b] || (pattern[a] < pattern[b] ? -1 : pattern[a] > pattern[b] ? 1 : a - b));
  function movedTable() {
    const wanted = byId("filter").value.trim().toLocaleLowerCase();
    const moving = byId("moving").checked && !wanted;
    const rows = order.filter((place) => (!moving || changes[place] < data.levels.length) && (!wanted || data.classes[place].name.toLocaleLowerCase().includes(wanted)));
    const shown = rows.slice(0, MOST_ROWS);
    byId("found").textContent = `${rows.length} of ${data.classes.length} classes${rows.length > shown.length ? `, the first ${shown.length} shown` : ""}`;
    const head = element("tr", {}, element("th", { scope: "col", class: "name" }, "Class"));
    for (const row of data.levels) head.append(element("th", { scope: "col" }, String(row.level)));
    const body = element("tbody");
    for (const place of shown) {
      const line = element("tr", place === marked ? { class: "mark" } : {});
      line.append(element("td", { class: "name" }, element("button", { type: "button", onclick: () => mark(place) }, data.classes[place].name)));
      for (const all of data.sides) {
        const now = all[place];
        line.append(element("td", { class: now === "-" ? "" : now, title: SIDES[now] }, { t: "train", e: "test", r: "–", "-": "" }[now]));
      }
      body.append(line);
    }
    byId("moved").replaceChildren(element("thead", {}, head), body);
  }
  byId("filter").addEventListener("input", movedTable);
  byId("moving").addEventListener("change", movedTable);
  movedTable();

  // ---- sides -------------------------------------------------------------------------------------------------------
  function pictured(place, kind) {
    const about = data.classes[place];
    const picture = data.pictures[about.name];
    const figure = element("figure", { class: `${kind}${place === marked ? " mark" : ""}`, tabindex: "0", role: "button", title: about.name });
    figure.append(picture ? element("img", { src: picture, alt: "" }) : element("span", { class: "blank" }), element("figcaption", {}, about.name));
    figure.addEventListener("click", () => mark(place));
    figure.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); mark(place); } });
    return figure;
  }
  function drawSides() {
    const select = byId("side-level");
    if (!select) return;
    const shown = data.shown[Number(select.value)];
    const grids = [];
    for (const [key, title, kind] of [["train_typical", "Most typical train classes", "t"], ["test_typical", "Most typical test classes", "e"], ["train_borderline", "Borderline train classes", "t"], ["test_borderline", "Borderline test classes", "e"]]) {
      grids.push(element("div", {}, element("h3", {}, title), element("div", { class: "grid" }, ...shown[key].map((place) => pictured(place, kind)))));
    }
    for (const [key, title] of [["farthest", "Test classes farthest from any train class, with the nearest one"], ["nearest", "Test classes nearest to a train class"]]) {
      const pairs = shown[key].map(([test, train, distance]) => element("div", {}, element("div", { class: "pair" }, pictured(test, "e"), pictured(train, "t")), element("div", { class: "pair-distance" }, `distance ${significant(distance)}`)));
      grids.push(element("div", {}, element("h3", {}, title), element("div", { class: "pairs" }, ...pairs)));
    }
    byId("side-grids").replaceChildren(...grids);
  }
  function startSides() {
    const select = byId("side-level");
    if (!select) return;
    data.levels.forEach((row, i) => select.append(element("option", { value: String(i) }, `${row.level} – FID ${significant(row.fid)}`)));
    select.value = String(data.levels.length - 1);
    select.addEventListener("change", drawSides);
    drawSides();
  }

  // ---- results -----------------------------------------------------------------------------------------------------
  function chosenCurves() {
    const metric = data.results.metrics[Number(byId("metric").value)];
    const kind = document.querySelector('input[name="gallery"]:checked').value;
    return { metric: metric.metric, curves: metric[kind], kind };
  }
  function styleOf(number) {
    const palette = COLOURS[dark() ? "dark" : "light"];
    return { colour: palette[number % palette.length], symbol: SHAPES[number % SHAPES.length], dash: DASHES[Math.floor(number / palette.length) % DASHES.length] };
  }
  const heightOf = (curve) => (curve.ags ? curve.ags.mean : -Infinity);
  function drawResults() {
    if (!data.results || !data.results.metrics.length) return;
    const { metric, curves, kind } = chosenCurves();
    const ranked = [...curves].sort((a, b) => heightOf(b) - heightOf(a) || (a.recipe < b.recipe ? -1 : 1));
    const traces = [];
    const banded = byId("intervals").checked;
    ranked.forEach((curve, number) => {
      const style = styleOf(number);
      const at = curve.fids.map((_, i) => i).filter((i) => known(curve.low[i]));
      if (banded && at.length > 1) traces.push({
        type: "scatter", mode: "lines", fill: "toself", fillcolor: style.colour, opacity: 0.13, line: { width: 0 }, hoverinfo: "skip", showlegend: false, legendgroup: curve.recipe,
        x: [...at.map((i) => curve.fids[i]), ...[...at].reverse().map((i) => curve.fids[i])], y: [...at.map((i) => curve.low[i]), ...[...at].reverse().map((i) => curve.high[i])],
      });
      traces.push({
        type: "scatter", mode: "lines+markers", name: escaped(curve.recipe), legendgroup: curve.recipe, x: curve.fids, y: curve.mean, connectgaps: true,
        line: { color: style.colour, dash: style.dash, width: 2 }, marker: { symbol: style.symbol, size: 8 },
        text: curve.levels.map((number_, i) => `level ${number_}, ${curve.seeds} seed${curve.seeds > 1 ? "s" : ""}${known(curve.low[i]) ? `<br>95 %: ${fixed(curve.low[i], 3)} – ${fixed(curve.high[i], 3)}` : ""}`),
        hovertemplate: `<b>${escaped(curve.recipe)}</b> %{y:.4f}<br>%{text}<extra></extra>`,
      });
    });
    const gallery = kind === "controlled" && curves.length ? `, galleries of ${curves[0].gallery} classes` : "";
    const values = ranked.flatMap((curve) => curve.mean).filter(known);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    // Intervals over two or three seeds may be many times as wide as the scores differ.
    const room = (high - low || 0.1) * (banded ? 0.6 : 0.08);
    const legendRows = Math.ceil(ranked.length / 3);
    Plotly.react(byId("curves-chart"), traces, layout({ height: 440 + 18 * legendRows, hovermode: "closest", xaxis: { title: { text: "FID of train and test" } }, yaxis: { title: { text: escaped(metric + gallery) }, range: [low - room, high + room] } }), config);
    const bars = ranked.filter((curve) => curve.ags);
    const half = (curve) => (known(curve.ags.low) ? curve.ags.mean - curve.ags.low : 0);
    const chart = byId("ags-chart");
    chart.hidden = !bars.length;
    if (bars.length) {
      const lowest = Math.min(...bars.map((curve) => curve.ags.mean - half(curve)));
      const start = Math.max(0, lowest - 0.15 * (Math.max(...bars.map((curve) => curve.ags.mean + half(curve))) - lowest || 0.1));
      Plotly.react(chart, [{
        type: "scatter", mode: "markers", y: bars.map((curve) => escaped(curve.recipe)), x: bars.map((curve) => curve.ags.mean),
        error_x: { type: "data", array: bars.map(half), color: colour("text"), thickness: 1.4, width: 4 },
        marker: { color: colour("accent"), size: 10, symbol: bars.map((curve) => (curve.leading ? "star" : "circle")) },
        hovertemplate: "%{y}: %{x:.4f}<extra></extra>",
      }], layout({ height: 90 + 24 * bars.length, xaxis: { title: { text: `AGS of ${escaped(metric + gallery)}` }, range: [start, undefined] }, yaxis: { autorange: "reversed", automargin: true } }), config);
    }
    scoreTable(ranked);
  }
  function scoreTable(ranked) {
    const head = element("tr", {}, element("th", { scope: "col", class: "name" }, "Recipe"), element("th", { scope: "col" }, "AGS", element("small", {}, "95 %")));
    const levels = ranked.length ? ranked[0].levels : [];
    levels.forEach((number, i) => head.append(element("th", { scope: "col" }, String(number), element("small", {}, significant(ranked[0].fids[i])))));
    head.append(element("th", { scope: "col" }, "Seeds"), element("th", { scope: "col" }, "Weights"));
    const best = levels.map((_, i) => Math.max(...ranked.map((curve) => curve.mean[i] ?? -Infinity)));
    const body = element("tbody");
    for (const curve of ranked) {
      const ags = curve.ags ? `${fixed(curve.ags.mean, 4)}${known(curve.ags.low) ? ` ± ${fixed(curve.ags.mean - curve.ags.low, 4)}` : ""}` : "–";
      const line = element("tr", {}, element("td", { class: "name" }, `${curve.leading ? "★ " : ""}${curve.recipe}`), element("td", {}, ags));
      curve.mean.forEach((mean, i) => line.append(element("td", {}, mean === best[i] ? element("strong", {}, fixed(mean, 3)) : fixed(mean, 3))));
      line.append(element("td", {}, String(curve.seeds)), element("td", {}, curve.weights));
      body.append(line);
    }
    byId("scores").replaceChildren(element("thead", {}, head), body);
  }
  const fewShotKinds = data.results ? [...new Set(data.results.few_shot.map((curve) => `${curve.shots} shots, adapted by ${curve.adaptation}`))] : [];
  function drawFewShot() {
    const chart = byId("few-shot-chart");
    if (!chart) return;
    const kind = fewShotKinds[Number(byId("shots").value)];
    const curves = data.results.few_shot.filter((curve) => `${curve.shots} shots, adapted by ${curve.adaptation}` === kind);
    const traces = [];
    curves.forEach((curve, number) => {
      const style = styleOf(number);
      const common = { type: "scatter", mode: "lines+markers", x: curve.fids, legendgroup: curve.recipe };
      traces.push({ ...common, name: `${escaped(curve.recipe)}, after`, y: curve.after, line: { color: style.colour, width: 2 }, marker: { symbol: style.symbol, size: 8 }, text: curve.gain.map((gain) => (known(gain) ? `relative gain ${(100 * gain).toFixed(1)} %` : "")), hovertemplate: "%{y:.4f}<br>%{text}<extra>%{fullData.name}</extra>" });
      traces.push({ ...common, name: `${escaped(curve.recipe)}, before`, y: curve.before, line: { color: style.colour, width: 1.5, dash: "dot" }, marker: { symbol: `${style.symbol}-open`, size: 7 }, hovertemplate: "%{y:.4f}<extra>%{fullData.name}</extra>" });
    });
    Plotly.react(chart, traces, layout({ height: 430 + 12 * curves.length, hovermode: "closest", xaxis: { title: { text: "FID of train and test" } }, yaxis: { title: { text: "Recall@1 of the episodes' queries" } } }), config);
  }
  function startResults() {
    if (!data.results || !byId("metric")) return;
    data.results.metrics.forEach((each, i) => byId("metric").append(element("option", { value: String(i) }, each.metric)));
    const radios = [...document.querySelectorAll('input[name="gallery"]')];
    const offer = () => {
      const metric = data.results.metrics[Number(byId("metric").value)];
      const controlled = radios.find((radio) => radio.value === "controlled");
      controlled.disabled = !metric || !metric.controlled.length;
      if (controlled.disabled) radios.find((radio) => radio.value === "raw").checked = true;
    };
    byId("metric").addEventListener("change", () => { offer(); drawResults(); });
    radios.forEach((radio) => radio.addEventListener("change", drawResults));
    byId("intervals").checked = data.results.metrics.some((each) => each.raw.every((curve) => curve.seeds >= 3));
    byId("intervals").addEventListener("change", drawResults);
    offer();
    if (byId("shots")) {
      fewShotKinds.forEach((kind, i) => byId("shots").append(element("option", { value: String(i) }, kind)));
      byId("shots").addEventListener("change", drawFewShot);
    }
  }

  // ---- all together ------------------------------------------------------------------------------------------------
  startResults();
  startSides();
  startMap();
  drawProgression();
  drawResults();
  drawFewShot();
  onTheme.push(drawProgression, drawMap, drawResults, drawFewShot);
  onMark.push(drawProgression, drawMap, movedTable, drawSides);
})();
