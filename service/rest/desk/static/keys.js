// Keys of a page that are one key each: which do what, shown to whoever asks, and turned off by whoever needs them for
// something else (WCAG 2.1.4).
import { asked } from "./dialogs.js";
import { el } from "./dom.js";
import { typing } from "./pages.js";

const KEPT = "aisle.keys";

let on = true;
try {
  on = localStorage.getItem(KEPT) !== "off";
} catch {
  // A browser that keeps nothing has them on.
}

/** Which key an event is, "" for one that is no command: held down, with a modifier, or meant for a field or a dialog. */
function meant(event) {
  if (!on || event.repeat || event.isComposing || event.defaultPrevented || typing(event) || document.querySelector("dialog[open]")) return "";
  const digit = /^Digit([1-9])$/.exec(event.code);
  if (digit) return `${event.shiftKey ? "Shift+" : ""}${digit[1]}`;
  return event.key.toLowerCase();
}

/** Let keys do things: `does` has a function for each; those that return false leave the key to the browser. */
export function listen(does) {
  document.addEventListener("keydown", (event) => {
    const key = meant(event);
    if (key && Object.hasOwn(does, key) && does[key]() !== false) event.preventDefault();
  });
}

/** Show all keys: rows of [keys, what they do]. */
export function help(rows) {
  const list = el("dl", "all-keys", ...rows.flatMap(([keys, what]) => [
    el("dt", "", ...keys.map((key) => el("kbd", "", key)).flatMap((key, at) => (at ? [" ", key] : [key]))), el("dd", "", what),
  ]));
  const box = el("input");
  Object.assign(box, { type: "checkbox", id: "single", checked: on });
  const label = el("label", "single", box, "Single keys do this on this page");
  label.htmlFor = box.id;
  box.addEventListener("change", () => {
    on = box.checked;
    try {
      localStorage.setItem(KEPT, on ? "on" : "off");
    } catch {
      // Then for this page alone.
    }
  });
  return asked("Keys", [list, label], "Close", (confirm) => setTimeout(() => confirm.focus()), "");
}
