// Questions that have to be answered before anything else: the browser's own dialog holds the focus and gives it back.
import { button, el } from "./dom.js";
import { picker } from "./picker.js";

/**
 * Show a dialog with content and two ways out; returns whether it was confirmed. `ready(confirm)` may hold the button
 * that confirms back until there is something to confirm. With `no` empty there is one way out, of what only tells.
 */
export function asked(title, content, yes, ready = () => {}, no = "Cancel") {
  const heading = el("h2", "", title);
  heading.id = "asked";
  const form = el("form", "question");
  const confirm = el("button", "", yes);
  confirm.type = "submit";
  const made = el("dialog", "", form);
  made.setAttribute("aria-labelledby", heading.id);
  form.append(heading, ...content, el("div", "does", confirm, no && button("quiet", no, () => made.close(""))));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!confirm.disabled) made.close("yes");
  });
  document.body.append(made);
  ready(confirm);
  made.showModal();
  return new Promise((answer) => {
    made.addEventListener("close", () => {
      made.remove();
      answer(made.returnValue === "yes");
    });
  });
}

/** Ask for a category; returns it, or null when nobody chose. */
export async function chosenCategory(title, yes = "Choose") {
  const label = el("label", "", "Category ", el("span", "hint", "type words of its path, or press the down arrow and go along the tree by arrows"));
  const input = el("input");
  input.id = label.htmlFor = "chosen-category"; // pages have parts that are called chosen
  let chosen = null;
  const box = el("div", "choose", label, input);
  const sure = await asked(title, [box], yes, (confirm) => {
    confirm.disabled = true;
    picker(input, (node) => {
      chosen = node;
      confirm.disabled = !node;
      if (node) confirm.focus();
    });
  });
  return sure ? chosen : null;
}

/** Ask for a line of text; returns it trimmed, or null. */
export async function written(title, name, value, yes) {
  const label = el("label", "", name);
  const input = el("input");
  Object.assign(input, { value, required: true, maxLength: 200 });
  input.id = label.htmlFor = "written";
  const sure = await asked(title, [el("div", "choose", label, input)], yes, () => setTimeout(() => input.select()));
  return sure && input.value.trim() ? input.value.trim() : null;
}
