// What only some models have: a class to choose, a part to complete, a bound of several draws.

import { paint_image } from "./canvas.js";
import { button, decimal, dial, element, label, tell } from "./dom.js";
import { notation } from "./formula.js";
import { mean } from "./models.js";
import { rng } from "./random.js";

function repeated(row, count) {
  const rows = new Float32Array(row.length * count);
  for (let k = 0; k < count; k++) rows.set(row, k * row.length);
  return rows;
}

// The knob of a conditional VAE: the same z, decoded as every class.
export class ClassPanel {
  is_first = true; // of the cards below the map

  constructor(view) {
    this.view = view;
    const { classes } = view.run;
    this.tiles = classes.map((name, k) => {
      const canvas = element("canvas", { class: "pixels", "aria-hidden": "true" });
      const tile = element(
        "button",
        { type: "button", "aria-pressed": "false", on: { click: () => view.set_class(k) } },
        canvas,
        element("span", { text: name }),
      );
      return { canvas, tile };
    });
    const row = element(
      "div",
      { class: "class-tiles", role: "group", label: "class_knob" },
      ...this.tiles.map(({ tile }) => tile),
    );
    this.root = element(
      "section",
      { class: "card" },
      element("h2", { say: "class_title" }),
      element("p", { class: "hint", say: "class_hint" }),
      row,
    );
  }

  update() {
    const { model, z, number, Z } = this.view;
    const count = this.tiles.length;
    const c = model.condition(
      repeated(this.view.x, count),
      Array.from({ length: count }, (_, k) => k),
    );
    const x_hat = model.mean(model.decode(repeated(z.subarray(0, Z), count), c), c);
    const size = x_hat.length / count;
    this.tiles.forEach(({ canvas, tile }, k) => {
      paint_image(canvas, x_hat.subarray(k * size, (k + 1) * size), model.image_shape);
      tile.setAttribute("aria-pressed", String(k === (number ?? 0)));
    });
  }
}

const MOST_COMPONENTS = 60; // tiles

// The components of a learned prior: the mean of each, decoded.
export class ComponentsPanel {
  is_first = true; // of the cards below the map

  constructor(view) {
    this.view = view;
    const { model } = view, [Z] = model.latent_shape, { mu } = model.components;
    this.count = mu.length / Z;
    const shown = Math.min(MOST_COMPONENTS, this.count);
    const x_hat = model.mean(model.decode(mu.subarray(0, shown * Z)));
    const size = x_hat.length / shown;
    const tiles = Array.from({ length: shown }, (_, k) => {
      const canvas = element("canvas", { class: "pixels", "aria-hidden": "true" });
      paint_image(canvas, x_hat.subarray(k * size, (k + 1) * size), model.image_shape);
      const go = () => view.set_free(mu.subarray(k * Z, (k + 1) * Z));
      const tile = element("button", { type: "button", on: { click: go } }, canvas);
      label(tile, "component", { number: k + 1 });
      return tile;
    });
    const hint = element("p", { class: "hint" });
    const learned = model.pseudo_inputs ? "components_hint_inputs" : "components_hint_mixture";
    tell(hint, learned, { shown, count: this.count });
    this.root = element(
      "section",
      { class: "card" },
      element("h2", { say: "components_title" }),
      hint,
      element("div", { class: "components", role: "group", label: "components_title" }, ...tiles),
    );
  }

  update() {}
}

// Several guesses at the part of the image that the model is not given, each from its own z.
export class CompletionPanel {
  is_first = true; // of the cards below the map

  constructor(view) {
    this.view = view;
    this.random = rng(7);
    this.tiles = Array.from({ length: 8 }, () =>
      element("canvas", { class: "pixels", role: "img", label: "completion" }),
    );
    this.root = element(
      "section",
      { class: "card" },
      element(
        "div",
        { class: "card-head" },
        element("h2", { say: "completion_title" }),
        button("again", () => this._draw(true)),
      ),
      element("p", { class: "hint", say: "completion_hint" }),
      element("div", { class: "completions" }, ...this.tiles),
    );
  }

  on_input() {
    this._draw(false);
  }

  _draw(anew) {
    const { model, Z, c } = this.view;
    if (anew || !this.eps) this.eps = this.random.normals(this.tiles.length * Z);
    const x_hat = model.mean(model.decode(model.prior(this.eps, c), c), c);
    const size = x_hat.length / this.tiles.length;
    this.tiles.forEach((canvas, k) => paint_image(canvas, x_hat.subarray(k * size, (k + 1) * size), model.image_shape));
  }

  update() {}
}

// The bound of K draws beside the ELBO: how much of log p(x) one draw leaves out.
export class BoundPanel {
  is_first = false; // of the cards below the map

  constructor(view) {
    this.view = view;
    this.random = rng(3);
    const { draws } = view.run.description.options;
    this.K = Math.min(100, draws ?? 5);
    const knob = dial(
      "draws_K",
      { min: 1, max: 100, step: 1, value: this.K, scale: { to: Math.log, from: (x) => Math.round(Math.exp(x)) } },
      (K) => {
        this.K = Math.round(K);
        this._soon();
      },
    );
    this.rows = ["elbo", "bound", "gap"].map((key) => {
      const value = element("strong");
      return { key, value, root: element("div", {}, element("span", { say: `bound_${key}` }), value) };
    });
    this.root = element(
      "details",
      { class: "card bound", open: view.run.description.model === "iwae" },
      element("summary", {}, element("h2", { say: "bound_title" })),
      element("p", {}, notation("*L*_{*K*} = log 1/*K* Σ_{*k*} *p*(*x*, *z*_{*k*}) / *q*(*z*_{*k*}|*x*)")),
      element("p", { class: "hint", say: "bound_hint" }),
      knob,
      element("div", { class: "bounds" }, ...this.rows.map((row) => row.root)),
      button("draw_again", () => this._compute()),
    );
    this.root.addEventListener("toggle", () => this._soon());
  }

  on_input() {
    this._soon();
  }

  update() {}

  _soon() {
    clearTimeout(this.timer);
    if (this.root.open) this.timer = setTimeout(() => this._compute(), 120);
  }

  // The ELBO is the mean of the same draws' log w: in expectation that of one draw.
  _compute() {
    const { model, x, c, Z } = this.view;
    const { bounds, log_weights } = model.importance(x, this.random.normals(this.K * Z), this.K, c);
    const [bound] = bounds, elbo = mean(log_weights);
    const values = { elbo, bound, gap: bound - elbo };
    for (const { key, value } of this.rows) value.textContent = decimal(values[key], 2);
  }
}
