// The jobs as they go on: each is asked about again when the service says, until it has come to its end.
import { button, counted, el, when } from "./dom.js";
import { asked } from "./dialogs.js";
import { refused, say } from "./notices.js";
import { get, send, trouble } from "./rest.js";

const STATES = { queued: ["", "waits"], running: ["warm", "runs"], done: ["good", "done"], failed: ["bad", "failed"], cancelled: ["", "cancelled"] };
const KINDS = { categorize: "categories", duplicates: "stored already?", audit: "categories checked", index: "stored" };
const WORDS = { auto: "sure", suggest: "suggested", abstain: "not sure" }; // what else there is says itself
const WAIT_SECONDS = 2; // where the service says nothing
const QUARTER = 25;

const open = (job) => job.state === "queued" || job.state === "running";
const thousands = (value) => value.toLocaleString("en-GB", { maximumFractionDigits: value < 10 ? 1 : 0 });

/** How long that is, as people say it. */
export function lasting(seconds) {
  if (seconds < 90) return counted(Math.max(1, Math.ceil(seconds)), "second");
  if (seconds < 5400) return counted(Math.round(seconds / 60), "minute");
  return counted(Math.round(seconds / 3600), "hour");
}

/** An element that shows a job and follows it as long as it is in the page. */
export function followed(job) {
  const shown = el("article", "job");
  shown.tabIndex = -1;
  shown.dataset.job = job.id;
  let wait = WAIT_SECONDS;
  let told = quarter(job);

  function show(now) {
    const had = document.activeElement;
    const inside = shown.contains(had) && had !== shown;
    shown.replaceChildren(...parts(now, stop));
    shown.setAttribute("aria-label", `${now.name}, ${STATES[now.state][1]}`);
    if (inside) (shown.querySelector("button, a") || shown).focus(); // it stays where somebody was
    if (now.state !== job.state) say(`${now.name}: ${STATES[now.state][1]}.`);
    else if (quarter(now) > told) say(`${now.name}: ${Math.floor(now.progress.percent)}%.`);
    told = quarter(now);
    job = now;
  }

  async function look() {
    if (!shown.isConnected || !open(job)) return;
    try {
      show(await get(`/v1/jobs/${job.id}`, {}, { heard: (headers) => (wait = Number(headers.get("Retry-After")) || WAIT_SECONDS) }));
      if (open(job)) setTimeout(look, wait * 1000);
    } catch (error) {
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

  shown.replaceChildren(...parts(job, stop));
  shown.setAttribute("aria-label", `${job.name}, ${STATES[job.state][1]}`);
  if (open(job)) setTimeout(look, wait * 1000);
  return shown;
}

const quarter = (job) => Math.floor((job.progress.percent || 0) / QUARTER);

function parts(job, stop) {
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
