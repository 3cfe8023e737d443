// Pictures on canvases: pixels shown as they are, as ink on the page, and drawn by mouse, pen, finger or keys.

export const STROKE = 2.3 / 28; // thickness of a stroke, as a share of the image's height: that of MNIST's digits
const FINE = 280; // a stroke is drawn on a canvas of about so many pixels a side, and at least twice as fine, then averaged

// Shows an image (C, H, W) in [0, 1] pixel by pixel; values outside are clipped.
export function paint_image(canvas, pixels, [channels, height, width]) {
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d").putImageData(image_data(pixels, [channels, height, width]), 0, 0);
}

// The same as ImageData.
export function image_data(pixels, [channels, height, width]) {
  const picture = new ImageData(width, height);
  const area = height * width;
  for (let i = 0; i < area; i++) {
    for (let k = 0; k < 3; k++) picture.data[4 * i + k] = Math.round(255 * pixels[(channels === 3 ? k * area : 0) + i]);
    picture.data[4 * i + 3] = 255;
  }
  return picture;
}

// A grey image as ink: white pixels are the colour [r, g, b], black ones let the page through.
export function ink_data(pixels, [channels, height, width], [r, g, b]) {
  if (channels === 3) return image_data(pixels, [channels, height, width]);
  const picture = new ImageData(width, height);
  for (let i = 0; i < height * width; i++) picture.data.set([r, g, b, Math.round(255 * pixels[i])], 4 * i);
  return picture;
}

// The difference of two images: red where the first is lighter, blue where it is darker, scaled so that `full` is full.
export function paint_difference(canvas, a, b, [channels, height, width], full) {
  [canvas.width, canvas.height] = [width, height];
  const picture = new ImageData(width, height);
  const area = height * width;
  for (let i = 0; i < area; i++) {
    let d = 0;
    for (let k = 0; k < channels; k++) d += (a[k * area + i] - b[k * area + i]) / channels;
    const share = full > 0 ? Math.min(1, Math.abs(d) / full) : 0;
    const [r, g, blue] = d > 0 ? [213, 94, 0] : [0, 114, 178];
    picture.data.set([r, g, blue, Math.round(255 * share)], 4 * i);
  }
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

// Makes the canvas as fine as the screen; returns its context, scaled to CSS pixels, and its size in these.
export function fit_canvas(canvas) {
  const ratio = Math.min(3, window.devicePixelRatio || 1);
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { context, width, height };
}

// The page's colours at present, as CSS text, by the names of style.css.
export function page_colours(...names) {
  const style = getComputedStyle(document.documentElement);
  return names.map((name) => style.getPropertyValue(`--${name}`).trim());
}

// #rrggbb -> [r, g, b]
export function rgb(colour) {
  return [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
}

// Where a pointer is on an element, from 0 to 1 across and down.
export function place_of(event, element) {
  const box = element.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

function blank(width, height) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  return canvas;
}

// An image that is drawn on: strokes are antialiased, and any image can be its ground.
export class DrawingPad {
  constructor(canvas, [channels, height, width], on_change, on_cursor) {
    Object.assign(this, { canvas, channels, height, width, on_change, on_cursor });
    this.scale = Math.max(2, Math.min(10, Math.round(FINE / Math.max(height, width))));
    this.fine = blank(width * this.scale, height * this.scale);
    this.context = this.fine.getContext("2d", { willReadFrequently: true });
    this.small = blank(width, height);
    this.colour = "#ffffff";
    this.erasing = false;
    this.centred = false;
    this.cursor = null; // the pixel where the keys are, [column, row]
    this.down = false;
    this.last = null;
    this.clear(false);
    this._listen();
  }

  // Everything black.
  clear(tell = true) {
    this.context.globalCompositeOperation = "source-over";
    this.context.fillStyle = "#000000";
    this.context.fillRect(0, 0, this.fine.width, this.fine.height);
    this.is_drawing = false;
    if (tell) this.on_change(this.read());
  }

  // Takes an image as the ground; later strokes change it.
  put(pixels) {
    this.small.getContext("2d").putImageData(image_data(pixels, [this.channels, this.height, this.width]), 0, 0);
    this.context.imageSmoothingEnabled = false;
    this.context.drawImage(this.small, 0, 0, this.fine.width, this.fine.height);
    this.is_drawing = false;
  }

  // The image as (C, H, W) in [0, 1]: each pixel is the mean of its part of the fine canvas.
  read() {
    const pixels = this._average(this.fine);
    return this.centred && this.is_drawing ? this._average(this._centre(pixels)) : pixels;
  }

  _average(canvas) {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const { channels, height, width, scale } = this;
    const pixels = new Float32Array(channels * height * width);
    for (let row = 0; row < height * scale; row++) {
      for (let column = 0; column < width * scale; column++) {
        const from = 4 * (row * width * scale + column);
        const to = Math.floor(row / scale) * width + Math.floor(column / scale);
        for (let k = 0; k < channels; k++) pixels[k * height * width + to] += data[from + k];
      }
    }
    return pixels.map((sum) => sum / (255 * scale * scale));
  }

  // The fine canvas, moved so that its centre of mass is the image's centre, as in MNIST.
  _centre(pixels) {
    let [mass, across, down] = [0, 0, 0];
    const area = this.height * this.width;
    for (let i = 0; i < pixels.length; i++) {
      mass += pixels[i];
      across += pixels[i] * ((i % this.width) + 0.5);
      down += pixels[i] * (Math.floor((i % area) / this.width) + 0.5);
    }
    if (mass === 0) return this.fine;
    const moved = blank(this.fine.width, this.fine.height);
    const context = moved.getContext("2d", { willReadFrequently: true });
    context.fillRect(0, 0, moved.width, moved.height);
    context.drawImage(
      this.fine,
      Math.round((this.width / 2 - across / mass) * this.scale),
      Math.round((this.height / 2 - down / mass) * this.scale),
    );
    return moved;
  }

  // A stroke from the last place to this one, both from 0 to 1.
  stroke(u, v, pressure = 1) {
    const { context, fine } = this;
    const [x, y] = [u * fine.width, v * fine.height];
    const [x0, y0] = this.last ?? [x, y];
    context.strokeStyle = this.erasing ? "#000000" : this.colour;
    context.lineWidth = (this.erasing ? 2.2 : 1) * STROKE * fine.height * pressure;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(x0, y0);
    context.lineTo(x + (x === x0 && y === y0 ? 0.01 : 0), y); // a point is a line of no length, which some do not draw
    context.stroke();
    this.last = [x, y];
    this.is_drawing = true;
  }

  _listen() {
    const { canvas } = this;
    const draw = (event) => {
      // A pen presses harder or softer; a mouse has no pressure, a finger none to speak of.
      const pressure = event.pointerType === "pen" && event.pressure ? 0.6 + 0.8 * event.pressure : 1;
      this.stroke(...place_of(event, canvas), pressure);
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.cursor = null;
      this.last = null;
      this.active = event.pointerId;
      draw(event);
      this.on_change(this.read());
    });
    canvas.addEventListener("pointermove", (event) => {
      if (this.active !== event.pointerId) return;
      for (const part of event.getCoalescedEvents?.() ?? [event]) draw(part);
      this.on_change(this.read());
    });
    for (const kind of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(kind, (event) => {
        if (this.active !== event.pointerId) return;
        this.active = this.last = null;
        this.on_change(this.read());
      });
    }
    canvas.addEventListener("keydown", (event) => this._key(event));
    canvas.addEventListener("blur", () => this._leave());
  }

  // Arrows move a cursor, space puts the pen down or lifts it, Delete clears.
  _key(event) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (step) {
      const [column, row] = this.cursor ?? [Math.floor(this.width / 2), Math.floor(this.height / 2)];
      this.cursor = [
        Math.min(this.width - 1, Math.max(0, column + step[0])),
        Math.min(this.height - 1, Math.max(0, row + step[1])),
      ];
      if (this.down) this._stroke_at_cursor();
      else this.on_cursor();
    } else if (event.key === " ") {
      this.cursor ??= [Math.floor(this.width / 2), Math.floor(this.height / 2)];
      this.down = !this.down;
      this.last = null;
      if (this.down) this._stroke_at_cursor();
      else this.on_cursor();
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.clear();
    } else {
      return;
    }
    event.preventDefault();
  }

  _stroke_at_cursor() {
    this.stroke((this.cursor[0] + 0.5) / this.width, (this.cursor[1] + 0.5) / this.height);
    this.on_change(this.read());
    this.on_cursor();
  }

  _leave() {
    if (!this.cursor) return;
    this.cursor = this.last = null;
    this.down = false;
    this.on_cursor();
  }
}

// A picture file as (C, H, W) in [0, 1], as large as fits and in the middle. Grey is ITU-R BT.601's mix of the colours.
// Dark strokes on white paper are turned over where `dark_ground` says that the images have a dark ground.
export async function read_picture(file, [channels, height, width], dark_ground) {
  const bitmap = await createImageBitmap(file);
  const canvas = blank(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const scale = Math.min(width / bitmap.width, height / bitmap.height);
  const [w, h] = [bitmap.width * scale, bitmap.height * scale];
  const border = sample_border(bitmap);
  const turn = channels === 1 && dark_ground && border > 0.6;
  context.fillStyle = turn ? "#ffffff" : "#000000";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(shrink(bitmap, w, h), (width - w) / 2, (height - h) / 2, w, h);
  const { data } = context.getImageData(0, 0, width, height);
  const pixels = new Float32Array(channels * height * width);
  for (let i = 0; i < height * width; i++) {
    const [r, g, b] = [data[4 * i] / 255, data[4 * i + 1] / 255, data[4 * i + 2] / 255];
    if (channels === 3) [r, g, b].forEach((value, k) => (pixels[k * height * width + i] = value));
    else pixels[i] = turn ? 1 - grey(r, g, b) : grey(r, g, b);
  }
  return { pixels, turned: turn };
}

function grey(r, g, b) {
  return 0.299 * r + 0.587 * g + 0.114 * b;
}

// Halves a picture until it is at most twice the wanted size: one large step would skip most of its pixels.
function shrink(picture, width, height) {
  while (picture.width > 2 * width && picture.height > 2 * height) {
    const half = blank(Math.ceil(picture.width / 2), Math.ceil(picture.height / 2));
    half.getContext("2d").drawImage(picture, 0, 0, half.width, half.height);
    picture = half;
  }
  return picture;
}

// The mean grey of a picture's edge.
function sample_border(bitmap) {
  const canvas = blank(16, 16);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0, 16, 16);
  const { data } = context.getImageData(0, 0, 16, 16);
  let [sum, count] = [0, 0];
  for (let i = 0; i < 256; i++) {
    const edge = i < 16 || i >= 240 || i % 16 === 0 || i % 16 === 15;
    if (edge) [sum, count] = [sum + grey(data[4 * i], data[4 * i + 1], data[4 * i + 2]) / 255, count + 1];
  }
  return sum / count;
}
