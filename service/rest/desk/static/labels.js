// Labels that are probably wrong, the worst first; put right, or found right.
import { author } from "./author.js";
import { card, carryOut, keyed } from "./cards.js";
import { chosenCategory } from "./dialogs.js";
import { button, counted, el, empty, find, path, percent, thumbnail } from "./dom.js";
import { nominate } from "./nominating.js";
import { refused } from "./notices.js";
import { pagesIn, remove } from "./pages.js";
import { get, idPath, post, trouble } from "./rest.js";
import { FACTS } from "./sides.js";

const KINDS = {
  slip: "a single slip", systematic: "part of a pattern", ambiguous: "two categories mixed up", conflict: "its duplicate has another label",
};

const nothing = () => empty("No label is doubted", "Every label looks right, as far as these filters go.");

/** Fill `place` with doubted labels; returns what loads them anew. */
export function labelsIn(place, { wanted, changed }) {
  async function load(cursor, limit = 25) {
    const page = await get("/v1/audit/labels", { ...wanted(), cursor, limit });
    find("labels-count").textContent = page.total.toLocaleString("en-GB");
    return page;
  }

  /** Something was decided: how many are doubted yet is asked for, as a decision counts for those beside it, too. */
  function decided() {
    changed();
    load(null, 1).catch(() => {});
  }

  /** Decide about a label as it was seen: the category and the version that stood there. */
  async function decide(made, item, decision, category = null) {
    const body = { decision, stored: item.stored.id, author: author() };
    if (decision === "fix") body.category = (category || item.suggested).id;
    const options = { headers: { "If-Match": `"${item.version}"` } };
    const said = decision === "fix" ? `now in ${(category || item.suggested).path}` : `right in ${item.stored.path}`;
    await carryOut(made, {
      send: () => post(`/v1/audit/labels/${idPath(item.id)}/decision`, body, options),
      settle: () => remove(made, nothing),
      said: `${item.title || item.id}: ${said}.`,
      reload,
      changed: decided,
    });
  }

  async function another(made, item) {
    const node = await chosenCategory(`Where does “${item.title || item.id}” belong?`, "Put it there");
    if (node) await decide(made, item, "fix", node);
  }

  function shown(item) {
    const made = card(item.title || item.id);
    const act = (name, key, text, does) => {
      const made = button(name, text, does);
      made.setAttribute("aria-keyshortcuts", key);
      return made;
    };
    const does = {
      f: () => decide(made, item, "fix"),
      c: () => another(made, item),
      r: () => decide(made, item, "keep"),
      p: () => nominate([item.id], `doubted label, perhaps ${item.suggested.path}`.slice(0, 200)).catch(refused),
    };
    made.append(
      el("div", "head", el("h2", "", item.title || item.id), el("span", `badge ${item.probability >= 0.9 ? "bad" : "warm"}`, `${percent(item.probability)} wrong`)),
      el("p", "hint", `${item.id} · ${KINDS[item.kind]} · label by ${item.provenance}${item.severity === 1 ? " · another department" : ""}`),
      el(
        "dl", "move", el("dt", "", "Stored in"), el("dd", "was", path(item.stored.path)), el("dt", "", "Seems to belong in"), el("dd", "to", path(item.suggested.path)),
      ),
      el("h3", "", item.kind === "conflict" ? "Its duplicate" : "Neighbours that say so"),
      el("ul", "witnesses", ...item.neighbours.map((each) => el("li", "", each.title || each.id, el("span", "hint", ` ${each.path}`)))),
      more(item),
      el(
        "div", "does", act("main", "f", "As suggested", does.f), act("", "c", "Another category …", does.c), act("", "r", "Right as it is", does.r),
        act("quiet", "p", "Leave it to Review", does.p),
      ),
    );
    keyed(made, does);
    return made;
  }

  const reload = pagesIn(place, load, shown, nothing);
  return reload;
}

/** The whole product, once somebody asks for it. */
function more(item) {
  const made = el("details", "", el("summary", "", "The product"));
  made.addEventListener("toggle", async () => {
    if (made.children.length > 1) return;
    try {
      const product = await get(`/v1/products/${idPath(item.id)}`);
      const known = [
        ["Brand", product.brand], ...product.specs.map((spec) => [spec.name, spec.value]),
        ...Object.entries(FACTS).map(([fact, name]) => [name, product.facts[fact]]), ["Tags", product.tags.join(", ")],
      ].filter(([, value]) => value);
      const picture = product.pictures.find((each) => each.hash);
      made.append(
        el("p", "", product.description || "It has no description."),
        picture ? thumbnail(picture.hash, product.title) : "",
        el("dl", "known", ...known.flatMap(([name, value]) => [el("dt", "", name), el("dd", "", String(value))])),
        el("p", "hint", `${counted(product.pictures.length, "picture")}, version ${product.version}`),
      );
    } catch (error) {
      made.append(trouble(error));
    }
  });
  return made;
}
