// How the charts of a page are drawn: colours of the theme, spans, curves, clouds, labels.
const dashes = [[], [6, 3], [2, 2], [8, 3, 2, 3]];

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
