// The page: reads its payload, makes a view of every run, and keeps language, theme and tabs.

import { CodesView } from "./codes.js";
import { choice, element, label, tell, translate } from "./dom.js";
import { InputCard } from "./input.js";
import { open_run } from "./run.js";
import { RungsCard } from "./rungs.js";
import { STRINGS, current_language, say, set_language } from "./strings.js";
import { TrainingTab } from "./training.js";
import { View } from "./view.js";

const FORMAT = 1;
const part = (name) => document.getElementById(name);

// What the reader chose last time; a page opened from a file may not be allowed to remember.
function remembered(name) {
  try {
    return localStorage.getItem(`vae-ladder-${name}`);
  } catch {
    return null;
  }
}

function remember(name, value) {
  try {
    localStorage.setItem(`vae-ladder-${name}`, value);
  } catch {
    // It holds until the page is closed.
  }
}

class Page {
  constructor(payload) {
    this.views = [];
    this.runs = payload.runs.map(open_run);
    this.training_data = payload.training ?? null;
    part("title").textContent = payload.title;
    this._switches();
    this._tabs();
    if (this.runs.length) this._explore();
    else this._open_tab("training");
    translate();
  }

  // Says a sentence to screen readers once the reader rests: numbers that follow a finger would never end.
  announce(what, values) {
    const [key, filled] = Array.isArray(what) ? what : [what, values];
    clearTimeout(this.saying);
    this.saying = setTimeout(() => tell(part("live"), key, filled), 500);
  }

  _switches() {
    const languages = choice(
      "language",
      [
        ["en", { text: "English", lang: "en" }],
        ["ko", { text: "한국어", lang: "ko" }],
      ],
      current_language(),
      (name) => {
        remember("language", name);
        set_language(name);
        translate();
        this.training?.recolour();
      },
    );
    const themes = choice(
      "theme",
      [
        ["auto", "theme_auto"],
        ["light", "theme_light"],
        ["dark", "theme_dark"],
      ],
      remembered("theme") ?? "auto",
      (name) => {
        remember("theme", name);
        this._theme(name);
      },
    );
    part("switches").append(languages, themes);
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.dark.addEventListener("change", () => this._theme(this.theme));
    this._theme(remembered("theme") ?? "auto");
  }

  _theme(name) {
    this.theme = name;
    document.documentElement.dataset.shade = name === "auto" ? (this.dark.matches ? "dark" : "light") : name;
    for (const view of this.views) view.recolour();
    this.training?.recolour();
  }

  _tabs() {
    const tabs = [...document.querySelectorAll("[role=tab]")];
    for (const tab of tabs) {
      tab.addEventListener("click", () => this._open_tab(tab.getAttribute("aria-controls")));
      tab.addEventListener("keydown", (event) => {
        if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
        const next = tabs[(tabs.indexOf(tab) + 1) % tabs.length];
        next.focus();
        next.click();
      });
    }
  }

  _open_tab(name) {
    for (const tab of document.querySelectorAll("[role=tab]")) {
      const is_open = tab.getAttribute("aria-controls") === name;
      tab.setAttribute("aria-selected", String(is_open));
      tab.tabIndex = is_open ? 0 : -1;
      part(tab.getAttribute("aria-controls")).hidden = !is_open;
    }
    if (name === "training" && !this.training) {
      this.training = new TrainingTab(this.training_data, (...words) => this.announce(...words));
      part("training").append(this.training.root);
      this.training.open();
    }
    if (name !== "training") this.training?.pause();
  }

  // The rungs of a climb share one map; other runs with images of one shape share what is drawn.
  _explore() {
    const { runs } = this;
    const text = (run) => JSON.stringify(run.description);
    const is_climb = runs.length > 1 && runs.every((run) => run.name === run.rung && text(run) === text(runs[0]));
    tell(
      part("lede"),
      is_climb ? "lede_rungs" : runs.length > 1 ? "lede_runs" : runs[0].model.traits.codes ? "lede_codes" : "lede",
    );
    if (is_climb) return this._climb();
    const groups = new Map();
    for (const run of runs) {
      const shape = run.model.image_shape.join("×");
      groups.set(shape, [...(groups.get(shape) ?? []), run]);
    }
    for (const group of groups.values())
      this._bench(
        group,
        group.map((run) => this._view(run)),
      );
  }

  _view(run, on_point) {
    const Kind = run.model.traits.codes ? CodesView : View;
    const view = new Kind(run, { announce: (...words) => this.announce(...words), on_point });
    this.views.push(view);
    return view;
  }

  _climb() {
    const rungs = new RungsCard(this.runs);
    const views = this.runs.map((run) => this._view(run, (view) => view.root.hidden || rungs.update(view.z, view.c)));
    const shown = views.length - 1; // the last one, which is rung 3 where it was trained
    const show = (k) => {
      views.forEach((view, m) => (view.root.hidden = m !== k));
      views[k].stage?.after(rungs.root);
    };
    const knob = choice(
      "rung_choice",
      this.runs.map((run, k) => [k, { text: run.rung }]),
      shown,
      (k) => {
        show(k);
        views[k].show();
        views[k].recolour();
      },
    );
    this._bench(
      this.runs.slice(-1),
      views,
      element("div", { class: "rung-choice" }, element("span", { say: "rung_choice" }), knob),
    );
    show(shown);
    // The shown one has the last word about the point.
    views[shown].show();
  }

  _bench(runs, views, extra = null) {
    const [first] = runs;
    const { model } = first;
    const masks = views.map((view) => view.model.mask).filter(Boolean);
    const input = new InputCard(
      {
        image_shape: model.image_shape,
        images: first.images,
        labels: first.labels,
        classes: first.classes,
        mask: masks[0] ?? null,
      },
      (x, number) => views.forEach((view) => view.set_input(x, number)),
    );
    const titled = views.length > 1 && !extra;
    const columns = element("div", { class: titled ? "views several" : "views" });
    if (extra) columns.append(extra);
    views.forEach((view) => {
      const { name, caption } = view.run;
      const head = element(
        "header",
        { class: "view-head" },
        element("h2", { text: caption || name }),
        element("p", { class: "caption", text: name }),
      );
      if (titled) view.root.prepend(head);
      columns.append(view.root);
    });
    const bench = element("div", { class: titled ? "bench shared" : "bench" }, input.root, columns);
    part("benches").append(bench);
    if (first.images.length) input.choose(0);
    else views.forEach((view) => view.set_input(new Float32Array(model.image_shape.reduce((a, b) => a * b, 1)), null));
    return bench;
  }
}

function fail(key, values = {}) {
  const place = part("broken");
  place.textContent = Object.values(STRINGS)
    .map((words) => {
      const fill = (name) => words[name].replace(/\{(\w+)\}/g, (all, value) => values[value] ?? all);
      return key === "failed" ? fill("failed") : words.broken.replace("{reason}", () => fill(key));
    })
    .join("\n");
  place.hidden = false;
  part("page").hidden = key !== "failed";
}

function read_payload() {
  const payload = JSON.parse(part("payload").textContent);
  if (payload.format !== FORMAT) return fail("broken_format", { format: String(payload.format) });
  if (!Array.isArray(payload.runs)) throw new RangeError("runs: expected a list");
  return payload;
}

function start() {
  if (!document.createElement("canvas").getContext("2d")) return fail("broken_canvas");
  const { language } = document.documentElement.dataset; // of the program that wrote the page
  const wanted = remembered("language") ?? language ?? (navigator.language?.startsWith("ko") ? "ko" : "en");
  set_language(wanted in STRINGS ? wanted : "en");
  try {
    const payload = read_payload();
    if (!payload) return;
    part("page").hidden = false; // before the views are made: canvases measure themselves
    window.page = new Page(payload);
    part("broken").hidden = true;
    document.documentElement.dataset.ready = "true";
  } catch (error) {
    fail("broken_payload");
    part("broken").dataset.reason = String(error?.stack ?? error);
    return;
  }
  const failed = (error) => fail("failed", { reason: String(error?.message ?? error) });
  window.addEventListener("error", (event) => failed(event.error ?? event.message));
  window.addEventListener("unhandledrejection", (event) => failed(event.reason));
}

start();
