// The page around its charts: legends, the list of slow requests, themes, print.
const root = document.documentElement;

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
