// Where the page would be while Earshot is not running: a sentence, which gives way to the page by
// itself. Nothing else is kept or answered here.

const KEPT = "earshot-offline";

self.addEventListener("install", event => {
  self.skipWaiting();
  event.waitUntil(caches.open(KEPT).then(kept => kept.add(new Request("/earshot/offline", { cache: "no-store" }))));
});

self.addEventListener("activate", event => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", event => {
  if (event.request.mode !== "navigate") return;
  event.respondWith(fetch(event.request).catch(() => caches.match("/earshot/offline")));
});
