// Reports a card of an offer as seen, once, when half of it was in view for one second in a visible tab.
const SEEN_MS = 1000;
const reported = new Set();
const waiting = new Map();

const watch = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      clearTimeout(waiting.get(target));
      if (isIntersecting) waiting.set(target, setTimeout(report, SEEN_MS, target));
    }
  },
  { threshold: 0.5 },
);

function report(card) {
  const form = card.querySelector("form");
  if (!card.isConnected || document.hidden || reported.has(card.dataset.answer)) return;
  reported.add(card.dataset.answer);
  watch.unobserve(card);
  const said = new URLSearchParams(new FormData(form));
  said.set("outcome", "impression");
  fetch(form.action, { method: "POST", body: said, keepalive: true }).catch(() => {});
}

function look() {
  for (const card of document.querySelectorAll("[data-answer]")) watch.observe(card);
}

document.addEventListener("nextbest-renewed", look);
look();
