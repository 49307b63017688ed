// Buttons that copy: shown here, since they do nothing without a script.

const SAID_MS = 2000;

function offer(root) {
  if (!navigator.clipboard) return;
  for (const button of root.querySelectorAll("[data-copy][hidden]")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
}

async function copy(button) {
  const from = document.getElementById(button.dataset.copy);
  await navigator.clipboard.writeText(from.value ?? from.textContent);
  const said = button.querySelector("[data-said]");
  const before = said.textContent;
  said.textContent = said.dataset.said;
  button.setAttribute("aria-live", "polite");
  setTimeout(() => { said.textContent = before; }, SAID_MS);
}

offer(document);
// What htmx or a live part has put in place is like what came with the page.
for (const event of ["htmx:load", "monoize:replaced"]) {
  document.addEventListener(event, ({ target }) => offer(target));
}
