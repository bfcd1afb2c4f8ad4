// Who decides: a name that this browser remembers and every decision carries; of somebody signed in, the name they have.
import { find } from "./dom.js";

const KEPT = "aisle.author";

/** The name as it stands, "" for none. */
export const author = () => find("author").value.trim();

const field = find("author");
if (!field.readOnly) try {
  field.value = localStorage.getItem(KEPT) || "";
  field.addEventListener("change", () => localStorage.setItem(KEPT, author()));
} catch {
  // A browser that keeps nothing asks again next time.
}
