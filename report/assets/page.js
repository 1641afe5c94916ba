"use strict";
(() => {
  const root = document.documentElement;
  const specs = JSON.parse(document.getElementById("data").textContent);
  const dashes = [[], [6, 3], [2, 2], [8, 3, 2, 3]];
  const heights = {course: 150, curve: 300};
  const charts = [];

  // Canvases know no CSS variables: a probe's computed colour is what a variable is in the present theme.
  const probe = document.body.appendChild(document.createElement("i"));
  probe.hidden = true;
  let colors = {};
  function color(name) {
    if (!colors[name]) {
      probe.style.color = "var(--" + name + ")";
      colors[name] = getComputedStyle(probe).color;
    }
    return colors[name];
  }

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

  // The stages' windows lie behind everything; the first chart of a column has room for their names.
  function drawSpans(u, spec) {
    const {left, top, width, height} = u.bbox, ctx = u.ctx;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    ctx.font = 11 * uPlot.pxRatio + "px " + getComputedStyle(document.body).fontFamily;
    ctx.textAlign = "center";
    ctx.textBaseline = "top";
    (spec.spans || []).forEach((span, i) => {
      const from = u.valToPos(span.from, "x", true), to = u.valToPos(span.to, "x", true);
      ctx.fillStyle = color(span.faults ? "fault" : i % 2 ? "span-odd" : "span");
      ctx.fillRect(from, top, to - from, height);
      if (spec.first && ctx.measureText(span.name).width < to - from - 4) {
        ctx.fillStyle = color("muted");
        ctx.fillText(span.name, (from + to) / 2, top + 3 * uPlot.pxRatio);
      }
    });
    ctx.restore();
  }

  function mark(ctx, kind, x, y, r) {
    ctx.beginPath();
    if (kind === "square") ctx.rect(x - r * 0.9, y - r * 0.9, r * 1.8, r * 1.8);
    else if (kind === "triangle") { ctx.moveTo(x, y - r * 1.15); ctx.lineTo(x + r * 1.1, y + r * 0.8); ctx.lineTo(x - r * 1.1, y + r * 0.8); ctx.closePath(); }
    else ctx.arc(x, y, r, 0, 2 * Math.PI);
  }

  function cross(ctx, x, y, r) {
    ctx.beginPath();
    ctx.moveTo(x - r, y - r); ctx.lineTo(x + r, y + r);
    ctx.moveTo(x - r, y + r); ctx.lineTo(x + r, y - r);
    ctx.stroke();
  }

  function drawCloud(u, s) {
    const ctx = u.ctx, half = (s.x.length > 2000 ? 1 : 1.5) * uPlot.pxRatio;
    ctx.globalAlpha = s.marks === "dot" ? 0.65 : 1;
    for (let i = 0; i < s.x.length; i++) {
      const x = u.valToPos(s.x[i], "x", true), y = u.valToPos(s.y[i], "y", true);
      if (s.marks === "dot") ctx.fillRect(x - half, y - half, 2 * half, 2 * half);
      else cross(ctx, x, y, 3 * uPlot.pxRatio);
    }
    ctx.globalAlpha = 1;
  }

  // A curve goes through its points in their order, which on a Pareto curve is that of load, not of x.
  function drawCurve(u, s) {
    const ctx = u.ctx, r = 3.6 * uPlot.pxRatio;
    const place = s.x.map((x, i) => (s.y[i] == null ? null : [u.valToPos(x, "x", true), u.valToPos(s.y[i], "y", true)]));
    if (s.line) {
      ctx.setLineDash(dashes[s.dash || 0].map((d) => d * uPlot.pxRatio));
      ctx.beginPath();
      place.forEach((p, i) => { if (p) { if (i && place[i - 1]) ctx.lineTo(...p); else ctx.moveTo(...p); } });
      ctx.stroke();
      ctx.setLineDash([]);
    }
    if (s.marks) {
      for (const p of place) {
        if (!p) continue;
        mark(ctx, s.marks, p[0], p[1], r);
        ctx.fillStyle = s.hollow ? color("card") : ctx.strokeStyle;
        ctx.fill();
        ctx.stroke();
      }
    }
    for (const x of s.failed || []) {
      const at = u.valToPos(x, "x", true), top = u.bbox.top + 2 * r, last = place[place.length - 1];
      if (s.line && !s.marks && last) { ctx.beginPath(); ctx.moveTo(at, last[1]); ctx.lineTo(at, top); ctx.stroke(); }
      cross(ctx, at, top, r);
    }
  }

  // Labels go where they cover neither a mark nor each other; one for which there is no such place is left out.
  function drawLabels(u, spec) {
    const ctx = u.ctx, px = uPlot.pxRatio, taken = [];
    const shown = spec.series.filter((s, i) => u.series[i + 1].show);
    const free = (b) => b[0] >= u.bbox.left && b[2] <= u.bbox.left + u.bbox.width && b[1] >= u.bbox.top && b[3] <= u.bbox.top + u.bbox.height &&
      !taken.some((t) => b[0] < t[2] && t[0] < b[2] && b[1] < t[3] && t[1] < b[3]);
    for (const s of shown) s.x.forEach((x, i) => { if (s.y[i] != null) { const a = u.valToPos(x, "x", true), b = u.valToPos(s.y[i], "y", true); taken.push([a - 4 * px, b - 4 * px, a + 4 * px, b + 4 * px]); } });
    ctx.font = 11 * px + "px " + getComputedStyle(document.body).fontFamily;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    for (const s of shown) {
      if (!s.labels) continue;
      ctx.fillStyle = color("c" + s.color);
      s.labels.forEach((text, i) => {
        if (!text || s.y[i] == null) return;
        const x = u.valToPos(s.x[i], "x", true), y = u.valToPos(s.y[i], "y", true), w = ctx.measureText(text).width / 2 + px, h = 7 * px;
        for (const [dx, dy] of [[1, -1], [1, 1], [-1, -1], [-1, 1], [1, 0], [-1, 0], [0, -1], [0, 1]]) {
          const cx = x + dx * (w + 6 * px), cy = y + dy * (dx ? 9 : 14) * px, box = [cx - w, cy - h, cx + w, cy + h];
          if (!free(box)) continue;
          ctx.fillText(text, cx, cy);
          taken.push(box);
          return;
        }
      });
    }
  }

  function drawAll(u, spec) {
    const {left, top, width, height} = u.bbox, ctx = u.ctx;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left - 5 * uPlot.pxRatio, top - 5 * uPlot.pxRatio, width + 10 * uPlot.pxRatio, height + 10 * uPlot.pxRatio);
    ctx.clip();
    spec.series.forEach((s, i) => {
      if (!u.series[i + 1].show) return;
      ctx.strokeStyle = ctx.fillStyle = color("c" + s.color);
      ctx.lineWidth = 1.6 * uPlot.pxRatio;
      ctx.lineJoin = "round";
      if (s.marks === "dot" || (spec.course && s.marks === "cross")) drawCloud(u, s);
      else if (!spec.course) drawCurve(u, s);
    });
    drawLabels(u, spec);
    ctx.restore();
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

  function redraw() {
    colors = {};
    for (const c of charts) c.u.redraw(false, true);
  }

  function fit() {
    for (const c of charts) {
      const width = c.holder.clientWidth;
      if (width && width !== c.u.width) c.u.setSize({width, height: c.u.height});
    }
  }

  // A name in a legend switches its series on and off, in all charts below it.
  function wireLegend(item) {
    const own = charts.filter((c) => c.group.contains(item) && c.spec.series.some((s) => s.name === item.dataset.name));
    if (own.length === 0) return;
    item.setAttribute("role", "button");
    item.setAttribute("aria-pressed", "true");
    item.tabIndex = 0;
    const toggle = () => {
      const show = item.getAttribute("aria-pressed") !== "true";
      item.setAttribute("aria-pressed", String(show));
      for (const c of own) c.spec.series.forEach((s, i) => { if (s.name === item.dataset.name) c.u.setSeries(i + 1, {show}); });
    };
    item.addEventListener("click", toggle);
    item.addEventListener("keydown", (e) => { if (e.key === "Enter" || e.key === " ") { e.preventDefault(); toggle(); } });
  }

  function wireSlow(list) {
    const select = list.querySelector("select");
    select.parentElement.hidden = select.options.length < 3;
    select.addEventListener("change", () => {
      const option = select.selectedOptions[0];
      list.querySelector(".span").textContent = option.dataset.span;
      for (const row of list.querySelectorAll("details")) {
        row.hidden = select.value === "0" ? row.dataset.top === undefined : row.dataset.stage !== select.value;
        row.querySelector("svg").setAttribute("viewBox", "0 0 " + option.dataset.width + " 20");
      }
    });
  }

  function wireTheme() {
    const button = document.getElementById("theme"), system = matchMedia("(prefers-color-scheme: dark)");
    const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
    const name = () => { button.textContent = dark() ? "light" : "dark"; };
    button.hidden = false;
    button.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; name(); redraw(); });
    system.addEventListener("change", () => { name(); redraw(); });
    name();
  }

  // Paper is light and narrow: the charts are drawn again for it, and back again.
  function wirePrint() {
    let before = null;
    addEventListener("beforeprint", () => {
      before = root.dataset.theme || "";
      root.dataset.theme = "light";
      for (const c of charts) {
        const beside = c.spec.course ? 1 : c.group.querySelectorAll("figure").length;
        c.u.setSize({width: beside === 1 ? 700 : beside === 2 ? 340 : 225, height: c.spec.course ? 110 : 230});
      }
      redraw();
    });
    addEventListener("afterprint", () => {
      if (before) root.dataset.theme = before; else delete root.dataset.theme;
      for (const c of charts) c.u.setSize({width: c.holder.clientWidth, height: c.spec.course ? heights.course + (c.spec.last ? 18 : 0) : heights.curve});
      redraw();
    });
  }

  performance.mark("begun");
  document.querySelectorAll("figure[data-chart]").forEach(build);
  queueMicrotask(() => performance.measure("drawn", "begun")); // after uPlot's own, in which it draws
  document.querySelectorAll(".legend li[data-name]").forEach(wireLegend);
  document.querySelectorAll(".slow").forEach(wireSlow);
  wireTheme();
  wirePrint();
  new ResizeObserver(() => requestAnimationFrame(fit)).observe(document.querySelector("main"));
  window.charts = charts; // for a console: every chart's uPlot and what it draws
})();
