// The second stage of the VQ-VAE: a prior over maps of codes, by the gated PixelCNN of van den Oord et al. (2016);
// paper/models/pixelcnn.py in JavaScript.
//
// A code depends on the rows above it and on the codes to its left alone. So a map is walked once, place by place, and
// what the layers made of earlier places is kept: drawing a map costs as much as one pass over it.

import { sigmoid_of } from "./functional.js";
import { PLAIN, VQVAE, mean } from "./models.js";
import { ndtr } from "./normal.js";

/** A frozen VQ-VAE and the prior over its codes. */
export class CodesPrior extends VQVAE {
  traits = { ...PLAIN, posterior: false, closed_kl: false, learned_prior: true, codes: true };

  make_network() {
    const network = super.make_network(), [, h, w] = this.latent_shape, { codes, prior_layers } = this.options;
    this.pixelcnn = new GatedPixelCNN(this.parameters, "network.", { K: codes, layers: prior_layers, h, w });
    return network;
  }

  /** A map of codes for eps from N(0, I), h*w: each by the inverse of its distribution function at Phi(eps). */
  draw_codes(eps) {
    const codes = new Int32Array(eps.length);
    Array.from(this.draw_in_place(codes, eps));
    return codes;
  }

  /** Draws the codes of a map from a place on, and gives each place when it is drawn. */
  *draw_in_place(codes, eps, first = 0) {
    for (const { place, logits } of this.pixelcnn.walk(codes)) {
      if (place < first) continue;
      codes[place] = quantile(softmax(logits), ndtr(eps[place]));
      yield place;
    }
  }

  /** The probabilities of the K values at every place, each given the codes before it: h*w*K. */
  probabilities(codes) {
    const all = new Float64Array(codes.length * this.options.codes);
    for (const { place, logits } of this.pixelcnn.walk(codes)) all.set(softmax(logits), place * logits.length);
    return all;
  }

  /** log p(k) of one map, in nats. */
  log_prior(codes) {
    let total = 0;
    for (const { place, logits } of this.pixelcnn.walk(codes)) total += Math.log(softmax(logits)[codes[place]]);
    return total;
  }

  /** z_q of maps of codes that eps stands for, N*h*w. */
  prior(eps) {
    const [, h, w] = this.latent_shape, codes = new Int32Array(eps.length);
    for (let start = 0; start < eps.length; start += h * w) codes.set(this.draw_codes(eps.subarray(start, start + h * w)), start);
    return this.embed(codes);
  }

  /** -log p(k), which alone is learned, and its sum with -log p(x|k). */
  loss(x) {
    const [, h, w] = this.latent_shape, codes = this.codes(x), N = codes.length / (h * w);
    const costs = Array.from({ length: N }, (_, n) => -this.log_prior(codes.subarray(n * h * w, (n + 1) * h * w)));
    const loss = mean(costs), reconstruction = -mean(this.log_prob(this.decode(this.embed(codes)), x));
    return { loss, reconstruction, total: loss + reconstruction };
  }
}

/** The network: two stacks of features, `down` of the rows above, `across` of these and of the codes to the left. */
class GatedPixelCNN {
  constructor(parameters, prefix, { K, layers, h, w }) {
    Object.assign(this, { K, h, w });
    const of = (name) => convolution(parameters, `${prefix}${name}`);
    this.embedding = of("embedding");
    this.layers = Array.from({ length: layers }, (_, i) =>
      Object.fromEntries(["down", "across", "down_to_across", "out"].map((name) => [name, of(`layers.${i}.${name}`)])),
    );
    this.outputs = [of("outputs.1"), of("outputs.3")];
    this.channels = this.embedding.outputs;
  }

  /** The logits at place after place. Those at a place read the codes before it, which may be set as the walk goes. */
  *walk(codes) {
    const { w, h, layers } = this;
    const rows = layers.map(() => ({ down: [], across: [], above: [] })); // the last row given to down; of this one what is above, and what across was given
    for (let row = 0; row < h; row++) {
      this._go_down(rows, row ? codes.subarray((row - 1) * w, row * w) : null);
      for (let column = 0; column < w; column++) {
        const place = row * w + column;
        yield { place, logits: this._logits(rows, column, column ? codes[place - 1] : null) };
      }
    }
  }

  /** What each layer makes of the rows above, for a whole row; the first is given the codes of the row above. */
  _go_down(rows, codes) {
    const { w, channels, layers } = this, zeros = new Float64Array(channels);
    let now = Array.from({ length: w }, (_, column) => (codes ? this._embed(codes[column]) : zeros));
    layers.forEach(({ down }, i) => {
      const before = rows[i].down.length ? rows[i].down : now.map(() => zeros);
      const at = (row, column) => row[column] ?? zeros;
      rows[i].above = now.map((_, column) => {
        const sum = Float64Array.from(down.bias);
        for (let j = 0; j < 3; j++) {
          down.add(sum, at(before, column + j - 1), j);
          down.add(sum, at(now, column + j - 1), 3 + j);
        }
        return sum;
      });
      rows[i].down = now;
      now = rows[i].above.map(gate);
    });
  }

  _logits(rows, column, code) {
    const zeros = new Float64Array(this.channels);
    let features = code === null ? zeros : this._embed(code);
    this.layers.forEach(({ across, down_to_across, out }, i) => {
      const sum = plus(across.bias, down_to_across.bias);
      across.add(sum, column ? rows[i].across[column - 1] : zeros, 0);
      across.add(sum, features, 1);
      down_to_across.add(sum, rows[i].above[column], 0);
      rows[i].across[column] = features;
      const added = plus(out.bias, features);
      out.add(added, gate(sum), 0);
      features = added;
    });
    for (const layer of this.outputs) {
      const sum = Float64Array.from(layer.bias);
      layer.add(sum, features.map((value) => Math.max(value, 0)), 0);
      features = sum;
    }
    return features;
  }

  _embed(code) {
    const { taps: [tap], bias, inputs } = this.embedding, features = new Float64Array(bias.length);
    for (let o = 0; o < features.length; o++) features[o] = bias[o] + tap[o * inputs + code];
    return features;
  }
}

/** A convolution by its taps: the matrix outputs x inputs at each place of the kernel, row by row. */
function convolution(parameters, name) {
  const { data, shape: [outputs, inputs, height, width] } = parameters[`${name}.weight`], size = height * width;
  const taps = Array.from({ length: size }, (_, tap) => data.filter((_, i) => i % size === tap));
  const add = (sum, x, tap) => {
    const matrix = taps[tap];
    for (let o = 0, i = 0; o < outputs; o++) {
      let total = 0;
      for (let k = 0; k < inputs; k++, i++) total += matrix[i] * x[k];
      sum[o] += total;
    }
  };
  return { outputs, inputs, taps, bias: parameters[`${name}.bias`].data, add };
}

/** a + b, of one length, in double precision. */
function plus(a, b) {
  const total = new Float64Array(a.length);
  for (let i = 0; i < total.length; i++) total[i] = a[i] + b[i];
  return total;
}

/** tanh of one half of the channels, times sigmoid of the other (1606.05328, eq. 2). */
function gate(y) {
  const half = y.length / 2;
  return y.slice(0, half).map((a, k) => Math.tanh(a) * sigmoid_of(y[half + k]));
}

/** exp(l_k) / sum_j exp(l_j). */
function softmax(logits) {
  const largest = Math.max(...logits), weights = logits.map((l) => Math.exp(l - largest));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** The value at which the sum of the probabilities reaches u. */
export function quantile(p, u) {
  let below = p[0], k = 0;
  while (below < u && k < p.length - 1) below += p[++k];
  return k;
}
