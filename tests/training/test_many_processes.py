"""Several processes train what one trains: batches with shares that differ by a row, dropout off."""

from copy import deepcopy

import numpy as np
import pytest
import torch

from embedtune.errors import ConfigError, ResourceError
from embedtune.models.quantisation import load_quantised, set_dropout
from embedtune.processes import is_first, together
from embedtune.training.losses import CorpusDistillationLoss, FrozenPassages, GuidedContrastiveLoss, SoftTeacher
from embedtune.training.trainer import Hooks, TrainingSettings, run_training
from embedtune.training.tuned_models import Full, Lora
from tests.forks import in_forks
from tests.tiny_bases import make_tiny

TOPICS = ["boiler", "refund", "parcel", "invoice", "password", "battery", "garden", "kettle"]
ANCHORS = [f"where is the {topic}" for topic in TOPICS]
POSITIVES = [f"The {topic} is in room {n}." + " It is old." * n for n, topic in enumerate(TOPICS)]
BATCHES = [[0, 1, 2, 3, 4], [4, 5, 6, 7, 0], [2, 6, 1, 5, 3]]
SETTINGS = TrainingSettings(learning_rate=1e-3, weight_decay=0.0, precision="fp32", seed=0)
VECTORS = torch.nn.functional.normalize(torch.randn(8, 32, generator=torch.Generator().manual_seed(1)))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return make_tiny(tmp_path_factory.mktemp("tiny"), "bert")


def contrastive(model):
    loss = GuidedContrastiveLoss(
        model,
        guide_embeddings=(VECTORS, VECTORS.flip(0)),
        positive_ids=range(8),
        relevant_ids=[[n, (n + 3) % 8] for n in range(8)],
        margin=0.1,
        distill_weight=0.3,
        row_weights=[1.0, 2.0, 3.0, 4.0] * 2,
    )
    loss.dims = [16]
    return {"anchor": ANCHORS, "positive": POSITIVES}, loss


def distillation(model):
    loss = CorpusDistillationLoss(
        model,
        FrozenPassages(VECTORS, range(8)),
        SoftTeacher(relevant=[{n: 1.0} for n in range(8)], n_passages=8),
        base_queries=VECTORS,
        hubness_weight=0.5,
    )
    return {"anchor": ANCHORS}, loss


def live_guide(model):
    return {"anchor": ANCHORS, "positive": POSITIVES}, GuidedContrastiveLoss(model, guide=model, distill_weight=0.5)


def train(base, make_loss, *, full=False, dropout=0.0, batches=BATCHES, resume=None):
    torch.manual_seed(0)
    model = load_quantised(base, "none")
    set_dropout(model, dropout)
    Full(model) if full else Lora(model, rank=4, alpha=8)
    examples, loss = make_loss(model)
    states = []
    hooks = Hooks(lambda step: None, lambda n: None, lambda step, state: states.append(deepcopy(state())))
    losses = run_training(model, examples, batches, loss, SETTINGS, hooks, resume=resume)
    return losses, model.encode(POSITIVES, normalize_embeddings=True), states


@pytest.mark.parametrize(
    ("make_loss", "full"),
    [
        (contrastive, False),
        pytest.param(contrastive, True, marks=pytest.mark.slow),
        pytest.param(distillation, False, marks=pytest.mark.slow),
        pytest.param(live_guide, False, marks=pytest.mark.slow),
    ],
)
def test_two_processes_train_what_one_does(tiny, make_loss, full):
    losses, vectors, _ = train(tiny, make_loss, full=full)
    assert losses[0] != losses[-1]
    for other_losses, other_vectors in in_forks(2, lambda: together()(train)(tiny, make_loss, full=full)[:2]):
        assert losses == pytest.approx(other_losses, abs=1e-5)
        assert np.allclose(vectors, other_vectors, atol=1e-4)


@pytest.mark.slow
def test_processes_go_on_from_a_state_as_if_nothing_had_been(tiny):
    @together()
    def with_and_without_a_break():
        whole = train(tiny, contrastive, dropout=0.2)
        resumed = train(tiny, contrastive, dropout=0.2, resume=whole[2][0])
        return whole[:2], resumed[:2], [state.numpy() for state in whole[2][0]["random"]]

    first, second = in_forks(2, with_and_without_a_break)
    assert len(first[2]) == 2
    assert not np.array_equal(*first[2])  # each has its own dropout
    for (losses, vectors), (again, vectors_again), _ in (first, second):
        assert losses == again == first[0][0]
        assert np.array_equal(vectors, vectors_again)


def test_more_processes_than_texts_in_a_batch_are_refused(tiny):
    @together()
    def report():
        with pytest.raises(ConfigError) as caught:
            train(tiny, distillation, batches=[[0]])
        return str(caught.value)

    expected = "training: expected a text of each batch for each of 2 processes, found batches of 1"
    assert in_forks(2, report) == [expected] * 2


@pytest.mark.slow
def test_a_process_without_memory_ends_the_others(tiny):
    class Greedy(CorpusDistillationLoss):
        def forward(self, *inputs):
            if not is_first():
                raise MemoryError
            return super().forward(*inputs)

    def greedy(model):
        examples, loss = distillation(model)
        loss.__class__ = Greedy
        return examples, loss

    def report():
        with pytest.raises(ResourceError) as caught:
            together()(train)(tiny, greedy)
        return str(caught.value)

    waiting, greedy_one = in_forks(2, report)
    assert greedy_one == "training: expected memory for 3 texts in process 1 of 2, found too little"
    assert waiting == "process 0 of 2: expected the others to work on, found that one has ended"
