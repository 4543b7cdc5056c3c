"""What every objective keeps to."""

import io
from collections import Counter

import pytest
import torch

from oodml_bench.training.objectives import OBJECTIVES, build_objective
from oodml_bench.training.objectives.quadruplet import draw_fourth
from tests.training.batches import Everything, batch

NAMES = sorted(OBJECTIVES.parts)
#: Objectives that learn from pairs of samples, without a proxy for each class.
OF_PAIRS = ["angular", "contrastive", "margin", "multisimilarity", "quadruplet", "supcon", "triplet"]

each = pytest.mark.parametrize("name", NAMES)


def build(name, dimension=5, seed=0, **settings):
    torch.manual_seed(seed)
    miner = Everything() if OBJECTIVES.parts[name].takes_miner else None
    return build_objective({"name": name, **settings}, class_count=4, dimension=dimension, miner=miner)


def seeded(objective, embeddings, labels):
    """Compute with the same draws each time: of the fourth samples of quadruplets."""
    torch.manual_seed(1)
    return objective(embeddings, labels)


@each
def test_gradients_reach_the_embeddings_and_the_own_parameters(name):
    embeddings, labels = batch()
    embeddings.requires_grad_()
    objective = build(name)
    loss = objective(embeddings, labels)
    assert loss.shape == ()
    assert loss > 0
    loss.backward()
    assert torch.isfinite(embeddings.grad).all()
    assert (embeddings.grad.abs().sum(dim=1) > 0).all() or name in OF_PAIRS
    assert embeddings.grad.abs().sum() > 0
    assert all(own.grad.abs().sum() > 0 for own in objective.parameters())


@each
def test_a_step_down_the_gradient_lowers_the_loss(name):
    embeddings, labels = batch()
    embeddings.requires_grad_()
    objective = build(name)
    before = seeded(objective, embeddings, labels)
    before.backward()
    with torch.no_grad():
        for moved in (embeddings, *objective.parameters()):
            moved -= 1e-4 * moved.grad
    assert seeded(objective, embeddings, labels) < before


@each
def test_the_order_of_the_batch_does_not_matter(name):
    embeddings, labels = batch((2, 2, 2, 2))
    # Draws of fourth samples differ: their mean is compared.
    times, tolerance = (300, 0.02) if name == "quadruplet" else (1, 1e-6)
    # N-pairs learns from the first pair of each class: there the classes change places, but not the samples of one.
    order = torch.argsort(-labels, stable=True) if name == "angular" else torch.arange(7, -1, -1)
    objective = build(name)

    def mean_loss(samples):
        return torch.stack([objective(embeddings[samples], labels[samples]) for _ in range(times)]).mean().item()

    assert mean_loss(order) == pytest.approx(mean_loss(torch.arange(8)), rel=tolerance)


@each
def test_lengths_of_embeddings_do_not_matter(name):
    embeddings, labels = batch()
    # N-pairs and the penalty on lengths depend on them.
    if name != "angular":
        lengths = 0.1 + 10 * torch.rand(len(labels), 1, dtype=torch.float64)
        objective = build(name)
        longer = seeded(objective, embeddings * lengths, labels)
        assert longer.item() == pytest.approx(seeded(objective, embeddings, labels).item(), rel=1e-6)


@pytest.mark.parametrize("name", OF_PAIRS)
@pytest.mark.parametrize("labels", [[0, 1, 2, 3], [2], [1, 1, 1]], ids=["lone samples", "one sample", "one class"])
def test_a_batch_without_tuples_gives_a_zero_that_can_be_backpropagated(name, labels):
    embeddings = batch((len(labels),))[0].requires_grad_()
    objective = build(name, **({"l2_weight": 0} if name == "angular" else {}))
    loss = objective(embeddings, torch.tensor(labels))
    assert loss.item() == 0
    loss.backward()
    assert (embeddings.grad == 0).all()


@each
def test_reduced_precision_and_autocast_change_nothing_but_the_embeddings(name):
    embeddings, labels = batch(dimension=64)
    objective = build(name, dimension=64)
    rounded = embeddings.bfloat16()
    exact = seeded(objective, rounded.float(), labels)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = seeded(objective, rounded, labels)
    assert loss.dtype == torch.float32
    assert loss.item() == exact.item()


@each
def test_states_are_saved_and_loaded(name):
    embeddings, labels = batch()
    embeddings = embeddings.float()
    trained = build(name)
    optimiser = torch.optim.Adam([*trained.parameter_groups(), {"params": [embeddings.requires_grad_()]}])
    seeded(trained, embeddings, labels).backward()
    optimiser.step()
    file = io.BytesIO()
    torch.save(trained.state_dict(), file)
    file.seek(0)
    other = build(name, seed=5)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert seeded(other, embeddings, labels).item() == seeded(trained, embeddings, labels).item()


@pytest.mark.parametrize(
    ("name", "shape", "lr"),
    [
        ("arcface", (5, 4), 5e-4),
        ("margin", (4,), 5e-4),
        ("normalised_softmax", (5, 4), 5e-4),
        ("proxy_anchor", (4, 5), 0.02),
        ("proxy_nca", (4, 5), 5e-4),
        ("soft_triple", (5, 40), 5e-4),
    ],
)
def test_own_parameters_have_their_own_learning_rate_and_no_weight_decay(name, shape, lr):
    (group,) = build(name).parameter_groups()
    (own,) = group.pop("params")
    assert tuple(own.shape) == shape
    assert group == {"lr": lr, "weight_decay": 0.0}
    setting = "beta_lr" if name == "margin" else "proxy_lr"
    assert build(name, **{setting: 0.1}).parameter_groups()[0]["lr"] == 0.1


def test_other_objectives_have_no_parameters():
    without = {"angular", "contrastive", "multisimilarity", "quadruplet", "supcon", "triplet"}
    assert {name for name in NAMES if not build(name).parameter_groups()} == without
    assert build("margin", learn_beta=False).parameter_groups() == []


@pytest.mark.parametrize("name", ["proxy_anchor", "proxy_nca", "arcface", "normalised_softmax"])
def test_proxies_are_drawn_as_documented(name):
    torch.manual_seed(0)
    objective = build_objective({"name": name}, class_count=400, dimension=100, miner=None)
    (proxies,) = objective.parameters()
    expected = 1 / 8 if name.startswith("proxy") else 1 / 10 / 3**0.5
    assert proxies.std().item() == pytest.approx(expected, rel=0.02)
    assert proxies.mean().item() == pytest.approx(0, abs=0.005)
    assert (proxies.abs().max() < 0.1).item() == (not name.startswith("proxy"))


@pytest.mark.parametrize("sign", [1, -1], ids=["at their proxy", "opposite"])
@each
def test_gradients_are_finite_where_samples_coincide(name, sign):
    objective = build(name, dimension=4)
    with torch.no_grad():
        for own in objective.parameters():
            if own.shape == (4, 4):
                own.copy_(torch.eye(4))
    embeddings = (sign * torch.eye(4).repeat(2, 1)).requires_grad_()
    objective(embeddings, torch.arange(4).repeat(2)).backward()
    assert torch.isfinite(embeddings.grad).all()
    assert all(torch.isfinite(own.grad).all() for own in objective.parameters() if own.grad is not None)


def test_the_fourth_of_a_quadruplet_is_drawn_evenly_from_what_is_allowed():
    allowed = torch.tensor([[True, False, True, True], [False, True, False, False]])
    torch.manual_seed(0)
    drawn = draw_fourth(allowed.repeat(3000, 1)).reshape(3000, 2)
    assert set(drawn[:, 1].tolist()) == {1}
    counts = Counter(drawn[:, 0].tolist())
    assert counts.keys() == {0, 2, 3}
    assert all(abs(count - 1000) < 5 * 26 for count in counts.values())
