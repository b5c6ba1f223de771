import dataclasses
import weakref

import numpy as np
import pytest
import torch
from transformers import TrainerCallback

from embedtune.errors import ConfigError, DataError, ResourceError
from embedtune.models.quantisation import load_quantised, set_dropout
from embedtune.models.weights import snapshot
from embedtune.training.checkpoints import Checkpoints
from embedtune.training.losses import GuidedContrastiveLoss
from embedtune.training.trainer import (
    OWNED_ARGUMENTS,
    Hooks,
    TrainingSettings,
    check_trainer_args,
    new_garbage_only,
    return_memory,
    run_training,
)
from embedtune.training.tuned_models import Full, Lora


class Cycle:
    def __init__(self):
        self.itself = self


def watched():
    cycle = Cycle()
    return cycle, weakref.ref(cycle)


def test_what_nobody_holds_is_given_back():
    _, left = watched()
    del _
    return_memory()
    assert left() is None


def test_only_new_garbage_is_looked_for_until_the_end():
    held, old = watched()
    with pytest.raises(RuntimeError), new_garbage_only():
        held, new = watched()
        del held
        return_memory()
        assert old() is not None
        assert new() is None
        raise RuntimeError
    return_memory()
    assert old() is None


TOPICS = ["boiler", "refund", "parcel", "invoice", "password", "battery", "garden", "kettle"]
PAIRS = {
    "anchor": [f"where is the {topic}" for topic in TOPICS],
    "positive": [f"The {topic} is in room {n}." for n, topic in enumerate(TOPICS)],
}
SETTINGS = TrainingSettings(learning_rate=1e-3, weight_decay=0.0, precision="fp32", seed=0, eval_steps=frozenset({1}))


def train(
    tiny_base,
    *,
    loss=None,
    batches=((0, 1, 2, 3), (4, 5, 6, 7)) * 3,
    seen=None,
    settings=SETTINGS,
    method="lora",
    keep=None,
    resume=None,
    dropout=None,
):
    torch.manual_seed(0)
    model = load_quantised(tiny_base, "nf4" if method == "lora" else "none")
    Lora(model, rank=4, alpha=8) if method == "lora" else Full(model)
    if dropout is not None:
        set_dropout(model, dropout)
    queries = torch.eye(len(TOPICS), 384)
    loss = loss or GuidedContrastiveLoss(
        model,
        guide_embeddings=(queries, queries),
        positive_ids=range(8),
        relevant_ids=[[n] for n in range(8)],
        margin=0.1,
    )
    seen = seen if seen is not None else []
    losses = run_training(
        model,
        PAIRS,
        batches,
        loss,
        settings,
        Hooks(
            evaluate=lambda step: seen.append((step, model.training)),
            on_progress=lambda n: None,
            on_step=keep or (lambda step, state: None),
        ),
        resume=resume,
    )
    return model, losses


@pytest.fixture(scope="module")
def trained(tiny_base):
    """Return a trained model and its losses; no test may change it."""
    return train(tiny_base)


@pytest.fixture(scope="module")
def undropped(tiny_base):
    """Return the same without dropout, whose masks depend on the mini-batches."""
    return train(tiny_base, dropout=0.0)


def test_losses_fall_and_are_the_same_in_a_second_training(tiny_base, trained):
    seen = []
    _, losses = train(tiny_base, seen=seen)
    assert len(losses) == 6
    assert np.mean(losses[4:]) < np.mean(losses[:2])
    assert seen == [(1, False), (6, False)]  # the checks asked for and the end, in evaluation mode
    assert trained[1] == losses


def test_the_model_computes_fp32_after_a_bf16_training(tiny_base):
    model, _ = train(tiny_base, settings=TrainingSettings(1e-3, 0.0, "bf16", 0))
    once = model.encode(["frost"])
    with torch.autocast("cpu", enabled=False):
        assert np.array_equal(once, model.encode(["frost"]))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not np.array_equal(once, model.encode(["frost"]))


def test_a_loss_that_is_not_finite_stops_at_its_step(tiny_base):
    class Broken(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.calls = 0

        def forward(self, features, labels):
            self.calls += 1
            value = torch.tensor(float("nan") if self.calls == 2 else 1.0, requires_grad=True)
            return value * 1.0

    broken = Broken()
    with pytest.raises(DataError, match="training step 2: expected a finite loss, found nan"):
        train(tiny_base, loss=broken)
    assert broken.calls == 2


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("method", ["lora", "full"])
@pytest.mark.parametrize(
    "broken_off", [pytest.param(1, marks=pytest.mark.slow), 4, pytest.param(6, marks=pytest.mark.slow)]
)
def test_a_resumed_training_ends_in_the_same_bits(tiny_base, tmp_path, method, broken_off, precision):
    settings = TrainingSettings(1e-3, 0.01, precision, 0, frozenset({1}))
    undisturbed, losses = train(tiny_base, method=method, settings=settings)

    class Killed(Exception):
        pass

    store = Checkpoints(tmp_path, "id", seconds=0)

    def keep(step, state):
        store.save(step, state())
        if step == broken_off:
            raise Killed

    with pytest.raises(Killed):
        train(tiny_base, method=method, settings=settings, keep=keep)
    seen = []
    resumed, again = train(tiny_base, method=method, settings=settings, resume=store.latest(), seen=seen)
    assert again == losses
    assert [step for step, _ in seen] == ([6] if broken_off < 6 else [])
    expected = snapshot(undisturbed)
    found = snapshot(resumed)
    assert expected.keys() == found.keys()
    assert all(torch.equal(found[name], value) for name, value in expected.items())


class Rootless(GuidedContrastiveLoss):
    """A finite loss whose gradient is not a number."""

    def forward(self, features, labels):
        weight = next(weight for weight in self.model.parameters() if weight.requires_grad)
        return super().forward(features, labels) + torch.sqrt((weight * 0).sum())


def test_an_update_that_is_not_finite_stops_before_it_is_kept(tiny_base, monkeypatch):
    monkeypatch.setattr("tests.training.test_trainer.GuidedContrastiveLoss", Rootless)
    kept = []
    words = r"training step 1: expected finite weights after the update, found others in 0\."
    with pytest.raises(DataError, match=words) as caught:
        train(tiny_base, keep=lambda step, state: kept.append(step))
    assert "learning_rate" in caught.value.hint
    assert kept == []


class Crowded(GuidedContrastiveLoss):
    """Runs out of memory whenever more than ``room`` texts are encoded at once, as a GPU and a CPU say it."""

    room = 2
    error = torch.OutOfMemoryError("CUDA out of memory")

    def __init__(self, model, **options):
        super().__init__(model, **options)
        model.register_forward_pre_hook(self._refuse)

    def _refuse(self, model, inputs):
        if len(inputs[0]["input_ids"]) > self.room:
            raise self.error


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] data. DefaultCPUAllocator: can't allocate memory: you tried"),
        MemoryError(),
    ],
)
def test_out_of_memory_shrinks_the_mini_batch_and_nothing_else(tiny_base, undropped, error, monkeypatch):
    model, losses = undropped
    monkeypatch.setattr("tests.training.test_trainer.GuidedContrastiveLoss", Crowded)
    monkeypatch.setattr(Crowded, "error", error)
    small, again = train(tiny_base, dropout=0.0)
    assert again == pytest.approx(losses, abs=1e-3)
    cosine = (
        model.encode(["frost"], normalize_embeddings=True) @ small.encode(["frost"], normalize_embeddings=True).T
    ).item()
    assert cosine > 0.999


def test_memory_for_not_even_one_text_is_refused(tiny_base, monkeypatch):
    monkeypatch.setattr("tests.training.test_trainer.GuidedContrastiveLoss", Crowded)
    monkeypatch.setattr(Crowded, "room", 0)
    with pytest.raises(ResourceError, match="expected memory for the step of a single text"):
        train(tiny_base)


def test_other_errors_are_not_taken_for_memory(tiny_base, monkeypatch):
    monkeypatch.setattr("tests.training.test_trainer.GuidedContrastiveLoss", Crowded)
    monkeypatch.setattr(Crowded, "error", RuntimeError("shapes do not fit"))
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        train(tiny_base)


def test_texts_are_trained_with_the_prompts_of_retrieval(tiny_base):
    """The vectors that the loss sees are those of ``encode_query`` and ``encode_document``."""
    seen = []

    class Watching(torch.nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, features, labels):
            vectors = [self.model(each)["sentence_embedding"] for each in features]
            seen.append((labels.tolist(), [side.detach().numpy() for side in vectors]))
            return vectors[0].sum() + vectors[1].sum()

    model = load_quantised(tiny_base, "none")
    model.prompts = {"query": "question: ", "document": "text: "}
    Lora(model, rank=4, alpha=8)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    hooks = Hooks(evaluate=lambda step: None, on_progress=lambda n: None, on_step=lambda step, state: None)
    expected = [model.encode_query(PAIRS["anchor"]), model.encode_document(PAIRS["positive"])]
    run_training(model, PAIRS, [(0, 1, 2, 3)], Watching(model), SETTINGS, hooks)
    (rows, vectors), *_ = seen
    for side, whole in zip(vectors, expected, strict=True):
        assert side == pytest.approx(whole[rows], abs=1e-4)


def test_a_single_column_can_be_trained(tiny_base):
    class Sum(torch.nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, features, labels):
            (queries,) = features
            return self.model(queries)["sentence_embedding"].square().sum()

    model = load_quantised(tiny_base, "none")
    Lora(model, rank=4, alpha=8)
    hooks = Hooks(evaluate=lambda step: None, on_progress=lambda n: None, on_step=lambda step, state: None)
    losses = run_training(model, {"anchor": PAIRS["anchor"]}, [(0, 1, 2, 3), (4, 5, 6, 7)], Sum(model), SETTINGS, hooks)
    assert len(losses) == 2


def with_arguments(**arguments):
    return dataclasses.replace(SETTINGS, eval_steps=frozenset(), arguments=arguments)


def test_gradients_of_several_batches_make_one_step(tiny_base):
    seen = []
    _, losses = train(tiny_base, settings=with_arguments(gradient_accumulation_steps=4), seen=seen)
    assert len(losses) == 2  # four batches, and the two that are left
    assert seen == [(2, False)]


def test_accumulated_training_resumes_in_the_same_bits(tiny_base, tmp_path):
    settings = with_arguments(gradient_accumulation_steps=2)
    undisturbed, losses = train(tiny_base, settings=settings)
    store = Checkpoints(tmp_path, "id", seconds=0)
    train(tiny_base, settings=settings, keep=lambda step, state: store.save(step, state()) if step == 2 else None)
    resumed, again = train(tiny_base, settings=settings, resume=store.latest())
    assert again == losses
    expected, found = snapshot(undisturbed), snapshot(resumed)
    assert all(torch.equal(found[name], value) for name, value in expected.items())


def test_memory_that_runs_out_loses_no_accumulated_gradient(tiny_base, monkeypatch):
    settings = with_arguments(gradient_accumulation_steps=3, max_grad_norm=0.0)
    _, losses = train(tiny_base, settings=settings, dropout=0.0)

    class CrowdedLater(Crowded):
        def _refuse(self, model, inputs):
            self.calls = getattr(self, "calls", 0) + 1
            if self.calls > 2:
                super()._refuse(model, inputs)

    monkeypatch.setattr("tests.training.test_trainer.GuidedContrastiveLoss", CrowdedLater)
    assert train(tiny_base, settings=settings, dropout=0.0)[1] == pytest.approx(losses, abs=1e-3)


def test_optimiser_schedule_and_clipping_can_be_chosen(tiny_base, trained):
    seen = []

    class Watch(TrainerCallback):
        def on_step_end(self, args, state, control, *, optimizer, lr_scheduler, **_):
            seen.append((type(optimizer.optimizer).__name__, optimizer.param_groups[0]["lr"], args.max_grad_norm))

    arguments = {"optim": "sgd", "lr_scheduler_type": "constant", "max_grad_norm": 0.5}
    settings = dataclasses.replace(SETTINGS, arguments=arguments, callbacks=(Watch(),))
    _, losses = train(tiny_base, settings=settings)
    assert seen == [("SGD", 1e-3, 0.5)] * 6
    assert losses != trained[1]


def test_a_training_that_a_callback_stops_is_evaluated_where_it_stopped(tiny_base):
    class Stop(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            control.should_training_stop = state.global_step == 2

    seen = []
    _, losses = train(tiny_base, seen=seen, settings=dataclasses.replace(SETTINGS, callbacks=(Stop(),)))
    assert (len(losses), seen) == (2, [(1, False), (2, False)])


def test_training_reports_to_tensorboard(tiny_base, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    settings = dataclasses.replace(SETTINGS, arguments={"report_to": "tensorboard"}, log_folder=tmp_path)
    _, losses = train(tiny_base, settings=settings)
    (file,) = tmp_path.rglob("events.out.tfevents.*")
    events = EventAccumulator(str(file.parent)).Reload()
    assert [event.value for event in events.Scalars("train/loss")] == pytest.approx(losses, abs=1e-4)


def test_training_reports_to_mlflow(tiny_base, tmp_path, monkeypatch):
    import mlflow

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file:{tmp_path / 'store'}")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "embedtune")
    settings = dataclasses.replace(SETTINGS, arguments={"report_to": "mlflow"}, log_folder=tmp_path)
    try:
        _, losses = train(tiny_base, settings=settings)
    finally:
        mlflow.end_run()
    client = mlflow.MlflowClient(f"file:{tmp_path / 'store'}")
    (run,) = client.search_runs([client.get_experiment_by_name("embedtune").experiment_id])
    logged = [metric.value for metric in client.get_metric_history(run.info.run_id, "loss")]
    assert logged == pytest.approx(losses, abs=1e-4)


@pytest.mark.parametrize("name", sorted(OWNED_ARGUMENTS))
def test_arguments_that_follow_from_other_settings_are_refused(name):
    with pytest.raises(ConfigError, match=rf"trainer_args\.{name}: cannot be set; it follows from"):
        check_trainer_args({name: 1})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"gradient_acumulation_steps": 2}, "did you mean 'gradient_accumulation_steps'"),
        ({"lr_scheduler_type": "stairs"}, "stairs"),
        ({"report_to": "tensorbord"}, "tensorbord"),
    ],
)
def test_arguments_that_transformers_refuses_are_a_wrong_setting(arguments, words):
    with pytest.raises(ConfigError, match=words):
        check_trainer_args(arguments)


def test_all_problems_are_named_at_once():
    with pytest.raises(ConfigError) as caught:
        check_trainer_args({"seed": 1, "optmi": "sgd"})
    assert "train.seed" in str(caught.value)
    assert "optim" in str(caught.value)


def test_arguments_of_every_kind_pass():
    check_trainer_args({"gradient_accumulation_steps": 2, "optim": "sgd", "report_to": ["tensorboard", "mlflow"]})
