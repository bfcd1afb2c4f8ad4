// How a file is read, beside its columns: its encoding and what parts its cells, as they were found or as somebody
// says, and what is the same in every row.
import { button, el, find } from "./dom.js";

const FOUND = "";
const ENCODINGS = {
  "utf-8": "UTF-8", "utf-16": "UTF-16", cp1252: "Western, Windows-1252", "iso8859-15": "Western, ISO 8859-15",
  cp1250: "Central European, Windows-1250", cp1251: "Cyrillic, Windows-1251", cp1253: "Greek, Windows-1253",
  cp1254: "Turkish, Windows-1254", cp850: "Western, DOS 850", mac_roman: "Western, Mac Roman",
  cp932: "Japanese, Shift JIS", gb18030: "Chinese, GB 18030", big5: "Chinese, Big5", cp949: "Korean, UHC",
};
const FOUND_ENCODINGS = { ...ENCODINGS, ascii: "plain letters", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16" };
const DELIMITERS = { ",": "commas", ";": "semicolons", "\t": "tabs", "|": "upright strokes" };
// Fields that may be the same in every row; what tells a product from others cannot.
const SAME = ["supplier", "brand", "category", "foreign_category", "tags", "specs", "price", "provenance", "weight"];
const SHAPES = { specs: "Department: Garden | Language: de", tags: "outdoor, steel", category: "Garden > Pots", provenance: "supplier, human or machine", weight: "1" };

/** Make the controls; changed(columns) follows when something is said, `columns` where the columns may be others now. */
export function reading(named, changed) {
  const [writing, same] = [find("writing"), find("same")];
  let found = null; // how the file is written, as the service found it out
  let chosen = {}; // what somebody says instead
  let constants = []; // rows of {field, value}

  function select(name, key, known, also) {
    const said = also[found[key]] || found[key];
    const options = [new Option(`${said} (found)`, FOUND), ...Object.entries(known).map(([value, text]) => new Option(text, value))];
    const made = el("select", "", ...options);
    made.id = key;
    made.value = chosen[key] || FOUND;
    const label = el("label", "", name, made);
    label.htmlFor = key;
    made.addEventListener("change", () => {
      chosen[key] = made.value;
      changed(true);
    });
    return label;
  }

  /** A field is said once: where another row has it, it cannot be chosen. */
  function apart() {
    const taken = constants.map((each) => each.field.value);
    for (const { field } of constants) for (const each of field.options) each.disabled = each.value !== field.value && taken.includes(each.value);
    same.querySelector(":scope > button").hidden = taken.length === SAME.length;
  }

  function row() {
    const free = SAME.filter((each) => !constants.some((other) => other.field.value === each));
    const field = el("select", "", ...SAME.map((each) => new Option(named(each), each)));
    const value = el("input");
    const one = { field, value };
    field.value = free[0];
    field.setAttribute("aria-label", "Field that is the same in every row");
    value.autocomplete = "off";
    const item = el("li", "", field, value, button("quiet", "Take out", () => {
      constants = constants.filter((each) => each !== one);
      item.remove();
      apart();
      same.querySelector(":scope > button").focus();
      changed(false);
    }));
    const meant = () => {
      value.setAttribute("aria-label", `Its ${named(field.value)}`);
      value.placeholder = SHAPES[field.value] ? `as in ${SHAPES[field.value]}` : "";
    };
    field.addEventListener("change", () => {
      meant();
      apart();
      if (value.value.trim()) changed(false);
    });
    value.addEventListener("change", () => changed(false));
    meant();
    constants.push(one);
    same.querySelector("ol").append(item);
    apart();
    field.focus();
  }

  return {
    /** Show how a file is written, once it was looked at. */
    show(seen) {
      if (found) return;
      found = { encoding: seen.encoding, delimiter: seen.delimiter };
      writing.replaceChildren(
        found.encoding ? select("Encoding", "encoding", ENCODINGS, FOUND_ENCODINGS) : "",
        found.delimiter ? select("Delimiter", "delimiter", DELIMITERS, DELIMITERS) : "",
      );
      same.replaceChildren(
        el("h3", "", "The same in every row"),
        el("p", "hint", "What the file does not say, such as its supplier. A row that says it itself keeps its own."),
        el("ol", "rows"), button("quiet", "Add a value", row),
      );
    },
    /** What is said of it, as a profile has it. */
    profile() {
      const constant = Object.fromEntries(constants.map(({ field, value }) => [field.value, value.value.trim()]).filter(([, text]) => text));
      const said = Object.entries({ ...chosen, constant }).filter(([, value]) => (typeof value === "string" ? value : Object.keys(value).length));
      return Object.fromEntries(said);
    },
    clear() {
      found = null;
      chosen = {};
      constants = [];
      for (const place of [writing, same]) place.replaceChildren();
    },
  };
}
