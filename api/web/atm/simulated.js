// The hardware of a demonstration: a card to insert, a PIN pad that knows one wrong PIN, and hands that take what comes.
import { button, make } from "./view.js";

const WRONG = "0000";
const CHECKED_MS = 600;
const page = JSON.parse(document.querySelector("#page").textContent);
const words = (name) => page.languages[document.documentElement.lang].texts[name];
const strip = document.querySelector("#simulated");
const say = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));
let digits = "";

const select = make("select");
select.id = "card";
select.autocomplete = "off";
const label = make("label", "", words("sim_card"));
label.htmlFor = "card";

const insert = () => say("atm-card", { state: "inserted", token: `tok_${select.value}` });
const AVAILABLE = {
  attract: [["sim_insert", insert]],
  card_out: [["sim_take_card", () => say("atm-card", { state: "taken" })]],
  cash_out: [["sim_take_cash", () => say("atm-cash")]],
  receipt_out: [["sim_take_receipt", () => say("atm-receipt")]],
};
const pull = [["sim_pull", () => say("atm-card", { state: "taken" })]];
const INSIDE = ["reading", "pin", "checking", "opening", "menu", "amount", "paper", "counting"];

const draw = (phase) => {
  const able = AVAILABLE[phase] || (INSIDE.includes(phase) ? pull : []);
  strip.replaceChildren(...(phase === "attract" ? [label, select] : []), ...able.map(([name, act]) => button(words(name), act, { part: "hand" })));
};

document.addEventListener("atm-digit", ({ detail }) => (digits += detail));
document.addEventListener("atm-cleared", () => (digits = ""));
document.addEventListener("atm-phase", ({ detail: { phase } }) => {
  draw(phase);
  if (phase === "checking") {
    const right = digits !== WRONG;
    setTimeout(() => say("atm-pin", { right }), CHECKED_MS);
  }
  if (phase !== "pin") digits = "";
});

try {
  const { machine: key } = await (await fetch("/atm/key.json")).json();
  if (key) say("atm-key", { key });
} catch {
  // Without a key the machine has its own words.
}
const wanted = new URLSearchParams(location.search).get("customer");
try {
  const people = await (await fetch("/shop/people.json")).json();
  for (const { customer, who } of people) select.append(new Option(`${customer}, ${who}`, customer));
} catch {
  // A card of the first customer is what is left.
}
if (!select.length) select.append(new Option("C0000001", "C0000001"));
if (/^\w+$/.test(wanted || "")) {
  if (!select.querySelector(`[value="${wanted}"]`)) select.append(new Option(wanted, wanted));
  select.value = wanted;
}
draw(document.body.dataset.phase);
document.body.dataset.simulated = "ready";
