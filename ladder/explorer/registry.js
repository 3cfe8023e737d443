// Every model by its name; paper/models/registry.py in JavaScript.

import {
  HierarchicalVAE,
  IAFVAE,
  LearnedPriorCompletionVAE,
  LearnedPriorConditionalVAE,
  VampPriorVAE,
} from "./learned.js";
import { Autoencoder, CompletionVAE, ConditionalVAE, IWAE, VAE, VQVAE } from "./models.js";
import { CodesPrior } from "./pixelcnn.js";

const CLASSES = {
  vae: VAE,
  "beta-vae": VAE,
  "beta-tcvae": VAE,
  "factor-vae": VAE,
  iwae: IWAE,
  autoencoder: Autoencoder,
  cvae: ConditionalVAE,
  m2: ConditionalVAE, // under a given class; q(y|x) is left out
  vampprior: VampPriorVAE,
  "iaf-vae": IAFVAE,
  hierarchical: HierarchicalVAE,
  "vq-vae": VQVAE,
  "codes-prior": CodesPrior,
};

/** The model of a description { model, options, image_shape, class_count } with its parameters, arrays by name. */
export function open_model(description, parameters) {
  const { model, options } = description;
  if (!Object.hasOwn(CLASSES, model)) throw new RangeError(`model: expected one of ${Object.keys(CLASSES)}, got ${model}`);
  const kind = model === "cvae" ? conditional(options) : CLASSES[model];
  return new kind(description, parameters);
}

/** The conditional VAE for the condition and the prior of its options. */
function conditional({ condition, prior = "standard" }) {
  if (condition === "label") return prior === "learned" ? LearnedPriorConditionalVAE : ConditionalVAE;
  return prior === "learned" ? LearnedPriorCompletionVAE : CompletionVAE;
}
