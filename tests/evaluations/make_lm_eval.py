"""Samples of lm-evaluation-harness by the tool itself; `lm_eval/` was made by this, with lm-eval 0.4.13 and no network.

Run: pip install lm-eval; python tests/evaluations/make_lm_eval.py tests/evaluations/lm_eval
Its dummy model answers at random; what it knows of the machine (`pretty_env_info`) is taken out afterwards.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

TASK = """task: sums
dataset_path: json
dataset_kwargs: {data_files: {test: rows.jsonl}}
output_type: multiple_choice
test_split: test
doc_to_text: "{{question}}"
doc_to_choice: ["even", "odd"]
doc_to_target: answer
metric_list: [{metric: acc}, {metric: acc_norm}]
"""

if __name__ == "__main__":
    to = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        (work / "tasks").mkdir()
        (work / "tasks" / "sums.yaml").write_text(TASK)
        for seed in range(3):
            order = range(12) if seed else range(11, -1, -1)  # doc_id is local to the file: joined by content
            rows = [{"question": f"What is {i} + {i}?", "answer": i % 2, "passage": i // 2} for i in order]
            (work / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
            told = f"--model dummy --tasks sums --include_path tasks --log_samples --seed {seed} --output_path"
            command = [sys.executable, "-m", "lm_eval", *told.split(), str(to / f"seed-{seed}" / "dummy")]
            subprocess.run(command, cwd=work, check=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})
        for file in to.rglob("results_*.json"):
            told = json.loads(file.read_text())
            told.pop("pretty_env_info", None)
            file.write_text(json.dumps(told, indent=2))
