// The way around is longer than many screens: the page that is looked at is in sight in it.
document.querySelector(".way [aria-current]")?.scrollIntoView({ block: "nearest" });
