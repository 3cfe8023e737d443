// The way between two pinned points, straight or along a great circle: a strip of images and a slider.

import { paint_image } from "./canvas.js";
import { button, choice, decimal, element } from "./dom.js";

const STEPS = 11;

// The point at share t of the way from a to b.
export function between(a, b, t, kind) {
  const mix = (p, q) => Float32Array.from(a, (value, k) => p * value + q * b[k]);
  if (kind === "straight") return mix(1 - t, t);
  const dot = (p, q) => p.reduce((sum, value, k) => sum + value * q[k], 0);
  const [long_a, long_b] = [Math.sqrt(dot(a, a)), Math.sqrt(dot(b, b))];
  const cosine = Math.min(1, Math.max(-1, dot(a, b) / (long_a * long_b)));
  const angle = Math.acos(cosine);
  // Points in one direction, or in opposite ones, or at the origin have no great circle of their own.
  if (!(Math.sin(angle) > 1e-4)) return mix(1 - t, t);
  return mix(Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle));
}

export class Way {
  constructor(image_shape, { decode, on_point, on_change, pin, prior }) {
    Object.assign(this, { image_shape, decode, on_point, on_change });
    this.pins = {};
    this.kind = "straight";
    this.slider = element("input", { type: "range", min: 0, max: 1, step: 0.005, label: "way_slider", class: "wide" });
    this.slider.addEventListener("input", () => this.on_point(this.at(Number(this.slider.value))));
    this.tiles = Array.from({ length: STEPS }, (_, k) => {
      const canvas = element("canvas", { class: "pixels", "aria-hidden": "true" });
      const tile = element("button", { type: "button", on: { click: () => this._go(k / (STEPS - 1)) } }, canvas);
      tile.setAttribute("aria-label", `t = ${decimal(k / (STEPS - 1), 1)}`);
      return tile;
    });
    this.strip = element(
      "div",
      { class: "strip", hidden: true },
      element("div", { class: "tiles" }, ...this.tiles),
      this.slider,
    );
    this.note = element("p", { class: "hint", say: "way_hint" });
    this.clear_button = button("unpin", () => this.clear(), { hidden: true });
    const kinds = choice(
      "way_kind",
      [
        ["straight", "straight"],
        ["spherical", "spherical"],
      ],
      "straight",
      (kind) => {
        this.kind = kind;
        this.refresh();
      },
    );
    kinds.hidden = !prior; // without a prior there is no sphere where most of its mass is
    this.root = element(
      "section",
      { class: "way" },
      element("h2", { say: "way_title" }),
      element(
        "div",
        { class: "tools" },
        button("pin_a", () => pin("a")),
        button("pin_b", () => pin("b")),
        kinds,
        this.clear_button,
      ),
      this.note,
      this.strip,
    );
  }

  get ready() {
    return Boolean(this.pins.a && this.pins.b);
  }

  at(t) {
    return between(this.pins.a, this.pins.b, t, this.kind);
  }

  set(name, z) {
    this.pins[name] = Float32Array.from(z);
    this.refresh();
  }

  clear() {
    this.pins = {};
    this.refresh();
  }

  _go(t) {
    this.slider.value = t;
    this.on_point(this.at(t));
  }

  // Points along the way, for the map.
  points(count = 49) {
    return this.ready ? Array.from({ length: count }, (_, k) => this.at(k / (count - 1))) : [];
  }

  refresh() {
    const { ready } = this;
    this.strip.hidden = this.note.hidden = false;
    this.strip.hidden = !ready;
    this.note.hidden = ready;
    this.clear_button.hidden = !this.pins.a && !this.pins.b;
    if (ready) {
      const points = this.tiles.map((_, k) => this.at(k / (STEPS - 1)));
      this.decode(points).forEach((pixels, k) => paint_image(this.tiles[k].firstChild, pixels, this.image_shape));
    }
    this.on_change();
  }
}
