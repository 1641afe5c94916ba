// What the charts of a page are made of: data, axes, and what the cursor reads. Drawing is in draw.js.
const specs = JSON.parse(document.getElementById("data").textContent);
const heights = {course: 150, curve: 300};
const charts = []; // each with its uPlot and what it draws

function digits(v) {
  if (v == null) return "–";
  const size = Math.abs(v);
  if (size >= 1000) return Math.round(v).toLocaleString("en-US");
  return String(Number(v.toPrecision(3)));
}
function percentile(x) { return Number((100 * (1 - 1 / x)).toPrecision(6)) + "%"; }
function valueX(spec, x) {
  if (spec.x.scale === "tail") return percentile(x);
  return digits(x);
}

// nearest is the index of the value of a sorted list that is next to x.
function nearest(list, x) {
  let lo = 0, hi = list.length - 1;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (list[mid] < x) lo = mid + 1; else hi = mid;
  }
  return lo > 0 && x - list[lo - 1] < list[lo] - x ? lo - 1 : lo;
}

// table is a series as uPlot wants it: sorted by x, with a null where it lands on failures, for the range alone.
function table(s) {
  const points = s.x.map((x, i) => [x, s.y[i]]).concat((s.failed || []).map((x) => [x, null]));
  points.sort((a, b) => a[0] - b[0]);
  return [points.map((p) => p[0]), points.map((p) => p[1])];
}

function rangeX(spec) {
  return (u, min, max) => {
    if (min == null) return [0, 1];
    switch (spec.x.scale) {
      case "tail": return [1, Math.max(max, 10)];
      case "log2": case "log10": return [min / 1.15, max * 1.15];
    }
    if (spec.course) return min === u.data[0][0] && max === u.data[0][u.data[0].length - 1] ? [spec.x.lo || 0, spec.x.hi + (spec.x.hi > (spec.x.lo || 0) ? 0 : 1)] : [min, max];
    if (min >= 0 && max - min < 0.2 * max) return [0, max * 1.08]; // magnified, such a stretch would pass noise for a finding
    const margin = (max - min) * 0.06 || 1;
    return [min - margin, max + margin];
  };
}

function rangeY(spec) {
  return (u, min, max) => {
    if (min == null) return spec.y.scale ? [1, 10] : [0, 1];
    if (spec.y.scale) return uPlot.rangeLog(min, max * 1.1, 10, false);
    if (spec.y.zero || (min >= 0 && max - min < 0.2 * max)) return [Math.min(0, min), max * (spec.first && spec.spans ? 1.3 : 1.12) || 1]; // with room for the stages' names
    const margin = (max - min) * 0.08 || 1;
    return [min - margin, max + margin];
  };
}

function axis(spec, of, side) {
  const a = {
    stroke: () => color("muted"), font: "11px " + getComputedStyle(document.body).fontFamily,
    labelFont: "11px " + getComputedStyle(document.body).fontFamily, labelSize: 18, labelGap: 0,
    grid: {stroke: () => color("grid"), width: 1}, ticks: {stroke: () => color("grid"), width: 1, size: 4},
    values: (u, splits) => splits.map((v) => (v == null ? "" : digits(v))),
  };
  if (side === 3) {
    a.side = 3;
    a.size = 56; // over time the same for all, that their axes lie below each other
    if (spec.course) { a.space = 26; return a; }
    a.size = (u, values) => 12 + 6.5 * Math.max(2, ...(values || []).map((v) => v.length));
    a.label = of.label;
    return a;
  }
  a.size = 26;
  if (!spec.course || spec.last) a.label = of.label;
  if (of.scale === "tail") {
    a.splits = (u) => [1, 2, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7].filter((v) => v <= u.scales.x.max);
    a.filter = (u, splits) => splits;
    a.values = (u, splits) => splits.map(percentile);
  } else if (of.at) {
    const at = of.at.length <= 12 ? of.at : of.scale === "log2" ? powers(of.at) : null;
    if (!at) return a;
    a.splits = (u) => apart(u, at.filter((v) => v >= u.scales.x.min && v <= u.scales.x.max));
    a.filter = (u, splits) => splits;
  }
  return a;
}

function powers(list) {
  const all = [];
  for (let v = 2 ** Math.floor(Math.log2(list[0])); v <= list[list.length - 1] * 2; v *= 2) all.push(v);
  return all;
}

// apart leaves out what would be written over its neighbour.
function apart(u, at) {
  let last = -Infinity;
  return at.filter((v) => {
    const px = u.valToPos(v, "x");
    if (px - last < 26) return false;
    last = px;
    return true;
  });
}

// A chart over time says beside its title what it shows at the cursor, which all of them share.
function readCourse(u, spec, out) {
  if (u.cursor.left < 0 || u.cursor.left == null) { out.textContent = ""; return; }
  const t = u.posToVal(u.cursor.left, "x"), parts = [t.toFixed(1) + " s"];
  const stage = (spec.spans || []).find((s) => t >= s.from && t <= s.to);
  if (stage) parts.push(stage.name + (stage.faults ? " (faults)" : ""));
  spec.series.forEach((s, i) => {
    if (!u.series[i + 1].show) return;
    const y = s.y[nearest(s.x, t)];
    parts.push((spec.series.length > 1 ? (s.title || s.name) + " " : "") + digits(y) + (spec.y.unit ? " " + spec.y.unit : ""));
  });
  out.textContent = parts.join(" · ");
}

function readCurve(u, spec, tip) {
  const {left, top} = u.cursor;
  let best = 30 * 30, found = null;
  if (left >= 0) {
    spec.series.forEach((s, i) => {
      if (!u.series[i + 1].show) return;
      s.x.forEach((x, k) => {
        if (s.y[k] == null) return;
        const dx = u.valToPos(x, "x") - left, dy = u.valToPos(s.y[k], "y") - top, d = dx * dx + dy * dy;
        if (d < best) { best = d; found = [s, k]; }
      });
    });
  }
  tip.hidden = !found;
  if (!found) return;
  const [s, k] = found;
  const name = (s.title || s.name) + (s.labels && s.labels[k] ? " " + s.labels[k] : "");
  tip.textContent = name + ": " + digits(s.y[k]) + " " + spec.y.label.replace(" (log scale)", "") + " at " + valueX(spec, s.x[k]) + (spec.x.scale === "tail" ? "" : " " + spec.x.label.replace(/ \(.*/, ""));
  const x = u.valToPos(s.x[k], "x"), y = u.valToPos(s.y[k], "y"), wide = u.over.clientWidth;
  tip.style.left = (x > wide / 2 ? Math.max(0, x - tip.offsetWidth - 10) : x + 10) + "px";
  tip.style.top = Math.max(0, y - 30) + "px";
}

// Where the group has no legend, a chart of several lines names them beside its title.
function nameSeries(figure, spec) {
  const title = figure.querySelector("b");
  for (const s of spec.series) {
    const name = document.createElement("span");
    name.className = "c" + s.color;
    name.textContent = (s.marks === "cross" ? " × " : " ● ") + s.name;
    title.append(" ", name);
  }
}

function build(figure) {
  const spec = specs[figure.dataset.chart];
  const holder = figure.querySelector(".plot"), out = figure.querySelector("output");
  const neighbours = figure.parentElement.children;
  spec.first = neighbours[0] === figure;
  spec.last = neighbours[neighbours.length - 1] === figure;
  figure.querySelector("b").textContent = spec.course && spec.y.label !== spec.title ? spec.title + ", " + spec.y.label : spec.title;
  if (spec.course && spec.series.length > 1 && !figure.closest("section").querySelector(".legend")) nameSeries(figure, spec);
  spec.series.forEach((s, i) => { s.x = s.x || spec.series[i - 1].x; });
  const data = uPlot.join(spec.series.map(table));
  const distr = (scale) => (scale ? {distr: 3, log: scale === "log2" ? 2 : 10} : {distr: 1});
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  const series = spec.series.map((s) => ({
    label: s.name, stroke: () => color("c" + s.color), width: 1.4, dash: dashes[s.dash || 0], points: {show: false},
    paths: spec.course && s.line ? undefined : () => null,
  }));
  const u = new uPlot({
    width: holder.clientWidth || 600, height: spec.course ? heights.course + (spec.last ? 18 : 0) : heights.curve,
    legend: {show: false}, padding: [8, 14, 0, 0],
    cursor: {
      y: !spec.course, points: {show: false}, drag: {x: true, y: !spec.course, uni: 20},
      sync: spec.course ? {key: "course", scales: ["x", null]} : undefined,
    },
    scales: {
      x: {time: false, ...distr(spec.x.scale), range: rangeX(spec)},
      y: {...distr(spec.y.scale), range: rangeY(spec)},
    },
    axes: [axis(spec, spec.x, 2), axis(spec, spec.y, 3)],
    series: [{}].concat(series),
    hooks: {
      drawClear: [(u) => drawSpans(u, spec)],
      draw: [(u) => drawAll(u, spec)],
      setCursor: [(u) => (spec.course ? readCourse(u, spec, out) : readCurve(u, spec, tip))],
    },
  }, data, holder);
  u.over.appendChild(tip);
  charts.push({u, spec, holder, group: figure.closest("section")});
}
