"""Right and wrong modules, and functions made of them. Needs torch."""

import torch
import torch.nn.functional as F
from torch import nn

from exercises.kit.tensors import tensors
from foundation.architecture import Architecture
from paper import vae_paper

from .stub import DOWN, _Decoder


def architecture(sizes):
    """The rungs' architecture of these sizes."""
    return Architecture(sizes["latents"], sizes["channels"], sizes["hidden"], sizes["image_shape"])


def features(channels, image_shape):
    """The numbers behind two convolutions with stride 2."""
    return channels[1] * image_shape[1] // 4 * (image_shape[2] // 4)


class Encoder(nn.Module):
    """The right one, with its parts in functions that others replace."""

    def __init__(self, latents, channels, hidden, image_shape):
        super().__init__()
        self.make(latents, channels, hidden, image_shape)

    def make(self, latents, channels, hidden, image_shape):
        """All layers."""
        self.conv1 = nn.Conv2d(image_shape[0], channels[0], **DOWN)
        self.conv2 = nn.Conv2d(channels[0], channels[1], **DOWN)
        self.fc = nn.Linear(features(channels, image_shape), hidden)
        self.mu, self.logvar = nn.Linear(hidden, latents), nn.Linear(hidden, latents)

    def hidden(self, x):
        """h3."""
        h2 = F.relu(self.conv2(F.relu(self.conv1(x))))
        return F.relu(self.fc(h2.flatten(1)))

    def forward(self, x):
        """mu and logvar."""
        h3 = self.hidden(x)
        return self.mu(h3), self.logvar(h3)


class VAE(nn.Module):
    """An encoder of some kind and the given decoder."""

    kind: type[nn.Module] = Encoder

    def __init__(self, **sizes):
        super().__init__()
        self.encoder = self.kind(**sizes)
        self.decoder = _Decoder(**sizes)


def names_of(model):
    """Names and shapes."""
    return {name: tuple(value.shape) for name, value in model.state_dict().items()}


def names_with(kind):
    """`names` of a VAE with this encoder."""
    return lambda sizes: names_of(_vae(kind)(**sizes))


def _vae(encoder):
    """A VAE with this encoder, of the name that messages of load_state_dict contain."""
    return type("VAE", (VAE,), {"kind": encoder})


class InAList(Encoder):
    """Layers in a list of Python's own."""

    def make(self, latents, channels, hidden, image_shape):
        """All layers."""
        self.layers = [
            nn.Conv2d(image_shape[0], channels[0], **DOWN),
            nn.Conv2d(channels[0], channels[1], **DOWN),
            nn.Linear(features(channels, image_shape), hidden),
            nn.Linear(hidden, latents),
            nn.Linear(hidden, latents),
        ]


class HeadsInForward(Encoder):
    """Without mu and logvar, which forward makes."""

    def make(self, latents, channels, hidden, image_shape):
        """Some layers."""
        super().make(latents, channels, hidden, image_shape)
        del self.mu, self.logvar


class WithoutInit(nn.Module):
    """Without the call of Module's own __init__."""

    def __init__(self, latents, channels, hidden, image_shape):
        self.conv1 = nn.Conv2d(image_shape[0], channels[0], **DOWN)


class WithoutBiases(Encoder):
    """bias=False."""

    def make(self, latents, channels, hidden, image_shape):
        """All layers."""
        super().make(latents, channels, hidden, image_shape)
        for layer in self.children():
            layer.register_parameter("bias", None)


class Transposed(Encoder):
    """Weights of linear layers as (inputs, outputs)."""

    def make(self, latents, channels, hidden, image_shape):
        """All layers."""
        super().make(latents, channels, hidden, image_shape)
        for layer in (self.fc, self.mu, self.logvar):
            layer.weight = nn.Parameter(layer.weight.detach().T.contiguous())


class Halved(Encoder):
    """fc for the map behind one convolution."""

    def make(self, latents, channels, hidden, image_shape):
        """All layers."""
        super().make(latents, channels, hidden, image_shape)
        self.fc = nn.Linear(4 * features(channels, image_shape), hidden)


class ChannelsLeftOut(Encoder):
    """fc for one channel."""

    def make(self, latents, channels, hidden, image_shape):
        """All layers."""
        super().make(latents, channels, hidden, image_shape)
        self.fc = nn.Linear(features(channels, image_shape) // channels[1], hidden)


class KernelOfFour(Encoder):
    """Kernels of 4 x 4."""

    def make(self, latents, channels, hidden, image_shape):
        """All layers."""
        super().make(latents, channels, hidden, image_shape)
        options = DOWN | {"kernel_size": 4}
        self.conv1 = nn.Conv2d(image_shape[0], channels[0], **options)
        self.conv2 = nn.Conv2d(channels[0], channels[1], **options)


class OneHead(Encoder):
    """Two names for one layer."""

    def make(self, latents, channels, hidden, image_shape):
        """All layers."""
        super().make(latents, channels, hidden, image_shape)
        self.logvar = self.mu


class Exchanged(Encoder):
    """logvar, mu."""

    def forward(self, x):
        """The two in the other order."""
        return super().forward(x)[::-1]


class Variance(Encoder):
    """The variance for its logarithm."""

    def forward(self, x):
        """mu and the variance."""
        mu, logvar = super().forward(x)
        return mu, logvar.exp()


class Sigma(Encoder):
    """σ for logvar."""

    def forward(self, x):
        """mu and σ."""
        mu, logvar = super().forward(x)
        return mu, (logvar / 2).exp()


class Linear(Encoder):
    """Without any ReLU."""

    def hidden(self, x):
        """h3."""
        return self.fc(self.conv2(self.conv1(x)).flatten(1))


class LinearBehindFc(Encoder):
    """Without the ReLU behind fc."""

    def hidden(self, x):
        """h3."""
        return self.fc(F.relu(self.conv2(F.relu(self.conv1(x)))).flatten(1))


class LinearConvolutions(Encoder):
    """Without the ReLUs behind the convolutions."""

    def hidden(self, x):
        """h3."""
        return F.relu(self.fc(self.conv2(self.conv1(x)).flatten(1)))


class ReluOfHeads(Encoder):
    """A ReLU behind mu and logvar as well."""

    def forward(self, x):
        """mu and logvar, none below 0."""
        mu, logvar = super().forward(x)
        return F.relu(mu), F.relu(logvar)


class ChannelsLast(Encoder):
    """Rows of the map with channels last."""

    def hidden(self, x):
        """h3."""
        h2 = F.relu(self.conv2(F.relu(self.conv1(x))))
        return F.relu(self.fc(h2.movedim(1, -1).flatten(1)))


def loaded(kind, sizes, parameters):
    """A module in float64 with these parameters."""
    model = _vae(kind)(**sizes).double()
    model.load_state_dict(parameters)
    return model


def off_the_tape(model, x):
    """The encoder's results, detached."""
    mu, logvar = model.encoder(x)
    return mu.detach(), logvar.detach()


def encode_with(kind=Encoder, load=loaded, encode=off_the_tape):
    """`encode` with some pieces replaced."""

    @tensors()
    def encode_(sizes, parameters, x):
        return tuple(encode(load(kind, sizes, parameters), x))

    return encode_


def single(kind, sizes, parameters):
    """A module as torch makes it, in float32."""
    model = _vae(kind)(**sizes)
    model.load_state_dict(parameters)
    return model


def assigned(kind, sizes, parameters):
    """The tensors themselves for parameters, one by one."""
    model = _vae(kind)(**sizes)
    for name, value in parameters.items():
        path, _, last = name.rpartition(".")
        setattr(model.get_submodule(path), last, nn.Parameter(value))
    return model


def kl(mu, logvar):
    """In nats per image."""
    return vae_paper.kl_divergence(mu, logvar) / len(mu)


def found(model):
    """What backward left."""
    return {name: value.grad for name, value in model.named_parameters() if value.grad is not None}


def gradients_with(
    kind=Encoder, value=kl, backward=torch.Tensor.backward, result=found, encode=lambda m, x: m.encoder(x)
):
    """`gradients` with some pieces replaced."""

    @tensors()
    def gradients(sizes, parameters, x):
        model = loaded(kind, sizes, parameters)
        backward(value(*encode(model, x)))
        return result(model)

    return gradients


def without_tape(model, x):
    """Under no_grad."""
    with torch.no_grad():
        return model.encoder(x)


def of_state_dict(model):
    """The .grad of what state_dict gives."""
    return {name: value.grad for name, value in model.state_dict().items()}


def without_prefix(model):
    """By the names of the encoder's own."""
    return {name: value.grad for name, value in model.encoder.named_parameters()}


def themselves(model):
    """The parameters."""
    return {name: value.detach() for name, value in model.named_parameters() if value.grad is not None}


def decoder_too(model):
    """Zeros for what has none."""
    return {name: torch.zeros_like(v) if v.grad is None else v.grad for name, v in model.named_parameters()}


def by_functional_call(sizes, parameters, x):
    """The gradients without .grad, of tensors that are no parameters."""
    leaves = {name: value.clone().requires_grad_() for name, value in parameters.items()}
    model = VAE(**sizes)
    inner = {name.removeprefix("encoder."): leaf for name, leaf in leaves.items() if name.startswith("encoder.")}
    value = kl(*torch.func.functional_call(model.encoder, inner, (x,)))
    return dict(
        zip((f"encoder.{name}" for name in inner), torch.autograd.grad(value, list(inner.values())), strict=True)
    )


# Buffers


class Centre(nn.Module):
    """The right one."""

    def __init__(self, mean):
        super().__init__()
        self.keep(mean)

    def keep(self, mean):
        """A buffer."""
        self.register_buffer("mean", mean)

    def forward(self, x):
        """x minus the mean."""
        return x - self.mean


class CentreOfParameter(Centre):
    """A parameter."""

    def keep(self, mean):
        """A parameter."""
        self.mean = nn.Parameter(mean)


class CentreOfAttribute(Centre):
    """A tensor that is not registered."""

    def keep(self, mean):
        """An attribute."""
        self.mean = mean


class CentreOfPassingBuffer(Centre):
    """A buffer that is not saved."""

    def keep(self, mean):
        """A buffer."""
        self.register_buffer("mean", mean, persistent=False)


class CentreAdded(Centre):
    """The other sign."""

    def forward(self, x):
        """x plus the mean."""
        return x + self.mean


class CentreOfNumber(Centre):
    """One number for all pixels."""

    def keep(self, mean):
        """A buffer."""
        self.register_buffer("mean", mean.mean())


class CentreOfBatch(Centre):
    """The mean of the batch at hand."""

    def forward(self, x):
        """x minus its own mean."""
        return x - x.mean(0)


class CentreWithoutInit(nn.Module):
    """Without the call of Module's own __init__."""

    def __init__(self, mean):
        self.register_buffer("mean", mean)


def centre_with(kind):
    """`centre` of this class."""

    @tensors()
    def centre(mean, x):
        module = kind(mean)
        held = {"parameters": [name for name, _ in module.named_parameters()], "state": list(module.state_dict())}
        result = module(x).detach()
        return held | {"result": result, "after float()": str(module.float()(x.float()).dtype)}

    return centre
