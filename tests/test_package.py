"""The public names."""

import subprocess
import sys

import pytest

import oodml_bench


@pytest.mark.parametrize("name", oodml_bench.__all__)
def test_every_public_name_is_there(name):
    assert getattr(oodml_bench, name) is not None
    assert name in dir(oodml_bench)


def test_other_names_are_not():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = oodml_bench.nothing


def test_importing_the_package_does_not_import_torch():
    program = "import sys, oodml_bench; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_building_does_not_import_torch():
    program = (
        "import sys; from oodml_bench import build, load_benchmark, open_features; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
