// Says each minute that somebody is still at this screen: `data-keep` on a form is the address that its fields go to.
const EACH_MS = 60_000;

setInterval(() => {
  const form = document.querySelector("form[data-keep]");
  if (form) fetch(form.dataset.keep, { method: "POST", body: new URLSearchParams(new FormData(form)) }).catch(() => {});
}, EACH_MS);
