"""Drawing of the architecture of a network: layers from left to right, one lane per branch."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dustest.data.errors import InputError
from dustest.report.figures._drawing import (
    COLORS,
    FONT_SIZE,
    INK,
    PAGE_WIDTH,
    SMALL_FONT_SIZE,
    empty_figure,
    plain_text,
)
from dustest.validation.columns import numeric_columns

__all__ = ["plot_network"]

_HEAD = "head"
_TEXT_COLUMNS = ("branch", "name", "kind", "setting")
# Grey and white for layers without weights.
_FILLS = {
    "input": "#d9d9d9",
    "convolution": COLORS[5],
    "pooling": COLORS[4],
    "flatten": "#d9d9d9",
    "concatenation": "#d9d9d9",
    "dense": COLORS[2],
    "dropout": "#ffffff",
    "output": COLORS[1],
}
# Layers that are listed in the legend with the preceding layer, but not drawn.
_FOLDED = ("crop", "normalization")

# The unit of the axes is the inch.
_LANE_HEIGHT, _LABEL_HEIGHT, _LEGEND_HEIGHT = 1.2, 0.3, 0.5
_FACE = 0.5
_SLANT = 0.35
_VECTOR_WIDTH, _GAP = 0.11, 0.03
_MARGIN = 0.25
# Maps need more space than numbers.
_MAP_STEP = 1.7
# Height above the middle of a lane at which an arrow passes its layers.
_DETOUR = 0.36


@dataclass(frozen=True)
class _Box:
    """A drawn layer: centre and size of its front."""

    layer: dict
    x: float
    y: float

    @property
    def is_map(self):
        """Whether it has maps, rather than plain numbers."""
        return self.layer["side"] > 0

    @property
    def height(self):
        """Height: proportional to the side of maps, or to the logarithm of the number of units."""
        if self.is_map:
            return _FACE * (self.layer["side"] / 32) ** 0.5
        return 0.13 + 0.075 * np.log2(self.layer["units"])

    @property
    def width(self):
        """Width: depends on the number of maps."""
        return 0.05 + 0.02 * self.layer["units"] ** 0.5 if self.is_map else _VECTOR_WIDTH

    @property
    def slant(self):
        """Depth of the drawn sides."""
        return _SLANT * self.height if self.is_map else 0.0

    @property
    def ends(self):
        """Positions at which arrows enter and leave."""
        return self.x - self.width / 2, self.x + self.width / 2 + self.slant

    @property
    def low(self):
        """Lower edge; the middle of the drawing is at y."""
        return self.y - (self.height + self.slant) / 2


def plot_network(layers, *, ax=None):
    """Draw the architecture of a network: layers from left to right, one lane per branch.

    Blocks are maps, drawn with their side and, as depth, their number. Bars are plain numbers; a
    longer bar has more. The shape is written below each layer. The legend explains kinds of layers
    and their settings; a crop changes the shape of the next layer.

    Parameters
    ----------
    layers : Table
        One row per layer in the order of the network, branch by branch, with the columns
        ``branch`` (``"head"`` after the branches join), ``name``, ``kind``, ``side``, ``units``,
        ``setting`` and ``weights``, as from ``CNNEstimator.layers``.
    ax : `~matplotlib.axes.Axes`, optional
        Axes to draw on; by default those of a new figure as wide as a journal page that is not
        registered with pyplot.

    Returns
    -------
    ax : `~matplotlib.axes.Axes`
        The axes, without frame.

    Raises
    ------
    InputError
        If a column is missing or not numeric, or a kind is unknown.

    Examples
    --------
    >>> from astropy.table import QTable
    >>> from dustest.report.figures import plot_network
    >>> rows = [
    ...     ("F277W", "image", "input", 32, 1, "", 0),
    ...     ("F277W", "conv", "convolution", 32, 36, "3 x 3, relu", 360),
    ...     ("head", "output", "output", 0, 1, "", 37),
    ... ]
    >>> names = ["branch", "name", "kind", "side", "units", "setting", "weights"]
    >>> ax = plot_network(QTable(rows=rows, names=names))
    >>> ax.get_title(loc="right")
    '397 weights'
    """
    rows = _checked_rows(layers)
    lanes = _lanes(rows)
    branches = [name for name in lanes if name != _HEAD]
    height = _LANE_HEIGHT * max(len(branches), 1)
    if ax is None:
        ax = empty_figure(height + _LEGEND_HEIGHT + _LABEL_HEIGHT).add_subplot()
    ax.set(xlim=(0, PAGE_WIDTH), ylim=(0, height), aspect="equal")
    ax.set_axis_off()
    boxes = _place(lanes, branches, height)
    for lane in boxes.values():
        for box in lane:
            _draw_box(ax, box)
    _draw_arrows(ax, boxes)
    for name in branches:
        _name_lane(ax, boxes[name], name, boxes.get(_HEAD))
    ax.set_title(f"{sum(row['weights'] for row in rows):,} weights", loc="right", size=FONT_SIZE)
    _legend(ax, rows)
    return ax


def _checked_rows(layers):
    """Rows of the table as plain values."""
    numbers = numeric_columns(layers, ["side", "units", "weights"], argument="layers")
    missing = [name for name in _TEXT_COLUMNS if name not in layers.colnames]
    if missing or len(layers) == 0:
        msg = f"layers must have rows with the columns {_TEXT_COLUMNS}, got {layers.colnames}"
        raise InputError(msg)
    texts = {name: [str(value) for value in layers[name]] for name in _TEXT_COLUMNS}
    unknown = sorted(set(texts["kind"]) - set(_FILLS) - set(_FOLDED))
    if unknown:
        msg = f"kind of layers must be one of {(*_FILLS, *_FOLDED)}, got {unknown[0]!r}"
        raise InputError(msg)
    columns = texts | {name: values.astype(int).tolist() for name, values in numbers.items()}
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def _lanes(rows):
    """Drawn layers of each branch; only the last of two consecutive concatenations."""
    lanes = {}
    for row in rows:
        lane = lanes.setdefault(row["branch"], [])
        if lane and {lane[-1]["kind"], row["kind"]} == {"concatenation"}:
            lane.pop()
        if row["kind"] not in _FOLDED:
            lane.append(row)
    return {name: lane for name, lane in lanes.items() if lane}


def _place(lanes, branches, height):
    """Boxes of each branch, from top to bottom, and of the head after them."""
    head = lanes.get(_HEAD, [])
    steps = {name: _steps(lanes[name]) for name in lanes}
    n_before = max((steps[name][-1] + 1 for name in branches), default=0)
    xs = _column_centres(lanes, branches, steps, n_before)
    boxes = {}
    for i, name in enumerate(branches):
        y = height - _LANE_HEIGHT * (i + 0.5) + _LABEL_HEIGHT / 4
        # Lanes end at the same column, where they join.
        first = n_before - 1 - steps[name][-1]
        boxes[name] = _row_of_boxes(lanes[name], steps[name], xs[first:], y)
    if head:
        y = height / 2 + _LABEL_HEIGHT / 4
        boxes[_HEAD] = _row_of_boxes(head, range(len(head)), xs[n_before:], y)
    return boxes


def _column_centres(lanes, branches, steps, n_before):
    """Positions of the columns; those with maps are wider."""
    n = n_before + len(lanes.get(_HEAD, []))
    room = np.ones(n)
    for name in branches:
        first = n_before - 1 - steps[name][-1]
        has_maps = np.array([layer["side"] > 0 for layer in lanes[name]])
        room[first + steps[name][has_maps]] = _MAP_STEP
    starts = np.concatenate([[0.0], np.cumsum(room)[:-1]])
    return _MARGIN + (PAGE_WIDTH - 2 * _MARGIN) * starts / max(starts[-1], 1.0)


def _steps(lane):
    """Column of each layer; a pooling has that of its convolution."""
    moves = [layer["kind"] != "pooling" for layer in lane]
    return np.maximum(np.cumsum(moves) - 1, 0)


def _row_of_boxes(lane, steps, xs, y):
    """Boxes of one branch."""
    boxes = []
    for layer, step in zip(lane, steps, strict=True):
        box = _Box(layer, float(xs[step]), y)
        if layer["kind"] == "pooling" and boxes:
            before = boxes[-1]
            box = _Box(layer, before.ends[1] + box.width / 2 - before.slant + _GAP, y)
        boxes.append(box)
    return boxes


def _draw_box(ax, box):
    """The front of a layer, its sides if it has maps, and its shape below."""
    from matplotlib.patches import Polygon

    fill = _FILLS[box.layer["kind"]]
    left, right = box.x - box.width / 2, box.x + box.width / 2
    low, high, back = box.low, box.low + box.height, box.slant
    style = {"edgecolor": INK, "lw": 0.6, "zorder": 3, "gid": box.layer["name"]}
    if box.layer["kind"] == "dropout":
        style["ls"] = ":"
    faces = [([(left, low), (right, low), (right, high), (left, high)], 1.0)]
    if back:
        corner = (right + back, high + back)
        top = [(left, high), (right, high), corner, (left + back, high + back)]
        side = [(right, low), (right, high), corner, (right + back, low + back)]
        faces += [(top, 0.85), (side, 0.65)]
    for corners, shade in faces:
        ax.add_patch(Polygon(corners, facecolor=_shade(fill, shade), **style))
        style["gid"] = None
    if box.layer["kind"] != "pooling":
        ax.text(
            box.x + back / 2,
            low - 0.05,
            _shape_text(box),
            ha="center",
            va="top",
            fontsize=SMALL_FONT_SIZE - 1,
        )


def _shade(color, factor):
    """A darker colour."""
    from matplotlib.colors import to_rgb

    return tuple(factor * channel for channel in to_rgb(color))


def _shape_text(box):
    """Output shape of a layer."""
    side, units = box.layer["side"], box.layer["units"]
    return f"{side} × {side}\n× {units}" if box.is_map else f"{units:,}"


def _draw_arrows(ax, boxes):
    """Arrows along each lane, and from the ends of all branches to the head."""
    for lane in boxes.values():
        for box, following in pairwise(lane):
            if following.layer["kind"] != "pooling":
                _arrow(ax, [_way_out(box), _way_in(following)])
    head = boxes.get(_HEAD)
    for name, lane in boxes.items():
        if head and name != _HEAD:
            _arrow(ax, [_way_out(lane[-1]), _way_in(head[0])])
        if head and _skips(lane, head):
            above = lane[0].y + _DETOUR
            start = (lane[0].x, lane[0].low + lane[0].height)
            corners = [(lane[0].x, above), (lane[-1].ends[1], above)]
            _arrow(ax, [start, *corners, _way_in(head[0])])


def _skips(lane, head):
    """Whether the head also receives the input of a branch."""
    joined = head[0].layer["setting"].split(", ")
    return len(lane) > 1 and lane[0].layer["name"] in joined


def _way_in(box):
    """Position at which arrows to a layer end."""
    return box.ends[0] - _GAP, box.y


def _way_out(box):
    """Position at which arrows from a layer begin."""
    return box.ends[1] + _GAP, box.y


def _arrow(ax, points):
    """An arrow along some points."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    style = {"arrowstyle": "-|>", "mutation_scale": 6, "joinstyle": "round"}
    ax.add_patch(FancyArrowPatch(path=Path(points), lw=0.7, color=INK, zorder=2, **style))


def _name_lane(ax, lane, name, head):
    """Write the name of a branch above its input."""
    first = lane[0]
    top = first.y + _DETOUR if head and _skips(lane, head) else first.low + first.height
    ax.text(
        first.x + first.slant / 2,
        top + first.slant + 0.05,
        plain_text(name),
        ha="center",
        va="bottom",
        fontsize=SMALL_FONT_SIZE,
    )


def _legend(ax, rows):
    """Kinds of layers by colour, with their settings."""
    from matplotlib.patches import Patch

    present = {row["kind"] for row in rows}
    words = {}
    for kind in filter(present.__contains__, _FILLS):
        words.setdefault(_FILLS[kind], []).append(_kind_text(kind, rows))
    handles = [
        Patch(facecolor=fill, edgecolor=INK, lw=0.6, label=", ".join(texts))
        for fill, texts in words.items()
    ]
    ax.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        ncols=3,
        fontsize=SMALL_FONT_SIZE,
        frameon=False,
        handlelength=1.0,
        columnspacing=1.5,
    )


def _kind_text(kind, rows):
    """A kind of layers as text."""
    words = [kind] if kind == "concatenation" else [kind, *_settings(kind, rows)]
    if kind == "convolution":
        words += [f"{name} normalisation" for name in _settings("normalization", rows)]
    return plain_text(", ".join(words).replace(" x ", " × "))


def _settings(kind, rows):
    """Settings of a kind of layers, each once."""
    found = (row["setting"] for row in rows if row["kind"] == kind)
    return list(dict.fromkeys(filter(None, found)))
