from __future__ import annotations

import copy
import io
from typing import Any

import pytest
import torch
from torch.nn import functional

from oodml_bench.errors import RecipeError
from oodml_bench.training.methods.uniform_prior import UniformPrior, UniformPriorSettings
from tests.training.methods.embedder_outputs import DIMENSION, FEATURES, features, outputs, projection
from tests.training.training_samples import equal_states

CHUNK = 2


def prior(seed: int = 0, *, width: int = FEATURES, lr: float = 0.01, **settings: Any) -> UniformPrior:
    torch.manual_seed(seed)
    return UniformPrior(UniformPriorSettings(**{"chunk": CHUNK, "hidden": 6, **settings}), width=width, lr=lr)


def float_outputs(seed: int = 0) -> Any:
    return outputs(features(seed).float(), projection().float())


def weights_of(made: UniformPrior) -> dict[str, torch.Tensor]:
    return {name: weights.detach().clone() for name, weights in made.discriminator.named_parameters()}


def set_linear(made: UniformPrior, slope: float, offset: float) -> None:
    """Let the discriminator of positive inputs be slope * (their sum) + offset."""
    first, _, second, _, last = made.discriminator
    with torch.no_grad():
        for layer in (first, second, last):
            layer.weight.zero_()
            layer.bias.zero_()
        first.weight[0] = 1
        second.weight[0, 0] = 1
        last.weight[0, 0] = slope
        last.bias.fill_(offset)


def test_a_linear_discriminator_gives_a_closed_form() -> None:
    made = prior(weight=0.3).eval()
    set_linear(made, slope=2.0, offset=-1.0)
    pooled = features().abs().detach().float()
    logits = 2 * pooled.reshape(-1, CHUNK).sum(dim=1) - 1
    # -log sigmoid(z), the mean over chunks.
    expected = 0.3 * torch.log1p(torch.exp(-logits)).mean()
    loss = made(outputs(pooled, projection().float()))
    assert loss.shape == ()
    torch.testing.assert_close(loss, expected)


def test_gradients_are_those_of_finite_differences() -> None:
    made = prior().double().eval()
    weights = projection()
    assert torch.autograd.gradcheck(lambda pooled: made(outputs(pooled, weights)), (features(),))


def test_chunks_are_neighbouring_numbers_of_one_sample() -> None:
    made = prior(weight=1.0).eval()
    given = float_outputs()
    losses = [
        functional.softplus(-made.discriminator(row[start : start + CHUNK])).item()
        for row in given.features
        for start in range(0, FEATURES, CHUNK)
    ]
    assert made(given).item() == pytest.approx(sum(losses) / len(losses), rel=1e-6)


def test_an_update_of_the_discriminator_is_one_step_of_adam() -> None:
    made, by_hand = prior(lr=0.02, lr_multiplier=0.5, every=1), prior(every=1)
    given = float_outputs()
    torch.manual_seed(1)
    made(given)
    torch.manual_seed(1)
    chunks = given.features.detach().reshape(-1, CHUNK)
    uniform = 2 * torch.rand(chunks.shape) - 1
    # -log p of the uniform draws, -log(1 - p) of the features.
    real = functional.softplus(-by_hand.discriminator(uniform)).mean()
    fake = functional.softplus(by_hand.discriminator(chunks)).mean()
    adam = torch.optim.Adam(by_hand.discriminator.parameters(), lr=0.01, betas=(0.5, 0.999))
    (real + fake).backward()
    adam.step()
    for name, weights in weights_of(made).items():
        torch.testing.assert_close(weights, weights_of(by_hand)[name])


def test_the_features_meet_the_discriminator_as_it_is_after_its_update() -> None:
    made = prior(every=1)
    given = float_outputs()
    loss = made(given)
    assert loss.item() == made.eval()(given).item()


def test_the_discriminator_is_updated_once_in_so_many_steps_of_training() -> None:
    made = prior(every=3)
    changed = []
    for step in range(1, 9):
        before = weights_of(made)
        made.eval()(float_outputs(step))
        assert equal_states(weights_of(made), before)
        made.train()(float_outputs(step))
        if not equal_states(weights_of(made), before):
            changed.append(step)
    assert changed == [1, 4, 7]


def test_each_side_leaves_the_other_alone() -> None:
    made = prior(every=2)
    for _ in range(2):
        pooled, weights = features().float().detach().requires_grad_(), projection().float()
        given = outputs(pooled, weights)
        state = torch.random.get_rng_state()
        before = weights_of(made)
        loss = made(given)
        # What the discriminator learned left no gradient on the features.
        assert pooled.grad is None
        after = weights_of(made)
        loss.backward()
        assert all(own.grad is None for own in made.parameters())
        assert equal_states(weights_of(made), after)
        assert pooled.grad is not None
        assert pooled.grad.abs().sum() > 0
        # Only an update draws anything.
        assert torch.equal(torch.random.get_rng_state(), state) == equal_states(before, after)


def test_it_regularises_what_the_settings_say() -> None:
    given = float_outputs()
    on_embeddings = prior(on="embeddings", width=DIMENSION).eval()
    # Equal settings but for `on`: the discriminators are equal.
    on_features = prior().eval()
    as_features = outputs(given.projected, torch.eye(DIMENSION))
    assert on_embeddings(given).item() == on_features(as_features).item()
    assert on_embeddings(given).item() != on_features(given).item()


def test_features_become_uniform() -> None:
    torch.manual_seed(0)
    pooled = (0.2 + 0.05 * torch.randn(256, CHUNK)).requires_grad_()
    made = prior(width=CHUNK, lr=0.01, every=1, weight=1.0, hidden=32)
    adam = torch.optim.Adam([pooled], lr=0.01)
    for _ in range(600):
        adam.zero_grad()
        made(outputs(pooled, torch.eye(CHUNK))).backward()
        adam.step()
    # U(-1, 1) has the mean 0 and the standard deviation 0.577; it began at 0.2 and 0.05.
    assert pooled.mean().abs().item() < 0.15
    assert pooled.std().item() == pytest.approx(0.577, abs=0.15)


@pytest.mark.parametrize("interrupted_after", [1, 2, 3, 4])
def test_a_continued_run_is_an_uninterrupted_one(interrupted_after: int) -> None:
    def trained(made: UniformPrior, steps: range) -> list[float]:
        losses = []
        for step in steps:
            torch.manual_seed(step)
            losses.append(made(float_outputs(step)).item())
        return losses

    uninterrupted, first, second = prior(every=3), prior(every=3), prior(seed=9, every=3)
    expected = trained(uninterrupted, range(8))
    before = trained(first, range(interrupted_after))
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second.load_state_dict(torch.load(file, weights_only=True))
    assert before + trained(second, range(interrupted_after, 8)) == expected
    assert equal_states(weights_of(second), weights_of(uninterrupted))


def test_a_state_is_copied_when_it_is_loaded() -> None:
    first, second = prior(every=1), prior(seed=9, every=1)
    first(float_outputs())
    second.load_state_dict(first.state_dict())
    kept = copy.deepcopy(first.get_extra_state())
    second(float_outputs(1))
    assert str(first.get_extra_state()) == str(kept)
    assert str(second.get_extra_state()) != str(kept)


def test_the_optimiser_keeps_hold_of_the_weights_when_they_move() -> None:
    # Moves keep a module's parameters and exchange their content, whether the precision changes or the device.
    made = prior(every=1).double()
    before = weights_of(made)
    made(outputs(features(), projection()))
    assert all(not torch.equal(weights, before[name]) for name, weights in weights_of(made).items())


def test_autocast_changes_nothing() -> None:
    exact, reduced = prior(every=1), prior(every=1)
    torch.manual_seed(1)
    expected = exact(float_outputs())
    torch.manual_seed(1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        computed = reduced(float_outputs())
    assert computed.dtype == torch.float32
    assert computed.item() == expected.item()
    assert equal_states(weights_of(reduced), weights_of(exact))


@pytest.mark.parametrize(("chunk", "width", "nearest"), [(3, 8, 2), (128, 64, 64), (128, 1000, 125)])
def test_chunks_that_do_not_divide_the_width_are_refused_with_some_that_do(
    chunk: int, width: int, nearest: int
) -> None:
    with pytest.raises(RecipeError, match=rf"chunk = {chunk} does not divide the {width} features.* {nearest}$"):
        prior(chunk=chunk, width=width)
