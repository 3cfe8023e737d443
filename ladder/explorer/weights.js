// The numbers of a page: base64 text back to typed arrays, and a run's parameters by name.

import { array, count } from "./convolution.js";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const VALUES = new Uint8Array(128);
for (let i = 0; i < 64; i++) VALUES[LETTERS.charCodeAt(i)] = i;

/** The bytes of a base64 text. */
export function bytes_of(text) {
  const length = (text.length / 4) * 3 - (text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0);
  const bytes = new Uint8Array(length);
  for (let i = 0, k = 0; k < length; i += 4, k += 3) {
    const word =
      (VALUES[text.charCodeAt(i)] << 18) | (VALUES[text.charCodeAt(i + 1)] << 12) |
      (VALUES[text.charCodeAt(i + 2)] << 6) | VALUES[text.charCodeAt(i + 3)];
    bytes[k] = word >> 16;
    if (k + 1 < length) bytes[k + 1] = word >> 8;
    if (k + 2 < length) bytes[k + 2] = word;
  }
  return bytes;
}

/** The numbers of a base64 text: little-endian float32 or float16, or bytes, which stand for k / 255. */
export function numbers_of(text, dtype) {
  const bytes = bytes_of(text);
  if (dtype === "uint8") return Float32Array.from(bytes, (value) => value / 255);
  if (dtype === "float32") return new Float32Array(bytes.buffer);
  if (dtype === "float16") return Float32Array.from(new Uint16Array(bytes.buffer), float16);
  throw new RangeError(`dtype: expected float32, float16 or uint8, got ${dtype}`);
}

/** The parameters of a run in the page's payload, arrays by name. */
export function parameters_of({ parameters, weights, dtype }) {
  const numbers = numbers_of(weights, dtype);
  return Object.fromEntries(
    parameters.map(({ name, shape, offset }) => [name, array(shape, numbers.subarray(offset, offset + count(shape)))]),
  );
}

/** The value of a float16, IEEE 754's binary16, given by its bits. */
function float16(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}
