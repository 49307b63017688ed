// The command palette: Ctrl-K or Cmd-K opens it, arrows walk through what was found, Escape leaves. htmx asks the server
// while somebody types; where htmx is not there, the same key leads to the search page.

const palette = document.getElementById("palette");
if (palette) {
  const field = palette.querySelector("input");
  const links = () => [...palette.querySelectorAll(".found a")];

  const open = () => {
    if (!window.htmx) return location.assign("/search");
    if (palette.open) return;
    palette.showModal();
    field.select();
    htmx.trigger(field, "palette:open");
  };

  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey) {
      event.preventDefault();
      open();
    }
  });

  for (const opener of document.querySelectorAll("[data-palette]")) {
    opener.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || !window.htmx) return;
      event.preventDefault();
      open();
    });
  }

  palette.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const stops = [field, ...links()];
    stops[(stops.indexOf(document.activeElement) + step + stops.length) % stops.length].focus();
  });

  // Enter takes the first that was found for what stands in the field, not for what stood there before.
  palette.querySelector("form").addEventListener("submit", (event) => {
    const results = palette.querySelector(".results");
    if (results?.dataset.for !== field.value || !links().length) return;
    event.preventDefault();
    links()[0].click();
  });

  palette.addEventListener("htmx:afterSwap", ({ detail }) => {
    detail.target.dataset.for = new URL(detail.xhr.responseURL).searchParams.get("q") ?? "";
  });

  palette.addEventListener("click", (event) => {
    if (event.target === palette) palette.close();
  });
}
