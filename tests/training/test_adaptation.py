"""Adapting an embedder to a few samples."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from oodml_bench.errors import RecipeError, TrainingError
from oodml_bench.training.adaptation import adapt, class_means, parse_adaptation
from oodml_bench.training.embedder import BackboneSettings, Embedder, EmbeddingSettings
from oodml_bench.training.inputs import FeatureInputs
from oodml_bench.training.recipe_files import bundled_adaptations, load_adaptation
from oodml_bench.training.samples import SampleSet
from tests.training.few_shot_samples import MARGIN, adaptation, weights
from tests.training.training_samples import HEAD, NETWORK, equal_states, recipe, small_backbone

CPU = torch.device("cpu")


def support(classes=4, shots=2):
    labels = np.repeat(np.arange(classes), shots)
    return SampleSet(tuple("abcdefgh"[:classes]), np.arange(len(labels)), labels)


def features(samples=None, seed=0):
    samples = support() if samples is None else samples
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(len(samples.classes), 6, generator=generator)
    noise = torch.randn(len(samples.rows), 6, generator=generator)
    return FeatureInputs(centres[torch.from_numpy(samples.labels)] + 0.5 * noise)


def head(**settings):
    return Embedder(None, 6, EmbeddingSettings(dimension=4, **settings), seed=0)


def adapted(how=None, *, embedder=None, samples=None, seed=0, inputs=None):
    samples = support() if samples is None else samples
    inputs = features(samples) if inputs is None else inputs
    how = adaptation() if how is None else how
    return adapt(embedder or head(), inputs, samples, how, recipe(HEAD), seed=seed, device=CPU)


def test_what_is_adapted_stays_as_it_is_and_the_copy_changes():
    embedder = head()
    before, mode = weights(embedder), embedder.training
    copy = adapted(embedder=embedder)
    assert equal_states(weights(embedder), before)
    assert embedder.training == mode
    assert not torch.equal(copy.head.weight, embedder.head.weight)
    assert not copy.training


def test_the_seed_alone_decides():
    torch.manual_seed(1)
    state = torch.random.get_rng_state()
    first, second, other = adapted(seed=3), adapted(seed=3), adapted(seed=4)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert equal_states(weights(first), weights(second))
    assert not equal_states(weights(first), weights(other))


def test_equal_to_a_plain_loop_of_adam_on_all_support():
    # The support is smaller than a batch: every batch is all of it, in some order, which proxies do not see.
    how = adaptation(objective={"name": "proxy_anchor"}, miner=None, steps=3, lr_multiplier=4)
    samples, inputs, by_hand = support(), features(), head()
    objective = how.build_objective(4, 4)
    labels = torch.from_numpy(samples.labels)
    objective.start_at(class_means(by_hand(inputs.features).detach(), labels))
    lengths = objective.loss.proxies.norm(dim=1)
    # Lengths of proxies are drawn; what they are decides how far a step of Adam turns them.
    optimiser = torch.optim.Adam([{"params": by_hand.parameters(), "lr": 0.04}], lr=0.04)
    with_fixed_proxies = adapted(how.model_copy(update={"objective": {**how.objective, "proxy_lr": 1e-12}}))
    for _ in range(3):
        optimiser.zero_grad()
        objective(by_hand(inputs.features), labels).backward()
        optimiser.step()
    assert (lengths > 0).all()
    torch.testing.assert_close(with_fixed_proxies.head.weight, by_hand.head.weight, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["margin", "multisimilarity", "triplet", "arcface", "proxy_anchor"])
def test_every_objective_brings_support_of_a_class_together(name):
    how = adaptation(objective={"name": name}, miner=None, steps=100, lr_multiplier=2)
    samples = support(6, 3)
    inputs = features(samples)
    embeddings = [embedder(inputs.features).detach() for embedder in (head(), adapted(how, samples=samples))]
    labels = torch.from_numpy(samples.labels)
    same = labels[:, None] == labels
    gaps = [float((each @ each.T)[same].mean() - (each @ each.T)[~same].mean()) for each in embeddings]
    assert gaps[1] > gaps[0] + 0.02


@pytest.mark.parametrize("layers", ["last", "all"])
def test_layers(layers):
    embedder = Embedder.on(small_backbone(), BackboneSettings(), EmbeddingSettings(dimension=4), seed=0)
    pictures = FeatureInputs(torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(0)))
    how = adaptation(layers=layers)
    made = adapt(embedder, pictures, support(), how, recipe(NETWORK), seed=0, device=CPU)
    assert not torch.equal(made.head.weight, embedder.head.weight)
    changed = not equal_states(weights(made.backbone), weights(embedder.backbone))
    assert changed == (layers == "all")
    assert all(parameter.requires_grad for parameter in made.parameters())


def test_proxies_begin_at_the_means_of_the_support():
    # Without steps that count, the nearest proxy is the nearest class mean.
    vectors, labels = torch.tensor([[3.0, 0], [1, 0], [0, 2]]), torch.tensor([0, 0, 1])
    torch.testing.assert_close(class_means(vectors, labels), torch.tensor([[1.0, 0], [0, 1]]))
    mixed = class_means(functional.normalize(torch.tensor([[1.0, 0], [0, 1]])), torch.tensor([0, 0]))
    torch.testing.assert_close(mixed, torch.tensor([[2**-0.5, 2**-0.5]]))


def test_support_that_is_smaller_than_a_batch_is_adapted_to():
    large = adapted(adaptation(batches={"size": 112}))
    assert not torch.equal(large.head.weight, head().head.weight)
    # The whole support is the batch, which is what batches of its size are too.
    torch.testing.assert_close(large.head.weight, adapted(adaptation(batches={"size": 8})).head.weight)


def test_steps_by_shots():
    how = adaptation(steps=5, steps_at={"10": 7})
    assert [how.at(shots).steps for shots in (2, 10)] == [5, 7]
    assert how.at(2).steps_at == {}


def test_what_does_not_fit():
    with pytest.raises(RecipeError, match='layers = "last"'):
        adapted(adaptation(layers="all"))
    with pytest.raises(RecipeError, match=r"an \[objective\] to train by, or a `classifier`"):
        parse_adaptation({"name": "x"}, "x.toml")
    with pytest.raises(RecipeError, match=r"an \[objective\] to train by, or a `classifier`"):
        adaptation(classifier="class_means")
    with pytest.raises(RecipeError, match=r"unknown objective 'margn'; did you mean 'margin'\?"):
        adaptation(objective={"name": "margn"})
    with pytest.raises(RecipeError, match=r"\[objective\] of .*unknown setting 'betta'; did you mean 'beta'\?"):
        adaptation(objective={"betta": 1.0})
    with pytest.raises(RecipeError, match="the largest of 4 classes has 1 images"):
        adapted(samples=support(4, 1))


def test_a_step_that_is_not_finite_stops_it():
    broken = FeatureInputs(torch.full((8, 6), torch.nan))
    with pytest.raises(TrainingError, match=r"the loss became nan in the adaptation at step 1\."):
        adapted(inputs=broken)


@pytest.mark.parametrize("name", sorted(bundled_adaptations()))
def test_bundled_adaptations_are_valid_and_spelled_out(name):
    how = load_adaptation(name)
    assert how.name == name
    assert parse_adaptation(how.as_dict(), "again") == how


def test_all_objectives_of_the_benchmark_are_bundled():
    assert {"margin", "multisimilarity", "triplet", "arcface", "proxyanchor", "class_means", "linear_probe"} <= set(
        bundled_adaptations()
    )
    assert MARGIN["objective"]["name"] == load_adaptation("margin").objective["name"]
