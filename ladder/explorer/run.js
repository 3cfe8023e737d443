// A run of the payload, opened: its model, its test codes and its test images as typed arrays.

import { open_model } from "./registry.js";
import { numbers_of, parameters_of } from "./weights.js";

// The images (N, C, H, W) as a list, one array each, in [0, 1]. Bytes are multiples of 1/255.
export function images_of({ shape: [count, ...shape], pixels, dtype = "uint8" }) {
  const size = shape.reduce((a, b) => a * b, 1);
  const values = numbers_of(pixels, dtype);
  return Array.from({ length: count }, (_, k) => values.slice(k * size, (k + 1) * size));
}

export function open_run(run) {
  const { codes, images } = run;
  return {
    ...run,
    likelihood: run.objective.likelihood,
    model: open_model(run.description, parameters_of(run)),
    codes: codes && {
      count: codes.count,
      mu: numbers_of(codes.mu, "float32"),
      logvar: codes.logvar ? numbers_of(codes.logvar, "float32") : null,
      labels: codes.labels ?? new Array(codes.count).fill(0),
    },
    images: images_of(images),
    labels: images.labels ?? null,
  };
}
