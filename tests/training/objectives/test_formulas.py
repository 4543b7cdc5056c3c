"""The objectives against their formulas, written as loops."""

from math import acos, cos, exp, log, pi, sin, tan

import numpy as np
import pytest
import torch

from oodml_bench.training.objectives import build_objective
from tests.training.batches import Everything, Given, all_triplets, batch, unit

seeds = pytest.mark.parametrize("seed", range(5))


def relu(value):
    return max(value, 0.0)


def computed(name, embeddings, labels, miner=None, **settings):
    """Give an objective, with its parameters drawn far from their start, and its value."""
    torch.manual_seed(0)
    objective = build_objective({"name": name, **settings}, class_count=4, dimension=embeddings.shape[1], miner=miner)
    with torch.no_grad():
        for own in objective.parameters():
            own.add_(torch.rand_like(own) / 2)
    return objective, objective(embeddings, labels).item()


def proxies_of(objective):
    """Give an objective's proxies as unit vectors, one a row."""
    (own,) = objective.parameters()
    # The library keeps class weights in columns.
    return unit(own if own.shape[0] == 4 else own.T)


def log_softmax(logits, target):
    return logits[target] - log(sum(exp(logit) for logit in logits))


def distances(embeddings):
    points = unit(embeddings)
    return np.linalg.norm(points[:, None] - points, axis=2)


@seeds
@pytest.mark.parametrize(("nu", "learn_beta"), [(0, True), (0.3, True), (0, False)])
def test_margin(seed, nu, learn_beta):
    embeddings, labels = batch(seed=seed)
    objective, value = computed("margin", embeddings, labels, Everything(), nu=nu, learn_beta=learn_beta)
    betas = next(objective.parameters()).tolist() if learn_beta else [1.2] * 4
    d, total, active = distances(embeddings), 0.0, 0
    for a, p, n in all_triplets(labels):
        beta = betas[labels[a]]
        terms = [relu(d[a, p] - beta + 0.2), relu(beta - d[a, n] + 0.2)]
        total += sum(terms) + nu * beta
        active += sum(term > 0 for term in terms)
    assert value == pytest.approx(total / active)


@seeds
def test_multisimilarity(seed):
    embeddings, labels = batch(seed=seed)
    _, value = computed("multisimilarity", embeddings, labels)
    points, classes = unit(embeddings), labels.tolist()
    s = points @ points.T
    total = 0.0
    for j in range(len(labels)):
        positives = [i for i in range(len(labels)) if i != j and classes[i] == classes[j]]
        negatives = [k for k in range(len(labels)) if classes[k] != classes[j]]
        if not positives:
            continue
        kept_negatives = [k for k in negatives if s[j, k] + 0.1 > min(s[j, i] for i in positives)]
        kept_positives = [i for i in positives if s[j, i] - 0.1 < max(s[j, k] for k in negatives)]
        total += log(1 + sum(exp(-2 * (s[j, i] - 0.5)) for i in kept_positives)) / 2
        total += log(1 + sum(exp(40 * (s[j, k] - 0.5)) for k in kept_negatives)) / 40
    assert value == pytest.approx(total / len(labels))


@seeds
def test_contrastive(seed):
    embeddings, labels = batch(seed=seed)
    _, value = computed("contrastive", embeddings, labels, Everything(), positive_margin=0.1, negative_margin=1.1)
    d, triplets = distances(embeddings), all_triplets(labels)
    positive = np.mean([relu(d[a, p] - 0.1) for a, p, _ in triplets])
    negative = np.mean([relu(1.1 - d[a, n]) for a, _, n in triplets])
    assert value == pytest.approx(positive + negative)


@seeds
def test_triplet(seed):
    embeddings, labels = batch(seed=seed)
    _, value = computed("triplet", embeddings, labels, Everything())
    d = distances(embeddings)
    assert value == pytest.approx(
        np.mean([relu(d[a, p] ** 2 - d[a, n] ** 2 + 0.2) for a, p, n in all_triplets(labels)])
    )


@seeds
def test_quadruplet_where_only_one_sample_can_be_the_fourth(seed):
    embeddings, labels = batch((3, 2, 1), seed=seed)
    # The fourth is of the third class, which has one sample.
    triplets = [(a, p, n) for a, p, n in all_triplets(labels) if labels[a] != 2 and labels[n] != 2]
    (fourth,) = torch.nonzero(labels == 2).flatten().tolist()
    _, value = computed("quadruplet", embeddings, labels, Given(triplets), margin=0.2, second_margin=0.4)
    d = distances(embeddings)
    first = np.mean([relu(d[a, p] - d[a, n] + 0.2) for a, p, n in triplets])
    second = np.mean([relu(d[a, p] - d[n, fourth] + 0.4) for a, p, n in triplets])
    assert value == pytest.approx(first + second)


@seeds
def test_quadruplet_of_two_classes_has_no_second_term(seed):
    embeddings, labels = batch((3, 2), seed=seed)
    _, value = computed("quadruplet", embeddings, labels, Everything())
    d = distances(embeddings)
    assert value == pytest.approx(np.mean([relu(d[a, p] - d[a, n] + 0.2) for a, p, n in all_triplets(labels)]))


@seeds
def test_proxy_anchor(seed):
    embeddings, labels = batch((3, 2, 2), seed=seed)
    objective, value = computed("proxy_anchor", embeddings, labels)
    s, classes = unit(embeddings) @ proxies_of(objective).T, labels.tolist()
    positive = [
        log(1 + sum(exp(-32 * (s[x, c] - 0.1)) for x in range(len(classes)) if classes[x] == c)) for c in set(classes)
    ]
    negative = [
        log(1 + sum(exp(32 * (s[x, c] + 0.1)) for x in range(len(classes)) if classes[x] != c)) for c in range(4)
    ]
    assert value == pytest.approx(np.mean(positive) + np.mean(negative), rel=1e-5)


@seeds
def test_proxy_nca(seed):
    embeddings, labels = batch(seed=seed)
    objective, value = computed("proxy_nca", embeddings, labels)
    squared = ((unit(embeddings)[:, None] - proxies_of(objective)) ** 2).sum(axis=2)
    terms = [-log_softmax((-9 * row).tolist(), label) for row, label in zip(squared, labels.tolist(), strict=True)]
    assert value == pytest.approx(np.mean(terms), rel=1e-5)


@seeds
@pytest.mark.parametrize("turned", [False, True], ids=["as drawn", "beyond a half turn"])
def test_arcface(seed, turned):
    embeddings, labels = batch(seed=seed)
    objective, _ = computed("arcface", embeddings, labels)
    if turned:
        embeddings = -torch.tensor(proxies_of(objective))[labels] + 0.1 * embeddings
    value = objective(embeddings, labels).item()
    terms, angles = [], []
    for row, label in zip(unit(embeddings) @ proxies_of(objective).T, labels.tolist(), strict=True):
        angle = acos(row[label])
        logits = 16 * row
        logits[label] = 16 * (cos(angle + 0.5) if angle + 0.5 <= pi else cos(angle) - 0.5 * sin(0.5))
        terms.append(-log_softmax(logits.tolist(), label))
        angles.append(angle)
    assert (max(angles) + 0.5 > pi) or not turned
    assert value == pytest.approx(np.mean(terms), rel=1e-5)


@seeds
def test_normalised_softmax(seed):
    embeddings, labels = batch(seed=seed)
    objective, value = computed("normalised_softmax", embeddings, labels)
    s = unit(embeddings) @ proxies_of(objective).T
    terms = [-log_softmax((row / 0.05).tolist(), label) for row, label in zip(s, labels.tolist(), strict=True)]
    assert value == pytest.approx(np.mean(terms), rel=1e-5)


@seeds
def test_soft_triple(seed):
    embeddings, labels = batch(seed=seed)
    objective, value = computed("soft_triple", embeddings, labels, centres=3)
    s = (unit(embeddings) @ proxies_of(objective).T).reshape(len(labels), 4, 3)
    terms = []
    for row, label in zip(s, labels.tolist(), strict=True):
        weights = np.exp(row / 0.1)
        similarities = (weights * row).sum(axis=1) / weights.sum(axis=1)
        similarities[label] -= 0.01
        terms.append(-log_softmax((20 * similarities).tolist(), label))
    assert value == pytest.approx(np.mean(terms), rel=1e-5)


@seeds
def test_supcon(seed):
    embeddings, labels = batch(seed=seed)
    _, value = computed("supcon", embeddings, labels)
    points, classes = unit(embeddings), labels.tolist()
    s = points @ points.T / 0.1
    terms = []
    for a in range(len(classes)):
        positives = [p for p in range(len(classes)) if p != a and classes[p] == classes[a]]
        if positives:
            others = sum(exp(s[a, k]) for k in range(len(classes)) if k != a)
            terms.append(np.mean([-log(exp(s[a, p]) / others) for p in positives]))
    assert value == pytest.approx(np.mean(terms))


@seeds
def test_angular(seed):
    embeddings, labels = batch((2, 2, 2), seed=seed)
    _, value = computed("angular", embeddings, labels, alpha=40)
    x, points, classes = embeddings.numpy(), unit(embeddings), labels.tolist()
    pairs = [(a, p) for a in range(6) for p in range(6) if a != p and classes[a] == classes[p]]
    firsts = [next(pair for pair in pairs if classes[pair[0]] == label) for label in range(3)]
    npairs = [log(sum(exp(x[a] @ x[n] - x[a] @ x[p]) for _, n in firsts)) for a, p in firsts]
    square = tan(40 / 180 * pi) ** 2
    angular = [
        log(
            1
            + sum(
                exp(4 * square * (points[a] + points[p]) @ points[n] - 2 * (1 + square) * points[a] @ points[p])
                for n in range(6)
                if classes[n] != classes[a]
            )
        )
        for a, p in pairs
    ]
    length = np.linalg.norm(x, axis=1).mean()
    assert value == pytest.approx(np.mean(npairs) + 2 * np.mean(angular) + 0.005 * length, rel=1e-5)
