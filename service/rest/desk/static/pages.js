// A list that comes page by page: its states, and what follows when somebody asks for it.
import { button, el } from "./dom.js";
import { say } from "./notices.js";
import { trouble } from "./rest.js";

/**
 * Fill `place` with a list. load(cursor) returns a page {items, next}; show(item) an element of it, or null for none;
 * nothing() what stands there when there is none. Returns what loads it anew.
 */
export function pagesIn(place, load, show, nothing) {
  let turn = 0; // of two loads that overlap the later one counts

  async function follow(list, cursor, mine) {
    const page = await load(cursor);
    if (mine !== turn) return 0;
    list.nextElementSibling?.remove();
    const items = page.items.map(show).filter(Boolean);
    list.append(...items);
    if (page.next) {
      const more = button("more", "Show more", async () => {
        if (more.getAttribute("aria-busy")) return;
        more.setAttribute("aria-busy", "true");
        more.nextElementSibling?.remove(); // what kept it from coming before
        try {
          await follow(list, page.next, mine);
          items.at(-1)?.nextElementSibling?.focus();
        } catch (error) {
          more.removeAttribute("aria-busy");
          more.after(trouble(error));
        }
      });
      list.after(more);
    }
    return list.children.length;
  }

  return async function reload() {
    const mine = ++turn;
    place.setAttribute("aria-busy", "true");
    if (!place.children.length) place.replaceChildren(el("p", "hint", "Loading …"));
    const list = el("div", "list");
    const aside = el("div", "", list);
    try {
      const shown = await follow(list, null, mine);
      if (mine !== turn) return;
      place.replaceChildren(...(shown || list.nextElementSibling ? aside.children : [nothing()]));
      say(shown ? `${shown}${list.nextElementSibling ? " and more" : ""} listed` : place.textContent);
    } catch (error) {
      if (mine === turn) place.replaceChildren(trouble(error, reload));
    } finally {
      if (mine === turn) place.removeAttribute("aria-busy");
    }
  };
}

/** Take an item out of its list; the one that follows gets the focus, and `nothing()` shows when none is left. */
export function remove(item, nothing) {
  const list = item.parentElement;
  const next = item.nextElementSibling || item.previousElementSibling;
  const had = item.contains(document.activeElement);
  item.remove();
  if (next) {
    if (had) next.focus();
  } else if (!list.nextElementSibling) {
    list.replaceWith(nothing());
  }
}

/** Let J and K go through the items of a list that are at `selector`. */
export function walkable(place, selector) {
  place.addEventListener("keydown", (event) => {
    if (typing(event) || !["j", "k"].includes(event.key)) return;
    const all = [...place.querySelectorAll(selector)];
    const at = all.findIndex((each) => each.contains(event.target));
    all[at + (event.key === "j" ? 1 : -1)]?.focus();
  });
}

/** Whether a key is meant for a field, or for the browser. */
export const typing = (event) =>
  event.ctrlKey || event.metaKey || event.altKey
  || (event.target.matches("input, textarea, select") && !event.target.matches("[type=checkbox], [type=radio]"));

