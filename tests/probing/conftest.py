"""Small random models with a toy vocabulary, written once per session, and a data set that they can learn."""

import functools
import os

import numpy as np
import pandas as pd
import pytest

import predictlab as pl

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("peft")

WORDS = [f"w{i}" for i in range(40)]


@pytest.fixture(autouse=True)
def _one_thread_and_no_draws():
    """One thread is quickest at this size; torch's global generator must be left as it was."""
    threads, before = torch.get_num_threads(), torch.random.get_rng_state()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    assert torch.equal(before, torch.random.get_rng_state()), "torch's global random state was used"


@functools.cache
def loaded_once(model, device):
    from predictlab.catalog._features import load_backbone

    return load_backbone(model, device)


@pytest.fixture(autouse=True)
def _small_models_are_loaded_once(monkeypatch):
    """A probe leaves the model that it loads as it was, which has tests of its own: the next one may have it too."""
    from predictlab.probing._engine import trainers

    load = trainers.load_backbone
    monkeypatch.setattr(
        trainers, "load_backbone", lambda model, device: (loaded_once if os.path.isdir(model) else load)(model, device)
    )


def save_model(folder, config, **changes):
    """A randomly initialised model of this config with a word-level tokenizer, as transformers would save it."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    vocabulary = {word: i for i, word in enumerate([*special, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        model_max_length=32,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        model = transformers.AutoModel.from_config(config)
        for parameter in model.parameters():  # the usual 0.02 would leave every layer close to the identity
            if parameter.ndim == 2:
                torch.nn.init.normal_(parameter, std=0.15)
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    return str(folder)


SIZES = {
    "vocab_size": 44, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32,
    "max_position_embeddings": 40, "pad_token_id": 0,
}  # fmt: skip


def config_of(kind):
    if kind == "distilbert":
        return transformers.DistilBertConfig(
            vocab_size=44, dim=16, n_layers=3, n_heads=2, hidden_dim=32, max_position_embeddings=40, pad_token_id=0
        )
    if kind == "electra":
        return transformers.ElectraConfig(**SIZES, embedding_size=12)
    if kind == "gpt2":
        return transformers.GPT2Config(vocab_size=44, n_embd=16, n_layer=3, n_head=2, n_positions=40)
    return transformers.AutoConfig.for_model(kind, **SIZES)


@pytest.fixture(scope="session")
def model_of(tmp_path_factory):
    """Folder of a random model of an architecture."""
    made = {}

    def make(kind):
        if kind not in made:
            made[kind] = save_model(tmp_path_factory.mktemp("model") / kind, config_of(kind))
        return made[kind]

    return make


@pytest.fixture(scope="session")
def bert(model_of):
    return model_of("bert")


def texts_and_labels(n, seed):
    """Texts of 3 to 14 words; the label says whether more of them come from the first half of the vocabulary."""
    rng = np.random.default_rng(seed)
    words = [rng.integers(0, 40, size=rng.integers(3, 15)) for _ in range(n)]
    labels = [int((w < 20).mean() > 0.5) for w in words]
    return pd.DataFrame({"text": [" ".join(WORDS[i] for i in w) for w in words], "label": labels})


@pytest.fixture(scope="session")
def draw_texts():
    return texts_and_labels


@pytest.fixture(scope="session")
def data():
    return pl.Dataset("halves", texts_and_labels(50, 1), texts_and_labels(40, 2), ("low", "high"))


@pytest.fixture
def recipe():
    return pl.Recipe(steps=12, batch_size=8, max_length=12, rank=2, lora_alpha=4, layers="last:1", learning_rate=0.02)


@pytest.fixture
def task(bert, data, recipe):
    return pl.Task(bert, data, recipe, name="toy")


@pytest.fixture(params=["shared", "reference"])
def engine(request):
    """Both engines, one after the other."""
    return request.param


@pytest.fixture
def probe(engine):
    """`pl.probe` with this engine."""
    return functools.partial(pl.probe, engine=engine)


def trainers():
    from predictlab.probing._engine.reference import ReferenceTrainer
    from predictlab.probing._engine.shared import SharedTrainer

    return ReferenceTrainer, SharedTrainer


@pytest.fixture
def before_step(monkeypatch):
    """Call a function before every step that an engine makes: one run's of "reference", a group's of "shared"."""

    def watch(call):
        with_all = []
        for trainer in trainers():
            step = trainer._step

            def watched(self, *arguments, _step=step):
                call()
                return _step(self, *arguments)

            monkeypatch.setattr(trainer, "_step", watched)
            with_all.append((trainer, step))
        return lambda: [monkeypatch.setattr(trainer, "_step", step) for trainer, step in with_all]

    return watch


@pytest.fixture
def press_ctrl_c_at(before_step):
    """Make step `number`, counted over all runs, raise KeyboardInterrupt; call what it returns to stop."""

    def at(number):
        count = [0]

        def press():
            count[0] += 1
            if count[0] == number:
                raise KeyboardInterrupt

        return before_step(press)

    return at


@pytest.fixture
def trained(monkeypatch):
    """(run, depth it goes on from, depths) of every segment that is really trained, in the order of runs."""
    segments = []
    for trainer in trainers():

        def spy(self, group, *arguments, _train=trainer.train, **options):
            segments.extend((one.run, one.begin, one.depths) for one in group.segments)
            return _train(self, group, *arguments, **options)

        monkeypatch.setattr(trainer, "train", spy)
    return segments


@pytest.fixture
def poison(monkeypatch):
    """Make the run of `seed` and its forks lose their weights in step `at`."""
    reference, shared = trainers()
    step_alone, step_together = reference._step, shared._step

    def lose(seed, at):
        def poisoned(self, number, order, optimiser):
            loss, flops = step_alone(self, number, order, optimiser)
            if order.seed == seed and number == at:
                with torch.no_grad():
                    next(iter(self.learner.named.values())).fill_(float("inf"))
            return loss, flops

        def poisoned_together(self, number, runs):
            step_together(self, number, runs)
            for row, segment in enumerate(runs.segments):
                if segment.seed == seed and number == at:
                    runs.parameters.values[row].fill_(float("inf"))

        monkeypatch.setattr(reference, "_step", poisoned)
        monkeypatch.setattr(shared, "_step", poisoned_together)

    return lose
