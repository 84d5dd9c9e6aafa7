// What the engine offers in the moments in which the machine is busy anyway. Nothing here is waited for by the machine.
const PATIENCE_MS = 300;
const NETWORK_MS = 5000;
const SEEN_MS = 1000;
const LINES = ["headline", "body", "call_to_action"];

const post = (path, body, headers, signal) =>
  fetch(path, { method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body), keepalive: true, signal });
const json = async (answer) => {
  if (!answer.ok) throw Object.assign(new Error(answer.status), { status: answer.status });
  return answer.json();
};
const fresh = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("");
const isWhole = (treatment) => Boolean(treatment?.headline) && LINES.every((line) => treatment[line] == null || typeof treatment[line] === "string");

// One offer, and what became of it.
class Offer {
  #sent = new Set();
  #told;
  #clock;

  constructor(option, decision, told) {
    const decided = Date.parse(decision.decided_at);
    const received = performance.now();
    this.#clock = () => new Date(decided + performance.now() - received).toISOString();
    this.#told = told;
    this.treatment = option.treatment;
    this.leadsToBranch = option.leads_to?.branch === "appointment";
    this.token = option.tracking_token;
    this.id = `${decision.decision_id}.${option.action}`;
  }

  get answered() {
    return ["click", "decline", "accept"].some((outcome) => this.#sent.has(outcome));
  }
  // An id made of the offer: what is pressed twice counts once.
  report(outcome, more = {}) {
    if (this.#sent.has(outcome)) return null;
    this.#sent.add(outcome);
    const body = { outcome_id: `${this.id}.${outcome}`, tracking_token: this.token, outcome, occurred_at: this.#clock(), ...more };
    return this.#told("/v1/outcomes", body).catch((error) => {
      this.#sent.delete(outcome);
      throw error;
    });
  }
  // Seen once it stood there for a second; the function returned ends it before.
  watch() {
    const timer = setTimeout(() => this.report("impression")?.catch(() => {}), SEEN_MS);
    return () => clearTimeout(timer);
  }
}

export class Offers {
  wanted = null; // the offer that somebody wants to talk about
  #session = "";
  #identity = null;
  #headers;
  #asked = {};
  #gone = new AbortController();

  constructor(headers) {
    this.#headers = headers;
  }

  // A card came: a new visit, and whatever belonged to the last one is forgotten.
  begin(token) {
    this.end();
    this.#identity = { scheme: "card_token", value: token };
    this.#session = fresh();
  }
  end() {
    this.#gone.abort();
    this.#gone = new AbortController();
    this.#asked = {};
    this.#identity = null;
    this.wanted = null;
  }

  // Ask now what may be shown later.
  ask(placement, moment, context = {}) {
    const body = { identity: this.#identity, channel: "atm", moment, session_id: this.#session, placements: [{ id: placement }], context };
    const signal = AbortSignal.any([this.#gone.signal, AbortSignal.timeout(NETWORK_MS)]);
    const found = post("/v1/decisions", body, this.#headers(), signal).then(json).then((decision) => this.#read(decision, placement));
    this.#asked[placement] = found.catch(() => null);
  }
  // The offer if it is there in time; null is the machine's own content. Whatever comes later is not shown.
  inTime(placement) {
    const late = new Promise((tell) => setTimeout(() => tell(null), PATIENCE_MS));
    return Promise.race([this.#asked[placement] ?? null, late]);
  }

  #read(decision, placement) {
    const option = decision.propositions.find((each) => each.placement === placement)?.options[0];
    if (!option?.tracking_token || !isWhole(option.treatment)) return null;
    return new Offer(option, decision, (path, body) => post(path, body, this.#headers(), AbortSignal.timeout(NETWORK_MS)).then(json));
  }

  // Times at which the branch has time; none where nobody can tell.
  slots(branch) {
    const asking = fetch(`/v1/appointments${branch ? `?${new URLSearchParams({ branch })}` : ""}`, { headers: this.#headers(), signal: AbortSignal.timeout(NETWORK_MS) });
    return asking.then(json).then(({ slots }) => slots).catch(() => []);
  }
  call(offer) {
    const body = { callback_id: `${offer.id}.call`, identity: this.#identity, channel: "atm", tracking_token: offer.token, page: "/atm" };
    return post("/v1/callbacks", body, this.#headers(), AbortSignal.timeout(NETWORK_MS)).then(json);
  }
}
