"""Distilling the similarities of a batch from one embedding into another."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def similarity_distillation(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Give the divergence of a student's batch similarities from a teacher's (Roth et al., 2021, equation 3).

    With the B x B cosine similarities A of the student and S of the teacher, the diagonal included::

        L = T^2 / B  sum of rows  KL( softmax(S / T) || softmax(A / T) )

    Parameters
    ----------
    student, teacher
        (B, D) and (B, D'), of any length. No gradient flows to the teacher.
    temperature
        T.

    Returns
    -------
    Tensor
        A scalar, at least 0; in float32, also under autocast.
    """
    with torch.autocast(student.device.type, enabled=False):
        of_student = _similarities(student) / temperature
        of_teacher = _similarities(teacher.detach()) / temperature
        divergence = functional.kl_div(
            of_student.log_softmax(dim=1), of_teacher.log_softmax(dim=1), reduction="batchmean", log_target=True
        )
        return temperature**2 * divergence


def _similarities(vectors: Tensor) -> Tensor:
    unit = functional.normalize(vectors.to(torch.promote_types(vectors.dtype, torch.float32)))
    return unit @ unit.T
