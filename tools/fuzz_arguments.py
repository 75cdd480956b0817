"""Calls of public functions in which some arguments are replaced by random values."""

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.table import QTable, Table
from astropy.time import Time

import dustest
from dustest import data, io, physics, validation

__all__ = ["Call", "describe_call", "make_call"]

_CHANGED_SHARE = 0.3
_AMOUNTS = {"n_samples", "draws", "n_jobs", "size"}
"""Arguments that say how much work is wanted, which may take long if they are large."""
_MOST = 2


@dataclass(frozen=True)
class Call:
    """A call of a function.

    Parameters
    ----------
    name : str
        Name for messages.
    function : callable
        The function.
    arguments : dict of str to object
        Arguments by keyword.
    """

    name: str
    function: object
    arguments: dict

    def run(self):
        """Call the function."""
        return self.function(**self.arguments)


def describe_call(call):
    """One line of text.

    Parameters
    ----------
    call : Call
        The call.

    Returns
    -------
    text : str
        Function and arguments.
    """
    words = [f"{name}={value!r:.60}" for name, value in call.arguments.items()]
    return f"{call.name}({', '.join(words)})".replace("\n", " ")


def make_call(rng):
    """Draw a call with at least one random argument.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    call : Call
        The call.
    """
    calls = _calls()
    name, function, arguments = calls[rng.integers(len(calls))]
    names = list(arguments)
    changed = {names[rng.integers(len(names))]}
    changed |= {one for one in names if rng.random() < _CHANGED_SHARE / len(names)}
    pool = _values()
    drawn = {one: pool[rng.integers(len(pool))] for one in sorted(changed)}
    for one in _AMOUNTS & set(drawn):
        if isinstance(drawn[one], int) and drawn[one] > _MOST:
            drawn[one] = _MOST
    return Call(name, function, arguments | drawn)


@cache
def _values():
    """Values that no function expects, or few."""
    ragged = np.empty(2, dtype=object)
    ragged[:] = [[1], [1, 2]]
    text = [
        "",
        "x",
        "\0",
        "é",
        "F277W",
        "A_V",
        "nJy",
        "m",
        "=1",
        "../x",
        "Calzetti",
        "-1",
        "\ud800",
        "a" * 999,
    ]
    numbers = [
        0,
        1,
        -1,
        2**31,
        2**63,
        -(2**70),
        0.0,
        0.5,
        -0.5,
        1e-320,
        1e308,
        np.inf,
        -np.inf,
        np.nan,
    ]
    arrays = [
        *(np.zeros(0), np.zeros(2), np.array(3.0), np.ones((2, 3)), np.full(2, np.nan), ragged),
        *(
            np.array(["a", "b"]),
            np.array([b"a", b"b"]),
            np.array([None, None]),
            np.zeros(2, complex),
        ),
        *(
            np.ma.masked_all(2),
            np.array([True, False]),
            np.zeros(2, "M8[s]"),
            np.array([2**63] * 2, "u8"),
        ),
    ]
    quantities = [
        1 * u.m,
        [1, 2] * u.nJy,
        [1, 2] * u.m,
        np.nan * u.mag,
        u.Quantity([]),
        5 * u.ABmag,
    ]
    objects = [
        *(
            None,
            True,
            False,
            object(),
            b"x",
            1j,
            (),
            [],
            {},
            set(),
            [None],
            [1, "a"],
            [[1], [1, 2]],
        ),
        *(
            {"F277W": None},
            {"a": [1, 2]},
            {1: 2},
            len,
            int,
            range(2),
            slice(2),
            ...,
            NotImplemented,
        ),
        *(Path("/no/such/file.fits"), Path(), datetime.now(tz=UTC), Time("2020-01-01"), u.nJy),
        *(Table(), QTable({"id": [1]}), Table({"flux_F277W": ["a"]}), np.random.default_rng(1)),
    ]
    return [*text, *numbers, *arrays, *quantities, *objects, lambda: 1, iter([1])]


@cache
def _sample():
    table = QTable({"id": ["a", "b"], "redshift": [6.5, 7.0]})
    for band, flux in (("F150W", 10.0), ("F200W", 9.0), ("F277W", 9.0)):
        table[f"flux_{band}"] = [flux, flux + 1.0] * u.nJy
        table[f"flux_err_{band}"] = [1.0, 1.0] * u.nJy
    return table


@cache
def _truth():
    return Table({"id": ["a", "b"], "A_V": [0.1, 0.5], "E_BV": [0.02, 0.1]})


def _meurer(**parameters):
    """Estimate with an estimator of these parameters."""
    return dustest.MeurerEstimator(**parameters).estimate(_sample())


def _constant():
    return dustest.ConstantEstimator().fit(_sample(), [0.1, 0.5])


def _estimate(**arguments):
    return dustest.MeurerEstimator().estimate(**arguments)


def _estimate_to_file(output, resume):
    with tempfile.TemporaryDirectory() as folder:
        is_text = isinstance(output, str)
        return _estimate(
            X=_sample(), output=f"{folder}/{output}" if is_text else output, resume=resume
        )


def _cutouts(images, size, unit):
    galaxies = QTable({"ra": [53.1] * u.deg, "dec": [-27.8] * u.deg})
    return io.add_cutouts(galaxies, images, size=size, unit=unit)


def _write_report(title, reference, sample):
    result = dustest.compare({"constant": _constant()}, sample, reference=reference)
    return result.to_html(None, title=title)


def _cite(results):
    return dustest.cite(results)


@cache
def _calls():
    """Functions with arguments that are valid."""
    table, wave = _sample(), np.linspace(1300.0, 2600.0, 40)
    flux = (wave / 1500.0) ** -2.0
    spectrum = io.Spectrum(wave * u.AA, flux * u.nJy, 0.1 * flux * u.nJy)
    results = _constant().estimate(table)
    return [
        ("as_sample", data.as_sample, {"X": table}),
        (
            "read_catalog",
            io.read_catalog,
            {
                "path_or_table": table,
                "columns": None,
                "unit": None,
                "error_floor": 0.0,
                "redshift": None,
                "foreground_ebv": None,
                "layout": None,
                "format": None,
                "hdu": None,
            },
        ),
        ("read_spectrum", io.read_spectrum, {"path": "x.fits", "hdu": None, "source_id": None}),
        ("read_table", io.read_table, {"path": "x.fits", "file_format": None, "hdu": None}),
        ("read_images", io.read_images, {"source": {}, "bands": None, "unit": None}),
        ("add_spectra", io.add_spectra, {"sample": table, "spectra": [None, None]}),
        ("add_cutouts", _cutouts, {"images": {}, "size": 32, "unit": None}),
        (
            "MeurerEstimator",
            _meurer,
            {
                "relation": "Meurer99",
                "reference": "A_V",
                "method": "auto",
                "dust_law": "Calzetti",
            },
        ),
        ("estimate", _estimate, {"X": table, "n_jobs": None, "progress": None, "draws": 0}),
        ("estimate to a file", _estimate_to_file, {"output": "out.ecsv", "resume": False}),
        (
            "fit",
            dustest.ConstantEstimator().fit,
            {"X": table, "y": [0.1, 0.5], "sample_weight": None},
        ),
        ("predict", _constant().predict, {"X": table, "return_std": False}),
        (
            "predict_quantiles",
            _constant().predict_quantiles,
            {"X": table, "quantiles": (0.1, 0.9)},
        ),
        (
            "sample_posterior",
            _constant().sample_posterior,
            {
                "X": table,
                "n_samples": 3,
                "random_state": 1,
            },
        ),
        ("score", _constant().score, {"X": table, "y": [0.1, 0.5], "sample_weight": None}),
        (
            "compare",
            dustest.compare,
            {
                "estimators": {"constant": _constant()},
                "sample": table,
                "reference": None,
                "truth": _truth(),
            },
        ),
        ("to_html", _write_report, {"title": "x", "reference": None, "sample": table}),
        ("get_estimator", dustest.get_estimator, {"name": "meurer", "relation": "Meurer99"}),
        (
            "match",
            validation.match,
            {"table": results, "other": _truth(), "radius": 0.3 * u.arcsec},
        ),
        ("get_dust_law", physics.get_dust_law, {"law": "Calzetti"}),
        ("a_lambda", physics.a_lambda, {"wavelength": wave, "a_v": 0.5, "law": "Calzetti"}),
        (
            "fit_beta",
            physics.fit_beta,
            {
                "spectrum": spectrum,
                "redshift": 0.0,
                "windows": "broad",
                "mask_lines": None,
            },
        ),
        (
            "Spectrum",
            io.Spectrum,
            {
                "wavelength": wave * u.AA,
                "flux": flux * u.nJy,
                "flux_err": flux * u.nJy,
                "meta": {},
            },
        ),
        ("get_band", data.get_band, {"name": "F277W"}),
        ("cite", _cite, {"results": results}),
    ]
