"""The queue of keys, and the loss against it."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from oodml_bench.training.methods.noise_contrast import KeyQueue, noise_contrast


def unit(rows, columns, seed=0):
    values = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return functional.normalize(values)


@given(size=st.integers(1, 9), batches=st.lists(st.integers(1, 12), max_size=8))
def test_the_queue_holds_the_last_keys(size, batches):
    queue, added = KeyQueue(size, 1), []
    assert len(queue.held()) == 0
    for count in batches:
        keys = torch.arange(len(added), len(added) + count, dtype=torch.float32)
        queue.add(keys[:, None])
        added += keys.tolist()
        assert sorted(queue.held().flatten().tolist()) == added[-size:]


def test_the_queue_goes_on_from_its_state(tmp_path):
    queue = KeyQueue(4, 2)
    queue.add(torch.ones(3, 2))
    torch.save(queue.state_dict(), tmp_path / "queue.pt")
    other = KeyQueue(4, 2)
    other.load_state_dict(torch.load(tmp_path / "queue.pt", weights_only=True))
    for each in (queue, other):
        each.add(torch.full((2, 2), 5.0))
    assert torch.equal(queue.held(), other.held())
    assert len(other.held()) == 4


def by_loops(queries, keys, negatives, temperature, lower=0.5, upper=1.4):
    dimension, losses = queries.shape[1], []
    for query, key in zip(queries.numpy(), keys.numpy(), strict=True):
        distances = np.linalg.norm(negatives.numpy() - query, axis=1)
        clipped = np.clip(distances, lower, upper)
        weights = clipped ** (2 - dimension) * (1 - clipped**2 / 4) ** ((3 - dimension) / 2)
        weights = np.where(distances < upper, weights, 0) if (distances < upper).any() else np.ones(len(weights))
        weights = weights / weights.sum()
        positive = math.exp(query @ key / temperature)
        negative = len(negatives) * (weights * np.exp(negatives.numpy() @ query / temperature)).sum()
        losses.append(-math.log(positive / (positive + negative)))
    return np.mean(losses)


@pytest.mark.parametrize("temperature", [0.1, 1.0])
@pytest.mark.parametrize("dimension", [3, 8])
def test_a_loop_over_queries_and_negatives(dimension, temperature):
    queries, keys, negatives = unit(5, dimension), unit(5, dimension, 1), unit(11, dimension, 2)
    expected = by_loops(queries, keys, negatives, temperature)
    assert noise_contrast(queries, keys, negatives, temperature).item() == pytest.approx(expected)


def test_it_is_info_nce_where_all_negatives_weigh_alike():
    # Nearer than the lower cutoff all have one weight.
    queries, keys, negatives = unit(4, 3), unit(4, 3, 1), unit(7, 3, 2)
    logits = torch.cat([(queries * keys).sum(1, keepdim=True), queries @ negatives.T], dim=1) / 0.2
    expected = functional.cross_entropy(logits, torch.zeros(4, dtype=torch.int64))
    torch.testing.assert_close(noise_contrast(queries, keys, negatives, 0.2, cutoffs=(1.999, 2.1)), expected)


def test_small_temperatures_do_not_overflow():
    assert noise_contrast(unit(4, 8).float(), unit(4, 8, 1).float(), unit(50, 8, 2).float(), 1e-4).isfinite()


def test_weights_are_of_each_query_alone():
    queries, keys, negatives = unit(4, 5), unit(4, 5, 1), unit(9, 5, 2)
    alone = [noise_contrast(queries[[i]], keys[[i]], negatives, 0.3) for i in range(4)]
    torch.testing.assert_close(noise_contrast(queries, keys, negatives, 0.3), torch.stack(alone).mean())


def test_gradients_reach_the_queries_alone():
    queries, keys, negatives = (unit(4, 5, seed).requires_grad_() for seed in range(3))
    noise_contrast(queries, keys, negatives, 0.3).backward()
    assert queries.grad.abs().max() > 0
    assert keys.grad is negatives.grad is None


def test_without_negatives_there_is_nothing_to_learn():
    queries = unit(4, 5).requires_grad_()
    loss = noise_contrast(queries, unit(4, 5, 1), unit(4, 5)[:0], 0.3)
    loss.backward()
    assert loss.item() == 0
    assert not queries.grad.any()


def on_circle(*degrees):
    angles = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def test_one_negative_is_a_logistic_loss():
    expected = math.log(1 + math.exp((0.5**0.5 - 0.5) / 0.1))
    assert noise_contrast(on_circle(0), on_circle(60), on_circle(45), 0.1).item() == pytest.approx(expected)


def test_in_three_dimensions_weights_are_inverse_distances():
    def on_meridian(*degrees):
        return functional.pad(on_circle(*degrees), (0, 1))

    # Of 60 and 36 degrees; where 1 / q(d) is 1 / d.
    weights = 1 / np.array([1.0, 2 * math.sin(math.pi / 10)])
    cosines = np.array([0.5, math.cos(math.pi / 5)])
    expected = math.log(1 + 2 * (weights / weights.sum() * np.exp((cosines - 1) / 0.5)).sum())
    found = noise_contrast(on_meridian(0), on_meridian(0), on_meridian(60, 36), 0.5)
    assert found.item() == pytest.approx(expected)


def test_far_negatives_weigh_alike_and_nothing_beside_near_ones():
    query, key = on_circle(0), on_circle(30)
    negatives = on_circle(100, -110, 170)
    logits = torch.cat([key @ query.T, negatives @ query.T]).T / 0.3
    expected = functional.cross_entropy(logits, torch.tensor([0]))
    torch.testing.assert_close(noise_contrast(query, key, negatives, 0.3), expected)
    first, second = (noise_contrast(query, key, on_circle(50, far), 0.3) for far in (100, 180))
    torch.testing.assert_close(first, second)
    assert noise_contrast(query, key, on_circle(50, 60), 0.3).item() != pytest.approx(first.item())


def test_gradients_by_finite_differences_where_weights_are_constant():
    # Within the lower cutoff all weights are equal, wherever the queries move.
    queries, keys, negatives = (functional.normalize(unit(6, 5, seed) + 20 * unit(1, 5)) for seed in range(3))
    assert torch.cdist(queries, negatives).max() < 0.5
    assert torch.autograd.gradcheck(lambda moved: noise_contrast(moved, keys, negatives, 0.2), queries.requires_grad_())


def test_no_gradient_flows_through_the_weights():
    query, key, negatives = unit(1, 6, 5).requires_grad_(), unit(1, 6, 6), unit(7, 6, 7)
    noise_contrast(query, key, negatives, 0.2).backward()
    with torch.no_grad():
        distances = torch.cdist(query, negatives).clamp(0.5)
        weights = (distances**-4 * (1 - distances**2 / 4) ** -1.5).where(distances < 1.4, 0.0)
        positive = (query @ key.T / 0.2).exp()
        terms = 7 * weights / weights.sum() * (query @ negatives.T / 0.2).exp()
        total = positive + terms.sum()
        expected = (terms / total @ negatives - (1 - positive / total) * key) / 0.2
    torch.testing.assert_close(query.grad, expected)


def test_negatives_may_be_replaced_before_their_loss_is_backpropagated():
    queue, gradients = KeyQueue(4, 3), []
    queue.add(unit(4, 3, 1).float())
    for replaced in (False, True):
        queries = unit(4, 3).float().requires_grad_()
        loss = noise_contrast(queries, queries, queue.held(), 0.1)
        if replaced:
            queue.add(unit(4, 3, 2).float())
        loss.backward()
        gradients.append(queries.grad)
    assert torch.equal(*gradients)
