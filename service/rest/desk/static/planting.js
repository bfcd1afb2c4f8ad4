// Changes of the taxonomy: what they would do is shown first, then they are made, and can be taken back.
import { author } from "./author.js";
import { asked } from "./dialogs.js";
import { counted, el, listed, path } from "./dom.js";
import { notice, refused } from "./notices.js";
import { post } from "./rest.js";

const ROUTE = "/v1/taxonomy/changes";
const SHOWN = 12;

/** What changes would do, in words and two short tables. */
function effect(seen) {
  const { renamed, relabelled, unlabelled } = seen.products;
  const facts = [
    counted(seen.categories, "category gets", "categories get") + " another path",
    relabelled ? `${counted(relabelled, "product goes", "products go")} to another category` : "no product goes to another category",
    renamed ? `${counted(renamed, "product stays", "products stay")} in a category that is called otherwise` : "",
    unlabelled ? `${counted(unlabelled, "product loses", "products lose")} the category` : "",
  ];
  const rows = [
    ...seen.shifts.map((each) => [each.before?.path, each.after?.path, counted(each.products, "product")]),
    ...seen.paths.map((each) => [each.before, each.after, ""]),
  ];
  const cells = (each) => el(
    "tr", "", el("td", "", each[0] ? path(each[0]) : "new"), el("td", "", each[1] ? path(each[1]) : "gone"), el("td", "number", each[2]),
  );
  const head = ["Before", "After", ""].map((name) => el("th", "", name));
  const left = rows.length - SHOWN;
  const table = el("table", "", el("thead", "", el("tr", "", ...head)), el("tbody", "", ...rows.slice(0, SHOWN).map(cells)));
  const wide = el("div", "wide", table);
  wide.tabIndex = 0;
  wide.setAttribute("role", "region");
  wide.setAttribute("aria-label", "Paths before and after");
  return [
    el("ul", "facts", ...facts.filter(Boolean).map((each) => el("li", "", each))),
    ...seen.conflicts.map((each) => el("p", "trouble", each)),
    rows.length ? wide : "",
    left > 0 ? el("p", "hint", `and ${left.toLocaleString("en-GB")} more`) : "",
    seen.unmatched.length ? el("p", "note", `No product fits ${listed(seen.unmatched)}: nothing would be in there.`) : "",
  ];
}

/**
 * Show what changes would do, make them when that is confirmed, and then call `after`, also when they are taken back.
 * Returns whether they were made; `failed` is told why they are refused.
 */
export async function plant(title, changes, after, failed = refused) {
  try {
    const seen = await post(`${ROUTE}?preview=true`, { changes, author: author() });
    const sure = await asked(title, effect(seen), "Change it", (confirm) => (confirm.disabled = seen.conflicts.length > 0));
    if (!sure) return false;
    const done = await post(ROUTE, { changes, author: author(), expected: seen.taxonomy.number - 1 });
    notice(`${title}: done.`, async () => {
      await uproot(done.taxonomy.number);
      await after();
    });
    await after();
    return true;
  } catch (error) {
    failed(error);
    return false;
  }
}

/** Take a change back by the number of the version that it made. */
export const uproot = (number) => post(`${ROUTE}/${number}:undo`, { author: author() });
