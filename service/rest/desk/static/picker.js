// A field that takes a category: by search over the whole tree, or along it, a level at a time. A combobox as the ARIA
// Authoring Practices have it: the focus stays in the field, and aria-activedescendant says which one is meant.
import { counted, el, path } from "./dom.js";
import { say } from "./notices.js";
import { get, trouble } from "./rest.js";

const PAUSE = 120; // milliseconds of no typing after which a search is sent
const SHOWN = 30;

/** Make a field with its list out of an input; `picked(node)` is called with {id, path, ...}, or null when it is emptied. */
export function picker(input, picked) {
  const list = el("ul", "options");
  list.id = `${input.id}-options`;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Categories");
  list.hidden = true;
  const set = { role: "combobox", "aria-autocomplete": "list", "aria-controls": list.id, "aria-expanded": "false", autocomplete: "off", spellcheck: "false" };
  for (const [name, value] of Object.entries(set)) input.setAttribute(name, value);
  const place = el("span", "picker");
  input.replaceWith(place);
  place.append(input, list);

  let options = []; // what may be taken: what the list shows, as long as that answers what the field says
  let above = []; // ids of the categories that the list is below, where it goes along the tree
  let at = -1; // which option is meant
  let chosen = null;
  let waiting = null;
  let asking = null;

  function mean(which) {
    list.children[at]?.setAttribute("aria-selected", "false");
    at = which;
    const option = list.children[at];
    if (!option) return input.removeAttribute("aria-activedescendant");
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", option.id);
  }

  /** The field says something else, or nothing is wanted: no option is taken until another search is answered. */
  function forget() {
    clearTimeout(waiting);
    asking?.abort();
    options = [];
    mean(-1);
  }

  function close() {
    forget();
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
  }

  function open(...shown) {
    list.replaceChildren(...shown);
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
  }

  function show(items) {
    options = items;
    at = -1;
    const made = items.map((node, number) => {
      const option = el("li", "", path(node.path), el("span", "hint", ` ${counted(node.products, "product")}${node.children ? " ›" : ""}`));
      option.id = `${list.id}-${number}`;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      option.addEventListener("pointerdown", (event) => event.preventDefault()); // the focus stays in the field
      option.addEventListener("click", () => pick(node));
      return option;
    });
    open(...(made.length ? made : [el("li", "none hint", "No category is called so; try fewer letters.")]));
    mean(items.length ? 0 : -1);
    say(counted(items.length, "category", "categories"));
  }

  /** Ask for categories; what was typed meanwhile makes the answer void. */
  async function look(query) {
    forget();
    const mine = (asking = new AbortController());
    try {
      const { items } = await get("/v1/taxonomy/nodes", { limit: SHOWN, ...query }, { signal: mine.signal });
      if (mine === asking && document.activeElement === input) show(items);
    } catch (error) {
      if (error.name !== "AbortError" && mine === asking) open(el("li", "none", trouble(error)));
    }
  }

  const search = () => {
    above = [];
    return look(input.value.trim() ? { q: input.value } : {});
  };

  function pick(node) {
    chosen = node;
    input.value = node ? node.path : "";
    close();
    picked(node);
  }

  const keys = {
    ArrowDown: () => (list.hidden ? search() : mean(Math.min(at + 1, options.length - 1))),
    ArrowUp: () => !list.hidden && mean(Math.min(Math.max(at - 1, 0), options.length - 1)),
    Enter: () => at >= 0 && !list.hidden && (pick(options[at]), true),
    Escape: () => (list.hidden ? input.value && (pick(null), true) : (close(), true)),
    ArrowRight: () => inside() && options[at]?.children && (above.push(options[at].id), look({ parent: options[at].id }), true),
    ArrowLeft: () => inside() && above.length && (above.pop(), look({ parent: above.at(-1) }), true),
  };
  const inside = () => !list.hidden && at >= 0 && input.selectionStart === input.value.length;

  input.addEventListener("keydown", (event) => {
    const did = keys[event.key]?.();
    if (event.key === "ArrowDown" || event.key === "ArrowUp" || did === true) {
      event.preventDefault();
      event.stopPropagation(); // Escape closes the list, not the dialog around it
    }
  });
  input.addEventListener("input", () => {
    if (chosen) picked((chosen = null));
    forget();
    waiting = setTimeout(search, PAUSE);
  });
  input.addEventListener("focus", () => input.select());
  input.addEventListener("click", () => list.hidden && search());
  input.addEventListener("blur", close);
  return { clear: () => pick(null), show: (node) => ((chosen = node), (input.value = node.path)) };
}
