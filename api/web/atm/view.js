// Builds what stands on the screen in each phase. Words of treatments are put on it as text and nothing else.
export const make = (tag, part, text) => {
  const node = document.createElement(tag);
  if (part) node.className = part;
  if (text) node.textContent = text;
  return node;
};

// A second press of a double click would land on whatever has taken the button's place.
export const button = (text, act, { key = "", part = "choice" } = {}) => {
  const node = make("button", part);
  if (key) {
    const sign = node.appendChild(make("span", "key", key));
    sign.setAttribute("aria-hidden", "true");
    node.setAttribute("aria-keyshortcuts", key);
    node.dataset.key = key;
  }
  node.append(make("span", "", text));
  node.type = "button";
  node.addEventListener("click", (event) => event.detail > 1 || act());
  return node;
};

export const title = (text, more = "") => {
  const head = make("div", "head");
  const line = make("h1", "", text);
  line.tabIndex = -1;
  head.append(line);
  if (more) head.append(make("p", "more", more));
  return head;
};

// Choices with their keys, 1 onwards; `last` stands apart and has the key 0.
export const choices = (all, last) => {
  const list = make("div", "choices");
  list.append(...all.map(([text, act], position) => button(text, act, { key: String(position + 1) })));
  if (last) list.append(button(last[0], last[1], { key: "0", part: "choice quiet" }));
  return list;
};

export const keypad = (press, clear, enter, words) => {
  const pad = make("div", "keypad");
  pad.setAttribute("role", "group");
  pad.setAttribute("aria-label", words("keypad"));
  const key = (text, act, part, label) => {
    const node = button(text, act, { part: `pad ${part}` });
    if (label) node.setAttribute("aria-label", label);
    node.addEventListener("pointerdown", (event) => event.preventDefault());
    // On a pad the second press is meant.
    node.addEventListener("click", (event) => event.detail > 1 && act());
    return node;
  };
  for (const digit of "123456789") pad.append(key(digit, () => press(digit), "digit"));
  pad.append(key("C", clear, "quiet", words("clear")), key("0", () => press("0"), "digit"), key("OK", enter, "enter", words("enter")));
  return pad;
};

export const field = (text, label) => {
  const output = make("output", "field", text);
  output.setAttribute("aria-label", label);
  return output;
};

// What the machine is doing, and beneath it the room for an offer: its size is the same whatever comes.
export const working = (text) => {
  const band = make("div", "working");
  const line = make("h1", "", text);
  line.tabIndex = -1;
  const bar = make("div", "bar");
  bar.append(make("span"));
  bar.setAttribute("aria-hidden", "true");
  band.append(line, bar);
  return band;
};
export const room = (label) => {
  const place = make("section", "room");
  place.setAttribute("aria-label", label);
  return place;
};

// The machine's own words, or an offer with its two answers.
export const card = ({ headline, body }, actions = []) => {
  const content = make("div", "card");
  content.append(make("h2", "", headline), make("p", "", body || ""));
  if (actions.length) {
    const row = make("div", "row");
    row.append(...actions);
    content.append(row);
  }
  return content;
};

export const paper = (lines, extra) => {
  const sheet = make("div", "paper");
  for (const [name, value] of lines) {
    const line = make("p", "line");
    line.append(make("span", "", name), make("span", "", value));
    sheet.append(line);
  }
  if (extra) sheet.append(make("p", "extra", extra));
  return sheet;
};
