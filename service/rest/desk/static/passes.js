// A pass over all products, followed to its end, whoever began it.
import { Trouble } from "./rest.js";

/**
 * Follow what goes on: `look()` says how far it is, and shows what it found at its end. Returns {now, later}: look at
 * once, or in `pause` milliseconds, where no look is to come already.
 */
export function following(look, pause) {
  let next = null; // the look that comes next
  async function now() {
    clearTimeout(next);
    next = null;
    try {
      await look();
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      later(); // it goes on, though nobody answered just now
    }
  }
  const later = () => (next ??= setTimeout(now, pause));
  return { now, later };
}
