"""Trials of Optuna in its SQLite storage and as `trials_dataframe().to_csv`, by the tool itself, here 5.0.0.

Run: pip install optuna; python tests/evaluations/make_optuna.py tests/evaluations/optuna
"""

import random
import sys
from pathlib import Path

import optuna


def objective(trial: optuna.Trial) -> float:
    rate = trial.suggest_categorical("lr", [1e-4, 1e-3])
    trial.suggest_int("layers", 1, 2)
    trial.set_user_attr("seed", trial.number)
    if trial.number == 5:
        raise optuna.TrialPruned
    if trial.number == 7:
        raise ValueError
    return 0.8 + 0.02 * (rate > 5e-4) + random.Random(trial.number).gauss(0, 0.005)


if __name__ == "__main__":
    to = Path(sys.argv[1])
    to.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(storage=f"sqlite:///{to / 'study.sqlite3'}", study_name="lr", direction="maximize")
    for asked in [{"lr": 1e-4, "layers": 1}] * 4 + [{"lr": 1e-3, "layers": 1}] * 4 + [{"lr": 1e-4, "layers": 2}]:
        study.enqueue_trial(asked)
    study.optimize(objective, n_trials=9, catch=ValueError)
    study.trials_dataframe().to_csv(to / "trials.csv", index=False)
