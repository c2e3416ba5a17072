"use strict";
// What the stream says, shown. Nothing is asked of any other host, and nothing is set as HTML.
const $ = (id) => document.getElementById(id);
const KEPT = 600;                       // quotes that are drawn of a symbol
const number = (x, digits = 0) => x === null || x === undefined ? "n/a"
  : x.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const clock = (ns) => ns ? new Date(ns / 1e6).toISOString().slice(11, 19) : "n/a";
let held = false, last = null;
const past = new Map();                 // symbol: {time, bid, ask}

function cells(row, values) {
  values.forEach((value, k) => {
    const cell = row.cells[k] || row.insertCell();
    const [text, kind] = Array.isArray(value) ? value : [value, ""];
    if (cell.textContent !== String(text)) cell.textContent = text;
    if (cell.className !== kind) cell.className = kind;
  });
}

function table(id, rows) {
  const body = $(id);
  while (body.rows.length > Math.max(rows.length, 1)) body.deleteRow(-1);
  rows.forEach((values, k) => {
    const row = body.rows[k] || body.insertRow();
    if (row.cells.length === 1) row.deleteCell(0);
    cells(row, values);
  });
  if (!rows.length) {
    const row = body.rows[0] || body.insertRow();
    while (row.cells.length > 1) row.deleteCell(-1);
    cells(row, [["None.", "quiet"]]);
    row.cells[0].colSpan = 12;
  }
}

function list(parent, texts, tag, kind) {
  parent.replaceChildren(...texts.map((text) => {
    const item = document.createElement(tag);
    item.textContent = text;
    item.className = kind;
    return item;
  }));
}

function put(id, text, kind = "") {
  if ($(id).textContent !== text) $(id).textContent = text;
  $(id).className = kind;
}

function figures(s) {
  const m = s.metrics || {}, c = s.statistics, a = s.account || {}, money = (x) => x === undefined ? "n/a" : number(x / 1e9);
  const found = {
    "Orders accepted": number(c.accepted), "Refused": number(c.refused), "Fills": number(c.fills), "Open": number(c.open),
    "Rejection rate": m.rejection_rate == null ? "n/a" : number(100 * m.rejection_rate, 2) + " %",
    "First answer": m.avg_execution_latency == null ? "n/a" : number(m.avg_execution_latency, 3) + " ms",
    "Shortfall": m.avg_implementation_shortfall == null ? "n/a" : number(1e4 * m.avg_implementation_shortfall, 2) + " bps",
    "Equity ($)": money(a.equity_e9), "Gross exposure ($)": money(a.gross_exposure_e9),
    "Positions": Object.entries(s.positions || {}).filter(([, n]) => n).map(([x, n]) => `${x} ${number(n)}`).join(", ") || "none",
  };
  $("figures").replaceChildren(...Object.entries(found).map(([name, value]) => {
    const row = document.createElement("div"), term = document.createElement("dt"), text = document.createElement("dd");
    term.textContent = name;
    text.textContent = value;
    row.append(term, text);
    return row;
  }));
}

function parents(s) {
  const rows = Object.entries(s.progress || {});
  if (!rows.length) return list($("parents"), ["No algorithm is at work."], "p", "quiet");
  const orders = new Map((s.orders || []).map((o) => [String(o.order_id), o]));
  const NS = "http://www.w3.org/2000/svg";
  $("parents").replaceChildren(...rows.map(([id, p]) => {
    const o = orders.get(id) || {}, box = document.createElement("div");
    box.className = "parent";
    const name = document.createElement("span"), told = document.createElement("span");
    name.textContent = `${id} ${o.side || ""} ${o.symbol || ""} ${o.algorithm || ""}`;
    told.textContent = `${number(p.done)} of ${number(p.quantity)}, planned ${number(p.scheduled)}`
      + (p.is_paused ? ", paused" : p.is_halted ? ", halted" : "");
    const svg = document.createElementNS(NS, "svg");
    svg.setAttribute("viewBox", "0 0 100 18");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", told.textContent);
    const bar = (cls, width) => {
      const r = document.createElementNS(NS, "rect");
      r.setAttribute("class", cls);
      for (const [k, v] of Object.entries({ x: 0, y: 3, height: 12, width })) r.setAttribute(k, v);
      svg.append(r);
    };
    bar("track", 100);
    bar("done", 100 * p.done / p.quantity);
    const plan = document.createElementNS(NS, "line"), x = 100 * Math.min(1, p.scheduled / p.quantity);
    plan.setAttribute("class", "plan");
    for (const [k, v] of Object.entries({ x1: x, x2: x, y1: 0, y2: 18, "vector-effect": "non-scaling-stroke" })) plan.setAttribute(k, v);
    svg.append(plan);
    box.append(name, svg, told);
    return box;
  }));
}

function limits(rows) {
  table("limits", rows.slice(0, 12).map((u) => [u.limit, [number(u.used, 2), "n"], [number(u.largest, 2), "n"],
    [u.share === null ? "beyond" : number(100 * u.share, 1) + " %", "n" + (u.share === null || u.share > 0.9 ? " bad" : "")], ""]));
  [...$("limits").rows].forEach((row, k) => {
    if (!rows[k]) return;
    const cell = row.cells[4], meter = cell.firstElementChild || cell.appendChild(document.createElement("meter"));
    meter.high = 0.9;
    meter.value = rows[k].share === null ? 1 : rows[k].share;
    meter.setAttribute("aria-hidden", "true");
  });
}

// ---- the price

let chart = null;
function makeChart() {
  const P = Bokeh.Plotting, empty = { time: [], bid: [], ask: [] };
  const quotes = new Bokeh.ColumnDataSource({ data: empty });
  const buys = new Bokeh.ColumnDataSource({ data: { time: [], price: [] } });
  const sells = new Bokeh.ColumnDataSource({ data: { time: [], price: [] } });
  const fig = P.figure({
    height: 250, sizing_mode: "stretch_width", x_axis_type: "datetime", x_axis_label: "time (UTC)", y_axis_label: "price ($)",
    tools: "xpan,xwheel_zoom,reset", toolbar_location: null, background_fill_alpha: 0, border_fill_alpha: 0,
  });
  const line = (field, color, dash) => fig.step({ field: "time" }, { field }, "after", {
    source: quotes, line_color: color, line_dash: dash, line_width: 1.5,
  });
  const bid = line("bid", "#0072b2", "solid"), ask = line("ask", "#d55e00", "dashed");
  fig.scatter({ field: "time" }, { field: "price" }, { source: buys, marker: "triangle", size: 9, fill_color: "#009e73", line_color: null });
  fig.scatter({ field: "time" }, { field: "price" }, { source: sells, marker: "inverted_triangle", size: 9, fill_color: "#cc79a7", line_color: null });
  fig.y_range.range_padding = 0.25;
  Object.assign(fig.below[0].formatter, { milliseconds: "%H:%M:%S.%3N", seconds: "%H:%M:%S", minsec: "%H:%M:%S", minutes: "%H:%M" });
  P.show(fig, $("price"));
  chart = { quotes, buys, sells, fig, bid, ask };
  paint();
}

function paint() {
  if (!chart) return;
  const dark = document.documentElement.classList.contains("dark"), ink = dark ? "#e8ecf1" : "#14181f", line = dark ? "#3a434f" : "#cdd3db";
  for (const axis of [...chart.fig.below, ...chart.fig.left]) {
    axis.axis_label_text_color = axis.major_label_text_color = ink;
    axis.axis_line_color = axis.major_tick_line_color = line;
  }
  for (const grid of chart.fig.center) if ("grid_line_color" in grid) grid.grid_line_color = line;
  chart.fig.outline_line_color = line;
  chart.bid.glyph.line_color = dark ? "#56b4e9" : "#0072b2";
  chart.ask.glyph.line_color = dark ? "#f0a35e" : "#d55e00";
}

function price(s) {
  const at = (s.time_ns || 0) / 1e6;
  for (const [symbol, [bid, ask]] of Object.entries(s.quotes || {})) {
    const row = past.get(symbol) || past.set(symbol, { time: [], bid: [], ask: [] }).get(symbol);
    if (row.time[row.time.length - 1] === at) continue;
    row.time.push(at);
    row.bid.push(bid === null ? NaN : bid);
    row.ask.push(ask === null ? NaN : ask);
    for (const column of Object.values(row)) if (column.length > KEPT) column.shift();
  }
  const symbols = [...new Set([...past.keys(), ...(s.fills || []).map((f) => f.symbol)])].sort(), select = $("symbol");
  if (symbols.join() !== [...select.options].map((o) => o.value).join()) {
    const chosen = select.value;
    select.replaceChildren(...symbols.map((x) => new Option(x, x)));
    if (symbols.includes(chosen)) select.value = chosen;
  }
  if (!select.value) return;
  if (!chart && window.Bokeh && Bokeh.Plotting && past.has(select.value)) makeChart();
  if (!chart) return;
  const row = past.get(select.value) || { time: [], bid: [], ask: [] };
  const since = row.time[0] || 0, mine = (s.fills || []).filter((f) => f.symbol === select.value && f.time_ns / 1e6 >= since - 60000);
  // A quote stands until another is told: the line goes on to whatever is drawn last.
  const end = Math.max(at, ...mine.map((f) => f.time_ns / 1e6)), drawn = { time: [...row.time], bid: [...row.bid], ask: [...row.ask] };
  if (row.time.length && end > row.time[row.time.length - 1]) for (const column of Object.keys(drawn)) drawn[column].push(column === "time" ? end : row[column][row[column].length - 1]);
  chart.quotes.data = drawn;
  for (const [side, source] of [["buy", chart.buys], ["sell", chart.sells]]) {
    const some = mine.filter((f) => f.side === side);
    source.data = { time: some.map((f) => f.time_ns / 1e6), price: some.map((f) => f.price) };
  }
}

// ---- all of it

function show(s) {
  last = s;
  put("engine", s.engine ? "answers" : "does not answer", s.engine ? "good" : "bad");
  if (s.health) {
    put("trading", s.trading_state.toLowerCase() + (s.health.accepting ? "" : ", takes no orders"), s.trading_state === "ACTIVE" && s.health.accepting ? "good" : "bad");
    put("journal", s.health.journal, s.health.journal === "healthy" ? "good" : "bad");
    put("time", clock(s.time_ns));
    figures(s);
  }
  const alerts = (s.alerts || []).map((a) => `${a.severity}: ${a.message} (now ${a.current_value}, limit ${a.limit})`)
    .concat((s.kill_switches || []).map((k) => `Stopped: ${k.scope} (${k.reason}). The switch is named ${k.name}`));
  if (alerts.join() !== $("alerts").dataset.shown) {
    $("alerts").dataset.shown = alerts.join();
    list($("alerts"), alerts.length ? alerts : ["No alerts stand."], "p", alerts.length ? "alert" : "quiet");
  }
  const now = s.time_ns || 0, orders = s.orders || [];
  put("count", `${orders.length}${orders.length === 50 ? " newest" : ""}`, "quiet");
  table("live", orders.map((o) => [o.order_id, o.symbol, o.side, [number(o.quantity), "n"], [number(o.filled_quantity), "n"],
    [number(o.average_price, 4), "n"], o.status, o.algorithm || "", o.venue || "", [number(Math.max(0, now - o.created_ns) / 1e9, 1), "n"]]));
  table("ended", (s.ended || []).map((o) => [o.order_id, o.symbol, o.side, [`${number(o.filled_quantity)} of ${number(o.quantity)}`, "n"],
    [number(o.average_price, 4), "n"], o.status]));
  table("venues", Object.entries(s.venues || {}).map(([name, v]) => [name, v.kind, [number(v.orders || 0), "n"], [number(v.fills || 0), "n"],
    [number(v.rejects || 0), "n"], [number(v.latency_ms, 3), "n"], v.out ? [v.out.state === "open" ? "out" : "probing", "bad"] : v.enabled ? ["in", "good"] : ["disabled", "quiet"]]));
  table("latency", Object.entries(s.latency || {}).map(([name, r]) => [name, ...["p50", "p99", "p99.9"].map((q) => [r[q] == null ? "n/a" : number(r[q] / 1000, 2), "n"]), [number(r.count), "n"]]));
  limits(s.utilisation || []);
  const told = (s.events || []).map((e) => [e.time_ns, `${e.event} ${e.name || e.target || ""} ${e.reason || ""}`])
    .concat((s.refusals || []).map((r) => [r.time_ns, `refused: ${r.side || ""} ${r.quantity} ${r.symbol || ""}, ${r.reason_text}${r.failed_checks.length ? ": " + r.failed_checks.join(", ") : ""}`]))
    .sort((a, b) => b[0] - a[0]).slice(0, 20).map(([t, text]) => `${clock(t)} ${text}`);
  list($("events"), told.length ? told : ["Nothing yet."], "li", told.length ? "" : "quiet");
  parents(s);
  price(s);
  document.body.dataset.version = s.version;
}

function theme(dark) {
  document.documentElement.classList.toggle("dark", dark);
  $("theme").setAttribute("aria-pressed", dark);
  paint();
}

document.addEventListener("DOMContentLoaded", () => {
  theme(matchMedia("(prefers-color-scheme: dark)").matches);
  $("theme").addEventListener("click", () => theme(!document.documentElement.classList.contains("dark")));
  $("hold").addEventListener("click", () => {
    held = !held;
    $("hold").setAttribute("aria-pressed", held);
    $("hold").textContent = held ? "Go on" : "Hold";
  });
  $("symbol").addEventListener("change", () => last && price(last));
  if (!window.Bokeh || !Bokeh.Plotting) $("price").textContent = "The chart needs Bokeh, which is not installed.";
  const stream = new EventSource("/execution/stream");
  stream.addEventListener("state", (event) => { if (!held) show(JSON.parse(event.data)); });
  stream.onerror = () => put("engine", "the service does not answer", "bad");
});
