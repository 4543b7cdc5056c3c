from __future__ import annotations

import pytest

from oodml_bench import errors
from oodml_bench.errors import OodmlError
from oodml_bench.scale.problems import problem_of, raise_problem

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, OodmlError)]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_comes_back_as_it_was(kind: type[OodmlError]) -> None:
    error = kind("several lines,", "the second with a\nbreak of its own and \udcff")
    with pytest.raises(kind) as raised:
        raise_problem(problem_of(error))
    assert type(raised.value) is kind
    assert raised.value.args == error.args
