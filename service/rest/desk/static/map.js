// Map: every product as a point, near to those that it is like; coloured, looked at, caught with a lasso, and put into
// the review queue.
import { button, counted, el, empty, find, path, percent, when } from "./dom.js";
import { say } from "./notices.js";
import { picker } from "./picker.js";
import { Trouble, bytes, get, send, trouble } from "./rest.js";
import { rgba, scatter } from "./scatter.js";
import { selectionIn } from "./selection.js";

const filters = find("filters");
const PALETTE = ["#1f77b4", "#e07b00", "#2a9d5c", "#c63d3d", "#8a5fc0", "#94623f", "#d45fa8", "#5c8a8a", "#a8a21a", "#17a2c0", "#5566cc", "#b0567a"];
const QUIET = "#9aa09b";
const WRONG = "#d43d2f";
const RAMP = ["#d43d2f", "#e0a02a", "#2a8f6d"]; // confidence from none to all
const DOUBTED = 0.5;
const BANDS = [["sure of the label", 0, 64], ["even chances", 64, 192], ["sure that it is wrong", 192, 256]]; // of 255
const LOOK_AGAIN = 1000;
const PAUSE = 60; // milliseconds that the pointer rests before a product is asked for
const STILL = 400; // milliseconds that the map rests before it is told what is in view
const AT_ONCE = 500; // products that the service names in one go

let map = null; // what GET /v1/map said
let nodes = null; // category of each point, -1 for none
let doubts = null; // 0 to 255
let within = null; // the category that the map is kept to
let taken = new Set();
const known = new Map(); // products that were asked for, by point

const paper = () => getComputedStyle(document.documentElement).getPropertyValue("--card").trim();
const chart = scatter(find("canvas"), { hover, caught: (points) => take(points, "lasso on the map"), moved });

async function load() {
  try {
    const said = await get("/v1/map");
    if (said.drawing) return drawing(said.drawing);
    unpack(said, await bytes("/v1/map/points", { version: said.version }));
    find("state").replaceChildren(said.points ? "" : empty("No product has a place yet", "The map fills as products are stored."));
    find("frame").hidden = !said.points;
    show();
  } catch (error) {
    find("state").replaceChildren(trouble(error, load));
  }
}

function drawing({ stage, done, total, error }) {
  if (error) return find("state").replaceChildren(trouble(new Trouble({ title: "No map", detail: error }), load));
  const far = stage === "points" && total ? `, ${percent(done / total)}` : "";
  const name = { vectors: "reading vectors", landmarks: "laying out landmarks", points: "placing products" }[stage];
  find("state").replaceChildren(empty("The map is being drawn", `This takes a moment after each build: ${name}${far}.`));
  setTimeout(load, LOOK_AGAIN);
}

/** Read the points: categories, x, y and doubts, one array after the other. */
function unpack(said, bytes) {
  const n = said.points;
  map = said;
  nodes = new Int32Array(bytes, 0, n);
  const [x, y] = [new Uint16Array(bytes, 4 * n, n), new Uint16Array(bytes, 6 * n, n)];
  doubts = new Uint8Array(bytes, 8 * n, n);
  chart.set({ n, x: Float32Array.from(x, (value) => value / 65535), y: Float32Array.from(y, (value) => value / 65535) });
  find("kept").textContent = `Of the 10 points around one, ${percent(said.kept)} are among its nearest in the space; how far apart groups lie says nothing.`
    + (said.unseen ? ` ${counted(said.unseen, "product")} without ${said.view} ${said.unseen === 1 ? "is" : "are"} not on it.` : "")
    + (said.left_out ? ` It is a sample: ${counted(said.left_out, "product")} more ${said.left_out === 1 ? "is" : "are"} stored.` : "");
  find("canvas").setAttribute("aria-label", `Map of ${counted(n, "product")}`);
}

/** The groups that have colours: of each category its group, and the groups with most points first. */
function groups(level) {
  const names = map.categories.map(({ path }) => (level ? path.split(" > ").slice(0, level).join(" > ") : path));
  const counts = new Map();
  for (const node of nodes) if (node >= 0) counts.set(names[node], (counts.get(names[node]) || 0) + 1);
  const sorted = [...counts].sort((one, other) => other[1] - one[1]);
  return { names, sorted };
}

const below = (node) => within === null || (node >= 0 && `${map.categories[node].path} > `.startsWith(`${within.path} > `));

function show() {
  const n = map.points;
  const background = rgba(paper());
  const quiet = rgba(QUIET, paper(), 0.4);
  const colour = filters.colour.value;
  const [ofPoint, legend] = colour === "confidence" ? confidence() : colour === "error" ? errors(quiet) : categories(Number(colour), quiet);
  const colours = new Uint32Array(n);
  const loud = [];
  const low = [];
  for (let i = 0; i < n; i++) {
    if (!below(nodes[i])) colours[i] = background;
    else {
      const own = ofPoint(i);
      colours[i] = taken.size && !taken.has(i) ? quiet : own;
      (colours[i] === quiet ? low : loud).push(i);
    }
  }
  chart.colour(colours, Uint32Array.from(low.concat(loud)), background);
  find("legend").replaceChildren(...legend);
  audited(colour === "confidence" || colour === "error");
  inView();
  performance.mark("shown");
}

function entry(hex, text, count, pick) {
  const dot = el("canvas", "dot");
  Object.assign(dot, { width: 1, height: 1 });
  const context = dot.getContext("2d");
  context.fillStyle = hex;
  context.fillRect(0, 0, 1, 1);
  dot.setAttribute("aria-hidden", "true");
  const name = pick ? button("plain", "", pick) : el("span");
  name.append(text);
  return el("li", "", dot, name, count === null ? "" : el("span", "hint", count.toLocaleString("en-GB")));
}

function categories(level, quiet) {
  const { names, sorted } = groups(level);
  const hexes = new Map(sorted.slice(0, PALETTE.length).map(([name], at) => [name, PALETTE[at]]));
  const numbers = names.map((name) => (hexes.has(name) ? rgba(hexes.get(name)) : quiet));
  const rest = sorted.slice(PALETTE.length);
  const legend = [...hexes].map(([name, hex], at) =>
    entry(hex, path(name), sorted[at][1], () => those((i) => nodes[i] >= 0 && names[nodes[i]] === name, name)));
  if (rest.length) {
    const many = rest.reduce((sum, [, count]) => sum + count, 0);
    legend.push(entry(QUIET, counted(rest.length, "other", "others"), many, () => those((i) => nodes[i] >= 0 && !hexes.has(names[nodes[i]]), "other categories")));
  }
  legend.push(...unlabelled());
  return [(i) => (nodes[i] < 0 ? quiet : numbers[nodes[i]]), legend];
}

function confidence() {
  const numbers = Array.from({ length: 256 }, (_, doubt) => {
    const at = (1 - doubt / 255) * 2;
    return at < 1 ? rgba(RAMP[0], RAMP[1], at) : rgba(RAMP[1], RAMP[2], at - 1);
  });
  const none = rgba(QUIET);
  if (!map.audited) return [() => none, unlooked()];
  const legend = BANDS.map(([name, from, to], at) => {
    const inside = (i) => nodes[i] >= 0 && doubts[i] >= from && doubts[i] < to;
    return entry(RAMP[2 - at], name, tally(inside), () => those(inside, name));
  });
  return [(i) => (nodes[i] < 0 ? none : numbers[doubts[i]]), [...legend, ...unlabelled()]];
}

const tally = (wanted) => nodes.reduce((sum, _, i) => sum + (wanted(i) ? 1 : 0), 0);

/** Take the points that are wanted and in the category that the map is kept to. */
const those = (wanted, how) => take([...nodes.keys()].filter((i) => wanted(i) && below(nodes[i])), how);

function unlabelled() {
  const bare = (i) => nodes[i] < 0;
  const many = tally(bare);
  return many ? [entry(QUIET, "no category", many, () => those(bare, "no category"))] : [];
}

const unlooked = () => [entry(QUIET, "nobody has looked at the label", map.points - tally((i) => nodes[i] < 0)), ...unlabelled()];

/** Say how far the audit is that the colours rest on, and what to do where there was none. */
function audited(asked) {
  const place = find("audited");
  place.hidden = !asked;
  if (!asked) return;
  if (!map.audited) {
    const link = el("a", "", "Wrong shelf");
    link.href = "/audit";
    return place.replaceChildren("No label has been looked at yet, so nothing is known of how sure they are: press “Look at all labels anew” on ", link, ", or run ", el("code", "", "aisle audit"), ".");
  }
  const { at, behind } = map.audited;
  place.replaceChildren(`All labels were looked at ${when(at)}${behind ? `; ${counted(behind, "change")} since ${behind === 1 ? "is" : "are"} not in it yet` : ""}.`);
}

function errors(quiet) {
  if (!map.audited) return [() => quiet, unlooked()];
  const wrong = rgba(WRONG);
  const doubted = (i) => nodes[i] >= 0 && doubts[i] / 255 >= DOUBTED;
  const all = tally(doubted);
  const legend = [entry(WRONG, "probably wrong", all, () => those(doubted, "probably wrong")), entry(QUIET, "not doubted, or no category", map.points - all)];
  return [(i) => (doubted(i) ? wrong : quiet), legend];
}

/** Ask for the products of points, those that are not known yet. */
async function asked(points) {
  const wanted = points.filter((point) => !known.has(point));
  for (let start = 0; start < wanted.length; start += AT_ONCE) {
    const { items } = await send("POST", "/v1/map/products", { version: map.version, points: wanted.slice(start, start + AT_ONCE) });
    for (const item of items) known.set(item.point, item);
  }
  return points.map((point) => known.get(point));
}

let pausing = null;
function hover(point, x, y) {
  const tip = find("tip");
  clearTimeout(pausing);
  tip.hidden = true;
  if (point < 0) return;
  pausing = setTimeout(async () => {
    const [item] = await asked([point]).catch(() => []);
    if (!item) return;
    const doubt = item.doubt >= 0.05 ? el("span", "badge warm", `${percent(item.doubt)} wrong`) : "";
    tip.replaceChildren(el("b", "", item.title || item.id || "not stored any more"), el("span", "", item.path || "no category"), doubt);
    tip.hidden = false;
    const room = find("frame").clientWidth - tip.offsetWidth;
    tip.style.left = `${Math.max(0, Math.min(x + 14, room))}px`;
    tip.style.top = `${y + 14}px`;
  }, PAUSE);
}

let resting = null;
/** Once the map rests, say how much of it is in view. */
function moved() {
  clearTimeout(resting);
  resting = setTimeout(() => map && say(inView()), STILL);
}

function inView() {
  const text = `${chart.seen().length.toLocaleString("en-GB")} of ${counted(map.points, "product")} in view.`;
  find("inview").textContent = text;
  return text;
}

const selected = selectionIn(find("list"), { asked, doubt: (point) => doubts[point], clear: () => take([]) });

/** Take some points: the others step back, and the products are listed. how: in what way they were chosen. */
function take(points, how = "") {
  const had = ["legend", "list"].some((id) => find(id).contains(document.activeElement));
  taken = new Set(points);
  roping(false);
  show();
  if (had) find("taken").focus({ preventScroll: true }); // what had the focus is made anew
  selected(points, how);
}

picker(find("within"), (node) => {
  within = node;
  if (map) show();
});
filters.addEventListener("change", (event) => event.target.id === "colour" && map && show());
filters.addEventListener("submit", (event) => event.preventDefault());
find("closer").addEventListener("click", () => chart.zoom(1.6));
find("farther").addEventListener("click", () => chart.zoom(1 / 1.6));
find("whole").addEventListener("click", () => chart.whole());
find("seen").addEventListener("click", () => map && take(chart.seen(), "in view on the map"));
function roping(on) {
  find("lasso").setAttribute("aria-pressed", String(on));
  chart.roping(on);
}
find("lasso").addEventListener("click", () => roping(find("lasso").getAttribute("aria-pressed") !== "true"));
addEventListener("keydown", (event) => event.key === "Escape" && roping(false));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => map && show());
load();
