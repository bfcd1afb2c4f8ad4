// An answer as somebody decides about it: the product, its path with what each level would be, other categories, tags,
// and what the answer rests on.
import { FACTS } from "./sides.js";
import { bar, block, button, counted, el, listed, path, percent, thumbnail, when } from "./dom.js";
import { picker } from "./picker.js";
import { trouble } from "./rest.js";

const ANSWERS = { auto: "Sure", suggest: "Suggestion", abstain: "Not sure" };
const BADGES = { auto: "good", suggest: "warm", abstain: "" };
const DOUBTS = { uncertainty: "it is uncertain", novelty: "it is unlike what is known", disagreement: "its neighbours disagree" };
const SOURCES = { text: "its text says so", neighbours: "its neighbours have it", both: "its text and its neighbours" };
const SEPARATOR = " > ";
const EXCERPT = 420;
const TITLE = 80; // of a description, where there is no title
const CHOICES = 9; // that have a key

/** What saying that a category is right means, beside what was answered. */
export function verdictOf(prediction, category) {
  const answered = prediction.category?.path;
  if (category.path === answered) return "accept";
  if (answered?.startsWith(category.path + SEPARATOR)) return "coarser";
  return answered && category.path.startsWith(answered + SEPARATOR) ? "finer" : "correct";
}

/** The levels down the likeliest path, each with the path that ends there and what choosing it means. */
export function levelsOf(prediction) {
  const answered = prediction.category?.path;
  const names = prediction.levels.map((level) => level.name);
  return prediction.levels.map((level, at) => {
    const text = names.slice(0, at + 1).join(SEPARATOR);
    const id = text === answered ? prediction.category.id : prediction.alternatives.find((each) => each.path === text)?.id;
    return { ...level, path: text, id, verdict: verdictOf(prediction, { path: text }) };
  });
}

/** Other categories that the answer names. */
export const choicesOf = (prediction) =>
  prediction.alternatives.filter((each) => each.path !== prediction.category?.path).slice(0, CHOICES);

/** The category a level above what was answered, or below it; undefined where there is none. */
export function nextTo(prediction, verdict) {
  const levels = levelsOf(prediction).filter((level) => level.verdict === verdict);
  return verdict === "coarser" ? levels.at(-1) : levels[0];
}

/** The product of an item: as it was asked about, or, where that was not kept, as it is stored. */
const productOf = ({ prediction, stored }) => prediction.product || stored || {};

/** What a product is called: its title, or how its description begins, or its id. */
export const titleOf = (item) =>
  productOf(item).title || begins(productOf(item).description) || item.prediction.product_id || "a product without a title";

function begins(text = "") {
  const line = text.trim().split("\n", 1)[0];
  return line.length > TITLE ? `${line.slice(0, TITLE)} …` : line;
}

/** What was answered, in a few words. */
export function answerOf(prediction) {
  const likely = prediction.category || prediction.alternatives[0];
  return likely ? `${prediction.category ? "" : "not sure, perhaps "}${likely.path}, ${percent(likely.probability)}` : "no category";
}

export const key = (name) => {
  const made = el("kbd", "", name);
  made.setAttribute("aria-hidden", "true"); // aria-keyshortcuts says it
  return made;
};

export function keyed(name, keys, shown, text, act) {
  const made = button(name, text, act);
  made.setAttribute("aria-keyshortcuts", keys);
  made.prepend(key(shown), " ");
  return made;
}

/** Show an item; `act` has what its parts do: choose(category), accept, keep, coarser, finer, tags, skip, unsure, drop, undo. */
export function shown(item, act) {
  const { prediction } = item;
  const made = el("article", `card case ${prediction.decision}`);
  made.tabIndex = -1;
  made.setAttribute("aria-label", titleOf(item));
  made.append(
    item.trouble ? el("div", "back", trouble(item.trouble), button("quiet", "Leave it to others", act.drop)) : "",
    product(item),
    el("div", "where", wantedBy(item), verdict(item), standing(item, act), levels(prediction, act), others(prediction, act), another(act), tags(item, act), named(item)),
    does(prediction, act),
    ground(item),
  );
  return made;
}

function product(item) {
  const { prediction, stored, nominations } = item;
  const known = productOf(item);
  const pictures = (known.pictures || []).filter((each) => each.hash).slice(0, 4);
  const title = titleOf(item);
  const facts = Object.entries(FACTS).map(([fact, name]) => [name, known.facts?.[fact]]);
  const rows = [["Brand", known.brand], ...(known.specs || []).map((spec) => [spec.name, spec.value]), ...facts].filter(([, value]) => value);
  return el(
    "div", "what",
    pictures.length ? el("div", "photos", ...pictures.map((each) => photo(prediction, each.hash, title))) : "",
    el("h2", "", title),
    el("p", "hint", prediction.product_id || "asked about without an id", ` · asked by ${prediction.caller || "nobody known"}`),
    prediction.product || !stored || nominations.length ? "" : el("p", "hint", "What was asked about was not kept; this is what is stored."),
    text(known.description || ""),
    rows.length ? el("dl", "known", ...rows.flatMap(([name, value]) => [el("dt", "", name), el("dd", "", String(value))])) : "",
  );
}

/** A photo, of the product as it was asked about where that was kept. */
function photo(prediction, hash, title) {
  const made = thumbnail(hash, title);
  if (prediction.product) made.src = `/v1/predictions/${prediction.id}/pictures/${hash}/thumbnail`;
  return made;
}

function text(description) {
  if (description.length <= EXCERPT) return description && el("p", "", description);
  return el(
    "details", "more-text", el("summary", "", el("span", "excerpt", `${description.slice(0, EXCERPT).trimEnd()} …`), el("span", "all", "Whole description")),
    el("p", "", description),
  );
}

/** Who wants it looked at, and why. */
function wantedBy({ nominations }) {
  const said = nominations.map(({ author, at, reason }) => `${author || "Somebody"} put it here ${when(at)}${reason && `: ${reason}`}`);
  return said.length ? el("p", "note wanted", [...new Set(said)].join("; ")) : "";
}

/** The category that the product is stored in, which may be right as it is. */
function standing({ prediction, stored }, act) {
  if (!stored) return "";
  if (!stored.category) return el("p", "hint", "It is stored without a category.");
  const said = stored.category === prediction.category?.path ? " the answer, too" : " right as it is";
  const made = button("option kept", "", act.keep);
  made.setAttribute("aria-keyshortcuts", "K");
  made.append(key("K"), el("span", "", path(stored.category, "name"), el("span", "hint", said)), el("span", "hint", `by ${stored.provenance}`));
  return block("Stored in", made);
}

function verdict(item) {
  const { prediction } = item;
  return el("div", "verdict", el("span", `badge ${BADGES[prediction.decision]}`, ANSWERS[prediction.decision]), el("p", "", why(item)));
}

/** Why it is shown. */
function why({ why: came, prediction, chosen }) {
  if (came === "sample") return "Of the sample of sure answers, by which their precision is known.";
  const parts = Object.entries(DOUBTS).filter(([name]) => prediction.doubts?.[name] >= 0.2);
  const because = parts.sort(([one], [other]) => prediction.doubts[other] - prediction.doubts[one]);
  const said = because.map(([name, what]) => `${what} (${percent(prediction.doubts[name])})`);
  const worth = chosen && Math.abs(chosen.weight - 1) > 0.005 ? ` Weighed ${chosen.weight.toFixed(2)} times.` : "";
  if (!said.length) return `${prediction.reason}.${worth}`;
  return `${came === "held" ? "You had it already. " : ""}Worth a look: ${listed(said)}.${worth}`;
}

function option(name, keys, shownKey, label, share, act) {
  const made = button(`option ${name}`, "", act);
  if (shownKey) {
    made.append(key(shownKey));
    made.setAttribute("aria-keyshortcuts", keys);
  } else made.append(el("span"));
  made.append(label, el("span", "share", percent(share)), bar(share));
  return el("li", "", made);
}

function levels(prediction, act) {
  const all = levelsOf(prediction);
  if (!all.length) return el("p", "note", prediction.reason);
  const rows = all.map((level, at) => {
    const said = { accept: "the answer", coarser: "stop here", finer: "go on to here", correct: "it belongs here" }[level.verdict];
    const label = el("span", "name", level.name, el("span", "hint", ` ${said}`));
    return option(level.verdict, `Shift+${at + 1}`, at < CHOICES ? `⇧${at + 1}` : "", label, level.probability, () => act.choose(level));
  });
  return block("Path", el("ol", "levels", ...rows));
}

function others(prediction, act) {
  const rows = choicesOf(prediction).map((each, at) =>
    option("", String(at + 1), String(at + 1), path(each.path, "name"), each.probability, () => act.choose(each)));
  return rows.length ? block(prediction.category ? "Other categories" : "Candidates", el("ol", "choices", ...rows)) : "";
}

/** The field for any other category: what is picked there is what is right. */
function another(act) {
  const input = el("input");
  Object.assign(input, { id: "another", placeholder: "words of its path" });
  input.setAttribute("aria-keyshortcuts", "P");
  const label = el("label", "", key("P"), " Another category");
  label.htmlFor = input.id;
  const place = el("div", "another", label, input);
  picker(input, (node) => node && act.choose(node));
  input.addEventListener("keydown", (event) => event.key === "Escape" && input.closest("article").focus());
  return place;
}

/** Tags that were given, each kept or not, and a field for one that is missing. */
function tags(item, act) {
  item.tags ||= item.prediction.tags.map((each) => ({ ...each, on: true }));
  const place = el("div", "tagging");
  const made = ({ tag, score, source }) => {
    const entry = item.tags.find((each) => each.tag === tag);
    const toggle = button("tag", tag, () => {
      entry.on = !entry.on;
      toggle.setAttribute("aria-pressed", entry.on);
    });
    toggle.setAttribute("aria-pressed", entry.on);
    if (source) toggle.append(el("span", "hint", ` ${percent(score)}`), el("span", "unseen", `, ${SOURCES[source]}`));
    return el("li", "", toggle);
  };
  const list = el("ul", "toggles", ...item.tags.map(made));
  const input = el("input");
  Object.assign(input, { id: "added", value: item.typed || "", placeholder: "add a tag", maxLength: 100, autocomplete: "off", spellcheck: false });
  input.setAttribute("aria-label", "Add a tag");
  const clear = () => (item.typed = input.value = "");
  input.addEventListener("input", () => (item.typed = input.value.trim()));
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      clear();
      return input.closest("article").focus();
    }
    const tag = input.value.trim();
    if (event.key !== "Enter" || !tag) return;
    event.preventDefault();
    clear();
    if (item.tags.some((each) => each.tag === tag)) return;
    item.tags.push({ tag, on: true, added: true });
    list.append(made(item.tags.at(-1)));
  });
  list.append(el("li", "", input));
  const heading = el("h3", "", key("T"), " Tags");
  place.append(heading, list, keyed("quiet", "G", "G", "These tags, and nothing of the category", act.tags));
  return place;
}

/** What the tags that were toggled say, as a decision takes it, with the one that stands in the field without Enter. */
export function taggedOf({ tags = [], typed }) {
  const names = (those) => those.map((each) => each.tag);
  const added = names(tags.filter((each) => each.added && each.on));
  return {
    tags_added: typed && !names(tags).includes(typed) ? [...added, typed] : added,
    tags_removed: names(tags.filter((each) => !each.added && !each.on)),
  };
}

/** The id that a product gets which was asked about without one. */
function named(item) {
  if (item.prediction.product_id) return "";
  item.id ||= item.prediction.id;
  const input = el("input");
  Object.assign(input, { id: "stored-as", value: item.id, required: true, maxLength: 200, autocomplete: "off", spellcheck: false });
  input.addEventListener("input", () => (item.id = input.value.trim() || item.prediction.id));
  const label = el("label", "", "Stored as ", el("span", "hint", "it was asked about without an id, and gets this one"));
  label.htmlFor = input.id;
  return el("div", "stored-as", label, input);
}

function does(prediction, act) {
  const accept = keyed("main", "A", "A", "Accept", act.accept);
  const coarser = keyed("", "C", "C", "Coarser", act.coarser);
  const finer = keyed("", "F", "F", "Finer", act.finer);
  accept.disabled = !prediction.category;
  coarser.disabled = !nextTo(prediction, "coarser");
  finer.disabled = !nextTo(prediction, "finer");
  return el(
    "div", "does", accept, coarser, finer, keyed("", "S", "S", "Skip", act.skip), keyed("", "N", "N", "Not sure", act.unsure),
    keyed("quiet", "U", "U", "Undo", act.undo),
  );
}

/** What the answer rests on: neighbours, with what is stored of them, and duplicates. */
function ground(item) {
  const { neighbours, duplicates } = item.prediction;
  const near = new Map(item.near.map((each) => [each.id, each]));
  const pictured = item.near.some((each) => each.picture);
  const rows = neighbours.map((each) => {
    const stored = near.get(each.id);
    const title = stored?.title || each.id;
    return el(
      "li", "", pictured ? thumbnail(stored?.picture, title) : null,
      el("div", "", el("span", "title", title), el("span", "hint", each.path || "without a category", ` · similarity ${each.similarity.toFixed(2)}`)),
      el("span", "much", percent(each.weight), bar(each.weight)),
    );
  });
  const twins = duplicates.map((each) => el("li", "", `${each.id}: ${each.verdict}, ${percent(each.probability)}`));
  return el(
    "div", "ground",
    twins.length ? block("In the catalogue already?", el("ul", "", ...twins)) : "",
    rows.length ? block(`${counted(rows.length, "neighbour")} that decided`, el("ol", pictured ? "near pictured" : "near", ...rows)) : "",
  );
}
