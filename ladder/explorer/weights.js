// The numbers of a page: text back to typed arrays, and a run's parameters by name.
//
// Small arrays are base64. Weights, which make the page large, are base85: five letters for four bytes, not for 3.75.

import { array, count } from "./convolution.js";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", DIGITS = "0123456789";
const BASE_64 = values_of(`${LETTERS}${DIGITS}+/`);
/** RFC 1924's letters, but for those that HTML has a use for. */
const BASE_85 = values_of(`${DIGITS}${LETTERS}!#$%:()*+-;,=.?@^_\`{|}~`);

/** The bytes of a base64 text. */
export function bytes_of(text) {
  const length = (text.length / 4) * 3 - (text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0);
  const bytes = new Uint8Array(length);
  for (let i = 0, k = 0; k < length; i += 4, k += 3) {
    const word =
      (BASE_64[text.charCodeAt(i)] << 18) | (BASE_64[text.charCodeAt(i + 1)] << 12) |
      (BASE_64[text.charCodeAt(i + 2)] << 6) | BASE_64[text.charCodeAt(i + 3)];
    bytes[k] = word >> 16;
    if (k + 1 < length) bytes[k + 1] = word >> 8;
    if (k + 2 < length) bytes[k + 2] = word;
  }
  return bytes;
}

/** The bytes of a base85 text, whose length is a multiple of five. */
export function bytes_of_base85(text) {
  const bytes = new Uint8Array((text.length / 5) * 4), view = new DataView(bytes.buffer);
  for (let i = 0, k = 0; i < text.length; i += 5, k += 4) {
    let word = 0;
    for (let j = 0; j < 5; j++) word = word * 85 + BASE_85[text.charCodeAt(i + j)];
    view.setUint32(k, word);
  }
  return bytes;
}

/** The numbers of a base64 text: little-endian float32 or float16, or bytes, which stand for k / 255. */
export function numbers_of(text, dtype) {
  return as_numbers(bytes_of(text), dtype);
}

/** Bytes as numbers of a type. */
function as_numbers(bytes, dtype) {
  if (dtype === "uint8") return Float32Array.from(bytes, (value) => value / 255);
  if (dtype === "float32") return new Float32Array(bytes.buffer);
  if (dtype === "float16") return Float32Array.from(new Uint16Array(bytes.buffer), float16);
  throw new RangeError(`dtype: expected float32, float16 or uint8, got ${dtype}`);
}

/** The parameters of a run in the page's payload, arrays by name. */
export function parameters_of({ parameters, weights, dtype }) {
  const numbers = as_numbers(bytes_of_base85(weights), dtype);
  return Object.fromEntries(
    parameters.map(({ name, shape, offset }) => [name, array(shape, numbers.subarray(offset, offset + count(shape)))]),
  );
}

/** The value of a float16, IEEE 754's binary16, given by its bits. */
function float16(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

/** The value of each letter, by its code. */
function values_of(letters) {
  const values = new Uint8Array(128);
  for (let i = 0; i < letters.length; i++) values[letters.charCodeAt(i)] = i;
  return values;
}
