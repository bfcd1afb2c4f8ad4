// Review: answers to decide about, one key each. What is decided is sent behind; the next item is there already.
import { author } from "./author.js";
import { answerOf, choicesOf, levelsOf, nextTo, shown, taggedOf, titleOf, verdictOf } from "./cases.js";
import { decidedIn, undo } from "./decided.js";
import { button, el, empty, find, percent, when } from "./dom.js";
import { handOf } from "./hand.js";
import { help, listen } from "./keys.js";
import { notice, refused, say } from "./notices.js";
import { picker } from "./picker.js";
import { get, trouble } from "./rest.js";
import { progressIn } from "./progress.js";

const place = find("case");
const filters = find("filters");
const TYPED = 400; // milliseconds of no typing after which a filter counts

const DID = { accept: "Accepted", correct: "Corrected", coarser: "Made coarser", finer: "Made finer", tags: "Tags decided", skip: "Skipped", unsure: "Not sure" };
const KEYS = [
  [["A"], "accept the category, with the tags as they are shown"],
  [["K"], "the category that it is stored in is right"],
  [["1", "…", "9"], "one of the other categories is right"],
  [["⇧1", "…", "⇧9"], "that level of the path is right"],
  [["C"], "a level coarser"],
  [["F"], "a level finer"],
  [["P"], "search another category: type, arrows, Enter"],
  [["T"], "go to the tags, and from one to the next; the space bar keeps one or not"],
  [["G"], "these tags are right, nothing is said of the category"],
  [["S"], "skip: not today"],
  [["N"], "not sure: somebody else may know"],
  [["U"], "undo the last decision, and the one before, as often as you like"],
  [["?"], "this list"],
];

let branch = null;
let nomination = new URLSearchParams(location.search).get("nomination"); // what one put here is shown alone
let before = null; // the item that is shown

const share = (field) => (field.value ? Number(field.value) : null);

const wanted = () => ({
  queue: filters.queue.value, decision: filters.decision.value, category: branch?.id, supplier: filters.supplier.value.trim(),
  least: share(filters.least), most: share(filters.most), weigh: filters.weigh.value.trim(), nomination: nomination && Number(nomination),
});

const progress = progressIn(find("figures"), wanted);

const hand = handOf(wanted, {
  changed: () => show(),
  failed: (item) => {
    show(true);
    progress.undecided(item);
    say(`It was not possible: ${titleOf(item)} is back. ${item.trouble.message}`);
  },
  lost: (error) => {
    if (hand.items.length) return refused(error);
    before = null;
    place.replaceChildren(trouble(error, () => hand.fill()));
  },
  unmade: (error) => {
    show(true);
    refused(error);
  },
});

/** Show what is before him, where that is another item than was shown, or `again`. */
function show(again = false) {
  const item = hand.items[0];
  coming();
  if (item && item === before && !again) return;
  before = item || null;
  const had = place.contains(document.activeElement) || document.activeElement === document.body;
  if (item) place.replaceChildren(shown(item, act));
  else place.replaceChildren(nothing());
  place.removeAttribute("aria-busy");
  if (had && item) place.firstElementChild.focus({ preventScroll: true });
  if (place.getBoundingClientRect().top < 0) place.scrollIntoView();
}

function nothing() {
  if (!author()) return empty("Who looks?", "Write your name above: nobody else is given the same items, and it stands beside what you decide.");
  if (!hand.loaded) return el("p", "hint", "Loading …");
  const filtered = find("filtered").textContent !== "none";
  const what = nomination ? "Nothing of it waits: what was put here is decided about, or before somebody else." : filtered ? "Nothing waits that these filters let through." : "Answers come here as products are asked about, the most doubted first.";
  return empty("Nothing to look at", what, hand.undoable ? "The last decisions can still be taken back with U." : "");
}

/** The titles of what comes next: they are there already. */
function coming() {
  const next = hand.items.slice(1, 5).map((item) => el("li", "", el("span", "", titleOf(item)), el("span", "hint", ` ${answerOf(item.prediction)}`)));
  find("coming").replaceChildren(...(next.length ? [el("h3", "", "Then"), el("ol", "", ...next)] : []));
}

/** Decide about the item that is shown. */
function decide(action, said = {}, where = "") {
  const item = hand.items[0];
  if (!item || item !== before) return false;
  const id = item.prediction.product_id ? {} : { id: item.id };
  const labels = action === "skip" || action === "unsure" ? {} : { ...taggedOf(item), ...id };
  const entry = hand.decide({ action, body: { decision: action, ...said, ...labels } });
  progress.decided(entry);
  entry.sent.then((number) => number && decidedLately());
  const next = hand.items[0];
  const then = next ? `Next: ${titleOf(next)}. ${answerOf(next.prediction)}` : "Nothing else is here.";
  say(`${DID[action]}${where ? `: ${where}` : ""}. ${then}`);
  return true;
}

const prediction = () => hand.items[0]?.prediction;

/** A category is right: of whatever kind that makes the decision. */
function choose(category) {
  if (!category) return say("There is none.");
  const action = verdictOf(prediction(), category);
  return decide(action, action === "accept" ? {} : { category: category.id || category.path }, category.path);
}

const act = {
  choose,
  accept: () => (prediction()?.category ? choose(prediction().category) : say("No category was answered that could be accepted.")),
  keep: () => {
    const stored = hand.items[0]?.stored;
    return stored?.category ? choose({ id: stored.category_id, path: stored.category }) : say("It is stored in no category.");
  },
  coarser: () => prediction() && choose(nextTo(prediction(), "coarser")),
  finer: () => prediction() && choose(nextTo(prediction(), "finer")),
  tags: () => {
    const { tags_added: added, tags_removed: removed } = taggedOf(hand.items[0]);
    return added.length || removed.length ? decide("tags") : say("No tag was added or removed.");
  },
  skip: () => decide("skip"),
  unsure: () => decide("unsure"),
  drop: () => hand.drop(),
  undo: () => {
    const entry = hand.takeBack();
    if (!entry) return say("There is nothing to take back.");
    progress.undecided(entry.item);
    show(true);
    say(`Taken back: ${titleOf(entry.item)} is here again. ${answerOf(entry.item.prediction)}`);
    entry.item.back.then(decidedLately);
    return true;
  },
};

/** Go to the tags, or from one to the next. */
function toTags() {
  const all = [...place.querySelectorAll(".toggles button, .toggles input")];
  all[(all.indexOf(document.activeElement) + 1) % all.length]?.focus();
}

const somewhere = (does) => () => (hand.items.length ? (does(), true) : false);
const digits = Array.from({ length: 9 }, (_, at) => [
  [String(at + 1), somewhere(() => choose(choicesOf(prediction())[at]))],
  [`Shift+${at + 1}`, somewhere(() => choose(levelsOf(prediction())[at]))],
]).flat();
listen({
  a: somewhere(act.accept), k: somewhere(act.keep), c: somewhere(act.coarser), f: somewhere(act.finer), s: somewhere(act.skip), n: somewhere(act.unsure),
  g: somewhere(act.tags), p: somewhere(() => place.querySelector("#another").focus()), t: somewhere(toTags), u: act.undo, "?": () => void help(KEYS),
  ...Object.fromEntries(digits),
});
find("help").addEventListener("click", () => help(KEYS));

/** What the filters say, in a few words. */
function filtered() {
  const { queue, nomination: _nomination, ...rest } = wanted();
  const said = Object.entries({ ...rest, category: branch?.path }).filter(([, value]) => value);
  const words = {
    decision: () => filters.decision.selectedOptions[0].text, category: (value) => value, supplier: (value) => `of ${value}`,
    least: (value) => `from ${percent(value)}`, most: (value) => `to ${percent(value)}`, weigh: (value) => `weighed by ${value}`,
  };
  const all = [...(queue === "mixed" ? [] : [filters.queue.selectedOptions[0].text]), ...said.map(([name, value]) => words[name](value))];
  return all.join(", ") || "none";
}

/** Other items are wanted: those in hand are given back, and the queue is asked anew. */
function refilter() {
  find("filtered").textContent = filtered();
  before = null;
  place.setAttribute("aria-busy", "true");
  progress.load();
  return hand.restart();
}

/** Say what alone is shown, where that is what somebody put here; from there it is taken back, or all is shown. */
async function only() {
  const place = find("only");
  place.hidden = !nomination;
  if (!nomination) return;
  try {
    const { author: by, at, subject, detail, undone_at: undone } = await get(`/v1/decisions/${nomination}`);
    const said = `Only what ${by || "somebody"} put here ${when(at)}, ${subject}${detail.reason ? `: ${detail.reason}` : ""}`;
    const back = button("quiet", "Take it back", async () => {
      try {
        await undo(nomination);
        notice("Taken back: what nobody had decided about waits no more.");
        await all();
      } catch (error) {
        refused(error);
      }
    });
    place.replaceChildren(
      el("p", "", said, undone ? ` It was taken back ${when(undone)}.` : ""),
      el("div", "does", button("", "All that waits", all), undone ? "" : back),
    );
  } catch (error) {
    place.replaceChildren(trouble(error), el("div", "does", button("", "All that waits", all)));
  }
}

function all() {
  nomination = null;
  history.replaceState(null, "", location.pathname);
  only();
  return refilter();
}

let typed = null;
for (const name of ["queue", "decision", "least", "most"]) filters[name].addEventListener("change", refilter);
for (const name of ["supplier", "weigh"]) {
  filters[name].addEventListener("input", () => {
    clearTimeout(typed);
    typed = setTimeout(refilter, TYPED);
  });
}
const branchPicker = picker(find("branch"), (node) => {
  if (node?.id === branch?.id) return;
  branch = node;
  refilter();
});
filters.addEventListener("submit", (event) => event.preventDefault());
filters.addEventListener("reset", () => setTimeout(() => {
  branch = null;
  branchPicker.clear();
  refilter();
}));

const name = find("author");
name.addEventListener("change", () => hand.restart().then(() => show(true)));
name.addEventListener("keydown", (event) => event.key === "Enter" && name.blur());

const decidedLately = decidedIn(find("decided"), "prediction", () => {
  progress.load();
  return hand.fill();
});
only();
progress.load();
show(true);
if (author()) hand.fill();
else name.focus();
