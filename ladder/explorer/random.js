// Random numbers that a seed decides, so that a page shows the same again.

/** A generator: sfc32 (C. Doty-Humphrey, PractRand), which passes the usual tests; its state is 128 bits. */
export function rng(seed) {
  let a = 0x9e3779b9, b = 0x243f6a88, c = seed | 0, counter = 1, spare = null;

  function next() {
    const result = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + result) | 0;
    return result >>> 0;
  }

  /** A number in (0, 1), both ends left out. */
  function uniform() {
    return (next() + 0.5) / 2 ** 32;
  }

  /** A draw from N(0, 1) (Box & Muller 1958), which come in pairs. */
  function normal() {
    if (spare !== null) {
      const value = spare;
      spare = null;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(uniform())), angle = 2 * Math.PI * uniform();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** `length` draws from N(0, 1). */
  function normals(length) {
    return Float32Array.from({ length }, normal);
  }

  for (let i = 0; i < 15; i++) next();
  return { uniform, normal, normals };
}
