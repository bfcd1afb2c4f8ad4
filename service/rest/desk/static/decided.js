// What people decided lately, each of which can be taken back from here.
import { author } from "./author.js";
import { button, el, when } from "./dom.js";
import { notice, refused } from "./notices.js";
import { get, post, trouble } from "./rest.js";

const WORDS = {
  merge: "merged", same: "same product, all kept", different: "not duplicates", variant: "variants",
  accept: "accepted", correct: "corrected", coarser: "made coarser", finer: "made finer", tags: "tags changed", skip: "skipped",
  unsure: "not sure", fix: "put right", keep: "found right", nominate: "put into review", undo: "taken back",
};
const SHOWN = 20;

/** Take a decision back by its number. */
export const undo = (number) => post(`/v1/decisions/${number}:undo`, { author: author() });

/** Fill the details `place` with decisions of a kind (all without) when it is opened; `changed` follows an undo. */
export function decidedIn(place, kind, changed) {
  const list = el("div", "wide");
  place.append(list);

  function shown(each) {
    const state = each.undone_at ? el("span", "hint", `taken back ${when(each.undone_at)}`) : null;
    const back = button("quiet", "Undo", async () => {
      try {
        await undo(each.number);
        notice(`Decision ${each.number} is taken back.`);
        await Promise.all([reload(), changed()]);
      } catch (error) {
        refused(error);
      }
    });
    back.append(el("span", "unseen", ` decision ${each.number}`));
    const where = each.kind === "prediction" && each.detail.category ? ` · ${each.detail.category}` : "";
    const about = each.kind === "nomination" ? [each.subject, each.detail.reason] : each.detail.ids || [];
    const what = (about.filter(Boolean).join(", ") || each.subject) + where;
    return el(
      "tr", "", el("td", "number", String(each.number)), el("td", "", WORDS[each.action] || each.action),
      el("td", "", what), el("td", "", each.author || "nobody said"), el("td", "", when(each.at)),
      el("td", "", state || (each.undoes ? el("span", "hint", `took ${each.undoes} back`) : back)),
    );
  }

  async function reload() {
    if (!place.open) return;
    try {
      const { items } = await get("/v1/decisions", { kind, limit: SHOWN });
      const head = ["", "Decision", "About", "By", "When", ""].map((name) => el("th", "", name));
      const table = el("table", "", el("thead", "", el("tr", "", ...head)), el("tbody", "", ...items.map(shown)));
      list.replaceChildren(items.length ? table : el("p", "hint", "Nobody has decided anything yet."));
    } catch (error) {
      list.replaceChildren(trouble(error, reload));
    }
  }

  place.addEventListener("toggle", reload);
  return reload;
}
