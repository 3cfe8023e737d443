"""The sizes of the one architecture that all three rungs build. Without NumPy, so that help pages open at once."""

import dataclasses
import math

from foundation.errors import InputError


@dataclasses.dataclass(frozen=True)
class Architecture:
    """Sizes of the convolutional VAE; the layers themselves are fixed (see `parameter_shapes`)."""

    latent_dim: int = 2
    """Z, the number of latent variables."""
    channels: tuple[int, int] = (32, 64)
    """Channels after the encoder's first and second convolution."""
    hidden_dim: int = 256
    """Width of the two hidden linear layers."""
    image_shape: tuple[int, int, int] = (1, 28, 28)
    """Channels, height and width of an image; height and width are multiples of 4."""

    def __post_init__(self) -> None:
        # JSON has no tuples: accept its lists, keep the instance hashable.
        object.__setattr__(self, "channels", tuple(self.channels))
        object.__setattr__(self, "image_shape", tuple(self.image_shape))
        if len(self.channels) != 2:
            raise InputError(f"channels: expected two sizes, got {self.channels}")
        if len(self.image_shape) != 3:
            raise InputError(f"image_shape: expected (C, H, W), got {self.image_shape}")
        sizes = {"latent_dim": self.latent_dim, "hidden_dim": self.hidden_dim}
        sizes |= {f"channels[{i}]": size for i, size in enumerate(self.channels)}
        sizes |= {f"image_shape[{i}]": size for i, size in enumerate(self.image_shape)}
        for name, size in sizes.items():
            if not isinstance(size, int) or isinstance(size, bool) or size < 1:
                raise InputError(f"{name}: expected an integer of at least 1, got {size!r}")
        if self.image_shape[1] % 4 or self.image_shape[2] % 4:
            raise InputError(
                "image_shape: two convolutions of stride 2 need height and width divisible by 4, "
                f"got {self.image_shape[1]}x{self.image_shape[2]}"
            )

    @property
    def feature_shape(self) -> tuple[int, int, int]:
        """Shape (C, H, W) between the convolutions and the linear layers: (64, 7, 7) by default."""
        _, height, width = self.image_shape
        return self.channels[1], height // 4, width // 4

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Every parameter's shape by its name, in the order of rung 3's `state_dict()`."""
        image, (c1, c2), hidden, latent = self.image_shape[0], self.channels, self.hidden_dim, self.latent_dim
        features = math.prod(self.feature_shape)
        weights = {
            "encoder.conv1": (c1, image, 3, 3),
            "encoder.conv2": (c2, c1, 3, 3),
            "encoder.fc": (hidden, features),
            "encoder.mu": (latent, hidden),
            "encoder.logvar": (latent, hidden),
            "decoder.fc1": (hidden, latent),
            "decoder.fc2": (features, hidden),
            "decoder.conv_transpose1": (c2, c1, 3, 3),
            "decoder.conv_transpose2": (c1, image, 3, 3),
        }
        shapes: dict[str, tuple[int, ...]] = {}
        for layer, shape in weights.items():
            # A transposed convolution's weight is (in, out, K, K), every other one (out, in, ...).
            outputs = shape[1] if "conv_transpose" in layer else shape[0]
            shapes[f"{layer}.weight"] = shape
            shapes[f"{layer}.bias"] = (outputs,)
        return shapes
