(() => {
"use strict";
const $ = id => document.getElementById(id), D = JSON.parse($("data").textContent), C = D.columns, N = C.id.length;
const root = document.documentElement, ROW = 28;
const num = (v, d = 2, sign = false) => v == null ? "n/a" : (sign && v >= 0 ? "+" : "") + v.toLocaleString("en-US", {minimumFractionDigits: d, maximumFractionDigits: d});
const bps = v => num(v == null ? null : v / 100, 2, true);
const clock = (ms, digits = 0) => new Date(D.t0 + ms).toISOString().slice(11, digits ? 12 + 7 + digits : 19);
let doc = null, chosen = -1;

// ---- light and dark
const asked = matchMedia("(prefers-color-scheme: dark)");
let theme = null;
function paint(name) {
  root.dataset.theme = name;
  if (!doc) return;
  const ink = getComputedStyle(root).getPropertyValue("--ink").trim(), line = getComputedStyle(root).getPropertyValue("--line").trim();
  for (const figure of doc.roots()) {
    figure.setv({background_fill_color: null, border_fill_color: null, outline_line_color: line});
    if (figure.title && figure.title.setv) figure.title.setv({text_color: ink});
    for (const part of [...figure.above, ...figure.below, ...figure.left, ...figure.right, ...figure.center]) {
      if ("axis_label" in part) part.setv({axis_label_text_color: ink, major_label_text_color: ink, axis_line_color: ink, major_tick_line_color: ink, minor_tick_line_color: null});
      else if ("grid_line_color" in part) part.setv({grid_line_color: line, grid_line_alpha: .6});
      else if (part.name === "ink") part.setv({line_color: ink});
    }
    for (const r of figure.renderers) if (r.glyph && r.glyph.type === "Text") r.glyph.setv({text_color: ink});
  }
}
const current = () => theme ?? (asked.matches ? "dark" : "light");
asked.addEventListener("change", () => paint(current()));
$("theme").addEventListener("click", () => paint(theme = current() === "dark" ? "light" : "dark"));
addEventListener("beforeprint", () => paint("light"));
addEventListener("afterprint", () => paint(current()));
const printing = matchMedia("print");
printing.addEventListener("change", () => paint(printing.matches ? "light" : current()));

// ---- every order a row
const word = (key, from) => ({get: i => D.names[from][C[key][i]], text: true});
const COLUMNS = [
  ["order", {get: i => C.id[i]}], ["time", {get: i => C.t[i], show: i => clock(C.t[i])}],
  ["side", {get: i => C.side[i] ? "buy" : "sell", text: true}], ["symbol", word("symbol", "symbol")],
  ["how", word("how", "how")], ["strategy", word("strategy", "strategy")],
  ["shares", {get: i => C.quantity[i], show: i => num(C.quantity[i], 0)}],
  ["filled", {get: i => C.filled[i] / C.quantity[i], show: i => num(100 * C.filled[i] / C.quantity[i], 0) + " %"}],
  ["average", {get: i => C.average[i], show: i => num(C.average[i], 4)}],
  ...["total", "delay", "spread", "move", "opp", "fees", "vwap", "m1"].map(k => [
    {opp: "not filled", vwap: "vs VWAP", m1: "markout 1 min"}[k] ?? k,
    {get: i => C[k][i] == null ? null : C[k][i] / 100, show: i => bps(C[k][i]), key: k}]),
  ["money", {get: i => C.money[i], show: i => num(C.money[i], 2, true)}],
  ["status", word("status", "status")], ["odd", {get: i => D.names.odd[C.odd[i]], text: true}],
].map(([name, c]) => ({name, show: c.show ?? (i => String(c.get(i))), ...c}));
const COSTS = COLUMNS.findIndex(c => c.name === "money");
const grid = $("grid"), table = grid.querySelector("table"), body = table.tBodies[0], head = table.tHead.rows[0], sizer = grid.querySelector("div");
let rows = [], at = 0, key = COSTS, down = true;

for (const [k, column] of COLUMNS.entries()) {
  const th = document.createElement("th"), button = document.createElement("button");
  th.scope = "col"; th.className = column.text ? "left" : ""; button.type = "button"; button.textContent = column.name;
  button.addEventListener("click", () => { down = key === k ? !down : !column.text; key = k; arrange(); });
  th.append(button); head.append(th);
}
function wanted(text) {
  const tests = text.toLowerCase().split(/\s+/).filter(Boolean).map(token => {
    const m = /^([a-z_]+)(>=|<=|>|<|=|:)(.+)$/.exec(token);
    const column = m && COLUMNS.find(c => c.name.replace(/\W/g, "").toLowerCase() === m[1] || c.key === m[1]);
    if (column && !column.text && m[2] !== ":" && !isNaN(m[3])) {
      const value = Number(m[3]), compare = {">": (a, b) => a > b, "<": (a, b) => a < b, ">=": (a, b) => a >= b, "<=": (a, b) => a <= b, "=": (a, b) => a === b}[m[2]];
      return i => { const v = column.get(i); return v != null && compare(v, value); };
    }
    if (column) return i => String(column.get(i)).toLowerCase().includes(m[3]);
    const sets = ["symbol", "how", "strategy", "status", "odd"].map(n => [n, D.names[n].map(t => t.toLowerCase().includes(token))]);
    return i => String(C.id[i]) === token || (C.side[i] ? "buy" : "sell") === token || sets.some(([n, hit]) => hit[C[n][i]]);
  });
  const out = [];
  for (let i = 0; i < N; i++) if (tests.every(test => test(i))) out.push(i);
  return out;
}
function arrange() {
  const column = COLUMNS[key], values = new Map();
  rows = wanted($("filter").value);
  for (const i of rows) values.set(i, column.get(i));
  const sign = down ? -1 : 1;
  rows.sort((a, b) => {
    const x = values.get(a), y = values.get(b);
    if (x == null || y == null) return x == null && y == null ? a - b : x == null ? 1 : -1;  // what is not known stands last
    return x === y ? a - b : (x < y ? -1 : 1) * sign;
  });
  [...head.cells].forEach((th, k) => {
    if (k === key) th.setAttribute("aria-sort", down ? "descending" : "ascending"); else th.removeAttribute("aria-sort");
    th.firstChild.textContent = COLUMNS[k].name + (k === key ? (down ? " \u25BC" : " \u25B2") : "");
  });
  table.setAttribute("aria-rowcount", rows.length + 1);
  $("count").textContent = rows.length === N ? `${N.toLocaleString("en-US")} orders` : `${rows.length.toLocaleString("en-US")} of ${N.toLocaleString("en-US")} orders`;
  at = 0; grid.scrollTop = 0; grid.style.height = Math.min(430, Math.max(120, rows.length * ROW + head.offsetHeight + 22)) + "px"; show();
}
function show() {
  const first = Math.max(0, Math.floor(grid.scrollTop / ROW) - 4), last = Math.min(rows.length, first + Math.ceil(grid.clientHeight / ROW) + 8);
  sizer.style.height = rows.length * ROW + head.offsetHeight + "px";
  table.style.top = first * ROW + "px";
  const made = document.createDocumentFragment();
  for (let r = first; r < last; r++) {
    const i = rows[r], tr = document.createElement("tr");
    tr.id = "r" + r; tr.setAttribute("aria-rowindex", r + 2); tr.setAttribute("aria-selected", i === chosen);
    if (r === at) tr.className = "at";
    tr.addEventListener("click", () => { at = r; open(i); });
    for (const column of COLUMNS) {
      const td = document.createElement("td");
      td.textContent = column.show(i); if (column.text) td.className = "left";
      tr.append(td);
    }
    made.append(tr);
  }
  body.replaceChildren(made);
  grid.setAttribute("aria-activedescendant", "r" + at);
}
let due = 0;
grid.addEventListener("scroll", () => { cancelAnimationFrame(due); due = requestAnimationFrame(show); });
grid.addEventListener("keydown", e => {
  if (e.target !== grid) return;
  const page = Math.max(1, Math.floor(grid.clientHeight / ROW) - 2);
  const to = {ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: rows.length - 1}[e.key];
  if (to !== undefined) {
    at = Math.max(0, Math.min(rows.length - 1, to));
    const y = at * ROW, seen = grid.clientHeight - head.offsetHeight - ROW;
    if (y < grid.scrollTop) grid.scrollTop = y; else if (y > grid.scrollTop + seen) grid.scrollTop = y - seen;
    show(); e.preventDefault();
  } else if ((e.key === "Enter" || e.key === " ") && rows.length) { open(rows[at]); e.preventDefault(); }
});
let typing = 0;
$("filter").addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(arrange, 120); });

// ---- the order that is looked at
function list(target, pairs) {
  target.replaceChildren(...pairs.flatMap(([name, value]) => {
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = name; dd.textContent = value; return [dt, dd];
  }));
}
function open(i) {
  chosen = i;
  const id = C.id[i], pic = D.pictures[id], how = D.names.how[C.how[i]];
  $("order-title").textContent = `Order ${id}: ${C.side[i] ? "buy" : "sell"} ${num(C.quantity[i], 0)} ${D.names.symbol[C.symbol[i]]}, ${how}, ${D.names.status[C.status[i]].toLowerCase()}`;
  list($("parts-of"), ["total", "delay", "spread", "move", "opp", "fees"].map(k => [{opp: "not filled"}[k] ?? k, bps(C[k][i]) + (C[k][i] == null ? "" : " bps")]).concat([["total, money", num(C.money[i], 2, true)]]));
  list($("prices-of"), [["decided", clock(C.t[i])], ["filled", `${num(C.filled[i], 0)} (${num(100 * C.filled[i] / C.quantity[i], 0)} %)`], ["average price", num(C.average[i], 4)],
    ...(pic ? pic.prices.map(([name, value]) => [name, typeof value === "string" ? value : num(value, 4)]) : []), ["strategy", D.names.strategy[C.strategy[i]]]]);
  list($("against-of"), [["against interval VWAP", bps(C.vwap[i]) + (C.vwap[i] == null ? "" : " bps")], ["markout 1 min", bps(C.m1[i]) + (C.m1[i] == null ? "" : " bps")],
    ...(pic ? pic.more.map(([name, value]) => [name, value]) : []), ["odd", D.names.odd[C.odd[i]] || "nothing"]]);
  $("order-charts").hidden = !pic;
  $("order-none").hidden = !!pic;
  $("order-command").textContent = `gmexec tca ${D.journal} --order ${id} --html order-${id}.html`;
  if (pic && doc) draw(i, pic);
  show();
}
const source = name => doc.get_model_by_name(name);
function draw(i, pic) {
  const T = ms => D.t0 + C.t[i] + ms, P = v => (pic.base + v) * pic.unit, [qt, qb, qa] = pic.quotes, [ft, fp, fq, fl, fv] = pic.fills;
  const begin = T(pic.from), end = T(pic.to), brief = pic.end < (pic.to - pic.from) / 50, q = C.quantity[i], biggest = Math.max(1, ...fq);
  source("quote").data = {t: qt.map(T), bid: qb.map(P), ask: qa.map(P)};
  const shapes = ["square", "circle", "triangle", "diamond", "diamond", "star"], colors = ["#57606a", "#0072B2", "#D55E00", "#009E73", "#009E73", "#E69F00"];
  const kinds = ["", "added", "removed", "hidden", "midpoint", "auction"];
  source("fills").data = {t: ft.map(T), price: fp.map(P), size: fq.map(v => 6 + 10 * Math.sqrt(v / biggest)), shape: fl.map(l => shapes[l]), color: fl.map(l => colors[l]),
    text: ft.map((t, k) => `${num(fq[k], 0)} @ ${num(P(fp[k]), 4)}, ${D.names.venue[fv[k]]}, ${kinds[fl[k]]} liquidity, ${clock(C.t[i] + t, 3)}`)};
  for (const [name, value] of [["decision", pic.decision], ["average", C.average[i]], ["vwap", pic.vwap]])
    source(name).data = value == null ? {t0: [], t1: [], price: []} : {t0: [brief ? begin : T(0)], t1: [brief ? end : T(pic.end)], price: [value]};
  let sum = 0;
  source("done").data = {t: [T(0), ...ft.map(T), end], done: [0, ...fq.map(v => sum += v), sum]};
  source("pace").data = {t: [T(0), T(pic.end)], done: [0, q]};
  const price = doc.get_model_by_name("price");
  price.x_range.setv({start: begin, end});
  const low = Math.min(...qb.map(P), ...fp.map(P)), high = Math.max(...qa.map(P), ...fp.map(P)), pad = (high - low || high * 1e-4 || 1) * .15;
  price.y_range.setv({start: low - pad, end: high + pad});
  doc.get_model_by_name("schedule").y_range.setv({start: 0, end: q * 1.06});
}

function begin() {
  if (!window.Bokeh || !Bokeh.documents.length || !Bokeh.documents[0].get_model_by_name("price")) return setTimeout(begin, 20);
  doc = Bokeh.documents[0];
  paint(printing.matches ? "light" : current());
  arrange();
  if (rows.length) { const first = D.first == null ? rows[0] : C.id.indexOf(D.first); at = Math.max(0, rows.indexOf(first)); open(first); }
  root.dataset.ready = "yes";
}
paint(current());
begin();
})();
