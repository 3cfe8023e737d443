// Sets of points in the plane, x and y in [0, 1], for the training in the page.

const COUNT = 500;

// Each preset gives a point without noise for u and v in [0, 1], before it is scattered.
const SHAPES = {
  moons: (u, v) => {
    const angle = Math.PI * u;
    const [x, y] =
      v < 0.5 ? [Math.cos(angle) - 0.5, Math.sin(angle) - 0.25] : [0.5 - Math.cos(angle), 0.25 - Math.sin(angle)];
    return [0.5 + 0.26 * x, 0.5 + 0.3 * y];
  },
  ring: (u) => [0.5 + 0.32 * Math.cos(2 * Math.PI * u), 0.5 + 0.32 * Math.sin(2 * Math.PI * u)],
  spiral: (u) => {
    const [angle, radius] = [4.2 * Math.PI * Math.sqrt(u), 0.37 * Math.sqrt(u)];
    return [0.5 + radius * Math.cos(angle), 0.5 + radius * Math.sin(angle)];
  },
  clusters: (u) => {
    const angle = (2 * Math.PI * Math.floor(5 * u)) / 5 + Math.PI / 2;
    return [0.5 + 0.3 * Math.cos(angle), 0.5 + 0.3 * Math.sin(angle)];
  },
};
const SCATTER = { moons: 0.018, ring: 0.018, spiral: 0.012, clusters: 0.035 };
export const PRESETS = Object.keys(SHAPES);

const inside = (value) => Math.min(0.99, Math.max(0.01, value));

// A point near (x, y).
export function scattered([x, y], spread, random) {
  return [inside(x + spread * random.normal()), inside(y + spread * random.normal())];
}

export function preset_points(name, random) {
  if (!SHAPES[name]) return [];
  return Array.from({ length: COUNT }, () =>
    scattered(SHAPES[name](random.uniform(), random.uniform()), SCATTER[name], random),
  );
}

// The colour of a place in the plane: its direction from the middle as hue, so that neighbours have like colours.
export function place_colour([x, y], is_dark, alpha = 1) {
  const hue = (180 * Math.atan2(y - 0.5, x - 0.5)) / Math.PI;
  return `hsl(${hue.toFixed(0)} 62% ${is_dark ? 66 : 42}% / ${alpha})`;
}
