// Drawings in SVG: as wide as there is room, with text that stays readable. What they show stands in a table beside them.
import { el } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";

/** Make a part of a drawing: draw("rect", "class", {x: 1}, child, ...). */
export function draw(tag, name, given = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  if (name) made.setAttribute("class", name);
  for (const [key, value] of Object.entries(given)) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

export const label = (text, name, x, y, anchor = "middle") => draw("text", name, { x, y, "text-anchor": anchor }, text);

/** What a part says when it is pointed at. */
export const says = (text) => draw("title", "", {}, text);

/** A drawing `height` high: paint(width) returns its parts, again whenever there is more or less room. */
export function plot(told, height, paint) {
  const made = draw("svg", "plot", { role: "img", "aria-label": told, height });
  const place = el("div", "plot-place", made);
  let before = 0;
  new ResizeObserver(([{ contentRect }]) => {
    const width = Math.floor(contentRect.width);
    if (!width || width === before) return;
    before = width;
    made.setAttribute("viewBox", `0 0 ${width} ${height}`);
    made.replaceChildren(...paint(width).flat());
  }).observe(place);
  return place;
}

/** Lines across a drawing at some shares of its height, each with what it stands for. */
export function lines(steps, y, left, right, said) {
  return steps.flatMap((step) => [
    draw("line", "grid", { x1: left, x2: right, y1: y(step), y2: y(step) }), label(said(step), "tick", left - 6, y(step) + 4, "end"),
  ]);
}

/** An interval that stands upright or lies, with its middle. */
export const whisker = (x1, y1, x2, y2, x, y) => [draw("line", "whisker", { x1, y1, x2, y2 }), draw("circle", "point", { cx: x, cy: y, r: 5 })];
