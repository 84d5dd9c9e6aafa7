// The cockpit: chooses a customer, lets things happen to them, pulls plugs, and shows what the bank answers meanwhile.
import { screens } from "./frames.js";
import { between, parse } from "./metrics.js";

const EACH_MS = 250;
const BARS = 80;
const TALLEST_MS = 60;
const KNOWN_WITHIN_MS = 2000;
const MINUTE = 60;

const page = JSON.parse(document.querySelector("#page").textContent);
const texts = document.querySelector("#desk").dataset;
const select = document.querySelector("#customer");
const story = document.querySelector("#story");
const all = screens(document);
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const json = { "content-type": "application/json", "x-csrf-token": page.csrf };
const post = (path, body) => fetch(path, { method: "POST", headers: json, body: JSON.stringify(body), signal: AbortSignal.timeout(5000) });
const pause = (ms) => new Promise((tell) => setTimeout(tell, ms));
const fresh = () => `cockpit-${Date.now().toString(36)}-${crypto.getRandomValues(new Uint32Array(1))[0].toString(36)}`;

// Every screen as it is for this customer now.
let turn = 0;
const react = async (since) => {
  const mine = (turn += 1);
  const took = Object.values(all).map(async (screen) => {
    await screen.react(select.value);
    if (mine === turn) screen.show(since);
  });
  await Promise.all(took);
};

// Wait until the next decision would know of an event; false where no rule looks at it.
const known = async (event, at) => {
  const until = performance.now() + KNOWN_WITHIN_MS;
  while (performance.now() < until) {
    const answer = await fetch(`/v1/customers/${select.value}`, { headers: { accept: "application/json" } });
    if (answer.ok && (await answer.json()).states.some((state) => state.event === event && Date.parse(state.last_at) >= at - 1000)) return true;
    await pause(40);
  }
  return false;
};

let busy = false;
const happen = async (step) => {
  const button = document.querySelector(`[data-step="${page.steps.indexOf(step)}"]`);
  const began = performance.now();
  const at = Date.now();
  const { event: type, source, data, title } = step;
  button.setAttribute("aria-current", "step");
  try {
    const event = { specversion: "1.0", id: fresh(), source, type, subject: `customer_id:${select.value}`, time: new Date(at).toISOString(), data };
    if (!(await post("/v1/events", event)).ok) throw new Error(type);
    const isKnown = await known(type, at);
    const after = Math.round(performance.now() - began);
    await react(began);
    const shown = Math.round(performance.now() - began);
    story.textContent = filled(isKnown ? texts.happened : texts.unseen, { title, known: after, shown });
  } catch {
    story.textContent = filled(texts.failed, { title });
    await react(began);
  }
  button.removeAttribute("aria-current");
};
const alone = async (act) => {
  if (busy) return;
  busy = true;
  try {
    await act();
  } finally {
    busy = false;
  }
};
for (const button of document.querySelectorAll("[data-step]")) {
  button.addEventListener("click", () => alone(() => happen(page.steps[Number(button.dataset.step)])));
}
const play = document.querySelector("#play");
play.addEventListener("click", () =>
  alone(async () => {
    const own = play.textContent;
    play.textContent = play.dataset.playing;
    play.setAttribute("aria-disabled", "true");
    for (const step of page.steps) {
      await happen(step);
      await pause(2500);
    }
    play.textContent = own;
    play.removeAttribute("aria-disabled");
  }),
);
document.querySelector("#use").addEventListener("click", () => alone(() => all.atm.react(select.value)));

// Plugs.
const plugs = [...document.querySelectorAll("[data-plug]")];
const draw = (out) => {
  for (const button of plugs) {
    const isOut = Boolean(out[button.dataset.plug]);
    button.setAttribute("aria-pressed", String(isOut));
    button.textContent = isOut ? button.dataset.out : button.dataset.in;
  }
};
for (const button of plugs) {
  button.addEventListener("click", async ({ detail }) => {
    if (detail > 1) return;
    const out = button.getAttribute("aria-pressed") !== "true";
    const answer = await post("/cockpit/plugs", { plug: button.dataset.plug, out }).catch(() => null);
    if (answer?.ok) draw(await answer.json());
  });
}

// Answers go on: four times a second a visitor is decided for, and the customer without any effect; a bar for both.
const pulse = document.querySelector("#pulse");
pulse.replaceChildren(...Array.from({ length: BARS }, () => document.createElement("i")));
const VISITOR = { identity: { scheme: "web_visitor", value: "cockpit" }, channel: "web", moment: "page_viewed", placements: [{ id: "footer" }] };
const complete = async (path, question) => {
  const answer = await post(path, question);
  if (!answer.ok) throw new Error(answer.status);
  return !(await answer.json()).degraded.length;
};
const ask = async () => {
  const bar = pulse.appendChild(document.createElement("i"));
  pulse.firstChild.remove();
  const began = performance.now();
  const customer = { ...VISITOR, identity: { scheme: "customer_id", value: select.value }, placements: [{ id: "hero" }] };
  const decided = complete("/v1/decisions", VISITOR).finally(() => {
    const height = (100 * (performance.now() - began)) / TALLEST_MS;
    bar.style.setProperty("--height", String(Math.min(100, Math.max(4, height))));
  });
  const explained = complete("/v1/explanations", customer).catch(() => false);
  bar.className = await decided.then(async (whole) => (whole && (await explained) ? "full" : "missing")).catch(() => "lost");
};

// What the installation counts, a reading a second and a minute of them.
const put = (id, text) => (document.querySelector(`#${id}`).textContent = text);
const ms = (seconds) => (seconds === null ? "–" : seconds === Infinity ? "> 1 s" : `${1000 * seconds} ms`);
const readings = [];
const read = async () => {
  const answer = await fetch("/metrics", { signal: AbortSignal.timeout(5000) });
  if (!answer.ok) return;
  const now = { at: performance.now(), samples: parse(await answer.text()) };
  readings.push(now);
  if (readings.length > MINUTE) readings.shift();
  const before = readings[Math.max(0, readings.length - 6)];
  if (before === now) return;
  const short = between(before.samples, now.samples, (now.at - before.at) / 1000);
  const long = between(readings[0].samples, now.samples, (now.at - readings[0].at) / 1000);
  put("rate", short.perSecond.toFixed(1));
  put("p50", ms(short.p50));
  put("p99", ms(short.p99));
  put("degraded", long.degraded.map(([reason, count]) => `${reason} ${count}`).join(", ") || texts.none);
};
const look = async () => draw(await (await fetch("/cockpit/plugs", { signal: AbortSignal.timeout(5000) })).json());

try {
  const people = await (await fetch("/shop/people.json")).json();
  for (const { customer, who } of people) select.append(new Option(`${customer}, ${who}`, customer));
} catch {
  // The first customer is what is left.
}
if (!select.length) select.append(new Option("C0000001", "C0000001"));
select.addEventListener("change", () => alone(() => react(performance.now())));
setInterval(() => ask().catch(() => {}), EACH_MS);
setInterval(() => read().catch(() => {}), 1000);
setInterval(() => look().catch(() => {}), 2000);
await alone(() => react(performance.now()));
document.body.dataset.ready = "yes";
