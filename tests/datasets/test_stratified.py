from collections import Counter
from fractions import Fraction
from math import ceil, floor

from hypothesis import given
from hypothesis import strategies as st

from oodml_bench.datasets.stratified import stratified_subset


@st.composite
def draws(draw: st.DrawFn) -> tuple[dict[int, str], int]:
    superclasses = draw(st.dictionaries(st.integers(0, 500), st.sampled_from("abcde"), min_size=1))
    return superclasses, draw(st.integers(0, len(superclasses)))


@given(draws())
def test_each_superclass_gives_its_share_rounded_down_or_up(draw: tuple[dict[int, str], int]) -> None:
    superclasses, count = draw
    drawn = stratified_subset(superclasses, count)
    assert len(drawn) == len(set(drawn)) == count
    sizes, given_by = Counter(superclasses.values()), Counter(superclasses[item] for item in drawn)
    for name, size in sizes.items():
        share = Fraction(size * count, len(superclasses))
        assert floor(share) <= given_by[name] <= ceil(share)


@given(draws())
def test_the_draw_is_fixed_and_does_not_depend_on_order(draw: tuple[dict[int, str], int]) -> None:
    superclasses, count = draw
    backwards = dict(reversed(superclasses.items()))
    assert stratified_subset(superclasses, count) == stratified_subset(backwards, count)


def test_another_seed_draws_others() -> None:
    superclasses = dict.fromkeys(range(100), "a")
    assert stratified_subset(superclasses, 10) != stratified_subset(superclasses, 10, seed=1)
