// Import: a file is looked at, its columns are mapped, and POST /v1/jobs answers each of its rows.
import { button, counted, el, empty, find, listed } from "./dom.js";
import { followed, live, page } from "./jobs.js";
import { notice, say } from "./notices.js";
import { pagesIn, remove } from "./pages.js";
import { reading } from "./reading.js";
import { key, trouble, upload } from "./rest.js";

const form = find("begin");
const NOT_READ = "";
const NAMES = { id: "id", image: "image (file or address)", image_vector: "vector of the image", foreign_category: "category in another tree", gtin: "GTIN", mpn: "MPN" };
const HEAD_BYTES = 4 << 20; // of a text file this is enough to know its columns
const TEXT = /\.(csv|tsv|tab|txt|jsonl|ndjson)$/i;
const EXAMPLES = 3;

let file = null;
let images = null;
let mapped = null; // column -> field, once the columns are known
let touched = false; // whether somebody mapped a column; until then the service finds them
let looking = null; // the look under way
let sending = null; // what stops the upload under way; until it has ended nothing else is chosen
let once = null; // the key of what is about to be sent: sent again, it is the same job

const written = reading((field) => name(field), (others) => {
  once = null;
  if (others) {
    mapped = null;
    touched = false;
  }
  look();
});
const name = (field) => NAMES[field] || field.replaceAll("_", " ");

/** How the file is read: its columns as somebody mapped them and in no other way, else as the service finds them. */
function profile() {
  const said = written.profile();
  if (touched) {
    said.columns = {};
    for (const [column, field] of mapped) if (field !== NOT_READ) (said.columns[field] ??= []).push(column);
    said.ignore = ["*"];
  }
  return Object.keys(said).length ? JSON.stringify(said) : "";
}

/** The beginning of a text file, up to the end of a line, or all of it: a look at 2 GB need not send them. */
async function head() {
  if (!TEXT.test(file.name) || file.size <= HEAD_BYTES) return file;
  const bytes = new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer());
  const end = bytes.lastIndexOf(10);
  return end < 0 || bytes.includes(0) ? file : file.slice(0, end + 1); // UTF-16 is not cut, a character may be two lines
}

function said(table) {
  const body = new FormData();
  body.append("file", table, file.name);
  body.append("kind", find("kind").value);
  body.append("profile", profile());
  return body;
}

/** Ask how the file would be read; what is chosen meanwhile counts. */
async function look() {
  looking?.abort();
  if (!file) return;
  const mine = (looking = new AbortController());
  find("run").disabled = true;
  find("columns").setAttribute("aria-busy", "true");
  if (!mapped) find("columns").replaceChildren(el("p", "hint summary", `Looking at ${file.name} …`));
  try {
    const part = await head();
    const seen = await upload("/v1/jobs:preview", said(part), { signal: mine.signal });
    if (mine !== looking) return;
    written.show(seen);
    if (!touched) columns(seen);
    outlook(seen, part === file);
    find("run").disabled = Boolean(seen.missing);
  } catch (error) {
    if (error.name === "AbortError" || mine !== looking) return;
    if (!mapped) find("columns").replaceChildren();
    find("looked").replaceChildren(trouble(error, look));
  } finally {
    if (mine === looking) find("columns").removeAttribute("aria-busy");
  }
}

/** List the columns, each with what it is read as. */
function columns(seen) {
  const field = new Map(Object.entries(seen.recognised).reverse().flatMap(([each, from]) => from.map((column) => [column, each])));
  mapped = new Map(seen.columns.map((column) => [column, field.get(column) || NOT_READ]));
  const rows = seen.columns.map((column, at) => {
    const examples = [...new Set(seen.sample.map((row) => row.cells[column]).filter(Boolean))].slice(0, EXAMPLES).join(" · ");
    const choice = el("select", "", new Option("not read", NOT_READ), ...seen.fields.map((each) => new Option(name(each), each)));
    choice.id = `column-${at}`;
    choice.value = mapped.get(column);
    const label = el("label", "", el("b", "", column), el("span", "hint example", examples || "empty in the first rows"));
    label.htmlFor = choice.id;
    const item = el("li", choice.value ? "" : "open", label, choice);
    choice.addEventListener("change", () => {
      mapped.set(column, choice.value);
      item.className = choice.value ? "" : "open";
      touched = true;
      look();
    });
    return item;
  });
  find("columns").replaceChildren(
    el("h3", "", "Columns"),
    el("p", "hint summary", "What each one is read as. Those that are not read are in the result all the same."),
    el("ol", "rows", ...rows),
  );
}

/** Say what is to be expected: what is missing, or how many rows there are and which of the first would be refused. */
function outlook(seen, whole) {
  if (seen.missing) {
    const need = el("p", "trouble", el("b", "", find("kind").value === "index" && Object.keys(seen.recognised).length ? "Choose the column of the id." : "Choose a column for the title."), ` ${seen.missing}.`);
    need.setAttribute("role", "alert");
    return find("looked").replaceChildren(need);
  }
  const bad = seen.sample.filter((row) => row.problem);
  const rows = whole && seen.rows !== null ? `About ${counted(seen.rows, "row")}. ` : "";
  const first = bad.length
    ? `Of the first ${seen.sample.length} rows ${bad.length === 1 ? "one" : bad.length} would be refused; the others are answered:`
    : `Nothing is wrong with the first ${counted(seen.sample.length, "row")}.`;
  const read = listed(Object.keys(seen.recognised).map(name));
  const same = Object.keys(written.profile().constant || {});
  find("looked").replaceChildren(
    el("div", "note", el("p", "", `${rows}Read: ${read}. ${same.length ? `The same in every row: ${listed(same.map(name))}. ` : ""}${first}`), bad.length ? el("ul", "", ...bad.map((row) => el("li", "", `Line ${row.line}: ${row.problem}`))) : null),
    ...(seen.recognised.id ? [] : [el("div", "note", el("p", "", "No column is read as the id: rows of the result can be told from each other by their order alone, and whoever decides about one has to give its product an id."))]),
    ...joining(seen.joins),
  );
  say(`${rows}${first}${seen.joins.length ? ` ${counted(seen.joins.length, "category", "categories")} would join the tree.` : ""}`);
}

/** Say which categories would join the tree, and what helps where they are the supplier's own. */
function joining(paths) {
  if (!paths.length) return [];
  const help = "Where they are the supplier's own, read that column as \u201ccategory in another tree\u201d: the products are then stored without a label.";
  return [el("div", "note", el("p", "", el("b", "", "New in your tree:"), ` ${listed(paths)}. ${help}`))];
}

/** Send the file; a second try of the same is the same job. */
async function run() {
  if (!file || sending || find("run").disabled) return;
  const stop = (sending = new AbortController());
  const body = said(file);
  if (images) body.append("images", images, images.name);
  body.append("format", find("format").value);
  body.append("precision", find("precision").value);
  const bar = el("progress");
  bar.max = 1;
  bar.value = 0;
  bar.setAttribute("aria-label", "How much of the file is sent");
  const far = el("span", "hint", "Sending …");
  find("upload").replaceChildren(bar, el("div", "does", far, button("quiet", "Stop", () => stop.abort())));
  find("choice").disabled = true;
  once ??= key();
  try {
    const sent = (share) => {
      bar.value = share;
      far.textContent = share < 1 ? `${Math.floor(share * 100)}% sent` : "Sent; it is put on disk …";
    };
    const job = await upload("/v1/jobs", body, { headers: { "Idempotency-Key": once }, signal: stop.signal, sent }).finally(() => {
      sending = null;
      find("choice").disabled = false;
    });
    form.reset();
    notice(`${job.name} is a job now.`);
    await jobs();
    find("jobs").querySelector(`[data-job="${job.id}"]`)?.focus();
  } catch (error) {
    if (error.name === "AbortError") {
      find("upload").replaceChildren();
      say("Nothing was sent.");
      return find("run").focus();
    }
    find("upload").replaceChildren(trouble(error, run));
  }
}

/** Take files: a zip is one of images, anything else the table. */
function take(some) {
  for (const each of some) {
    if (/\.zip$/i.test(each.name)) images = each;
    else {
      file = each;
      mapped = null;
      touched = false;
      written.clear();
      find("columns").replaceChildren();
      find("looked").replaceChildren();
      look();
    }
  }
  once = null;
  shown();
}

function shown() {
  find("file-name").textContent = file ? file.name : "Choose a file, or drop it here";
  find("images-name").textContent = images ? images.name : "Images";
  find("clear").hidden = !file && !images;
}

const nothing = () => empty("No job yet", "Choose a file: you see how its columns are read before anything is done with it.");
const gone = (job) => job.isConnected && remove(job, nothing); // it may be gone twice: by hand, and as the list says
const shownJob = (job) => followed(job, gone);
const jobs = pagesIn(find("jobs"), page, shownJob, nothing);

for (const id of ["file", "images"]) find(id).addEventListener("change", (event) => {
  take(event.target.files);
  event.target.value = ""; // the same file chosen again is a change again
});
form.addEventListener("change", (event) => {
  once = null;
  if (event.target.id === "kind") look();
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
form.addEventListener("reset", () => {
  looking?.abort();
  file = images = mapped = looking = once = null;
  touched = false;
  written.clear();
  for (const id of ["columns", "looked", "upload"]) find(id).replaceChildren();
  find("columns").removeAttribute("aria-busy");
  find("run").disabled = true;
  shown();
});
// A file may be dropped anywhere: beside the area, the browser would leave the page for it.
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    form.classList.toggle("dropping", kind === "dragover");
    if (kind !== "drop") return;
    if (sending) notice("One file is sent at a time: wait for it, or stop it.");
    else take(event.dataTransfer.files);
  });
}
addEventListener("beforeunload", (event) => sending && event.preventDefault()); // what is sent would be lost

jobs();
live(find("jobs"), jobs, shownJob, gone);
