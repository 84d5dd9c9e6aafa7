// <nextbest-banner placement="hero">: shows its own content first, and an offer instead if one comes in time.
// What arrives is put on the page as text. See docs/guides/web-banner.md.
const LINES = ["headline", "body", "call_to_action"];
const HALF = 0.5;
const SEEN_MS = 1000;
const PATIENCE_MS = 10000;
const SESSION = "nextbest.session";

const make = (tag, part, text) => {
  const node = document.createElement(tag);
  if (part) node.className = `nextbest-${part}`;
  if (text) node.textContent = text;
  return node;
};
const button = (part, text, onclick) => Object.assign(make("button", part, text), { type: "button", onclick });

const session = () => {
  const fresh = Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("");
  try {
    const known = sessionStorage.getItem(SESSION);
    if (!known) sessionStorage.setItem(SESSION, fresh);
    return known || fresh;
  } catch {
    return fresh;
  }
};

const json = async (answer) => {
  if (!answer.ok) throw new Error(answer.status);
  return answer.json();
};
const post = ({ service, key }, path, body, signal) => {
  const headers = { "content-type": "application/json", ...(key && { authorization: `Bearer ${key}` }) };
  return fetch(`${service}/v1/${path}`, { method: "POST", headers, body: JSON.stringify(body), signal }).then(json);
};

const texts = {};
const textsFor = (language) => {
  const load = (name) => fetch(new URL(`text.${name}.json`, import.meta.url)).then(json);
  return (texts[language] ??= load(language).catch(() => load("en")));
};

// Only an address of the web may be followed.
const webAddress = (text) => {
  try {
    const url = new URL(text, document.baseURI);
    return typeof text === "string" && /^https?:$/.test(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
};

// Banners that appear together ask together.
let waiting = [];
const ask = (banner) => {
  if (!waiting.length) queueMicrotask(askAll);
  waiting.push(banner);
};
const askAll = () => {
  const groups = new Map();
  for (const banner of waiting) {
    const key = JSON.stringify([banner.service, banner.key, banner.question, banner.budget]);
    if (!groups.has(key)) groups.set(key, new Map());
    const group = groups.get(key);
    if (!group.has(banner.placement)) group.set(banner.placement, banner);
  }
  waiting = [];
  for (const group of groups.values()) answer([...group.values()]);
};
const answer = async (banners) => {
  const [{ question, budget, language }] = banners;
  const until = performance.now() + budget;
  const signal = AbortSignal.timeout(budget);
  try {
    const body = { ...question, placements: banners.map(({ placement }) => ({ id: placement })) };
    const asked = post(banners[0], "decisions", body, signal);
    const late = new Promise((_, refuse) => (signal.onabort = refuse));
    const [decision, words] = await Promise.race([late, Promise.all([asked, textsFor(language)])]);
    if (performance.now() > until) return;
    for (const banner of banners) banner.take(decision, words);
  } catch {
    // The own content stays.
  }
};

class Banner extends HTMLElement {
  #sent = new Set();
  #own = [];
  #offer = null;
  #seen = null;
  #timer = 0;
  #clock = () => 0;

  get placement() {
    return this.getAttribute("placement") || "";
  }
  get service() {
    return this.getAttribute("service") || "";
  }
  get key() {
    return this.getAttribute("key") || "";
  }
  get budget() {
    return Math.min(Number(this.getAttribute("budget-ms")) || 1000, PATIENCE_MS);
  }
  get language() {
    return (this.closest("[lang]")?.lang || "en").split("-")[0].toLowerCase();
  }
  get question() {
    const visit = this.getAttribute("session") || session();
    const [, scheme, value] = (this.getAttribute("identity") || "").match(/^([a-z]\w*):(.+)$/) || [0, "web_visitor", visit];
    const moment = this.getAttribute("moment") || "page_viewed";
    const channel = this.getAttribute("channel") || "web";
    return { identity: { scheme, value }, channel, moment, session_id: visit };
  }

  connectedCallback() {
    if (!this.dataset.state) {
      this.dataset.state = "default";
      ask(this);
    } else if (this.#offer) this.#watch();
  }
  disconnectedCallback() {
    this.#unwatch();
  }

  take(decision, words) {
    const { options = [], fallback } = decision.propositions.find(({ placement }) => placement === this.placement) || {};
    const bare = !this.childElementCount && !this.textContent.trim();
    const chosen = options[0] || (bare && fallback);
    if (!chosen || !this.isConnected || this.matches(":hover, :focus-within")) return;
    const treatment = chosen.treatment || {};
    const fits = (line) => treatment[line] == null || typeof treatment[line] === "string";
    if (!treatment.headline || !LINES.every(fits)) return;
    const received = performance.now();
    const decided = Date.parse(decision.decided_at);
    this.#clock = () => new Date(decided + performance.now() - received).toISOString();
    const content = this.#dress(chosen, words);
    this.#own = [...this.childNodes];
    this.replaceChildren(content);
    this.dataset.state = chosen.tracking_token ? "offer" : "fallback";
    if (!chosen.tracking_token) return;
    this.#offer = { token: chosen.tracking_token, id: `${decision.decision_id}.${chosen.action}` };
    this.#watch();
    this.#tell("shown");
  }

  #dress({ treatment, leads_to: leads, tracking_token: token }, words) {
    const content = make("section", "offer");
    const heading = make(this.getAttribute("heading") || "h2", "headline", treatment.headline);
    content.setAttribute("aria-label", treatment.headline);
    content.append(heading, make("p", "body", treatment.body));
    const row = content.appendChild(make("div", "row"));
    const call = treatment.call_to_action;
    const url = webAddress(treatment.url);
    if (token && leads?.phone === "callback") {
      row.append(button("act", call || words.call, () => this.#open(content, row, words)));
    } else if (url && !leads) {
      row.append(Object.assign(make("a", "act", call || treatment.headline), { href: url, onclick: () => this.#report("click") }));
    } else if (token && call) {
      row.append(button("act", call, () => (this.#report("accept"), this.#thank(row, words.accepted))));
    }
    if (token) row.append(button("dismiss", words.dismiss, () => this.dismiss()));
    return content;
  }

  #open(content, row, words) {
    this.#report("click");
    const form = make("form", "form");
    const label = make("label", "label", words.number);
    const field = Object.assign(make("input", "number"), { type: "tel", name: "phone_number", autocomplete: "tel", maxLength: 32 });
    const note = make("p", "note", words.hint);
    note.id = `nextbest-note-${this.placement}`;
    note.setAttribute("role", "status");
    field.setAttribute("aria-describedby", note.id);
    field.required = true;
    label.append(field);
    const close = () => {
      form.replaceWith(row);
      this.dataset.state = "offer";
      row.firstChild.focus();
    };
    const send = Object.assign(make("button", "act", words.call), { type: "submit" });
    const buttons = make("div", "row");
    buttons.append(send, button("dismiss", words.cancel, close));
    form.append(label, note, buttons);
    form.noValidate = true;
    form.onkeydown = ({ key }) => {
      if (key === "Escape") close();
    };
    form.onsubmit = async (event) => {
      event.preventDefault();
      if (form.ariaBusy === "true") return;
      const number = field.value.trim();
      const valid = /^\+?[0-9][0-9 ()./-]{4,30}$/.test(number);
      field.setAttribute("aria-invalid", !valid);
      if (!valid) {
        note.textContent = words.wrong;
        return field.focus();
      }
      form.ariaBusy = "true";
      try {
        await this.#askForCall(number);
        this.#thank(form, words.calling);
      } catch {
        note.textContent = words.failed;
      }
      form.ariaBusy = "false";
    };
    row.replaceWith(form);
    this.dataset.state = "call";
    field.focus();
  }

  #askForCall(number) {
    const { identity, channel } = this.question;
    const { token, id } = this.#offer;
    const page = location.pathname.slice(0, 128);
    const asked = { callback_id: `${id}.call`, identity, channel, tracking_token: token, page, phone_number: number };
    return post(this, "callbacks", asked, AbortSignal.timeout(PATIENCE_MS));
  }

  #thank(instead, text) {
    const thanks = make("p", "thanks", text);
    thanks.setAttribute("role", "status");
    thanks.tabIndex = -1;
    instead.replaceWith(thanks);
    this.dataset.state = "done";
    thanks.focus();
  }

  dismiss() {
    if (!this.#offer) return;
    this.#report("decline", "not_now");
    this.#unwatch();
    this.#offer = null;
    this.dataset.state = "default";
    this.replaceChildren(...this.#own);
    this.tabIndex = -1;
    this.focus();
  }

  accept() {
    if (this.#offer) this.#report("accept");
  }

  // An id made of the offer: what is sent twice counts once.
  #report(outcome, reason) {
    if (this.#sent.has(outcome)) return;
    this.#sent.add(outcome);
    const { token, id } = this.#offer;
    const report = { outcome_id: `${id}.${outcome}`, tracking_token: token, outcome, reason, occurred_at: this.#clock() };
    const url = `${this.service}/v1/outcomes`;
    const body = new Blob([JSON.stringify(report)], { type: "application/json" });
    if (!navigator.sendBeacon?.(url, body)) fetch(url, { method: "POST", body, keepalive: true }).catch(() => {});
    this.#tell(outcome);
  }
  #tell(what) {
    this.dispatchEvent(new CustomEvent(`nextbest-${what}`, { bubbles: true }));
  }

  #watch() {
    let half = false;
    const weigh = () => {
      clearTimeout(this.#timer);
      if (half && !document.hidden) this.#timer = setTimeout(() => (this.#report("impression"), this.#unwatch()), SEEN_MS);
    };
    const observer = new IntersectionObserver(
      (entries) => {
        half = entries.at(-1).intersectionRatio >= HALF;
        weigh();
      },
      { threshold: HALF },
    );
    observer.observe(this);
    document.addEventListener("visibilitychange", weigh);
    this.#seen = () => {
      observer.disconnect();
      document.removeEventListener("visibilitychange", weigh);
    };
  }
  #unwatch() {
    clearTimeout(this.#timer);
    this.#seen?.();
  }
}

customElements.get("nextbest-banner") || customElements.define("nextbest-banner", Banner);
