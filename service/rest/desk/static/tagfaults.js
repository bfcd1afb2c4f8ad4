// Tags that products probably lack, or should not have.
import { author } from "./author.js";
import { card, carryOut, keyed } from "./cards.js";
import { button, counted, el, empty, path, percent } from "./dom.js";
import { say } from "./notices.js";
import { pagesIn, remove } from "./pages.js";
import { get, idPath, post } from "./rest.js";

const nothing = () => empty("No tag is doubted", "Every tag looks right, as far as these filters go.");

/** Fill `place` with products whose tags are doubted; returns what loads them anew. */
export function tagsIn(place, { wanted, changed }) {
  const load = (cursor) => {
    const { least, branch } = wanted();
    return get("/v1/audit/tags", { least, branch, cursor, limit: 25 });
  };

  async function decide(made, item, action) {
    const tags = [...made.querySelectorAll(":checked")].map((each) => each.value);
    if (!tags.length) return say("Choose a tag first.");
    const options = { headers: { "If-Match": `"${item.version}"` } };
    await carryOut(made, {
      send: () => post(`/v1/audit/tags/${idPath(item.id)}/decision`, { action, tags, author: author() }, options),
      settle: () => (tags.length === item.faults.length ? remove(made, nothing) : reload()),
      said: `${item.title || item.id}: ${counted(tags.length, "tag")} ${action === "fix" ? "put right" : "found right"}.`,
      reload,
      changed,
    });
  }

  function fault(each) {
    const box = el("input");
    Object.assign(box, { type: "checkbox", value: each.tag, checked: true });
    const [badge, word] = each.fault === "missing" ? ["good", "add"] : ["bad", "remove"];
    return el("li", "", el("label", "", box, el("span", `badge ${badge}`, word), " ", each.tag, el("span", "hint", ` ${percent(each.probability)}`)));
  }

  function shown(item) {
    const made = card(item.title || item.id);
    made.append(
      el("h2", "", item.title || item.id), el("p", "hint", `${item.id} · `, path(item.path)),
      el("ul", "faults", ...item.faults.map(fault)),
      el("div", "does", button("main", "Add and remove these", () => decide(made, item, "fix")), button("", "Right as they are", () => decide(made, item, "keep"))),
    );
    keyed(made, { f: () => decide(made, item, "fix"), r: () => decide(made, item, "keep") });
    return made;
  }

  const reload = pagesIn(place, load, shown, nothing);
  return reload;
}
