// One run: its map, its latents, x_hat and the numbers. Two runs are two of these beside each other.

import { paint_image } from "./canvas.js";
import { BoundPanel, ClassPanel, CompletionPanel, ComponentsPanel } from "./extras.js";
import { button, choice, decimal, dial, element, power, subscript, tell, tick } from "./dom.js";
import { Formula } from "./formula.js";
import { LatentTable } from "./latents.js";
import { CLASS_COLOURS, LatentMap, Manifold, Plane } from "./map.js";
import { rng } from "./random.js";
import { Way } from "./way.js";

const GRID = 19; // tiles of the manifold in each direction, and fewer where images are large
const LARGE = 32 * 32; // pixels
const DRAWS = 1500; // of a learned prior, on the map
const CLOUD = 200; // draws from a q(z|x) that is no Gaussian

export class View {
  // `announce` says a sentence to screen readers; `on_point` tells of every new z, for the comparison of rungs.
  constructor(run, { announce, on_point = () => {} }) {
    Object.assign(this, { run, announce, on_point });
    const { model } = run;
    this.model = model;
    this.traits = model.traits;
    [this.Z] = model.latent_shape;
    this.random = rng(1);
    this.beta = run.objective.beta;
    this.eps = new Float32Array(this.Z);
    this.z = new Float32Array(this.Z);
    this.is_free = false; // z was moved by hand: it stays where x does not ask for another
    this.noise = [];
    this.order = Array.from({ length: this.Z }, (_, j) => j);
    if (run.kl_per_latent) this.order.sort((a, b) => run.kl_per_latent[b] - run.kl_per_latent[a]);
    else this.order.sort((a, b) => this._spread(b) - this._spread(a));
    this.capacity = run.objective.capacity ?? null;
    this.prior_noise = rng(5).normals(this.traits.learned_prior ? DRAWS * this.Z : 0);
    this.cloud_noise = rng(6).normals(this.traits.posterior && !this.traits.gaussian ? CLOUD * this.Z : 0);
    this.prior_draws = this.traits.condition === "none" ? model.prior(this.prior_noise) : this.prior_noise;
    this.formula = new Formula({
      name: run.description.model,
      options: run.description.options,
      traits: this.traits,
      likelihood: run.likelihood,
      capacity: this.capacity,
    });
    this._build();
  }

  // z_3, or of two layers z1_3 and z2_3.
  _name(j) {
    const { below } = this.model;
    if (below === undefined) return `z${subscript(j + 1)}`;
    return j < below ? `z1${subscript(j + 1)}` : `z2${subscript(j - below + 1)}`;
  }

  _spread(j) {
    const { mu, count } = this.run.codes;
    let [sum, squares] = [0, 0];
    for (let i = 0; i < count; i++) [sum, squares] = [sum + mu[i * this.Z + j], squares + mu[i * this.Z + j] ** 2];
    return squares / count - (sum / count) ** 2;
  }

  _build() {
    const { run, traits } = this;
    this.root = element("div", { class: "view", data: { model: run.description.model } });
    this.panels = this._panels();
    this.stage = element(
      "div",
      { class: "stage" },
      this._map_card(),
      element("div", { class: "beside" }, this._side_card(), this._numbers_card()),
    );
    const placed = (first) => this.panels.filter((panel) => panel.is_first === first).map((panel) => panel.root);
    const pair = element("div", { class: "pair" }, this._latents_card(), this._way_card());
    this.root.append(this.stage, ...placed(true), pair, ...placed(false));
    this._light_up();
    this._set_plane(this.plane_choice());
    this.map.circles = this.is_standard;
    this._show_prior();
    this.map.fit({ prior: this.is_standard });
  }

  // Whether the prior is N(0, I).
  get is_standard() {
    return this.traits.prior && !this.traits.learned_prior;
  }

  _panels() {
    const panels = [];
    if (this.model.components) panels.push(new ComponentsPanel(this));
    if (this.traits.condition === "label") panels.push(new ClassPanel(this));
    if (this.traits.condition === "part") panels.push(new CompletionPanel(this));
    if (this.traits.posterior && this.traits.prior) panels.push(new BoundPanel(this));
    return panels;
  }

  // The map

  _map_card() {
    this.map_canvas = element("canvas", { tabindex: "0", role: "application", label: "map_label", class: "map" });
    this.map = new LatentMap(this.map_canvas, {
      on_move: (place, is_done) => this._moved(place, is_done),
      on_pin: (name) => this._pin(name),
      on_hover: (i) => this._hover(i),
    });
    this.manifold = new Manifold(
      (points) => this._decode_points(points),
      this.model.image_shape,
      (manifold) => {
        this.map.manifold = manifold;
        this.map.redraw();
      },
    );
    const background = tick("show_manifold", false, (on) => {
      this.with_manifold = on;
      this.map.manifold = null;
      this._renew_manifold();
      this.map.redraw();
    });
    const codes = tick("show_codes", true, (on) => {
      this.map.show_codes = on;
      this.map.redraw();
    });
    this.read_out = element("p", { class: "caption", say: this._map_hint() });
    const zoom = element(
      "span",
      { class: "zoom" },
      element("button", { type: "button", text: "−", label: "zoom_out", on: { click: () => this.map.zoom(1.25) } }),
      element("button", { type: "button", text: "+", label: "zoom_in", on: { click: () => this.map.zoom(0.8) } }),
    );
    return element(
      "section",
      { class: "card map-card" },
      element("div", { class: "card-head" }, element("h2", { say: "map_title" }), this._plane_choice()),
      element("div", { class: "square" }, this.map_canvas, zoom),
      this._legend(),
      element("div", { class: "tools" }, codes, background),
      this.read_out,
    );
  }

  _map_hint() {
    const { prior, learned_prior, gaussian, flow } = this.traits;
    if (!prior) return "map_hint_ae";
    if (flow) return "map_hint_flow";
    return learned_prior ? (gaussian ? "map_hint_learned" : "map_hint_levels") : "map_hint";
  }

  _plane_choice() {
    const { run, Z } = this;
    if (Z <= 2) return ((this.plane_choice = () => ["latents", 0, Z === 2 ? 1 : null]), null);
    const options = () => this.order.map((j) => element("option", { value: j, text: this._name(j) }));
    const across = element("select", { label: "axis_across" }, ...options());
    const up = element("select", { label: "axis_up" }, ...options());
    [across.value, up.value] = [this.order[0], this.order[1]];
    let kind = "latents";
    this.plane_choice = () => [kind, Number(across.value), Number(up.value)];
    const axes = element("span", { class: "axes" }, across, " × ", up);
    const change = () => {
      axes.hidden = kind !== "latents";
      this._set_plane(this.plane_choice());
      this._show_prior();
      this.map.fit({ prior: this.is_standard });
      this._renew_manifold();
    };
    across.addEventListener("change", change);
    up.addEventListener("change", change);
    const kinds =
      run.components &&
      choice(
        "plane",
        [
          ["latents", "two_latents"],
          ["components", "two_components"],
        ],
        kind,
        (value) => {
          kind = value;
          change();
        },
      );
    return element("div", { class: "tools" }, kinds, axes);
  }

  _set_plane([kind, i, j]) {
    const { codes, components } = this.run;
    const name = (k) => this._name(k);
    if (kind === "components") this.plane = new Plane(components.directions);
    else this.plane = Plane.of_latents(this.Z, i, i === j ? null : j);
    this.map.is_line = this.plane.is_line;
    this.map.names = kind === "components" ? ["PC1", "PC2"] : [name(i), j === null ? "" : name(j)];
    const [u, v] = [new Float32Array(codes.count), new Float32Array(codes.count)];
    for (let n = 0; n < codes.count; n++) {
      const place = this.plane.project(codes.mu.subarray(n * this.Z, (n + 1) * this.Z));
      // On a line, the classes lie above each other.
      [u[n], v[n]] = this.plane.is_line ? [place[0], ((codes.labels[n] % 10) - 4.5) / 4 + (n % 7) / 40] : place;
    }
    this.map.set_codes(u, v, codes.labels);
    this._show_point();
  }

  // Draws from a learned prior, under the present condition where it depends on one.
  _show_prior() {
    const { traits, model, Z } = this;
    if (!traits.learned_prior) return;
    if (this.c) this.prior_draws = model.prior(this.prior_noise, this.c);
    if (traits.condition !== "none" && !this.c) return;
    this.map.prior = this._projected(this.prior_draws);
    if (this.plane.is_line) this.map.prior.forEach((place, n) => (place[1] = -1.6 + ((n % 29) - 14) / 60));
    this.map.redraw();
  }

  // The places of rows of z in the plane.
  _projected(rows) {
    return Array.from({ length: rows.length / this.Z }, (_, n) => this.plane.project(rows, n * this.Z));
  }

  _legend() {
    const { classes, codes } = this.run;
    const used = new Set(codes.labels);
    const items = classes.map((name, k) => [name, k]).filter(([, k]) => used.has(k));
    if (items.length < 2) return null;
    const buttons = items.slice(0, 40).map(([name, k]) => {
      const dot = element("span", { class: "dot", data: { mark: Math.floor(k / 10) % 3 } });
      dot.style.setProperty("--light", CLASS_COLOURS.light[k % 10]);
      dot.style.setProperty("--dark", CLASS_COLOURS.dark[k % 10]);
      const made = element("button", { type: "button", "aria-pressed": "false" }, dot, element("span", { text: name }));
      made.addEventListener("click", () => {
        const on = this.map.shown === k ? null : k;
        this.map.shown = on;
        buttons.forEach((one, m) => one.setAttribute("aria-pressed", String(on === items[m][1])));
        this.map.redraw();
      });
      return made;
    });
    return element("div", { class: "legend", role: "group", label: "legend" }, ...buttons);
  }

  _hover(i) {
    const { codes, classes } = this.run;
    if (i === null) tell(this.read_out, this._map_hint());
    else tell(this.read_out, "hover", { number: i + 1, name: classes[codes.labels[i]] ?? "–" });
  }

  _renew_manifold() {
    if (!this.with_manifold) return this.manifold.stop();
    const box = this.map.box();
    const [, height, width] = this.model.image_shape;
    this.manifold.start(this.plane, this.z, box, height * width > LARGE ? 11 : GRID);
  }

  _moved(place, is_done) {
    if (is_done) {
      this.announce(this.summary());
      return;
    }
    this.set_free(this.plane.move(this.z, place));
  }

  _pin(name) {
    this.way.set(name, this.z);
    this.announce("pinned", { name: name.toUpperCase() });
  }

  // x_hat

  _side_card() {
    const tile = (key, symbol) => {
      const canvas = element("canvas", { class: "pixels", role: "img", label: key });
      const words = element("figcaption", {}, ...symbol, " ", element("span", { say: key }));
      return { canvas, root: element("figure", {}, canvas, words) };
    };
    this.x_hat_tile = tile("x_hat_caption", [element("i", { text: "x̂" })]);
    this.x_hat_tile.root.dataset.term = "x_hat";
    this.x_hat_tile.canvas.dataset.part = "x_hat";
    this.x_tile = tile("x_caption", [element("i", { text: "x" })]);
    this.x_tile.root.dataset.term = "x";
    this.draw_tile = tile(`draw_${this.run.likelihood}`, []);
    this.draw_tile.root.append(
      button("again", () => {
        this.noise = [];
        this._show_images();
      }),
    );
    this.where = element("p", { class: "caption where", "aria-hidden": "true" });
    return element(
      "section",
      { class: "card side" },
      this.x_hat_tile.root,
      element("div", { class: "small-tiles" }, this.x_tile.root, this.draw_tile.root),
      this.where,
    );
  }

  // Latents and numbers

  _latents_card() {
    const { run, traits, Z } = this;
    const ranges = Array.from({ length: Z }, (_, j) => this._range(j));
    this.table = new LatentTable(
      {
        order: this.order,
        active: run.active ?? new Array(Z).fill(true),
        ranges,
        posterior: traits.posterior && !traits.flow,
        parted: traits.closed_kl,
        kl: run.kl_per_latent,
        name_of: (j) => this._name(j),
      },
      {
        on_z: (j, value) => this.set_free(this.z.map((old, k) => (k === j ? value : old))),
        on_eps: (j, value) => this._set_eps(this.eps.map((old, k) => (k === j ? value : old))),
      },
    );
    const tools = element("div", { class: "tools" });
    if (traits.posterior) {
      tools.append(
        button("draw_eps", () => this._set_eps(this.random.normals(Z)), { data: { term: "eps" } }),
        button("zero_eps", () => this._set_eps(new Float32Array(Z)), { data: { term: "eps" } }),
      );
    } else {
      tools.append(button("back_to_x", () => this._set_eps(this.eps)));
    }
    if (traits.prior)
      tools.append(button("draw_prior", () => this.set_free(this.model.prior(this.random.normals(Z), this.c))));
    const hint = traits.closed_kl ? "latents_hint" : traits.flow ? "latents_hint_flow" : "latents_hint_drawn";
    const sorted_by = this.run.kl_per_latent || hint !== "latents_hint" ? hint : "latents_hint_given";
    return element(
      "section",
      { class: "card" },
      element("div", { class: "card-head" }, element("h2", { say: "latents_title" }), tools),
      element("p", { class: "hint", say: traits.posterior ? sorted_by : "latents_hint_ae" }),
      this.table.root,
    );
  }

  _range(j) {
    const { mu, count } = this.run.codes;
    let [low, high] = [Infinity, -Infinity];
    for (let i = 0; i < count; i++)
      [low, high] = [Math.min(low, mu[i * this.Z + j]), Math.max(high, mu[i * this.Z + j])];
    for (let n = j; n < this.prior_draws.length; n += this.Z)
      [low, high] = [Math.min(low, this.prior_draws[n]), Math.max(high, this.prior_draws[n])];
    if (this.is_standard) {
      const end = Math.max(4, Math.ceil(Math.max(-low, high)));
      return [-end, end];
    }
    const more = 0.1 * (high - low) || 1;
    return [low - more, high + more];
  }

  _numbers_card() {
    const { traits, run } = this;
    const card = element(
      "section",
      { class: "card numbers" },
      element(
        "div",
        { class: "card-head" },
        element("h2", { say: "numbers_title" }),
        element("span", { class: "unit", say: "nats" }),
      ),
      this.formula.terms,
    );
    if (traits.posterior && this.capacity === null) {
      const control = dial(
        "beta",
        { min: 0, max: 20, step: 0.1, value: this.beta, scale: { to: Math.sqrt, from: (s) => s * s } },
        (beta) => {
          this.beta = beta;
          this._show_numbers();
          this.announce(this.summary());
        },
      );
      control.dataset.term = "beta";
      const trained = element("p", { class: "hint" });
      tell(trained, run.description.model === "iwae" ? "beta_iwae" : "beta_trained", {
        beta: String(run.objective.beta),
      });
      card.append(control, trained);
    }
    card.append(this.formula.definitions, this.formula.explanation);
    if (run.half_error !== null && run.half_error !== undefined) {
      const note = element("p", { class: "hint" });
      tell(note, "half_precision", { error: power(run.half_error) });
      card.append(note);
    }
    return card;
  }

  // A symbol in the formula and its values elsewhere light up together.
  _light_up() {
    const light = (term) => {
      for (const one of this.root.querySelectorAll("[data-term]"))
        one.classList.toggle("lit", one.dataset.term === term);
      this.formula.explain(term);
    };
    const term_of = (target) => target.closest?.("[data-term]")?.dataset.term ?? null;
    this.root.addEventListener("pointerover", (event) => light(term_of(event.target)));
    this.root.addEventListener("pointerleave", () => light(null));
    this.root.addEventListener("focusin", (event) => light(term_of(event.target)));
    this.root.addEventListener("focusout", () => light(null));
  }

  // The way between two points

  _way_card() {
    this.way = new Way(this.model.image_shape, {
      decode: (points) => this._decode_points(points),
      on_point: (z) => this.set_free(z),
      on_change: () => this._show_way(),
      pin: (name) => this._pin(name),
      prior: this.is_standard,
    });
    return element("section", { class: "card" }, this.way.root);
  }

  _show_way() {
    if (!this.plane) return;
    this.map.path = this.way.points().map((z) => this.plane.project(z));
    this.map.pins = Object.fromEntries(Object.entries(this.way.pins).map(([name, z]) => [name, this.plane.project(z)]));
    this.map.draw();
  }

  // State

  set_input(x, number) {
    this.x = x;
    if (number !== null) this.number = number;
    if (this.is_free) this.eps = new Float32Array(this.Z);
    this._encode();
    if (this.c) this._show_prior();
    this._set_eps(this.eps);
    for (const panel of this.panels) panel.on_input?.();
    if (this.c) this._renew_decoded();
  }

  // The class that a conditional model is given; z stays, as the style.
  set_class(number) {
    this.number = number;
    this._encode();
    this._show_prior();
    this.set_free(this.z);
    this._renew_decoded();
  }

  // Decodes way and manifold again, under another condition.
  _renew_decoded() {
    if (this.way.ready) this.way.refresh();
    if (this.with_manifold) this._renew_manifold();
  }

  _encode() {
    this.c = this.model.condition(this.x, this.traits.condition === "label" ? [this.number ?? 0] : null);
    const { mu, logvar } = this.model.encode(this.x, this.c);
    this.encoded = { mu, logvar };
    this.kl = this.traits.posterior && this.traits.closed_kl ? this.model.kl(mu, logvar, this.c) : null;
    const copies = (row) => Float32Array.from(this.cloud_noise, (_, i) => row[i % this.Z]);
    this.cloud = this.cloud_noise.length ? this._draw(copies(mu), copies(logvar), this.cloud_noise).z : [];
  }

  _draw(mu, logvar, eps) {
    return this.model.draw_z(mu, logvar, eps, this.c);
  }

  _set_eps(eps) {
    const { mu, logvar } = this.encoded;
    this.eps = Float32Array.from(eps);
    this.is_free = false;
    this.z = logvar ? this._draw(mu, logvar, this.eps).z : Float32Array.from(mu);
    this._moments();
    this.show();
  }

  set_free(z) {
    const { mu, logvar } = this.encoded;
    this.z = Float32Array.from(z);
    this.is_free = true;
    if (logvar) this.eps = this.model.noise_of(this.z, mu, logvar);
    this._moments();
    this.show();
  }

  // mu and sigma of each latent of z, given those before it.
  _moments() {
    const { mu, logvar } = this.encoded;
    if (!logvar) [this.mu, this.logvar, this.sigma] = [mu, null, null];
    else Object.assign(this, this.model.moments_at(this.z, mu, logvar));
    if (logvar) this.sigma = this.logvar.map((l) => Math.exp(l / 2));
  }

  // x_hat for every point of a list, under the present condition.
  _decode_points(points) {
    const { Z } = this;
    const z = new Float32Array(points.length * Z);
    points.forEach((point, k) => z.set(point, k * Z));
    const x_hat = this.model.mean(this.model.decode(z, this.c), this.c); // one row of c for all
    const size = x_hat.length / points.length;
    return points.map((_, k) => x_hat.subarray(k * size, (k + 1) * size));
  }

  // Shows a state at the next frame, however often it changes before.
  show() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = null;
      this.show_now();
    });
  }

  show_now() {
    this.logits = this.model.decode(this.z, this.c);
    this.x_hat = this.model.mean(this.logits, this.c);
    this._show_images();
    this._show_point();
    this._show_numbers();
    this.table.update(this);
    for (const panel of this.panels) panel.update();
    if (this.with_manifold && this.Z > 2 && !this._in_same_plane()) {
      clearTimeout(this.renewal);
      this.renewal = setTimeout(() => this._renew_manifold(), 200);
    }
    this.on_point(this);
  }

  // Whether z moved within the plane alone since the manifold was decoded.
  _in_same_plane() {
    const origin = this.plane.move(this.z, [0, 0]);
    const same = this.origin && origin.every((value, k) => Math.abs(value - this.origin[k]) < 1e-4);
    this.origin = origin;
    return same;
  }

  _show_images() {
    const shape = this.model.image_shape;
    paint_image(this.x_hat_tile.canvas, this.x_hat, shape);
    paint_image(this.x_tile.canvas, this.x, shape);
    let at = 0;
    const uniform = () => ((this.noise[at] ??= this.random.uniform()), this.noise[at++]);
    paint_image(this.draw_tile.canvas, this.model.draw(this.logits, uniform, this.c), shape);
  }

  _show_point() {
    if (!this.mu || !this.plane) return;
    const { map, plane } = this;
    map.point = plane.project(this.z);
    const is_ellipse = this.sigma && this.traits.gaussian;
    map.posterior = is_ellipse ? { centre: plane.project(this.mu), ...plane.ellipse(this.sigma) } : null;
    map.cloud = this._projected(this.cloud);
    this._show_way();
    this.where.textContent = `z = (${this._coordinates()})`;
  }

  _show_numbers() {
    const reconstruction = -this.model.log_prob(this.logits, this.x)[0];
    this.parts = { reconstruction, loss: reconstruction };
    if (this.traits.posterior) {
      const { log_p, log_q } = this._draw(this.encoded.mu, this.encoded.logvar, this.eps);
      const kl = this.kl ? this.kl.reduce((a, b) => a + b, 0) : log_q[0] - log_p[0];
      [this.log_p, this.log_q] = [log_p[0], log_q[0]];
      const { gamma } = this.run.objective;
      const excess = Math.abs(kl - this.capacity);
      const weighed = this.capacity === null ? this.beta * kl : gamma * excess;
      Object.assign(this.parts, { kl, excess, gamma, beta: this.beta, loss: reconstruction + weighed });
    }
    this.formula.update(this.parts);
    this.formula.show_examples(this._examples());
    this.root.dataset.loss = this.parts.loss;
  }

  // The numbers of the definitions: every latent's KL, z of the latent with the largest KL, the sigma of a Gaussian.
  _examples() {
    const { order, kl, mu, sigma, eps, z } = this;
    const noise = this.model.likelihood.sigma;
    const texts = noise ? { reconstruction: `σₓ = ${decimal(noise, 3)}` } : {};
    if (!this.traits.posterior) return texts;
    const signed = (value) => (value < 0 ? `(${decimal(value)})` : decimal(value));
    const [j] = order;
    if (kl) {
      const shown = order.slice(0, 5).map((k) => decimal(kl[k]));
      texts.kl = `${shown.join(" + ")}${order.length > 5 ? " + …" : ""} = ${decimal(this.parts.kl)}`;
    } else texts.kl = `${decimal(this.log_q)} − ${signed(this.log_p)} = ${decimal(this.parts.kl)}`;
    if (!this.traits.flow) texts.z = `${this._name(j)}:  ${decimal(mu[j])} + ${decimal(sigma[j])} · ${signed(eps[j])} = ${decimal(z[j])}`;
    return texts;
  }

  // z in words: all of it, or what the latents with the largest KL are.
  _coordinates() {
    if (this.Z <= 4) return Array.from(this.z, (value) => decimal(value)).join(", ");
    return `${this.order
      .slice(0, 3)
      .map((j) => `${this._name(j)} = ${decimal(this.z[j])}`)
      .join(", ")}, …`;
  }

  summary() {
    const { parts } = this;
    const values = {
      loss: decimal(parts.loss, 1),
      reconstruction: decimal(parts.reconstruction, 1),
      kl: decimal(parts.kl, 1),
    };
    const z = this._coordinates();
    return [parts.kl === undefined ? "summary_ae" : "summary", { z, ...values }];
  }

  // After a change of theme.
  recolour() {
    this.map.redraw();
    if (this.with_manifold) this._renew_manifold();
  }
}
