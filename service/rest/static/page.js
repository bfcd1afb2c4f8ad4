// The first page: sends what is in the form to POST /v1/categorize and shows the answer.
// Whatever comes from outside becomes text nodes only, so nothing a supplier writes is ever markup here.
"use strict";

const form = document.getElementById("ask");
const result = document.getElementById("result");
const status = document.getElementById("status");
const send = document.getElementById("send");
const FIELDS = ["title", "description", "brand", "specs"];
const EXAMPLES = 5;
const VERDICTS = { auto: "Sure", suggest: "Suggestion", abstain: "Not sure" };

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
    note(),
  );
}

function note() {
  if (!example) return null;
  const label = example.category ? `It is stored under ${example.category}.` : "It is stored without a category.";
  return el("p", "note", `${example.id} is in the catalogue and was asked about without its own vote. ${label}`);
}

function neighbour(each) {
  const much = el(
    "div", "much",
    el("span", "", el("b", "", percent(each.weight)), " of what speaks"),
    bar(each.weight),
  );
  const what = el(
    "div", "what",
    el("span", "title", each.title || each.id),
    el("span", "where", each.path || "without a category", ` · similarity ${each.similarity.toFixed(2)}`),
  );
  return el("li", each.weight > 0 ? "" : "none", what, much);
}

function duplicate(each) {
  return el("li", "", el("b", "", each.id), ` ${each.verdict}: ${each.evidence.join(", ")}`);
}

function show(answer) {
  const seen = [verdict(answer)];
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
    seen.push(block("Neighbours that decided", el("ol", "neighbours", ...answer.neighbours.map(neighbour))));
  }
  const took = `${answer.timings.total.toFixed(1)} ms`;
  seen.push(el("p", "facts", `Answered in ${took}. `, el("code", "", answer.prediction_id)));
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

async function ask() {
  const product = question();
  if (!FIELDS.some((name) => name in product)) {
    showTrouble("Nothing to go by.", "Give the product a title or a description.");
    form.elements.title.focus();
    return;
  }
  if (asking) asking.abort();
  const mine = (asking = new AbortController());
  send.setAttribute("aria-busy", "true");
  result.setAttribute("aria-busy", "true");
  try {
    const response = await fetch("/v1/categorize", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(product),
      signal: mine.signal,
    });
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
    const button = el("button", "", product.title);
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
form.addEventListener("reset", () => (example = null));

offerExamples().catch(() => {});
