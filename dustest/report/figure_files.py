"""Figures in files, at print size and with reproducible bytes."""

import base64
import io

from dustest.data.errors import InputError
from dustest.data.files.paths import check_writable, replacing

__all__ = ["data_uri", "figure_uri", "save_figure"]

_FORMATS = (".pdf", ".png")
_RESOLUTION = 200
# Metadata that would change with time.
_MEDIA = {".png": "image/png", ".svg": "image/svg+xml"}
_METADATA = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}


def save_figure(figure, path):
    """Write a figure to files, by default a PDF and a PNG.

    The size is that of the figure, in inches. Rasterised points and PNG files have 200 pixels per
    inch. The same figure gives the same PDF and PNG, byte by byte, since the files have no date.

    Parameters
    ----------
    figure : `~matplotlib.figure.Figure` or `~matplotlib.axes.Axes`
        Figure, or axes of it.
    path : str or path-like
        File, whose suffix sets the format; without a suffix, both ``path.pdf`` and
        ``path.png``.

    Returns
    -------
    paths : list of `~pathlib.Path`
        The files.

    Raises
    ------
    InputError
        If a file cannot be written, its format is unknown, or there is no figure.

    Examples
    --------
    >>> import tempfile
    >>> from matplotlib.figure import Figure
    >>> from dustest.report.figures import save_figure
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = save_figure(Figure(), f"{folder}/empty")
    >>> [path.name for path in paths]
    ['empty.pdf', 'empty.png']
    """
    figure = _checked_figure(figure)
    path = check_writable(path, "path")
    suffixes = [path.suffix] if path.suffix else _FORMATS
    paths = [check_writable(path.with_suffix(suffix), "path") for suffix in suffixes]
    for one in paths:
        _save(figure, one)
    return paths


def figure_uri(figure, suffix, **options):
    """Draw a figure as a data URI, for pages that need no other file.

    Parameters
    ----------
    figure : `~matplotlib.figure.Figure`
        The figure.
    suffix : {".png", ".svg"}
        Format.
    **options : dict
        Passed to ``savefig``, such as ``dpi``.

    Returns
    -------
    uri : str
        The same figure gives the same text.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format=suffix[1:], metadata=_METADATA.get(suffix), **options)
    return data_uri(buffer.getvalue(), suffix)


def data_uri(content, suffix):
    """Write an image as a data URI.

    Parameters
    ----------
    content : bytes
        Content of its file.
    suffix : {".png", ".svg"}
        Format.

    Returns
    -------
    uri : str
        The image as text.

    Examples
    --------
    >>> from dustest.report.figure_files import data_uri
    >>> data_uri(b"...", ".png")
    'data:image/png;base64,Li4u'
    """
    return f"data:{_MEDIA[suffix]};base64,{base64.b64encode(content).decode('ascii')}"


def _checked_figure(figure):
    """The figure, or the figure of axes."""
    part = getattr(figure, "figure", figure)
    whole = getattr(part, "figure", part)
    if not hasattr(whole, "savefig"):
        msg = f"figure must be a figure or axes of matplotlib, got {type(figure).__name__}"
        raise InputError(msg)
    return whole


def _save(figure, path):
    """Write one file."""
    try:
        with replacing(path) as partial:
            figure.savefig(partial, dpi=_RESOLUTION, metadata=_METADATA.get(path.suffix.lower()))
    except (OSError, ValueError) as error:
        msg = f"path must be a figure file that can be written, got {str(path)!r}: {error}"
        raise InputError(msg) from error
