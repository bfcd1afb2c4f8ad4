// What the last sweep found beyond single labels: patterns, fixed in one go, and categories that are mixed up.
import { author } from "./author.js";
import { card, carryOut, keyed } from "./cards.js";
import { button, counted, el, empty, path, percent } from "./dom.js";
import { pagesIn, remove } from "./pages.js";
import { plant } from "./planting.js";
import { get, post } from "./rest.js";

const ATTRIBUTES = { brand: "Brand", supplier: "Supplier", provenance: "Labels by", foreign_category: "Foreign category" };

const noPattern = () => empty("No pattern", "No brand, supplier or old category stands in the wrong place as a whole.");
const noPair = () => empty("No categories are mixed up", "No two categories take each other's products.");

/** Fill `place` with patterns; returns what loads them anew. */
export function patternsIn(place, { changed }) {
  const load = async () => ({ items: (await get("/v1/audit/patterns")).items, next: null });

  const decide = (made, item, decision) => carryOut(made, {
    send: () => post(`/v1/audit/patterns/${item.id}/decision`, { decision, author: author() }),
    settle: () => remove(made, noPattern),
    said: `${counted(item.left, "label")} of ${item.value}: ${decision === "fix" ? "put right" : "found right"}.`,
    reload,
    changed,
  });

  function shown(item) {
    const made = card(`${ATTRIBUTES[item.attribute]} ${item.value}`);
    const list = el("a", "", `Show ${counted(item.left, "label")}`);
    list.href = `#labels?pattern=${item.id}`;
    made.append(
      el("div", "head", el("h2", "", `${ATTRIBUTES[item.attribute]} ${item.value}`), el("span", "badge bad", `${item.support} of ${counted(item.products, "product")}`)),
      el(
        "dl", "move", el("dt", "", "Stored in"), el("dd", "was", path(item.stored.path)), el("dt", "", "Seem to belong in, or below"), el("dd", "to", path(item.suggested.path)),
      ),
      el("p", "hint", `${percent(item.share)} of its products there, ${item.lift.toFixed(item.lift < 10 ? 1 : 0)} times the share of all others.`),
      el(
        "div", "does", button("main", `Put ${item.left} right`, () => decide(made, item, "fix")), button("", "All are right", () => decide(made, item, "keep")), list,
      ),
    );
    keyed(made, { f: () => decide(made, item, "fix"), r: () => decide(made, item, "keep") });
    return made;
  }

  const reload = pagesIn(place, load, shown, noPattern);
  return reload;
}

/** Fill `place` with pairs of categories that take each other's products. */
export function pairsIn(place) {
  const load = async () => ({ items: (await get("/v1/audit/patterns")).ambiguous, next: null });

  function shown(pair) {
    const made = card(`${pair.one.path} and ${pair.other.path}`);
    const [merged, into] = pair.remedy.into === pair.other.id ? [pair.one, pair.other] : [pair.other, pair.one];
    const title = `Merge ${merged.path} into ${into.path}`;
    made.append(
      el("h2", "", "Perhaps one category"),
      el(
        "ul", "pair",
        el("li", "", path(pair.one.path), el("span", "hint", ` ${pair.one_to_other} of ${pair.one_of} seem to belong to the other`)),
        el("li", "", path(pair.other.path), el("span", "hint", ` ${pair.other_to_one} of ${pair.other_of} seem to belong to the first`)),
      ),
      el("h3", "", "For example"),
      el("ul", "witnesses", ...pair.examples.map((each) => el("li", "", each.title || each.id, el("span", "hint", ` ${each.path}`)))),
      el("div", "does", button("main", `${title} …`, () => plant(title, [pair.remedy], reload))),
    );
    return made;
  }

  const reload = pagesIn(place, load, shown, noPair);
  return reload;
}
