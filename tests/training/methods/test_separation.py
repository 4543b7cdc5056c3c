"""Adversarial separation."""

import copy

import torch
from torch.nn import functional

from oodml_bench.training.methods.separation import AdversarialSeparation, reverse_gradient


def parts(seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(6, 4, generator=generator, dtype=dtype).requires_grad_() for _ in range(2))


def separation():
    torch.manual_seed(0)
    return AdversarialSeparation(4, 9).double()


def plain(network, source, target):
    """Give the squared correlation, without any reversal."""
    predicted = functional.normalize(network(functional.normalize(source)))
    return (functional.normalize(target) * predicted).square().mean()


def test_reversal_changes_signs_alone():
    inputs = torch.tensor([1.0, -2.0], requires_grad=True)
    outputs = reverse_gradient(inputs)
    assert torch.equal(outputs, inputs)
    (outputs * torch.tensor([3.0, 5.0])).sum().backward()
    assert inputs.grad.tolist() == [-3.0, -5.0]


def test_one_dimension_by_hand():
    # In one dimension everything of length 1 is 1 or -1: the correlation is perfect.
    made = AdversarialSeparation(1, 3)
    assert made(torch.ones(2, 1), -torch.ones(2, 1)).item() == -1.0


def test_the_network_correlates_and_the_parts_do_not():
    made, (source, target) = separation(), parts()
    loss = made(source, target)
    torch.testing.assert_close(loss, -plain(made.network, source, target))
    loss.backward()
    other, (other_source, other_target) = copy.deepcopy(made), parts()
    other.zero_grad()
    plain(other.network, other_source, other_target).backward()
    # Descent on the loss is ascent on the correlation for the network, and descent on it for both parts.
    for ours, theirs in zip(made.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, -theirs.grad)
    torch.testing.assert_close(source.grad, other_source.grad)
    torch.testing.assert_close(target.grad, other_target.grad)


def test_gradients_of_the_network_by_finite_differences():
    made, (source, target) = separation(), parts()
    weight = made.network[0].weight

    def loss(values):
        weights = {name: tensor.detach() for name, tensor in made.named_parameters()} | {"network.0.weight": values}
        return torch.func.functional_call(made, weights, (source.detach(), target.detach()))

    assert torch.autograd.gradcheck(loss, [weight.detach().clone().requires_grad_()])


def test_training_both_sides_decorrelates():
    made, (source, target) = separation(), parts()
    fitted = torch.optim.Adam(made.parameters(), lr=0.01)
    for _ in range(300):
        fitted.zero_grad()
        made(source.detach(), target.detach()).backward()
        fitted.step()
    correlated = plain(made.network, source, target).item()
    both = torch.optim.Adam([source, target], lr=0.01)
    for _ in range(300):
        both.zero_grad()
        made(source, target).backward()
        both.step()
    assert plain(made.network, source, target).item() < 0.5 * correlated
