// Products side by side: a column for each, a row for each thing that is known of them, and what differs marked.
import { el, path, thumbnail } from "./dom.js";

export const FACTS = { gtin: "GTIN", mpn: "MPN", price: "Price", supplier: "Supplier", worth: "Worth", foreign_category: "Foreign category" };

const words = (text) => new Set(text.toLocaleLowerCase().match(/[\p{L}\p{N}.,%]+/gu) || []);

/** A text whose words that another one lacks are marked. */
function marked(text, other) {
  const known = words(other);
  const parts = text.split(/([\p{L}\p{N}.,%]+)/u);
  return el("span", "", ...parts.map((part) => (words(part).size && !known.has(part.toLocaleLowerCase()) ? el("mark", "", part) : part)));
}

const same = (one, other) => one.trim().toLocaleLowerCase() === other.trim().toLocaleLowerCase();

/** The rows of a table: name, and the value of each product as text. */
function rowsOf(products) {
  const rows = [
    ["Title", (each) => each.title],
    ["Brand", (each) => each.brand],
    ["Category", (each) => each.category],
  ];
  for (const [fact, name] of Object.entries(FACTS)) rows.push([name, (each) => String(each.facts?.[fact] ?? "")]);
  const specs = new Map();
  for (const each of products) for (const spec of each.specs || []) specs.set(spec.name.toLocaleLowerCase(), spec.name);
  for (const [key, name] of specs) {
    rows.push([name, (each) => (each.specs || []).filter((spec) => spec.name.toLocaleLowerCase() === key).map((spec) => spec.value).join(", ")]);
  }
  rows.push(["Tags", (each) => (each.tags || []).join(", ")], ["Description", (each) => each.description || ""]);
  return rows.map(([name, value]) => [name, products.map(value)]).filter(([, values]) => values.some(Boolean));
}

function cell(name, value, first, at) {
  const differs = at > 0 && !same(value, first);
  if (!value) return el("td", differs ? "differs lacking" : "lacking", el("span", "", "—"));
  const long = name === "Title" || name === "Description";
  const shown = differs ? (long ? marked(value, first) : el("mark", "", value)) : name === "Category" ? path(value) : value;
  return el("td", `${differs ? "differs" : ""} ${name === "Description" ? "long" : ""}`, el("div", "", shown));
}

/**
 * A table of products, the one that others are compared with first. heads: what stands above each, from its product.
 * Where all are alike a row is one quiet line.
 */
export function sides(products, head) {
  const rows = rowsOf(products).map(([name, values]) => {
    const alike = values.every((value) => same(value, values[0]));
    const label = el("th", "", name, alike ? "" : el("span", "unseen", " (differs)"));
    label.scope = "row";
    return el("tr", alike ? "alike" : "", label, ...values.map((value, at) => cell(name, value, values[0], at)));
  });
  const corner = el("td");
  const heads = products.map((each, at) => {
    const made = el("th", "", ...head(each, at));
    made.scope = "col";
    return made;
  });
  const pictured = products.some((each) => each.picture);
  const pictures = pictured
    ? el("tr", "", el("th", "", "Picture"), ...products.map((each) => el("td", "", thumbnail(each.picture, each.title || each.id))))
    : null;
  return el("table", "sides", el("thead", "", el("tr", "", corner, ...heads)), el("tbody", "", pictures, ...rows));
}
