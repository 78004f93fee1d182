"""Lines of code: Python without blanks, comments and docstrings; JavaScript and CSS (sources, not bundles) as they are.

Run: python benchmarks/lines.py [FOLDER]      (another checkout's root; default this one)
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from pathlib import Path

SKIP = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING,
        tokenize.ENDMARKER}  # fmt: skip


def python_lines(text: str) -> int:
    """Lines that hold a token of code, without those of docstrings."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in SKIP:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                lines.difference_update(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return len(lines)


def main() -> None:
    """Print the counts of one checkout."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1]
    package = sum(python_lines(p.read_text()) for p in (root / "predictlab").rglob("*.py"))
    widgets = sum(python_lines(p.read_text()) for p in (root / "widgets/predictlab_widgets").rglob("*.py"))
    sources = root / "widgets/js"  # what predictlab_widgets/static holds is made from them
    folder = sources if sources.exists() else root / "widgets/predictlab_widgets"
    browser = sum(len(p.read_text().splitlines()) for kind in ("*.js", "*.css") for p in folder.rglob(kind))
    print(f"predictlab/ {package}, widgets' Python {widgets}, both {package + widgets}; JavaScript and CSS {browser}")


if __name__ == "__main__":
    main()
