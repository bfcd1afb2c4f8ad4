// Wrong shelf: labels that are probably wrong, patterns of them, categories that are mixed up, and tags.
import { counted, el, find, percent } from "./dom.js";
import { decidedIn } from "./decided.js";
import { labelsIn } from "./labels.js";
import { refused } from "./notices.js";
import { walkable } from "./pages.js";
import { pairsIn, patternsIn } from "./patterns.js";
import { following } from "./passes.js";
import { picker } from "./picker.js";
import { get, send } from "./rest.js";
import { tagsIn } from "./tagfaults.js";

const found = find("found");
const filters = find("filters");
const LOOK_AGAIN = 1500;
const VIEWS = { labels: labelsIn, patterns: patternsIn, pairs: pairsIn, tags: tagsIn };
const FILTERED = { labels: ["least", "kind", "branch"], tags: ["least", "branch"], patterns: [], pairs: [] };

let branch = null;
let reload = () => {};

/** What the address asks for: "#labels?pattern=…" is the view and the pattern that it is kept to. */
function view() {
  const [name, query = ""] = location.hash.slice(1).split("?");
  return { name: name in VIEWS ? name : "labels", pattern: new URLSearchParams(query).get("pattern") };
}

const wanted = () => ({
  least: filters.least.value,
  kind: view().name === "labels" ? filters.kind.value : "",
  branch: branch?.id,
  pattern: view().pattern,
});

function show() {
  const { name, pattern } = view();
  for (const link of document.querySelectorAll(".views a")) {
    if (link.getAttribute("href") === `#${name}`) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  for (const each of ["least", "kind", "branch"]) filters[each].closest("label").hidden = !FILTERED[name].includes(each);
  find("keys").hidden = name === "pairs";
  find("another").hidden = name !== "labels";
  find("only").hidden = !pattern;
  find("only").textContent = pattern ? "Those of one pattern alone." : "";
  const place = el("div"); // what the view before is still waiting for goes to where that was
  found.replaceChildren(place);
  reload = VIEWS[name](place, { wanted, changed });
  return Promise.all([reload(), counts().catch(() => {})]);
}

/** What stands beside the names of the views, and whether a sweep goes on. */
async function counts() {
  const said = await get("/v1/audit/patterns");
  find("patterns-count").textContent = said.items.length;
  find("pairs-count").textContent = said.ambiguous.length;
  const going = said.sweep;
  find("sweep").disabled = Boolean(going);
  const far = going?.total ? `: ${percent(going.done / going.total)}` : "";
  const when = said.swept_at ? `${counted(said.audited, "label")} looked at, ${new Date(said.swept_at).toLocaleString("en-GB")}.` : "Nobody has looked yet.";
  if (going) sweeping.later();
  find("state").textContent = going ? `All labels are being looked at, ${going.stage}${far}.` : when;
  return said;
}

/** Something was decided: the counts and the list of decisions follow. */
function changed() {
  decided();
  counts().catch(() => {});
}

const sweeping = following(async () => {
  if (!(await counts()).sweep) await reload();
}, LOOK_AGAIN);

const decided = decidedIn(find("decided"), undefined, () => reload());
picker(find("branch"), (node) => {
  branch = node;
  reload();
});
filters.addEventListener("change", (event) => event.target.id !== "branch" && reload());
filters.addEventListener("submit", (event) => event.preventDefault());
find("sweep").addEventListener("click", async () => {
  try {
    await send("POST", "/v1/audit:sweep");
    await sweeping.now();
  } catch (error) {
    refused(error);
  }
});
window.addEventListener("hashchange", show);
walkable(found, ".item");
show();
