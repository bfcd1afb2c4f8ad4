// The dialogs of changes that take more than a name or a place: a category is split by rules, or retired.
import { asked } from "./dialogs.js";
import { button, counted, el } from "./dom.js";
import { picker } from "./picker.js";
import { plant } from "./planting.js";
import { trouble } from "./rest.js";

const ABOVE = " > ";
const TEXT_CHARS = 200; // of a name, a word, a brand, a spec or a tag
let made = 0; // fields so far, for ids that are there once

function field(name, hint = "") {
  const input = el("input");
  Object.assign(input, { id: `split-${++made}`, maxLength: TEXT_CHARS, autocomplete: "off" });
  const label = el("label", "", name, hint ? el("span", "hint", ` ${hint}`) : "");
  label.htmlFor = input.id;
  return { input, shown: el("div", "choose", label, input), text: () => input.value.trim() };
}

function choice(name, options) {
  const select = el("select", "", ...options.map(([value, text]) => new Option(text, value)));
  select.id = `split-${++made}`;
  const label = el("label", "", name);
  label.htmlFor = select.id;
  return { select, shown: el("div", "choose", label, select) };
}

const words = (text) => text.split(",").map((word) => word.trim()).filter(Boolean);

/** One of the categories that products are sorted into: {shown, value(), focus()}. `gone` follows when it is taken out. */
function part(gone) {
  const name = field("Name of the new category");
  const some = field("Title has one of", "words or phrases, separated by commas");
  const none = field("Title has none of");
  const [brand, tag] = [field("Brand"), field("Tag")];
  const [spec, value] = [field("Spec", "its name"), field("Value of the spec")];
  const rest = [brand, tag, spec, value, none];
  const shown = el(
    "fieldset", "part", el("legend"), name.shown, some.shown,
    el("details", "", el("summary", "", "More that must hold"), el("div", "more", ...rest.map((each) => each.shown))),
    button("quiet", "Take it out", gone),
  );
  name.input.required = true;

  function rule() {
    const said = {};
    const listed = { any: words(some.text()), not: words(none.text()) };
    for (const [key, list] of Object.entries(listed)) if (list.length) (said.words ??= {})[key] = list;
    if (brand.text()) said.brand = brand.text();
    if (tag.text()) said.tag = tag.text();
    if (spec.text() && value.text()) said.spec = { [spec.text()]: value.text() };
    return said;
  }

  /** What is missing is told by the browser when the dialog is confirmed. */
  function check() {
    const empty = !Object.keys(rule()).length && "Say what tells its products: words of the title, or more below.";
    const half = !spec.text() !== !value.text() && "A spec has a name and a value: give both, or none.";
    some.input.setCustomValidity(half || empty || ""); // of a field that is seen, whatever is folded
  }
  shown.addEventListener("input", check);
  check();
  return { shown, value: () => ({ name: name.text(), rule: rule() }), focus: () => name.input.focus() };
}

/** Ask what a category is split into, show what that would do, and do it; back from the look nothing is lost. */
export async function split(node, after) {
  let parts = [];
  const list = el("div", "parts");
  const where = choice("The new categories are", [["", `below ${node.name}`], ["beside", `beside ${node.name}`]]);
  const problem = el("div");

  function number() {
    parts.forEach((each, at) => (each.shown.querySelector("legend").textContent = `Part ${at + 1}`));
    for (const each of parts) each.shown.querySelector(":scope > button").hidden = parts.length === 1;
  }

  function add() {
    const one = part(() => {
      parts = parts.filter((each) => each !== one);
      one.shown.remove();
      number();
      parts[0].focus();
    });
    parts.push(one);
    list.append(one.shown);
    number();
    return one;
  }
  add();

  const content = [
    el("p", "hint", node.own
      ? `Each of the ${counted(node.own, "product")} right in it goes to the first part that fits; what fits none stays.`
      : "No product is right in it: there is nothing to sort, and what is below it stays there."),
    list, button("", "Add a part", () => add().focus()), where.shown, problem,
  ];
  const title = `Split ${node.path}`;
  while (await asked(title, content, "See what changes")) {
    problem.replaceChildren();
    const change = { change: "split", node: node.id, parts: parts.map((each) => each.value()), beside: Boolean(where.select.value) };
    if (await plant(title, [change], after, (error) => problem.replaceChildren(trouble(error)))) return;
  }
}

/** Ask where the products of a category go that is retired, show what that would do, and do it. */
export async function retire(node, after) {
  const above = node.path.split(ABOVE).slice(0, -1).join(ABOVE);
  const where = choice("Its products", [
    ...(above ? [["", `go to ${above}`]] : []), ["to", "go to another category"], ["unlabelled", "lose their category"],
  ]);
  const other = field("Category", "type words of its path, or press the down arrow");
  let chosen = null;
  const content = [where.shown, other.shown];
  const title = `Retire ${node.path}`;
  const sure = await asked(title, content, "See what changes", (confirm) => {
    const show = () => {
      other.shown.hidden = where.select.value !== "to";
      confirm.disabled = !other.shown.hidden && !chosen;
    };
    where.select.addEventListener("change", show);
    picker(other.input, (found) => {
      chosen = found;
      show();
      if (found) confirm.focus();
    });
    show();
  });
  if (!sure) return;
  const said = { to: chosen && { to: chosen.id }, unlabelled: { unlabelled: true } }[where.select.value] || {};
  await plant(title, [{ change: "retire", node: node.id, ...said }], after);
}
