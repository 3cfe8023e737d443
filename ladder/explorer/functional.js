// The operations of the VAE, each beside its adjoint: pure functions with the names and defaults of torch, and the
// order of numpy_impl/functional.py.
//
// `f_backward(dy, ...)` takes dL/dy, with y's shape, and gives dL/d(input) for each input of `f`. Images are NCHW,
// weights as in torch (transposed convolutions: IOHW). Losses are sums in nats.

import { array, correlate, correlate_weight, product, spread, transpose } from "./convolution.js";

/** y = x weight^T + bias, for x (N, I) and weight (O, I). */
export function linear(x, weight, bias) {
  const [N, I] = x.shape, [O] = weight.shape;
  check_shape("weight", weight, [O, I]);
  const y = array([N, O], product(x.data, weight.data, N, O, I));
  for (let n = 0, k = 0; n < N; n++) for (let o = 0; o < O; o++) y.data[k++] += bias.data[o];
  return y;
}

/** dx = dy weight, dweight = dy^T x, dbias = sum of dy over the batch. */
export function linear_backward(dy, x, weight) {
  const [N, I] = x.shape, [O] = weight.shape;
  check_shape("dy", dy, [N, O]);
  const dx = array([N, I], product(dy.data, transpose(weight.data, O, I), N, I, O));
  const dweight = array([O, I], product(transpose(dy.data, N, O), transpose(x.data, N, I), O, I, N));
  return [dx, dweight, sum_over_pixels(dy)];
}

/** y[n, o, p, q] = bias[o] + sum over c, i, j of weight[o, c, i, j] x[n, c, stride*p + i - padding, ...]. */
export function conv2d(x, weight, bias, { stride = 1, padding = 0 } = {}) {
  check_shape("weight", weight, [bias.shape[0], x.shape[1], weight.shape[2], weight.shape[2]]);
  return add_bias(correlate(x, weight, stride, padding), bias);
}

/** dx is a transposed convolution of dy; dweight sums x times dy over all pixels; dbias sums dy. */
export function conv2d_backward(dy, x, weight, { stride = 1, padding = 0 } = {}) {
  const dx = spread(dy, weight, x.shape.slice(2), stride, padding);
  return [dx, ...conv2d_parameters_backward(dy, x, weight, { stride, padding })];
}

/** `conv2d_backward` without dx, for a first layer, whose input, the data, needs no gradient. */
export function conv2d_parameters_backward(dy, x, weight, { stride = 1, padding = 0 } = {}) {
  return [correlate_weight(x, dy, weight.shape[2], stride, padding), sum_over_pixels(dy)];
}

/** The adjoint of `conv2d` in x: <conv2d(a, weight), x> = <a, conv_transpose2d(x, weight)>; plus bias. */
export function conv_transpose2d(x, weight, bias, { stride = 1, padding = 0, output_padding = 0 } = {}) {
  check_shape("weight", weight, [x.shape[1], bias.shape[0], weight.shape[2], weight.shape[2]]);
  const size = x.shape.slice(2).map((n) => (n - 1) * stride - 2 * padding + weight.shape[2] + output_padding);
  return add_bias(spread(x, weight, size, stride, padding), bias);
}

/** dx is the convolution of dy; dweight is conv2d's with the parts of x and dy exchanged; dbias sums dy. */
export function conv_transpose2d_backward(dy, x, weight, { stride = 1, padding = 0 } = {}) {
  const dx = correlate(dy, weight, stride, padding);
  return [dx, correlate_weight(dy, x, weight.shape[2], stride, padding), sum_over_pixels(dy)];
}

/** max(x, 0). */
export function relu(x) {
  const y = array(x.shape);
  for (let i = 0; i < y.data.length; i++) y.data[i] = x.data[i] > 0 ? x.data[i] : 0;
  return y;
}

/** dx = dy where x > 0, else 0. Since relu(x) > 0 exactly where x > 0, x may also be `relu`'s output. */
export function relu_backward(dy, x) {
  const dx = array(dy.shape);
  for (let i = 0; i < dx.data.length; i++) dx.data[i] = x.data[i] > 0 ? dy.data[i] : 0;
  return dx;
}

/** The hyperbolic tangent. */
export function tanh(x) {
  return map(Math.tanh, x);
}

/** dx = dy (1 - y^2) with y = tanh(x), `tanh`'s output. */
export function tanh_backward(dy, y) {
  const dx = array(dy.shape);
  for (let i = 0; i < dx.data.length; i++) dx.data[i] = dy.data[i] * (1 - y.data[i] * y.data[i]);
  return dx;
}

/** 1 / (1 + exp(-x)), in a form in which exp cannot overflow and small values keep their digits. */
export function sigmoid(x) {
  return map(sigmoid_of, x);
}

/** dx = dy s (1 - s) with s = sigmoid(x); 1 - s is computed as sigmoid(-x), which keeps its digits. */
export function sigmoid_backward(dy, x) {
  return map((d, value) => d * sigmoid_of(value) * sigmoid_of(-value), dy, x);
}

/** The sigmoid of one number. */
export function sigmoid_of(value) {
  const e = Math.exp(-Math.abs(value));
  return (value >= 0 ? 1 : e) / (1 + e);
}

/** -log Bernoulli(target; sigmoid(logits)) = max(l, 0) - l t + log(1 + exp(-|l|)), summed; targets in [0, 1]. */
export function binary_cross_entropy_with_logits(logits, target) {
  return sum((l, t) => Math.max(l, 0) - l * t + Math.log1p(Math.exp(-Math.abs(l))), logits, target);
}

/** dlogits = dy (sigmoid(logits) - target). */
export function binary_cross_entropy_with_logits_backward(dy, logits, target) {
  return map((l, t) => dy * (sigmoid_of(l) - t), logits, target);
}

/** -log Normal(target; mean, var) = ((target - mean)^2 / var + log(2 pi var)) / 2, summed, constant included. */
export function gaussian_nll_loss(mean, target, variance) {
  const constant = Math.log(2 * Math.PI * variance);
  return sum((m, t) => ((t - m) ** 2 / variance + constant) / 2, mean, target);
}

/** dmean = dy (mean - target) / var. */
export function gaussian_nll_loss_backward(dy, mean, target, variance) {
  return map((m, t) => (dy * (m - t)) / variance, mean, target);
}

/** a + b. */
export function add(a, b) {
  const sums = array(a.shape);
  for (let i = 0; i < sums.data.length; i++) sums.data[i] = a.data[i] + b.data[i];
  return sums;
}

/**
 * f of every entry; of two arrays of one shape, of their entries in pairs.
 *
 * The operations that run most often have loops of their own: a browser compiles f into those, but not into this one.
 */
export function map(f, a, b = null) {
  const result = array(a.shape);
  if (b === null) for (let i = 0; i < a.data.length; i++) result.data[i] = f(a.data[i]);
  else for (let i = 0; i < a.data.length; i++) result.data[i] = f(a.data[i], b.data[i]);
  return result;
}

/** The sum of f over the entries of two arrays of one shape, in double precision. */
export function sum(f, a, b) {
  let total = 0;
  for (let i = 0; i < a.data.length; i++) total += f(a.data[i], b.data[i]);
  return total;
}

/** The same entries in another shape, whose first size follows from the others. */
export function reshape(x, ...shape) {
  return array([x.data.length / shape.reduce((a, b) => a * b, 1), ...shape], x.data);
}

/** Throws RangeError unless an array has this shape. */
export function check_shape(name, x, shape) {
  if (x.shape.length !== shape.length || x.shape.some((size, i) => size !== shape[i])) {
    throw new RangeError(`${name}: expected shape ${shape.join("×")}, got ${x.shape.join("×")}`);
  }
}

function add_bias(y, bias) {
  const [N, O, H, W] = y.shape;
  for (let n = 0, k = 0; n < N; n++) for (let o = 0; o < O; o++) for (let i = 0; i < H * W; i++) y.data[k++] += bias.data[o];
  return y;
}

/** dy (N, O, ...) summed over everything but O. */
function sum_over_pixels(dy) {
  const [N, O] = dy.shape, pixels = dy.data.length / (N * O), sums = new Float64Array(O);
  for (let n = 0, k = 0; n < N; n++) for (let o = 0; o < O; o++) for (let i = 0; i < pixels; i++) sums[o] += dy.data[k++];
  return array([O], Float32Array.from(sums));
}
