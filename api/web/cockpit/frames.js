// The screens: each is the real page in a frame. Tells when a screen shows what it has to show.
const WIDTH = 1024;
const PIN = ["1", "2", "3", "4"];
const LONGEST_MS = 4000;

const sizing = new ResizeObserver((all) => {
  for (const { target, contentRect } of all) target.style.setProperty("--scale", String(contentRect.width / WIDTH));
});

const once = (target, name, fits = () => true) =>
  new Promise((tell) => {
    const hear = (event) => {
      if (!fits(event)) return;
      target.removeEventListener(name, hear);
      tell();
    };
    target.addEventListener(name, hear);
  });
const patience = (promise) => Promise.race([promise, new Promise((tell) => setTimeout(tell, LONGEST_MS))]);

class Screen {
  constructor(figure) {
    this.frame = figure.querySelector("iframe");
    this.took = figure.querySelector("output");
    sizing.observe(figure.querySelector(".glass"));
  }
  get page() {
    return this.frame.contentDocument;
  }
  async open(address) {
    const loaded = once(this.frame, "load");
    // The same address again is a page that is loaded again, and no step to go back to.
    if (this.frame.src) this.frame.contentWindow.location.replace(address);
    else this.frame.src = address;
    await patience(loaded);
  }
  show(since) {
    this.took.textContent = `${Math.round(performance.now() - since)} ms`;
  }
}

// A banner shows an offer or stays as it is: whichever is settled first.
class Web extends Screen {
  async react(customer) {
    await this.open(`/shop?customer=${customer}`);
    await Promise.race([once(this.page, "nextbest-shown"), new Promise((tell) => setTimeout(tell, 400))]);
  }
}
class Staff extends Screen {
  constructor(figure, address) {
    super(figure);
    this.address = address;
  }
  react(customer) {
    return this.open(this.address(customer));
  }
}
// The card goes in and the PIN is right: the machine's clock is turned on by hand until it opens the account.
class Machine extends Screen {
  async react(customer) {
    await this.open(`/atm?customer=${customer}`);
    for (let waited = 0; waited < LONGEST_MS && this.page.body?.dataset.simulated !== "ready"; waited += 20) {
      await new Promise((tell) => setTimeout(tell, 20));
    }
    return this.use(customer);
  }
  async use(customer) {
    const { page } = this;
    const say = (name, detail) => page.dispatchEvent(new CustomEvent(name, { detail }));
    const phase = () => page.body.dataset.phase;
    say("atm-card", { state: "inserted", token: `tok_${customer}` });
    for (let turn = 0; phase() === "reading" && turn < 9; turn += 1) say("atm-tick");
    for (const key of [...PIN, "Enter"]) page.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    say("atm-pin", { right: true });
    for (let waited = 0; waited < 1000 && !page.querySelector(".room .card"); waited += 10) await new Promise((tell) => setTimeout(tell, 10));
  }
}

const MADE = {
  atm: (figure) => new Machine(figure),
  web: (figure) => new Web(figure),
  teller: (figure) => new Staff(figure, (customer) => `/teller/customers/${customer}?visit=cockpit-${customer}`),
  agent: (figure) => new Staff(figure, () => "/agent"),
};
export const screens = (document) =>
  Object.fromEntries([...document.querySelectorAll("[data-screen]")].map((figure) => [figure.dataset.screen, MADE[figure.dataset.screen](figure)]));
