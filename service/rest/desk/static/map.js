// Map: every product as a point, near to those that it is like; coloured, looked at, and caught with a lasso.
import { button, counted, el, empty, find, path, percent } from "./dom.js";
import { refused, say } from "./notices.js";
import { picker } from "./picker.js";
import { Trouble, get, send, trouble } from "./rest.js";
import { rgba, scatter } from "./scatter.js";
import { exported } from "./table.js";

const filters = find("filters");
const PALETTE = ["#1f77b4", "#e07b00", "#2a9d5c", "#c63d3d", "#8a5fc0", "#94623f", "#d45fa8", "#5c8a8a", "#a8a21a", "#17a2c0", "#5566cc", "#b0567a"];
const QUIET = "#9aa09b";
const WRONG = "#d43d2f";
const RAMP = ["#d43d2f", "#e0a02a", "#2a8f6d"]; // confidence from none to all
const DOUBTED = 0.5;
const LOOK_AGAIN = 1000;
const PAUSE = 60; // milliseconds that the pointer rests before a product is asked for
const LISTED = 100;
const AT_ONCE = 500;
const EXPORTED = 20000;

let map = null; // what GET /v1/map said
let nodes = null; // category of each point, -1 for none
let doubts = null; // 0 to 255
let within = null; // the category that the map is kept to
let taken = new Set();
const known = new Map(); // products that were asked for, by point

const paper = () => getComputedStyle(document.documentElement).getPropertyValue("--card").trim();
const chart = scatter(find("canvas"), { hover, caught: take, moved: () => {} });

async function load() {
  try {
    const said = await get("/v1/map");
    if (said.drawing) return drawing(said.drawing);
    const response = await fetch(`/v1/map/points?version=${encodeURIComponent(said.version)}`);
    if (!response.ok) throw new Trouble(await response.json());
    unpack(said, await response.arrayBuffer());
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
  const unlabelled = nodes.reduce((sum, node) => sum + (node < 0), 0);
  const legend = [...hexes].map(([name, hex], at) => entry(hex, path(name), sorted[at][1], () => {
    take([...nodes.keys()].filter((i) => nodes[i] >= 0 && names[nodes[i]] === name && below(nodes[i])));
  }));
  if (rest.length) legend.push(entry(QUIET, counted(rest.length, "other", "others"), rest.reduce((sum, [, count]) => sum + count, 0)));
  if (unlabelled) legend.push(entry(QUIET, "no category", unlabelled));
  return [(i) => (nodes[i] < 0 ? quiet : numbers[nodes[i]]), legend];
}

function confidence() {
  const numbers = Array.from({ length: 256 }, (_, doubt) => {
    const at = (1 - doubt / 255) * 2;
    return at < 1 ? rgba(RAMP[0], RAMP[1], at) : rgba(RAMP[1], RAMP[2], at - 1);
  });
  const legend = [entry(RAMP[2], "sure of the label", null), entry(RAMP[1], "even chances", null), entry(RAMP[0], "sure that it is wrong", null), entry(QUIET, "no category", null)];
  const none = rgba(QUIET);
  return [(i) => (nodes[i] < 0 ? none : numbers[doubts[i]]), legend];
}

function errors(quiet) {
  const wrong = rgba(WRONG);
  const all = [...doubts.keys()].filter((i) => nodes[i] >= 0 && doubts[i] / 255 >= DOUBTED);
  const legend = [
    entry(WRONG, "probably wrong", all.length, () => take(all.filter((i) => below(nodes[i])))), entry(QUIET, "not doubted, or no category", map.points - all.length),
  ];
  return [(i) => (nodes[i] >= 0 && doubts[i] / 255 >= DOUBTED ? wrong : quiet), legend];
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

let resting = null;
function hover(point, x, y) {
  const tip = find("tip");
  clearTimeout(resting);
  tip.hidden = true;
  if (point < 0) return;
  resting = setTimeout(async () => {
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

/** Take some points: the others step back, and the products are listed. */
function take(points) {
  taken = new Set(points);
  find("lasso").setAttribute("aria-pressed", "false");
  chart.roping(false);
  show();
  list(points).catch(refused);
}

async function list(points) {
  const place = find("list");
  if (!points.length) return place.replaceChildren(el("p", "hint", "Nothing is selected."));
  say(`${counted(points.length, "product")} selected`);
  place.replaceChildren(el("p", "hint", "Loading …"));
  const items = await asked(points.slice(0, LISTED));
  const more = points.length - items.length;
  place.replaceChildren(
    el("p", "", el("b", "", counted(points.length, "product"))),
    el("div", "does", button("", "Export as CSV", () => save(points).catch(refused)), button("quiet", "Clear", () => take([]))),
    el("ol", "products", ...items.map((item) => el("li", "", item.title || item.id, " ", el("span", "hint", item.path || "no category")))),
    more > 0 ? el("p", "hint", `and ${more.toLocaleString("en-GB")} more, all of which are exported`) : "",
  );
}

async function save(points) {
  if (points.length > EXPORTED) say(`The first ${EXPORTED.toLocaleString("en-GB")} are exported.`);
  const items = (await asked(points.slice(0, EXPORTED))).filter((item) => item.id !== null);
  exported("map.csv", ["id", "title", "category", "probability_wrong"], items.map((item) => [item.id, item.title, item.path, item.doubt]));
  say(`${counted(items.length, "product")} exported`);
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
find("seen").addEventListener("click", () => map && take(chart.seen()));
find("lasso").addEventListener("click", () => {
  const on = find("lasso").getAttribute("aria-pressed") !== "true";
  find("lasso").setAttribute("aria-pressed", String(on));
  chart.roping(on);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => map && show());
load();
