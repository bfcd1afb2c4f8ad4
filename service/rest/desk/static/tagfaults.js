// Tags that products probably lack, or should not have.
import { author } from "./author.js";
import { undo } from "./decided.js";
import { button, counted, el, empty, path, percent } from "./dom.js";
import { notice, refused, say } from "./notices.js";
import { pagesIn, remove, typing } from "./pages.js";
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
    made.setAttribute("aria-busy", "true");
    try {
      const options = { headers: { "If-Match": `"${item.version}"` } };
      const { number } = await post(`/v1/audit/tags/${idPath(item.id)}/decision`, { action, tags, author: author() }, options);
      if (tags.length === item.faults.length) remove(made, nothing);
      else await reload();
      notice(`${item.title || item.id}: ${counted(tags.length, "tag")} ${action === "fix" ? "put right" : "found right"}.`, async () => {
        await undo(number);
        await reload();
      });
      changed();
    } catch (error) {
      refused(error);
    } finally {
      made.removeAttribute("aria-busy");
    }
  }

  function fault(each) {
    const box = el("input");
    Object.assign(box, { type: "checkbox", value: each.tag, checked: true });
    const [badge, word] = each.fault === "missing" ? ["good", "add"] : ["bad", "remove"];
    return el("li", "", el("label", "", box, el("span", `badge ${badge}`, word), " ", each.tag, el("span", "hint", ` ${percent(each.probability)}`)));
  }

  function shown(item) {
    const made = el("article", "card item");
    made.tabIndex = -1;
    made.setAttribute("aria-label", item.title || item.id);
    made.append(
      el("h2", "", item.title || item.id), el("p", "hint", `${item.id} · `, path(item.path)),
      el("ul", "faults", ...item.faults.map(fault)),
      el("div", "does", button("main", "Add and remove these", () => decide(made, item, "fix")), button("", "Right as they are", () => decide(made, item, "keep"))),
    );
    const does = { f: "fix", r: "keep" };
    made.addEventListener("keydown", (event) => {
      if (!typing(event) && does[event.key]) decide(made, item, does[event.key]);
    });
    return made;
  }

  const reload = pagesIn(place, load, shown, nothing);
  return reload;
}
