// The map: a plane through latent space with the test codes, the prior's circles, the decoded manifold, and a point.

import { fit_canvas, ink_data, page_colours, place_of, rgb } from "./canvas.js";

export const CLASS_COLOURS = {
  // Tol's "muted" scheme as in the figures; on a dark page the same hues, lighter.
  light: ["#332288", "#cc6677", "#117733", "#ddaa33", "#88ccee", "#882255", "#44aa99", "#999933", "#aa4499", "#555555"],
  dark: ["#9a8cf0", "#e5808f", "#52b86f", "#e8c35c", "#88ccee", "#d9659f", "#58c7b3", "#c2c25c", "#d57fc6", "#b4b4b4"],
};

// A plane through latent space: where a z lies in it, and the z that lies elsewhere in it.
export class Plane {
  // Two latents by their places; the second is null where there is only one.
  static of_latents(Z, i, j) {
    const axis = (k) => Float32Array.from({ length: Z }, (_, m) => (m === k ? 1 : 0));
    return new Plane([axis(i), j === null ? new Float32Array(Z) : axis(j)], j === null);
  }

  // Two orthogonal directions of length 1.
  constructor(directions, is_line = false) {
    this.directions = directions.map((direction) => Float32Array.from(direction));
    this.is_line = is_line;
  }

  project(z, offset = 0) {
    return this.directions.map((direction) => direction.reduce((sum, d, k) => sum + d * z[offset + k], 0));
  }

  // z moved within the plane to (u, v); what is across the plane stays.
  move(z, [u, v]) {
    const [u0, v0] = this.project(z);
    const [first, second] = this.directions;
    return Float32Array.from(z, (value, k) => value + (u - u0) * first[k] + (v - v0) * second[k]);
  }

  // The half axes of the ellipse that a diagonal Gaussian has at one standard deviation, and its angle.
  ellipse(sigma) {
    const [a, b] = this.directions;
    const sum = (f) => sigma.reduce((total, s, k) => total + f(k) * s * s, 0);
    const [xx, xy, yy] = [sum((k) => a[k] * a[k]), sum((k) => a[k] * b[k]), sum((k) => b[k] * b[k])];
    const [middle, spread] = [(xx + yy) / 2, Math.hypot((xx - yy) / 2, xy)];
    return {
      across: Math.sqrt(Math.max(0, middle + spread)),
      along: Math.sqrt(Math.max(0, middle - spread)),
      angle: 0.5 * Math.atan2(2 * xy, xx - yy),
    };
  }
}

// Square or round marks, so that the second ten classes differ from the first in more than colour.
function mark(context, x, y, size, label) {
  const kind = Math.floor(label / 10) % 3;
  context.beginPath();
  if (kind === 0) context.arc(x, y, size, 0, 2 * Math.PI);
  else if (kind === 1) context.rect(x - size, y - size, 2 * size, 2 * size);
  else
    (context.moveTo(x, y - 1.4 * size),
      context.lineTo(x + 1.4 * size, y + size),
      context.lineTo(x - 1.4 * size, y + size));
  context.fill();
}

export class LatentMap {
  // `on_move([u, v])` is called when the point is dragged or moved by keys; `on_pin("a" | "b")` when a key pins it.
  constructor(canvas, { on_move, on_pin = () => {}, on_hover = () => {} }) {
    Object.assign(this, { canvas, on_move, on_pin, on_hover });
    this.ground = document.createElement("canvas");
    this.centre = [0, 0];
    this.reach = 3.5;
    this.codes = { u: [], v: [], labels: [] };
    this.shown = null; // the class that stands out, null for all
    this.circles = true;
    this.show_codes = true;
    this.manifold = null; // {tiles: canvas, box: [left, right, bottom, top]}
    this.point = [0, 0];
    this.posterior = null; // {centre, across, along, angle}
    this.cloud = []; // draws from a q(z|x) that has no ellipse
    this.prior = []; // draws from a learned prior
    this.path = []; // points of the way between the pins
    this.pins = {}; // {a: [u, v], b: [u, v]}
    this.names = ["z₁", "z₂"];
    this.is_line = false;
    this.stale = true;
    this._listen();
    new ResizeObserver(() => this.redraw()).observe(canvas);
  }

  set_codes(u, v, labels) {
    this.codes = { u, v, labels };
    this.redraw();
  }

  // Looks at the part of the plane where nearly all codes are, and where the prior is.
  fit({ prior }) {
    const [u, v] = [this.codes.u, this.codes.v].map((values, k) => [...values, ...this.prior.map((place) => place[k])]);
    const range = (values) => {
      const sorted = Float32Array.from(values).sort();
      const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
      return sorted.length ? [at(0.002), at(0.998)] : [-1, 1];
    };
    const [[left, right], [low, high]] = [range(u), range(v)];
    if (prior) {
      this.centre = [0, 0];
      this.reach = Math.max(3.3, 1.06 * Math.max(-left, right, -low, high));
    } else {
      this.centre = [(left + right) / 2, (low + high) / 2];
      this.reach = Math.max(1e-3, 0.56 * Math.max(right - left, high - low));
    }
    this.home = { centre: this.centre, reach: this.reach };
    this.redraw();
  }

  zoom(factor) {
    this.reach = Math.min(this.home.reach * 4, Math.max(this.home.reach / 16, this.reach * factor));
    // The point stays in sight.
    this.centre = factor < 1 ? this.point.map((p, k) => p + (this.centre[k] - p) * factor) : this.centre;
    if (factor > 1 && this.reach >= this.home.reach) this.centre = this.home.centre;
    this.redraw();
  }

  box() {
    const [[u, v], reach] = [this.centre, this.reach];
    return [u - reach, u + reach, v - reach, v + reach];
  }

  redraw() {
    this.stale = true;
    this.draw();
  }

  // Draws at the next frame, however often it is called before.
  draw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = null;
      this._draw();
    });
  }

  _pixel([u, v]) {
    const { size, centre, reach } = this;
    return [(size * (u - centre[0] + reach)) / (2 * reach), (size * (centre[1] + reach - v)) / (2 * reach)];
  }

  _draw() {
    const { context, width } = fit_canvas(this.canvas);
    if (!width) return;
    this.size = width;
    if (this.stale) this._draw_ground();
    context.clearRect(0, 0, width, width);
    context.drawImage(this.ground, 0, 0, width, width);
    this._draw_posterior(context);
    this._draw_path(context);
    this._draw_point(context);
  }

  _draw_ground() {
    this.stale = false;
    [this.ground.width, this.ground.height] = [this.canvas.width, this.canvas.height];
    const context = this.ground.getContext("2d");
    context.scale(this.ground.width / this.size, this.ground.height / this.size);
    if (this.manifold) {
      const [left, right, bottom, top] = this.manifold.box;
      const [x, y] = this._pixel([left, top]);
      const [x1, y1] = this._pixel([right, bottom]);
      context.globalAlpha = this.show_codes ? 0.5 : 0.85;
      context.drawImage(this.manifold.tiles, x, y, x1 - x, y1 - y);
      context.globalAlpha = 1;
    }
    this._draw_axes(context);
    this._draw_dots(context, this.prior, { size: 1.4, alpha: 0.5, colour: "muted" });
    if (this.show_codes) this._draw_codes(context);
    if (this.circles) this._draw_circles(context);
  }

  _draw_axes(context) {
    const [rule, muted, card] = page_colours("rule", "muted", "card");
    // Letters with a rim, to be read on the manifold too.
    const write = (text, x, y) => {
      context.strokeText(text, x, y);
      context.fillText(text, x, y);
    };
    const [x0, y0] = this._pixel([0, 0]);
    context.strokeStyle = rule;
    context.lineWidth = 1;
    for (const [from, to] of [
      [
        [x0, 0],
        [x0, this.size],
      ],
      [
        [0, y0],
        [this.size, y0],
      ],
    ]) {
      context.beginPath();
      context.moveTo(...from);
      context.lineTo(...to);
      context.stroke();
    }
    context.fillStyle = muted;
    context.strokeStyle = card;
    context.lineWidth = 4;
    context.lineJoin = "round";
    context.font = "11px system-ui, sans-serif";
    const step = nice_step(this.reach / 2);
    const ticks = (centre) => {
      const first = Math.ceil((centre - this.reach * 0.94) / step);
      return Array.from(
        { length: Math.floor((centre + this.reach * 0.94) / step) - first + 1 },
        (_, k) => (first + k) * step,
      );
    };
    context.textAlign = "center";
    for (const u of ticks(this.centre[0])) {
      const [x] = this._pixel([u, 0]);
      if (x > 26 && x < this.size - 40) write(tick_text(u, step), x, this.size - 6);
    }
    context.textAlign = "left";
    for (const v of this.is_line ? [] : ticks(this.centre[1])) {
      const [, y] = this._pixel([0, v]);
      if (y > 26 && y < this.size - 18) write(tick_text(v, step), 6, y + 4);
    }
    context.font = "italic 14px Palatino, Georgia, 'DejaVu Serif', serif";
    context.textAlign = "right";
    write(this.names[0], this.size - 8, this.size - 6);
    context.textAlign = "left";
    if (!this.is_line) write(this.names[1], 8, 16);
  }

  _draw_codes(context) {
    const { u, v, labels } = this.codes;
    const colours = CLASS_COLOURS[document.documentElement.dataset.shade === "dark" ? "dark" : "light"];
    const size = Math.max(1.3, Math.min(2.6, (this.size / 520) * (u.length > 1500 ? 1.8 : 2.4)));
    for (let i = 0; i < u.length; i++) {
      const [x, y] = this._pixel([u[i], v[i]]);
      if (x < -4 || y < -4 || x > this.size + 4 || y > this.size + 4) continue;
      const faint = this.shown !== null && labels[i] !== this.shown;
      context.globalAlpha = faint ? 0.07 : 0.72;
      context.fillStyle = colours[labels[i] % 10];
      mark(context, x, y, faint ? size * 0.8 : size, labels[i]);
    }
    context.globalAlpha = 1;
  }

  _draw_circles(context) {
    const [muted, card] = page_colours("muted", "card");
    const [x, y] = this._pixel([0, 0]);
    context.font = "11px system-ui, sans-serif";
    context.textAlign = "center";
    for (const k of [1, 2, 3]) {
      const radius = (k * this.size) / (2 * this.reach);
      context.strokeStyle = muted;
      context.lineWidth = 1;
      context.setLineDash([4, 4]);
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.stroke();
      context.setLineDash([]);
      const [tx, ty] = [x + radius * Math.SQRT1_2, y - radius * Math.SQRT1_2];
      context.lineWidth = 4;
      context.strokeStyle = card;
      context.strokeText(`${k}σ`, tx, ty + 4);
      context.fillStyle = muted;
      context.fillText(`${k}σ`, tx, ty + 4);
    }
  }

  // Small dots of one of the page's colours.
  _draw_dots(context, places, { size, alpha, colour }) {
    [context.fillStyle] = page_colours(colour);
    context.globalAlpha = alpha;
    for (const place of places) {
      const [x, y] = this._pixel(place);
      mark(context, x, y, size, 0);
    }
    context.globalAlpha = 1;
  }

  _draw_posterior(context) {
    this._draw_dots(context, this.cloud, { size: 1.8, alpha: 0.55, colour: "ink" });
    if (!this.posterior) return;
    const [ink, card] = page_colours("ink", "card");
    const { centre, across, along, angle } = this.posterior;
    const [x, y] = this._pixel(centre);
    const scale = this.size / (2 * this.reach);
    for (const [k, alpha] of [
      [2, 0.1],
      [1, 0.2],
    ]) {
      context.beginPath();
      context.ellipse(x, y, Math.max(1, k * across * scale), Math.max(1, k * along * scale), -angle, 0, 2 * Math.PI);
      context.globalAlpha = alpha;
      context.fillStyle = ink;
      context.fill();
      context.globalAlpha = 0.9;
      context.strokeStyle = ink;
      context.lineWidth = 1.1;
      context.stroke();
    }
    context.globalAlpha = 1;
    for (const [colour, width] of [
      [card, 4],
      [ink, 1.6],
    ]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.beginPath();
      context.moveTo(x - 5, y);
      context.lineTo(x + 5, y);
      context.moveTo(x, y - 5);
      context.lineTo(x, y + 5);
      context.stroke();
    }
  }

  _draw_path(context) {
    const [accent, card] = page_colours("accent", "card");
    if (this.path.length > 1) {
      for (const [colour, width] of [
        [card, 5],
        [accent, 2],
      ]) {
        context.strokeStyle = colour;
        context.lineWidth = width;
        context.beginPath();
        this.path.forEach((place, k) => context[k ? "lineTo" : "moveTo"](...this._pixel(place)));
        context.stroke();
      }
    }
    context.font = "600 12px system-ui, sans-serif";
    context.textAlign = "center";
    for (const [name, place] of Object.entries(this.pins)) {
      const [x, y] = this._pixel(place);
      context.beginPath();
      context.arc(x, y, 10, 0, 2 * Math.PI);
      context.fillStyle = accent;
      context.fill();
      context.lineWidth = 2;
      context.strokeStyle = card;
      context.stroke();
      context.fillStyle = card;
      context.fillText(name.toUpperCase(), x, y + 4.3);
    }
  }

  _draw_point(context) {
    const [mark_colour, card] = page_colours("mark", "card");
    const edge = 9;
    const [px, py] = this._pixel(this.point);
    // A point outside is shown at the edge, in the direction where it is.
    const [x, y] = [px, py].map((p) => Math.min(this.size - edge, Math.max(edge, p)));
    context.beginPath();
    context.arc(x, y, 8, 0, 2 * Math.PI);
    context.strokeStyle = card;
    context.lineWidth = 6;
    context.stroke();
    context.strokeStyle = mark_colour;
    context.lineWidth = 3;
    if (x !== px || y !== py) context.setLineDash([3, 3]);
    context.stroke();
    context.setLineDash([]);
    context.beginPath();
    context.arc(x, y, 1.8, 0, 2 * Math.PI);
    context.fillStyle = mark_colour;
    context.fill();
  }

  _plane_place(event) {
    const [u, v] = place_of(event, this.canvas).map((share) => Math.min(1, Math.max(0, share)));
    const [[cu, cv], reach] = [this.centre, this.reach];
    return [cu - reach + 2 * reach * u, this.is_line ? this.point[1] : cv + reach - 2 * reach * v];
  }

  _listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.dragging = event.pointerId;
      canvas.classList.add("dragging");
      this.on_move(this._plane_place(event), false);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (this.dragging === event.pointerId) this.on_move(this._plane_place(event), false);
      else if (event.pointerType === "mouse") this.on_hover(this._nearest(event));
    });
    canvas.addEventListener("pointerleave", () => this.on_hover(null));
    for (const kind of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(kind, (event) => {
        if (this.dragging !== event.pointerId) return;
        this.dragging = null;
        canvas.classList.remove("dragging");
        this.on_move(this.point, true);
      });
    }
    canvas.addEventListener("keydown", (event) => this._key(event));
    canvas.addEventListener("keyup", (event) => {
      if (event.key.startsWith("Arrow") || event.key === "0" || event.key === "Home") this.on_move(this.point, true);
    });
  }

  _key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = (this.reach / 33) * (event.shiftKey ? 0.1 : 1);
    const [u, v] = this.point;
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    if (moves[event.key]) {
      const [du, dv] = moves[event.key];
      this.on_move([u + du * step, this.is_line ? v : v + dv * step], false);
    } else if (event.key === "+" || event.key === "=") this.zoom(0.8);
    else if (event.key === "-") this.zoom(1.25);
    else if (event.key === "0" || event.key === "Home") this.on_move([0, this.is_line ? v : 0], false);
    else if (event.key === "a" || event.key === "b") this.on_pin(event.key);
    else return;
    event.preventDefault();
  }

  // The code nearest to the pointer, if one is near.
  _nearest(event) {
    const { u, v } = this.codes;
    const [share_u, share_v] = place_of(event, this.canvas);
    let [best, found] = [100, null]; // pixels, squared
    for (let i = 0; i < u.length && this.show_codes; i++) {
      const [x, y] = this._pixel([u[i], v[i]]);
      const distance = (x - share_u * this.size) ** 2 + (y - share_v * this.size) ** 2;
      if (distance < best) [best, found] = [distance, i];
    }
    return found;
  }
}

// 1, 2 or 5 times a power of ten, at least a third of `about`.
function nice_step(about) {
  const power = 10 ** Math.floor(Math.log10(about));
  return [5, 2, 1].find((k) => k * power <= about) * power;
}

function tick_text(value, step) {
  return value.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9))).replace("-", "−");
}

// Decodes a grid of points of the plane tile by tile, a few at a time, so that the page stays quick to the hand.
export class Manifold {
  constructor(decode, image_shape, on_progress) {
    Object.assign(this, { decode, image_shape, on_progress });
    this.run = 0;
  }

  stop() {
    this.run++;
  }

  // Decodes `count` x `count` tiles of `box` in the plane through z.
  async start(plane, z, box, count) {
    const run = ++this.run;
    const [, height, width] = this.image_shape;
    const tiles = document.createElement("canvas");
    [tiles.width, tiles.height] = [count * width, count * height];
    const context = tiles.getContext("2d");
    const colour = rgb(page_colours("ink")[0]);
    const [left, right, bottom, top] = box;
    this.on_progress({ tiles, box, done: 0 });
    for (let row = 0; row < count; row++) {
      for (let from = 0; from < count; from += 5) {
        const columns = Array.from({ length: Math.min(5, count - from) }, (_, k) => from + k);
        const points = columns.map((column) => {
          const place = [
            left + ((column + 0.5) * (right - left)) / count,
            top - ((row + 0.5) * (top - bottom)) / count,
          ];
          return plane.move(z, place);
        });
        const images = this.decode(points);
        images.forEach((pixels, k) => {
          context.putImageData(ink_data(pixels, this.image_shape, colour), columns[k] * width, row * height);
        });
        await new Promise((resolve) => setTimeout(resolve));
        if (run !== this.run) return;
      }
      this.on_progress({ tiles, box, done: (row + 1) / count });
    }
  }
}
