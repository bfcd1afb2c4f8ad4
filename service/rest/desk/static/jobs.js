// The jobs as they go on: each is asked about again when the service says, until it has come to its end, and their list
// as others change it.
import { button, counted, el, when } from "./dom.js";
import { asked } from "./dialogs.js";
import { notice, refused, say } from "./notices.js";
import { Trouble, get, send, trouble } from "./rest.js";

const STATES = { queued: ["", "waits"], running: ["warm", "runs"], done: ["good", "done"], failed: ["bad", "failed"], cancelled: ["", "cancelled"] };
const KINDS = { categorize: "categories", duplicates: "stored already?", audit: "categories checked", index: "stored" };
const WORDS = { auto: "sure", suggest: "suggested", abstain: "not sure" }; // what else there is says itself
const WAIT_SECONDS = 1; // where the service says nothing
const QUARTER = 25;
const LISTED = 10; // in one page of the list
const NEWS = 5_000; // milliseconds between two looks for jobs of others

const open = (job) => job.state === "queued" || job.state === "running";
const thousands = (value) => value.toLocaleString("en-GB", { maximumFractionDigits: value < 10 ? 1 : 0 });

/** How long that is, as people say it. */
export function lasting(seconds) {
  if (seconds < 90) return counted(Math.max(1, Math.ceil(seconds)), "second");
  if (seconds < 5400) return counted(Math.round(seconds / 60), "minute");
  return counted(Math.round(seconds / 3600), "hour");
}

export const page = (cursor) => get("/v1/jobs", { cursor, limit: LISTED });

/**
 * Keep a list of jobs as others change it, as long as it is seen: new ones come before the others, deleted ones go.
 * Nothing is said aloud, and the focus stays where it is. reload() loads the list anew, show(job) makes an element of
 * it, gone(element) takes one out.
 */
export function live(place, reload, show, gone) {
  async function look() {
    const list = place.querySelector(".list");
    if (document.hidden || place.ariaBusy || !(list || place.querySelector(".empty"))) return;
    const seen = await page().catch((error) => (error instanceof Trouble ? null : Promise.reject(error))); // told to whoever acts
    if (!seen || place.querySelector(".list") !== list) return; // loaded anew meanwhile
    if (!list) {
      if (seen.items.length) place.replaceChildren(el("div", "list", ...seen.items.map(show)));
      return;
    }
    const shown = [...list.children];
    const known = new Set(shown.map((each) => each.dataset.job));
    const first = seen.items.findIndex((job) => known.has(job.id));
    if (first < 0 && seen.items.length) return reload();
    list.prepend(...seen.items.slice(0, first).map(show));
    const there = new Set(seen.items.map((job) => job.id));
    const reached = seen.next ? seen.items.at(-1).created_at : "";
    for (const each of shown) if (!there.has(each.dataset.job) && each.dataset.at >= reached) gone(each);
  }
  setInterval(look, NEWS);
  document.addEventListener("visibilitychange", look);
}

/** An element that shows a job and follows it as long as it is in the page; gone(element) follows when it is deleted. */
export function followed(job, gone) {
  const shown = el("article", "job");
  shown.tabIndex = -1;
  Object.assign(shown.dataset, { job: job.id, at: job.created_at });
  let wait = WAIT_SECONDS;
  let told = quarter(job);

  function show(now) {
    const had = document.activeElement;
    const inside = shown.contains(had) && had !== shown;
    shown.replaceChildren(...parts(now, stop, forget));
    shown.setAttribute("aria-label", `${now.name}, ${STATES[now.state][1]}`);
    if (inside) (shown.querySelector("button, a") || shown).focus(); // it stays where somebody was
    if (now.state !== job.state) say(`${now.name}: ${STATES[now.state][1]}.`);
    else if (quarter(now) > told) say(`${now.name}: ${Math.floor(now.progress.percent)}%.`);
    told = quarter(now);
    job = now;
  }

  async function look() {
    if (!shown.isConnected || !open(job)) return;
    if (document.hidden) return setTimeout(look, wait * 1000);
    try {
      show(await get(`/v1/jobs/${job.id}`, {}, { heard: (headers) => (wait = Number(headers.get("Retry-After")) || WAIT_SECONDS) }));
      if (open(job)) setTimeout(look, wait * 1000);
    } catch (error) {
      if (error.status === 404) return gone(shown);
      shown.append(trouble(error, () => {
        show(job);
        look();
      }));
    }
  }

  async function stop() {
    const rest = job.kind === "index" ? "What it has stored until then stays stored." : "There is no result of a job that did not come to its end.";
    if (!(await asked(`Cancel ${job.name}?`, [el("p", "", rest)], "Cancel the job"))) return;
    try {
      show(await send("POST", `/v1/jobs/${job.id}:cancel`));
    } catch (error) {
      refused(error);
      look();
    }
  }

  async function forget() {
    const rest = "Its result, and the rows that it refused, are gone then, for everybody. What it stored in the catalogue stays.";
    if (!(await asked(`Delete ${job.name}?`, [el("p", "", rest)], "Delete the job"))) return;
    try {
      await send("DELETE", `/v1/jobs/${job.id}`);
    } catch (error) {
      if (error.status !== 404) return refused(error); // else somebody was faster
    }
    gone(shown);
    notice(`${job.name} is deleted.`);
  }

  shown.replaceChildren(...parts(job, stop, forget));
  shown.setAttribute("aria-label", `${job.name}, ${STATES[job.state][1]}`);
  if (open(job)) setTimeout(look, wait * 1000);
  return shown;
}

const quarter = (job) => Math.floor((job.progress.percent || 0) / QUARTER);

function parts(job, stop, forget) {
  const [badge, state] = STATES[job.state];
  const counts = Object.entries(job.counts).map(([word, number]) => el("span", "", el("b", "", thousands(number)), ` ${WORDS[word] || word}`));
  const who = job.author ? `, ${job.author}` : "";
  return [
    el("div", "head", el("h3", "", job.name), el("span", `badge ${badge}`, state), el("span", "hint", `${KINDS[job.kind]}, ${when(job.created_at)}${who}`)),
    open(job) ? bar(job) : null,
    el("p", "hint", far(job)),
    counts.length ? el("p", "counts", ...counts) : null,
    job.error ? el("p", "trouble", job.error) : null,
    el(
      "div", "does",
      open(job) ? button("quiet", "Cancel", stop) : null,
      job.result_url ? link("button main", "Download the result", job.result_url) : null,
      job.quarantine_url && job.counts.refused ? link("button", `Rows that were refused (${thousands(job.counts.refused)})`, job.quarantine_url) : null,
      open(job) ? null : button("quiet", "Delete", forget),
    ),
  ].filter(Boolean);
}

function bar(job) {
  const made = el("progress");
  made.max = 100;
  made.setAttribute("aria-label", `How far ${job.name} is`);
  if (job.progress.percent !== null) made.value = job.progress.percent; // without one it goes back and forth
  return made;
}

function far({ state, progress }) {
  if (state === "queued" && !progress.done) return "Its turn comes.";
  const { done, total, rows_per_second: rate, eta_s: left } = progress;
  if (state === "done") return `${counted(done, "row")}${rate ? `, ${thousands(rate)} a second` : ""}`;
  const of = total === null ? counted(done, "row") : `${thousands(done)} of about ${counted(total, "row")}`;
  return [of, rate && `${thousands(rate)} a second`, left !== null && `about ${lasting(left)} left`].filter(Boolean).join(", ");
}

function link(name, text, url) {
  const made = el("a", name, text);
  made.href = url;
  return made;
}
