// The rungs of a climb side by side: the same z, decoded by each, and where they differ.

import { paint_difference, paint_image, place_of } from "./canvas.js";
import { decimal, element, power, tell } from "./dom.js";

export class RungsCard {
  constructor(runs) {
    this.runs = runs;
    [, this.height, this.width] = runs[0].model.image_shape;
    this.tiles = runs.map((run) => this._tile(run));
    this.largest = element("strong");
    this.pixel = element("p", { class: "caption", say: "rungs_hint" });
    this.root = element(
      "section",
      { class: "card rungs" },
      element(
        "div",
        { class: "card-head" },
        element("h2", { say: "rungs_title" }),
        element("p", { class: "headline" }, this.largest, " ", element("span", { say: "rungs_largest" })),
      ),
      element("div", { class: "rung-tiles" }, ...this.tiles.map(({ root }) => root)),
      this.pixel,
    );
  }

  _tile(run) {
    const canvas = element("canvas", { class: "pixels", role: "img", label: run.rung, data: { rung: run.rung } });
    const difference = element("canvas", { class: "pixels over", "aria-hidden": "true" });
    const number = element("span", { class: "value" });
    const frame = element("div", { class: "frame" }, canvas, difference);
    frame.addEventListener("pointermove", (event) => this._point(...place_of(event, frame)));
    frame.addEventListener("pointerleave", () => tell(this.pixel, "rungs_hint"));
    const root = element(
      "figure",
      {},
      frame,
      element("figcaption", {}, element("b", { text: run.rung }), " ", element("span", { say: run.rung }), " ", number),
    );
    return { canvas, difference, number, root };
  }

  // Decodes z by every rung.
  update(z, c) {
    this.images = this.runs.map(({ model }) => model.mean(model.decode(z, c), c));
    const [first] = this.images;
    const differences = this.images.map((image) =>
      image.reduce((most, value, i) => Math.max(most, Math.abs(value - first[i])), 0),
    );
    const largest = Math.max(...differences);
    this.images.forEach((image, k) => {
      const { canvas, difference, number } = this.tiles[k];
      paint_image(canvas, image, this.runs[k].model.image_shape);
      if (k) paint_difference(difference, image, first, this.runs[k].model.image_shape, largest);
      number.textContent = k ? `Δ ≤ ${power(differences[k])}` : "";
    });
    this.largest.textContent = power(largest);
    this.root.dataset.largest = largest;
  }

  _point(u, v) {
    const row = Math.min(this.height - 1, Math.max(0, Math.floor(v * this.height)));
    const column = Math.min(this.width - 1, Math.max(0, Math.floor(u * this.width)));
    const values = this.images.map((image) => image[row * this.width + column]);
    const difference = power(Math.max(...values) - Math.min(...values));
    tell(this.pixel, "rungs_pixel", {
      row: row + 1,
      column: column + 1,
      values: values.map((value) => decimal(value, 4)).join(" · "),
      difference,
    });
  }
}
