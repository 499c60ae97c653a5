// What the page of a run does by itself: it puts in what is new, fetches what is unfolded, and sends buttons.
// Everything that it puts in was made and escaped by the server; the page's policy lets nothing else run.

const live = document.getElementById("live");
const connection = document.getElementById("connection");

function made(html) {
  const template = document.createElement("template");
  template.innerHTML = html.trim();
  return template.content.firstElementChild;
}

/** Put one piece where it belongs, and leave open what somebody has unfolded, and the focus where it is. */
function put({ id, into, html }) {
  const old = document.getElementById(id);
  if (!html) {
    old?.remove();
    return;
  }
  const fresh = made(html);
  if (old === null) {
    const place = document.getElementById(into);
    place?.append(fresh);
    return;
  }
  if (fresh.matches("details.older") && old.matches("ol")) return; // what somebody reads is not folded under their eyes
  const open = new Map([...old.querySelectorAll("details[id]")].map((one) => [one.id, one]));
  if (old.matches("details")) fresh.open = old.open;
  const focused = old.contains(document.activeElement) ? address(document.activeElement) : null;
  for (const one of fresh.querySelectorAll("details[id]")) {
    const before = open.get(one.id);
    if (before === undefined) continue;
    one.open = before.open;
    if (before.dataset.filled === one.dataset.result) {
      one.querySelector(".links")?.replaceWith(...before.querySelectorAll(":scope > :not(summary)"));
      one.dataset.filled = before.dataset.filled;
    } else if (one.open) fill(one);
  }
  old.replaceWith(fresh);
  if (focused) find(fresh, focused)?.focus({ preventScroll: true });
}

function address(element) {
  const details = element.closest("details[id]");
  return element.matches("summary") && details ? `#${details.id} > summary` : element.getAttribute("href");
}

function find(root, where) {
  if (where.startsWith("#c-")) return root.querySelector(where);
  return [...root.querySelectorAll("a[href]")].find((link) => link.getAttribute("href") === where);
}

/** Fetch what a call said and what came of it, the first time that somebody unfolds it. */
async function fill(details) {
  const { call, result } = details.dataset;
  const wanted = result ?? "";
  if (details.dataset.filled === wanted) return;
  details.dataset.filled = wanted;
  const parts = [];
  for (const url of [call, result]) {
    if (!url) continue;
    const answer = await fetch(`${url}?part`, { credentials: "same-origin" });
    if (answer.ok) parts.push(await answer.text());
  }
  for (const former of details.querySelectorAll(":scope > .fetched")) former.remove();
  const box = document.createElement("div");
  box.className = "fetched";
  box.innerHTML = parts.join("");
  details.append(box);
}

/** Put in the turns of a folded stretch, the first time that somebody unfolds it. */
async function unfold(details) {
  const { turns } = details.dataset;
  delete details.dataset.turns;
  if (!turns) return;
  const answer = await fetch(`${turns}?part`, { credentials: "same-origin" });
  if (answer.ok) details.append(made(await answer.text()));
  else details.dataset.turns = turns;
}

document.addEventListener("toggle", (event) => {
  if (!event.target.open) return;
  if (event.target.matches?.("details.call")) fill(event.target);
  if (event.target.matches?.("details.older")) unfold(event.target);
}, true);

document.getElementById("orders")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { submitter, currentTarget: form } = event;
  if (submitter.value === "stop" && submitter.dataset.sure !== "yes") {
    submitter.dataset.sure = "yes";
    submitter.textContent = "Really stop?";
    setTimeout(() => { submitter.dataset.sure = ""; submitter.textContent = "Stop"; }, 5000);
    return;
  }
  submitter.disabled = true;
  const asked = await fetch(form.action, {
    method: "POST",
    body: new URLSearchParams({ order: submitter.value }),
  }).then((answer) => answer.ok, () => false); // the server, or the way to it, may be away
  connection.textContent = asked ? `Asked for: ${submitter.value}.` : "That could not be asked for. Reload the page.";
  submitter.disabled = asked;
  if (submitter.value === "retry" && asked) location.reload();
});

function tick() {
  for (const clock of document.querySelectorAll("time[data-since]")) {
    const seconds = Math.max(0, Math.round((Date.now() - Date.parse(clock.dataset.since)) / 1000));
    const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
    clock.textContent = hours ? `${hours} h ${minutes} min` : minutes ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
  }
}

if (!live.hasAttribute("data-final")) {
  const source = new EventSource(`${live.dataset.address}?seen=${encodeURIComponent(live.dataset.seen)}`);
  source.addEventListener("put", (event) => {
    for (const piece of JSON.parse(event.data)) put(piece);
    tick();
  });
  source.addEventListener("end", () => source.close());
  source.addEventListener("open", () => { connection.textContent = ""; });
  source.addEventListener("error", () => {
    connection.textContent = source.readyState === EventSource.CLOSED ? "No longer live: reload the page." : "Connecting again …";
  });
  tick();
  setInterval(tick, 1000);
}
