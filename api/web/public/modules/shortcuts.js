// Keys for what is on the page: `data-key` on a button, link or field. They rest while somebody writes, and can be
// turned off for good with the button `data-shortcuts`.
const KEPT = "nextbest-shortcuts";
const root = document.documentElement;
let on = read() !== "off";

function read() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

function show() {
  root.classList.toggle("shortcuts-off", !on);
  for (const button of document.querySelectorAll("[data-shortcuts]")) {
    button.disabled = false;
    button.setAttribute("aria-pressed", String(on));
    button.textContent = on ? button.dataset.on : button.dataset.off;
  }
}

function writing(node) {
  return node.isContentEditable || node.matches?.("textarea, select, input:not([type=radio], [type=checkbox], [type=submit])");
}

/** The first that can be seen and pressed, nearest to where one is. */
function bound(key, from) {
  const reachable = (node) => node.checkVisibility() && !node.disabled;
  const all = (within) => [...within.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)].filter(reachable);
  const near = from.closest?.("[data-keys]");
  return (near && all(near)[0]) || all(document)[0];
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.key === "Escape" && writing(event.target)) return event.target.blur();
  if (!on || writing(event.target)) return;
  const target = bound(event.key.toLowerCase(), event.target);
  if (!target) return;
  event.preventDefault();
  if (writing(target)) {
    target.focus();
    target.select?.();
  } else {
    target.focus();
    target.click();
  }
});

document.addEventListener("click", (event) => {
  if (!event.target.closest?.("[data-shortcuts]")) return;
  on = !on;
  try {
    localStorage.setItem(KEPT, on ? "on" : "off");
  } catch {
    // It holds for this page.
  }
  show();
});

show();
