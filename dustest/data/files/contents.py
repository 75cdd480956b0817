"""Checks of a file before it is read: what it refers to, and how much memory it takes.

Every reader of files calls `check_contents` before a library reads the file. A file that refers to
other files or to the network raises an error, and so does one whose content would take more memory
than `~dustest.data.files.limits.memory_limit`.
"""

import warnings
from contextlib import contextmanager

from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning

from dustest.data.files.compression import content_size, open_content
from dustest.data.files.fits_contents import check_fits, check_images
from dustest.data.files.hdf5_contents import check_hdf5, is_hdf5
from dustest.data.files.parquet_contents import check_parquet
from dustest.data.files.parsing import check_file, refuse_damaged
from dustest.data.files.text_contents import check_ecsv
from dustest.data.files.votable_contents import check_votable

__all__ = ["check_contents", "open_fits"]

_CHECKS = {
    "fits": check_fits,
    "hdf5": check_hdf5,
    "parquet": check_parquet,
    "votable": check_votable,
    "ascii.ecsv": check_ecsv,
}
_STARTS = {"fits": b"SIMPLE  =", "parquet": b"PAR1", "ascii.ecsv": b"# %ECSV"}
_XML = b"<"
_MARKS = b"\xef\xbb\xbf\xff\xfe \t\r\n"
"""Marks of byte order and blanks that may be in front of XML."""

_HEAD = 2**12


def check_contents(source, file_format=None):
    """Check a file before it is read.

    Errors of the libraries that parse it are those of a damaged file: call it inside
    `~dustest.data.files.parsing.refuse_damaged`.

    Parameters
    ----------
    source : pathlib.Path or io.BytesIO
        The file, or its content.
    file_format : str, optional
        Name of the format for astropy, if it is known. The content is also checked as what its
        first bytes say.

    Raises
    ------
    ReadError
        If the file refers to other files, or takes too much memory.

    Warns
    -----
    DustestWarning
        If the data of a FITS file differ from their checksum.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from dustest.data.files.contents import check_contents
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "table.csv"
    ...     _ = path.write_text("id,A_V")
    ...     check_contents(path)
    """
    _checked_size(source, file_format)


def _checked_size(source, file_format):
    """Bytes of the content of a file, after its checks."""
    size = content_size(source)
    for name in {file_format, _recognise(source)} & set(_CHECKS):
        _CHECKS[name](source, size)
    return size


def _recognise(source):
    """Name of the format of a content by its first bytes, or None."""
    with open_content(source) as file:
        start = file.read(_HEAD)
    for name, magic in _STARTS.items():
        if start.startswith(magic):
            return name
    if is_hdf5(source):
        return "hdf5"
    text = start.replace(b"\0", b"").lstrip(_MARKS)
    return "votable" if text.startswith(_XML) and b"VOTABLE" in text.upper() else None


@contextmanager
def open_fits(path):
    """Open a FITS file whose images are read as a whole, inside a ``with`` block.

    Parameters
    ----------
    path : str or path-like
        File name.

    Yields
    ------
    hdus : `~astropy.io.fits.HDUList`
        Its extensions, not mapped into memory.

    Raises
    ------
    ReadError
        If the file is missing, damaged, too large to read, or no FITS file.
    """
    path = check_file(path)
    what = f"the file {path} cannot be read as FITS, it may be truncated or damaged"
    with refuse_damaged(what):
        check_images(path, _checked_size(path, "fits"))
        with warnings.catch_warnings():
            # Astropy warns of a truncated file, and fails on its pixels later.
            warnings.simplefilter("ignore", AstropyUserWarning)
            with fits.open(path, memmap=False) as hdus:
                yield hdus
