"""The miners against what they promise."""

import random
import re
from collections import Counter

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch.nn import functional

from oodml_bench.errors import RecipeError
from oodml_bench.training.miners import MINERS, build_miner, check_miner
from tests.training.batches import all_triplets, as_tensors, batch, unit

NAMES = sorted(MINERS.parts)
#: Miners whose positives are no samples of the anchor's class, and whose negatives are.
SHUFFLING = ("random_distance", "cross_class", "intra_class")
#: Miners that give one triplet for each anchor that has a positive and a negative.
ONE_EACH = ["distance", "random", "rho_distance", "softhard"]

each = pytest.mark.parametrize("name", NAMES)


def mined(miner, embeddings, labels, times=1):
    """Give the triplets of as many calls, as tuples of positions."""
    torch.manual_seed(0)
    calls = [torch.stack(miner(embeddings, labels), dim=1) for _ in range(times)]
    return [tuple(triplet) for triplet in torch.cat(calls).tolist()]


def on_circle(*degrees):
    """Give unit vectors of two dimensions at these angles."""
    angles = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def distances(embeddings):
    points = unit(embeddings)
    return np.linalg.norm(points[:, None] - points, axis=2)


def as_expected(counts, expected):
    """Whether counts may come from probabilities: the right triplets, and about as often as expected."""
    assert counts.keys() == {key for key, probability in expected.items() if probability > 1e-12}
    keys = sorted(counts)
    total = sum(counts.values())
    return chisquare([counts[key] for key in keys], [total * expected[key] for key in keys]).pvalue > 1e-4


@each
@pytest.mark.parametrize("seed", range(5))
def test_triplets_are_positions_of_three_roles(name, seed):
    embeddings, labels = batch((4, 3, 2, 1, 1), seed=seed)
    torch.manual_seed(seed)
    anchors, positives, negatives = build_miner({"name": name})(embeddings, labels)
    assert anchors.dtype == positives.dtype == negatives.dtype == torch.int64
    assert anchors.shape == positives.shape == negatives.shape == (len(anchors),)
    assert len(anchors) > 0
    assert (anchors != negatives).all()
    if name in SHUFFLING:
        return
    assert (labels[anchors] == labels[positives]).all()
    pushed_apart = positives == anchors
    assert torch.equal(labels[anchors] == labels[negatives], pushed_apart)
    assert name == "rho_distance" or not pushed_apart.any()


@pytest.mark.parametrize("name", ONE_EACH)
def test_each_anchor_with_a_positive_gives_one_triplet(name):
    embeddings, labels = batch((4, 3, 2, 1, 1))
    triplets = mined(build_miner({"name": name}), embeddings, labels)
    has_positive = [place for place, label in enumerate(labels.tolist()) if (labels == label).sum() > 1]
    assert sorted(anchor for anchor, _, _ in triplets) == has_positive


@each
@pytest.mark.parametrize("labels", [[0, 1, 2], [7], [1, 1, 1]], ids=["lone samples", "one sample", "one class"])
def test_nothing_is_mined_where_there_is_no_triplet(name, labels):
    if (name, labels) in (("cross_class", [0, 1, 2]), ("intra_class", [1, 1, 1])):
        labels = labels[:2]  # With three of them there are triplets of this kind.
    embeddings, _ = batch((len(labels),))
    triplets = build_miner({"name": name})(embeddings, torch.tensor(labels))
    assert [len(places) for places in triplets] == [0, 0, 0]
    assert all(places.dtype == torch.int64 for places in triplets)


@each
def test_torch_alone_is_asked_for_random_numbers(name):
    embeddings, labels = batch((4, 3, 2))
    miner = build_miner({"name": name})
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    before = random.getstate(), repr(np.random.get_state())  # noqa: NPY002
    first, second = mined(miner, embeddings, labels, 3), mined(miner, embeddings, labels, 3)
    assert first == second
    assert (random.getstate(), repr(np.random.get_state())) == before  # noqa: NPY002


@each
def test_length_precision_and_autocast_do_not_matter(name):
    embeddings, labels = batch((4, 3, 2), dimension=64)
    rounded = embeddings.bfloat16().requires_grad_()
    miner = build_miner({"name": name})
    with torch.autocast("cpu", dtype=torch.bfloat16):
        triplets = mined(miner, rounded, labels)
    assert triplets == mined(miner, 8 * rounded.float(), labels)


def expected_by_distance(embeddings, labels, lower=0.5, upper=1.4):
    """Give the probability of each triplet, written as loops, for each anchor in turn."""
    d, dimension = distances(embeddings), embeddings.shape[1]
    probabilities = {}
    usable = sorted({a for a, _, _ in all_triplets(labels)})
    for anchor in usable:
        positives = {p for a, p, _ in all_triplets(labels) if a == anchor}
        negatives = sorted({n for a, _, n in all_triplets(labels) if a == anchor})
        near = [n for n in negatives if d[anchor, n] < upper] or negatives
        clipped = [min(max(d[anchor, n], lower), upper) for n in near]
        density = [x ** (dimension - 2) * (1 - x * x / 4) ** ((dimension - 3) / 2) for x in clipped]
        weights = np.array([1 / q for q in density])
        for n, weight in zip(near, weights / weights.sum(), strict=True):
            for p in positives:
                probabilities[anchor, p, n] = weight / len(positives) / len(usable)
    return probabilities


@pytest.mark.parametrize("dimension", [2, 3, 8])
def test_distance_draws_by_the_stated_distribution(dimension):
    embeddings, labels = batch((3, 2, 1), dimension=dimension, seed=3)
    counts = Counter(mined(build_miner({"name": "distance"}), embeddings, labels, 4000))
    assert as_expected(counts, expected_by_distance(embeddings, labels))


def test_distance_cutoffs():
    # Classes: 0 at two places, 1 close to the first of them, 2 at the other side.
    embeddings = on_circle(0, 10, 5, 25, 170, 175)
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    settings = {"lower_cutoff": 0.6, "upper_cutoff": 1.2}
    triplets = mined(build_miner({"name": "distance", **settings}), embeddings, labels, 4000)
    counts = Counter(triplets)
    assert as_expected(counts, expected_by_distance(embeddings, labels, 0.6, 1.2))
    negatives = Counter((a, n) for a, _, n in triplets)
    # Both samples of class 1 are within the lower cutoff: equally often, and class 2 never.
    assert negatives[0, 4] == negatives[0, 5] == 0
    assert negatives[0, 2] == pytest.approx(2000, abs=5 * 32)
    # The samples of class 2 have no negative within the upper cutoff: all alike.
    assert all(negatives[4, n] == pytest.approx(1000, abs=5 * 28) for n in range(4))


def test_distance_keeps_all_anchors_in_many_dimensions():
    generator = torch.Generator().manual_seed(0)
    embeddings = functional.normalize(torch.randn(1, 512) + torch.randn(112, 512, generator=generator))
    # Some samples have a very near negative: beside their weights those of others are 0 in float32.
    embeddings[::8] = functional.normalize(embeddings[::8] + 1.2 * embeddings[1::8].roll(3, 0))
    labels = torch.arange(56).repeat_interleave(2)
    triplets = mined(build_miner({"name": "distance"}), embeddings, labels)
    assert [anchor for anchor, _, _ in triplets] == list(range(112))
    # What is drawn is still near: the weight of a distance falls steeply.
    d = distances(embeddings)
    drawn = np.mean([d[a, n] for a, _, n in triplets])
    assert drawn < np.quantile([d[a, n] for a in range(112) for n in range(112) if a // 2 != n // 2], 0.1)


def test_opposite_and_equal_samples_are_no_trouble():
    embeddings = on_circle(0, 0, 180, 180, 0, 180)
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    counts = Counter((a, n) for a, _, n in mined(build_miner({"name": "distance"}), embeddings, labels, 50))
    assert counts.keys() == {(0, 4), (1, 4), (2, 5), (3, 5), (4, 0), (4, 1), (5, 2), (5, 3)}


@pytest.mark.parametrize("probability", [0.15, 0.4])
def test_rho_distance_switches_as_often_as_it_is_told(probability):
    embeddings, labels = batch((3, 2, 2), seed=1)
    counts = Counter(mined(build_miner({"name": "rho_distance", "probability": probability}), embeddings, labels, 3000))
    by_distance = expected_by_distance(embeddings, labels)
    expected = {triplet: (1 - probability) * share for triplet, share in by_distance.items()}
    for a, p, _ in by_distance:
        size = (labels == labels[a]).sum().item()
        expected[a, a, p] = probability / (size - 1) / 7
    assert as_expected(counts, expected)


def test_rho_distance_at_its_ends():
    embeddings, labels = batch((3, 2, 2))
    never = mined(build_miner({"name": "rho_distance", "probability": 0}), embeddings, labels)
    assert never == mined(build_miner({"name": "distance"}), embeddings, labels)
    always = mined(build_miner({"name": "rho_distance", "probability": 1}), embeddings, labels)
    assert all(a == p != n and labels[a] == labels[n] for a, p, n in always)


def test_random_distance_makes_pairs_of_any_two_samples_alike():
    embeddings, labels = batch((2, 2, 2))
    miner = build_miner({"name": "random_distance"})
    triplets = mined(miner, embeddings, labels, 3000)
    # Groups are of the sizes of classes, so that each sample has one positive, whichever it is.
    assert Counter(a for a, _, _ in triplets) == dict.fromkeys(range(6), 3000)
    pairs = Counter((a, p) for a, p, _ in triplets)
    assert len(pairs) == 30
    assert all(times == pytest.approx(600, abs=5 * 24.5) for times in pairs.values())
    assert all(p != n for _, p, n in triplets)


def test_random_draws_evenly():
    embeddings, labels = batch((3, 2, 1))
    counts = Counter(mined(build_miner({"name": "random"}), embeddings, labels, 3000))
    expected = {}
    for a, p, n in all_triplets(labels):
        size = (labels == labels[a]).sum().item()
        expected[a, p, n] = 1 / 5 / (size - 1) / (6 - size)
    assert as_expected(counts, expected)


@pytest.mark.parametrize("margin", [0.2, 0.05])
@pytest.mark.parametrize("seed", range(3))
def test_semihard_gives_all_such_triplets(margin, seed):
    embeddings, labels = batch((4, 3, 2), seed=seed)
    d = distances(embeddings)
    expected = [(a, p, n) for a, p, n in all_triplets(labels) if d[a, p] < d[a, n] <= d[a, p] + margin]
    assert sorted(mined(build_miner({"name": "semihard", "margin": margin}), embeddings, labels)) == expected


@pytest.mark.parametrize("seed", range(3))
def test_softhard_draws_evenly_from_what_is_hard(seed):
    embeddings, labels = batch((3, 3, 2), seed=seed)
    d, triplets = distances(embeddings), all_triplets(labels)
    expected = {}
    for anchor in range(8):
        positives = sorted({p for a, p, _ in triplets if a == anchor})
        negatives = sorted({n for a, _, n in triplets if a == anchor})
        hard_positives = [p for p in positives if d[anchor, p] > min(d[anchor, negatives])] or positives
        hard_negatives = [n for n in negatives if d[anchor, n] < max(d[anchor, positives])] or negatives
        for p in hard_positives:
            for n in hard_negatives:
                expected[anchor, p, n] = 1 / 8 / len(hard_positives) / len(hard_negatives)
    assert as_expected(Counter(mined(build_miner({"name": "softhard"}), embeddings, labels, 3000)), expected)


@pytest.mark.parametrize("seed", range(3))
def test_easy_positive_semihard_gives_the_nearest_of_each_kind(seed):
    embeddings, labels = batch((4, 3, 2), seed=seed)
    d, triplets = distances(embeddings), all_triplets(labels)
    expected = []
    for anchor in range(9):
        nearest = min({p for a, p, _ in triplets if a == anchor}, key=lambda p: d[anchor, p])
        beyond = [n for a, p, n in triplets if (a, p) == (anchor, nearest) and d[a, n] > d[a, p]]
        if beyond:
            expected.append((anchor, nearest, min(beyond, key=lambda n: d[anchor, n])))
    assert mined(build_miner({"name": "easy_positive_semihard"}), embeddings, labels) == expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "distanc"}, "[miner] of a.toml: unknown miner 'distanc'; did you mean 'distance'?"),
        ({"name": "rho_distance", "p": 0.2}, "unknown setting 'p'"),
        ({"name": "rho_distance", "probabilty": 0.2}, "did you mean 'probability'?"),
        ({"name": "rho_distance", "probability": 1.2}, "probability = 1.2: input should be less than or equal to 1"),
        ({"name": "distance", "lower_cutoff": 1.5}, "lower_cutoff must be below upper_cutoff, which is 1.4"),
        ({"name": "random", "seed": 1}, "unknown setting 'seed'"),
        ({}, "name must be one of cross_class, distance, easy_positive_semihard,"),
    ],
)
def test_what_is_wrong_is_said(settings, message):
    for use in (build_miner, check_miner):
        with pytest.raises(RecipeError, match=re.escape(message)):
            use(settings, "[miner] of a.toml")


def test_the_library_takes_triplets_as_they_are():
    from pytorch_metric_learning.losses import TripletMarginLoss

    embeddings, labels = batch()
    triplets = build_miner({"name": "rho_distance", "probability": 0.5})(embeddings, labels)
    assert torch.isfinite(TripletMarginLoss()(embeddings, labels, triplets))
    everything = as_tensors(all_triplets(labels))
    assert TripletMarginLoss()(embeddings, labels, everything).item() == pytest.approx(
        TripletMarginLoss()(embeddings, labels).item()
    )


def test_cross_class_triplets_are_of_three_classes():
    embeddings, labels = batch((4, 3, 2, 1, 1))
    triplets = mined(build_miner({"name": "cross_class"}), embeddings, labels, times=50)
    assert Counter(anchor for anchor, _, _ in triplets) == dict.fromkeys(range(11), 50)
    for triplet in triplets:
        assert len({int(labels[place]) for place in triplet}) == 3
    of_first = Counter(positive for anchor, positive, _ in triplets if anchor == 0)
    assert set(of_first) == {place for place in range(11) if labels[place] != labels[0]}


def test_cross_class_negatives_are_drawn_by_distance():
    embeddings, labels = on_circle(0, 40, 60, 75), torch.arange(4)
    triplets = mined(build_miner({"name": "cross_class"}), embeddings, labels, times=3000)
    weights = expected_weights(embeddings)
    for anchor in range(4):
        for positive in {0, 1, 2, 3} - {anchor}:
            rest = sorted({0, 1, 2, 3} - {anchor, positive})
            total = sum(weights[anchor][negative] for negative in rest)
            counts = Counter(n for a, p, n in triplets if (a, p) == (anchor, positive))
            assert as_expected(counts, {negative: weights[anchor][negative] / total for negative in rest})


def expected_weights(embeddings, lower=0.5, upper=1.4):
    """Give 1 / q of each pair, all of which are nearer than the upper cutoff."""
    d, dimension = distances(embeddings), embeddings.shape[1]
    clipped = np.clip(d, lower, upper)
    return clipped ** (2 - dimension) * (1 - clipped**2 / 4) ** ((3 - dimension) / 2)


def test_intra_class_triplets_are_three_samples_of_one_class():
    embeddings, labels = batch((4, 3, 2, 1))
    triplets = mined(build_miner({"name": "intra_class"}), embeddings, labels, times=400)
    assert {labels[anchor].item() for anchor, _, _ in triplets} == {0, 1}
    for triplet in triplets:
        assert len(set(triplet)) == 3
        assert len({int(labels[place]) for place in triplet}) == 1
    first, *members = torch.nonzero(labels == 0).flatten().tolist()
    others = [pair for anchor, *pair in triplets if anchor == first]
    pairs = {(p, n): 1 / 6 for p in members for n in members if p != n}
    assert as_expected(Counter(map(tuple, others)), pairs)
