// Conversations whose answers are read while they come: the form is posted for each side by itself, to the address in its
// data-conversation and /stream/NUMBER, and answered as a stream of events. Each has JSON: more of the "text", of a
// "thought", the name of a tool in a "call", and at the "end" the side as HTML, which is put in place of what was shown.
// Whatever else comes back is a refusal that the server says better: then the form is posted as it is without a script.

const form = document.querySelector("form[data-conversation]");
const composer = form.querySelector(".composer");

class Side {
  constructor(slot) {
    this.slot = slot;
    this.number = slot.dataset.side;
  }

  get name() {
    const { name, field } = this.slot.dataset;
    return name ?? form.elements[field].value.trim();
  }

  get waits() {
    return this.slot.querySelector("[data-waits]") !== null;
  }

  // Whether it was asked; false where the server refused before anybody was asked.
  async ask(signal) {
    const sent = new URLSearchParams(new FormData(form));
    this.heard = "";
    this.requestId = "";
    try {
      const answer = await post(`stream/${this.number}`, sent, signal);
      if (!answer.headers.get("content-type")?.startsWith("text/event-stream")) return false;
      this.begin(sent.get("prompt"));
      // What is typed from now on is the next prompt.
      if (form.elements.prompt.value === sent.get("prompt")) form.elements.prompt.value = "";
      for await (const { event, data } of eventsOf(answer.body)) this.take(event, data);
      if (this.slot.querySelector(".under-way")) throw new TypeError("the connection was lost");
    } catch (problem) {
      if (problem.name !== "AbortError" && !(problem instanceof TypeError)) throw problem;
      await this.leave(sent);
    }
    return true;
  }

  begin(prompt) {
    if (!this.slot.querySelector(".side")) this.slot.replaceChildren(copyOf("new-side"));
    for (const old of this.slot.querySelectorAll("[data-passing]")) old.remove();
    this.slot.querySelector("h2").textContent = this.name;
    const turns = this.slot.querySelector(".turns");
    if (prompt.trim()) {
      const said = copyOf("new-said");
      said.querySelector(".words").textContent = prompt.trim();
      turns.append(said);
    }
    const answer = copyOf("new-answer");
    answer.querySelector(".who").textContent = this.name;
    turns.append(answer);
    this.words = turns.querySelector(".under-way > .words");
    this.thought = turns.querySelector(".under-way .thought");
    this.calls = turns.querySelector(".under-way .calls");
    composer.scrollIntoView({ block: "nearest" });
  }

  take(event, data) {
    switch (event) {
      case "begun":
        this.requestId = data;
        break;
      case "text":
        this.heard += data;
        following(() => this.words.append(data));
        break;
      case "thought":
        this.thought.hidden = false;
        this.thought.querySelector(".words").append(data);
        break;
      case "call":
        this.calls.hidden = false;
        this.calls.append(`calls ${data} … `);
        break;
      case "end":
        this.show(data);
    }
  }

  // The provider was told to stop when the connection was closed; the server says what it came to.
  async leave(sent) {
    sent.set("heard", this.heard);
    sent.set("request_id", this.requestId);
    try {
      const answer = await post(`stopped/${this.number}`, sent);
      if (answer.ok) return this.show(await answer.text());
    } catch {
      // Said below: the server does not answer.
    }
    this.fail("The connection was lost. Load the page again.");
  }

  fail(words) {
    if (!this.slot.querySelector(".under-way")) this.begin("");
    this.slot.querySelector(".under-way .status").textContent = words;
  }

  show(html) {
    following(() => { this.slot.innerHTML = html; });
    this.slot.dispatchEvent(new CustomEvent("monoize:replaced", { bubbles: true }));
  }

  get outcome() {
    return this.slot.querySelector("[data-outcome]")?.dataset.outcome ?? "";
  }
}

class Conversation {
  constructor() {
    this.sides = [...form.querySelectorAll("[data-side]")].map((slot) => new Side(slot));
    this.prompt = form.elements.prompt;
    this.askButton = form.querySelector("[data-ask]");
    this.stopButton = form.querySelector("[data-stop]");
    this.announcement = form.querySelector("[data-announce]");
    this.stopping = null;
    form.querySelector("[data-keys]").hidden = false;
    form.addEventListener("submit", (event) => this.submit(event));
    form.addEventListener("keydown", (event) => this.press(event));
    this.stopButton.addEventListener("click", () => this.stop());
  }

  press(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit(this.askButton);
    } else if (event.key === "Escape" && this.stopping) {
      this.stop();
    }
  }

  stop() {
    this.stopping?.abort();
  }

  async submit(event) {
    if (event.submitter !== this.askButton) return;
    if (this.stopping) return event.preventDefault();
    const named = this.sides.filter((side) => side.name);
    const asked = this.prompt.value.trim() ? named : named.filter((side) => side.waits);
    if (!asked.length) return;
    event.preventDefault();
    this.stopping = new AbortController();
    this.showBusy(true);
    this.say("Asked.");
    const prompt = this.prompt.value;
    for (const side of this.sides) if (!side.name) side.slot.replaceChildren();
    const wereAsked = await Promise.all(asked.map((side) => side.ask(this.stopping.signal)));
    this.stopping = null;
    this.showBusy(false);
    if (!wereAsked.includes(true)) return this.postWhole();
    // One of two: posting the form would ask the other one again.
    asked.forEach((side, place) => wereAsked[place] || side.fail("It was refused. Ask again."));
    this.say(asked.map((side) => `${side.name}: ${side.outcome}.`).join(" "));
    if (asked.some((side) => side.outcome === "failed")) this.prompt.value ||= prompt;
    const result = form.querySelector(".results textarea");
    (result ?? this.prompt).focus({ preventScroll: result === null });
  }

  // As without a script.
  postWhole() {
    const how = document.createElement("input");
    Object.assign(how, { type: "hidden", name: "do", value: "ask" });
    form.append(how);
    form.submit();
  }

  showBusy(busy) {
    this.stopButton.hidden = !busy;
    this.askButton.hidden = busy;
    if (busy) this.stopButton.focus();
  }

  say(words) {
    this.announcement.textContent = words;
  }
}

// Whoever sees the end goes on seeing it; whoever reads further up is left there.
function following(grow) {
  const sees = composer.getBoundingClientRect().bottom <= innerHeight;
  grow();
  if (sees) composer.scrollIntoView({ block: "nearest" });
}

function post(where, body, signal) {
  return fetch(`${form.dataset.conversation}/${where}`, { method: "POST", body, signal, redirect: "manual" });
}

function copyOf(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const frames = (rest + value).split("\n\n");
    rest = frames.pop();
    for (const frame of frames) {
      const [first, second] = frame.split("\n");
      // What has no data is a comment: the line is alive.
      if (second) yield { event: first.slice("event: ".length), data: JSON.parse(second.slice("data: ".length)) };
    }
  }
}

new Conversation();
