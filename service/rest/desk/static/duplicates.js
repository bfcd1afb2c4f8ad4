// Duplicates: groups of products that are one, side by side; what people decide about them, and taking it back.
import { author } from "./author.js";
import { carryOut } from "./cards.js";
import { button, counted, el, empty, find, listed, percent } from "./dom.js";
import { decidedIn } from "./decided.js";
import { refused, say } from "./notices.js";
import { pagesIn, remove, typing, walkable } from "./pages.js";
import { following } from "./passes.js";
import { get, idPath, post, send } from "./rest.js";
import { sides } from "./sides.js";

const groups = find("groups");
const filters = find("filters");
const BESIDE = 12; // products side by side at most; of thousands of copies these tell enough
const LOOK_AGAIN = 2000;
const ACTIONS = [
  ["merge", "m", "Merge"],
  ["same", "s", "Same, keep all"],
  ["different", "d", "Not duplicates"],
  ["variant", "v", "Variants"],
];
const DONE = { merge: "merged", same: "the same product, and kept side by side", different: "not duplicates", variant: "variants" };

let known = null; // what the last page said of scans

function nothing() {
  if (known?.seq === null && !known.scanning) {
    return empty("Nobody has looked yet", "All products are looked at once, in the background, and groups stay current from then on.");
  }
  if (known?.scanning) return empty("All products are being looked at", "Groups appear here when that is done.");
  return empty("No groups", filters.least.value ? "None is as probable as that; choose a lower probability." : "Nothing seems to be stored twice.");
}

async function load(cursor) {
  const page = await get("/v1/duplicate-groups", { kind: filters.kind.value, least: filters.least.value, cursor });
  known = page;
  state();
  return page;
}

function state() {
  if (known.scanning) scanning.later();
  find("scan").disabled = known.scanning;
  find("state").textContent = known.scanning ? "All products are being looked at." : known.seq === null ? "Nobody has looked yet." : "";
}

/** Show one group; `again` shows it anew with all that is known of its products. */
function shown(group) {
  const made = el("article", "card group");
  made.tabIndex = -1;
  fill(made, group, group.products.map((each) => ({ ...each, category: each.path })));
  new IntersectionObserver(async (seen, watch) => {
    if (!seen.some((each) => each.isIntersecting)) return;
    watch.disconnect();
    const whole = await Promise.all(beside(group).map((each) => get(`/v1/products/${idPath(each.id)}`).catch(() => null)));
    const parts = beside(group).map((each, at) => ({ ...each, category: each.path, ...whole[at] }));
    made.querySelector(".wide").replaceChildren(table(made, group, parts));
  }).observe(made);
  return made;
}

/** The products to show side by side, the survivor first. */
const beside = (group) => group.products.toSorted((one, other) => other.survivor - one.survivor).slice(0, BESIDE);

function fill(made, group) {
  const family = group.kind === "variants";
  const title = el("h2", "", family ? "Variants of one product" : "One product?", " ");
  title.append(el("span", `badge ${group.probability >= 0.9 ? "good" : "warm"}`, `${percent(group.probability)} sure`));
  const count = counted(group.products.length, "product");
  const left = group.products.length - beside(group).length;
  made.setAttribute("aria-label", `${count}: ${group.products[0].title || group.products[0].id}`);
  const survivor = group.products.find((each) => each.survivor);
  const why = survivor ? el("p", "hint", `Best kept is ${survivor.id}: ${listed(survivor.reasons)}.`) : "";
  const wide = el("div", "wide", table(made, group, beside(group).map((each) => ({ ...each, category: each.path }))));
  Object.assign(wide, { tabIndex: 0 });
  wide.setAttribute("role", "region");
  wide.setAttribute("aria-label", "Side by side");
  made.replaceChildren(
    el("div", "head", title, el("span", "hint", left ? `${count}, ${BESIDE} of them shown` : count)),
    why, wide, evidence(group), actions(made, group),
  );
  made.addEventListener("keydown", (event) => {
    const action = ACTIONS.find(([, key]) => key === event.key);
    if (action && !event.repeat && !typing(event)) decide(made, group, action[0]);
  });
}

function table(made, group, parts) {
  const keep = made.querySelector("[type=radio]:checked")?.value || group.survivor || parts[0].id;
  const left = new Set([...made.querySelectorAll("[type=checkbox][name=meant]:not(:checked)")].map((each) => each.value));
  const field = (type, name, id, checked, text) => {
    const input = el("input");
    Object.assign(input, { type, name, value: id, checked });
    return el("label", "", input, text, el("span", "unseen", ` ${id}`));
  };
  return sides(parts, (each) => [
    el("b", "", each.id), " ",
    each.survivor ? el("span", "badge good", "best kept") : "",
    group.kind === "variants" ? "" : field("radio", `keep-${group.id}`, each.id, each.id === keep, "Keep"),
    field("checkbox", "meant", each.id, !left.has(each.id), "Include"),
  ]);
}

function evidence(group) {
  const pairs = group.pairs.map((pair) => el(
    "li", "", el("b", "", `${pair.left_id} and ${pair.right_id}`), ` ${pair.verdict}, ${percent(pair.probability)}: `,
    pair.evidence.join(" · ") || "nothing in particular",
  ));
  return el("details", "", el("summary", "", `Why: ${counted(pairs.length, "pair")} judged`), el("ul", "evidence", ...pairs));
}

function actions(made, group) {
  const does = ACTIONS.filter(([action]) => action !== "merge" || group.kind !== "variants").map(([action, key, text]) => {
    const act = button(action === "merge" ? "main" : "", text, () => decide(made, group, action));
    act.setAttribute("aria-keyshortcuts", key);
    return act;
  });
  if (group.kind === "variants") return el("div", "does", ...does);
  const gap = el("input");
  Object.assign(gap, { type: "checkbox", name: "fill", checked: true });
  return el("div", "does", ...does, el("label", "fill", gap, "a merge fills in what the kept one lacks"));
}

async function decide(made, group, action) {
  const chosen = (selector) => [...made.querySelectorAll(selector)].map((each) => each.value);
  const hidden = group.products.slice().filter((each) => !beside(group).includes(each)).map((each) => each.id);
  const ids = [...chosen("[name=meant]:checked"), ...hidden];
  const [survivor] = chosen("[type=radio]:checked");
  if (action === "merge" && (ids.length < 2 || !ids.includes(survivor))) {
    say("A merge needs the product that is kept and another one: include both.");
    made.querySelector("[name=meant]:not(:checked)")?.focus();
    return;
  }
  const body = { action, ids, author: author() };
  if (action === "merge") Object.assign(body, { survivor, fill: made.querySelector("[name=fill]").checked });
  await carryOut(made, {
    send: () => post(`/v1/duplicate-groups/${group.id}/decision`, body),
    settle: () => settle(made, group),
    said: `${listed(ids.length > 3 ? [...ids.slice(0, 3), `${ids.length - 3} more`] : ids)}: ${DONE[action]}.`,
    reload,
    changed: decided,
  });
}

/** Show what is left of a group, or that it is settled. */
async function settle(made, group) {
  const left = await get(`/v1/duplicate-groups/${group.id}`).catch(() => null);
  const asked = left && (left.products.length !== group.products.length || left.pairs.length !== group.pairs.length);
  if (!asked) return remove(made, nothing);
  const anew = shown(left);
  made.replaceWith(anew);
  anew.focus();
}

const reload = pagesIn(groups, load, shown, nothing);
const decided = decidedIn(find("decided"), "duplicates", reload);

filters.addEventListener("change", reload);
filters.addEventListener("submit", (event) => event.preventDefault());
find("scan").addEventListener("click", async () => {
  try {
    await send("POST", "/v1/duplicates:scan", {});
    await scanning.now();
  } catch (error) {
    refused(error);
  }
});

const scanning = following(async () => {
  known = await get("/v1/duplicate-groups", { limit: 1 });
  state();
  if (!known.scanning) await reload();
}, LOOK_AGAIN);

walkable(groups, ".group");
reload();
