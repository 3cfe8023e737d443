// Speed of the explorer, measured in its own page; ladder/bench/browser.py puts the page's modules before this one.

import { open_model } from "./registry.js";
import { rng } from "./random.js";
import { open_trainer } from "./trainer.js";
import { parameters_of } from "./weights.js";

const WARM_UP = 30, RUNS = 200, STEPS = 500, BATCH = 128;

/** Milliseconds of each of many runs of a task, in order of size, after runs that let the browser compile it. */
function times_of(task) {
  for (let i = 0; i < WARM_UP; i++) task();
  const times = Array.from({ length: RUNS }, () => {
    const begin = performance.now();
    task();
    return performance.now() - begin;
  });
  return times.sort((a, b) => a - b);
}

/** The times of the first run of the page, and of training on points of the plane. */
function measure() {
  const run = JSON.parse(document.getElementById("payload").textContent).runs[0];
  const model = open_model(run.description, parameters_of(run)), random = rng(0), [Z] = model.latent_shape;
  const x = Float32Array.from({ length: model.pixels }, random.uniform);
  const trainer = open_trainer({ kind: "points" });
  const points = Float32Array.from({ length: 2 * BATCH }, random.uniform);
  const step = () => trainer.step(points, random.normals(2 * BATCH), 1, 1e-3);
  for (let i = 0; i < WARM_UP; i++) step();
  const begin = performance.now();
  for (let i = 0; i < STEPS; i++) step();
  const steps_per_second = (1000 * STEPS) / (performance.now() - begin);
  return {
    decode: times_of(() => model.mean(model.decode(random.normals(Z)))),
    loss: times_of(() => model.loss(x, random.normals(Z))),
    steps_per_second,
  };
}

globalThis.speed_of_the_page = JSON.stringify(measure());
