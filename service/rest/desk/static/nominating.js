// Stored products that somebody wants looked at: put into the review queue, where they come first.
import { author } from "./author.js";
import { undo } from "./decided.js";
import { counted, el } from "./dom.js";
import { notice } from "./notices.js";
import { post } from "./rest.js";

export const AT_ONCE = 500; // products that the service takes in one go

/** Where the products of a nomination, by its number, are looked at. */
export function lookAt(number) {
  const link = el("a", "", "Look at them");
  link.href = `/review?nomination=${number}`;
  return link;
}

/** What became of products that were put into the queue, as a sentence. */
export function putOf({ put, waiting, missing }) {
  const there = waiting ? `, ${put ? `and ${counted(waiting, "product")} waited` : "where they waited"} already` : "";
  const gone = missing ? `; ${counted(missing, "product")} ${missing === 1 ? "is" : "are"} not stored any more` : "";
  return `${counted(put || waiting, "product")} ${(put || waiting) === 1 ? "waits" : "wait"} on Review, before all else${there}${gone}.`;
}

/** Put products into the review queue, by their ids, and tell what became of them; `back` follows when it is taken back. */
export async function nominate(ids, reason, back = () => {}) {
  const told = await post("/v1/review:nominate", { ids, reason, author: author() });
  notice(putOf(told.counts), async () => {
    await undo(told.number);
    back();
  }, lookAt(told.number));
  return told;
}
