"""`oodml-bench agree`: whether a benchmark is a ladder for other features too."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from oodml_bench.cli.echo import echo
from oodml_bench.cli.parameters import LOCATION, overwrite_option
from oodml_bench.cli.tables import show_table

if TYPE_CHECKING:
    from oodml_bench.splits import Agreement
    from oodml_bench.splits.disputes import DisputedStep
    from oodml_bench.splits.scores import Scores

#: Disputed steps, and class names of each, that are printed; the JSON file holds more.
_STEPS, _NAMES = 5, 3


@click.command()
@click.argument("benchmark", type=LOCATION)
@click.argument("features", type=LOCATION, nargs=-1, required=True)
@click.option("--out", type=LOCATION, help="Everything that was measured, as JSON.")
@click.option("--figure", type=LOCATION, help="A picture: .png, .pdf or .svg.")
@overwrite_option
def agree(benchmark: Path, features: tuple[Path, ...], out: Path | None, figure: Path | None, overwrite: bool) -> None:
    """Tell whether BENCHMARK is a ladder for other FEATURES too: feature stores or .npz files of the same classes.

    Scores its levels and the steps of its walks by each of them. FIDs are normalised to 0 at the lowest level and 1 at
    the highest of the same features.

    \b
    Example:
      oodml-bench agree datasplits/cub200_splits.pkl features/cub200_dinov2 features/cub200_bit --figure agreement.pdf
    """
    from oodml_bench.output import check_writable, refuse_to_overwrite, write_bytes
    from oodml_bench.reporting.figures import check_picture, plot_agreement
    from oodml_bench.splits.agreement import agreement
    from oodml_bench.splits.agreement_file import agreement_bytes

    if out is not None:
        refuse_to_overwrite(out, overwrite=overwrite)
        check_writable(out)
    if figure is not None:
        check_picture(figure, overwrite=overwrite)
        check_writable(figure)
    measured = agreement(benchmark, _labelled(features), progress=True)
    _show(measured)
    if out is not None:
        write_bytes(out, agreement_bytes(measured))
        echo(f"written: {out}")
    if figure is not None:
        echo(f"written: {plot_agreement(measured, figure, overwrite=overwrite)}")


def _labelled(features: tuple[Path, ...]) -> dict[str, Path]:
    """Label features by the name of their file or folder, or by their path where they share it."""
    from oodml_bench.errors import InputError
    from oodml_bench.splits.agreement import OWN

    short = [path.name.removesuffix(".npz") for path in features]
    clashing = {name for name, count in Counter([*short, OWN, ""]).items() if count > 1}
    labelled = {str(path) if name in clashing else name: path for name, path in zip(short, features, strict=True)}
    if len(labelled) < len(features):
        raise InputError(f"features may be given once each, got {', '.join(map(str, features))}")
    return labelled


def _show(measured: Agreement) -> None:
    _show_table(measured)
    echo()
    for scores in measured.others:
        echo(f"{scores.label}: {_order(measured, scores)}")
    if measured.disputed:
        echo()
        echo("the steps on which the features differ most, by change of normalised FID:")
        for step in measured.disputed[:_STEPS]:
            echo(f"  {_dispute(step)}")
    echo()
    echo(_verdict(measured))
    for note in measured.notes:
        echo(f"note: {note}", err=True)


def _show_table(measured: Agreement) -> None:
    """Print a line a level."""
    echo(f"{measured.benchmark}: {len(measured.own.levels)} levels, FIDs normalised under each of the features")
    headings = ("level", "step", "FID", measured.own.label, *(scores.label for scores in measured.others))
    rows = []
    for number, own in measured.own.levels.items():
        cells = [str(number), measured.level_steps[number] or "–", f"{own.fid:.4g}"]
        for scores in (measured.own, *measured.others):
            normalised = scores.levels[number].normalised
            cells.append("–" if normalised is None else f"{normalised:.3f}")
        rows.append(cells)
    show_table(headings, rows)


def _order(measured: Agreement, scores: Scores) -> str:
    pair = measured.correlation(measured.own.label, scores.label)
    if pair.spearman is None:
        return "no rank correlation with the benchmark"
    changed = "; ".join(f"levels {lower} and {higher} change order" for lower, higher in scores.changed)
    return f"Spearman {pair.spearman:.3f}, Kendall {pair.kendall:.3f}, {changed or 'monotone'}"


def _dispute(step: DisputedStep) -> str:
    moves = (("to test", step.to_test), ("to train", step.to_train), ("removed", step.removed))
    moved = ", ".join(f"{_names(names)} {where}" for where, names in moves if names)
    high, low = step.highest, step.lowest
    return f"{step.id}: {moved}: {step.changes[high]:+.3f} under {high}, {step.changes[low]:+.3f} under {low}"


def _names(names: tuple[str, ...]) -> str:
    more = len(names) - _NAMES
    return " and ".join(names[:_NAMES]) + (f" and {more} more" if more > 0 else "")


def _verdict(measured: Agreement) -> str:
    """Say in a sentence whether the ladder is one under the other features."""
    judged = [scores for scores in measured.others if scores.has_order and not scores.built_from]
    if not measured.own.has_order or not judged:
        return "Nothing can be said about other features: there is no order of levels to compare."
    changed = [scores.label for scores in judged if scores.changed]
    if changed:
        return f"The ladder is not one everywhere: levels change order under {', '.join(changed)}."
    return f"The ladder is one under {', '.join(scores.label for scores in judged)} too: no levels change order."
