// What somebody has in hand of the review queue: the item before him and those that follow, fetched ahead, and what he
// decided, sent in the background. Nothing here is shown; `tell` says what became of it.
import { author } from "./author.js";
import { undo } from "./decided.js";
import { Trouble, get, idPath, post, said, send } from "./rest.js";

const AHEAD = 6; // items in hand
const LOW = 4; // with so many, more are fetched
const MOST = 20; // that the service gives
const RENEWED = 60_000; // milliseconds after which the service is told that somebody still looks, and asked for more

/**
 * Make a hand. query() returns what is asked for. tell: changed() when what is in hand changed, failed(item) when a
 * decision was refused and its item is back, lost(error) when the queue cannot be read, unmade(error) when a decision
 * could not be taken back.
 */
export function handOf(query, tell) {
  let items = []; // the first is before him
  let done = []; // what he decided, the last at the end: {item, verdict, sent}
  const gone = new Set(); // ids of what was decided, so that a slower answer of the queue does not bring them again
  let sending = 0; // decisions under way, which the service may take for held yet
  let fetching = null;
  let again = false; // whether more was wanted while the queue was being asked
  let leaving = new AbortController(); // hangs up on the queue: what it was about to give, others are given
  let turn = 0; // of two queues that overlap the later one counts
  let left = false; // whether the page is being left: what is asked for now nobody would look at

  /** Ask for more where little is left; what is in hand is his for as long again. */
  function fill() {
    if (left || !author()) return fetching;
    if (fetching) {
      again = true;
      return fetching;
    }
    const mine = turn;
    const reviewer = author();
    const asked = said({ ...query(), reviewer, limit: Math.min(MOST, AHEAD + sending) });
    fetching = send("POST", "/v1/review:next", asked, { signal: leaving.signal })
      .then((told) => {
        const given = told.items.map((item) => ({ ...item, reviewer }));
        if (mine !== turn) return given.forEach((item) => release(item).catch(() => {}));
        const known = new Set(items.map((item) => item.prediction.id));
        items.push(...given.filter(({ prediction }) => !gone.has(prediction.id) && !known.has(prediction.id)));
        hand.loaded = true;
        tell.changed();
      })
      .catch((error) => mine === turn && tell.lost(error))
      .finally(() => {
        if (mine !== turn) return;
        const more = again && items.length < LOW;
        fetching = null;
        again = false;
        if (more) fill();
      });
    return fetching;
  }

  /** Decide about the item before him: it is out of hand at once, and comes back where the service refuses. */
  function decide(verdict) {
    const item = items.shift();
    item.trouble = null;
    gone.add(item.prediction.id);
    const entry = { item, verdict };
    done.push(entry);
    entry.sent = deliver(entry);
    if (items.length < LOW) fill();
    tell.changed(entry);
    return entry;
  }

  /** Return what names the label that a person gave the product of an item, as whoever decides has seen it. */
  const seen = ({ stored, back }) => (stored?.provenance === "human" && !back ? { "If-Match": `"${stored.version}"` } : {});

  /** Read the product of an item anew: somebody may have labelled it since the item was given. */
  async function lookAgain(item) {
    const id = item.prediction.product_id;
    if (!id) return;
    item.back = null; // what stands is seen now
    try {
      item.stored = await get(`/v1/products/${idPath(id)}`);
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      if (error.status === 404) item.stored = null;
    }
  }

  /** Send a decision; returns its number, null where it was refused. */
  async function deliver(entry) {
    const { item, verdict } = entry;
    sending++;
    try {
      await item.back; // an undo that is under way comes first
      const body = { ...verdict.body, author: author() };
      const options = { keepalive: true, headers: seen(item) };
      const { number } = await post(`/v1/predictions/${item.prediction.id}/decision`, body, options);
      return number;
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      done = done.filter((each) => each !== entry);
      entry.refused = true;
      if ([409, 412].includes(error.status)) await lookAgain(item);
      putBack(Object.assign(item, { trouble: error }));
      tell.failed(item);
      return null;
    } finally {
      sending--;
      if (items.length < LOW) fill();
    }
  }

  /** Take the last decision back; its item is before him again at once. Returns it, null where there is none. */
  function takeBack() {
    const entry = done.pop();
    if (!entry) return null;
    const { item } = entry;
    item.trouble = null;
    item.back = entry.sent.then((number) => number && undo(number)).catch((error) => {
      if (!(error instanceof Trouble)) throw error;
      items = items.filter((each) => each !== item);
      gone.add(item.prediction.id);
      tell.unmade(error);
    });
    putBack(item);
    return entry;
  }

  function putBack(item) {
    gone.delete(item.prediction.id);
    items = [item, ...items.filter((each) => each !== item)];
  }

  const release = ({ prediction, reviewer }) => send("POST", `/v1/review/${prediction.id}:release`, { reviewer }, { keepalive: true });

  /** Let others be given what is in hand; the decisions stay, and can be taken back. */
  async function empty() {
    turn++;
    fetching = null;
    again = false;
    leaving.abort();
    leaving = new AbortController();
    const given = items.map((item) => release(item).catch(() => {}));
    items = [];
    hand.loaded = false;
    await Promise.all(given);
  }

  /** Leave the item before him undecided, to others. */
  function drop() {
    const item = items.shift();
    release(item).catch(() => {});
    if (items.length < LOW) fill();
    tell.changed();
  }

  setInterval(() => document.visibilityState === "visible" && fill(), RENEWED);
  // keepalive lets these be sent even though the page is gone.
  addEventListener("pagehide", () => {
    left = true;
    empty();
  });
  addEventListener("pageshow", (event) => {
    left = false;
    if (event.persisted) fill();
  });

  const hand = {
    loaded: false,
    get items() { return items; },
    get undoable() { return done.length; },
    fill, decide, takeBack, drop,
    async restart() {
      await empty();
      return fill();
    },
  };
  return hand;
}
