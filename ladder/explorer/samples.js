// Samples of a prior over codes: maps drawn code by code from seeded noise, and what they decode to.

import { paint_image } from "./canvas.js";
import { button, element, label } from "./dom.js";
import { rng } from "./random.js";

const SAMPLES = 30;

export class SamplesCard {
  // `take(codes)` is called with the map of the sample that is pressed.
  constructor(model, take) {
    Object.assign(this, { model, maps: [] });
    this.random = rng(11);
    this.tiles = Array.from({ length: SAMPLES }, (_, k) => {
      const canvas = element("canvas", { class: "pixels", "aria-hidden": "true" });
      const tile = element("button", { type: "button", disabled: true, on: { click: () => take(this.maps[k]) } }, canvas);
      label(tile, "sample", { number: k + 1 });
      return tile;
    });
    this.root = element(
      "section",
      { class: "card samples" },
      element("div", { class: "card-head" }, element("h2", { say: "samples_title" }), button("again", () => this.draw())),
      element("p", { class: "hint", say: "samples_hint" }),
      element("div", { class: "components", role: "group", label: "samples_title" }, ...this.tiles),
    );
    this.draw();
  }

  // Draws them one by one, so that the page stays quick to the hand.
  async draw() {
    const { model } = this, [, h, w] = model.latent_shape;
    this.run = (this.run ?? 0) + 1;
    const { run } = this;
    for (const [k, tile] of this.tiles.entries()) {
      await new Promise((resolve) => setTimeout(resolve));
      if (run !== this.run) return;
      this.maps[k] = model.draw_codes(this.random.normals(h * w));
      paint_image(tile.firstChild, model.mean(model.decode(model.embed(this.maps[k]))), model.image_shape);
      tile.disabled = false;
    }
    this.root.dataset.ready = "true";
  }
}
