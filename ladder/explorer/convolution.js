// The convolution as one trilinear form, and its three partial derivatives; numpy_impl/convolution.py in JavaScript.
//
//     T(x, w, y) = sum  x[n, c, s*p + i - pad, s*q + j - pad] * w[o, c, i, j] * y[n, o, p, q]
//
// T is linear in each of its three arguments, so leaving one out gives the gradient with respect to it:
//
//     leave out y: `correlate(x, w)`         the convolution                its shape is y's
//     leave out x: `spread(y, w)`            the transposed convolution     its shape is x's
//     leave out w: `correlate_weight(x, y)`  the gradient of the kernel     its shape is w's
//
// An array is { data, shape }: a Float32Array in the order of its indices, the last one fastest. Images are NCHW.
// Kernels are square, and strides and paddings are the same along both axes, as all convolutions here have them.

/** An array of a shape; zeros where no entries are given. */
export function array(shape, data = new Float32Array(count(shape))) {
  if (data.length !== count(shape)) throw new RangeError(`array: expected ${shape.join("×")} numbers, got ${data.length}`);
  return { data, shape };
}

/** The number of entries of a shape. */
export function count(shape) {
  return shape.reduce((product, size) => product * size, 1);
}

/**
 * c[m, n] = sum over k of a[m, k] b[n, k], for the M rows of a and the N rows of b.
 *
 * Sums are taken in double precision and in the order of k, two rows of a by four of b at a time: eight sums share the
 * six numbers that they read. Where rows are left over, the last block reaches back over rows that are done already.
 */
export function product(a, b, M, N, K, c = new Float32Array(M * N)) {
  if (N < 4) {
    for (let m = 0; m < M; m++) for (let n = 0; n < N; n++) c[m * N + n] = dot(a, m * K, b, n * K, K);
    return c;
  }
  for (let block = 0; block < N; block += 4) {
    const n = Math.min(block, N - 4);
    if (M === 1) one_by_four(a, b, n, K, c);
    else for (let m = 0; m < M; m += 2) two_by_four(a, b, Math.min(m, M - 2), n, N, K, c);
  }
  return c;
}

function dot(a, i, b, j, K) {
  let sum = 0;
  for (let k = 0; k < K; k++) sum += a[i + k] * b[j + k];
  return sum;
}

function one_by_four(a, b, n, K, c) {
  let c0 = 0, c1 = 0, c2 = 0, c3 = 0;
  const b0 = n * K, b1 = b0 + K, b2 = b1 + K, b3 = b2 + K;
  for (let k = 0; k < K; k++) {
    const value = a[k];
    c0 += value * b[b0 + k];
    c1 += value * b[b1 + k];
    c2 += value * b[b2 + k];
    c3 += value * b[b3 + k];
  }
  c[n] = c0, c[n + 1] = c1, c[n + 2] = c2, c[n + 3] = c3;
}

function two_by_four(a, b, m, n, N, K, c) {
  let c00 = 0, c01 = 0, c02 = 0, c03 = 0, c10 = 0, c11 = 0, c12 = 0, c13 = 0;
  const a0 = m * K, a1 = a0 + K, b0 = n * K, b1 = b0 + K, b2 = b1 + K, b3 = b2 + K;
  for (let k = 0; k < K; k++) {
    const one = a[a0 + k], two = a[a1 + k];
    const v0 = b[b0 + k], v1 = b[b1 + k], v2 = b[b2 + k], v3 = b[b3 + k];
    c00 += one * v0, c01 += one * v1, c02 += one * v2, c03 += one * v3;
    c10 += two * v0, c11 += two * v1, c12 += two * v2, c13 += two * v3;
  }
  const i = m * N + n, j = i + N;
  c[i] = c00, c[i + 1] = c01, c[i + 2] = c02, c[i + 3] = c03;
  c[j] = c10, c[j + 1] = c11, c[j + 2] = c12, c[j + 3] = c13;
}

/** The transpose of a matrix of R rows and C columns. */
export function transpose(matrix, R, C) {
  const turned = new Float32Array(R * C);
  for (let r = 0; r < R; r++) for (let c = 0; c < C; c++) turned[c * R + r] = matrix[r * C + c];
  return turned;
}

/** y[n, o, p, q] = sum over c, i, j of w[o, c, i, j] x[n, c, s*p + i - pad, s*q + j - pad]. */
export function correlate(x, w, stride, padding) {
  const [N, C, H, W] = x.shape, [O, , K] = w.shape;
  const OH = output_size(H, K, stride, padding), OW = output_size(W, K, stride, padding);
  const y = array([N, O, OH, OW]);
  for (let n = 0; n < N; n++) {
    const rows = patches(image(x, n), [C, H, W], K, stride, padding, OH, OW);
    product(w.data, rows, O, OH * OW, C * K * K, image(y, n));
  }
  return y;
}

/** x[n, c, s*p + i - pad, s*q + j - pad] = sum over o and every (i, p), (j, q) that meet there of w[o, c, i, j] y[n, o, p, q]. */
export function spread(y, w, [H, W], stride, padding) {
  const [N, O, OH, OW] = y.shape, [, C, K] = w.shape;
  const x = array([N, C, H, W]);
  const kernel = transpose(w.data, O, C * K * K);
  for (let n = 0; n < N; n++) {
    const pixels = transpose(image(y, n), O, OH * OW);
    const rows = product(pixels, kernel, OH * OW, C * K * K, O);
    add_patches(rows, image(x, n), [C, H, W], K, stride, padding, OH, OW);
  }
  return x;
}

/** w[o, c, i, j] = sum over n, p, q of y[n, o, p, q] x[n, c, s*p + i - pad, s*q + j - pad]. */
export function correlate_weight(x, y, K, stride, padding) {
  const [N, C, H, W] = x.shape, [, O, OH, OW] = y.shape;
  const w = array([O, C, K, K]);
  for (let n = 0; n < N; n++) {
    const rows = patches(image(x, n), [C, H, W], K, stride, padding, OH, OW);
    const part = product(image(y, n), transpose(rows, OH * OW, C * K * K), O, C * K * K, OH * OW);
    for (let i = 0; i < part.length; i++) w.data[i] += part[i];
  }
  return w;
}

/** The size of a convolution's output along one axis. */
export function output_size(size, K, stride, padding) {
  return Math.floor((size + 2 * padding - K) / stride) + 1;
}

/** The entries of the n-th image of a batch. */
function image(x, n) {
  const size = x.data.length / x.shape[0];
  return x.data.subarray(n * size, (n + 1) * size);
}

/** A row for every output pixel (p, q): the numbers x[c, s*p + i - pad, s*q + j - pad] that it sums over, 0 outside x. */
function patches(x, shape, K, stride, padding, OH, OW) {
  const rows = new Float32Array(OH * OW * shape[0] * K * K);
  each_run(shape, K, stride, padding, OH, OW, (row, pixel, length) => {
    for (let j = 0; j < length; j++) rows[row + j] = x[pixel + j];
  });
  return rows;
}

/** The adjoint of `patches`: each number of a row is added to the pixel that it was read from. */
function add_patches(rows, x, shape, K, stride, padding, OH, OW) {
  each_run(shape, K, stride, padding, OH, OW, (row, pixel, length) => {
    for (let j = 0; j < length; j++) x[pixel + j] += rows[row + j];
  });
}

/** Calls `visit(row, pixel, length)` for every run of neighbouring numbers that a patch and an image have in common. */
function each_run([C, H, W], K, stride, padding, OH, OW, visit) {
  for (let p = 0, patch = 0; p < OH; p++) {
    for (let q = 0; q < OW; q++) {
      const left = stride * q - padding, first = Math.max(0, -left), length = Math.min(K, W - left) - first;
      for (let c = 0; c < C; c++) {
        for (let i = 0; i < K; i++, patch += K) {
          const h = stride * p + i - padding;
          if (h >= 0 && h < H) visit(patch + first, (c * H + h) * W + left + first, length);
        }
      }
    }
  }
}
