"""Extensions of a FITS file with the image of a band, its errors and its masks."""

import re
import warnings
from dataclasses import dataclass

from astropy.io import fits

from dustest.data.bands import canonical_name
from dustest.data.checks.sample_columns import band_column_name
from dustest.data.errors import DustestWarning, InputError
from dustest.data.messages import did_you_mean, shown

__all__ = [
    "ERROR_KINDS",
    "IMAGE_HDUS",
    "find_bands",
    "find_extension",
    "find_extensions",
    "kind_of_key",
    "plane_shape",
    "warn_of_unused",
]

IMAGE_HDUS = fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU

_NAMES = {
    "sci": ("SCI", "DATA", "SCIENCE", "IMAGE"),
    "err": ("ERR", "ERROR", "RMS", "SIGMA", "SIG", "STD", "STDDEV", "UNCERTAINTY", "UNC", "NOISE"),
    "var": ("VAR", "VARIANCE"),
    "wht": ("WHT", "WEIGHT", "IVM", "IVAR", "INVVAR"),
    "mask": ("MASK", "BADPIX", "BPM"),
    "dq": ("DQ",),
}
"""Names of extensions by content, the preferred one first."""

ERROR_KINDS = {"err": "std", "var": "var", "wht": "ivar"}
"""Kind of error by the content of an extension, the preferred one first."""

_NO_BAND = "no band"

_UNCERT = "UNCERT"
_UTYPES = {"StdDevUncertainty": "err", "VarianceUncertainty": "var", "InverseVariance": "wht"}

_NOT_THE_SKY = re.compile(
    "SEG|CON$|CTX|CONTEXT|BKG|BACK|MODEL|RESID|PSF|EXP|COVERAGE|AREA|DETECTION|PROFILE"
)
_LIKE_ERRORS = re.compile("ERR|VAR|RMS|SIGMA|WHT|WEIGHT|UNC|IVM|STD|NOISE")
_LIKE_MASKS = re.compile("MASK|DQ|FLAG|QUAL|BAD|BPM")


@dataclass(frozen=True)
class _Extension:
    """An image of a file, and the content that its name states."""

    hdu: object
    kind: str | None
    band: str | None

    @property
    def rank(self):
        """Position among the names of its kind; 0 is preferred."""
        last = self.hdu.name.upper()
        names = _NAMES.get(self.kind, ())
        places = [place for place, name in enumerate(names) if name in last.split("_")]
        return min(places, default=len(names))

    def __str__(self):
        """Name, version if not the first, and shape."""
        version = f",{self.hdu.ver}" if self.hdu.ver > 1 else ""
        return f"{self.hdu.name or 'unnamed'}{version} {tuple(self.hdu.shape)}"


def plane_shape(shape):
    """Rows and columns of an image, whose other axes have length one.

    Parameters
    ----------
    shape : tuple of int
        Shape of an array.

    Returns
    -------
    shape : tuple of int or None
        None if it is not an image.
    """
    if len(shape) < 2 or any(length != 1 for length in shape[:-2]) or 0 in shape:
        return None
    return tuple(shape[-2:])


def kind_of_key(key, name):
    """Kind of image for a key of a dictionary of files.

    Parameters
    ----------
    key : str
        Such as ``"err"``, or a name of extensions.
    name : str
        Name of the dictionary, for the message.

    Returns
    -------
    kind : str
        One of sci, err, var, wht, mask and dq.

    Raises
    ------
    InputError
        If the key is unknown.
    """
    for kind, names in _NAMES.items():
        if str(key).lower() == kind or str(key).upper() in names:
            return kind
    msg = (
        f"{name} must have the key 'sci' and may have {shown(list(_NAMES)[1:])}, got {key!r}: "
        f"{did_you_mean(key, _NAMES)}correct the key"
    )
    raise InputError(msg)


def find_bands(hdus):
    """Find the bands of which a file has images.

    Parameters
    ----------
    hdus : HDUList
        A file whose extensions name bands.

    Returns
    -------
    bands : list of str
        Short names, in the order of the file.
    """
    named = (item for item in _extensions(hdus, _NO_BAND) if item.kind == "sci")
    return list(dict.fromkeys(item.band for item in named if item.band is not None))


def find_extensions(hdus, band):
    """Find the image of a band with its errors and masks.

    Parameters
    ----------
    hdus : HDUList
        A file.
    band : str
        Short name of the band.

    Returns
    -------
    found : dict of str to HDU
        Header-data units by content: sci, and err, var, wht, mask and dq if they exist.

    Raises
    ------
    InputError
        If there is no image, or several images match.

    Warns
    -----
    DustestWarning
        If an extension that looks like errors or a mask is not used.
    """
    extensions = _extensions(hdus, band)
    where = f"images[{band!r}]"
    found = {kind: _find_named(extensions, kind, band, where) for kind in _NAMES}
    if found["sci"] is None:
        found["sci"] = _find_lone(extensions, hdus, band, where)
    found = {kind: hdu for kind, hdu in found.items() if hdu is not None}
    warn_of_unused(hdus, found, band)
    return found


def find_extension(hdus, kind, band):
    """Find the image of one kind in a file.

    Parameters
    ----------
    hdus : HDUList
        A file.
    kind : str
        Kind of the image: sci, err, var, wht, mask or dq.
    band : str
        Short name of the band.

    Returns
    -------
    hdu : HDU
        The image.

    Raises
    ------
    InputError
        If there is none, or several images match.
    """
    extensions = _extensions(hdus, band)
    where = f"images[{band!r}][{kind!r}]"
    found = _find_named(extensions, kind, band, where)
    return _find_lone(extensions, hdus, band, where, kind) if found is None else found


def _extensions(hdus, band):
    """All images of a file."""
    images = [
        hdu for hdu in hdus if isinstance(hdu, IMAGE_HDUS) and plane_shape(hdu.shape) is not None
    ]
    return [_Extension(hdu, *_meaning(hdu, band)) for hdu in images]


def _meaning(hdu, band):
    """Kind and band of an image, according to its name."""
    name = hdu.name.upper()
    head, _, last = name.rpartition("_")
    first, _, tail = name.partition("_")
    for word, rest in ((name, ""), (last, head), (first, tail)):
        kind = _kind_of_word(word, hdu)
        of_band = _band_of(rest, band)
        if kind is not None and (not rest or of_band is not None):
            return kind, of_band
    of_band = _band_of(name, band)
    return (None, None) if of_band is None else ("sci", of_band)


def _kind_of_word(word, hdu):
    """Kind of image for a word in its name, or None."""
    if word == _UNCERT:
        utype = str(hdu.header.get("UTYPE", "StdDevUncertainty")).strip()
        if utype not in _UTYPES:
            msg = (
                f"extension {hdu.name} must have a UTYPE of {shown(list(_UTYPES))}, got {utype!r}"
            )
            raise InputError(msg)
        return _UTYPES[utype]
    return next((kind for kind, names in _NAMES.items() if word in names), None)


def _band_of(text, band):
    """Short name of the band in a text, or None."""
    name = band_column_name(text)
    if name.upper() == band.upper():
        return band
    try:
        return canonical_name(text)
    except InputError:
        return None


def _find_named(extensions, kind, band, where):
    """Image of a kind: with the name of the band, else with a plain name."""
    for wanted in (band, None):
        matches = [item for item in extensions if item.kind == kind and item.band == wanted]
        if matches:
            best = min(item.rank for item in matches)
            return _require_one([item for item in matches if item.rank == best], where, kind)
    return None


def _find_lone(extensions, hdus, band, where, kind="sci"):
    """The only image whose name states no other kind."""
    free = [item for item in extensions if item.kind is None]
    if kind == "sci":
        free = [item for item in free if not _matches(item, _LIKE_ERRORS, _LIKE_MASKS)]
        free = [item for item in free if not _matches(item, _NOT_THE_SKY)] or free
    if free:
        return _require_one(free, where, kind)
    name = _NAMES[kind][0]
    images = [hdu for hdu in hdus if isinstance(hdu, IMAGE_HDUS) and hdu.shape]
    found = shown([str(_Extension(hdu, None, None)) for hdu in images]) or "no image"
    msg = f"{where} must hold a 2-D image named {name} or {band}_{name}, found {found}"
    raise InputError(msg)


def _matches(item, *patterns):
    """Whether the name of an image matches one of some patterns."""
    return any(pattern.search(item.hdu.name.upper()) for pattern in patterns)


def _require_one(items, where, kind):
    """Return the only image, or raise an error."""
    if len(items) > 1:
        name = items[0].hdu.name or "PRIMARY"
        msg = (
            f"{where} may mean several images of the file: {shown(items)}; pass the one that you "
            f'mean, such as {{"{kind}": hdus["{name}", {items[0].hdu.ver}]}} with '
            "hdus = astropy.io.fits.open(file)"
        )
        raise InputError(msg)
    return items[0].hdu


def warn_of_unused(hdus, found, band):
    """Warn of images that look like errors or masks if none is used.

    Parameters
    ----------
    hdus : HDUList
        The file of the image.
    found : dict of str to HDU
        The images that are used.
    band : str
        Short name of the band.

    Warns
    -----
    DustestWarning
        If there are such images.
    """
    extensions = _extensions(hdus, band)
    shape = plane_shape(found["sci"].shape)
    unused = [
        item
        for item in extensions
        if item.hdu not in found.values()
        and item.band in (None, band)
        and plane_shape(item.hdu.shape) == shape
    ]
    for what, pattern, kinds in (
        ("errors", _LIKE_ERRORS, tuple(ERROR_KINDS)),
        ("mask", _LIKE_MASKS, ("mask", "dq")),
    ):
        similar = [item for item in unused if item.kind in kinds or _matches(item, pattern)]
        if similar and not set(kinds) & set(found):
            names = [item.hdu.name for item in similar]
            known = shown([name for kind in kinds for name in _NAMES[kind]])
            why = (
                "which the dictionary does not name"
                if similar[0].kind in kinds
                else f"as no known name of {what} ({known})"
            )
            msg = (
                f"the image of band {band} is read without {what}: {shown(names)} of its file is "
                f"not used, {why}; where it is one, pass it as "
                f'{{"sci": hdus[...], "{similar[0].kind or kinds[0]}": hdus["{names[0]}"]}}'
            )
            warnings.warn(msg, DustestWarning, stacklevel=6)
