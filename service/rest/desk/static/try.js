// Try: sends what is in the form, photos too, to POST /v1/categorize and shows the answer.
import { bar, block, button, el, find, listed, path, percent, row, thumbnail } from "./dom.js";
import { say } from "./notices.js";
import { Trouble, get, send, trouble } from "./rest.js";

const form = find("ask");
const result = find("result");
const picker = find("photos");
const FIELDS = ["title", "description", "brand", "specs"];
const EXAMPLES = 5;
const VERDICTS = { auto: "Sure", suggest: "Suggestion", abstain: "Not sure" };
const BADGES = { auto: "good", suggest: "warm", abstain: "" };
const SOURCES = { text: "its text says so", neighbours: "its neighbours have it", both: "its text and its neighbours" };

let photos = []; // the files to send, in order
let example = null; // the stored product that was clicked, as long as its fields are untouched
let asking = null; // the request under way

function verdict(answer) {
  const depth = answer.category ? answer.category.path.split(" > ").length : 0;
  const levels = answer.levels.map((level, at) => {
    const name = at + 1 === depth ? "decided" : at < depth ? "" : "beyond";
    return row("li", name, el("span", "name", level.name), level.probability);
  });
  return el(
    "div", answer.decision,
    el("div", "verdict", el("span", `badge ${BADGES[answer.decision]}`, VERDICTS[answer.decision]), el("p", "", answer.reason)),
    levels.length ? el("ol", "levels", ...levels) : null,
    otherwise(answer.without_image),
    note(),
  );
}

/** What the answer would be without the photo, where one was looked at. */
function otherwise(without) {
  if (!without) return null;
  const where = without.category ? without.category.path : "no answer";
  return el("p", "note", `Without the photo: ${without.changed ? where : "the same category"} (${VERDICTS[without.decision]}).`);
}

function note() {
  if (!example) return null;
  const label = example.category ? `It is stored under ${example.category}.` : "It is stored without a category.";
  return el("p", "note", `${example.id} is in the catalogue and was asked about without its own vote. ${label}`);
}

function neighbours(all) {
  const pictured = all.some((each) => each.picture);
  return el("ol", pictured ? "neighbours pictured" : "neighbours", ...all.map((each) => neighbour(each, pictured)));
}

function neighbour(each, pictured) {
  const much = el(
    "div", "much",
    el("span", "", el("b", "", percent(each.weight)), " of what speaks"),
    bar(each.weight),
  );
  const what = el(
    "div", "what",
    el("span", "title", each.title || each.id),
    el(
      "span", "where", each.path || "without a category", ` · similarity ${each.similarity.toFixed(2)}`,
      each.brought_by?.length ? ` · found by ${listed(each.brought_by)}` : "",
    ),
  );
  return el("li", each.weight > 0 ? "" : "none", pictured ? thumbnail(each.picture, each.title || each.id) : null, what, much);
}

/** What became of the photos that were sent, where anything is to be said of them. */
function photosSeen(images) {
  const said = images.filter((each) => !each.used).map((each) => el(
    "li", "", el("b", "", each.name), ` ${each.problem || "was not used: this index does not look at pictures"}`,
  ));
  return said.length ? block("Photos", el("ul", "duplicates", ...said)) : null;
}

function basis(used) {
  const parts = Object.entries({ text: used.text, photos: used.image }).filter(([, was]) => was).map(([name]) => name);
  return parts.length ? `Decided by ${listed(parts)}. ` : "";
}

function duplicate(each) {
  return el(
    "li", "", el("b", "", each.id), ` ${each.verdict}, ${percent(each.probability)} the same product`,
    el("span", "evidence", each.evidence.join(" · ")),
  );
}

function tag(each) {
  return el("li", "", each.tag, el("span", "", `${percent(each.score)} · ${SOURCES[each.source]}`));
}

function show(answer) {
  const seen = [verdict(answer)];
  const seenPhotos = photosSeen(answer.images);
  if (seenPhotos) seen.push(seenPhotos);
  const others = answer.alternatives.filter((each) => !answer.category || each.id !== answer.category.id);
  if (answer.duplicates.length) {
    seen.push(block("Already in the catalogue?", el("ul", "duplicates", ...answer.duplicates.map(duplicate))));
  }
  if (answer.tags.length) {
    seen.push(block("Tags", el("ul", "tags", ...answer.tags.map(tag))));
  }
  if (others.length) {
    const rows = others.map((each) => row("li", "", path(each.path), each.probability));
    seen.push(block(answer.category ? "Other categories" : "Candidates", el("ol", "alternatives", ...rows)));
  }
  if (answer.neighbours.length) {
    seen.push(block("Neighbours that decided", neighbours(answer.neighbours)));
  }
  const took = `${answer.timings.total.toFixed(1)} ms`;
  seen.push(el("p", "facts", basis(answer.used), `Answered in ${took}. `, el("code", "", answer.prediction_id)));
  result.replaceChildren(...seen);
  const where = answer.category ? `${answer.category.path}, ${percent(answer.category.probability)}` : answer.reason;
  say(`${VERDICTS[answer.decision]}: ${where}`);
}

function question() {
  const product = example ? { id: example.id } : {};
  for (const name of FIELDS) {
    const value = form.elements[name].value;
    if (value.trim()) product[name] = example && name === "specs" ? example.specs : value;
  }
  return product;
}

/** What is sent: the product alone, or a form of it when it has photos. */
function sent(product) {
  if (!photos.length) return product;
  const body = new FormData();
  body.append("product", JSON.stringify(product));
  for (const photo of photos) body.append("image", photo, photo.name);
  return body;
}

/** Show the photos to send; each can be taken back. */
function showPhotos() {
  const previews = find("previews");
  for (const shown of previews.querySelectorAll("img")) URL.revokeObjectURL(shown.src);
  previews.replaceChildren(...photos.map((photo) => {
    const shown = el("img");
    Object.assign(shown, { width: 72, height: 72, alt: photo.name, src: URL.createObjectURL(photo) });
    shown.addEventListener("error", () => shown.replaceWith(el("span", "hint unshown", "no preview")));
    const remove = button("quiet", "Remove", () => {
      photos = photos.filter((other) => other !== photo);
      showPhotos();
      picker.focus();
    });
    remove.append(el("span", "unseen", ` ${photo.name}`));
    return el("li", "", shown, el("span", "name", photo.name), remove);
  }));
  const count = photos.length === 1 ? "1 photo" : `${photos.length} photos`;
  say(photos.length ? `${count} to send` : "No photo to send");
}

function addPhotos(files) {
  const some = [...files].filter((file) => file.type.startsWith("image/"));
  if (!some.length) return;
  photos = [...photos, ...some];
  example = null;
  showPhotos();
}

function clearPhotos() {
  if (!photos.length) return;
  photos = [];
  showPhotos();
}

async function ask() {
  const product = question();
  if (!photos.length && !FIELDS.some((name) => name in product)) {
    const detail = "there is nothing to go by; give the product a title, a description or a photo";
    result.replaceChildren(trouble(new Trouble({ title: "Nothing to go by", detail })));
    form.elements.title.focus();
    return;
  }
  if (asking) asking.abort();
  const mine = (asking = new AbortController());
  for (const each of [find("send"), result]) each.setAttribute("aria-busy", "true");
  try {
    show(await send("POST", "/v1/categorize?without_image=true", sent(product), { signal: mine.signal }));
  } catch (error) {
    if (error.name !== "AbortError") result.replaceChildren(trouble(error, ask));
  } finally {
    if (asking === mine) {
      asking = null;
      for (const each of [find("send"), result]) each.removeAttribute("aria-busy");
    }
  }
}

/** Put a product into the form, and ask about it. */
function fill(product, stored = null) {
  form.reset();
  const specs = product.specs || [];
  const all = Array.isArray(specs) ? specs : Object.entries(specs).map(([name, value]) => ({ name, value }));
  for (const name of ["title", "description", "brand"]) form.elements[name].value = product[name] ?? "";
  form.elements.specs.value = typeof specs === "string" ? specs : all.map((spec) => `${spec.name}: ${spec.value}`).join("\n");
  find("more").open = Boolean(product.brand || all.length);
  example = stored;
  ask();
  if (matchMedia("(max-width: 56rem)").matches) find("answer").scrollIntoView();
}

/** Return the product that a text is in JSON, or null. */
function productOf(text) {
  if (!/^\s*\{/.test(text)) return null;
  try {
    const said = JSON.parse(text);
    return FIELDS.some((name) => name in said) ? said : null;
  } catch {
    return null;
  }
}

/** Of the products given, a few from departments that differ as far as possible. */
function varied(products) {
  const titled = products.filter((product) => product.title);
  const groups = new Map();
  for (const product of titled) {
    const department = product.category.split(" > ")[0];
    groups.set(department, [...(groups.get(department) || []), product]);
  }
  const chosen = [];
  for (let turn = 0; chosen.length < EXAMPLES && turn < titled.length; turn++) {
    for (const group of groups.values()) if (group[turn] && chosen.length < EXAMPLES) chosen.push(group[turn]);
  }
  return chosen;
}

async function offerExamples() {
  const { items } = await get("/v1/products", { limit: 500 });
  const box = find("examples");
  for (const product of varied(items)) {
    const shown = product.pictures.find((picture) => picture.hash);
    const choose = button("", shown ? thumbnail(shown.hash, product.title) : "", () => fill(product, product));
    choose.append(product.title);
    box.querySelector("ul").append(el("li", "", choose));
  }
  box.hidden = !items.length;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    ask();
  }
});
form.addEventListener("input", () => (example = null));
form.addEventListener("reset", () => {
  example = null;
  clearPhotos();
});

picker.addEventListener("change", (event) => {
  event.stopPropagation();
  addPhotos(picker.files);
  picker.value = ""; // so that the same file can be chosen again
});
document.addEventListener("paste", (event) => {
  addPhotos(event.clipboardData.files);
  const product = productOf(event.clipboardData.getData("text/plain"));
  if (!product) return;
  event.preventDefault();
  fill(product);
});
// Something may be dropped anywhere: beside the area, the browser would leave the page for it.
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, async (event) => {
    const { types, files } = event.dataTransfer;
    if (!types.includes("Files") && !types.includes("text/plain")) return;
    if (types.includes("Files")) event.preventDefault();
    form.classList.toggle("dropping", kind === "dragover");
    if (kind !== "drop") return;
    addPhotos(files);
    const written = [...files].find((file) => !file.type.startsWith("image/"));
    const product = productOf(written ? await written.text() : event.dataTransfer.getData("text/plain"));
    if (product) fill(product);
  });
}

offerExamples().catch(() => {}); // the page works without
