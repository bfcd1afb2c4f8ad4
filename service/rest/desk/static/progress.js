// How far people are: what waits, what was decided today, and how many of the sure answers are right.
import { author } from "./author.js";
import { el, percent } from "./dom.js";
import { get, trouble } from "./rest.js";

const LATER = 10_000; // milliseconds after a decision, at most one look at the figures in each
const PAGE = 500;
const PAGES = 10;

const midnight = () => new Date().setHours(0, 0, 0, 0);

/** Return decisions about answers of today that stand: {at, author, action, subject}. */
async function today() {
  const found = [];
  const since = midnight();
  let cursor;
  for (let page = 0; page < PAGES; page++) {
    const { items, next } = await get("/v1/decisions", { kind: "prediction", limit: PAGE, cursor });
    const those = items.filter((each) => new Date(each.at) >= since);
    found.push(...those.filter((each) => !each.undoes && !each.undone_at));
    if (!next || those.length < items.length) break;
    cursor = next;
  }
  return found;
}

/** Fill the list `place` with figures about what `wanted()` asks for. */
export function progressIn(place, wanted) {
  let decisions = []; // of today, those made here in front of the service's own
  let figures = null;
  let waiting = null;

  function row(name, value, hint) {
    return el("div", "", el("dt", "", name), el("dd", "", el("b", "", value), hint ? el("span", "hint", ` ${hint}`) : null));
  }

  function show() {
    const mine = decisions.filter((each) => each.author === author()).length;
    const rows = [row("Decided today", String(decisions.length), `${mine} by you`)];
    const judged = decisions.filter((each) => !["tags", "skip", "unsure"].includes(each.action));
    if (judged.length) rows.push(row("Accepted of them", percent(judged.filter((each) => each.action === "accept").length / judged.length), `of ${judged.length} that are about the category`));
    if (figures) {
      const { sample } = figures;
      rows.push(row("Not decided about", figures.undecided.toLocaleString("en-GB"), `of ${figures.kept.toLocaleString("en-GB")} answers`));
      const range = `${percent(sample.interval[0])} to ${percent(sample.interval[1])}, with 95%; `;
      const looked = `${sample.decided} of ${sample.sampled} in the sample looked at`;
      rows.push(row("Sure answers right", sample.decided ? percent(sample.precision) : "–", (sample.decided ? range : "") + looked));
    }
    place.replaceChildren(...rows);
  }

  async function load() {
    clearTimeout(waiting);
    waiting = null;
    try {
      const { queue: _queue, weigh: _weigh, ...asked } = wanted();
      [decisions, figures] = await Promise.all([today(), get("/v1/predictions:figures", asked)]);
      show();
    } catch (error) {
      place.replaceChildren(trouble(error, load));
    }
  }

  const later = () => (waiting ||= setTimeout(load, LATER));

  return {
    load,
    decided({ item, verdict }) {
      decisions.push({ author: author(), action: verdict.action, subject: item.prediction.id });
      show();
      later();
    },
    undecided(item) {
      const at = decisions.findLastIndex((each) => each.subject === item.prediction.id);
      if (at >= 0) decisions.splice(at, 1);
      show();
      later();
    },
  };
}
