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

const SAME = { stride: 1, padding: 1 };
const OPERATIONS = {
  linear: one_weight((x, weight, bias) => linear(flat(x, weight), weight, bias), (dy, x, weight) => linear_backward(dy, flat(x, weight), weight)),
  conv2d: one_weight(conv2d, conv2d_backward),
  conv_transpose2d: one_weight(conv_transpose2d, conv_transpose2d_backward),
  residual: [residual, residual_backward],
};
const ACTIVATIONS = { relu: [relu, relu_backward], tanh: [tanh, tanh_backward] };
/** A module of nn.Sequential that has a number, but no parameters: the flattening, or its reverse. */
const RESHAPING = null;

/** The network of a model's options; `condition_dim` numbers stand behind z, and behind x where the network is an mlp. */
export function make_network(options, image_shape, input_shape = image_shape, condition_dim = 0) {
  const sizes = [options.latent_dim + condition_dim, ...[...options.hidden_dims].reverse()];
  if (options.network === "mlp") return layered(...mlp_layers(options, count(input_shape), sizes, count(image_shape)), image_shape);
  if (is_of_the_ladder(options)) return CONVOLUTIONS;
  const decoder = conv_transpose_layers("decoder.", options, sizes, feature_shape(options, image_shape));
  return layered(conv_layers("encoder.hidden.", options), decoder, image_shape);
}

/** An encoder of its own, whose parameters' names begin with `prefix`: an image -> [mu, logvar]. */
export function make_encoder(options, input_shape, parameters, prefix) {
  const { encode } = make_network(options, [1, ...input_shape.slice(1)], input_shape);
  const own = Object.entries(parameters).filter(([name]) => name.startsWith(prefix));
  const renamed = Object.fromEntries(own.map(([name, value]) => [name.replace(prefix, "encoder."), value]));
  return (x) => encode(renamed, x).slice(0, 2);
}

/** The layers that turn a condition that is an image into a vector of length hidden_dims.at(-1). */
export function make_embedding(options, input_shape) {
  if (options.network === "conv") return conv_layers("embedding.", options);
  return numbered("embedding.", [RESHAPING, ...hidden([count(input_shape), ...options.hidden_dims], options.activation)]);
}

/** The layers of the VQ-VAE: down to a map of vectors, and up again. */
export function code_layers(options) {
  return {
    encoder: numbered("encoder.", [...down(options), make_layer("conv2d")]),
    decoder: numbered("decoder.", [make_layer("conv2d", "relu", { options: SAME }), ...up(options)]),
  };
}

/** The shapes of an mlp's parameters, in the order of rung 3's `state_dict()`. */
export function mlp_shapes(options, image_shape) {
  const { latent_dim, hidden_dims } = options, pixels = count(image_shape);
  const [encoder, decoder] = mlp_layers(options, pixels, [latent_dim, ...[...hidden_dims].reverse()], pixels);
  const heads = ["encoder.mu", "encoder.logvar"].map((name) => ({ name, sizes: [hidden_dims.at(-1), latent_dim] }));
  const layers = [...encoder, ...heads, ...decoder];
  return Object.assign({}, ...layers.map(({ name, sizes: [I, O] }) => named(name, [[O, I], [O]])));
}

/** The shape [C, H, W] after a convolution of stride 2 for each of the channels. */
export function feature_shape({ channels }, [, H, W]) {
  return [channels.at(-1), H / 2 ** channels.length, W / 2 ** channels.length];
}

/** Whether the network is the one that all rungs build, whose layers have names of their own. */
function is_of_the_ladder({ channels, hidden_dims, residual_blocks = 0 }) {
  return channels.length === 2 && hidden_dims.length === 1 && residual_blocks === 0;
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
  const made = [x];
  for (const { name, operation, options, activation, shape } of layers) {
    const [f] = OPERATIONS[operation];
    const y = f(shaped(made.at(-1), shape), parameters, name, options);
    made.push(activation === null ? y : ACTIVATIONS[activation][0](y));
  }
  return made;
}

/** `sequential` from its last layer to its first: dx, and the gradients of the layers' parameters. */
function sequential_backward(dy, parameters, layers, made) {
  let gradients = {};
  for (let i = layers.length - 1; i >= 0; i--) {
    const { name, operation, options, activation, shape } = layers[i];
    const [, f_backward] = OPERATIONS[operation], y = made[i + 1];
    let d = array(y.shape, dy.data);
    if (activation !== null) d = ACTIVATIONS[activation][1](d, y);
    const [dx, own] = f_backward(d, shaped(made[i], shape), parameters, name, options);
    gradients = { ...own, ...gradients };
    dy = dx;
  }
  return [dy, gradients];
}

/** An operation of one weight and one bias: forward, and backward to dx and the gradients by name. */
function one_weight(f, f_backward) {
  const forward = (x, parameters, name, options) => f(x, ...layer(parameters, name), options);
  const backward = (dy, x, parameters, name, options) => {
    const [dx, ...own] = f_backward(dy, x, parameters[`${name}.weight`], options);
    return [dx, named(name, own)];
  };
  return [forward, backward];
}

/** x plus two convolutions of it, and ReLU (He et al. 2016). */
function residual(x, parameters, name) {
  const h = relu(conv2d(x, ...layer(parameters, `${name}.conv1`), SAME));
  return relu(add(x, conv2d(h, ...layer(parameters, `${name}.conv2`), SAME)));
}

/** dx by both ways, and the gradients; what is inside of the block is computed again. */
function residual_backward(dy, x, parameters, name) {
  const h = relu(conv2d(x, ...layer(parameters, `${name}.conv1`), SAME));
  const dsum = relu_backward(dy, add(x, conv2d(h, ...layer(parameters, `${name}.conv2`), SAME)));
  const [dh, ...conv2] = conv2d_backward(dsum, h, parameters[`${name}.conv2.weight`], SAME);
  const [dx, ...conv1] = conv2d_backward(relu_backward(dh, h), x, parameters[`${name}.conv1.weight`], SAME);
  return [add(dsum, dx), { ...named(`${name}.conv1`, conv1), ...named(`${name}.conv2`, conv2) }];
}

/** A layer: its operation and that one's options, the activation after it, and the shape that its input is given. */
function make_layer(operation, activation = null, { options = {}, shape = null, sizes = null } = {}) {
  return { operation, activation, options, shape, sizes };
}

/** Layers under the numbers that nn.Sequential gives them; an activation has a number of its own. */
function numbered(prefix, layers) {
  let number = 0;
  return layers.flatMap((one) => {
    const name = `${prefix}${number}`;
    number += one !== RESHAPING && one.activation !== null ? 2 : 1;
    return one === RESHAPING ? [] : [{ ...one, name }];
  });
}

/** Linear layers from the first size to the last. */
function hidden(sizes, activation) {
  return sizes.slice(1).map((size, i) => make_layer("linear", activation, { sizes: [sizes[i], size] }));
}

/** Layers of an mlp's encoder, from `inputs` numbers, and of its decoder, to `outputs` (Kingma & Welling 2014, appendix C). */
function mlp_layers({ hidden_dims, activation }, inputs, up_sizes, outputs) {
  const last = { ...make_layer("linear", null, { sizes: [up_sizes.at(-1), outputs] }), name: "decoder.outputs" };
  const encoder = numbered("encoder.hidden.", hidden([inputs, ...hidden_dims], activation));
  return [encoder, [...numbered("decoder.hidden.", hidden(up_sizes, activation)), last]];
}

/** A convolution of stride 2 for each of the channels, and residual blocks after each. */
function down({ channels, residual_blocks = 0 }) {
  return channels.flatMap(() => [make_layer("conv2d", "relu", { options: DOWN }), ...blocks(residual_blocks)]);
}

/** The same in reverse, transposed; no ReLU at the end. */
function up({ channels, residual_blocks = 0 }) {
  const activation = (i) => (i < channels.length - 1 ? "relu" : null);
  return channels.flatMap((_, i) => [
    ...blocks(residual_blocks),
    make_layer("conv_transpose2d", activation(i), { options: UP }),
  ]);
}

function blocks(number) {
  return Array.from({ length: number }, () => make_layer("residual"));
}

/** The convolutions, then any number of hidden linear layers. */
function conv_layers(prefix, options) {
  return numbered(prefix, [...down(options), RESHAPING, ...options.hidden_dims.map(() => make_layer("linear", "relu"))]);
}

/** The same in reverse, from sizes of linear layers up to the features of `shape`, and to one output a pixel. */
function conv_transpose_layers(prefix, options, sizes, shape) {
  const [first, ...others] = up(options);
  return numbered(prefix, [...hidden([...sizes, count(shape)], "relu"), RESHAPING, { ...first, shape }, ...others]);
}

function shaped(x, shape) {
  return shape === null ? x : reshape(x, ...shape);
}

function flat(x, weight) {
  return reshape(x, weight.shape[1]);
}
