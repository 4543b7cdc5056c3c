"""Objectives that begin at the means of classes."""

import copy

import pytest
import torch
from torch.nn import functional

from oodml_bench.errors import TrainingError
from oodml_bench.training.objectives import OBJECTIVES, build_objective

CLASSES, DIMENSION = 4, 5
#: Objectives with proxies or class weights, and how the rows of these lie in their parameter.
TRANSPOSED = {
    "arcface": True,
    "normalised_softmax": True,
    "proxy_anchor": False,
    "proxy_nca": False,
    "soft_triple": True,
}

of_proxies = pytest.mark.parametrize("name", sorted(TRANSPOSED))
each = pytest.mark.parametrize("name", sorted(OBJECTIVES.parts))


def build(name, **settings):
    torch.manual_seed(0)
    return build_objective({"name": name, **settings}, class_count=CLASSES, dimension=DIMENSION)


def proxies(objective, name):
    """Give the proxies of each class, (C, K, D)."""
    (own,) = objective.parameters()
    rows = own.detach().T if TRANSPOSED[name] else own.detach()
    return rows.clone().reshape(CLASSES, -1, DIMENSION)


def means(length=1.0):
    """Give orthogonal means of a length."""
    drawn = torch.randn(DIMENSION, DIMENSION, generator=torch.Generator().manual_seed(1))
    return length * torch.linalg.qr(drawn).Q[:CLASSES]


@of_proxies
@pytest.mark.parametrize("length", [1.0, 0.3])
def test_proxies_point_to_the_means_and_keep_their_lengths(name, length):
    objective = build(name)
    before = proxies(objective, name)
    objective.start_at(means(length))
    after = proxies(objective, name)
    torch.testing.assert_close(after.norm(dim=2), before.norm(dim=2))
    directions = functional.normalize(after, dim=2)
    # The centres of SoftTriple lie around the mean.
    torch.testing.assert_close(
        directions, means()[:, None].expand_as(directions), rtol=0, atol=0.12 if name == "soft_triple" else 1e-6
    )


@of_proxies
def test_samples_at_the_means_are_told_apart(name):
    objective = build(name)
    samples, labels = means().repeat(2, 1), torch.arange(CLASSES).repeat(2)
    before = objective(samples, labels).item()
    objective.start_at(means())
    started = objective(samples, labels).item()
    assert started < before
    # Whichever class has its mean exchanged for another's is worse off.
    for first in range(CLASSES):
        order = list(range(CLASSES))
        order[first], order[first - 1] = order[first - 1], order[first]
        objective.start_at(means()[order])
        assert objective(samples, labels).item() > started


def test_the_centres_of_a_class_differ_and_part():
    objective = build("soft_triple", centres=3)
    objective.start_at(means())
    centres = functional.normalize(proxies(objective, "soft_triple"), dim=2)
    apart = torch.cdist(centres, centres)
    assert (apart[:, ~torch.eye(3, dtype=torch.bool)] > 0.01).all()
    objective(means() + 0.3 * means().roll(1, 0), torch.arange(CLASSES)).backward()
    (gradients,) = (own.grad.T.reshape(CLASSES, 3, DIMENSION) for own in objective.parameters())
    assert ((gradients[:, 0] - gradients[:, 1]).norm(dim=1) > 0.01 * gradients[:, 0].norm(dim=1)).all()


@of_proxies
def test_proxies_go_on_learning(name):
    objective = build(name)
    (group,) = objective.parameter_groups()
    adam = torch.optim.Adam([group])
    objective.start_at(means())
    before = proxies(objective, name)
    objective(means() + 0.3, torch.arange(CLASSES)).backward()
    adam.step()
    assert (proxies(objective, name) != before).any(dim=(1, 2)).all()


@of_proxies
def test_means_that_were_learned_get_no_gradient(name):
    objective = build(name)
    learned = means().requires_grad_()
    objective.start_at(learned)
    objective(means(), torch.arange(CLASSES)).backward()
    assert learned.grad is None
    assert all(own.is_leaf and own.requires_grad for own in objective.parameters())


@pytest.mark.parametrize("name", sorted(set(OBJECTIVES.parts) - TRANSPOSED.keys()))
def test_objectives_without_proxies_stay_as_they_are(name):
    objective = build(name)
    before = copy.deepcopy(objective.state_dict())
    objective.start_at(means())
    assert all(torch.equal(kept, before[key]) for key, kept in objective.state_dict().items())


@each
@pytest.mark.parametrize("shape", [(1, DIMENSION), (CLASSES, 1), (CLASSES + 1, DIMENSION), (DIMENSION,)])
def test_other_shapes_are_refused(name, shape):
    with pytest.raises(TrainingError, match=r"cannot begin at class means of the shape .* 4 classes and 5 dimensions"):
        build(name).start_at(torch.ones(shape))
