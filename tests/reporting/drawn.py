"""Figures that are drawn for tests."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from oodml_bench.reporting.embedding import Embedding
from oodml_bench.reporting.saving import paper_style


def drawn(draw, *arguments, **options):
    """Give what `draw` draws into an empty figure, in the style of all figures and laid out."""
    with paper_style():
        figure = Figure(layout="constrained", dpi=100)
        draw(figure, *arguments, **options)
        figure.draw_without_rendering()
    return figure


def texts_outside(figure):
    """Give the texts that leave the figure, by more than rounding."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    width, height = figure.bbox.width, figure.bbox.height
    undrawn = {label for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for label in _beyond(axis)}
    outside = []
    for text in figure.findobj(Text):
        hidden = not text.get_visible() or not (text.axes is None or text.axes.get_visible())
        if not text.get_text() or hidden or text in undrawn:
            continue
        box = text.get_window_extent(renderer)
        if box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1:
            outside.append(text.get_text())
    return outside


def _beyond(axis):
    """Give the labels of ticks beyond the ends of an axis, which are not drawn."""
    low, high = sorted(axis.get_view_interval())
    slack = 1e-9 * (high - low)
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    beyond = [tick for tick in ticks if not low - slack <= tick.get_loc() <= high + slack]
    return [label for tick in beyond for label in (tick.label1, tick.label2)]


def random_embedding(classes, seed=0):
    rng = np.random.default_rng(seed)
    return Embedding(rng.normal(size=(len(classes), 2)), tuple(classes))
