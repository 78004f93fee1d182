// Bundles js/<widget>.js and .css, with what they import, into predictlab_widgets/static/, readable.
// node build.js [--watch: again at every change | --check: fail where a committed bundle is not what the sources give]

import { existsSync, readFileSync } from "node:fs";
import { context } from "esbuild";

const widgets = [
  "budget_allocator", "decay_explorer", "noise_explorer", "phase_diagram", "probe_monitor", "risk_decomposition", "runs_explorer",
  "selection_monitor",
  "static_scores",
];
const check = process.argv.includes("--check");
const build = await context({
  absWorkingDir: import.meta.dirname,
  entryPoints: widgets.flatMap((name) => [`js/${name}.js`, `js/${name}.css`]),
  outdir: "predictlab_widgets/static",
  bundle: true,
  format: "esm",
  charset: "utf8",
  target: "es2023",
  write: !check,
});

if (process.argv.includes("--watch")) await build.watch();
else {
  const { outputFiles } = await build.rebuild();
  await build.dispose();
  const stale = (outputFiles ?? []).filter(({ path, text }) => !existsSync(path) || readFileSync(path, "utf8") !== text);
  for (const { path } of stale) console.error(`stale: ${path}`);
  if (stale.length) {
    console.error("Run `npm run build` in widgets/ and commit what it writes.");
    process.exitCode = 1;
  }
}
