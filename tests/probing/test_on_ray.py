"""The Ray executor, on a cluster of several nodes that is started here: same numbers, and nothing lost with a node."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pandas as pd
import pytest

import predictlab as pl
from predictlab.errors import ArgumentError, DependencyError, ModelError, PredictlabError, WorkerError
from predictlab.probing import ProbePlan, RayExecutor
from predictlab.probing._engine.parameters import RunState
from predictlab.probing._engine.reference import ReferenceTrainer
from predictlab.probing._executors import TrainingOptions
from predictlab.probing._ray import round as ray_round
from predictlab.probing._ray.worker import Worker
from predictlab.probing._segments import Group, RunSegment

ray = pytest.importorskip("ray")
torch = pytest.importorskip("torch")

SMALL = {"object_store_memory": 100_000_000, "include_dashboard": False, "include_log_monitor": False}
PLAN = ProbePlan((0, 4, 12), 6)
LONG = ProbePlan(tuple(range(0, 501, 50)), 4)


def same(a, b):
    """Same rows, and the same numbers but for the time that they took."""
    pd.testing.assert_frame_equal(a.drop(columns=["seconds", "value"]), b.drop(columns=["seconds", "value"]))
    pd.testing.assert_series_equal(a["value"], b["value"], rtol=0, atol=1e-5)


@pytest.fixture(scope="module")
def cluster():
    """A head without processors of its own, and nodes with one each; `nodes` starts those that are missing."""
    from ray.cluster_utils import Cluster

    # Nice workers starve beside other tests; a token that lies about is known to one side only.
    ours = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0", "RAY_AUTH_MODE": "disabled"}
    before = {name: os.environ.get(name) for name in (*ours, "RAY_ADDRESS")}
    os.environ |= ours
    fast = {"health_check_initial_delay_ms": 1000, "health_check_period_ms": 500, "health_check_timeout_ms": 2000}
    cluster = Cluster(
        initialize_head=True, head_node_args={**SMALL, "num_cpus": 0, "no_monitor": True, "_system_config": fast}
    )
    ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
    yield cluster
    ray.shutdown()
    cluster.shutdown()
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


@pytest.fixture
def nodes(cluster):
    while len(cluster.worker_nodes) < 2:
        cluster.add_node(**SMALL, num_cpus=1, num_gpus=1, resources={"lab": 1})
    return cluster


@pytest.fixture(scope="module")
def kept(cluster):
    """One executor for several tests: its workers stay."""
    executor = RayExecutor(group=2)
    yield executor
    executor.close()


@pytest.fixture
def free(nodes, kept):
    """The nodes without those workers."""
    kept.close()
    return nodes


@pytest.fixture(scope="module")
def long(bert, data):
    recipe = pl.Recipe(
        steps=500, batch_size=8, max_length=12, rank=2, lora_alpha=4, layers="last:1", schedule="constant"
    )
    return pl.Task(bert, data, recipe, name="long")


@pytest.fixture(scope="module")
def undisturbed(long):
    return pl.probe(long, LONG, progress=False)


class Watched(RayExecutor):
    """Counts steps, and calls `strike` once, as soon as a group has reached `at`."""

    last = None

    def __init__(self, at, strike, **options):
        super().__init__(**options)
        self.at, self.strike, self.steps = at, strike, 0
        Watched.last = self

    def run(self, groups, check_cancelled):
        for update in super().run(groups, check_cancelled):
            self.steps += update.steps
            yield update  # what is reached is written when this goes on
            if self.strike and update.results and update.results[0].state.step == self.at:
                strike, self.strike = self.strike, None
                strike(update.group)


@pytest.fixture
def where(monkeypatch):
    """Says on which node, and in which process, the group trains whose report is being written."""
    from ray._private.state import actors

    receive, heard = ray_round.Round._receive, []

    def spy(self, job):
        heard[:] = [job.worker]
        return receive(self, job)

    monkeypatch.setattr(ray_round.Round, "_receive", spy)

    def tell():
        actor = actors(heard[0]._actor_id.hex())
        return actor["Address"]["NodeID"], actor["Pid"]

    return tell


@pytest.fixture
def losses(monkeypatch):
    """(steps counted so far, depth the group goes on from, its runs) at every loss of a worker of a `Watched`."""
    rescue, seen = ray_round.Round._rescue, []

    def spy(self, job, error):
        yield from rescue(self, job, error)
        seen.append((Watched.last.steps, job.left[0].begin, len(job.left)))

    monkeypatch.setattr(ray_round.Round, "_rescue", spy)
    return seen


def test_the_same_frame_as_on_this_machine(nodes, kept, task, bert, data, recipe):
    other = pl.Task(bert, data, recipe.replace(dropout=0.2), label_noise=0.2, name="noisy")
    sgd = recipe.replace(optimizer="sgd", learning_rate=0.5, sampling="replacement")
    tasks, store = [task, other, pl.Task(bert, data, sgd, name="sgd")], pl.RunStore(":memory:")
    here = pl.probe(tasks, PLAN, progress=False)
    same(pl.probe(tasks, PLAN, store, executor=kept, progress=False), here)
    assert store.costs("sgd").evaluations == PLAN.cost().evaluations, "timed on the nodes, too"


def test_forks(nodes, kept, task, tmp_path):
    plan = ProbePlan((0, 3, 6, 12), design="branch", parents=2, forks=3)
    there, here = tmp_path / "there.db", tmp_path / "here.db"
    same(pl.probe(task, plan, there, executor=kept, progress=False), pl.probe(task, plan, here, progress=False))
    with pl.RunStore(there) as one, pl.RunStore(here) as other:
        for depth in (3, 6, 12):
            a, b = (store.outcomes("toy", "eval_loss", depth) for store in (one, other))
            pd.testing.assert_frame_equal(a.sort_index(), b.sort_index(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("where", ["loading", "training"])
def test_an_error_in_a_worker_is_raised_as_itself(nodes, kept, bert, data, recipe, tmp_path, where):
    (tmp_path / "empty").mkdir()
    model, changes = (tmp_path / "empty", {}) if where == "loading" else (bert, {"target_modules": ("nonsense",)})
    task = pl.Task(str(model), data, recipe.replace(**changes), name="wrong")
    with pytest.raises(PredictlabError) as here:
        pl.probe(task, PLAN, progress=False)
    with pytest.raises(PredictlabError) as there:
        pl.probe(task, PLAN, executor=kept, progress=False)
    assert type(there.value) is type(here.value) is (ModelError if where == "loading" else ArgumentError)
    assert str(there.value) == str(here.value)


@pytest.mark.parametrize("moment", ["a worker starts", "it loads the model"])
def test_loading_can_be_ended(free, task, moment):
    class SlowTask(pl.Task):
        def __setstate__(self, state):
            time.sleep(10)
            self.__dict__.update(state)

    class EnoughError(Exception):
        pass

    def check_cancelled():
        if moment == "a worker starts" or called == ["check"]:
            raise EnoughError

    executor, called = RayExecutor(), []
    executor._put = lambda task: called.append("check") or RayExecutor._put(executor, task)
    slow = SlowTask(task.model, task.data, task.recipe, name="slow")
    with pytest.raises(EnoughError):
        executor.check([slow], check_cancelled)
    assert called == ([] if moment == "a worker starts" else ["check"])
    assert executor._kept == []


def test_from_a_thread(nodes, kept, task):
    plan, found = ProbePlan((0, 4), 2), []
    thread = threading.Thread(target=lambda: found.append(pl.probe(task, plan, executor=kept, progress=False)))
    thread.start()
    thread.join()
    same(found[0], pl.probe(task, plan, progress=False))


def test_the_name_ray_is_enough(free, task, tmp_path, monkeypatch):
    plan, path = ProbePlan((0, 4), 2), tmp_path / "runs.db"
    first = pl.probe(task, plan, path, executor="ray", progress=False)
    same(first, pl.probe(task, plan, progress=False))
    monkeypatch.setattr(ray_round.Round, "_send", lambda self: pytest.fail("everything is in the store"))
    pd.testing.assert_frame_equal(pl.probe(task, plan, path, executor="ray", progress=False), first)


def test_a_killed_worker_is_replaced_and_goes_on_from_the_last_state(free, long, undisturbed, where, losses):
    executor = Watched(100, lambda group: os.kill(where()[1], signal.SIGKILL), group=4)
    store = pl.RunStore(":memory:")
    found = pl.probe(long, LONG, store, executor=executor, progress=False)
    (steps, depth, runs) = losses[0]
    assert len(losses) == 1
    assert depth in LONG.depths[2:-1]
    assert executor.steps - steps == runs * (500 - depth)  # not one step of what was reported was made again
    same(found, undisturbed)


def test_a_node_that_dies_takes_nothing_with_it(free, long, undisturbed, where, losses):
    """Two groups on two nodes; the node of the one that is first at 50 is killed.

    It cannot finish meanwhile: at most 8 messages, each of a depth or less, wait for the driver.
    """

    def strike(group):
        lost.append(group)
        node = where()[0]
        free.remove_node(next(n for n in free.worker_nodes if n.node_id == node), allow_graceful=False)

    lost = []
    executor = Watched(50, strike, group=2)
    found = pl.probe(long, LONG, executor=executor, progress=False)
    assert len(free.worker_nodes) == 1
    assert len(losses) == 1
    assert losses[0][1] in LONG.depths[1:-1]
    assert losses[0][2] == 2
    assert found.groupby(["run", "depth", "metric"]).size().eq(1).all()
    # Made twice are only steps after the last report, and the next depth was never reported.
    assert executor.steps < 4 * 500 + 2 * 50
    same(found, undisturbed)


def test_ctrl_c_ends_the_workers_and_the_same_call_goes_on(free, long, undisturbed, tmp_path, capsys):
    def press(group):
        raise KeyboardInterrupt

    path = tmp_path / "runs.db"
    with pytest.raises(KeyboardInterrupt):
        pl.probe(long, LONG, path, executor=Watched(50, press, group=4), progress=False)
    capsys.readouterr()
    with pl.RunStore(path) as store:
        assert set(store.frame()["depth"]) == {0, 50}
    assert eventually(lambda: {actor["State"] for actor in ray._private.state.actors().values()} == {"DEAD"})
    assert eventually(lambda: ray.available_resources().get("CPU") == 2)
    found = pl.probe(long, LONG, path, progress=False)  # here, for a change
    same(found, undisturbed)


def test_workers_take_the_resources_that_were_asked_for(free, task, where):
    def taken():
        left = ray.available_resources()
        return {name: whole[name] - left.get(name, 0) for name in ("CPU", "GPU", "lab")}

    whole, asked = ray.cluster_resources(), {"CPU": 0.5, "GPU": 0.25, "lab": 0.125}
    assert eventually(lambda: not any(taken().values()))
    seen = []
    executor = Watched(0, lambda group: seen.append(eventually(lambda: taken() == asked)), cpus=0.5, gpus=0.25,
                       workers=1, options={"resources": {"lab": 0.125}})  # fmt: skip
    pl.probe(task, ProbePlan((0, 4), 2), executor=executor, progress=False)
    assert seen == [True]


def eventually(true):
    """Ray hears of some things with a delay."""
    return any(true() or threading.Event().wait(0.1) for _ in range(200))


def test_resources_that_no_node_has(free, task, caplog):
    with pytest.raises(WorkerError, match=r"CPU: 64.*CPU: 1"), caplog.at_level("WARNING", "predictlab"):
        pl.probe(task, PLAN, executor=RayExecutor(cpus=64, patience=1.0), progress=False)
    assert "Waiting" in caplog.text


def test_a_group_that_kills_its_workers_is_given_up_unless_it_gets_on(task, monkeypatch):
    killed = []
    monkeypatch.setattr(ray, "kill", killed.append)
    segment = RunSegment("toy:0", 0, (4, 8, 12))
    job = ray_round.Job(Group(task, (segment,)), (segment,))
    finished = []
    work = ray_round.Round(RayExecutor(), (), [])
    state = on_ray_state(4)

    def lose():
        job.worker = object()
        work.running.append(job)
        finished.extend(update.group for update in work._rescue(job, RuntimeError("gone")) if update.finished)

    for _ in range(ray_round.DEATHS - 1):
        lose()
    job.reached([(state, {}, None)])
    assert job.left == (replace(segment, begin=4, depths=(8, 12), state=state),)
    job.reached([(on_ray_state(8), None, None)])  # a state between depths is progress; depth 8 is still to be measured
    assert job.left[0].depths == (8, 12)
    for _ in range(ray_round.DEATHS - 1):
        lose()
    assert list(work.waiting) == [job] * (2 * ray_round.DEATHS - 2)
    with pytest.raises(WorkerError, match="toy:0 after depth 8"):
        lose()
    job.reached([(on_ray_state(12), {}, None)])
    lose()  # nothing was left but to say that it is finished
    assert finished == [job.group]
    assert len(killed) == 2 * ray_round.DEATHS


def on_ray_state(step):
    parts = ({"w": torch.full((2,), float(i))} for i in range(3))
    return RunState(step, *parts, 1.0, 2.0, True)


def test_a_worker_refuses_groups_that_do_not_fit_its_memory(task):
    worker = Worker(TrainingOptions(memory_limit=1), 2)
    assert worker._trains.submit(torch.get_num_threads).result() == 2
    worker._tasks[b"a reference".hex()] = task
    with pytest.raises(ArgumentError, match=r"group=2.*at most 1.*memory_limit"):
        list(worker.train([b"a reference"], [RunSegment(f"toy:{i}", i, (0, 4)) for i in range(2)]))


def test_options_go_along(task):
    executor = RayExecutor(engine="reference", cache_limit=10_000)
    assert executor.group_size(task) == 1
    assert executor.training == TrainingOptions(engine="reference", cache_limit=10_000, device="cpu")
    worker = Worker(executor.training, 1)
    worker._tasks[b"a reference".hex()] = task
    messages = list(worker.train([b"a reference"], [RunSegment("toy:0", 0, (2, 4))]))
    assert isinstance(worker.executor.trainers.trainer(task)[0], ReferenceTrainer)
    assert sum(steps for steps, _, _ in messages) == 4
    depths = [state.step for _, results, _ in messages for ((state, *_),) in results]
    assert depths == [2, 4]
    assert [done for _, _, done in messages] == [False] * (len(messages) - 1) + [True]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"cpus": 0}, "cpus=0"),
        ({"cpus": 1.5}, "cpus=1.5.*whole"),
        ({"gpus": -1}, "gpus=-1"),
        ({"group": 0}, "group=0"),
        ({"workers": 2.5}, "workers=2.5"),
        ({"patience": 0}, "patience=0"),
        ({"keep": -1}, "keep=-1"),
        ({"options": {"num_cpus": 2}}, "num_cpus"),
        ({"device": "cuda"}, "device='cuda'.*gpus="),
    ],
)
def test_bad_arguments(options, said):
    with pytest.raises(ArgumentError, match=said):
        RayExecutor(**options)


def test_without_ray_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(DependencyError, match=r"predictlab\[probe,ray\]"):
        RayExecutor()


def test_ray_client_is_refused(monkeypatch, task):
    from ray.util.client import ray as client

    monkeypatch.setattr(type(client), "is_connected", lambda self: True)
    with pytest.raises(WorkerError, match="ray job submit"):
        pl.probe(task, PLAN, executor="ray", progress=False)


def test_ray_is_not_imported_without_need(bert):
    code = """
import sys, pandas as pd, predictlab as pl
from predictlab.probing import RayExecutor
frame = pd.DataFrame({"text": ["w1 w2", "w3 w30"] * 4, "label": [0, 1] * 4})
recipe = pl.Recipe(steps=2, batch_size=2, max_length=8, layers="last:1")
task = pl.Task(sys.argv[1], pl.Dataset("d", frame, frame, ("a", "b")), recipe)
assert len(pl.probe(task, pl.ProbePlan((0, 2), 1), progress=False)) == 4
print([name for name in sys.modules if name.partition(".")[0] == "ray"])
"""
    done = subprocess.run([sys.executable, "-c", code, bert], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["[]"]
