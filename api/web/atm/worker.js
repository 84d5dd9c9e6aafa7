// Keeps the machine's page and its signed content for when the service is away. Nothing about a customer is kept:
// requests to the API pass by, and are never answered from here.
import { opened } from "./pack.js";

const KEPT = "nextbest-atm";
const PACK = "/atm/pack.json";
const PATIENCE_MS = 1500;
const key = new URL(self.location.href).searchParams.get("key");
const FILES = ["/atm", PACK, "/web/tokens.css", "/web/mark.svg", ...["atm.css", "atm.js", "machine.js", "offers.js", "pack.js", "simulated.js", "view.js"].map((name) => `/atm/${name}`)];

// What came is kept where it may be: a page or file that arrived whole, a pack only if it is the bank's.
const keep = async (name, answer) => {
  if (!answer.ok || answer.redirected) throw new Error(answer.status);
  if (name === PACK) await opened(await answer.clone().json(), key);
  await (await caches.open(KEPT)).put(name, answer.clone());
  return answer;
};
// Without the reader's cookies: what is kept is the same for everybody.
const fetched = async (name) => keep(name, await fetch(name, { signal: AbortSignal.timeout(PATIENCE_MS), cache: "no-cache", credentials: "omit" }));
const kept = async (name) => (await caches.open(KEPT)).match(name);

self.addEventListener("install", (event) => {
  event.waitUntil(Promise.all(FILES.map(fetched)).then(() => self.skipWaiting()));
});
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { origin, pathname } = new URL(event.request.url);
  if (event.request.method !== "GET" || origin !== self.location.origin || !FILES.includes(pathname)) return;
  event.respondWith(fetched(pathname).catch(async () => (await kept(pathname)) || Response.error()));
});
