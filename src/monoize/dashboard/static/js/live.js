// Parts of a page that keep up: an element with data-live="address" is filled with the HTML that the stream at that address
// sends, one message for each state. Only what differs is changed, so that whoever reads, tabs or selects there goes on
// undisturbed. The browser connects again by itself; nobody listens while the page is out of sight.

function renew(element, html) {
  // Fetched at set-up; without it everything is put in place anew.
  if (window.Idiomorph) Idiomorph.morph(element, html, { morphStyle: "innerHTML" });
  else element.innerHTML = html;
}

class Part {
  constructor(element) {
    this.element = element;
    this.stream = null;
    document.addEventListener("visibilitychange", () => this.attend());
    addEventListener("pagehide", () => this.leave());
    addEventListener("pageshow", () => this.attend());
    this.attend();
  }

  attend() {
    if (document.hidden) return this.leave();
    if (this.stream && this.stream.readyState !== EventSource.CLOSED) return;
    this.stream = new EventSource(this.element.dataset.live);
    this.stream.onmessage = ({ data }) => this.show(data);
    // The server says that there is nothing more to come, so connecting again would be in vain.
    this.stream.addEventListener("end", () => this.leave());
  }

  show(html) {
    if (html === this.shown) return;
    this.shown = html;
    renew(this.element, html);
    this.element.dispatchEvent(new CustomEvent("monoize:replaced", { bubbles: true }));
  }

  leave() {
    this.stream?.close();
    this.stream = null;
  }
}

for (const element of document.querySelectorAll("[data-live]")) new Part(element);
