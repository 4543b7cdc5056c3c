"""Results for tests."""

from oodml_bench.evaluation import ResultRow

FIDS = (10.0, 20.0, 50.0)


def row(**changes):
    defaults = {
        "benchmark": "glyphs", "level": 1, "fid": 10.0, "recipe": "margin", "seed": 0, "weights": "selected",
        "shots": 0, "episode": None, "gallery_classes": None, "metric": "recall@1", "value": 0.5,
    }  # fmt: skip
    return ResultRow(**(defaults | changes))


def rows_of(scores, **changes):
    """Give rows of scores, shape (seeds, levels)."""
    return [
        row(seed=seed, level=level, fid=FIDS[level - 1], value=value, **changes)
        for seed, values in enumerate(scores)
        for level, value in enumerate(values, start=1)
    ]
