// Rows that can be dragged into another order, which is then posted by the form #order. Whoever uses no pointer has the
// arrows of each row, which do the same one step at a time.

const form = document.getElementById("order");
const rows = () => [...document.querySelectorAll("[data-order]")];

if (form) {
  const order = form.elements.order;
  const before = rows().map((row) => row.dataset.order);
  let dragged = null;

  for (const row of rows()) {
    row.draggable = true;
    row.addEventListener("dragstart", (event) => {
      dragged = row;
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", row.dataset.order);
    });
    row.addEventListener("dragover", (event) => {
      if (!dragged || dragged === row) return;
      event.preventDefault();
      const { top, height } = row.getBoundingClientRect();
      row[event.clientY < top + height / 2 ? "before" : "after"](dragged);
    });
    row.addEventListener("drop", (event) => event.preventDefault());
    row.addEventListener("dragend", () => {
      dragged = null;
      const after = rows().map((each) => each.dataset.order);
      if (after.join() === before.join()) return;
      // Those of other pages keep their places; the ones shown here share theirs out anew.
      const shown = new Set(after);
      const next = after.values();
      order.value = order.value.split(" ").map((id) => (shown.has(id) ? next.next().value : id)).join(" ");
      form.requestSubmit();
    });
  }
}
