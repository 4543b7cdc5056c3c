"""The bundled dataset: letters of three scripts that look the same, with the filter of homoglyphs off and on."""

import unicodedata
from dataclasses import replace

import pytest

from oodml_bench.datasets import open_dataset
from oodml_bench.splits import Benchmark, Level
from oodml_bench.splits.audit import audit
from tests.splits.audit.planted import features_of

LETTERS = ("A", "B", "E", "H", "I", "K", "M", "O", "P", "T", "X", "D", "Q", "W")
GREEK = ("ALPHA", "BETA", "EPSILON", "ETA", "IOTA", "KAPPA", "MU", "OMICRON", "RHO", "TAU", "CHI", "DELTA", "OMEGA")
CYRILLIC = ("A", "VE", "IE", "EN", "KA", "EM", "O", "ER", "TE", "HA", "DE", "ZHE", "SHA")


def capitals(script, names):
    points = [ord(unicodedata.lookup(f"{script} CAPITAL LETTER {name}")) for name in names]
    return [f"U+{point:04X} {unicodedata.name(chr(point))}" for point in points]


def audited(spec):
    """Audit capitals of three scripts, the Latin ones on the one side."""
    whole = open_dataset(spec)
    latin = [name for name in capitals("LATIN", LETTERS) if name in whole.samples]
    others = [*capitals("GREEK", GREEK), *capitals("CYRILLIC", CYRILLIC)]
    others = [name for name in others if name in whole.samples]
    chosen = [*latin, *others]
    dataset = replace(
        whole,
        samples={name: whole.samples[name] for name in chosen},
        superclasses={name: whole.superclasses[name] for name in chosen},
    )
    levels = {1: Level(train=tuple(latin), test=tuple(others), fid=1.0)}
    return audit(Benchmark("capitals", levels), features_of(dataset, side=16), dataset=dataset)


def test_without_the_filter_latin_greek_and_cyrillic_twins_are_found():
    found = audited("glyphs+homoglyphs")
    latin = "U+0041 LATIN CAPITAL LETTER A"
    twins = {(f.first.label, f.second.label) for f in found.findings if f.kind == "same pictures"}
    assert (latin, "U+0391 GREEK CAPITAL LETTER ALPHA") in twins
    assert (latin, "U+0410 CYRILLIC CAPITAL LETTER A") in twins
    pictures = [f for f in found.findings if f.kind == "identical files" and f.first.class_name == latin and f.apart]
    assert {f.second.class_name.partition(" ")[0] for f in pictures} == {"U+0391", "U+0410"}
    assert all(f.first.sample == f.second.sample for f in pictures)
    assert found.leaks(1, "train/test") >= 10 * len(twins)


def test_with_the_filter_no_two_classes_have_the_same_pictures():
    found = audited("glyphs")
    assert not [f for f in found.findings if f.kind == "same pictures"]
    # A few faces draw two letters alike that others tell apart: the filter leaves those.
    alike = {
        (f.first.class_name, f.second.class_name) for f in found.findings if f.kind == "identical files" and f.apart
    }
    for names in alike:
        shared = [f for f in found.findings if (f.first.class_name, f.second.class_name) == names]
        assert len(shared) <= 8


def every_pair_apart(classes):
    """Give levels by the bits of a class's place: any two classes are on opposite sides of one."""
    bits = range(len(classes).bit_length())
    parts = [[[c for place, c in enumerate(classes) if place >> bit & 1 == side] for side in (0, 1)] for bit in bits]
    return {bit + 1: Level(train=tuple(train), test=tuple(test), fid=1.0) for bit, (train, test) in enumerate(parts)}


@pytest.mark.slow
def test_of_all_glyphs_two_pairs_share_most_pictures():
    """And these between faces, such as upright and slanted: the filter compares within a face."""
    dataset = open_dataset("glyphs")
    benchmark = Benchmark("glyphs", every_pair_apart(dataset.classes))
    found = audit(benchmark, features_of(dataset, side=16), dataset=dataset, compare_samples=False)
    twins = [f for f in found.findings if f.kind == "same pictures"]
    assert {(f.first.label, f.second.label) for f in twins} <= {
        ("U+00B7 MIDDLE DOT", "U+22C5 DOT OPERATOR"),
        ("U+0068 LATIN SMALL LETTER H", "U+210E PLANCK CONSTANT"),
    }
    assert all(f.similarity < 2 / 3 for f in twins)
