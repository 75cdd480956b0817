"""Instruments: names of their filters, and sources of their transmission curves."""

from dataclasses import dataclass

from dustest.data.checks.records import check_texts, expect, is_text
from dustest.data.registry import Registry

__all__ = ["CAMERA_WORDS", "INSTRUMENTS", "Instrument", "register_instrument"]


@dataclass(frozen=True)
class Instrument:
    """An instrument and its filters.

    Parameters
    ----------
    name : str
        Name, used as prefix of bands that an earlier instrument has too.
    svo_prefix : str
        Prefix of the identifiers in the SVO Filter Profile Service.
    sedpy_prefix : str
        Prefix of the names in astro-sedpy.
    words : set of str
        Words in lower case that catalogues use for it, including the observatory.
    offline : tuple of str
        Filters, in upper case, whose curves are in astro-sedpy.
    online : tuple of str, optional
        Filters whose curves are fetched from the SVO.
    online_prefix : str, optional
        Prefix of the identifiers to fetch; ``svo_prefix`` by default.

    Raises
    ------
    InputError
        If ``words`` is no set of str, or filters are no tuple of str.

    Examples
    --------
    >>> from dustest.data.instruments import INSTRUMENTS
    >>> list(INSTRUMENTS)[:3], "F277W" in INSTRUMENTS["nircam"]
    (['NIRCam', 'ACS', 'WFC3_IR'], True)
    """

    name: str
    svo_prefix: str
    sedpy_prefix: str
    words: frozenset
    offline: tuple
    online: tuple = ()
    online_prefix: str = ""

    def __post_init__(self):
        what = f"of instrument {self.name!r}"
        fits = isinstance(self.words, set | frozenset) and all(map(is_text, self.words))
        expect(fits, f"words {what}", "a set of str in lower case, such as {'nircam'}", self.words)
        object.__setattr__(self, "words", frozenset(word.lower() for word in self.words))
        check_texts(self.offline, f"offline {what}")
        check_texts(self.online, f"online {what}")

    @property
    def filters(self):
        """All filters (tuple of str)."""
        return self.offline + self.online

    def __contains__(self, filter_name):
        return filter_name in self.filters


_OWN = (
    Instrument(
        name="NIRCam",
        svo_prefix="JWST/NIRCam.",
        sedpy_prefix="jwst_",
        words=frozenset({"jwst", "nircam", "nrc"}),
        offline=(
            *("F070W", "F090W", "F115W", "F140M", "F150W", "F150W2", "F162M", "F182M"),
            *("F200W", "F210M", "F250M", "F277W", "F300M", "F322W2", "F335M", "F356W"),
            *("F360M", "F410M", "F430M", "F444W", "F460M", "F480M"),
        ),
        online=("F164N", "F187N", "F212N", "F323N", "F405N", "F466N", "F470N"),
    ),
    Instrument(
        name="ACS",
        svo_prefix="HST/ACS_WFC.",
        sedpy_prefix="acs_wfc_",
        words=frozenset({"hst", "acs", "wfc", "acswfc"}),
        offline=("F435W", "F475W", "F555W", "F606W", "F625W", "F775W", "F814W", "F850LP"),
        online=("F502N", "F550M", "F658N", "F660N", "F892N"),
    ),
    Instrument(
        name="WFC3_IR",
        svo_prefix="HST/WFC3_IR.",
        sedpy_prefix="wfc3_ir_",
        words=frozenset({"hst", "wfc3", "ir", "wfc3ir"}),
        offline=("F098M", "F105W", "F110W", "F125W", "F140W", "F160W"),
        online=("F126N", "F127M", "F128N", "F130N", "F132N", "F139M", "F153M", "F164N", "F167N"),
    ),
    Instrument(
        name="WFC3_UVIS",
        svo_prefix="HST/WFC3_UVIS.",
        sedpy_prefix="wfc3_uvis_",
        words=frozenset({"hst", "wfc3", "uvis", "uvis1", "uvis2", "wfc3uv", "wfc3uvis"}),
        offline=("F225W", "F275W", "F336W", "F390W", "F475W", "F555W", "F606W", "F814W"),
        online=(
            *("F200LP", "F218W", "F280N", "F300X", "F343N", "F350LP", "F373N", "F390M", "F395N"),
            *("F410M", "F438W", "F467M", "F469N", "F475X", "F487N", "F502N", "F547M", "F600LP"),
            *("F621M", "F625W", "F631N", "F645N", "F656N", "F657N", "F658N", "F665N", "F673N"),
            *("F680N", "F689M", "F763M", "F775W", "F845M", "F850LP", "F953N"),
            *("FQ232N", "FQ243N", "FQ378N", "FQ387N", "FQ422M", "FQ436N", "FQ437N", "FQ492N"),
            *("FQ508N", "FQ575N", "FQ619N", "FQ634N", "FQ672N", "FQ674N", "FQ727N", "FQ750N"),
            *("FQ889N", "FQ906N", "FQ924N", "FQ937N"),
        ),
        # The service has a curve for each of the two chips.
        online_prefix="HST/WFC3_UVIS2.",
    ),
    Instrument(
        name="NIRISS",
        svo_prefix="JWST/NIRISS.",
        sedpy_prefix="jwst_niriss_",
        words=frozenset({"jwst", "niriss", "nis"}),
        offline=(
            *("F090W", "F115W", "F140M", "F150W", "F158M", "F200W", "F277W", "F356W"),
            *("F380M", "F430M", "F444W", "F480M"),
        ),
    ),
    Instrument(
        name="MIRI",
        svo_prefix="JWST/MIRI.",
        sedpy_prefix="jwst_",
        words=frozenset({"jwst", "miri"}),
        offline=(
            *("F560W", "F770W", "F1000W", "F1130W", "F1280W", "F1500W", "F1800W"),
            *("F2100W", "F2550W"),
        ),
        online=("F1065C", "F1140C", "F1550C", "F2300C"),
    ),
    # Only filters of these cameras that ACS/WFC does not have.
    Instrument(
        name="ACS_HRC",
        svo_prefix="HST/ACS_HRC.",
        sedpy_prefix="",
        words=frozenset({"hst", "acs", "hrc", "acshrc"}),
        offline=(),
        online=("F220W", "F250W", "F330W", "F344N"),
    ),
    Instrument(
        name="ACS_SBC",
        svo_prefix="HST/ACS_SBC.",
        sedpy_prefix="",
        words=frozenset({"hst", "acs", "sbc", "acssbc"}),
        offline=(),
        online=("F115LP", "F122M", "F125LP", "F140LP", "F150LP", "F165LP"),
    ),
)

INSTRUMENTS = Registry("instrument", Instrument, _OWN)
"""Instruments by name, in the order in which a short name of a filter is looked up."""

CAMERA_WORDS = frozenset().union(*(instrument.words for instrument in _OWN), {"wfpc2"})
"""Words for the instruments of dustest, and for one without bands in dustest."""


def register_instrument(instrument):
    """Add an instrument, whose filters are then bands.

    Parameters
    ----------
    instrument : Instrument
        The instrument. Filters that an earlier instrument has too get its name as prefix.

    Returns
    -------
    instrument : Instrument
        The same instrument.

    Raises
    ------
    InputError
        If its name is taken.

    Examples
    --------
    >>> from dustest.data import Instrument, canonical_name, register_instrument
    >>> words, filters = frozenset({"roman", "wfi"}), ("F062", "F146")
    >>> wfi = register_instrument(Instrument("WFI", "Roman/WFI.", "", words, (), filters))
    >>> canonical_name("roman-wfi-f146"), wfi.filters
    ('F146', ('F062', 'F146'))
    """
    return INSTRUMENTS.register(instrument)
