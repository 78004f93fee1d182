// Power of a comparison of two recipes (docs/theory.md, section 8; docs/comparing.md): a t test on 2 (S - 1) degrees of
// freedom. No page is needed here: tests/widgets/test_numbers.py holds each function to what pl.compare_design says.

const POINTS = [400, 120]; // of the integral over the estimated spread: where it is skew, and where it is nearly normal

/** The normal law's lower tail, to about 14 digits: a series near zero, a continued fraction in the tail. */
export function normalBelow(x) {
  const z = Math.abs(x);
  if (z > 38) return x > 0 ? 1 : 0;
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  let upper;
  if (z < 3) {
    let [term, total] = [z, z];
    for (let k = 3; Math.abs(term) > 1e-17 * total && k < 200; k += 2) total += term *= (z * z) / k;
    upper = 0.5 - density * total;
  } else {
    let fraction = 0;
    for (let k = 60; k > 0; k--) fraction = k / (z + fraction);
    upper = density / (z + fraction);
  }
  return x > 0 ? 1 - upper : upper;
}

const laws = new Map();

/** Of `seeds` runs each: places and weights of the estimated standard deviation over the true one. */
function spreadOf(seeds) {
  if (laws.has(seeds)) return laws.get(seeds);
  const df = 2 * (seeds - 1);
  const reach = 9 / Math.sqrt(2 * df);
  const [from, to] = [Math.max(1e-9, 1 - reach), 1 + reach];
  const points = POINTS[seeds < 6 ? 0 : 1];
  const [at, weight] = [new Float64Array(points + 1), new Float64Array(points + 1)];
  let total = 0;
  for (let i = 0; i <= points; i++) {
    at[i] = from + ((to - from) * i) / points;
    weight[i] = (i % points === 0 ? 1 : i % 2 ? 4 : 2) * Math.exp((df - 1) * Math.log(at[i]) - (df * (at[i] ** 2 - 1)) / 2);
    total += weight[i];
  }
  for (let i = 0; i <= points; i++) weight[i] /= total;
  const law = { at, weight, critical: 0, unit: new Map() };
  laws.set(seeds, law);
  law.critical = solve((c) => beyond(law, c, 0), 0.05, 1.9, 13);
  return law;
}

/** Chance that an estimate `shift` standard errors off zero lies more than `c` estimated ones off it. */
function beyond({ at, weight }, c, shift) {
  let chance = 0;
  for (let i = 0; i < at.length; i++) chance += weight[i] * (normalBelow(shift - c * at[i]) + normalBelow(-shift - c * at[i]));
  return chance;
}

/** Where a monotone function has a value: halves until the ends are near, then secants that keep it between them (Illinois). */
function solve(f, value, low, high) {
  let [a, b, fa, fb] = [low, high, f(low) - value, f(high) - value];
  for (let i = 0, kept = 0; i < 80 && Math.abs(b - a) > 1e-12 * Math.abs(a + b); i++) {
    const x = Math.abs(b - a) > 1 ? (a + b) / 2 : (a * fb - b * fa) / (fb - fa);
    const fx = f(x) - value;
    if (fx === 0) return x;
    if (fx < 0 === fa < 0) {
      [a, fa] = [x, fx];
      if (kept === 1) fb /= 2;
      kept = 1;
    } else {
      [b, fb] = [x, fx];
      if (kept === -1) fa /= 2;
      kept = -1;
    }
    if (Math.abs(fx) < 1e-14) return x;
  }
  return (a + b) / 2;
}

/** Variance of the difference of two recipes' means: 2 (sigma_run² + sigma_int² / n) / S. */
export const variance = ({ run_sd, interaction, seeds, rows }) => (2 * (run_sd ** 2 + interaction / rows)) / seeds;

/** Chance to see a difference at 5 %, two-sided; none with one run each, whose spread is not known. */
export function powerOf(difference, s) {
  if (s.seeds < 2) return 0;
  const sd = Math.sqrt(variance(s));
  if (!(sd > 0)) return 1;
  const law = spreadOf(s.seeds);
  return beyond(law, law.critical, Math.min(Math.abs(difference) / sd, 60));
}

/** Size of an observed difference from which on it is called, on average over what the runs' spread may be seen to be. */
export const calledFrom = (s) => (s.seeds < 2 ? Infinity : spreadOf(s.seeds).critical * Math.sqrt(variance(s)));

/** The difference that is seen with the chance `power`, in standard errors of the difference. */
function smallestShift(seeds, power) {
  const law = spreadOf(seeds);
  if (!law.unit.has(power)) law.unit.set(power, solve((x) => beyond(law, law.critical, x), power, 0, law.critical + 10));
  return law.unit.get(power);
}

/** The difference that is seen with the chance `power`; infinite with one run each. */
export const smallestDifference = (s, power) => (s.seeds < 2 ? Infinity : smallestShift(s.seeds, power) * Math.sqrt(variance(s)));

/** Fewest runs of each, up to `most`; infinite where they do not suffice. */
export function seedsNeeded(difference, s, power, most = 4096) {
  const enough = (seeds) => smallestDifference({ ...s, seeds }, power) <= difference;
  let high = 2;
  while (!enough(high)) {
    high *= 2;
    if (high > most) return Infinity;
  }
  let low = high / 2;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (enough(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** Fewest rows with these runs; infinite where the runs' own spread is too wide already. */
export function rowsNeeded(difference, s, power) {
  if (s.seeds < 2) return Infinity;
  const room = ((difference / smallestShift(s.seeds, power)) ** 2 * s.seeds) / 2 - s.run_sd ** 2;
  return room > 0 ? Math.ceil(s.interaction / room) : Infinity;
}
