// Points on a canvas, 100,000 of them in some milliseconds: each frame is painted pixel by pixel, so that it is as quick
// without a graphics card. Zoomed, moved about, looked up under the pointer, and caught with a lasso.

const CLOSEST = 200; // how far in one can zoom
const REACH = 8; // pixels around the pointer within which a point is under it
const CELLS = 256; // of the grid in which points are looked up, each way
const STEP = 60; // pixels that an arrow moves the map by

/** Paint points into `canvas`. on: {hover(point, x, y), caught(points), moved()}. */
export function scatter(canvas, on) {
  const context = canvas.getContext("2d", { alpha: false });
  let image = null;
  let pixels = null; // the image, a pixel a number
  let points = { n: 0, x: new Float32Array(0), y: new Float32Array(0) };
  let colours = new Uint32Array(0);
  let order = new Uint32Array(0); // the last is painted over all others
  let paper = 0xffffffff;
  let view = { scale: 1, x: 0.5, y: 0.5 }; // what of the map is in the middle, and how far it is zoomed
  let lasso = null; // the corners of the lasso that is being drawn
  let marked = -1; // the point under the pointer
  let asked = 0; // the frame that is waited for
  let grid = null;

  const side = () => Math.min(canvas.width, canvas.height) * view.scale * 0.96;
  const left = () => view.x - canvas.width / 2 / side();
  const top = () => view.y - canvas.height / 2 / side();
  const size = () => {
    const alone = Math.min(7, Math.max(1.6, 300 / Math.sqrt(points.n))); // few points are seen from afar, many side by side
    return Math.max(2, Math.round(Math.min(12, alone * Math.sqrt(view.scale)) * ratio()));
  };
  const ratio = () => canvas.width / Math.max(1, canvas.clientWidth);

  function paint() {
    asked = 0;
    if (!pixels) return;
    performance.mark("paint");
    pixels.fill(paper);
    const { x, y } = points;
    const [width, height, s, x0, y0, dot] = [canvas.width, canvas.height, side(), left(), top(), size()];
    const [right, bottom, half] = [width - dot, height - dot, dot >> 1];
    for (let turn = 0; turn < order.length; turn++) {
      const i = order[turn];
      const px = ((x[i] - x0) * s - half) | 0;
      const py = ((y[i] - y0) * s - half) | 0;
      if (px < 0 || py < 0 || px > right || py > bottom) continue;
      const colour = colours[i];
      for (let line = py * width + px, end = line + dot * width; line < end; line += width) {
        for (let at = line; at < line + dot; at++) pixels[at] = colour;
      }
    }
    context.putImageData(image, 0, 0);
    if (marked >= 0) ring();
    if (lasso) rope();
    performance.measure("painted", "paint");
  }

  function ring() {
    context.strokeStyle = getComputedStyle(canvas).color;
    context.lineWidth = 2 * ratio();
    context.beginPath();
    context.arc((points.x[marked] - left()) * side(), (points.y[marked] - top()) * side(), size() + 3 * ratio(), 0, 2 * Math.PI);
    context.stroke();
  }

  function rope() {
    context.strokeStyle = getComputedStyle(canvas).color;
    context.lineWidth = 1.5 * ratio();
    context.setLineDash([6 * ratio(), 4 * ratio()]);
    context.beginPath();
    for (const [x, y] of lasso) context.lineTo((x - left()) * side(), (y - top()) * side());
    context.closePath();
    context.stroke();
    context.setLineDash([]);
  }

  const draw = () => (asked ||= requestAnimationFrame(paint));

  function fit() {
    const dense = Math.min(2, devicePixelRatio || 1);
    const [width, height] = [Math.round(canvas.clientWidth * dense), Math.round(canvas.clientHeight * dense)];
    if (!width || !height || (pixels && width === canvas.width && height === canvas.height)) return;
    Object.assign(canvas, { width, height });
    image = context.createImageData(width, height);
    pixels = new Uint32Array(image.data.buffer);
    on.moved();
    draw();
  }

  /** Where of the map an event is. */
  const placeOf = (event) => {
    const box = canvas.getBoundingClientRect();
    return [left() + ((event.clientX - box.left) * ratio()) / side(), top() + ((event.clientY - box.top) * ratio()) / side()];
  };

  function zoom(factor, [x, y] = [view.x, view.y]) {
    const scale = Math.min(CLOSEST, Math.max(0.8, view.scale * factor));
    const way = view.scale / scale;
    view = { scale, x: x + (view.x - x) * way, y: y + (view.y - y) * way };
    moved();
  }

  function move(dx, dy) {
    const inside = (value) => Math.min(1.2, Math.max(-0.2, value));
    view = { ...view, x: inside(view.x + (dx * ratio()) / side()), y: inside(view.y + (dy * ratio()) / side()) };
    moved();
  }

  function moved() {
    mark(-1);
    on.moved();
    draw();
  }

  /** Points by the cell of the grid that they lie in: those of cell c are at grid.starts[c] and following. */
  function filed() {
    const cell = (i) => Math.min(CELLS - 1, (points.x[i] * CELLS) | 0) + CELLS * Math.min(CELLS - 1, (points.y[i] * CELLS) | 0);
    const starts = new Uint32Array(CELLS * CELLS + 1);
    for (let i = 0; i < points.n; i++) starts[cell(i) + 1]++;
    for (let c = 0; c < CELLS * CELLS; c++) starts[c + 1] += starts[c];
    const at = starts.slice();
    const filed = new Uint32Array(points.n);
    for (let i = 0; i < points.n; i++) filed[at[cell(i)]++] = i;
    return { starts, filed };
  }

  function under([x, y]) {
    grid ||= filed();
    const reach = (REACH * ratio()) / side();
    const cells = (value) => [Math.max(0, ((value - reach) * CELLS) | 0), Math.min(CELLS - 1, ((value + reach) * CELLS) | 0)];
    const [[x0, x1], [y0, y1]] = [cells(x), cells(y)];
    let best = -1;
    let least = reach * reach;
    for (let row = y0; row <= y1; row++) {
      for (let at = grid.starts[row * CELLS + x0]; at < grid.starts[row * CELLS + x1 + 1]; at++) {
        const i = grid.filed[at];
        const far = (points.x[i] - x) ** 2 + (points.y[i] - y) ** 2;
        if (far < least && colours[i] !== paper) [best, least] = [i, far];
      }
    }
    return best;
  }

  function mark(point, event) {
    if (point === marked) return;
    marked = point;
    on.hover(point, event?.offsetX, event?.offsetY);
    draw();
  }

  /** The points in a polygon, by how often a line to the side crosses its edges. */
  function inside(corners) {
    const found = [];
    for (let i = 0; i < points.n; i++) {
      let within = false;
      for (let a = 0, b = corners.length - 1; a < corners.length; b = a++) {
        const [[ax, ay], [bx, by]] = [corners[a], corners[b]];
        if (ay > points.y[i] !== by > points.y[i] && points.x[i] < ((bx - ax) * (points.y[i] - ay)) / (by - ay) + ax) within = !within;
      }
      if (within && colours[i] !== paper) found.push(i);
    }
    return found;
  }

  const pointers = new Map(); // where each finger or the mouse is, while it is down
  let roping = false; // whether a drag draws a lasso

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, event);
    lasso = pointers.size === 1 && (roping || event.shiftKey) ? [placeOf(event)] : null;
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return mark(under(placeOf(event)), event);
    pointers.set(event.pointerId, event);
    if (lasso) {
      lasso.push(placeOf(event));
      draw();
    } else if (pointers.size === 2) {
      const [other] = [...pointers.values()].filter((each) => each.pointerId !== event.pointerId);
      const far = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
      zoom(far(event) / Math.max(1, far(before)), placeOf(other));
    } else move(before.clientX - event.clientX, before.clientY - event.clientY);
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(kind, (event) => {
      pointers.delete(event.pointerId);
      const corners = lasso;
      lasso = null;
      if (corners && corners.length > 2 && kind === "pointerup") on.caught(inside(corners));
      draw();
    });
  }
  canvas.addEventListener("pointerleave", () => mark(-1));
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), placeOf(event));
  }, { passive: false });

  const keys = {
    ArrowLeft: () => move(-STEP, 0), ArrowRight: () => move(STEP, 0), ArrowUp: () => move(0, -STEP), ArrowDown: () => move(0, STEP),
    "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5), 0: () => whole(),
  };
  canvas.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });

  function whole() {
    view = { scale: 1, x: 0.5, y: 0.5 };
    moved();
  }

  new ResizeObserver(fit).observe(canvas);

  return {
    zoom,
    whole,
    /** Show other points: {n, x, y}, in [0, 1]. */
    set(others) {
      points = others;
      grid = null;
      fit();
    },
    /** Colour the points, a number of `rgba` each, painted in `sequence`; those of the colour of the paper are hidden. */
    colour(numbers, sequence, background) {
      [colours, order, paper] = [numbers, sequence, background];
      draw();
    },
    /** Let a drag draw a lasso, or not; one that is being drawn is given up. */
    roping(on) {
      roping = on;
      if (!lasso) return;
      lasso = null;
      draw();
    },
    /** The points in sight. */
    seen() {
      const [x0, y0] = [left(), top()];
      const [x1, y1] = [x0 + canvas.width / side(), y0 + canvas.height / side()];
      return inside([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]);
    },
  };
}

/** A colour as the number that a pixel is: "#1f6f54" as bytes red, green, blue, opaque; mixed with another one by `share`. */
export function rgba(hex, other = hex, share = 0) {
  const part = (text, at) => parseInt(text.slice(at, at + 2), 16);
  const mix = (at) => Math.round(part(hex, at) * (1 - share) + part(other, at) * share);
  return new Uint32Array(new Uint8Array([mix(1), mix(3), mix(5), 255]).buffer)[0];
}
