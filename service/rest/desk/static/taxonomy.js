// Taxonomy: the tree with what lies in it and how it does; categories are renamed, moved, merged, split and retired.
import { button, counted, el, empty, find, listed, path, percent, when } from "./dom.js";
import { chosenCategory, written } from "./dialogs.js";
import { notice, refused } from "./notices.js";
import { picker } from "./picker.js";
import { plant, uproot } from "./planting.js";
import { get, trouble } from "./rest.js";
import { retire, split } from "./splitting.js";
import { health, treeIn } from "./tree.js";

const SHOWN = 20;
const chosen = find("chosen");
const history = find("history");

const tree = treeIn(find("place"), show);
const changed = () => Promise.all([tree.reload(), facts(), changes()]);

async function facts() {
  const said = await get("/v1/taxonomy").catch(() => null);
  if (said) find("facts").textContent = `${counted(said.nodes, "category", "categories")}, ${counted(said.depth, "level")}, version ${said.number}${said.open ? ", grows with new labels" : ""}.`;
}

const ACTIONS = {
  async Rename(node) {
    const name = await written(`Rename ${node.path}`, "New name", node.name, "See what changes");
    if (name && name !== node.name) await plant(`Rename ${node.path} to ${name}`, [{ change: "rename", node: node.id, name }], changed);
  },
  async Move(node) {
    const to = await chosenCategory(`Move ${node.path} below`, "See what changes");
    if (to) await plant(`Move ${node.path} below ${to.path}`, [{ change: "move", node: node.id, parent: to.id }], changed);
  },
  async Merge(node) {
    const to = await chosenCategory(`Merge ${node.path} into`, "See what changes");
    if (to) await plant(`Merge ${node.path} into ${to.path}`, [{ change: "merge", nodes: [node.id], into: to.id }], changed);
  },
  Split: (node) => split(node, changed),
  Retire: (node) => retire(node, changed),
};

/** Show one category: what lies in it, what of that is doubted, and what can be done. */
function show(node) {
  if (!node) return chosen.replaceChildren(el("p", "hint", "It is not there any more; choose another one."));
  const told = health(node);
  const doubted = el("a", "", `${counted(node.doubted, "label")} doubted`);
  doubted.href = "/audit";
  const rows = [
    ["Products", node.products.toLocaleString("en-GB")],
    ["Its own", node.own.toLocaleString("en-GB")],
    ["Categories right below", node.children.toLocaleString("en-GB")],
    ["Doubted", node.doubted ? el("span", "", doubted, ` (${percent(node.doubted / node.products)})`) : "none"],
    ["Id", el("code", "", node.id)],
  ];
  const top = node.path.includes(" > ")
    ? button("", "Move to the top", () => plant(`Move ${node.path} to the top`, [{ change: "move", node: node.id, parent: null }], changed))
    : null;
  chosen.replaceChildren(
    el("p", "path", path(node.path), " ", told ? el("span", `badge ${told[0]}`, told[1]) : ""),
    el("dl", "known", ...rows.flatMap(([name, value]) => [el("dt", "", name), el("dd", "", value)])),
    el("div", "does", ...Object.entries(ACTIONS).map(([name, act]) => button("", `${name} …`, () => act(node))), top),
    el("p", "hint", "What would change is shown first. Products may go on coming under the names of before."),
  );
}

/** A change in words, with the names that its categories had. */
function said(change, names) {
  const called = (id) => names[id] || id;
  if (change.change === "rename") return `${called(change.node)} is called ${change.name}`;
  if (change.change === "move") return `${called(change.node)} goes ${change.parent ? `below ${called(change.parent)}` : "to the top"}`;
  if (change.change === "merge") return `${change.nodes.map(called).join(", ")} into ${called(change.into)}`;
  if (change.change === "split") return `${called(change.node)} is split: ${listed(change.parts.map((part) => part.name))}`;
  return `${called(change.node)} is retired, its products ${change.to ? `go to ${called(change.to)}` : "lose their category"}`;
}

async function changes() {
  if (!history.open) return;
  const list = history.querySelector(".wide") || history.appendChild(el("div", "wide"));
  try {
    const { items } = await get("/v1/taxonomy/changes");
    const last = items.findLast((each) => each.number > 1 && !each.undoes && !each.undone);
    const rows = items.slice(-SHOWN).reverse().map((each) => {
      const what = each.undoes ? `takes version ${each.undoes} back` : each.changes.map((change) => said(change, each.names)).join("; ") || "as it was given";
      const undo = each === last ? button("quiet", "Undo", () => back(each.number)) : each.undone ? el("span", "hint", `taken back by version ${each.undone}`) : "";
      if (each === last) undo.append(el("span", "unseen", ` version ${each.number}`));
      return el("tr", "", el("td", "number", String(each.number)), el("td", "", what), el("td", "", each.author || "nobody said"), el("td", "", when(each.at)), el("td", "", undo));
    });
    const head = ["Version", "Change", "By", "When", ""].map((name) => el("th", "", name));
    const table = el("table", "", el("thead", "", el("tr", "", ...head)), el("tbody", "", ...rows));
    list.replaceChildren(rows.length ? table : empty("Nobody has changed it", "Every change is listed here, and can be taken back."));
  } catch (error) {
    list.replaceChildren(trouble(error, changes));
  }
}

async function back(number) {
  try {
    const done = await uproot(number);
    notice(`Version ${number} is taken back, as version ${done.taxonomy.number}.`);
    await changed();
  } catch (error) {
    refused(error);
  }
}

const search = picker(find("search"), (node) => {
  if (node) tree.reveal(node).then(() => search.clear());
});
find("filters").addEventListener("submit", (event) => event.preventDefault());
history.addEventListener("toggle", changes);
tree.reload();
facts();
