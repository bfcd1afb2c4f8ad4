// How the pages show things. Whatever comes from outside becomes text nodes only, so nothing that a supplier writes is
// ever markup here.

/** Make an element: el("li", "class", "text", child, ...). What is null or "" is left out. */
export function el(tag, name, ...children) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

/** Make a button that does something when it is pressed. */
export function button(name, text, act) {
  const made = el("button", name, text);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

export const find = (id) => document.getElementById(id);

export const percent = (share) => {
  const value = share * 100;
  if (value > 99 && value < 100) return "> 99%";
  return value > 0 && value < 1 ? "< 1%" : `${Math.round(value)}%`;
};

export const counted = (number, one, many = `${one}s`) => `${number.toLocaleString("en-GB")} ${number === 1 ? one : many}`;

export const listed = (words) => new Intl.ListFormat("en-GB").format(words);

/** "2 minutes ago", or the day. */
export function when(moment) {
  const seconds = (Date.now() - new Date(moment)) / 1000;
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return new Date(moment).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
}

export function bar(share) {
  const made = el("div", "bar");
  made.setAttribute("aria-hidden", "true"); // the number stands beside it
  made.style.setProperty("--share", Math.min(1, Math.max(0, share)));
  return made;
}

export function row(tag, name, label, share) {
  return el(tag, `row ${name}`, label, el("span", "share", percent(share)), bar(share));
}

/** "A > B > C" with everything but the last name set back. */
export function path(text, name = "") {
  const cut = text.lastIndexOf(" > ");
  if (cut < 0) return el("span", name, text || "no category");
  return el("span", name, el("span", "above", text.slice(0, cut + 3)), text.slice(cut + 3));
}

/** A text with what stands in backticks as code. */
export function coded(text) {
  return el("span", "", ...text.split("`").map((part, at) => (at % 2 ? el("code", "", part) : part)));
}

export function block(title, ...children) {
  return el("div", "", el("h3", "", title), ...children);
}

/** The small picture of a stored product, or room for one. */
export function thumbnail(picture, title) {
  if (!picture) return el("span", "thumbnail");
  const made = el("img", "thumbnail");
  Object.assign(made, { loading: "lazy", width: 56, height: 56, alt: `Photo of ${title}` });
  made.src = `/v1/pictures/${picture}/thumbnail`;
  return made;
}

/** Fill a place that is filled again and again; where nothing has changed it stays, with the focus, and is not said aloud. */
export function refill(place, ...children) {
  const made = el("div", "", ...children).childNodes;
  const same = made.length === place.childNodes.length && [...made].every((each, at) => each.isEqualNode(place.childNodes[at]));
  if (!same) place.replaceChildren(...made);
}

/** What a list shows when there is nothing in it. */
export function empty(big, ...more) {
  return el("div", "empty", el("p", "big", big), ...more.map((each) => el("p", "", each)));
}
