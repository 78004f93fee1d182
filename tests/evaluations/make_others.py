"""Files of lighteval, HELM and SWE-bench, by their own writers: lighteval 0.13.0, crfm-helm 0.5.16, swebench 5.0.2.

Run: pip install lighteval crfm-helm swebench; python tests/evaluations/make_others.py tests/evaluations
Nothing is evaluated: the outcomes are drawn, and each tool writes them as it writes its own.
"""

import json
import os
import random
import sys
import tempfile
from pathlib import Path

ROWS = 20
HELM_ROWS = 6  # each is 24 statistics


def right(tool: str, seed: int, row: int) -> bool:
    return random.Random(f"{tool} {seed} {row}").random() < (0.95 if row % 3 else 0.3)


def lighteval(folder: Path) -> None:
    from datasets import Dataset
    from lighteval.logging.evaluation_tracker import EvaluationTracker, asdict
    from lighteval.models.model_output import ModelResponse
    from lighteval.tasks.requests import Doc

    for seed in range(3):
        tracker = EvaluationTracker(output_dir=str(folder), save_details=True)
        tracker.general_config_logger.model_name = f"mine/model-seed{seed}"
        for row in range(ROWS) if seed else reversed(range(ROWS)):
            doc = Doc(query=f"What is {row} + {row}?", choices=[str(2 * row)], gold_index=0, task_name="sums|0")
            doc.id = str(row)
            said = ModelResponse(text=["..."])
            metrics = {"em": int(right("lighteval", seed, row)), "len": 3.0}
            # not .log(), which hashes too, and only with an older xxhash
            tracker.details_logger.details["sums|0"].append(tracker.details_logger.Detail(doc, said, metrics))
        stamp = f"2026-11-27T03-00-0{seed}.000000"
        details = tracker.details_logger.details.items()
        tracker.save_details(stamp, {name: Dataset.from_list([asdict(d) for d in of]) for name, of in details})


def helm(folder: Path) -> None:
    from helm.benchmark.adaptation.adapter_spec import AdapterSpec
    from helm.benchmark.augmentations.perturbation_description import PerturbationDescription
    from helm.benchmark.metrics.metric import PerInstanceStats
    from helm.benchmark.metrics.metric_name import MetricName
    from helm.benchmark.metrics.statistic import Stat
    from helm.benchmark.run_spec import RunSpec
    from helm.benchmark.scenarios.scenario import CORRECT_TAG, Input, Instance, Output, Reference, ScenarioSpec
    from helm.common.general import asdict_without_nones

    for seed in range(3):
        name = f"sums:digits=2,model=mine_model-seed{seed}"
        place = folder / "runs" / "v1" / name
        place.mkdir(parents=True)
        adapter = AdapterSpec(method="generation", model=f"mine/model-seed{seed}", max_train_instances=5)
        spec = RunSpec(name=name, scenario_spec=ScenarioSpec("sums.Sums", {}), adapter_spec=adapter, metric_specs=[])
        order = list(range(HELM_ROWS)) if seed else list(reversed(range(HELM_ROWS)))
        instances, lines = [], []
        for number, row in enumerate(order):
            asked = Instance(Input(text=f"What is {row} + {row}?"), [Reference(Output(str(2 * row)), [CORRECT_TAG])],
                             split="test", id=f"id{number}")  # fmt: skip
            instances.append(asked)
            for trial in range(2):
                for typos in (None, PerturbationDescription(name="typos", robustness=True)):
                    hit = right("helm", seed + 10 * trial, row) and typos is None
                    stats = [Stat(MetricName(what, split="test", perturbation=typos)).add(v)
                             for what, v in (("exact_match", hit), ("num_output_tokens", 3))]  # fmt: skip
                    lines.append(PerInstanceStats(f"id{number}", typos, trial, stats))
        for file, what in (("run_spec", asdict_without_nones(spec)),
                           ("instances", [asdict_without_nones(i) for i in instances]),
                           ("per_instance_stats", [asdict_without_nones(line) for line in lines])):  # fmt: skip
            (place / f"{file}.json").write_text(json.dumps(what))  # HELM indents them


def swebench(folder: Path) -> None:
    from swebench.harness.reporting import make_run_report

    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        for seed in range(3):
            names = [f"project__tool-{row}" for row in range(ROWS)]
            told = {n: {"instance_id": n, "model_name_or_path": "mine/agent", "model_patch": "diff"} for n in names}
            told[names[seed]]["model_patch"] = ""
            for row, name in enumerate(names):
                place = Path("logs/run_evaluation") / f"seed-{seed}" / "mine__agent" / name
                if row != 10 + seed and row != seed:  # the others end in an error, or are empty
                    place.mkdir(parents=True)
                    done = {name: {"resolved": right("swebench", seed, row)}}
                    (place / "report.json").write_text(json.dumps(done))
            make_run_report(told, [{"instance_id": n} for n in names], f"seed-{seed}", report_dir=str(folder))


if __name__ == "__main__":
    to = Path(sys.argv[1]).resolve()
    lighteval(to / "lighteval")
    helm(to / "helm")
    swebench(to / "swebench")
