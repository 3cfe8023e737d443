// A VQ-VAE: the grid of codes that an image becomes, each of which can be changed, or drawn from a prior over codes.

import { paint_image } from "./canvas.js";
import { button, decimal, element, label, tell } from "./dom.js";
import { Formula } from "./formula.js";
import { rng } from "./random.js";
import { SamplesCard } from "./samples.js";

const ROW = 90; // milliseconds between the rows of a map that is drawn

export class CodesView {
  constructor(run, { announce, on_point = () => {} }) {
    Object.assign(this, { run, announce, on_point, model: run.model });
    [this.D, this.h, this.w] = run.model.latent_shape;
    this.K = run.description.options.codes;
    this.has_prior = Boolean(run.model.pixelcnn);
    this.random = rng(1);
    this.first_pending = Infinity; // the first place that a drawing has not come to
    this.formula = new Formula({
      name: run.description.model,
      options: run.description.options,
      traits: run.model.traits,
      likelihood: run.likelihood,
      capacity: null,
    });
    this.selected = Math.floor(this.h / 2) * this.w + Math.floor(this.w / 2);
    this._build();
  }

  _build() {
    this.cells = Array.from({ length: this.h * this.w }, (_, place) =>
      element(
        "button",
        { type: "button", on: { click: () => this._select(place) } },
        element("canvas", { class: "pixels", "aria-hidden": "true" }),
        element("span"),
      ),
    );
    this.grid = element("div", { class: "codes", role: "group", label: "codes_label" }, ...this.cells);
    this.grid.style.setProperty("--columns", this.w);
    this.grid.addEventListener("keydown", (event) => this._key(event));
    this.palette = element("div", { class: "palette", role: "group", label: "palette_label" });
    this.chosen = element("p", { class: "caption" });
    this.tiles = Object.fromEntries(
      ["x_hat", "x"].map((name) => {
        const canvas = element("canvas", {
          class: "pixels",
          role: "img",
          label: `${name}_caption`,
          data: { part: name },
        });
        const words = element(
          "figcaption",
          {},
          element("i", { text: name === "x" ? "x" : "x̂" }),
          " ",
          element("span", { say: `${name}_caption` }),
        );
        return [name, { canvas, root: element("figure", { data: { term: name } }, canvas, words) }];
      }),
    );
    this.root = element(
      "div",
      { class: "view", data: { model: this.run.description.model } },
      element(
        "div",
        { class: "stage" },
        element(
          "section",
          { class: "card" },
          element(
            "div",
            { class: "card-head" },
            element("h2", { say: "codes_title" }),
            element("div", { class: "tools" }, ...this._buttons()),
          ),
          element("p", { class: "hint", say: "codes_hint" }),
          this.has_prior ? element("p", { class: "hint", say: "codes_hint_prior" }) : null,
          this.grid,
          this.chosen,
        ),
        element(
          "div",
          { class: "beside" },
          element(
            "section",
            { class: "card side" },
            this.tiles.x_hat.root,
            element("div", { class: "small-tiles" }, this.tiles.x.root),
          ),
          element(
            "section",
            { class: "card numbers" },
            element(
              "div",
              { class: "card-head" },
              element("h2", { say: "numbers_title" }),
              element("span", { class: "unit", say: "nats" }),
            ),
            this.formula.terms,
            this.formula.definitions,
            this.formula.explanation,
          ),
        ),
      ),
      this._samples(),
      element(
        "section",
        { class: "card" },
        element("h2", { say: "palette_title" }),
        element("p", { class: "hint", say: this.has_prior ? "palette_hint_prior" : "palette_hint" }),
        this.palette,
      ),
    );
    const light = (event) => {
      const term = event.target.closest?.("[data-term]")?.dataset.term ?? null;
      for (const one of this.root.querySelectorAll("[data-term]"))
        one.classList.toggle("lit", one.dataset.term === term);
      this.formula.explain(term);
    };
    this.root.addEventListener("pointerover", light);
    this.root.addEventListener("focusin", light);
    this._draw_palette();
  }

  _buttons() {
    const back = button("codes_back", () => this._reset());
    if (!this.has_prior) return [back];
    return [
      back,
      button("codes_draw", () => this._draw_from(0)),
      button("codes_draw_from", () => this._draw_from(this.selected)),
    ];
  }

  _samples() {
    if (!this.has_prior) return null;
    const take = (codes) => {
      this._stop();
      this.codes = Int32Array.from(codes);
      this.show_now();
    };
    return new SamplesCard(this.model, take).root;
  }

  // Draws the codes from a place on, one after the other; each row is shown as it comes.
  async _draw_from(first) {
    this._stop();
    const { drawing, model, w } = this, codes = Int32Array.from(this.codes), eps = this.random.normals(codes.length);
    const moves = !matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.codes = codes;
    for (const place of model.draw_in_place(codes, eps, first)) {
      if (!moves || (place + 1) % w) continue;
      this.first_pending = place + 1;
      this.show_now();
      await new Promise((resolve) => setTimeout(resolve, ROW));
      if (drawing !== this.drawing) return;
    }
    this.first_pending = Infinity;
    this.show_now();
    this.announce("code_drawn", { loss: decimal(this.parts.loss, 1) });
  }

  // Ends a drawing that still goes on.
  _stop() {
    this.drawing = (this.drawing ?? 0) + 1;
    this.first_pending = Infinity;
  }

  // What every code draws: an image made of it alone, its middle.
  _draw_palette() {
    const [channels, height, width] = this.model.image_shape;
    const [tile_h, tile_w] = [height / this.h, width / this.w];
    this.swatch_shape = [channels, tile_h, tile_w];
    const [top, left] = [tile_h * Math.floor(this.h / 2), tile_w * Math.floor(this.w / 2)];
    this.swatches = Array.from({ length: this.K }, (_, code) => {
      const codes = new Int32Array(this.h * this.w).fill(code);
      const image = this.model.mean(this.model.decode(this.model.embed(codes)));
      const pixels = new Float32Array(channels * tile_h * tile_w);
      for (let k = 0; k < channels; k++)
        for (let i = 0; i < tile_h; i++)
          for (let j = 0; j < tile_w; j++)
            pixels[(k * tile_h + i) * tile_w + j] = image[(k * height + top + i) * width + left + j];
      return pixels;
    });
    this.entries = this.swatches.map((pixels, code) => {
      const canvas = element("canvas", { class: "pixels", "aria-hidden": "true" });
      paint_image(canvas, pixels, this.swatch_shape);
      const entry = element(
        "button",
        {
          type: "button",
          tabindex: code ? "-1" : "0",
          "aria-pressed": "false",
          on: { click: () => this._change(code) },
        },
        canvas,
        element("span", { text: String(code) }),
        this.has_prior ? element("span", { class: "bar" }) : null,
      );
      label(entry, "code", { code });
      return entry;
    });
    this.palette.append(...this.entries);
    this.palette.addEventListener("keydown", (event) => {
      const at = this.entries.indexOf(document.activeElement);
      const columns = Math.max(1, Math.round(this.palette.clientWidth / (this.entries[0].offsetWidth || 1)));
      const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
      const next = this.entries[at + step];
      if (!step || !next) return;
      event.preventDefault();
      for (const one of this.entries) one.tabIndex = one === next ? 0 : -1;
      next.focus();
    });
  }

  _key(event) {
    const at = this.cells.indexOf(document.activeElement);
    const [row, column] = [Math.floor(at / this.w), at % this.w];
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (step) {
      const [r, c] = [row + step[0], column + step[1]];
      if (r >= 0 && c >= 0 && r < this.h && c < this.w) {
        this._select(r * this.w + c);
        this.cells[this.selected].focus();
      }
    } else if (event.key === "+" || event.key === "=") this._change((this.codes[at] + 1) % this.K);
    else if (event.key === "-") this._change((this.codes[at] + this.K - 1) % this.K);
    else return;
    event.preventDefault();
  }

  _select(place) {
    this.selected = place;
    this.show_now();
  }

  _change(code) {
    this._stop();
    this.codes[this.selected] = code;
    this.show_now();
    this.announce("code_changed", { code, loss: decimal(this.parts.loss, 1) });
  }

  _reset() {
    this._stop();
    this.codes = Int32Array.from(this.own);
    this.show_now();
  }

  set_input(x) {
    this.x = x;
    this.own = this.model.codes(x);
    this._reset();
  }

  show_now() {
    const { model, codes, own, x } = this;
    this.logits = model.decode(model.embed(codes));
    this.x_hat = model.mean(this.logits);
    paint_image(this.tiles.x_hat.canvas, this.x_hat, model.image_shape);
    paint_image(this.tiles.x.canvas, x, model.image_shape);
    this.cells.forEach((cell, place) => {
      const code = codes[place];
      cell.lastChild.textContent = String(code);
      paint_image(cell.firstChild, this.swatches[code], this.swatch_shape);
      cell.classList.toggle("own", code === own[place]);
      cell.classList.toggle("pending", place >= this.first_pending);
      cell.setAttribute("aria-pressed", String(place === this.selected));
      cell.tabIndex = place === this.selected ? 0 : -1;
      label(cell, code === own[place] ? "cell" : "cell_changed", {
        row: Math.floor(place / this.w) + 1,
        column: (place % this.w) + 1,
        code,
      });
    });
    this.entries.forEach((entry, code) => entry.setAttribute("aria-pressed", String(code === codes[this.selected])));
    const changed = codes.reduce((sum, code, k) => sum + (code === own[k] ? 0 : 1), 0);
    tell(this.chosen, changed ? "codes_changed" : "codes_own", {
      changed,
      row: Math.floor(this.selected / this.w) + 1,
      column: (this.selected % this.w) + 1,
      code: codes[this.selected],
    });
    this._show_numbers();
    if (this.has_prior) this._show_probabilities();
    this.on_point(this);
  }

  // How likely each code is at the selected place, given the codes before it.
  _show_probabilities() {
    const p = this.probabilities.subarray(this.selected * this.K, (this.selected + 1) * this.K), largest = Math.max(...p);
    this.entries.forEach((entry, code) => (entry.lastChild.style.width = `${(100 * p[code]) / largest}%`));
  }

  _show_numbers() {
    const reconstruction = -this.model.log_prob(this.logits, this.x)[0];
    if (this.has_prior) {
      const judged = this.codes.join();
      if (judged !== this.judged) this.probabilities = this.model.probabilities(this.codes);
      this.judged = judged;
      const code_cost = this.codes.reduce((sum, code, place) => sum - Math.log(this.probabilities[place * this.K + code]), 0);
      const total = reconstruction + code_cost;
      this.parts = { reconstruction, code_cost, total, loss: total };
      this.formula.update(this.parts);
      this.root.dataset.loss = total;
      return;
    }
    const { commitment } = this.model.loss(this.x, null, 1, null);
    const beta = this.run.description.options.commitment;
    this.parts = { reconstruction, commitment, beta, loss: reconstruction + beta * commitment };
    this.formula.update(this.parts);
    this.root.dataset.loss = this.parts.loss;
  }

  recolour() {}
}
