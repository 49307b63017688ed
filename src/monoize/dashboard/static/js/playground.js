// What the playground shows while its form is filled in: the price of each model, and the request as it would be sent.

const PAUSE_MS = 300;

const form = document.querySelector("form[data-conversation]");
const requests = form.querySelector("[data-requests]");
const fold = requests.closest("details");
let waiting = 0;
let asked = 0;

for (const name of ["model", "other_model"]) {
  const field = form.elements[name];
  const hint = document.getElementById(`${name}-hint`);
  const otherwise = name === "model" ? "One that you may use" : "Asked the same at the same time";
  field.addEventListener("input", () => {
    const offers = [...document.getElementById("models").options];
    hint.textContent = offers.find((offer) => offer.value === field.value.trim())?.textContent ?? otherwise;
  });
}

async function showRequests() {
  const mine = ++asked;
  const answer = await fetch("/playground/request", { method: "POST", body: new URLSearchParams(new FormData(form)) });
  const html = await answer.text();
  // A later question may have been answered before.
  if (!answer.ok || mine !== asked) return;
  requests.innerHTML = html;
  requests.dispatchEvent(new CustomEvent("monoize:replaced", { bubbles: true }));
}

function refresh() {
  clearTimeout(waiting);
  if (fold.open) waiting = setTimeout(showRequests, PAUSE_MS);
}

form.addEventListener("input", refresh);
fold.addEventListener("toggle", refresh);
// The button is for whoever has no script: here the request keeps up by itself.
requests.nextElementSibling.hidden = true;
