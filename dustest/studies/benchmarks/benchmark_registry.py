"""The sets of the benchmark by name; those of plugins are added to the same registry."""

from dataclasses import replace

from dustest.data.registry import Registry
from dustest.data.signal_to_noise import SNR_MIN
from dustest.estimators.network_tools import CORRUPTIONS
from dustest.studies.benchmarks.benchmark_record import Benchmark
from dustest.studies.benchmarks.published_catalogs import PUBLISHED_CATALOGS
from dustest.studies.benchmarks.simulated_sets import BenchmarkSet

__all__ = ["BENCHMARKS", "register_benchmark"]

_WIDE = ("F090W", "F115W", "F150W", "F200W", "F277W", "F356W", "F444W")
_HEAVY = {"log_mass": [8.0, 11.0], "mass_function": {"tilt": 0.5}}
_N_CORRUPTED, _N_QUICK = 300, 120

_DEFAULT = BenchmarkSet(
    "default",
    "Galaxies of the default population with S/N of 5 or more in an image.",
    201001,
    1500,
)
_HEAVY_SET = BenchmarkSet(
    "heavy",
    "Galaxies of 1e8 to 1e11 Msun, more of them heavy, with S/N of 5 or more in an image.",
    201002,
    700,
    settings=_HEAVY,
)
BENCHMARKS = Registry(
    "benchmark",
    Benchmark,
    [
        _DEFAULT,
        _HEAVY_SET,
        BenchmarkSet(
            "faint",
            "Galaxies of the default population with S/N of 2 to 5 in the best image.",
            201003,
            1000,
            snr_min=2.0,
            snr_max=SNR_MIN,
        ),
        replace(
            _HEAVY_SET,
            name="quick",
            description=f"The first {_N_QUICK} galaxies of the heavy set, for slow methods.",
            most=_N_QUICK,
        ),
        BenchmarkSet(
            "all data",
            "Heavy galaxies with images in seven bands and spectra of the NIRSpec prism.",
            201004,
            300,
            settings=_HEAVY,
            bands=_WIDE,
            spectra=True,
        ),
        *(
            replace(
                _DEFAULT,
                name=one.name,
                description=(
                    f"The first {_N_CORRUPTED} galaxies of the default set with the corruption "
                    f"'{one.name}' of their images"
                    f"{' and of their photometry' if one.is_photometric else ''}."
                ),
                corruption=one.name,
                most=_N_CORRUPTED,
            )
            for one in CORRUPTIONS.values()
        ),
        *PUBLISHED_CATALOGS,
    ],
)
"""The sets by name."""


def register_benchmark(record):
    """Add a set to the benchmark.

    Parameters
    ----------
    record : Benchmark
        Such as a `BenchmarkSet` with a seed of its own.

    Returns
    -------
    record : Benchmark
        The same record.

    Raises
    ------
    InputError
        If it is no such record, or its name is taken.

    Examples
    --------
    >>> from dustest.data.registry import temporary_records
    >>> from dustest.studies import BENCHMARKS, BenchmarkSet, register_benchmark
    >>> with temporary_records():
    ...     _ = register_benchmark(BenchmarkSet("mine", "Some galaxies.", 1, 100))
    ...     "mine" in BENCHMARKS
    True
    """
    return BENCHMARKS.register(record)
