from __future__ import annotations

import math

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given

from oodml_bench.training.methods.distillation import similarity_distillation

SEEDS = st.integers(0, 2**32 - 1)
TEMPERATURES = st.floats(0.1, 10)


def drawn(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def at_angle(degrees: float) -> torch.Tensor:
    """Give two unit vectors at an angle: their similarities are 1 and the cosine."""
    angle = math.radians(degrees)
    return torch.tensor([[1.0, 0.0], [math.cos(angle), math.sin(angle)]], dtype=torch.float64)


def by_loops(student: np.ndarray, teacher: np.ndarray, temperature: float) -> float:
    """Compute the definition row by row."""

    def probabilities(vectors: np.ndarray, row: int) -> np.ndarray:
        lengths = np.linalg.norm(vectors, axis=1)
        exponentials = np.exp(vectors @ vectors[row] / lengths / lengths[row] / temperature)
        return exponentials / exponentials.sum()

    total = 0.0
    for row in range(len(student)):
        taught, learned = probabilities(teacher, row), probabilities(student, row)
        total += (taught * np.log(taught / learned)).sum()
    return temperature**2 / len(student) * total


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_two_samples_have_a_closed_form(temperature: float) -> None:
    # Similarities of the teacher are [[1, 0], [0, 1]], of the student [[1, 1/2], [1/2, 1]].
    of_teacher = 1 / (1 + math.exp(-1 / temperature))
    of_student = 1 / (1 + math.exp(-0.5 / temperature))
    divergence = of_teacher * math.log(of_teacher / of_student)
    divergence += (1 - of_teacher) * math.log((1 - of_teacher) / (1 - of_student))
    computed = similarity_distillation(at_angle(60), at_angle(90), temperature)
    assert computed.shape == ()
    assert computed.item() == pytest.approx(temperature**2 * divergence, rel=1e-12)


@given(SEEDS, TEMPERATURES)
def test_it_is_the_definition(seed: int, temperature: float) -> None:
    student, teacher = drawn(seed, 5, 3), drawn(seed + 1, 5, 7)
    expected = by_loops(student.numpy(), teacher.numpy(), temperature)
    assert similarity_distillation(student, teacher, temperature).item() == pytest.approx(expected, rel=1e-9)


@given(SEEDS, TEMPERATURES)
def test_it_is_zero_where_similarities_are_the_same_and_above_it_elsewhere(seed: int, temperature: float) -> None:
    vectors = drawn(seed, 6, 4)
    rotation = torch.linalg.qr(drawn(seed + 1, 9, 9)).Q[:4]
    lengths = drawn(seed + 2, 6, 1).exp()
    # The same similarities in nine dimensions, and at other lengths.
    assert similarity_distillation(vectors, lengths * vectors @ rotation, temperature).item() == pytest.approx(
        0, abs=1e-12
    )
    assert similarity_distillation(vectors, drawn(seed + 3, 6, 4), temperature).item() > 1e-8


@given(SEEDS, st.permutations(range(6)))
def test_rotations_lengths_and_the_order_of_the_batch_do_not_matter(seed: int, order: list[int]) -> None:
    student, teacher = drawn(seed, 6, 4), drawn(seed + 1, 6, 5)
    before = similarity_distillation(student, teacher, 1.0).item()
    turned = drawn(seed + 3, 6, 1).exp() * student @ torch.linalg.qr(drawn(seed + 2, 4, 4)).Q
    assert similarity_distillation(turned, teacher, 1.0).item() == pytest.approx(before, rel=1e-9)
    assert similarity_distillation(student[order], teacher[order], 1.0).item() == pytest.approx(before, rel=1e-9)


def test_gradients_are_those_of_finite_differences() -> None:
    student, teacher = drawn(0, 4, 3).requires_grad_(), drawn(1, 4, 5)
    assert torch.autograd.gradcheck(lambda vectors: similarity_distillation(vectors, teacher, 0.7), (student,))


def test_nothing_is_learned_by_the_teacher() -> None:
    student, teacher = drawn(0, 4, 3).requires_grad_(), drawn(1, 4, 5).requires_grad_()
    similarity_distillation(student, teacher, 1.0).backward()
    assert student.grad is not None
    assert student.grad.abs().sum() > 0
    assert teacher.grad is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_reduced_precision_changes_nothing_but_the_inputs(dtype: torch.dtype) -> None:
    student, teacher = drawn(0, 16, 32).to(dtype), drawn(1, 16, 64).to(dtype)
    exact = similarity_distillation(student.float(), teacher.float(), 1.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        computed = similarity_distillation(student, teacher, 1.0)
    assert computed.dtype == torch.float32
    assert computed.item() == exact.item()
