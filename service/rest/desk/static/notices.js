// What was done a moment ago: said aloud, shown for a while, and taken back from there.
import { button, el, find } from "./dom.js";
import { trouble } from "./rest.js";

const SECONDS = 20;

/** Say something to whoever listens instead of looking. */
export function say(text) {
  const said = find("said");
  said.textContent = "";
  setTimeout(() => (said.textContent = text), 50); // the same words again are said again
}

/** Show what was done, with a button that takes it back where `undo` is given, and a link where that leads on. */
export function notice(text, undo = null, link = null) {
  const shown = el("div", "notice", el("p", "", text, link && " ", link));
  const close = () => shown.remove();
  if (undo) {
    shown.append(button("", "Undo", async () => {
      try {
        await undo();
        close();
      } catch (error) {
        shown.replaceChildren(trouble(error), button("quiet", "Close", close));
      }
    }));
  }
  shown.append(button("quiet", "Close", close));
  find("notices").append(shown);
  while (find("notices").children.length > 3) find("notices").firstElementChild.remove();
  say(undo ? `${text} It can be undone.` : text);
  // It stays as long as somebody is at it.
  const fade = () => (shown.matches(":hover, :focus-within") ? setTimeout(fade, 3000) : close());
  setTimeout(fade, SECONDS * 1000);
}

/** Show that something could not be done. */
export function refused(error) {
  const shown = el("div", "notice", trouble(error));
  shown.append(button("quiet", "Close", () => shown.remove()));
  find("notices").append(shown);
}
