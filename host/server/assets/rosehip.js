// What pages gain where scripts run: keys, lists that follow the log, and buttons that copy. Every page works without it.
"use strict";

const find = (selector, within = document) => within.querySelector(selector);
const findAll = (selector, within = document) => [...within.querySelectorAll(selector)];

// Keys. A row is whatever the page marks as one; enter follows the link that has the focus.
function step(by) {
  const rows = findAll("[data-row]");
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const to = at === -1 && by < 0 ? rows.length - 1 : at + by;
  find("a[href]", rows[Math.min(Math.max(to, 0), rows.length - 1)])?.focus();
}
const keys = {
  j: () => find("[data-row]") && step(1),
  k: () => find("[data-row]") && step(-1),
  "/": () => find("[role=search] input:not([type=hidden])")?.focus(),
  "?": () => find("#keys")?.showModal(),
};
document.addEventListener("keydown", (event) => {
  const isWriting = event.target.closest("input, textarea, select, dialog[open]") !== null;
  if (event.ctrlKey || event.metaKey || event.altKey || isWriting || !(event.key in keys)) return;
  event.preventDefault();
  keys[event.key]();
});

/** Calls `act` with the page as it is now when the log has gone on, until it says that this is enough: once at a time, at
    most once a second, and not while nobody looks. */
function follow(address, act) {
  const source = new EventSource(address);
  let [isBusy, isStale] = [false, false];
  async function run() {
    isStale = isBusy || document.hidden;
    if (isStale) return;
    isBusy = true;
    const answer = await fetch(location.href, { headers: { accept: "text/html" } }).catch(() => null);
    if (answer?.ok && act(new DOMParser().parseFromString(await answer.text(), "text/html")) === true) return source.close();
    setTimeout(() => { isBusy = false; if (isStale) run(); }, 1000);
  }
  source.addEventListener("changes", run);
  document.addEventListener("visibilitychange", () => isStale && run());
  return run;
}

/** A row's place in the log, as a number: as texts, 9 would come after 10. */
const seq = (row) => Number(row?.dataset.row ?? 0);

/** A list whose rows change where they stand. New ones come in at the top while the top is looked at, else they are counted. */
function followList(bar) {
  const [pause, fresh, list] = [find("[data-pause]", bar), find("[data-new]", bar), find("#list")];
  const most = 200;
  let [isPaused, page] = [false, null];
  function show(isAsked) {
    if (!find("tbody", list) || !find("tbody", page)) { list.innerHTML = find("#list", page).innerHTML; return; }
    const known = new Map(findAll("[data-row]", list).map((row) => [row.id, row]));
    const rows = findAll("[data-row]", page);
    const unknown = rows.filter((row) => !known.has(row.id) && seq(row) > seq(find("[data-row]", list)));
    for (const row of isPaused ? [] : rows) {
      const old = known.get(row.id);
      if (old && old.innerHTML !== row.innerHTML && !old.contains(document.activeElement)) old.innerHTML = row.innerHTML;
    }
    const last = seq(rows.at(-1));
    const gone = (row) => seq(row) >= last && !find("#" + row.id, page) && !unknown.includes(row);
    if (!isPaused) for (const row of known.values()) row.classList.toggle("gone", gone(row));
    const isAtTop = scrollY < 200 && !list.contains(document.activeElement);
    if (isAsked || (!isPaused && isAtTop)) {
      find("tbody", list).prepend(...unknown.map((row) => document.importNode(row, true)));
      findAll("[data-row]", list).slice(most).forEach((row) => row.remove());
      unknown.length = 0;
    }
    fresh.hidden = unknown.length === 0;
    fresh.textContent = `${unknown.length}${unknown.length === rows.length ? " or more" : ""} new`;
    if (!isPaused) find(".count", list).textContent = find(".count", page).textContent;
  }
  const run = follow(bar.dataset.live, (answer) => { page = answer; show(false); });
  pause.addEventListener("click", () => {
    isPaused = !isPaused;
    pause.setAttribute("aria-pressed", isPaused);
    if (!isPaused) run();
  });
  fresh.addEventListener("click", () => { show(true); scrollTo(0, 0); });
  bar.hidden = false;
}

/** A page that shows how something stands now. While somebody has opened or written something, it only says that it has changed. */
function followPage(note) {
  follow(note.dataset.follow, (answer) => {
    const isInUse = find("main details[open], main :focus") !== null;
    note.hidden = !isInUse;
    if (!isInUse) find("main").replaceChildren(note, ...find("main", answer).childNodes);
  });
}

/** Writing: a live preview, drafts that save themselves, and what was typed into a published article before its tab closed. */
function beginWriting(form) {
  const { elements, dataset: { autosave } } = form;
  const [preview, status, offer] = [find("#preview"), find("#saved"), find("#restore")];
  const typed = () => JSON.stringify([...new FormData(form)].filter(([name]) => !["csrf", "revision", "file", "alt"].includes(name)));
  // The form has buttons by the name of action, which hide the property.
  const key = `unsaved:${form.getAttribute("action")}`;
  let [saved, saving, next, timer] = [typed(), null, 0, 0];
  async function send(action) {
    const body = new URLSearchParams([...new FormData(form)].filter(([name]) => name !== "file"));
    body.set("action", action);
    const answer = await fetch(form.getAttribute("action"), { method: "POST", headers: { accept: "application/json" }, body }).catch(() => null);
    return { detail: "the host gave no answer", ...(await answer?.json().catch(() => null)) };
  }
  async function show() {
    preview.hidden = false;
    find(".prose", preview).innerHTML = (await send("preview")).html ?? "";
  }
  async function save() {
    const now = typed();
    // The address is made of the title, so that has to be whole.
    const isNaming = !elements.revision && document.activeElement === elements.title;
    if (now === saved || saving || isNaming || Date.now() < next || !elements.title.value.trim()) return;
    saving = send("autosave");
    const { slug, revision, detail } = await saving;
    [saving, next] = [null, Date.now() + Number(autosave)];
    setTimeout(save, Number(autosave) + 1);
    status.textContent = slug ? `Saved ${new Date().toTimeString().slice(0, 8)}` : `Not saved, and still here: ${detail}`;
    if (!slug) return;
    if (!elements.revision) form.insertAdjacentHTML("beforeend", '<input type="hidden" name="revision">');
    history.replaceState(null, "", `/${slug}/edit`);
    form.setAttribute("action", `/${slug}/edit`);
    [elements.revision.value, saved] = [revision, now];
  }
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (!preview.hidden) show();
      if (autosave) timer = setTimeout(save, Math.max(2500, next - Date.now()));
      else localStorage.setItem(key, JSON.stringify({ at: Date.now(), typed: typed() }));
    }, 500);
  });
  form.addEventListener("submit", async (event) => {
    const isPreview = event.submitter?.value === "preview";
    if (isPreview || saving) event.preventDefault();
    if (isPreview) return show().then(() => preview.scrollIntoView());
    // A save that is under way would make what is sent now stale.
    if (saving) saving.then(() => setTimeout(() => form.requestSubmit(event.submitter)));
  });
  const kept = autosave ? null : JSON.parse(localStorage.getItem(key));
  if (!kept || kept.typed === saved) return localStorage.removeItem(key);
  offer.hidden = false;
  find("time", offer).textContent = new Date(kept.at).toLocaleString();
  offer.addEventListener("click", ({ target: { value } }) => {
    if (value === "restore") for (const [name, text] of JSON.parse(kept.typed)) elements[name].value = text;
    if (value === "forget") localStorage.removeItem(key);
    offer.hidden = value !== undefined;
  });
}

/** The line under an article: while flows that it names go on, it is read anew. */
function followFlows(place) {
  follow(`/flows/events?changes=1&after=${place.dataset.after}`, (answer) => {
    const fresh = find("#following", answer);
    if (fresh !== null) find("[role=status]", place).replaceChildren(...find("[role=status]", fresh).childNodes);
    return fresh?.dataset.after === undefined;
  })();
}

findAll("[data-live]").forEach(followList);
findAll("[data-follow]").forEach(followPage);
findAll("form[data-article]").forEach(beginWriting);
findAll("#following[data-after]").forEach(followFlows);
for (const code of navigator.clipboard ? findAll("[data-copy]") : []) {
  const button = Object.assign(document.createElement("button"), { className: "small", textContent: "Copy" });
  button.addEventListener("click", () => navigator.clipboard.writeText(code.textContent).then(() => { button.textContent = "Copied"; }));
  code.after(button);
}
