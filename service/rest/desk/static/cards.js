// Cards of what is to be decided: how they answer to keys and readers, and how a decision about one is carried out.
import { undo } from "./decided.js";
import { el } from "./dom.js";
import { notice, refused } from "./notices.js";
import { typing } from "./pages.js";

/** Make a card that can have the focus; label: what it is called aloud. */
export function card(label) {
  const made = el("article", "card item");
  made.tabIndex = -1;
  made.setAttribute("aria-label", label);
  return made;
}

/** Let keys do what `does` has for them, unless they are held down, or meant for a field or the browser. */
export function keyed(made, does) {
  made.addEventListener("keydown", (event) => {
    if (event.repeat || typing(event) || !does[event.key]) return;
    event.preventDefault();
    does[event.key]();
  });
}

/**
 * Carry a decision out about what a card shows, which is busy meanwhile: `send` it, show with `settle` what is left, and
 * tell what was `said`, to be taken back from there; `reload` follows that, and `changed` what was decided. While one is
 * under way, another is none.
 */
export async function carryOut(made, { send, settle, said, reload, changed }) {
  if (made.getAttribute("aria-busy")) return;
  made.setAttribute("aria-busy", "true");
  try {
    const { number } = await send();
    await settle();
    notice(said, async () => {
      await undo(number);
      await reload();
    });
    changed();
  } catch (error) {
    refused(error);
  } finally {
    made.removeAttribute("aria-busy");
  }
}
