// The machine as it goes through a transaction: which phase follows which, and how long each one takes in ticks.
// It knows nothing of offers, and waits for none of them.
export const PLACEMENT = { opening: "idle_screen", counting: "waiting_screen", printing: "receipt", closing: "receipt" };
export const MOMENT = { idle_screen: "card_inserted", waiting_screen: "waiting", receipt: "receipt" };
const TRIES = 3;
const DIGITS = 4;

// `busy`: the machine works for so many ticks, and `next` follows. `patience`: it waits for somebody for so many, and
// `timeout` follows.
const PHASES = {
  attract: {},
  reading: { busy: 3, next: "pin" },
  pin: { patience: 60, timeout: "card_out" },
  checking: { busy: 6 },
  opening: { busy: 6, next: "menu" },
  menu: { patience: 60, timeout: "card_out" },
  amount: { patience: 60, timeout: "card_out" },
  paper: { patience: 40, timeout: "card_out" },
  counting: { busy: 12, next: "card_out" },
  card_out: { patience: 40, timeout: "retained" },
  cash_out: { patience: 40, timeout: "cash_kept" },
  printing: { busy: 8, next: "receipt_out" },
  receipt_out: { patience: 16, timeout: "ended" },
  closing: { busy: 8, next: "ended" },
  retained: { busy: 16, next: "attract" },
  removed: { busy: 8, next: "attract" },
  cash_kept: { busy: 16, next: "attract" },
  ended: { busy: 6, next: "attract" },
  talk: { patience: 60, timeout: "attract" },
  talked: { patience: 10, timeout: "attract" },
};
const NO_CARD_INSIDE = new Set(["attract", "cash_out", "printing", "closing", "receipt_out", "cash_kept", "ended", "talk", "talked", "retained", "removed"]);
export const AFTERWARDS = new Set(["ended", "talk", "talked"]);

export class Machine {
  phase = "attract";
  digits = 0;
  amount = 0;
  wantsReceipt = false;
  note = "";
  ticks = 0; // of this transaction: those in which somebody had to wait for the machine
  #left = 0;
  #tries = 0;
  #dispensing = false;
  #changed;

  constructor(changed) {
    this.#changed = changed;
  }

  get busy() {
    return "busy" in PHASES[this.phase];
  }
  get cardInside() {
    return !NO_CARD_INSIDE.has(this.phase);
  }

  // One step of the clock.
  tick() {
    const { busy, next, timeout } = PHASES[this.phase];
    if (this.phase === "attract") return;
    if (busy && !AFTERWARDS.has(this.phase)) this.ticks += 1;
    this.#left -= 1;
    if (this.#left > 0) return;
    if (this.phase === "checking") this.note = "late";
    this.#enter(next || timeout || "card_out");
  }

  // What the card reader says, at any moment.
  card(state) {
    if (state === "inserted" && (this.phase === "attract" || AFTERWARDS.has(this.phase))) {
      Object.assign(this, { digits: 0, amount: 0, wantsReceipt: false, note: "", ticks: 0 });
      this.#tries = 0;
      this.#dispensing = false;
      this.#enter("reading");
    } else if (state === "taken" && this.phase === "card_out") {
      this.#enter(this.#dispensing ? "cash_out" : "ended");
    } else if (state === "taken" && this.cardInside) this.#enter("removed");
    else if (state === "retained" && this.cardInside) this.#enter("retained");
  }

  // What the keypad says: that a digit was pressed, never which one.
  digit() {
    if (this.phase === "pin" && this.digits < DIGITS) {
      this.digits += 1;
      this.note = "";
      this.#stay();
    }
  }
  clear() {
    if (this.phase !== "pin") return;
    this.digits = 0;
    this.#stay();
  }
  enterPin() {
    if (this.phase === "pin" && this.digits === DIGITS) this.#enter("checking");
  }
  // What the bank says of the PIN.
  pin(right) {
    if (this.phase !== "checking") return;
    this.digits = 0;
    if (right) return this.#enter("opening");
    this.#tries += 1;
    this.note = "wrong_pin";
    this.#enter(this.#tries < TRIES ? "pin" : "retained");
  }

  other() {
    if (this.phase === "menu") this.#enter("amount");
  }
  withdraw(amount) {
    if (this.phase !== "menu" && this.phase !== "amount") return;
    this.amount = amount;
    this.#enter("paper");
  }
  receipt(wanted) {
    if (this.phase !== "paper") return;
    this.wantsReceipt = wanted;
    this.#dispensing = true;
    this.#enter("counting");
  }
  cashTaken() {
    if (this.phase === "cash_out") this.#enter(this.wantsReceipt ? "printing" : "closing");
  }
  receiptTaken() {
    if (this.phase === "receipt_out") this.#enter("ended");
  }
  // Somebody gives up, or goes back.
  cancel() {
    if (["pin", "menu", "amount", "paper"].includes(this.phase)) this.#enter("card_out");
    else if (AFTERWARDS.has(this.phase)) this.#enter("attract");
  }
  // Only once the transaction is over.
  talk() {
    if (this.phase === "ended") this.#enter("talk");
  }
  talked() {
    if (this.phase === "talk") this.#enter("talked");
  }

  #enter(phase) {
    this.phase = phase;
    const { busy, patience } = PHASES[phase];
    this.#left = busy || patience || 0;
    this.#changed(this, true);
  }
  // Somebody is there: patience begins anew.
  #stay() {
    this.#left = PHASES[this.phase].patience;
    this.#changed(this, false);
  }
}
