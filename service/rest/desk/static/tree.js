// The category tree, a level at a time: a tree as the ARIA Authoring Practices have it, one item of which takes the tab.
import { counted, el } from "./dom.js";
import { get, trouble } from "./rest.js";

const ROUTE = "/v1/taxonomy/nodes";
const THIN = 5; // own products below which a leaf knows too little to be told well

/** What is amiss with a category, in a word or two; null when nothing is. */
export function health(node) {
  if (!node.products) return ["", "empty"];
  const share = node.doubted / node.products;
  if (node.doubted) return [share >= 0.1 ? "bad" : "warm", `${node.doubted.toLocaleString("en-GB")} doubted`];
  return !node.children && node.own < THIN ? ["warm", "thin"] : null;
}

/** Fill `place` with the tree; `chosen(node)` follows when somebody takes one. Returns {reload, reveal}. */
export function treeIn(place, chosen) {
  const open = new Set(); // ids of the categories that are open, through every reload
  const known = new Map(); // by id, what is shown
  let current = null; // id of the one that was taken

  function item(node, level) {
    const sign = el("span", "sign", node.children ? "›" : "");
    sign.setAttribute("aria-hidden", "true");
    const told = health(node);
    const line = el(
      "div", "line", sign, el("span", "name", node.name), " ", el("span", "hint", counted(node.products, "product")), " ",
      told ? el("span", `badge ${told[0]}`, told[1]) : "",
    );
    const made = el("li", "", line);
    made.setAttribute("role", "treeitem");
    made.setAttribute("aria-level", level);
    made.setAttribute("aria-selected", String(node.id === current));
    made.dataset.id = node.id;
    made.tabIndex = -1;
    if (node.children) made.setAttribute("aria-expanded", "false");
    sign.addEventListener("click", (event) => {
      event.stopPropagation();
      toggle(made);
    });
    line.addEventListener("click", () => take(made));
    known.set(node.id, node);
    return made;
  }

  async function fill(list, parent, level) {
    const { items } = await get(ROUTE, { parent });
    list.replaceChildren(...items.map((node) => item(node, level)));
    await Promise.all([...list.children].filter((each) => open.has(each.dataset.id)).map(expand));
  }

  async function expand(made) {
    if (made.getAttribute("aria-expanded") !== "false") return;
    const group = el("ul");
    group.setAttribute("role", "group");
    made.setAttribute("aria-expanded", "true");
    open.add(made.dataset.id);
    made.append(group);
    try {
      await fill(group, made.dataset.id, Number(made.getAttribute("aria-level")) + 1);
    } catch (error) {
      collapse(made);
      place.append(trouble(error, reload));
    }
  }

  function collapse(made) {
    if (made.getAttribute("aria-expanded") !== "true") return;
    made.setAttribute("aria-expanded", "false");
    open.delete(made.dataset.id);
    made.querySelector("ul").remove();
  }

  const toggle = (made) => (made.getAttribute("aria-expanded") === "true" ? collapse(made) : expand(made));

  function focus(made) {
    if (!made) return;
    for (const each of place.querySelectorAll("[tabindex='0']")) each.tabIndex = -1;
    made.tabIndex = 0;
    made.focus();
  }

  function take(made) {
    current = made.dataset.id;
    for (const each of place.querySelectorAll("[aria-selected=true]")) each.setAttribute("aria-selected", "false");
    made.setAttribute("aria-selected", "true");
    focus(made);
    chosen(known.get(current));
  }

  const items = () => [...place.querySelectorAll("[role=treeitem]")];
  const keys = {
    ArrowDown: (made, all) => focus(all[all.indexOf(made) + 1]),
    ArrowUp: (made, all) => focus(all[all.indexOf(made) - 1]),
    Home: (made, all) => focus(all[0]),
    End: (made, all) => focus(all.at(-1)),
    ArrowRight: (made) => (made.getAttribute("aria-expanded") === "true" ? focus(made.querySelector("[role=treeitem]")) : expand(made)),
    ArrowLeft: (made) => (made.getAttribute("aria-expanded") === "true" ? collapse(made) : focus(made.parentElement.closest("[role=treeitem]"))),
    Enter: take,
    " ": take,
  };
  place.addEventListener("keydown", (event) => {
    const made = event.target.closest("[role=treeitem]");
    if (!made || !keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key](made, items());
  });

  async function reload() {
    const list = el("ul", "tree");
    list.setAttribute("role", "tree");
    list.setAttribute("aria-label", "Categories");
    place.setAttribute("aria-busy", "true");
    try {
      await fill(list, undefined, 1);
      const nothing = el("p", "hint", "There are no categories yet: they come with the first labelled product.");
      place.replaceChildren(list.children.length ? list : nothing);
      (place.querySelector("[aria-selected=true]") || place.querySelector("[role=treeitem]"))?.setAttribute("tabindex", "0");
      if (current) chosen(known.get(current) && place.querySelector(`[data-id="${CSS.escape(current)}"]`) ? known.get(current) : null);
    } catch (error) {
      place.replaceChildren(trouble(error, reload));
    } finally {
      place.removeAttribute("aria-busy");
    }
  }

  /** Open the branches down to a category and take it. */
  async function reveal(node) {
    const names = node.path.split(" > ");
    let list = place.querySelector(".tree");
    for (const name of names) {
      const made = [...list.children].find((each) => known.get(each.dataset.id).name === name);
      if (!made) return;
      if (known.get(made.dataset.id).id === node.id) return take(made);
      await expand(made);
      list = made.querySelector("ul");
    }
  }

  return { reload, reveal };
}
