// Encoders and decoders: the ladder's convolutions, or linear layers of any widths; paper/models/networks.py in JavaScript.
//
// A network has encode, encode_backward, decode and decode_backward, as vae.js has them for its own convolutions. The
// layers of all others are lists of names and operations, under the names that rung 3's nn.Sequential gives them.

import { named } from "./architecture.js";
import { array, count } from "./convolution.js";
import {
  add,
  conv2d,
  conv2d_backward,
  conv_transpose2d,
  conv_transpose2d_backward,
  linear,
  linear_backward,
  relu,
  relu_backward,
  reshape,
  tanh,
  tanh_backward,
} from "./functional.js";
import { CONVOLUTIONS, DOWN, UP, layer } from "./vae.js";

const OPERATIONS = {
  linear: [(x, weight, bias) => linear(flat(x, weight), weight, bias), (dy, x, weight) => linear_backward(dy, flat(x, weight), weight)],
  conv2d: [conv2d, conv2d_backward],
  conv_transpose2d: [conv_transpose2d, conv_transpose2d_backward],
};
const ACTIVATIONS = { relu: [relu, relu_backward], tanh: [tanh, tanh_backward] };
const SAME = { stride: 1, padding: 1 };

/** The network of a model's options; `condition_dim` numbers stand behind z, and behind x where the network is an mlp. */
export function make_network(options, image_shape, input_shape = image_shape, condition_dim = 0) {
  const up = [options.latent_dim + condition_dim, ...[...options.hidden_dims].reverse()];
  if (options.network === "mlp") return layered(...mlp_layers(options, count(input_shape), up, count(image_shape)), image_shape);
  if (options.hidden_dims.length === 1) return CONVOLUTIONS;
  const features = feature_shape(options, image_shape);
  return layered(conv_layers("encoder.hidden.", options), conv_transpose_layers("decoder.", up, features), image_shape);
}

/** The layers that turn a condition that is an image into a vector of length hidden_dims.at(-1). */
export function make_embedding(options, input_shape) {
  if (options.network === "conv") return conv_layers("embedding.", options);
  return hidden_layers("embedding.", 1, [count(input_shape), ...options.hidden_dims], options.activation);
}

/** The layers of the VQ-VAE: down to a map of vectors, and up again. */
export const CODE_LAYERS = {
  encoder: [
    make_layer("encoder.0", "conv2d", "relu", { options: DOWN }),
    make_layer("encoder.2", "conv2d", "relu", { options: DOWN }),
    make_layer("encoder.4", "conv2d"),
  ],
  decoder: [
    make_layer("decoder.0", "conv2d", "relu", { options: SAME }),
    make_layer("decoder.2", "conv_transpose2d", "relu", { options: UP }),
    make_layer("decoder.4", "conv_transpose2d", null, { options: UP }),
  ],
};

/** The shapes of an mlp's parameters, in the order of rung 3's `state_dict()`. */
export function mlp_shapes(options, image_shape) {
  const { latent_dim, hidden_dims } = options, pixels = count(image_shape);
  const [encoder, decoder] = mlp_layers(options, pixels, [latent_dim, ...[...hidden_dims].reverse()], pixels);
  const heads = ["encoder.mu", "encoder.logvar"].map((name) => ({ name, sizes: [hidden_dims.at(-1), latent_dim] }));
  const layers = [...encoder, ...heads, ...decoder];
  return Object.assign({}, ...layers.map(({ name, sizes: [I, O] }) => named(name, [[O, I], [O]])));
}

/** The shape [C, H, W] between the convolutions and the linear layers. */
export function feature_shape({ channels }, [, H, W]) {
  return [channels[1], H / 4, W / 4];
}

/** A network of lists of layers; the encoder's layers end in h, from which mu and logvar are linear. */
function layered(encoder_layers, decoder_layers, image_shape) {
  return {
    encode(parameters, x) {
      const hidden = sequential(parameters, encoder_layers, x), h = hidden.at(-1);
      const mu = linear(h, ...layer(parameters, "encoder.mu")); // N Z
      const logvar = linear(h, ...layer(parameters, "encoder.logvar")); // N Z
      return [mu, logvar, hidden];
    },

    encode_backward(dmu, dlogvar, parameters, x, hidden) {
      const h = hidden.at(-1);
      const [dh_of_mu, ...dmu_layer] = linear_backward(dmu, h, parameters["encoder.mu.weight"]);
      const [dh_of_logvar, ...dlogvar_layer] = linear_backward(dlogvar, h, parameters["encoder.logvar.weight"]);
      const [, gradients] = sequential_backward(add(dh_of_mu, dh_of_logvar), parameters, encoder_layers, hidden);
      return { ...gradients, ...named("encoder.mu", dmu_layer), ...named("encoder.logvar", dlogvar_layer) };
    },

    decode(parameters, z) {
      const hidden = sequential(parameters, decoder_layers, z);
      return [reshape(hidden.at(-1), ...image_shape), hidden];
    },

    decode_backward(dlogits, parameters, z, hidden) {
      return sequential_backward(dlogits, parameters, decoder_layers, hidden);
    },
  };
}

/** The input, and what each layer makes of the one before it. */
export function sequential(parameters, layers, x) {
  const hidden = [x];
  for (const { name, operation, options, activation, shape } of layers) {
    const [f] = OPERATIONS[operation];
    const y = f(shaped(hidden.at(-1), shape), ...layer(parameters, name), options);
    hidden.push(activation === null ? y : ACTIVATIONS[activation][0](y));
  }
  return hidden;
}

/** `sequential` from its last layer to its first: dx, and the gradients of the layers' parameters. */
function sequential_backward(dy, parameters, layers, hidden) {
  let gradients = {};
  for (let i = layers.length - 1; i >= 0; i--) {
    const { name, operation, options, activation, shape } = layers[i];
    const [, f_backward] = OPERATIONS[operation], y = hidden[i + 1];
    let d = array(y.shape, dy.data);
    if (activation !== null) d = ACTIVATIONS[activation][1](d, y);
    const [dx, ...own] = f_backward(d, shaped(hidden[i], shape), parameters[`${name}.weight`], options);
    gradients = { ...named(name, own), ...gradients };
    dy = dx;
  }
  return [dy, gradients];
}

/** A layer: its name, its operation and that one's options, the activation after it, and the shape that its input is given. */
function make_layer(name, operation, activation = null, { options = {}, shape = null, sizes = null } = {}) {
  return { name, operation, activation, options, shape, sizes };
}

/** Linear layers from the first size to the last, numbered from `first`; the activation after each has its own number. */
function hidden_layers(prefix, first, sizes, activation) {
  return sizes.slice(1).map((size, i) => make_layer(`${prefix}${first + 2 * i}`, "linear", activation, { sizes: [sizes[i], size] }));
}

/** Layers of an mlp's encoder, from `inputs` numbers, and of its decoder, to `outputs` (Kingma & Welling 2014, appendix C). */
function mlp_layers({ hidden_dims, activation }, inputs, up, outputs) {
  const last = make_layer("decoder.outputs", "linear", null, { sizes: [up.at(-1), outputs] });
  const down = [inputs, ...hidden_dims];
  return [hidden_layers("encoder.hidden.", 0, down, activation), [...hidden_layers("decoder.hidden.", 0, up, activation), last]];
}

/** The ladder's convolutions, then any number of hidden linear layers. The fourth number is that of the flattening. */
function conv_layers(prefix, { hidden_dims }) {
  return [
    make_layer(`${prefix}0`, "conv2d", "relu", { options: DOWN }),
    make_layer(`${prefix}2`, "conv2d", "relu", { options: DOWN }),
    ...hidden_dims.map((_, i) => make_layer(`${prefix}${5 + 2 * i}`, "linear", "relu")),
  ];
}

/** The same in reverse, from sizes of linear layers up to the features of `shape`, and to one output a pixel. */
function conv_transpose_layers(prefix, up, shape) {
  const after = 2 * up.length + 1;
  return [
    ...hidden_layers(prefix, 0, [...up, count(shape)], "relu"),
    make_layer(`${prefix}${after}`, "conv_transpose2d", "relu", { options: UP, shape }),
    make_layer(`${prefix}${after + 2}`, "conv_transpose2d", null, { options: UP }),
  ];
}

function shaped(x, shape) {
  return shape === null ? x : reshape(x, ...shape);
}

function flat(x, weight) {
  return reshape(x, weight.shape[1]);
}
