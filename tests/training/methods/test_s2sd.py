from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch.nn import functional

from oodml_bench.errors import RecipeError
from oodml_bench.training.methods.distillation import similarity_distillation
from oodml_bench.training.methods.s2sd import S2SD, S2SDSettings
from oodml_bench.training.objectives import Objective, build_objective
from oodml_bench.training.settings import parse_settings
from tests.training.methods.embedder_outputs import DIMENSION, FEATURES, LABELS, features, outputs, projection


def maker(name: str = "multisimilarity", **settings: Any) -> Any:
    def make(dimension: int, *, miner: Mapping[str, Any] | None = None) -> Objective:  # noqa: ARG001
        return build_objective({"name": name, **settings}, class_count=3, dimension=dimension)

    return make


def s2sd(*, objective: Any = None, seed: int = 0, **settings: Any) -> S2SD:
    torch.manual_seed(seed)
    made = S2SD(
        S2SDSettings(**{"dimensions": (5, 7), **settings}),
        objective or maker(),
        dimension=DIMENSION,
        features=FEATURES,
        lr=0.01,
    )
    return made.double()


def by_hand(method: S2SD, seen: torch.Tensor, embeddings: torch.Tensor, *, with_features: bool) -> torch.Tensor:
    settings = method.settings
    loss = method.objective(embeddings, LABELS) / 2
    count = len(settings.dimensions)
    for number in range(count):
        first, _, second = method.heads[number]
        hidden = functional.relu(seen @ first.weight.T + first.bias)
        target = hidden @ second.weight.T + second.bias
        unit = target / target.norm(dim=1, keepdim=True)
        loss = loss + method.target_objectives[number](unit, LABELS) / 2 / count
        loss = loss + settings.weight / count * similarity_distillation(embeddings, unit, settings.temperature)
    if with_features:
        loss = loss + settings.features_weight * similarity_distillation(embeddings, seen, settings.temperature)
    return loss


@pytest.mark.parametrize("delay", [None, 0])
def test_the_loss_is_the_formula(delay: int | None) -> None:
    method = s2sd(features_delay=delay, temperature=2.0, weight=3.0, features_weight=7.0)
    given = outputs(features(), projection())
    expected = by_hand(method, given.features, given.embeddings, with_features=delay is not None)
    torch.testing.assert_close(method(given, LABELS), expected)


def test_without_distillation_it_is_half_of_each_objective() -> None:
    method = s2sd(weight=0, dimensions=(5,))
    given = outputs(features(), projection())
    target = functional.normalize(method.heads[0](given.features))
    expected = (method.objective(given.embeddings, LABELS) + method.target_objectives[0](target, LABELS)) / 2
    torch.testing.assert_close(method(given, LABELS), expected)


def test_heads_see_the_maxima_where_the_settings_say_so_and_there_are_any() -> None:
    pooled, weights, maxima = features(), projection(), features(seed=1)
    average, both = s2sd(features_delay=0), s2sd(features_delay=0, pooling="average+max")
    given = outputs(pooled, weights, maxima)
    expected = by_hand(both, pooled + maxima, given.embeddings, with_features=True)
    torch.testing.assert_close(both(given, LABELS), expected)
    without = average(outputs(pooled, weights), LABELS)
    assert without.item() != expected.item()
    assert average(given, LABELS).item() == without.item()
    # The backbone pools so already.
    assert both(outputs(pooled, weights), LABELS).item() == without.item()


@pytest.mark.parametrize("delay", [0, 2])
def test_features_teach_after_the_delay_and_steps_of_training_alone_count(delay: int) -> None:
    method, never = s2sd(features_delay=delay), s2sd(features_delay=None)
    given = outputs(features(), projection())
    extra = 50 * similarity_distillation(given.embeddings, given.features, 1.0)
    added = []
    for _ in range(4):
        method.eval()
        method(given, LABELS)
        method.train()
        added.append((method(given, LABELS) - never(given, LABELS)).item())
    assert added == pytest.approx([0.0] * delay + [extra.item()] * (4 - delay), rel=1e-9)
    assert method.steps.item() == 4
    assert method.steps.dtype == torch.int64


@pytest.mark.parametrize("pooling", ["average", "average+max"])
def test_gradients_are_those_of_finite_differences_with_the_teachers_held(pooling: str) -> None:
    method = s2sd(features_delay=0, pooling=pooling).eval()
    weights, pooled, maxima = projection(), features().detach(), features(seed=1).detach()

    # With features given, the teachers do not depend on the embedding layer: all of its gradient can be checked.
    def loss(layer: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = method(outputs(pooled, layer, maxima), LABELS)
        return result

    assert torch.autograd.gradcheck(loss, (weights,))


def test_gradients_of_the_auxiliary_objectives_reach_the_features() -> None:
    method, weights = s2sd(weight=0), projection().detach()
    assert torch.autograd.gradcheck(lambda pooled: method.eval()(outputs(pooled, weights), LABELS), (features(),))


def gradients(method: S2SD) -> tuple[list[torch.Tensor | None], torch.Tensor]:
    """Give the gradients of the heads' weights, and of the features by way of the heads alone."""
    pooled = features()
    # Embeddings that do not depend on the features.
    apart = outputs(features(seed=3).detach(), projection())
    given = outputs(pooled, projection())
    mixed = type(given)(pooled, apart.projected, apart.parts, apart.embeddings)
    method(mixed, LABELS).backward()
    assert pooled.grad is not None
    return [weights.grad for weights in method.heads.parameters()], pooled.grad


def test_teachers_learn_by_their_objectives_and_not_by_the_distillation() -> None:
    with_distillation, without = s2sd(features_delay=0), s2sd(weight=0)
    heads, to_features = gradients(with_distillation)
    heads_without, to_features_without = gradients(without)
    # The objectives of the heads reach them and the backbone.
    assert all(gradient is not None and gradient.abs().sum() > 0 for gradient in heads)
    assert to_features.abs().sum() > 0
    for gradient, expected in zip(heads, heads_without, strict=True):
        torch.testing.assert_close(gradient, expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(to_features, to_features_without, rtol=1e-12, atol=0)


def test_the_embedding_learns_by_the_distillation() -> None:
    both = []
    for method in (s2sd(), s2sd(weight=0)):
        weights = projection()
        method(outputs(features(), weights), LABELS).backward()
        both.append(weights.grad)
    assert not torch.allclose(*both)


def test_every_parameter_is_in_one_group_and_thresholds_have_their_own_rate() -> None:
    method = s2sd(objective=maker("margin", beta_lr=0.2))
    heads, *objectives = method.parameter_groups()
    assert heads["lr"] == 0.01
    assert {id(weights) for weights in heads["params"]} == {id(weights) for weights in method.heads.parameters()}
    assert [group["lr"] for group in objectives] == [0.2] * 3
    assert all(group["weight_decay"] == 0 for group in (heads, *objectives))
    grouped = [id(weights) for group in (heads, *objectives) for weights in group["params"]]
    assert sorted(grouped) == sorted(id(weights) for weights in method.parameters())


def test_a_continued_run_is_an_uninterrupted_one() -> None:
    given = outputs(features(), projection().detach())

    def trained(method: S2SD, optimiser: torch.optim.Optimizer, steps: int) -> list[float]:
        losses = []
        for _ in range(steps):
            loss = method(given, LABELS)
            optimiser.zero_grad()
            loss.backward(retain_graph=True)
            optimiser.step()
            losses.append(loss.item())
        return losses

    def begun(seed: int) -> tuple[S2SD, torch.optim.Optimizer]:
        method = s2sd(objective=maker("proxy_nca"), features_delay=3, seed=seed)
        return method, torch.optim.Adam(method.parameter_groups())

    expected = trained(*begun(0), 6)
    method, optimiser = begun(0)
    before = trained(method, optimiser, 2)
    file = io.BytesIO()
    torch.save({"method": method.state_dict(), "optimiser": optimiser.state_dict()}, file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    method, optimiser = begun(1)
    method.load_state_dict(state["method"])
    optimiser.load_state_dict(state["optimiser"])
    assert method.steps.item() == 2
    assert before + trained(method, optimiser, 4) == expected


def test_autocast_changes_nothing() -> None:
    method = s2sd(features_delay=0).float()
    given = outputs(features().float(), projection().float())
    exact = method(given, LABELS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        computed = method(given, LABELS)
    assert computed.dtype == torch.float32
    assert computed.item() == exact.item()


@pytest.mark.parametrize(
    "settings",
    [{"dimensions": []}, {"dimensions": [0]}, {"temperature": 0}, {"features_delay": -1}, {"pooling": "max"}],
    ids=str,
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match=rf"\[s2sd\].*{next(iter(settings))}"):
        parse_settings(S2SDSettings, settings, "[s2sd]")
