// Reconstruction and KL by step, each in a panel of its own, as a training goes on.

import { fit_canvas, page_colours } from "./canvas.js";
import { decimal } from "./dom.js";
import { current_language, say } from "./strings.js";

const MOST = 600; // values kept of each curve; then neighbours are joined

export class Curves {
  constructor(canvas) {
    this.canvas = canvas;
    this.clear();
  }

  clear() {
    this.curves = { reconstruction: [], kl: [] };
    this.width = 1; // steps in a value
    this.open = { reconstruction: 0, kl: 0, count: 0 };
    this.last = null;
  }

  add(parts) {
    for (const name of ["reconstruction", "kl"]) this.open[name] += parts[name];
    this.open.count++;
    this.last = parts;
    if (this.open.count < this.width) return;
    for (const name of ["reconstruction", "kl"]) this.curves[name].push(this.open[name] / this.open.count);
    this.open = { reconstruction: 0, kl: 0, count: 0 };
    if (this.curves.kl.length < MOST) return;
    this.width *= 2;
    for (const name of ["reconstruction", "kl"]) {
      const old = this.curves[name];
      this.curves[name] = Array.from({ length: old.length / 2 }, (_, k) => (old[2 * k] + old[2 * k + 1]) / 2);
    }
  }

  draw() {
    const { context, width, height } = fit_canvas(this.canvas);
    if (!width) return;
    context.clearRect(0, 0, width, height);
    const middle = height / 2;
    this._panel(context, "reconstruction", "#d55e00", [0, 0, width, middle - 6]);
    this._panel(context, "kl", current_shade() === "dark" ? "#56b4e9" : "#0072b2", [0, middle + 6, width, middle - 6]);
  }

  _panel(context, name, colour, [x, y, width, height]) {
    const [ink, muted, rule] = page_colours("ink", "muted", "rule");
    const values = this.curves[name];
    const [left, right, top, bottom] = [x + 46, x + width - 8, y + 20, y + height - 16];
    context.font = `600 12px ${current_language() === "ko" ? "sans-serif" : "system-ui, sans-serif"}`;
    context.textAlign = "left";
    context.fillStyle = colour;
    context.fillText(say(`curve_${name}`), left, y + 12);
    context.fillStyle = ink;
    context.textAlign = "right";
    if (this.last) context.fillText(decimal(this.last[name], 2), right, y + 12);
    context.strokeStyle = rule;
    context.lineWidth = 1;
    context.strokeRect(left + 0.5, top + 0.5, right - left, bottom - top);
    if (values.length < 2) return;
    // The first steps are so high that they would flatten all the others.
    const shown = Float64Array.from(values.length > 40 ? values.slice(Math.floor(values.length / 20)) : values).sort();
    const [low, high] = [Math.min(name === "kl" ? 0 : Infinity, shown[0]), shown[shown.length - 1]];
    const span = high - low || 1;
    context.font = "11px system-ui, sans-serif";
    context.fillStyle = muted;
    const digits = span < 5 ? 1 : 0;
    context.fillText(decimal(high, digits), left - 6, top + 8);
    context.fillText(decimal(low, digits), left - 6, bottom);
    context.fillText(String(values.length * this.width), right, bottom + 13);
    context.textAlign = "left";
    context.fillText("0", left, bottom + 13);
    context.save();
    context.beginPath();
    context.rect(left, top, right - left, bottom - top);
    context.clip();
    context.beginPath();
    values.forEach((value, k) => {
      const place = [
        left + ((right - left) * k) / (values.length - 1),
        bottom - 3 - ((bottom - top - 6) * (value - low)) / span,
      ];
      context[k ? "lineTo" : "moveTo"](...place);
    });
    context.strokeStyle = colour;
    context.lineWidth = 1.6;
    context.stroke();
    context.restore();
  }
}

function current_shade() {
  return document.documentElement.dataset.shade;
}
