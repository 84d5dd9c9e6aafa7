// The demonstration around the banners: who is looking, and what the page has told the engine.
const chosen = new URLSearchParams(location.search).get("customer") || "";
const select = document.querySelector("#customer");
const log = document.querySelector("#log");
const SAID = { shown: "shown", impression: "seen", click: "clicked", decline: "dismissed", accept: "accepted" };

for (const [what, said] of Object.entries(SAID)) {
  document.addEventListener(`nextbest-${what}`, ({ target }) => {
    if (!log.dataset.filled) log.replaceChildren();
    log.dataset.filled = "yes";
    const line = document.createElement("li");
    line.textContent = `${target.placement}: ${said}`;
    log.append(line);
  });
}

select.addEventListener("change", () => location.assign(select.value ? `?customer=${select.value}` : "/shop"));

try {
  const people = await (await fetch("/shop/people.json")).json();
  for (const { customer, who } of people) select.append(new Option(`${customer}, ${who}`, customer));
} catch {
  // The visitor stays the only choice.
}
try {
  const { page } = await (await fetch("/shop/key.json")).json();
  for (const banner of document.querySelectorAll("nextbest-banner")) if (page) banner.setAttribute("key", page);
} catch {
  // Without a key there are no offers, and the page's own content stays.
}
if (/^\w+$/.test(chosen)) {
  if (!select.querySelector(`[value="${chosen}"]`)) select.append(new Option(chosen, chosen));
  select.value = chosen;
  for (const banner of document.querySelectorAll("nextbest-banner")) banner.setAttribute("identity", `customer_id:${chosen}`);
}
await import("/web/banner/nextbest-banner.js");
