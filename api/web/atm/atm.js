// The machine's page: puts each phase on the screen, listens to keys, touch and hardware, and shows an offer while busy.
// Hardware speaks by events on the document, docs/guides/atm.md names them.
import { AFTERWARDS, Machine, MOMENT, PLACEMENT } from "./machine.js";
import { Offers } from "./offers.js";
import { opened } from "./pack.js";
import { button, card, choices, field, keypad, make, paper, room, title, working } from "./view.js";

const AMOUNTS = [20, 50, 100, 200];
const STEP = 10;
const MOST = 300;
const TICK_MS = 500;
const TAKEN = 409;

const body = document.body;
const screen = document.querySelector("#screen");
const page = JSON.parse(document.querySelector("#page").textContent);
const FIRST = page.language;
let spoken, money, day, hour;
const speak = (language) => {
  spoken = page.languages[language];
  document.documentElement.lang = language;
  money = new Intl.NumberFormat(spoken.locale, { style: "currency", currency: page.currency, maximumFractionDigits: 0 });
  day = new Intl.DateTimeFormat(spoken.locale, { weekday: "long", day: "numeric", month: "long", hour: "numeric", minute: "2-digit", timeZone: page.zone });
  hour = new Intl.DateTimeFormat(spoken.locale, { hour: "2-digit", minute: "2-digit", timeZone: page.zone });
  for (const each of document.querySelectorAll("#languages button")) each.setAttribute("aria-pressed", String(each.lang === language));
};
const words = (name, values = {}) => spoken.texts[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);

// The key that the machine's own software has given; it is held here alone, and kept nowhere.
let key = "";
const offers = new Offers(() => (key ? { authorization: `Bearer ${key}` } : {}));
let pack = { placements: {} };
let typed = "";
const branch = new URLSearchParams(location.search).get("branch");
let leave = () => {};

const tell = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));
const show = (...nodes) => {
  screen.replaceChildren(...nodes);
  screen.querySelector("h1")?.focus({ preventScroll: true });
};
const own = (placement) => pack.placements[placement] || { headline: page.bank, body: "" };

const machine = new Machine((at, moved) => {
  if (!moved) return draw();
  leave();
  leave = () => {};
  typed = "";
  body.dataset.phase = at.phase;
  if (at.phase === "attract") speak(FIRST);
  draw();
  tell("atm-phase", { phase: at.phase, ticks: at.ticks });
  follow(at);
});

// What else happens when a phase begins; the machine waits for none of it.
const follow = ({ phase }) => {
  if (phase === "reading") offers.ask("idle_screen", MOMENT.idle_screen);
  if (phase === "counting") offers.ask("waiting_screen", MOMENT.waiting_screen, page.tells_cash ? { cash_requested: machine.amount } : {});
  if (phase === "printing" || phase === "closing") offers.ask("receipt", MOMENT.receipt);
  if (PLACEMENT[phase]) offer(PLACEMENT[phase], phase);
  if (phase === "ended" && offers.wanted) machine.talk();
  if (phase === "talk") talk(offers.wanted);
  if (["attract", "removed", "retained"].includes(phase)) offers.end();
};

// Fill the room once: with an offer that is there in time, else with the machine's own words.
const offer = async (placement, phase) => {
  const place = screen.querySelector(".room");
  const found = offers.wanted ? null : await offers.inTime(placement);
  if (!place.isConnected || machine.phase !== phase) return;
  const instead = (content) => place.replaceChildren(card(content));
  if (!found) return instead(own(placement));
  const interested = button(found.treatment.call_to_action || words("interested"), () => {
    found.report("click")?.catch(() => {});
    offers.wanted = found;
    instead({ headline: words("noted"), body: words("noted_more") });
  }, { key: "1", part: "choice" });
  const declined = button(words("no_thanks"), () => {
    found.report("decline", { reason: "not_now" })?.catch(() => {});
    instead(own(placement));
  }, { key: "0", part: "choice quiet" });
  place.replaceChildren(card(found.treatment, [interested, declined]));
  place.dataset.offer = placement;
  const printed = screen.querySelector(".extra");
  if (printed) {
    printed.append(found.treatment.headline);
    printed.dataset.told = "";
  }
  leave = found.watch();
};

// After the transaction: a time in the branch, or a call. Nothing is sold here.
const talk = async (wanted) => {
  const once = (act) => {
    let pressed = false;
    return async () => {
      if (pressed) return;
      pressed = true;
      const said = await act().catch(() => words("failed"));
      if (machine.phase !== "talk" || !said) return;
      body.dataset.said = said;
      machine.talked();
    };
  };
  const no = [words("no_thanks"), () => machine.cancel()];
  if (!wanted.leadsToBranch) {
    const call = once(() => offers.call(wanted).then(() => words("called")));
    return show(title(words("call_title"), words("call_more")), choices([[words("call_yes"), call]], no));
  }
  const times = async (more) => {
    const slots = await offers.slots(branch);
    if (machine.phase !== "talk") return;
    if (!slots.length) return show(title(words("talk_title"), words("talk_none")), choices([], [words("done"), no[1]]));
    show(title(words("talk_title"), words(more)), choices(slots.slice(0, 6).map((at) => [day.format(new Date(at)), book(at)]), no));
  };
  // Somebody else may be quicker: then there are other times to choose from.
  const book = (at) => once(async () => {
    try {
      await wanted.report("accept", { appointment_at: at, ...(branch ? { branch } : {}) });
    } catch (error) {
      if (error.status !== TAKEN) throw error;
      return times("talk_taken");
    }
    return words("booked", { when: day.format(new Date(at)) });
  });
  await times("talk_more");
};

const DRAWN = {
  attract: () => [attract()],
  reading: () => [working(words("reading"))],
  pin: () => [title(words("pin"), words(machine.note || "pin_more")), pin()],
  checking: () => [working(words("checking"))],
  opening: () => [working(words("opening")), room(words("meanwhile"))],
  menu: () => [title(words("menu")), choices([...AMOUNTS.map((each) => [money.format(each), () => machine.withdraw(each)]), [words("other"), () => machine.other()]], [words("card_back"), () => machine.cancel()])],
  amount: () => [title(words("amount"), words("amount_more", { step: money.format(STEP), most: money.format(MOST) })), amount()],
  paper: () => [title(words("paper")), choices([[words("yes"), () => machine.receipt(true)], [words("no"), () => machine.receipt(false)]], [words("card_back"), () => machine.cancel()])],
  counting: () => [working(words("counting")), room(words("meanwhile"))],
  card_out: () => [title(words("card_out"), words(machine.note === "late" ? "late" : "card_out_more")), slot("card")],
  cash_out: () => [title(words("cash_out"), money.format(machine.amount)), slot("cash")],
  printing: () => [working(words("printing")), room(words("meanwhile")), receipt()],
  receipt_out: () => [title(words("receipt_out")), slot("receipt")],
  closing: () => [working(words("closing")), room(words("meanwhile"))],
  retained: () => [title(words("retained"), words("retained_more"))],
  removed: () => [title(words("removed"), words("removed_more"))],
  cash_kept: () => [title(words("cash_kept"), words("cash_kept_more"))],
  ended: () => [title(words("ended"), words("ended_more"))],
  talk: () => [working(words("talk_title"))],
  talked: () => [title(body.dataset.said), choices([], [words("done"), () => machine.cancel()])],
};
const draw = () => show(...DRAWN[machine.phase]());

const attract = () => {
  const place = make("div", "attract");
  const { headline, body: text } = own("idle_screen");
  const line = make("h1", "", headline);
  line.tabIndex = -1;
  place.append(line, make("p", "more", text), make("p", "insert", words("insert")));
  return place;
};
const pin = () => {
  const place = make("div", "entry");
  place.append(
    field("\u25cf".repeat(machine.digits) + "\u25cb".repeat(4 - machine.digits), words("pin_digits", { count: machine.digits })),
    keypad((digit) => press(digit), clear, enter, words),
  );
  return place;
};
const amount = () => {
  const place = make("div", "entry");
  place.append(field(money.format(Number(typed)), words("amount")), keypad((digit) => press(digit), clear, enter, words));
  return place;
};
const receipt = () =>
  paper([[page.bank, hour.format(new Date())], [words("cash"), money.format(machine.amount)]], words("receipt_ask"));
const slot = (what) => {
  const place = make("div", `slot ${what}`);
  place.setAttribute("aria-hidden", "true");
  place.append(make("span"));
  return place;
};

// Keys: a digit is typed where there is a pad, and chooses where there are choices.
const press = (digit) => {
  if (machine.phase === "pin") {
    if (machine.digits < 4) tell("atm-digit", digit);
    machine.digit();
  } else if (machine.phase === "amount") {
    if (Number(typed + digit) <= MOST) typed = String(Number(typed + digit));
    draw();
  } else screen.querySelector(`[data-key="${digit}"]`)?.click();
};
const clear = () => {
  typed = "";
  if (machine.phase === "pin") {
    tell("atm-cleared");
    machine.clear();
  } else if (machine.phase === "amount") draw();
};
const enter = () => {
  if (machine.phase === "pin") {
    machine.enterPin();
  } else if (machine.phase === "amount" && Number(typed) && Number(typed) % STEP === 0) machine.withdraw(Number(typed));
  else if (machine.phase === "receipt_out") machine.receiptTaken();
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select, a")) return;
  if (/^[0-9]$/.test(event.key) && !event.repeat) press(event.key);
  else if (event.key === "Backspace") clear();
  else if (event.key === "Escape") machine.cancel();
  else if (event.key === "Enter" && !event.target.closest("button")) enter();
});

// The machine's own software, and its hardware.
document.addEventListener("atm-key", ({ detail }) => (key = detail.key));
document.addEventListener("atm-card", ({ detail }) => {
  if (detail.state === "inserted" && !machine.cardInside) {
    if (machine.phase === "attract" || AFTERWARDS.has(machine.phase)) offers.begin(detail.token);
  }
  machine.card(detail.state);
});
document.addEventListener("atm-pin", ({ detail }) => machine.pin(detail.right));
document.addEventListener("atm-cash", () => machine.cashTaken());
document.addEventListener("atm-receipt", () => machine.receiptTaken());

// A page that was left and comes back would go on with a transaction that is over.
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());

const clock = document.querySelector("#clock");
setInterval(() => {
  machine.tick();
  const now = hour.format(Date.now());
  if (clock.textContent !== now) clock.textContent = now;
}, TICK_MS);

const load = async () => {
  const answer = await fetch("/atm/pack.json", { signal: AbortSignal.timeout(5000) });
  return opened(await answer.json(), page.key);
};
// Only the page's own worker may be started, with the key that the page has pinned.
const keepForLater = async () => {
  const address = `/atm/worker.js?${new URLSearchParams({ key: page.key })}`;
  const own = window.trustedTypes?.createPolicy("nextbest-atm", { createScriptURL: () => address });
  await navigator.serviceWorker?.register(own ? own.createScriptURL("") : address, { type: "module", scope: "/atm" });
};

for (const language of page.order) {
  const { name } = page.languages[language];
  const choice = button(name, () => {
    speak(language);
    if (!machine.busy) draw();
  }, { part: "language" });
  choice.lang = language;
  document.querySelector("#languages").append(choice);
}
speak(FIRST);
body.dataset.phase = "attract";
draw();
load()
  .then((found) => {
    pack = found;
    if (machine.phase === "attract") draw();
    body.dataset.pack = "signed";
  })
  .catch(() => (body.dataset.pack = "none"));
keepForLater().catch(() => {});
if (page.demonstration) document.addEventListener("atm-tick", () => machine.tick());
if (page.demonstration) await import("./simulated.js");
