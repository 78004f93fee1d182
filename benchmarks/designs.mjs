// How long a tick of BudgetAllocator computes where steps and evaluation rows are shared out: node benchmarks/designs.mjs
// The page alone, without its painting: tasks with laws of their own, the budget moved along the slider.

import { allocatedDesign, designed, designFrontier } from "../widgets/js/designs.js";

let seed = 1;
const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;

function tasksOf(size, wide) {
  const [grid, population, interaction] = [0, 0, 0].map(() => new Float64Array(size * wide));
  for (let t = 0; t < size; t++) {
    const [scale, rate, floor] = [10 ** (-3 + 2 * random()), 0.3 + 2 * random(), 10 ** (-5 + random())];
    for (let j = 0; j < wide; j++) {
      const [i, depth] = [t * wide + j, 4 * 1024 ** (j / (wide - 1))];
      [grid[i], population[i], interaction[i]] = [depth, floor + scale * depth ** -rate, 0.1 + 0.1 * depth ** -0.5];
    }
  }
  const names = Array.from({ length: size }, (_, t) => `t${t}`);
  return { names, size, wide, grid, population, interaction, step: new Float64Array(size).fill(16), row: new Float64Array(size).fill(4) };
}

for (const [size, wide] of [[10, 160], [50, 160], [1000, 64]]) {
  const tasks = designed(tasksOf(size, wide), Array(size).fill(1), {});
  const took = Array.from({ length: 60 }, (_, k) => {
    const start = performance.now();
    allocatedDesign(tasks, tasks.least * (2 + k));
    return performance.now() - start;
  }).sort((a, b) => a - b);
  const start = performance.now();
  designFrontier(tasks, 1000 * tasks.least);
  const frontier = performance.now() - start;
  console.log(`${size} tasks, ${wide} depths: a tick ${took[30].toFixed(1)} ms (least ${took[0].toFixed(1)}, 95 %: ${took[57].toFixed(1)}), the frontier ${frontier.toFixed(0)} ms`);
}
