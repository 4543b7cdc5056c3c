"""DiVA."""

import pytest
import torch
from torch.nn import functional

from oodml_bench.errors import RecipeError, TrainingError
from oodml_bench.training.embedder import Embedder, EmbeddingSettings, Outputs
from oodml_bench.training.methods import DiVA, DiVASettings
from oodml_bench.training.methods.noise_contrast import noise_contrast
from oodml_bench.training.miners import build_miner
from oodml_bench.training.objectives import build_objective
from oodml_bench.training.settings import parse_settings

LABELS = torch.tensor([0, 0, 1, 1, 2, 2])
WEIGHTS = (0.75, 1.25, 1.5, 2.0)


def make(dimension, *, miner=None):
    table = miner or {"name": "distance"}
    return build_objective({"name": "triplet"}, class_count=3, dimension=dimension, miner=build_miner(table))


def embedder():
    return Embedder(None, 5, EmbeddingSettings(dimension=12), seed=0, part_weights=WEIGHTS)


def method(of, **settings):
    torch.manual_seed(0)
    return DiVA(DiVASettings(**settings), make, of, batch_size=6, lr=0.03).train()


def features(seed=0):
    return torch.randn(6, 5, generator=torch.Generator().manual_seed(seed))


def test_parts_are_evaluated_together_by_their_weights():
    of = embedder()
    projected = of.head(features())
    parts = [weight * functional.normalize(projected[:, 3 * i : 3 * i + 3]) for i, weight in enumerate(WEIGHTS)]
    expected = functional.normalize(torch.cat(parts, dim=1))
    torch.testing.assert_close(of(features()), expected)
    lengths = expected.reshape(6, 4, 3).norm(dim=2)
    torch.testing.assert_close(lengths / lengths[:, :1], torch.tensor(WEIGHTS).expand(6, 4) / WEIGHTS[0])


def test_the_sum_of_its_terms():
    of = embedder()
    made = method(of, shared_weight=0.2, self_similarity_weight=0.5, intra_weight=0.7, separation=11, temperature=0.3)
    negatives = functional.normalize(torch.randn(4, 3, generator=torch.Generator().manual_seed(9)))
    made.queue.add(negatives)
    outputs = of.outputs(features())
    torch.manual_seed(4)
    loss = made(outputs, LABELS, features(1))
    torch.manual_seed(4)
    discriminative, shared, self_similarity, intra = outputs.parts
    expected = made.objective(discriminative, LABELS) + 0.2 * made.shared_objective(shared, LABELS)
    keys = made.key_encoder(features(1)).parts[2]
    expected = expected + 0.5 * noise_contrast(self_similarity, keys, negatives, 0.3)
    expected = expected + 0.7 * made.intra_objective(intra, LABELS)
    pairs = zip(("shared", "self_similarity", "intra"), (shared, self_similarity, intra), strict=True)
    expected = expected + 11 * sum(made.separations[name](part, discriminative) for name, part in pairs)
    torch.testing.assert_close(loss, expected)
    assert torch.equal(made.queue.held()[4:], keys)


@pytest.mark.parametrize(
    ("left_out", "part"), [("shared_weight", 1), ("self_similarity_weight", 2), ("intra_weight", 3)]
)
def test_a_weight_of_0_leaves_a_loss_out(left_out, part):
    of = embedder()
    made = method(of, separation=0, **{left_out: 0})
    made.queue.add(functional.normalize(features(3)[:, :3]))
    made(of.outputs(features()), LABELS, features(1)).backward()
    moved = of.head.weight.grad.reshape(4, 3, 5).abs().sum(dim=(1, 2)) > 0
    assert moved.tolist() == [index != part for index in range(4)]


def test_keys_come_from_the_followed_weights_and_learn_nothing():
    of = embedder()
    made = method(of, momentum=0.5)
    before = made.key_encoder.encoder.head.weight.clone()
    with torch.no_grad():
        of.head.weight.add_(1)
    made.before_step(of)
    torch.testing.assert_close(made.key_encoder.encoder.head.weight, before + 0.5)
    made(of.outputs(features()), LABELS, features(1)).backward()
    learning = {id(weights) for group in made.parameter_groups() for weights in group["params"]}
    assert not learning & {id(weights) for weights in made.key_encoder.parameters()}
    assert {id(weights) for weights in made.separations.parameters()} <= learning
    assert made.parameter_groups()[0]["lr"] == 0.03


def test_miners_of_shared_and_intra_class_parts_are_selectable():
    made = method(embedder(), shared_miner={"name": "cross_class"}, intra_miner={"name": "intra_class"})
    names = [type(made.shared_objective.miner).__name__, type(made.intra_objective.miner).__name__]
    assert names == ["CrossClassMiner", "IntraClassMiner"]
    with pytest.raises(RecipeError, match=r"\[diva\]: shared_miner.*unknown miner 'cross'; did you mean 'cross_class'"):
        parse_settings(DiVASettings, {"shared_miner": {"name": "cross"}}, "[diva]")


def test_outputs_of_one_part_are_the_embedding():
    of = Embedder(None, 5, EmbeddingSettings(dimension=12), seed=0)
    outputs: Outputs = of.outputs(features())
    assert len(outputs.parts) == 1
    assert outputs.parts[0] is outputs.embeddings
    torch.testing.assert_close(of(features()), functional.normalize(of.head(features())))


def step(of, made, optimiser, seed):
    torch.manual_seed(seed)
    made.before_step(of)
    loss = made(of.outputs(features(seed)), LABELS, features(seed) + 0.1)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return loss.item()


def begun():
    of = embedder()
    made = method(of, queue_batches=2)
    return of, made, torch.optim.Adam([{"params": list(of.parameters())}, *made.parameter_groups()], lr=0.01)


def test_continued_is_uninterrupted():
    whole, first, second = begun(), begun(), begun()
    expected = [step(*whole, seed) for seed in range(6)]
    assert [step(*first, seed) for seed in range(3)] == expected[:3]
    for own, saved in zip(second, first, strict=True):
        own.load_state_dict(saved.state_dict())
    assert [step(*second, seed) for seed in range(3, 6)] == expected[3:]


def test_keys_are_negatives_from_the_next_step_on():
    of = embedder()
    made = method(of, shared_weight=0, self_similarity_weight=1, intra_weight=0, separation=0, queue_batches=2)
    losses = []
    for seed in range(4):
        outputs = of.outputs(features(seed))
        torch.manual_seed(seed)
        loss = made(outputs, LABELS, features(seed) + 0.1)
        torch.manual_seed(seed)
        losses.append((loss - made.objective(outputs.parts[0], LABELS)).item())
        assert len(made.queue.held()) == min(6 * (seed + 1), 12)
    assert losses[0] == 0
    assert min(losses[1:]) > 0


def test_all_that_learns_is_in_one_group():
    def margin(dimension, *, miner=None):
        own = None if miner is None else build_miner(miner)
        return build_objective({"name": "margin"}, class_count=3, dimension=dimension, miner=own)

    made = DiVA(DiVASettings(), margin, embedder(), batch_size=6, lr=0.03)
    groups = made.parameter_groups()
    listed = [id(weights) for group in groups for weights in group["params"]]
    assert sorted(listed) == sorted(id(weights) for weights in made.parameters() if weights.requires_grad)
    # The networks that separate, and the thresholds of three objectives.
    assert [group["lr"] for group in groups] == [0.03, 5e-4, 5e-4, 5e-4]
    assert all(group["weight_decay"] == 0 for group in groups)


def test_separation_reaches_its_networks_and_all_parts():
    of = embedder()
    made = method(of, shared_weight=0, self_similarity_weight=0, intra_weight=0, separation=11)
    made(of.outputs(features()), LABELS, features(1)).backward()
    assert all(weights.grad.any() for weights in made.separations.parameters())
    assert all(rows.any() for rows in of.head.weight.grad.chunk(4))
    assert all(weights.grad is None for weights in made.key_encoder.parameters())


def test_losses_are_computed_in_float32_under_autocast():
    found = []
    for enabled in (False, True):
        of = embedder()
        made = method(of)
        made.queue.add(functional.normalize(features(3)[:, :3]))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            found.append(made(of.outputs(features()), LABELS, features(1)))
    assert found[1].dtype == torch.float32
    assert torch.equal(*found)


def test_an_objective_without_a_miner_is_refused():
    def without(dimension, *, miner=None):
        own = None if miner is None else build_miner(miner)
        return build_objective({"name": "proxy_anchor"}, class_count=3, dimension=dimension, miner=own)

    message = (
        r"\[diva\] needs an objective that takes a miner, .* ProxyAnchor takes none. .* margin, quadruplet, triplet"
    )
    with pytest.raises(RecipeError, match=message):
        DiVA(DiVASettings(), without, embedder(), batch_size=6, lr=0.03)


def test_one_view_is_refused():
    of = embedder()
    with pytest.raises(TrainingError, match="compares two views of each picture, but there is one"):
        method(of)(of.outputs(features()), LABELS)
    assert method(of, self_similarity_weight=0)(of.outputs(features()), LABELS).isfinite()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"intra_miner": {"name": "intra_class", "margin": 1}}, "unknown setting 'margin'"),
        ({"intra_miner": {}}, "name must be one of cross_class"),
        ({"part_weights": [1, 1, 1]}, "part_weights"),
        ({"part_weights": [1, 1, 0, 1]}, "greater than 0"),
        ({"part_weights": [1, 1, float("inf"), 1]}, "finite"),
        ({"momentum": 1}, "momentum = 1: input should be less than 1"),
        ({"shared_weight": -0.1}, "shared_weight = -0.1"),
        ({"rho": 100}, "unknown setting 'rho'"),
    ],
)
def test_what_is_wrong_is_said(table, message):
    with pytest.raises(RecipeError, match=message):
        parse_settings(DiVASettings, table, "[diva]")


def test_settings_spell_out_their_miners():
    settings = DiVASettings()
    spelled_out = {"name": "random_distance", "lower_cutoff": 0.5, "upper_cutoff": 1.4}
    assert settings.shared_miner == settings.intra_miner == spelled_out
    assert DiVASettings(**settings.model_dump(mode="json")) == settings
