// What was caught on the map: listed, exported, and put into the review queue.
import { button, counted, el } from "./dom.js";
import { AT_ONCE, lookAt, nominate, putOf } from "./nominating.js";
import { refused, say } from "./notices.js";
import { trouble } from "./rest.js";
import { exported } from "./table.js";

const LISTED = 100;
const EXPORTED = 20000;

/**
 * Return what lists points in `place`, and how they were chosen. asked(points) returns their products; doubt(point) how
 * doubted the label of one is; clear() lets go of them.
 */
export function selectionIn(place, { asked, doubt, clear }) {
  let turn = 0; // of two selections the later one is listed, whichever is answered first

  async function save(points) {
    if (points.length > EXPORTED) say(`The first ${EXPORTED.toLocaleString("en-GB")} are exported.`);
    const items = (await asked(points.slice(0, EXPORTED))).filter((item) => item.id !== null);
    exported("map.csv", ["id", "title", "category", "probability_wrong"], items.map((item) => [item.id, item.title, item.path, item.doubt]));
    say(`${counted(items.length, "product")} exported`);
  }

  /** What puts them into the review queue, the most doubted first. */
  function reviewing(points, how) {
    const reason = el("input");
    Object.assign(reason, { id: "reason", value: how, maxLength: 200, autocomplete: "off" });
    const label = el("label", "", "Why people should look at them");
    label.htmlFor = reason.id;
    const put = button("main", "Put into the review queue", async () => {
      if (put.getAttribute("aria-busy")) return;
      put.setAttribute("aria-busy", "true");
      say(`${counted(points.length, "product")} ${points.length === 1 ? "is" : "are"} asked about`); // some seconds for many
      try {
        const items = await asked([...points].sort((one, other) => doubt(other) - doubt(one)));
        const ids = items.map((item) => item.id).filter((id) => id !== null);
        if (!ids.length) return say("None of them is stored any more.");
        const told = await nominate(ids, reason.value.trim(), () => {
          made.replaceChildren(...parts);
          put.focus();
        });
        made.replaceChildren(el("p", "note", putOf(told.counts), " ", lookAt(told.number)));
        made.querySelector("a").focus();
      } catch (error) {
        refused(error);
      } finally {
        put.removeAttribute("aria-busy");
      }
    });
    const limit = el("p", "hint", `${AT_ONCE} at most in one go: zoom in, or keep the map to a category.`);
    limit.id = "limit";
    put.disabled = points.length > AT_ONCE;
    if (put.disabled) put.setAttribute("aria-describedby", limit.id);
    const parts = put.disabled ? [put, limit] : [label, reason, put];
    const made = el("div", "reviewing", ...parts);
    return made;
  }

  return async function list(points, how) {
    const mine = ++turn;
    if (!points.length) return place.replaceChildren(el("p", "hint", "Nothing is selected."));
    say(`${counted(points.length, "product")} selected`);
    place.replaceChildren(el("p", "hint", "Loading …"));
    let items;
    try {
      items = await asked(points.slice(0, LISTED));
    } catch (error) {
      if (mine === turn) place.replaceChildren(trouble(error, () => list(points, how)));
      return;
    }
    if (mine !== turn) return;
    const more = points.length - items.length;
    const listed = el("ol", "products", ...items.map((item) => el("li", "", item.title || item.id, " ", el("span", "hint", item.path || "no category"))));
    listed.tabIndex = 0; // so that it is scrolled by keyboard
    listed.setAttribute("aria-label", "Selected products");
    place.replaceChildren(
      el("p", "", el("b", "", counted(points.length, "product"))),
      reviewing(points, how),
      el("div", "does", button("", "Export as CSV", () => save(points).catch(refused)), button("quiet", "Clear", clear)),
      listed,
      more > 0 ? el("p", "hint", `and ${more.toLocaleString("en-GB")} more, all of which are exported`) : "",
    );
  };
}
