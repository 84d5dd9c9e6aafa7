// Forms and links that renew a part of their page: `data-part` names it. Without this module they are ordinary ones.
// Where the service is away, late or refuses, the page stays as it is and says so; what was sent once is not sent twice.
const PATIENCE_MS = 6000;
const trouble = document.querySelector("#trouble");
const said = document.querySelector("#said");
let asking = false;

/** Ask for a page and hand over its document; `failed` is told `away`, `late` or `refused`. */
function ask(method, url, body, done, failed) {
  const request = new XMLHttpRequest();
  request.open(method, url);
  request.responseType = "document";
  request.timeout = PATIENCE_MS;
  request.setRequestHeader("accept", "text/html");
  if (body) request.setRequestHeader("content-type", "application/x-www-form-urlencoded");
  request.onerror = () => failed("away");
  request.ontimeout = () => failed("late");
  request.onload = () => {
    if (request.status >= 500) failed("away");
    else if (!request.response) failed("refused");
    else done(request.response, request.responseURL);
  };
  request.send(body);
}

/** Put the part of another document in the place of ours. */
function renew(name, from, quietly = false) {
  const fresh = from.getElementById(name);
  const old = document.getElementById(name);
  if (!fresh || !old) return false;
  const held = old.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  document.adoptNode(fresh);
  old.replaceWith(fresh);
  document.title = from.title;
  document.dispatchEvent(new CustomEvent("nextbest-renewed", { detail: fresh }));
  if (quietly) {
    if (held) fresh.querySelector(`[data-key="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
    return true;
  }
  const first = fresh.querySelector("[data-focus]");
  first?.focus({ preventScroll: true });
  if (first && first.getBoundingClientRect().top < 0) first.scrollIntoView({ block: "start" });
  said.textContent = fresh.dataset.said || "";
  return true;
}

function begin(source, method, url, body) {
  if (asking) return;
  asking = true;
  trouble.textContent = "";
  const part = document.getElementById(source.dataset.part);
  part?.setAttribute("aria-busy", "true");
  const end = (what) => {
    asking = false;
    part?.removeAttribute("aria-busy");
    if (what) trouble.textContent = trouble.dataset[what];
  };
  ask(method, url, body, (answered, address) => {
    end();
    const refusal = answered.querySelector("[data-problem]");
    if (refusal) trouble.textContent = refusal.dataset.problem;
    else if (!renew(source.dataset.part, answered)) location.assign(address);
    else if (address !== location.href) history[source.dataset.history === "replace" ? "replaceState" : "pushState"]({}, "", address);
  }, end);
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.dataset.part) return;
  event.preventDefault();
  const sent = new URLSearchParams(new FormData(form, event.submitter));
  const url = event.submitter?.getAttribute("formaction") || form.getAttribute("action") || location.href;
  if (form.method === "post") begin(form, "POST", url, sent);
  else begin(form, "GET", `${url.split("?")[0]}?${sent}`);
});

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-part]");
  if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  begin(link, "GET", link.href);
});

// A part with `data-every` is renewed by itself every so many seconds while somebody looks; the focus stays where it is.
function renewQuietly() {
  const part = document.querySelector("[data-every]");
  const busy = !part || asking || document.hidden;
  if (busy) return setTimeout(renewQuietly, 1000);
  const next = () => setTimeout(renewQuietly, 1000 * part.dataset.every);
  ask("GET", location.href, null, (answered) => {
    if (!asking && part.isConnected) renew(part.id, answered, true);
    next();
  }, next);
}
setTimeout(renewQuietly, 5000);

// The way back leads to a page as it is now, never to one whose buttons were pressed already.
addEventListener("popstate", () => location.reload());
