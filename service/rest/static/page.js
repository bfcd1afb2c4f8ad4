// The first page: sends what is in the form, photos too, to POST /v1/categorize and shows the answer.
// Whatever comes from outside becomes text nodes only, so nothing a supplier writes is ever markup here.
"use strict";

const form = document.getElementById("ask");
const result = document.getElementById("result");
const status = document.getElementById("status");
const send = document.getElementById("send");
const picker = document.getElementById("photos");
const previews = document.getElementById("previews");
const FIELDS = ["title", "description", "brand", "specs"];
const EXAMPLES = 5;
const VERDICTS = { auto: "Sure", suggest: "Suggestion", abstain: "Not sure" };

let photos = []; // the files to send, in order
let example = null; // the stored product that was clicked, as long as its fields are untouched
let asking = null; // the request under way

/** Make an element: el("li", "class", "text", child, ...). */
function el(tag, name, ...children) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

const percent = (share) => {
  const value = share * 100;
  if (value > 99 && value < 100) return "> 99%";
  return value > 0 && value < 1 ? "< 1%" : `${Math.round(value)}%`;
};

function bar(share) {
  const made = el("div", "bar");
  made.setAttribute("aria-hidden", "true"); // the number stands beside it
  made.style.setProperty("--share", Math.min(1, Math.max(0, share)));
  return made;
}

function row(tag, name, label, share) {
  return el(tag, `row ${name}`, label, el("span", "share", percent(share)), bar(share));
}

/** "A > B > C" with everything but the last name set back. */
function path(text) {
  const cut = text.lastIndexOf(" > ");
  return cut < 0 ? el("span", "", text) : el("span", "", el("span", "above", text.slice(0, cut + 3)), text.slice(cut + 3));
}

function block(title, ...children) {
  return el("div", "", el("h3", "", title), ...children);
}

function verdict(answer) {
  const depth = answer.category ? answer.category.path.split(" > ").length : 0;
  const levels = answer.levels.map((level, at) => {
    const name = at + 1 === depth ? "decided" : at < depth ? "" : "beyond";
    return row("li", name, el("span", "name", level.name), level.probability);
  });
  return el(
    "div", answer.decision,
    el("div", "verdict", el("span", "badge", VERDICTS[answer.decision]), el("p", "", answer.reason)),
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

/** The square before a neighbour: its picture, or room for one where others have one. */
function thumbnail(each) {
  if (!each.picture) return el("span", "thumbnail");
  const made = el("img", "thumbnail");
  Object.assign(made, { loading: "lazy", width: 56, height: 56, alt: `Photo of ${each.title || each.id}` });
  made.src = `/v1/pictures/${each.picture}/thumbnail`;
  return made;
}

function neighbours(all) {
  const pictured = all.some((each) => each.picture);
  return el("ol", pictured ? "neighbours pictured" : "neighbours", ...all.map((each) => neighbour(each, pictured)));
}

const listed = (words) => new Intl.ListFormat("en-GB").format(words);

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
  return el("li", each.weight > 0 ? "" : "none", pictured ? thumbnail(each) : null, what, much);
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
  return el("li", "", el("b", "", each.id), ` ${each.verdict}, ${percent(each.probability)}: ${each.evidence.join(", ")}`);
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
    const tags = answer.tags.map((each) => el("li", "", each.tag, el("span", "", percent(each.score))));
    seen.push(block("Tags", el("ul", "tags", ...tags)));
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
  status.textContent = `${VERDICTS[answer.decision]}: ${where}`;
}

function showTrouble(title, detail, errors, requestId) {
  const faults = (errors || []).map((each) => el("li", "", `${each.pointer.slice(1) || "product"}: ${each.message}`));
  const trouble = el(
    "div", "trouble",
    el("b", "", title), ` ${detail}`,
    faults.length ? el("ul", "", ...faults) : null,
    requestId ? el("p", "hint", `Request ${requestId}`) : null,
  );
  trouble.setAttribute("role", "alert");
  result.replaceChildren(trouble);
  status.textContent = "";
}

function question() {
  const product = example ? { id: example.id } : {};
  for (const name of FIELDS) {
    const value = form.elements[name].value;
    if (value.trim()) product[name] = example && name === "specs" ? example.specs : value;
  }
  return product;
}

/** A product as JSON, or as a form when it has photos. */
function sent(product) {
  const whole = JSON.stringify(product);
  if (!photos.length) return { headers: { "Content-Type": "application/json" }, body: whole };
  const body = new FormData();
  body.append("product", whole);
  for (const photo of photos) body.append("image", photo, photo.name);
  return { body };
}

/** Show the photos to send; each can be taken back. */
function showPhotos() {
  for (const shown of previews.querySelectorAll("img")) URL.revokeObjectURL(shown.src);
  previews.replaceChildren(...photos.map((photo) => {
    const shown = el("img");
    Object.assign(shown, { width: 72, height: 72, alt: photo.name, src: URL.createObjectURL(photo) });
    shown.addEventListener("error", () => shown.replaceWith(el("span", "hint unshown", "no preview")));
    const remove = el("button", "quiet", "Remove", el("span", "unseen", ` ${photo.name}`));
    remove.type = "button";
    remove.addEventListener("click", () => {
      photos = photos.filter((other) => other !== photo);
      showPhotos();
      picker.focus();
    });
    return el("li", "", shown, el("span", "name", photo.name), remove);
  }));
  const count = photos.length === 1 ? "1 photo" : `${photos.length} photos`;
  document.getElementById("photos-status").textContent = photos.length ? `${count} to send` : "No photo to send";
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
    showTrouble("Nothing to go by.", "Give the product a title, a description or a photo.");
    form.elements.title.focus();
    return;
  }
  if (asking) asking.abort();
  const mine = (asking = new AbortController());
  send.setAttribute("aria-busy", "true");
  result.setAttribute("aria-busy", "true");
  try {
    const response = await fetch("/v1/categorize?without_image=true", { method: "POST", ...sent(product), signal: mine.signal });
    const told = await response.json();
    if (response.ok) show(told);
    else showTrouble(`${told.title}.`, told.errors.length ? "" : told.detail, told.errors, told.request_id);
  } catch (error) {
    if (error.name === "AbortError") return;
    showTrouble("No answer.", "The service cannot be reached; check that it runs and try again.");
  } finally {
    if (asking === mine) {
      asking = null;
      send.removeAttribute("aria-busy");
      result.removeAttribute("aria-busy");
    }
  }
}

function fill(product) {
  form.reset();
  for (const name of ["title", "description", "brand"]) form.elements[name].value = product[name];
  form.elements.specs.value = product.specs.map((spec) => `${spec.name}: ${spec.value}`).join("\n");
  document.getElementById("more").open = Boolean(product.brand || product.specs.length);
  example = product;
  ask();
  if (matchMedia("(max-width: 56rem)").matches) document.getElementById("answer").scrollIntoView();
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
  const response = await fetch("/v1/products?limit=500");
  if (!response.ok) return; // the page works without
  const { items } = await response.json();
  const box = document.getElementById("examples");
  for (const product of varied(items)) {
    const shown = product.pictures.find((picture) => picture.hash);
    const button = el("button", "", shown ? thumbnail({ picture: shown.hash, title: product.title }) : null, product.title);
    button.type = "button";
    button.addEventListener("click", () => fill(product));
    box.querySelector("ul").append(el("li", "", button));
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
document.addEventListener("paste", (event) => addPhotos(event.clipboardData.files));
// A photo may be dropped anywhere: beside the area, the browser would leave the page for it.
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    form.classList.toggle("dropping", kind === "dragover");
    if (kind === "drop") addPhotos(event.dataTransfer.files);
  });
}

offerExamples().catch(() => {});
