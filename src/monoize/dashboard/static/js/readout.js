// Charts that are read point by point: where the pointer is, or with the arrow keys. What is said stands in the chart's own
// table, so nothing is sent twice. Without this script the pointer still finds the title of each column.

const STEPS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, Home: -Infinity, End: Infinity };

const plotOf = (target) => target.closest?.(".chart [role=slider]");
const columnsOf = (plot) => [...plot.querySelectorAll(".column")];

function offer(root) {
  for (const plot of root.querySelectorAll(".chart .plot > svg[role=img]")) {
    const columns = columnsOf(plot);
    // The browser would say the same again beside ours.
    for (const title of plot.querySelectorAll("title")) title.remove();
    plot.setAttribute("role", "slider");
    plot.setAttribute("tabindex", "0");
    plot.setAttribute("aria-valuemin", "1");
    plot.setAttribute("aria-valuemax", columns.length);
    plot.setAttribute("aria-valuenow", columns.length);
    plot.setAttribute("aria-valuetext", said(plot, columns.length - 1));
  }
}

function row(plot, at) {
  const table = plot.closest("figure").querySelector("details table");
  const names = [...table.tHead.querySelectorAll("th")].map((name) => name.textContent);
  const [label, ...values] = [...table.tBodies[0].rows[at].cells].map((cell) => cell.textContent);
  return { label, pairs: values.map((value, number) => [names[number], value]) };
}

function said(plot, at) {
  const { label, pairs } = row(plot, at);
  return `${label}: ${pairs.map((pair) => pair.join(" ")).join(", ")}`;
}

function read(plot, at) {
  const columns = columnsOf(plot);
  if (columns[at].classList.contains("read")) return;
  forget(plot);
  columns[at].classList.add("read");
  plot.setAttribute("aria-valuenow", at + 1);
  plot.setAttribute("aria-valuetext", said(plot, at));
  plot.parentElement.append(box(plot, at, at < columns.length / 2 ? "right" : "left"));
}

function box(plot, at, side) {
  const { label, pairs } = row(plot, at);
  const colours = plot.closest("figure").querySelectorAll(".legend svg");
  const shown = document.createElement("div");
  shown.className = "readout";
  shown.dataset.side = side;
  // The slider says it to whoever listens.
  shown.setAttribute("aria-hidden", "true");
  const heading = document.createElement("strong");
  heading.textContent = label;
  shown.append(heading);
  pairs.forEach(([name, value], number) => {
    const line = document.createElement("span");
    if (colours[number]) line.append(colours[number].cloneNode(true));
    line.append(name, Object.assign(document.createElement("b"), { textContent: value }));
    shown.append(line);
  });
  return shown;
}

function forget(plot) {
  plot.parentElement.querySelector(".readout")?.remove();
  plot.querySelector(".column.read")?.classList.remove("read");
}

for (const moved of ["pointermove", "pointerdown"]) {
  document.addEventListener(moved, ({ target, clientX }) => {
    const plot = plotOf(target);
    if (!plot) return;
    const { left, width } = plot.getBoundingClientRect();
    const count = columnsOf(plot).length;
    read(plot, Math.min(count - 1, Math.max(0, Math.floor((count * (clientX - left)) / width))));
  });
}

document.addEventListener("pointerout", ({ target, relatedTarget }) => {
  const plot = plotOf(target);
  if (plot && !plot.contains(relatedTarget)) forget(plot);
});

document.addEventListener("focusin", ({ target }) => {
  if (plotOf(target) === target && target.matches(":focus-visible")) read(target, target.getAttribute("aria-valuenow") - 1);
});

document.addEventListener("focusout", ({ target }) => {
  if (plotOf(target) === target) forget(target);
});

document.addEventListener("keydown", (event) => {
  const plot = plotOf(event.target);
  if (!plot) return;
  if (event.key === "Escape") return forget(plot);
  const step = STEPS[event.key];
  if (!step) return;
  event.preventDefault();
  const last = columnsOf(plot).length - 1;
  read(plot, Math.min(last, Math.max(0, plot.getAttribute("aria-valuenow") - 1 + step)));
});

offer(document);
// What a live part has put in place is like what came with the page.
document.addEventListener("monoize:replaced", ({ target }) => offer(target));
