"""Figures and axes that notebooks display."""

import io

from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["DisplayedAxes", "DisplayedFigure"]

_CHOSEN = {"axes_class", "polar", "projection"}
"""Options that choose the class of axes."""


class DisplayedAxes(Axes):
    """Axes whose figure is displayed at the end of a cell of a notebook."""

    def _repr_png_(self):
        return _to_png(self.get_figure(root=True))


class DisplayedFigure(Figure):
    """A figure that is displayed at the end of a cell of a notebook without pyplot.

    The same is true of its axes, for functions that return axes.
    """

    def add_subplot(self, *args, **options):
        """Add axes, which are displayed as well."""
        own = {} if _CHOSEN & options.keys() else {"axes_class": DisplayedAxes}
        return super().add_subplot(*args, **own, **options)

    def _repr_png_(self):
        return _to_png(self)


def _to_png(figure):
    """A figure as a PNG file (bytes), with its own resolution whatever the user's settings are."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi="figure")
    return buffer.getvalue()
