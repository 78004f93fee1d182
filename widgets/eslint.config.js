import js from "@eslint/js";
import globals from "globals";

const rules = {
  ...js.configs.recommended.rules,
  "no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_$" }],
  "prefer-const": ["error", { destructuring: "all" }],
  eqeqeq: "error",
  "no-var": "error",
  "no-shadow": "error",
};

export default [
  { ignores: ["predictlab_widgets/", "node_modules/", "build/"] },
  { files: ["js/**/*.js"], rules, languageOptions: { globals: globals.browser } },
  // No page: node runs these too.
  { files: ["js/numbers.js", "js/axis.js", "js/strips.js", "*.js"], rules, languageOptions: { globals: globals.node } },
];
