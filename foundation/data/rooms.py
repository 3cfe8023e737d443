"""`rooms`: a coloured object on the floor of a room, seen from an angle, after 3D Shapes (Burgess & Kim 2018).

3D Shapes holds every combination of a few values of six factors; here each is drawn from its whole range. The camera
looks at the object from a point of a circle around it, so that the corner of the two walls wanders through the picture.
Every pixel is the first thing that a ray from the camera meets, lit by one lamp.
"""

import colorsys
import functools
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from foundation.data import drawing
from foundation.data.cache import Expected, cached, source_digest
from foundation.data.dataset import Dataset

SHAPES = ("ball", "cube", "cylinder", "cone")
RANGES = {
    "scale": (0.55, 1.0),  # of the largest size
    "object_hue": (0.0, 1.0),  # around the colour wheel: 0 and 1 are both red
    "wall_hue": (0.0, 1.0),
    "floor_hue": (0.0, 1.0),
    "angle": (-np.pi / 6, np.pi / 6),  # radians, from where the camera looks; 0 is straight into the corner
}
"""The factors beside the shape, each uniform over its range."""

FINER = 2
"""Rays along each side of a pixel, whose mean it is."""
AT_ONCE = 64
"""Images whose rays are followed together."""
FAR = 1e6
"""The distance of what a ray does not meet."""
CAMERA_DISTANCE, CAMERA_HEIGHT, LOOKS_AT, VIEW = 4.4, 1.9, 0.7, 0.36
"""Where the camera stands, the height that it looks at, and half of what it sees, as the tangent of an angle."""
WALL = 2.0
"""Distance of both walls from the object."""
LAMP = np.array([0.35, 0.85, 0.40]) / np.linalg.norm([0.35, 0.85, 0.40])
"""Direction of the light."""
DARKEST = 0.45
"""Brightness of what turns away from the lamp."""
SATURATION = (0.85, 0.45, 0.60)
"""Of the colours of object, walls and floor: they are told apart also where their hues are equal."""

Vectors = Float[np.ndarray, "N R 3"]
Origins = Float[np.ndarray, "N 1 3"]
Distances = Float[np.ndarray, "N R"]


class Hit(NamedTuple):
    """Where rays meet a thing: how far along the ray, and the direction of its surface there."""

    distance: Distances
    normal: Vectors


def load_rooms(split: str, *, seed: int, count: int, size: int) -> Dataset:
    """`count` images of 3 channels and size×size pixels, balanced over the shapes; every factor is in `factors`."""
    labels, factors = drawing.draw_factors(RANGES, len(SHAPES), split=split, seed=seed, count=count)
    factors = {"shape": labels, **factors}
    # Only the images are kept: the factors, which cost little, are the seed's whatever lies in the cache.
    arrays = cached(
        f"rooms-{split}",
        f"{source_digest(__file__, drawing.__file__)} {split} {seed} {count} {size}",
        {"images": Expected((count, 3, size, size), np.uint8)},
        lambda: {"images": draw_rooms(**factors, size=size)},
    )
    return Dataset("rooms", split, arrays["images"] / np.float32(255), labels, SHAPES, factors, seed)


def draw_rooms(
    *,
    shape: Int[np.ndarray, " N"],
    scale: Float[np.ndarray, " N"],
    object_hue: Float[np.ndarray, " N"],
    wall_hue: Float[np.ndarray, " N"],
    floor_hue: Float[np.ndarray, " N"],
    angle: Float[np.ndarray, " N"],
    size: int = 32,
) -> UInt8[np.ndarray, "N 3 {size} {size}"]:
    """The images of these factors, 8 bits a channel; units as in RANGES. Vary one factor alone to see what it does."""
    hues = np.stack([object_hue, wall_hue, floor_hue], axis=1)
    parts = [
        _draw(shape[part], scale[part], hues[part], angle[part], size)
        for part in (slice(start, start + AT_ONCE) for start in range(0, len(shape), AT_ONCE))
    ]
    return np.concatenate(parts) if parts else np.zeros((0, 3, size, size), np.uint8)


def _draw(
    shape: Int[np.ndarray, " N"],
    scale: Float[np.ndarray, " N"],
    hues: Float[np.ndarray, "N 3"],
    angle: Float[np.ndarray, " N"],
    size: int,
) -> UInt8[np.ndarray, "N 3 {size} {size}"]:
    """A few images at once."""
    origin, rays = _camera(angle, size)
    thing, room = _object(origin, rays, shape, scale), _room(origin, rays)
    hits = [thing, *room]
    first = np.argmin([hit.distance for hit in hits], axis=0)
    normal = np.choose(first[..., None], [hit.normal for hit in hits])
    light = DARKEST + (1 - DARKEST) * np.clip(normal @ LAMP, 0, 1)
    colours = np.stack([_colour(hues[:, k], saturation) for k, saturation in enumerate(SATURATION)])
    surface = np.array([0, 2, 1, 1])[first]  # of object, floor and walls the hue
    picture = colours[surface, np.arange(len(shape))[:, None]] * light[..., None]
    fine = picture.reshape(len(shape), size, FINER, size, FINER, 3)
    return np.rint(255 * fine.mean(axis=(2, 4))).astype(np.uint8).transpose(0, 3, 1, 2)


def _colour(hue: Float[np.ndarray, " N"], saturation: float) -> Float[np.ndarray, "N 3"]:
    """Red, green and blue of hues."""
    return np.array([colorsys.hsv_to_rgb(one, saturation, 1.0) for one in hue])


def _camera(angle: Float[np.ndarray, " N"], size: int) -> tuple[Origins, Vectors]:
    """Where rays begin, (N, 1, 3), and their directions, of length 1."""
    zero = np.zeros_like(angle)
    # The corner lies where x and z are both -WALL; the camera stands opposite.
    around = angle + np.pi / 4
    origin = CAMERA_DISTANCE * np.stack([np.cos(around), zero + CAMERA_HEIGHT / CAMERA_DISTANCE, np.sin(around)], 1)
    forward = np.array([0.0, LOOKS_AT, 0.0]) - origin
    forward /= np.linalg.norm(forward, axis=1, keepdims=True)
    right = np.cross(forward, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    up = np.cross(right, forward)
    rays = forward[:, None] + np.einsum("rk,nkx->nrx", _grid(size), np.stack([right, up], axis=1))
    return origin[:, None], rays / np.linalg.norm(rays, axis=2, keepdims=True)


@functools.cache
def _grid(size: int) -> Float[np.ndarray, "R 2"]:
    """How far to the right and up each ray goes."""
    step = (np.arange(size * FINER) + 0.5) / (size * FINER) * 2 - 1
    across, down = np.meshgrid(step, step)
    return VIEW * np.stack([across.ravel(), -down.ravel()], axis=1)


def _room(origin: Origins, rays: Vectors) -> list[Hit]:
    """The floor, and the two walls."""
    planes = (np.array([0.0, 1.0, 0.0]), 0.0), (np.array([1.0, 0.0, 0.0]), -WALL), (np.array([0.0, 0.0, 1.0]), -WALL)
    return [_plane(origin, rays, normal, offset) for normal, offset in planes]


def _plane(origin: Origins, rays: Vectors, normal: Float[np.ndarray, "3"], offset: float) -> Hit:
    """Points p with normal · p = offset."""
    with np.errstate(divide="ignore"):
        distance = (offset - origin @ normal) / (rays @ normal)
    return Hit(_ahead(distance), np.broadcast_to(normal, rays.shape))


def _object(origin: Origins, rays: Vectors, shape: Int[np.ndarray, " N"], scale: Float[np.ndarray, " N"]) -> Hit:
    """The object of each image: 1.6 high and wide at scale 1, standing on the floor at the middle of the room."""
    radius = 0.8 * scale
    distance, normal = np.full(rays.shape[:2], FAR), np.zeros(rays.shape)
    for kind, meet in enumerate((_ball, _cube, _cylinder, _cone)):
        here = shape == kind
        if here.any():
            distance[here], normal[here] = meet(origin[here], rays[here], radius[here][:, None])
    return Hit(distance, normal)


def _ball(origin: Origins, rays: Vectors, radius: Float[np.ndarray, "N 1"]) -> Hit:
    """A ball that touches the floor."""
    centre = np.zeros_like(origin)
    centre[..., 1] = radius
    from_centre = origin - centre
    distance = _nearer_root(np.ones(rays.shape[:2]), (rays * from_centre).sum(2), (from_centre**2).sum(2) - radius**2)
    return Hit(distance, (from_centre + distance[..., None] * rays) / radius[..., None])


def _cube(origin: Origins, rays: Vectors, radius: Float[np.ndarray, "N 1"]) -> Hit:
    """A cube of side 1.7 radius, as large as the others look; a ray is in it while between all pairs of planes."""
    half = 0.85 * radius[..., None] * np.ones(3)
    middle = half * [0.0, 1.0, 0.0]
    with np.errstate(divide="ignore"):
        one, other = ((middle + sign * half - origin) / rays for sign in (-1, 1))
    enters, leaves = np.minimum(one, other), np.maximum(one, other)
    distance, last = enters.max(axis=2), leaves.min(axis=2)
    side = np.eye(3)[enters.argmax(axis=2)]
    return Hit(np.where((distance < last) & (distance > 0), distance, FAR), -np.sign(rays) * side)


def _cylinder(origin: Origins, rays: Vectors, radius: Float[np.ndarray, "N 1"]) -> Hit:
    """An upright cylinder of height 1.6 radius."""
    wide, high = 0.85 * radius, 1.6 * radius
    o, d = origin[..., [0, 2]], rays[..., [0, 2]]
    distance = _nearer_root((d**2).sum(2), (o * d).sum(2), (o**2).sum(2) - wide**2)
    point = origin + distance[..., None] * rays
    distance = np.where((point[..., 1] >= 0) & (point[..., 1] <= high), distance, FAR)
    normal = point / wide[..., None] * [1.0, 0.0, 1.0]
    with np.errstate(divide="ignore"):
        lid = _ahead((high - origin[..., 1]) / rays[..., 1])
    on_lid = ((origin + lid[..., None] * rays)[..., [0, 2]] ** 2).sum(2) <= wide**2
    return _nearer(Hit(distance, normal), Hit(np.where(on_lid, lid, FAR), np.broadcast_to([0.0, 1.0, 0.0], rays.shape)))


def _cone(origin: Origins, rays: Vectors, radius: Float[np.ndarray, "N 1"]) -> Hit:
    """An upright cone of height 2 radius: at height y its radius is (1 - y / height) of that at the floor."""
    high, slope = 2 * radius, 0.475  # of the radius at the floor by height
    o, d = origin - np.stack([0 * high, high, 0 * high], axis=2), rays
    weights = np.array([1.0, -(slope**2), 1.0])
    distance = _nearer_root((weights * d**2).sum(2), (weights * o * d).sum(2), (weights * o**2).sum(2))
    point = origin + distance[..., None] * rays
    inside = (point[..., 1] >= 0) & (point[..., 1] <= high)
    from_tip = o + distance[..., None] * rays
    normal = from_tip * weights
    normal /= np.maximum(np.linalg.norm(normal, axis=2, keepdims=True), 1e-9)
    return Hit(np.where(inside, distance, FAR), normal)


def _nearer_root(a: Distances, b: Distances, c: Float[np.ndarray, "N 1"]) -> Distances:
    """The smaller root of a t² + 2 b t + c where it is real and ahead; FAR elsewhere."""
    under = b**2 - a * c
    with np.errstate(divide="ignore", invalid="ignore"):
        root = (-b - np.sqrt(np.maximum(under, 0))) / a
    return np.where(under > 0, _ahead(root), FAR)


def _ahead(distance: Distances) -> Distances:
    """The distance where it is ahead of the camera; FAR elsewhere."""
    ahead: Bool[np.ndarray, "N R"] = np.isfinite(distance) & (distance > 1e-6)
    return np.where(ahead, distance, FAR)


def _nearer(one: Hit, other: Hit) -> Hit:
    """Of two things the one that a ray meets first."""
    closer = one.distance <= other.distance
    return Hit(np.where(closer, one.distance, other.distance), np.where(closer[..., None], one.normal, other.normal))
