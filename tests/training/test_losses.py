from __future__ import annotations

import math
from collections.abc import Iterable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from embedtune.training.losses import GuidedContrastiveLoss, _Batch


class Lookup(torch.nn.Module):
    """Stands for an embedding model: a row of a table is the vector of a text."""

    def __init__(self, rows: torch.Tensor) -> None:
        super().__init__()
        self.table = torch.nn.Parameter(rows)

    def forward(self, features: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {"sentence_embedding": self.table[features["rows"]]}


def unit(*rows: list[float]) -> torch.Tensor:
    return functional.normalize(torch.tensor(rows, dtype=torch.float32), dim=-1)


def batch(n: int) -> list[dict[str, torch.Tensor]]:
    """Make features: queries are the table's first n rows, passages the next n."""
    return [{"rows": torch.arange(n)}, {"rows": torch.arange(n, 2 * n)}]


def make(table: torch.Tensor, queries: torch.Tensor, documents: torch.Tensor, **options) -> GuidedContrastiveLoss:
    """Make a loss; unless told otherwise, pair n has passage n, which is relevant to no other query."""
    alone = {"relevant_ids": [[number] for number in range(len(queries))], "positive_ids": range(len(queries))}
    return GuidedContrastiveLoss(
        Lookup(table), guide_embeddings=(queries, documents), **(alone | {"temperature": 0.5} | options)
    )


@pytest.fixture
def table() -> torch.Tensor:
    return torch.randn(8, 5, generator=torch.Generator().manual_seed(0))


def plain(table: torch.Tensor, temperature: float = 0.5, masked: Iterable[tuple[int, int]] = ()) -> torch.Tensor:
    """Compute cross-entropy both ways over all cosines of (query, passage) but those that are masked."""
    vectors = functional.normalize(table, dim=-1)
    n = len(table) // 2
    logits, target = vectors[:n] @ vectors[n:].T / temperature, torch.arange(n)
    for pair in masked:
        logits[pair] = -torch.inf
    return (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)) / 2


@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_without_masks_it_is_cross_entropy_both_ways(table, temperature):
    loss = make(table, torch.eye(4), torch.eye(4), temperature=temperature)
    assert loss(batch(4), torch.arange(4)).item() == pytest.approx(plain(table, temperature).item(), rel=1e-5)


def test_value_by_hand():
    # cosines 1 on the diagonal and 0 beside it, temperature 0.5: -log(e² / (e² + 1)) in both directions
    table = torch.tensor([[1.0, 0], [0, 1], [3, 0], [0, 7]])
    loss = make(table, torch.eye(2), torch.eye(2))
    assert loss(batch(2), torch.arange(2)).item() == pytest.approx(math.log(1 + math.exp(-2)))


def test_rows_count_by_their_weight(table):
    def value(**weights):
        return make(table, torch.eye(4), torch.eye(4), **weights)(batch(4), torch.arange(4)).item()

    assert value(row_weights=[3.0] * 4) == pytest.approx(value(), rel=1e-6)
    alone = [value(row_weights=[float(row == other) for row in range(4)]) for other in range(4)]
    assert value() == pytest.approx(sum(alone) / 4, rel=1e-6)
    assert value(row_weights=[1.0, 0.5, 1.0, 0.5]) == pytest.approx(
        (alone[0] + alone[2]) / 3 + (alone[1] + alone[3]) / 6
    )


def test_masked_false_negative_contributes_nothing(table):
    # to the base, passage 1 answers query 0 as well as passage 0 does
    base_queries, base_documents = unit([1, 0, 0], [0, 1, 0], [0, 0, 1]), unit([1, 0, 0], [1, 1, 0], [0, 0, 1])
    base_queries[0] = unit([1, 0.5, 0])[0]
    rows = table[:6]
    loss = make(rows, base_queries, base_documents)(batch(3), torch.arange(3))
    scores = base_queries @ base_documents.T
    masked = [(i, j) for i in range(3) for j in range(3) if i != j and scores[i, j] >= min(scores[i, i], scores[j, j])]
    assert masked == [(0, 1)]
    assert loss.item() == pytest.approx(plain(rows, masked=masked).item(), rel=1e-5)
    assert loss.item() < plain(rows).item()


def test_everything_masked_leaves_no_loss_and_no_gradient(table):
    same = unit([1, 0]).repeat(4, 1)
    loss = make(table, same, same)
    value = loss(batch(4), torch.arange(4))
    value.backward()
    assert value.item() == 0.0
    assert loss.model.table.grad.abs().max().item() == 0.0


def test_only_what_beats_the_answer_by_the_margin_is_masked(table):
    # to the base, the answers have 0.8 and 1, and passage 1 has 1 for query 0: 0.2 more than its own answer
    queries, documents = unit([1, 0], [1, 0]), unit([0.8, 0.6], [1, 0])
    rows = table[[0, 1, 4, 5]]
    masked = make(rows, queries, documents, margin=0.1)(batch(2), torch.arange(2)).item()
    assert masked == pytest.approx(plain(rows, masked=[(0, 1)]).item(), rel=1e-5)
    assert masked != pytest.approx(plain(rows).item())
    unmasked = make(rows, queries, documents, margin=0.3)(batch(2), torch.arange(2)).item()
    assert unmasked == pytest.approx(plain(rows).item())


def test_passage_that_another_query_fits_better_is_masked_too(table):
    # to the base, passage 1 has 0.8 for query 0 and only 0.6 for its own query; passage 0 has 1 for its own
    queries, documents = unit([1, 0], [0, 1]), unit([1, 0], [0.8, 0.6])
    rows = table[[0, 1, 4, 5]]
    value = make(rows, queries, documents, margin=0.1)(batch(2), torch.arange(2))
    assert value.item() == pytest.approx(plain(rows, masked=[(0, 1)]).item(), rel=1e-5)
    wide = make(rows, queries, documents, margin=0.3)(batch(2), torch.arange(2))
    assert wide.item() == pytest.approx(plain(rows).item(), rel=1e-5)


# all base cosines are exact in binary
ONE, HALF, OTHER_HALF = [1.0, 0, 0, 0], [0.5, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5, -0.5]


@pytest.mark.parametrize(
    ("queries", "documents", "scores"),
    [
        ([ONE, ONE], [OTHER_HALF, ONE], [[0.5, 1.0], [0.5, 1.0]]),  # passage 1 is 0.5 better than query 0's answer
        ([ONE, HALF], [ONE, ONE], [[1.0, 1.0], [0.5, 0.5]]),  # query 0 fits passage 1 by 0.5 better than its own does
    ],
)
def test_negative_exactly_at_the_margin_is_masked(table, queries, documents, scores):
    base = torch.tensor(queries), torch.tensor(documents)
    assert (base[0] @ base[1].T).tolist() == scores
    rows = table[[0, 1, 4, 5]]
    at, above = (make(rows, *base, margin=margin)(batch(2), torch.arange(2)) for margin in (0.5, 0.501))
    assert at.item() == pytest.approx(plain(rows, masked=[(0, 1)]).item(), rel=1e-5)
    assert above.item() == pytest.approx(plain(rows).item(), rel=1e-5)


def test_negative_margin_masks_what_comes_near_the_answer(table):
    # to the base, the answers have 1 and the other passages 0.8
    queries = documents = unit([1, 0], [0.8, 0.6])
    rows = table[[0, 1, 4, 5]]
    near, far = (make(rows, queries, documents, margin=margin)(batch(2), torch.arange(2)) for margin in (-0.3, -0.1))
    assert near.item() == pytest.approx(0.0, abs=1e-6)
    assert far.item() == pytest.approx(plain(rows).item(), rel=1e-5)


@given(seed=st.integers(0, 10_000), margin=st.sampled_from([-0.2, 0.0, 0.1, 0.3]))
def test_loss_equals_a_plain_computation_with_both_masks(seed, margin):
    draw = torch.Generator().manual_seed(seed)
    n, n_passages = 6, 8
    rows = torch.randn(2 * n, 5, generator=draw)
    queries, documents = (functional.normalize(torch.randn(n, 3, generator=draw), dim=-1) for _ in range(2))
    passages = torch.randperm(n_passages, generator=draw)[:n].tolist()
    others = torch.randint(0, n_passages, (n, 2), generator=draw).tolist()
    relevant = [{own, *more} for own, more in zip(passages, others, strict=True)]
    scores = (queries @ documents.T).tolist()
    masked = [
        (i, j)
        for i in range(n)
        for j in range(n)
        if i != j and (scores[i][j] >= min(scores[i][i], scores[j][j]) + margin or passages[j] in relevant[i])
    ]
    loss = make(rows, queries, documents, relevant_ids=relevant, positive_ids=passages, margin=margin)
    assert loss(batch(n), torch.arange(n)).item() == pytest.approx(plain(rows, masked=masked).item(), rel=1e-4)


@pytest.mark.parametrize("relevant", [[[7, 9], [9], [4]], [{7, 9}, {9}, {4}], [(7, 9, 1), (9,), (4, 5)]])
def test_passage_that_is_relevant_to_a_query_is_never_its_negative(table, relevant):
    rows = table[[0, 1, 2, 4, 5, 6]]
    loss = make(rows, torch.eye(3), torch.eye(3), relevant_ids=relevant, positive_ids=[7, 9, 4], margin=0.1)
    value = loss(batch(3), torch.arange(3)).item()
    # query 0 is answered by the passages of pairs 0 and 1; pair 1's query by its own alone
    assert value == pytest.approx(plain(rows, masked=[(0, 1)]).item(), rel=1e-5)
    assert value < plain(rows).item()


def test_passage_of_two_pairs_is_no_negative_of_either(table):
    rows = table[[0, 1, 2, 4, 5, 6]]
    loss = make(rows, torch.eye(3), torch.eye(3), relevant_ids=[[5], [5], [6]], positive_ids=[5, 5, 6], margin=0.1)
    value = loss(batch(3), torch.arange(3)).item()
    assert value == pytest.approx(plain(rows, masked=[(0, 1), (1, 0)]).item(), rel=1e-5)


def test_labels_pick_the_judgements_of_the_pairs(table):
    rows = table[[0, 1, 4, 5]]
    # pair 3's query is answered by pair 0's passage too
    loss = make(
        rows, torch.eye(4), torch.eye(4), relevant_ids=[[10], [11], [12], [13, 10]], positive_ids=[10, 11, 12, 13]
    )
    assert loss(batch(2), torch.tensor([3, 0])).item() == pytest.approx(plain(rows, masked=[(0, 1)]).item(), rel=1e-5)
    assert loss(batch(2), torch.tensor([0, 3])).item() == pytest.approx(plain(rows, masked=[(1, 0)]).item(), rel=1e-5)
    assert loss(batch(2), torch.tensor([1, 0])).item() == pytest.approx(plain(rows).item(), rel=1e-5)


def test_gradient_flows_to_both_sides(table):
    loss = make(table, torch.eye(4), torch.eye(4))
    loss(batch(4), torch.arange(4)).backward()
    assert (loss.model.table.grad.norm(dim=1) > 1e-4).tolist() == [True] * 8


def test_step_along_the_gradient_lowers_the_loss(table):
    loss = make(table, torch.eye(4), torch.eye(4))
    before = loss(batch(4), torch.arange(4))
    before.backward()
    with torch.no_grad():
        loss.model.table -= 0.1 * loss.model.table.grad
    assert loss(batch(4), torch.arange(4)) < before


def test_labels_pick_the_base_vectors_of_the_pairs(table):
    # rows 2 and 3 of the base vectors are alike, so only they mask each other
    base = unit([1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1])
    rows = table[[0, 1, 4, 5]]
    loss = make(rows, base, base)
    assert loss(batch(2), torch.tensor([3, 0])).item() == pytest.approx(plain(rows).item())
    assert loss(batch(2), torch.tensor([2, 3])).item() == 0.0


def test_length_of_vectors_does_not_matter(table):
    scaled = table * torch.arange(1, 9)[:, None]
    values = [make(rows, torch.eye(4), torch.eye(4))(batch(4), torch.arange(4)).item() for rows in (table, scaled)]
    assert values[0] == pytest.approx(values[1], rel=1e-5)


def test_the_base_models_softmax_gets_its_share_of_the_target(table):
    """By hand for two pairs: the cross-entropy is linear in the target, so it lies between the two extremes."""
    base = unit([1, 0], [0.6, 0.8])
    by_share = {
        share: make(table[:4], base, base, margin=5.0, distill_weight=share)(batch(2), torch.arange(2)).item()
        for share in (0.0, 0.25, 1.0)
    }
    assert by_share[0.25] == pytest.approx(0.75 * by_share[0.0] + 0.25 * by_share[1.0], rel=1e-5)
    vectors = functional.normalize(table[:4], dim=-1)
    log_probabilities = [
        (vectors[:2] @ vectors[2:].T / 0.5).log_softmax(1),
        (vectors[2:] @ vectors[:2].T / 0.5).log_softmax(1),
    ]
    target = (base @ base.T / 0.5).softmax(1)
    expected = -sum((target * logs).sum(1).mean() for logs in log_probabilities) / 2
    assert by_share[1.0] == pytest.approx(expected.item(), rel=1e-5)
    assert by_share[0.0] != pytest.approx(by_share[1.0], rel=1e-3)


def test_half_precision_is_computed_in_single():
    table = torch.tensor([[1.0, 0], [0, 1], [3, 0], [0, 7]], dtype=torch.bfloat16)
    value = make(table, torch.eye(2), torch.eye(2))(batch(2), torch.arange(2))
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(math.log(1 + math.exp(-2)))


@pytest.mark.parametrize("mini_batch", [1, 3, 4])
def test_mini_batches_change_neither_loss_nor_gradient(table, mini_batch):
    queries, documents = unit(*table[:4].tolist()), unit(*table[4:].tolist())
    options = {"distill_weight": 0.3, "margin": 0.1}
    whole, cut = (make(table.clone(), queries, documents, **options) for _ in range(2))
    cut.mini_batch_size = mini_batch
    losses = [loss(batch(4), torch.arange(4)) for loss in (whole, cut)]
    for loss in losses:
        (2 * loss).backward()
    assert torch.allclose(*losses)
    assert torch.allclose(whole.model.table.grad, cut.model.table.grad, atol=1e-6)
    with torch.no_grad():
        assert torch.allclose(cut(batch(4), torch.arange(4)), losses[0])


def test_a_mini_batch_never_holds_more_texts_than_it_may(table):
    seen = []
    loss = make(table, table[:4], table[4:])
    loss.mini_batch_size = 3
    inner = loss.model.forward
    loss.model.forward = lambda features: seen.append(len(features["rows"])) or inner(features)
    loss(batch(4), torch.arange(4)).backward()
    assert seen == [3, 1, 3, 1] * 2


class Layer(torch.nn.Module):
    """A linear encoder with dropout."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Dropout(dropout))

    def forward(self, features: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {"sentence_embedding": self.layers(features["x"])}


def outcome(mini_batch: int | None, dropout: float = 0.0) -> tuple[float, torch.Tensor]:
    """Return loss and gradient of a small encoder over two columns of five texts."""
    loss = GuidedContrastiveLoss(Layer(dropout), temperature=0.5, mini_batch_size=mini_batch)
    columns = [{"x": torch.randn(5, 4)}, {"x": torch.randn(5, 4)}]
    torch.manual_seed(1)
    value = loss(columns)
    value.backward()
    return value.item(), loss.model.layers[0].weight.grad


@pytest.mark.parametrize("mini_batch", [1, 2, 4, 5, 9])
def test_mini_batches_of_any_size_give_the_loss_and_gradient_of_the_whole(mini_batch):
    whole, parts = outcome(None), outcome(mini_batch)
    assert parts[0] == pytest.approx(whole[0], rel=1e-5)
    assert torch.allclose(parts[1], whole[1], atol=1e-5)


def test_a_mini_batch_drops_the_same_neurons_both_times():
    loss, gradient = outcome(2, dropout=0.5)
    assert torch.isfinite(gradient).all()
    again = outcome(2, dropout=0.5)
    assert (loss, gradient.tolist()) == (again[0], again[1].tolist())


def test_without_a_guide_nothing_is_masked_and_no_label_is_needed(table):
    loss = GuidedContrastiveLoss(Lookup(table), temperature=0.5)
    assert loss(batch(4)).item() == pytest.approx(plain(table).item(), rel=1e-5)


def test_hard_negatives_are_negatives_of_every_query(table):
    vectors = functional.normalize(table, dim=-1)
    columns = [{"rows": torch.arange(start, start + 2)} for start in (0, 2, 4)]
    logits = vectors[:2] @ vectors[2:6].T / 0.5
    expected = functional.cross_entropy(logits, torch.arange(2)) + functional.cross_entropy(
        logits[:, :2].T, torch.arange(2)
    )
    loss = GuidedContrastiveLoss(Lookup(table), temperature=0.5)
    assert loss(columns).item() == pytest.approx(expected.item() / 2, rel=1e-5)
    # the guide ranks the second hard negative above the first query's answer
    guide = unit([1, 0], [0, 1]), unit([0.8, 0.6], [0, 1]), unit([-1, 0], [1, 0])
    guided = GuidedContrastiveLoss(Lookup(table), temperature=0.5, guide_embeddings=guide)
    masked = logits.clone()
    masked[0, 3] = -torch.inf
    expected = functional.cross_entropy(masked, torch.arange(2)) + functional.cross_entropy(
        logits[:, :2].T, torch.arange(2)
    )
    assert guided(columns, torch.arange(2)).item() == pytest.approx(expected.item() / 2, rel=1e-5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"distill_weight": 0.5}, "distill_weight"),
        ({"positive_ids": [1]}, "together"),
        ({"guide": torch.nn.Identity(), "guide_embeddings": ()}, "found both"),
    ],
)
def test_options_that_contradict_each_other_are_refused(table, options, words):
    with pytest.raises(ValueError, match=words):
        GuidedContrastiveLoss(Lookup(table), **options)


def test_what_is_given_by_row_needs_row_numbers(table):
    with pytest.raises(ValueError, match="column label"):
        make(table, torch.eye(4), torch.eye(4))(batch(4))


@pytest.mark.parametrize("mini_batch", [None, 2])
def test_it_trains_in_a_plain_trainer_with_a_guide_model(base_folder, tmp_path, mini_batch):
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )

    model, guide = (SentenceTransformer(str(base_folder), device="cpu") for _ in range(2))
    before = model.encode("where is the boiler")
    names = ["boiler", "refund", "parcel", "invoice"]
    pairs = Dataset.from_dict(
        {
            "anchor": [f"where is the {name}" for name in names],
            "positive": [f"The {name} is in room 3." for name in names],
        }
    )
    loss = GuidedContrastiveLoss(model, guide=guide, distill_weight=0.5, margin=0.1, mini_batch_size=mini_batch)
    assert not any(parameter is other for parameter in loss.parameters() for other in guide.parameters())
    arguments = SentenceTransformerTrainingArguments(
        str(tmp_path), max_steps=1, per_device_train_batch_size=4, report_to="none", use_cpu=True, save_strategy="no"
    )
    result = SentenceTransformerTrainer(model=model, args=arguments, train_dataset=pairs, loss=loss).train()
    assert math.isfinite(result.training_loss)
    assert abs(model.encode("where is the boiler") - before).max() > 0


def test_a_guide_with_another_tokenizer_gets_the_texts(base_folder):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(base_folder), device="cpu")
    seen = []

    class Other:
        device, max_seq_length = "cpu", 8
        tokenizer = type("Tokenizer", (), {"get_vocab": staticmethod(dict)})

        def eval(self):
            return self

        def preprocess(self, texts):
            seen.append(texts)
            return {}

        def __call__(self, features):
            return {"sentence_embedding": torch.eye(2)}

    texts = ["where is the boiler", "the boiler is in room 3"]
    columns = [model.preprocess(texts), model.preprocess(texts[::-1])]
    GuidedContrastiveLoss(model, guide=Other())(columns).backward()
    assert seen == [texts, texts[::-1]]


class Lengths(torch.nn.Module):
    """Encodes a text as the sum of its tokens' vectors, and remembers how many tokens it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Parameter(torch.randn(50, 4, generator=torch.Generator().manual_seed(0)))
        self.seen: list[tuple[int, ...]] = []

    def forward(self, features: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        self.seen.append(tuple(features["input_ids"].shape))
        vectors = self.table[features["input_ids"]] * features["attention_mask"][..., None]
        return {"sentence_embedding": vectors.sum(dim=1)}


@pytest.mark.parametrize("side", ["left", "right"])
def test_texts_of_one_length_are_encoded_together_and_keep_their_order(side):
    lengths = torch.tensor([2, 40, 3, 2, 39, 2, 3, 2, 2, 3, 40, 2, 2, 3, 2, 2, 40, 2])
    places = torch.arange(40) if side == "right" else torch.arange(40).flip(0)
    mask = (places < lengths[:, None]).long()
    ids = torch.randint(50, mask.shape, generator=torch.Generator().manual_seed(1)) * mask
    model = Lengths()
    loss = GuidedContrastiveLoss(model)
    column = {"input_ids": ids, "attention_mask": mask, "modality": "text"}
    vectors = loss._embed(column)
    assert model.seen == [(8, 40), (8, 2), (2, 2)]
    torch.testing.assert_close(vectors, Lengths()(column)["sentence_embedding"])


def test_with_dims_the_loss_is_the_mean_over_cut_and_whole_vectors():
    loss = GuidedContrastiveLoss(Lookup(torch.eye(2)))
    columns = [torch.randn(4, 32, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1)]

    def value(kept: int) -> torch.Tensor:
        return loss.calculate_loss([[each[:, :kept]] for each in columns], _Batch(None, None))

    mean = torch.stack([value(kept) for kept in (8, 16, 32)]).mean()
    loss.dims = (16, 8)
    assert value(32).item() == pytest.approx(mean.item(), abs=1e-6)
