// What is encoded: a drawing, a test image, or a picture file.

import { DrawingPad, paint_image, read_picture } from "./canvas.js";
import { button, choice, element, hint, label, tell, tick } from "./dom.js";

export class InputCard {
  // `on_input(x, label)` is called with every new image; the label is null where it is unknown.
  constructor({ image_shape, images, labels, classes, mask = null }, on_input) {
    Object.assign(this, { image_shape, images, labels, classes, mask, on_input });
    const [, height, width] = image_shape;
    this.canvas = element("canvas", { tabindex: "0", role: "application", label: "pad_label", class: "pixels pad" });
    this.cursor = element("span", { class: "cursor", hidden: true });
    this.frame = element("div", { class: "frame" }, this.canvas, this.cursor);
    this.frame.style.aspectRatio = `${width} / ${height}`;
    this.caption = element("p", { class: "caption" });
    this.pad = new DrawingPad(
      this.canvas,
      image_shape,
      (x) => this._drawn(x),
      () => this._show_cursor(),
    );
    this.root = element(
      "section",
      { class: "card input" },
      element("h2", {}, element("span", { say: "input_title" }), " ", element("i", { text: "x" })),
      element("p", { class: "hint", say: "input_hint" }),
      this.frame,
      this.caption,
      this._tools(),
      this._gallery(),
    );
    if (mask) this._show_mask();
  }

  _tools() {
    const { pad } = this;
    const tool = choice(
      "tool",
      [
        [false, "pen"],
        [true, "eraser"],
      ],
      false,
      (erasing) => (pad.erasing = erasing),
    );
    this.tool = tool;
    const clear = button("clear", () => pad.clear());
    const row = element("div", { class: "tools" }, tool, clear);
    if (this.image_shape[0] === 3) {
      const colour = element("input", { type: "color", value: "#ffffff", label: "pen_colour" });
      colour.addEventListener("input", () => (pad.colour = colour.value));
      row.append(colour);
    }
    const centred = tick("centred", false, (on) => {
      pad.centred = on;
      if (pad.is_drawing) this._drawn(pad.read());
    });
    hint(centred, "centred_hint");
    const file = element("input", { type: "file", accept: "image/*", class: "visually-hidden", label: "open_file" });
    file.addEventListener("change", () => file.files[0] && this._open(file.files[0]).finally(() => (file.value = "")));
    this.frame.addEventListener("dragover", (event) => event.preventDefault());
    this.frame.addEventListener("drop", (event) => {
      event.preventDefault();
      if (event.dataTransfer.files[0]) this._open(event.dataTransfer.files[0]);
    });
    return element(
      "div",
      {},
      row,
      element(
        "div",
        { class: "tools" },
        element("label", { class: "file" }, file, element("span", { say: "open_file" })),
        centred,
      ),
    );
  }

  _gallery() {
    this.thumbs = this.images.map((x, k) => {
      const canvas = element("canvas", { "aria-hidden": "true" });
      paint_image(canvas, x, this.image_shape);
      const name = this._class_name(this.labels?.[k]);
      const thumb = element(
        "button",
        { type: "button", tabindex: k ? "-1" : "0", "aria-pressed": "false", on: { click: () => this.choose(k) } },
        canvas,
      );
      if (name === null) label(thumb, "test_image", { number: k + 1 });
      else label(thumb, "test_image_class", { number: k + 1, name });
      return thumb;
    });
    const list = element("div", { class: "gallery", role: "group", label: "test_images" }, ...this.thumbs);
    // One stop for the tab key, arrows within.
    list.addEventListener("keydown", (event) => {
      const at = this.thumbs.indexOf(document.activeElement);
      const columns = Math.max(1, Math.round(list.clientWidth / (this.thumbs[0]?.offsetWidth || 1)));
      const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
      const next = this.thumbs[at + step];
      if (!step || !next) return;
      event.preventDefault();
      this._reach(next);
      next.focus();
    });
    return element("div", { class: "shelf" }, element("h3", { say: "test_images" }), list);
  }

  _reach(thumb) {
    for (const one of this.thumbs) one.tabIndex = one === thumb ? 0 : -1;
  }

  _class_name(number) {
    return this.classes[number] ?? null; // data of one's own may have no classes
  }

  // Takes a test image.
  choose(k) {
    this._press(this.thumbs[k]);
    this._reach(this.thumbs[k]);
    this.pad.put(this.images[k]);
    const number = this.labels?.[k] ?? null;
    const name = this._class_name(number);
    if (name === null) tell(this.caption, "caption_test", { number: k + 1 });
    else tell(this.caption, "caption_test_class", { number: k + 1, name });
    this._show(this.images[k], number);
  }

  _press(thumb) {
    for (const one of this.thumbs) one.setAttribute("aria-pressed", String(one === thumb));
  }

  _drawn(x) {
    this._press(null);
    if (this.caption.dataset.say !== "caption_drawn") tell(this.caption, "caption_drawn");
    this._show(x, null);
  }

  async _open(file) {
    try {
      const edge = this.images.slice(0, 20).reduce((sum, x) => sum + x[0] + x[this.image_shape[2] - 1], 0);
      const { pixels, turned } = await read_picture(file, this.image_shape, edge < 10);
      this.pad.put(pixels);
      this._press(null);
      tell(this.caption, turned ? "caption_file_turned" : "caption_file", { name: file.name });
      this._show(pixels, null);
    } catch {
      tell(this.caption, "caption_no_picture", { name: file.name });
    }
  }

  _show(x, number) {
    this.x = x;
    paint_image(this.canvas, x, this.image_shape);
    this._show_cursor();
    this.on_input(x, number);
  }

  _show_cursor() {
    const { cursor, down } = this.pad;
    this.cursor.hidden = !cursor;
    if (!cursor) return;
    const [, height, width] = this.image_shape;
    this.cursor.classList.toggle("down", down);
    this.cursor.style.cssText = `left:${(100 * cursor[0]) / width}%;top:${(100 * cursor[1]) / height}%;width:${100 / width}%;height:${100 / height}%`;
  }

  // Veils the part that a completion is not given.
  _show_mask() {
    const [, height, width] = this.image_shape;
    const veil = element("canvas", { class: "veil", "aria-hidden": "true", width, height });
    const context = veil.getContext("2d");
    for (let i = 0; i < height * width; i++) {
      if (!this.mask[i]) context.fillRect(i % width, Math.floor(i / width), 1, 1);
    }
    this.frame.append(veil);
  }
}
