"""Outcomes in the files of other tools: those in tests/evaluations were written by the tools (make_*.py there)."""

import json
import logging
import random
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError, DataError

FILES = Path(__file__).parents[1] / "evaluations"


def drawn(tool, seed, row):
    """As make_others.py draws it."""
    return random.Random(f"{tool} {seed} {row}").random() < (0.95 if row % 3 else 0.3)


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.WARNING, "predictlab")
    return lambda: caplog.text


# ---------------------------------------------------------------- Inspect AI


def asked(seed, i, epoch):
    """As make_inspect.py answers."""
    return random.Random(f"{seed} {i} {epoch}").random() < (0.95 if i % 3 else 0.3)


def test_logs_of_inspect_are_what_the_tool_was_told_to_write(said):
    table = pl.read_outcomes(FILES / "inspect" / "epochs", metric="match")
    assert "the seed of each run is read from its folder's name" in said()
    assert set(table["seed"]) == {0, 1, 2}
    for (seed, i), row in table.set_index(["seed", "number"]).iterrows():
        answers = [asked(seed, i, epoch) for epoch in (1, 2, 3)]
        assert row["value"] == pytest.approx(np.mean(answers))
        assert row["sampling_variance"] == pytest.approx(np.var(answers, ddof=1))
        assert row["epochs"] == 3


def test_the_json_log_of_other_order_is_joined_by_what_rows_ask():
    a = pl.read_outcomes(FILES / "inspect" / "json", metric="match").set_index("row")
    b = pl.read_outcomes(FILES / "inspect" / "epochs" / "seed-0", metric="match").set_index("row")
    assert (a["number"] == b["number"].reindex(a.index)).all()
    assert a["value"].tolist() == [asked(0, i, 1) for i in a["number"]]


def test_epochs_are_a_level_of_their_own_and_no_runs():
    found = pl.noise(FILES / "inspect" / "epochs", metric="match")
    assert found.runs == 3
    assert found.rows == 12
    every = np.array([[[asked(s, i, e) for e in (1, 2, 3)] for i in range(12)] for s in range(3)])
    sampling = found.evidence.sampling
    assert sampling.epochs == 3
    assert sampling.variance == pytest.approx(every.var(axis=2, ddof=1).mean())
    assert sampling.right_or_wrong
    # the share of rows on which one answer of one run is not that of another: within the noise of few rows
    pairs = [np.mean(every[a, :, k] != every[b, :, m]) for a in range(3) for b in range(a) for k in range(3)
             for m in range(3)]  # fmt: skip
    assert found.churn == pytest.approx(np.mean(pairs), abs=0.02)
    assert "asked again, answers otherwise" in str(found)
    assert found.to_dict()["epochs"] == 3


def test_metadata_of_samples_names_clusters():
    found = pl.noise(FILES / "inspect" / "epochs", metric="match", cluster="passage")
    assert found.parts.clusters == 6


def test_a_scorer_is_asked_for_and_failed_samples_too():
    with pytest.raises(ArgumentError, match="match, includes"):
        pl.read_outcomes(FILES / "inspect" / "json")
    errors = FILES / "inspect" / "errors"
    with pytest.raises(ArgumentError, match="1 of 12 rows have no outcome"):
        pl.read_outcomes(errors, metric="match")
    zero, missing = (pl.read_outcomes(errors, metric="match", errors=e) for e in ("zero", "missing"))
    assert len(zero) == 12
    assert len(missing) == 11
    assert zero.loc[zero["number"] == 4, "value"].item() == 0
    with pytest.raises(ArgumentError, match="errors"):
        pl.read_outcomes(errors, metric="match", errors="wrong")


def log_of(folder, **changes):
    """The log that the tool wrote as JSON, changed."""
    whole = json.loads(next((FILES / "inspect" / "json").iterdir()).read_text())
    for key, value in changes.items():
        place = whole
        *path, last = key.split("__")
        for name in path:
            place = place[name]
        place[last] = value
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "2026-11-27T03-00-00_sums_x.json"
    file.write_text(json.dumps(whole))
    return file


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"status": "started"}, "still running"),
        ({"status": "cancelled"}, "status 'cancelled'"),
        ({"status": "error"}, "errors='missing'"),
        ({"invalidated": True}, "invalidated"),
        ({"samples": []}, "no samples"),
    ],
)
def test_logs_that_did_not_end_well_are_refused(tmp_path, changes, says):
    with pytest.raises(DataError, match=says):
        pl.read_outcomes(log_of(tmp_path, **changes), metric="match")


def test_samples_of_a_cancelled_log_are_taken_where_missing_ones_may_be(tmp_path, said):
    table = pl.read_outcomes(log_of(tmp_path, status="cancelled"), metric="match", errors="missing")
    assert len(table) == 12
    assert "status cancelled" in said()


def test_a_log_whose_samples_are_not_those_of_its_result_is_refused(tmp_path):
    whole = json.loads(log_of(tmp_path).read_text())
    file = log_of(tmp_path, samples=whole["samples"][:9])
    with pytest.raises(DataError, match="the tool says"):
        pl.read_outcomes(file, metric="match")


def test_other_versions_and_arguments_of_a_task_are_refused_together_and_compared(tmp_path):
    log_of(tmp_path / "a")
    log_of(tmp_path / "b", eval__task_version=2)
    with pytest.raises(DataError, match="other versions"):
        pl.read_outcomes(tmp_path, metric="match")
    with pytest.raises(DataError, match="asked otherwise"):
        pl.compare(tmp_path / "a", tmp_path / "b", metric="match")


def test_scores_of_several_values_and_words(tmp_path):
    whole = json.loads(log_of(tmp_path).read_text())
    for i, sample in enumerate(whole["samples"]):
        sample["scores"] = {"judge": {"value": {"tone": i / 12, "right": "yes" if i % 2 else "No"}}}
    file = log_of(tmp_path, samples=whole["samples"], results=None)
    assert pl.read_outcomes(file, metric="judge.right")["value"].tolist() == [0.0, 1.0] * 6
    assert pl.read_outcomes(file, metric="judge.tone")["value"].max() == pytest.approx(11 / 12)
    for sample in whole["samples"]:
        sample["scores"] = {"judge": {"value": [1, 2]}}
    with pytest.raises(DataError, match="no mean over rows"):
        pl.read_outcomes(log_of(tmp_path, samples=whole["samples"], results=None), metric="judge")


def test_damaged_and_unfinished_zips_are_said(tmp_path):
    whole = next((FILES / "inspect" / "errors").iterdir())
    cut = tmp_path / "cut.eval"
    cut.write_bytes(whole.read_bytes()[:-2000])
    with pytest.raises(DataError, match="damaged log"):
        pl.read_outcomes(cut, metric="match")
    data = bytearray(whole.read_bytes())
    with zipfile.ZipFile(whole) as archive:
        at = archive.getinfo("summaries.json").header_offset + 30 + len("summaries.json") + 20
    data[at : at + 60] = bytes(60)
    broken = tmp_path / "broken.eval"
    broken.write_bytes(data)
    with pytest.raises(DataError, match="damaged log"):
        pl.read_outcomes(broken, metric="match", errors="zero")
    running = tmp_path / "running.eval"
    with zipfile.ZipFile(running, "w") as archive:
        archive.writestr("_journal/start.json", "{}")
    with pytest.raises(DataError, match="still being written"):
        pl.read_outcomes(running)
    half = tmp_path / "2026_half.json"
    half.write_text(next((FILES / "inspect" / "json").iterdir()).read_text()[:5000])
    with pytest.raises(DataError, match="cut short"):
        pl.read_outcomes(half)


def test_a_zip_without_zstd_and_without_summaries_is_read_by_its_samples(tmp_path):
    whole = json.loads(log_of(tmp_path).read_text())
    path = tmp_path / "old" / "old.eval"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", json.dumps({k: v for k, v in whole.items() if k != "samples"}))
        for sample in whole["samples"]:
            archive.writestr(f"samples/{sample['id']}_epoch_1.json", json.dumps(sample))
    old, new = (pl.read_outcomes(p, metric="match").set_index("row")["value"] for p in (path, log_of(tmp_path)))
    pd.testing.assert_series_equal(old.sort_index(), new.sort_index())


# ---------------------------------------------------------------- lighteval, HELM, SWE-bench, lm-evaluation-harness


def test_details_of_lighteval_are_joined_by_what_rows_ask(said):
    table = pl.read_outcomes(FILES / "lighteval", metric="em")
    assert set(table["seed"]) == {0, 1, 2}
    wide = table.pivot_table(index="row", columns="seed", values="value")
    first = table[table["seed"] == 1]["row"].tolist()  # written in the order of the numbers
    for seed in range(3):
        assert wide.loc[first, seed].tolist() == [drawn("lighteval", seed, i) for i in range(20)]
    with pytest.raises(ArgumentError, match="em, len"):
        pl.read_outcomes(FILES / "lighteval")


def test_old_names_of_lightevals_columns_are_known(tmp_path):
    source = next((FILES / "lighteval").rglob("*.parquet"))
    frame = pd.read_parquet(source).rename(columns=lambda c: f"__{c}__")
    frame.to_parquet(tmp_path / source.name)
    assert len(pl.read_outcomes(tmp_path / source.name, metric="em")) == 20
    frame.drop(columns="__metric__").to_parquet(tmp_path / source.name)
    with pytest.raises(DataError, match="details of lighteval"):
        pl.read_outcomes(tmp_path / source.name, metric="em")
    (tmp_path / source.name).write_bytes(source.read_bytes()[:4000])
    with pytest.raises(DataError, match="cannot be read as parquet"):
        pl.read_outcomes(tmp_path / source.name, metric="em")


def test_runs_of_helm_without_perturbed_rows_and_with_trials_as_repeats(said):
    table = pl.read_outcomes(FILES / "helm", metric="exact_match")
    assert "12 lines of perturbed instances left out" in said()
    assert set(table["seed"]) == {0, 1, 2}
    assert (table["epochs"] == 2).all()
    wide = table.pivot_table(index="row", columns="seed", values="value")
    first = table[table["seed"] == 1]["row"].tolist()
    for seed in range(3):
        wanted = [np.mean([drawn("helm", seed + 10 * k, i) for k in range(2)]) for i in range(6)]
        assert wide.loc[first, seed].tolist() == wanted
    with pytest.raises(ArgumentError, match="exact_match, num_output_tokens"):
        pl.read_outcomes(FILES / "helm")


def test_splits_of_helm_are_asked_for(tmp_path):
    shutil.copytree(FILES / "helm", tmp_path, dirs_exist_ok=True)
    file = next(tmp_path.rglob("per_instance_stats.json"))
    lines = json.loads(file.read_text())
    for line in lines[: len(lines) // 2]:
        for stat in line["stats"]:
            stat["name"]["split"] = "valid"
    file.write_text(json.dumps(lines))
    with pytest.raises(ArgumentError, match="valid, test"):
        pl.read_outcomes(file, metric="exact_match")
    assert len(pl.read_outcomes(file, metric="exact_match", filter="valid")) == 3


def test_reports_of_swebench_ask_about_errors_and_empty_patches(said):
    with pytest.raises(ArgumentError, match="2 of 20 rows have no outcome"):
        pl.read_outcomes(FILES / "swebench")
    zero = pl.read_outcomes(FILES / "swebench", errors="zero")
    assert "1 error_ids, 1 empty_patch_ids" in said()
    for (seed, row), value in zero.set_index(["seed", "row"])["value"].items():
        i = int(re.search(r"\d+$", row)[0])
        assert value == (0.0 if i in (seed, 10 + seed) else drawn("swebench", seed, i))
    found = pl.noise(FILES / "swebench", errors="missing")
    assert found.rows == 14  # each run misses two others
    assert "6 rows left out that some run misses" in str(found)


def test_samples_that_the_harness_wrote_itself_are_joined_by_content(said):
    table = pl.read_outcomes(FILES / "lm_eval", metric="acc")
    printed = {}
    for seed in range(3):
        file = next((FILES / "lm_eval" / f"seed-{seed}").rglob("results_*.json"))
        printed[seed] = json.loads(file.read_text())["results"]["sums"]["acc,none"]
    assert table.groupby("seed")["value"].mean().to_dict() == pytest.approx(printed)
    assert table.groupby("row")["seed"].nunique().eq(3).all()


# ---------------------------------------------------------------- OLMES


def write_olmes(folder, values, docs=True, printed=True, first=0):
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / "task-000-arc_easy"
    numbers = range(first, first + len(values))
    lines = [
        {"doc_id": k, "native_id": f"Mercury_{i}", "metrics": {"acc_raw": bool(v), "primary_score": float(v)},
         "model_output": [{"sum_logits": -1.5, "logits_per_char": -0.1}], "label": 0}
        for k, (i, v) in enumerate(zip(numbers, values, strict=True))
    ]  # fmt: skip
    Path(f"{stem}-predictions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    if docs:
        asks = [
            {"request_type": "loglikelihood", "doc": {"query": f"question {i}"}, "doc_id": k, "idx": c,
             "native_id": f"Mercury_{i}"}
            for k, i in enumerate(numbers) for c in range(4)
        ]  # fmt: skip
        Path(f"{stem}-requests.jsonl").write_text("".join(json.dumps(line) + "\n" for line in asks))
    if printed:
        told = {"task_name": "arc_easy", "task_config": {"primary_metric": "acc_raw"},
                "metrics": {"acc_raw": float(np.mean(values)), "primary_score": float(np.mean(values))}}  # fmt: skip
        Path(f"{stem}-metrics.json").write_text(json.dumps(told))
    return Path(f"{stem}-predictions.jsonl")


def test_predictions_of_olmes_with_steps_in_folders(tmp_path, said):
    right = (np.random.default_rng(0).random((2, 30)) < 0.7).astype(int)
    for seed in range(2):
        write_olmes(tmp_path / f"dolma-300M-seed{seed}" / "step38157-unsharded-hf", right[seed], first=0)
    table = pl.read_outcomes(tmp_path)
    assert "the metric is the task's primary one, acc_raw" in said()
    assert set(table["depth"]) == {38157}
    assert set(table["seed"]) == {0, 1}
    assert table.groupby("seed")["value"].mean().tolist() == pytest.approx(right.mean(axis=1).tolist())
    assert pl.noise(tmp_path).parts.interaction == pytest.approx(pl.noise(right).parts.interaction)


def test_olmes_rows_without_documents_are_known_by_their_ids_which_is_said(tmp_path, said):
    path = write_olmes(tmp_path, [1, 0, 1, 1], docs=False)
    assert pl.read_outcomes(path)["row"].tolist() == [f"Mercury_{i}:{i}" for i in range(4)]
    assert "joined by their ids" in said()


def test_olmes_what_is_cut_or_does_not_add_up(tmp_path, said):
    path = write_olmes(tmp_path / "a", [1, 0, 1, 1], printed=False)
    with pytest.raises(ArgumentError, match="acc_raw, primary_score"):
        pl.read_outcomes(path)
    path.write_text(path.read_text()[:-20])
    assert len(pl.read_outcomes(path, metric="acc_raw")) == 3
    assert "the last line was cut" in said()
    path = write_olmes(tmp_path / "b", [1, 0, 1, 1])
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    with pytest.raises(DataError, match="the tool says"):
        pl.read_outcomes(path)
    path = write_olmes(tmp_path / "c", [1, 0, 1], printed=False)
    path.write_text(path.read_text() * 2)
    assert len(pl.read_outcomes(path, metric="acc_raw")) == 3
    assert "3 lines stand twice" in said()
    first = path.read_text().splitlines()[0]
    path.write_text(path.read_text() + first.replace("true", "false") + "\n")
    with pytest.raises(DataError, match="two outcomes"):
        pl.read_outcomes(path, metric="acc_raw")


# ---------------------------------------------------------------- all of them


def test_seeds_and_steps_can_be_named_by_a_mapping():
    runs = {f"mine__agent.seed-{i}": 10 + i for i in range(3)}
    table = pl.read_outcomes(FILES / "swebench", errors="zero", seed=runs, depth=dict.fromkeys(runs, 500))
    assert set(table["seed"]) == {10, 11, 12}
    assert set(table["depth"]) == {500}
    with pytest.raises(ArgumentError, match=r"Missing: mine__agent\.seed-2"):
        pl.read_outcomes(FILES / "swebench", errors="zero", seed={k: v for k, v in runs.items() if v < 12})


def test_a_folder_of_several_tools_is_refused_and_tables_have_neither_filter_nor_errors(tmp_path):
    with pytest.raises(ArgumentError, match="evaluations of one tool"):
        pl.read_outcomes(FILES)
    table = tmp_path / "a.csv"
    table.write_text("run,row,value\na,1,1\na,2,0\n")
    for name in ("filter", "errors"):
        with pytest.raises(ArgumentError, match=name):
            pl.read_outcomes(table, **{name: "zero"})
        with pytest.raises(ArgumentError, match=name):
            pl.noise(table, **{name: "zero"})


def test_models_that_are_no_seeds_of_each_other_are_said(tmp_path, said):
    for model in ("a", "b"):
        shutil.copytree(FILES / "helm" / "runs" / "v1" / "sums:digits=2,model=mine_model-seed1", tmp_path / model)
        spec = json.loads((tmp_path / model / "run_spec.json").read_text())
        spec["adapter_spec"]["model"] = f"mine/{model}"
        (tmp_path / model / "run_spec.json").write_text(json.dumps(spec))
    pl.read_outcomes(tmp_path, metric="exact_match")
    assert "runs are of 2 models (mine/a, mine/b)" in said()


def test_repeats_in_a_table_are_averaged_and_one_that_stands_twice_is_refused():
    table = pd.DataFrame({"run": "a", "row": [0, 0, 1, 1], "trial": [0, 1, 0, 1], "value": [1, 0, 1, 1]})
    out = pl.read_outcomes(table, epoch="trial")
    assert out[["value", "epochs", "sampling_variance"]].to_numpy().tolist() == [[0.5, 2, 0.5], [1.0, 2, 0.0]]
    with pytest.raises(DataError, match="two outcomes of row 1"):
        pl.read_outcomes(table.assign(trial=[0, 1, 0, 0]), epoch="trial")


def test_two_models_of_one_tool_are_compared_from_their_files():
    a, b = (FILES / "lighteval" / "details" / "mine" / f"model-seed{i}" for i in (0, 1))
    found = pl.compare(a, b, metric="em")
    wanted = np.mean([drawn("lighteval", 0, i) - drawn("lighteval", 1, i) for i in range(20)])
    assert found.difference == pytest.approx(wanted)
    assert "a prior, not data" in " ".join(found.notes)
