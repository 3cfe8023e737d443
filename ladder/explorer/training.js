// The tab in which a small VAE is trained: data, controls, and what the model makes of the data as it learns.

import { fit_canvas, ink_data, page_colours, place_of, rgb } from "./canvas.js";
import { Curves } from "./curves.js";
import { button, choice, decimal, dial, element, label, tell } from "./dom.js";
import { CLASS_COLOURS } from "./map.js";
import { PRESETS, place_colour, preset_points, scattered } from "./points.js";
import { rng } from "./random.js";
import { images_of } from "./run.js";
import { open_trainer } from "./trainer.js";

const BATCH = { points: 128, glyphs: 32 };
const NET = 25; // lines of the decoded net
const TILES = 12; // decoded glyphs in each direction
const REACH = 3.4; // half the width of the latent map
const MOST_POINTS = 1500;
const BUDGET = 24; // milliseconds of training in a frame, at most
const CLOUDS = 160; // of so many points q(z|x) is drawn

// The z below which a share of the normal distribution lies (Acklam's approximation, to 1e-9).
export function normal_quantile(share) {
  const ratio = (top, bottom, x) =>
    top.reduce((sum, a) => sum * x + a, 0) / (bottom.reduce((sum, b) => sum * x + b, 0) * x + 1);
  const [a, b] = [
    [
      -39.69683028665376, 220.9460984245205, -275.9285104469687, 138.357751867269, -30.66479806614716,
      2.506628277459239,
    ],
    [-54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572],
  ];
  const [c, d] = [
    [
      -0.007784894002430293, -0.3223964580411365, -2.400758277161838, -2.549732539343734, 4.374664141464968,
      2.938163982698783,
    ],
    [0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416],
  ];
  if (share > 0.5) return -normal_quantile(1 - share);
  if (share < 0.02425) return ratio(c, d, Math.sqrt(-2 * Math.log(share)));
  const q = share - 0.5;
  return q * ratio(a, b, q * q);
}

export class TrainingTab {
  constructor(glyphs, announce) {
    this.announce = announce;
    this.glyphs = glyphs && { images: images_of(glyphs), labels: glyphs.labels };
    this.kind = "points";
    this.preset = PRESETS[0];
    Object.assign(this, { beta: 1, learning_rate: 3e-3, warmup: 300, speed: 150, running: false });
    this.calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this._build();
    this._restart();
  }

  _build() {
    const canvas = (name, key) => element("canvas", { class: name, role: "img", label: key });
    this.data_canvas = canvas("square-canvas data", "train_data_label");
    this.latent_canvas = canvas("square-canvas", "train_latent_label");
    this.curves_canvas = canvas("curves", "train_curves_label");
    this.curves = new Curves(this.curves_canvas);
    this.data_hint = element("p", { class: "hint" });
    this.latent_hint = element("p", { class: "hint" });
    this.status = element("p", { class: "status" });
    this.rate = element("span", { class: "unit" });
    const card = (key, drawing, hint, more = null) =>
      element(
        "section",
        { class: "card" },
        element("div", { class: "card-head" }, element("h2", { say: key }), more),
        drawing,
        hint,
      );
    this.root = element(
      "div",
      { class: "training" },
      element("p", { class: "lede", say: "train_lede" }),
      this._controls(),
      element(
        "div",
        { class: "panels" },
        card("train_data", this.data_canvas, this.data_hint),
        card("train_latent", this.latent_canvas, this.latent_hint),
        card("train_curves", this.curves_canvas, null, element("span", { class: "unit", say: "nats_value" })),
      ),
    );
    this._listen();
  }

  _controls() {
    this.start_button = button("start", () => (this.running ? this.pause() : this.start()), { class: "primary" });
    this.presets = choice(
      "preset",
      [...PRESETS.map((name) => [name, `preset_${name}`]), ["own", "preset_own"]],
      this.preset,
      (name) => {
        this.preset = name;
        this._restart();
      },
    );
    const kinds = choice(
      "train_kind",
      [
        ["points", "train_points"],
        ["glyphs", "train_glyphs"],
      ],
      this.kind,
      (kind) => {
        this.kind = kind;
        this._restart();
      },
    );
    const log = { to: Math.log10, from: (x) => 10 ** x };
    return element(
      "section",
      { class: "card controls" },
      element("div", { class: "tools" }, this.glyphs ? kinds : null, this.presets),
      element(
        "div",
        { class: "tools" },
        this.start_button,
        button("one_step", () => this._once()),
        button("restart", () => this._restart()),
        this.status,
        this.rate,
      ),
      element(
        "div",
        { class: "dials" },
        dial(
          "beta",
          { min: 0, max: 20, step: 0.1, value: this.beta, scale: { to: Math.sqrt, from: (x) => x * x } },
          (value) => (this.beta = value),
        ),
        dial(
          "learning_rate",
          { min: 1e-4, max: 1, step: 1e-4, value: this.learning_rate, digits: 1, scale: log },
          (value) => (this.learning_rate = value),
        ),
        dial(
          "warmup",
          { min: 0, max: 3000, step: 50, value: this.warmup, digits: 3 },
          (value) => (this.warmup = value),
        ),
        dial("speed", { min: 1, max: 1000, step: 1, value: this.speed, digits: 1, scale: log }, (value) => {
          this.speed = value;
          this._count_anew();
        }),
      ),
    );
  }

  // The pointer adds points to the data.
  _listen() {
    const { data_canvas } = this;
    const add = (event) => {
      const [u, v] = place_of(event, data_canvas);
      for (let k = 0; k < 4 && this.points.length < MOST_POINTS; k++)
        this.points.push(scattered([u, 1 - v], 0.014, this.random));
      this._collect();
      this.draw();
    };
    data_canvas.addEventListener("pointerdown", (event) => {
      if (this.kind !== "points" || event.button !== 0) return;
      data_canvas.setPointerCapture(event.pointerId);
      this.drawing = true;
      add(event);
    });
    data_canvas.addEventListener("pointermove", (event) => this.drawing && add(event));
    for (const kind of ["pointerup", "pointercancel"]) data_canvas.addEventListener(kind, () => (this.drawing = false));
    new ResizeObserver(() => this.draw()).observe(data_canvas);
  }

  open() {
    this.draw();
  }

  recolour() {
    this.tiles = null;
    this.draw();
  }

  // A fresh model, and the data of the preset.
  _restart() {
    this.pause();
    this.random = rng(11);
    this.is_points = this.kind === "points";
    if (this.is_points) this.points = preset_points(this.preset, this.random);
    this.presets.hidden = !this.is_points;
    this.data_canvas.classList.toggle("drawable", this.is_points);
    label(this.data_canvas, this.is_points ? "train_data_label" : "train_data_label_glyphs");
    tell(this.data_hint, `train_data_${this.kind}`);
    tell(this.latent_hint, `train_latent_${this.kind}`);
    this.trainer = open_trainer({ kind: this.kind, seed: 3 });
    this.step = 0;
    this.tiles = null;
    this.curves.clear();
    this._collect();
    this.prior = this.random.normals(2 * 80);
    this.prior_noise = this.random.normals(2 * 80);
    tell(this.status, "train_step", { step: 0 });
    this.rate.textContent = "";
    this.draw();
  }

  // All data as one array.
  _collect() {
    const rows = this.is_points ? this.points : this.glyphs.images;
    this.size = this.is_points ? 2 : rows[0].length;
    this.data = new Float32Array(rows.length * this.size);
    rows.forEach((row, k) => this.data.set(row, k * this.size));
    this.count = rows.length;
  }

  _batch() {
    const N = Math.min(BATCH[this.kind], this.count);
    const x = new Float32Array(N * this.size);
    for (let k = 0; k < N; k++) {
      const from = Math.floor(this.random.uniform() * this.count) * this.size;
      x.set(this.data.subarray(from, from + this.size), k * this.size);
    }
    return { x, eps: this.random.normals(2 * N) };
  }

  get beta_now() {
    return this.warmup > 0 ? this.beta * Math.min(1, this.step / this.warmup) : this.beta;
  }

  // One step of the optimiser; false where none could be taken.
  _step() {
    if (!this.count) {
      tell(this.status, "train_no_points");
      return false;
    }
    const { x, eps } = this._batch();
    const parts = this.trainer.step(x, eps, this.beta_now, this.learning_rate);
    if (!Number.isFinite(parts.loss)) {
      this.pause();
      tell(this.status, "train_stopped");
      return false;
    }
    this.step++;
    this.curves.add(parts);
    return true;
  }

  _once() {
    this.pause();
    if (this._step()) this._tell_step();
    this.draw();
  }

  start() {
    this.running = true;
    tell(this.start_button, "pause");
    this._count_anew();
    requestAnimationFrame(() => this._frame());
  }

  // Steps since the speed was last changed, to keep to it.
  _count_anew() {
    this.counted = { since: performance.now(), steps: 0 };
  }

  pause() {
    this.running = false;
    tell(this.start_button, "start");
    if (this.curves.last && this.step) this.announce("train_state", this._state());
  }

  _state() {
    const { loss, reconstruction, kl } = this.curves.last;
    return { step: this.step, loss: decimal(loss), reconstruction: decimal(reconstruction), kl: decimal(kl) };
  }

  _frame() {
    if (!this.running) return;
    const begun = performance.now();
    const due = () => (this.speed * (performance.now() - this.counted.since)) / 1000 - this.counted.steps;
    while (due() > 0 && performance.now() - begun < BUDGET) {
      if (!this._step()) return this._halt();
      this.counted.steps++;
    }
    const passed = performance.now() - this.counted.since;
    if (passed > 1000) {
      tell(this.rate, "train_speed", { speed: Math.round((1000 * this.counted.steps) / passed) });
      this._count_anew();
    }
    this._tell_step();
    this._draw_in_turn(begun);
    requestAnimationFrame(() => this._frame());
  }

  // Draws so seldom that half of the time is left for steps; who wants less motion sees the state twice a second.
  _draw_in_turn(now) {
    if (now < (this.next_picture ?? 0)) return;
    this.draw();
    const spent = performance.now() - now;
    this.next_picture = now + (this.calm ? 500 : 2 * spent);
  }

  // Stops where no step could be taken, and leaves the words that say why.
  _halt() {
    this.running = false;
    tell(this.start_button, "start");
  }

  _tell_step() {
    tell(this.status, "train_step_beta", { step: this.step, beta: decimal(this.beta_now) });
    this.root.dataset.step = this.step;
  }

  // Pictures

  draw() {
    if (!this.data_canvas.clientWidth) return;
    if (this.is_points) this._draw_points();
    else this._draw_tiles();
    this._draw_latents();
    this.curves.draw();
  }

  get is_dark() {
    return document.documentElement.dataset.shade === "dark";
  }

  _x_hat(z) {
    const { model } = this.trainer;
    return model.mean(model.decode(z));
  }

  _draw_points() {
    const { context, width } = fit_canvas(this.data_canvas);
    const [accent, mark] = page_colours("accent", "mark");
    const pixel = (x, y) => [width * x, width * (1 - y)];
    context.clearRect(0, 0, width, width);
    this._draw_net(context, pixel, accent);
    for (const point of this.points) {
      const [x, y] = pixel(...point);
      context.fillStyle = place_colour(point, this.is_dark, 0.8);
      context.beginPath();
      context.arc(x, y, 2.2, 0, 2 * Math.PI);
      context.fill();
    }
    if (!this.step) return;
    const x_hat = this._x_hat(this.prior);
    const { sigma } = this.trainer.model.likelihood;
    context.strokeStyle = mark;
    context.lineWidth = 1.5;
    context.beginPath();
    for (let k = 0; k < x_hat.length; k += 2) {
      const [x, y] = pixel(x_hat[k] + sigma * this.prior_noise[k], x_hat[k + 1] + sigma * this.prior_noise[k + 1]);
      context.moveTo(x - 3, y - 3);
      context.lineTo(x + 3, y + 3);
      context.moveTo(x - 3, y + 3);
      context.lineTo(x + 3, y - 3);
    }
    context.stroke();
  }

  // A grid of z with equal shares of the prior, decoded.
  _draw_net(context, pixel, colour) {
    const z = new Float32Array(2 * NET * NET);
    for (let i = 0; i < NET; i++)
      for (let j = 0; j < NET; j++)
        z.set([normal_quantile((j + 0.5) / NET), normal_quantile((i + 0.5) / NET)], 2 * (i * NET + j));
    const x_hat = this._x_hat(z);
    context.strokeStyle = colour;
    context.globalAlpha = 0.45;
    context.lineWidth = 1;
    const line = (places) => {
      context.beginPath();
      places.forEach((k, n) => context[n ? "lineTo" : "moveTo"](...pixel(x_hat[2 * k], x_hat[2 * k + 1])));
      context.stroke();
    };
    for (let i = 0; i < NET; i++) {
      line(Array.from({ length: NET }, (_, j) => i * NET + j));
      line(Array.from({ length: NET }, (_, j) => j * NET + i));
    }
    context.globalAlpha = 1;
  }

  // The manifold of glyphs; it takes longer than a step, so that it is drawn a few times a second.
  _draw_tiles() {
    const { context, width } = fit_canvas(this.data_canvas);
    const now = performance.now();
    if (!this.tiles || !this.running || now - this.tiles_drawn > 250) {
      this.tiles_drawn = now;
      this.tiles ??= document.createElement("canvas");
      [this.tiles.width, this.tiles.height] = [28 * TILES, 28 * TILES];
      const z = new Float32Array(2 * TILES * TILES);
      for (let i = 0; i < TILES; i++)
        for (let j = 0; j < TILES; j++)
          z.set([normal_quantile((j + 0.5) / TILES), -normal_quantile((i + 0.5) / TILES)], 2 * (i * TILES + j));
      const x_hat = this._x_hat(z);
      const ink = rgb(page_colours("ink")[0]);
      const drawing = this.tiles.getContext("2d");
      for (let k = 0; k < TILES * TILES; k++) {
        const tile = ink_data(x_hat.subarray(k * this.size, (k + 1) * this.size), [1, 28, 28], ink);
        drawing.putImageData(tile, 28 * (k % TILES), 28 * Math.floor(k / TILES));
      }
    }
    context.clearRect(0, 0, width, width);
    context.drawImage(this.tiles, 0, 0, width, width);
  }

  _draw_latents() {
    const { context, width } = fit_canvas(this.latent_canvas);
    const [muted] = page_colours("muted");
    context.clearRect(0, 0, width, width);
    const scale = width / (2 * REACH);
    const pixel = (u, v) => [width / 2 + scale * u, width / 2 - scale * v];
    if (this.count) {
      const { mu, logvar } = this.trainer.model.encode(this.data);
      const colours = CLASS_COLOURS[this.is_dark ? "dark" : "light"];
      const colour = (k) =>
        this.is_points ? place_colour(this.points[k], this.is_dark) : colours[this.glyphs.labels[k] % 10];
      for (let k = 0; k < this.count; k++) {
        const [x, y] = pixel(mu[2 * k], mu[2 * k + 1]);
        context.fillStyle = colour(k);
        if (k % Math.ceil(this.count / CLOUDS) === 0) {
          const [a, b] = [0, 1].map((j) => Math.min(width, scale * Math.exp(logvar[2 * k + j] / 2)));
          context.globalAlpha = 0.1;
          context.beginPath();
          context.ellipse(x, y, a, b, 0, 0, 2 * Math.PI);
          context.fill();
        }
        context.globalAlpha = 0.85;
        context.beginPath();
        context.arc(x, y, 2.2, 0, 2 * Math.PI);
        context.fill();
      }
      context.globalAlpha = 1;
    }
    context.strokeStyle = muted;
    context.setLineDash([4, 4]);
    for (const k of [1, 2, 3]) {
      context.beginPath();
      context.arc(width / 2, width / 2, k * scale, 0, 2 * Math.PI);
      context.stroke();
    }
    context.setLineDash([]);
  }
}
