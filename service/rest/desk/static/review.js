// Review: doubtful answers, one after the other. A decision is one key, and the next answer is there before it is sent.
import { author } from "./author.js";
import { decidedIn, undo } from "./decided.js";
import { chosenCategory } from "./dialogs.js";
import { button, counted, el, empty, find, path, percent } from "./dom.js";
import { notice, refused, say } from "./notices.js";
import { typing } from "./pages.js";
import { picker } from "./picker.js";
import { get, post, trouble } from "./rest.js";
import { FACTS } from "./sides.js";

const place = find("item");
const filters = find("filters");
const IN_HAND = 3; // answers that are held, so that the next one is there at once
const WHY = { doubt: "doubtful", sample: "one of the sample of sure answers", held: "held by you already" };
const DOUBTS = { uncertainty: "not sure", novelty: "unlike what is known", disagreement: "neighbours disagree" };
const DONE = { accept: "accepted", correct: "corrected", coarser: "made coarser", finer: "made finer", skip: "skipped", unsure: "left to others" };

let hand = []; // the answers that are held, the first of which is shown
let branch = null;
let done = 0;
let last = null; // the last decision: its item, and its number once it is there
let asking = null;
let reviewing = ""; // whose the answers in hand are
const sent = new Set(); // predictions that were decided about here

const current = () => hand[0];

/** Hold some answers, and show the first of them. */
async function fill() {
  reviewing = author();
  if (!reviewing) return ask();
  const query = { reviewer: author(), limit: IN_HAND, queue: filters.queue.value, category: branch?.id };
  for (const name of ["supplier", "weigh"]) query[name] = filters[name].value.trim();
  const mine = (asking = {});
  try {
    const { items } = await get("/v1/review/next", query);
    if (mine !== asking) return;
    const held = new Set(hand.map((each) => each.prediction.id));
    const before = current();
    hand.push(...items.filter((each) => !sent.has(each.prediction.id) && !held.has(each.prediction.id)));
    if (current() !== before || !hand.length) show();
  } catch (error) {
    if (mine === asking) place.replaceChildren(trouble(error, fill));
  }
}

function ask() {
  place.replaceChildren(empty("Who are you?", "Say your name above: nobody else is given what you look at, and your decisions carry it."));
  find("author").focus();
}

function show() {
  const item = current();
  find("count").textContent = done ? `${counted(done, "decision")} made` : "";
  if (!item) {
    place.replaceChildren(empty("Nothing waits", "Every doubtful answer is decided about, as far as these filters go. Answers come here as they are given."));
    return;
  }
  const made = el("article", "card");
  made.tabIndex = -1;
  const { product, category } = item.prediction;
  const title = product?.title || item.prediction.product_id || "A product whose text is not kept";
  made.setAttribute("aria-label", title);
  made.append(el("div", "columns", el("div", "", ...asked(item.prediction, title)), el("div", "", ...answered(item))), actions(item));
  place.replaceChildren(made);
  made.focus();
  say(`${title}: ${category ? `${category.path}, ${percent(category.probability)}` : "no category"}`);
}

/** The product as it was asked about. */
function asked(prediction, title) {
  const product = prediction.product || { specs: [], facts: {} };
  const known = [
    ["Brand", product.brand], ...product.specs.map((spec) => [spec.name, spec.value]),
    ...Object.entries(FACTS).map(([fact, name]) => [name, product.facts[fact]]), ["Id", prediction.product_id],
  ].filter(([, value]) => value);
  const parts = [
    el("h2", "", title), product.description ? el("p", "text", product.description) : "",
    el("dl", "known", ...known.flatMap(([name, value]) => [el("dt", "", name), el("dd", "", String(value))])),
  ];
  if (!prediction.product_id) {
    const label = el("label", "", "Id", el("span", "hint", " it was asked about without one, and is stored under it"));
    const input = el("input");
    Object.assign(input, { id: "new-id", maxLength: 256, autocomplete: "off", spellcheck: false });
    label.htmlFor = input.id;
    parts.push(label, input);
  }
  return parts;
}

/** The answer: how far it is sure of each level, what else it may be, and who says so. */
function answered({ prediction, why }) {
  const doubts = Object.entries(prediction.doubts).sort((one, other) => other[1] - one[1]).map(([name, value]) => `${DOUBTS[name] || name} ${percent(value)}`);
  const depth = prediction.category ? prediction.category.path.split(" > ").length : 0;
  const levels = prediction.levels.map((level, at) => el(
    "li", at + 1 === depth ? "decided" : at < depth ? "" : "beyond", level.name, el("span", "hint", ` ${percent(level.probability)}`),
  ));
  const others = prediction.alternatives.slice(0, 9).map((each, at) => {
    const choose = button("plain", "", () => decide("correct", each));
    choose.append(el("kbd", "", String(at + 1)), " ", path(each.path), el("span", "hint", ` ${percent(each.probability)}`));
    choose.setAttribute("aria-keyshortcuts", String(at + 1));
    return el("li", "", choose);
  });
  const neighbours = prediction.neighbours.slice(0, 5).map((each) => el(
    "li", "", path(each.path || "", ""), el("span", "hint", ` ${each.id}, similarity ${each.similarity.toFixed(2)}`),
  ));
  return [
    el("p", "hint", `${WHY[why]} · ${doubts.join(" · ")}`), el("ol", "levels", ...levels), el("p", "hint", prediction.reason),
    el("h3", "", "It may be"), el("ol", "others", ...others),
    prediction.tags.length ? el("h3", "", "Tags") : "", el("ul", "tags", ...prediction.tags.map((each) => el("li", "", each.tag))),
    neighbours.length ? el("h3", "", "Neighbours") : "", el("ul", "neighbours", ...neighbours),
  ];
}

const KEYS = {
  a: () => current().prediction.category && decide("accept"),
  c: another,
  ArrowLeft: () => current().prediction.category && decide("coarser"),
  ArrowRight: () => deeper(current()) && decide("finer"),
  s: () => decide("skip"),
  u: () => decide("unsure"),
};

/** Whether the likeliest path goes on below what was answered. */
const deeper = ({ prediction }) => prediction.category && prediction.levels.length > prediction.category.path.split(" > ").length;

function actions(item) {
  const act = (name, key, text, possible = true) => {
    const made = button(name, text, KEYS[key]);
    made.append(" ", el("kbd", "", { ArrowLeft: "←", ArrowRight: "→" }[key] || key.toUpperCase()));
    made.setAttribute("aria-keyshortcuts", key);
    made.disabled = !possible;
    return made;
  };
  const named = Boolean(item.prediction.category);
  return el(
    "div", "does", act("main", "a", "Accept", named), act("", "c", "Another category …"), act("", "ArrowLeft", "Coarser", named),
    act("", "ArrowRight", "Finer", Boolean(deeper(item))), act("quiet", "s", "Skip"), act("quiet", "u", "Not sure"),
  );
}

async function another() {
  const item = current();
  const node = await chosenCategory("Where does it belong?", "Put it there");
  if (node && item === current()) await decide("correct", node);
}

/** Send a decision about the answer that is shown; the next one is there meanwhile. */
async function decide(decision, category = null) {
  const item = current();
  if (!item) return;
  const { id, product_id, category: answer } = item.prediction;
  const accepted = decision === "correct" && answer && category.id === answer.id;
  const body = { decision: accepted ? "accept" : decision, author: author() };
  if (body.decision === "correct") body.category = category.id;
  if (!product_id && !["skip", "unsure"].includes(decision)) {
    body.id = place.querySelector("#new-id").value.trim();
    if (!body.id) {
      say("Give it an id first.");
      return place.querySelector("#new-id").focus();
    }
  }
  sent.add(id);
  hand.shift();
  done += 1;
  const mine = (last = { item, number: null });
  show();
  if (hand.length < IN_HAND - 1) fill();
  try {
    const told = await post(`/v1/predictions/${id}/decision`, body, { keepalive: true }); // also when the page is left
    mine.number = told.number;
    mine.said = `${item.prediction.product?.title || id}: ${DONE[body.decision]}${told.category ? `, ${told.category}` : ""}.`;
    decided();
  } catch (error) {
    if (last === mine) last = null;
    done -= 1;
    back(item);
    refused(error);
  }
}

/** Put an answer before the others again. */
function back(item) {
  sent.delete(item.prediction.id);
  hand.unshift(item);
  show();
}

async function takeBack() {
  if (!last?.number) return say("There is nothing to take back.");
  const { item, number, said } = last;
  last = null;
  try {
    await undo(number);
    done -= 1;
    back(item);
    notice(`Taken back. ${said}`);
    decided();
  } catch (error) {
    refused(error);
  }
}

document.addEventListener("keydown", (event) => {
  if (typing(event) || event.target.closest("dialog, summary")) return;
  if (event.key === "z") takeBack();
  else if (current() && /^[1-9]$/.test(event.key)) {
    const other = current().prediction.alternatives[Number(event.key) - 1];
    if (other) decide("correct", other);
  } else if (current() && KEYS[event.key]) {
    event.preventDefault();
    KEYS[event.key]();
  }
});

/** Give back what is held and not decided about, so that others are given it. */
function release() {
  const options = { method: "POST", keepalive: true, headers: { "Content-Type": "application/json" } };
  const body = JSON.stringify({ reviewer: reviewing });
  const given = hand.map(({ prediction }) => fetch(`/v1/review/${prediction.id}:release`, { ...options, body }));
  hand = [];
  return Promise.allSettled(given);
}

/** Begin again, with other filters or as somebody else. */
async function anew() {
  await release();
  await fill();
}

const decided = decidedIn(find("decided"), "prediction", fill);
picker(find("branch"), (node) => {
  branch = node;
  anew();
});
filters.addEventListener("change", (event) => event.target.id !== "branch" && anew());
filters.addEventListener("submit", (event) => event.preventDefault());
find("author").addEventListener("change", anew);
window.addEventListener("pagehide", release);
fill();
