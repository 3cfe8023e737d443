// The table of latents: for each its q(z|x), the noise, and z as a slider; sorted by KL, those not in use apart.

import { decimal, element, hint, label } from "./dom.js";

export class LatentTable {
  // `order` are the latents' places by KL; `active` says which are in use; `ranges` are the sliders' ends. With
  // `posterior` each latent has its q(z|x) and noise, with `parted` a KL of its own as well.
  constructor({ order, active, ranges, posterior, parted, kl, name_of }, { on_z, on_eps }) {
    Object.assign(this, { posterior, parted, ranges, on_z, on_eps, name_of });
    this.rows = new Map();
    const used = order.filter((j) => active[j]);
    const unused = order.filter((j) => !active[j]);
    this.root = element("div", { class: posterior ? (parted ? "latents" : "latents drawn") : "latents plain" });
    this.root.append(this._head(), ...used.map((j) => this._row(j, true, kl?.[j])));
    if (unused.length) {
      const rows = unused.map((j) => this._row(j, false, kl?.[j]));
      const note = element("summary", {}, element("span", { say: "unused_latents" }), ` (${unused.length})`);
      this.root.append(
        element(
          "details",
          { open: used.length === 0 },
          note,
          element("p", { class: "hint", say: posterior && parted ? "unused_hint" : "unused_hint_drawn" }),
          ...rows,
        ),
      );
    }
  }

  _head() {
    const names = this.posterior ? ["z", "mu", "sigma", "eps", ...(this.parted ? ["kl"] : [])] : ["z"];
    const symbol = { z: "z", mu: "μ", sigma: "σ", eps: "ε", kl: "KL" };
    const cells = names.map((name) => {
      const cell = element("span", { class: `at-${name}`, data: { term: name } });
      cell.append(name === "kl" ? "KL" : element("i", { text: symbol[name] }));
      return cell;
    });
    return element("div", { class: "latent head", "aria-hidden": "true" }, element("span"), element("span"), ...cells);
  }

  _row(j, used, kl) {
    const [low, high] = this.ranges[j];
    const name = this.name_of(j);
    const row = {
      slider: element("input", { type: "range", min: low, max: high, step: (high - low) / 800 }),
      interval: element("span", { class: "interval" }),
      wide: element("span", { class: "interval wide" }),
      z: element("span", { class: "at-z", data: { term: "z" } }),
    };
    label(row.slider, used ? "slider_label" : "slider_label_unused", { name });
    row.slider.addEventListener("input", () => this.on_z(j, Number(row.slider.value)));
    const track = element(
      "span",
      { class: "track" },
      element("span", { class: "rail" }, this.posterior ? row.wide : null, this.posterior ? row.interval : null),
      row.slider,
    );
    const cells = [row.z];
    if (this.posterior) {
      row.mu = element("span", { class: "at-mu", data: { term: "mu" } });
      row.sigma = element("span", { class: "at-sigma", data: { term: "sigma" } });
      row.eps = element("input", { type: "number", step: "0.1", class: "at-eps", data: { term: "eps" } });
      label(row.eps, "eps_label", { name: name.replace("z", "ε") });
      row.eps.addEventListener("input", () => {
        const value = Number(row.eps.value);
        if (row.eps.value !== "" && Number.isFinite(value)) this.on_eps(j, value);
      });
      cells.push(row.mu, row.sigma, row.eps);
    }
    if (this.posterior && this.parted) {
      row.kl = element("span");
      row.bar = element("span", { class: "bar" });
      cells.push(element("span", { class: "at-kl", data: { term: "kl" } }, row.bar, row.kl));
    }
    this.rows.set(j, row);
    const made = element(
      "div",
      { class: used ? "latent" : "latent unused", role: "group" },
      element("span", { class: "name" }, element("i", { text: name })),
      track,
      ...cells,
    );
    label(made, used ? "latent_label" : "latent_label_unused", { name, kl: kl === undefined ? "–" : decimal(kl) });
    if (typeof kl === "number") hint(made.firstChild, "mean_kl", { kl: decimal(kl) });
    return made;
  }

  update({ z, mu, sigma, eps, kl }) {
    const largest = kl ? Math.max(3, ...kl) : 1;
    for (const [j, row] of this.rows) {
      const [low, high] = this.ranges[j];
      row.slider.value = z[j];
      row.slider.setAttribute("aria-valuetext", decimal(z[j]));
      write(row.z, decimal(z[j]));
      if (!this.posterior) continue;
      const share = (value) => (100 * (Math.min(high, Math.max(low, value)) - low)) / (high - low);
      for (const [place, k] of [
        [row.interval, 1],
        [row.wide, 2],
      ]) {
        const [from, to] = [share(mu[j] - k * sigma[j]), share(mu[j] + k * sigma[j])];
        place.style.left = `${from}%`;
        place.style.width = `${Math.max(0.8, to - from)}%`;
      }
      write(row.mu, decimal(mu[j]));
      write(row.sigma, decimal(sigma[j]));
      if (document.activeElement !== row.eps) row.eps.value = String(Number(eps[j].toFixed(2)));
      if (!this.parted) continue;
      write(row.kl, decimal(kl[j]));
      row.bar.style.width = `${(100 * kl[j]) / largest}%`;
    }
  }
}

function write(place, text) {
  if (place.textContent !== text) place.textContent = text;
}
