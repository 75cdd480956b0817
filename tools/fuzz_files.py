"""Files of every kind that dustest reads, and what is read from them."""

import gzip
import io
import shutil
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.io import fits
from astropy.table import QTable, Table
from astropy.wcs import WCS

from dustest import ConstantEstimator, DustTable, MeurerEstimator
from dustest.data import RowTable, as_sample, open_result
from dustest.io import add_cutouts, open_catalog, read_catalog, read_images, read_spectrum
from dustest.physics import read_psf
from dustest.simulate.stream import read_simulation, write_chunks

__all__ = ["KINDS", "Original", "make_originals", "read_original"]

_SEED = 230300
_ROWS = 5


@dataclass(frozen=True)
class Original:
    """An undamaged file or folder, and how it is read.

    Parameters
    ----------
    path : Path
        The file or folder.
    read : callable
        Reads it; returns arrays by name.
    is_sealed : bool
        Whether its values are protected by checksums.
    """

    path: Path
    read: object
    is_sealed: bool = False
    options: dict = field(default_factory=dict)

    @property
    def files(self):
        """Files that may be damaged."""
        return sorted(self.path.iterdir()) if self.path.is_dir() else [self.path]


def make_originals(kind, folder):
    """Make the undamaged files of a kind.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    folder : Path
        An empty folder.

    Returns
    -------
    originals : list of Original
        One for each format and layout.
    """
    return KINDS[kind](folder)


def read_original(original, path):
    """Read a copy of a file.

    Parameters
    ----------
    original : Original
        What it was.
    path : Path
        The copy, which may be damaged.

    Returns
    -------
    values : dict of str to bytes
        Columns or arrays.
    """
    return {name: _to_bytes(value) for name, value in original.read(path).items()}


def _to_bytes(value):
    """An array as bytes, in which equal values are equal."""
    value = np.ma.getdata(getattr(value, "value", value))
    if value.dtype.kind in "fiu":
        return np.ascontiguousarray(value, dtype=float).tobytes()
    return repr(np.asarray(value).tolist()).encode()


def _columns(table):
    return {name: table[name] for name in table.colnames}


def _catalog(path):
    return _columns(read_catalog(path, unit=None))


def _catalog_of_numbers(path):
    return _columns(read_catalog(path, unit="nJy"))


def _in_parts(path):
    """Catalogue of numbers read in parts."""
    opened = open_catalog(path, unit="nJy", rows_at_once=2)
    tables = list(opened)
    return {
        name: np.concatenate([np.ma.getdata(getattr(t[name], "value", t[name])) for t in tables])
        for name in tables[0].colnames
    }


def _result_in_parts(path):
    return _columns(open_result(path).read())


def _result(path):
    table = DustTable.read(path)
    return _columns(table)


def _photometry():
    rng = np.random.default_rng(_SEED)
    table = QTable({"id": [f"g{i}" for i in range(_ROWS)], "redshift": 6 + rng.random(_ROWS)})
    for band in ("F150W", "F277W"):
        table[f"flux_{band}"] = rng.uniform(5, 20, _ROWS) * u.nJy
        table[f"flux_err_{band}"] = np.full(_ROWS, 0.5) * u.nJy
    return table


def _seal(path):
    """Add checksums to a FITS file."""
    with fits.open(path, disable_image_compression=True) as hdus:
        content = io.BytesIO()
        hdus.writeto(content, checksum=True)
    path.write_bytes(content.getvalue())


def _catalogs(folder):
    table = _photometry()
    plain = Table({name: getattr(column, "value", column) for name, column in table.items()})
    return [
        *_catalogs_of_fits(folder, table, plain),
        *_catalogs_of_text(folder, table, plain),
        *_catalogs_of_trees(folder, table, plain),
        *_results(folder),
    ]


def _catalogs_of_fits(folder, table, plain):
    own, other, packed, arrays = (
        folder / name for name in ("own.fits", "other.fits", "packed.fits.gz", "arrays.fits")
    )
    as_sample(table).write(own)
    plain.write(other)
    packed.write_bytes(gzip.compress(other.read_bytes()))
    ragged = np.empty(_ROWS, dtype=object)
    ragged[:] = [np.arange(float(i)) for i in range(_ROWS)]
    columns = fits.BinTableHDU(plain).columns + fits.ColDefs(
        [
            fits.Column("history", "PD()", array=ragged),
            fits.Column("note", "PA()", array=["x"] * _ROWS),
        ]
    )
    fits.BinTableHDU.from_columns(columns).writeto(arrays)
    _seal(own)
    _seal(other)
    return [
        Original(own, _in_parts, is_sealed=True),
        Original(other, _in_parts, is_sealed=True),
        Original(own, _catalog, is_sealed=True),
        Original(other, _catalog_of_numbers, is_sealed=True),
        Original(packed, _catalog_of_numbers, is_sealed=True),
        Original(arrays, _catalog_of_numbers),
    ]


def _catalogs_of_text(folder, table, plain):
    names = (
        "own.ecsv",
        "other.csv",
        "blanks.txt",
        "numbered.cat",
        "ipac.txt",
        "mrt.txt",
        "x.csv.gz",
    )
    own, comma, blanks, numbered, ipac, mrt, packed = (folder / name for name in names)
    as_sample(table).write(own)
    plain.write(comma, format="ascii.csv")
    plain.write(blanks, format="ascii.commented_header")
    lines = [f"# {i} {name}" for i, name in enumerate(plain.colnames, 1)]
    lines += [" ".join(map(str, row)) for row in plain]
    numbered.write_text("\n".join(lines) + "\n")
    plain.write(ipac, format="ascii.ipac")
    plain.write(mrt, format="ascii.mrt")
    packed.write_bytes(gzip.compress(comma.read_bytes()))
    plain_ones = [comma, blanks, numbered, ipac, mrt]
    return [
        Original(own, _catalog),
        *(Original(path, _catalog_of_numbers) for path in plain_ones),
        Original(packed, _catalog_of_numbers, is_sealed=True),
    ]


def _catalogs_of_trees(folder, table, plain):
    import h5py
    import pyarrow as pa
    from pyarrow import parquet

    names = ("own.h5", "group.h5", "own.parquet", "other.parquet", "text.xml", "binary.vot")
    own, group, own_parquet, other_parquet, text, binary = (folder / name for name in names)
    as_sample(table).write(own)
    with h5py.File(group, "w") as file:
        for name in plain.colnames:
            values = plain[name].data
            if values.dtype.kind == "U":
                file["data/id"] = [str(value) for value in values]
            else:
                options = {"fletcher32": True, "compression": "gzip", "chunks": True}
                file.create_dataset(f"data/{name}", data=values, **options)
    as_sample(table).write(own_parquet)
    columns = {name: plain[name].tolist() for name in plain.colnames}
    parquet.write_table(pa.table(columns), other_parquet, write_page_checksum=True)
    plain.write(text, format="votable")
    plain.write(binary, format="votable", tabledata_format="binary2")
    return [
        Original(own, _in_parts),
        Original(own_parquet, _in_parts),
        Original(group, _in_parts),
        Original(other_parquet, _in_parts),
        Original(own, _catalog),
        Original(own_parquet, _catalog),
        *(Original(p, _catalog_of_numbers) for p in (group, other_parquet, text, binary)),
    ]


def _results(folder):
    table = MeurerEstimator().estimate(_photometry())
    paths = [folder / f"result{ending}" for ending in (".fits", ".ecsv", ".parquet", ".h5")]
    for path in paths:
        table.write(path)
    return [Original(path, _result_in_parts) for path in paths[::2]] + [
        Original(path, _result) for path in paths
    ]


def _wcs_header():
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [53.1, -27.8]
    wcs.wcs.crpix, wcs.wcs.cdelt = [20.5, 20.5], [-0.03 / 3600, 0.03 / 3600]
    header = wcs.to_header()
    header["BUNIT"] = "nJy"
    return header


def _cutouts(path):
    galaxies = QTable({"ra": [53.1] * u.deg, "dec": [-27.8] * u.deg})
    return _columns(add_cutouts(galaxies, {"F277W": path}, size=16))


def _all_images(path):
    images = read_images(path)
    arrays = {band: np.ma.array(image.data, mask=image.mask) for band, image in images.items()}
    return {band: array.filled(-1.0) for band, array in arrays.items()}


def _psf(path):
    return {"psf": read_psf(path).image}


def _images(folder):
    rng, header = np.random.default_rng(_SEED), _wcs_header()
    pixels = rng.normal(size=(40, 40)).astype("f4")
    errors = np.full((40, 40), 0.1, "f4")
    names = ("plain.fits", "scaled.fits", "tiles.fits", "packed.fits.gz", "bands.fits", "psf.fits")
    plain, scaled, tiles, packed, bands, psf = (folder / name for name in names)
    science = fits.ImageHDU(pixels, header, "SCI")
    weights = [
        fits.ImageHDU(errors, header, "ERR"),
        fits.ImageHDU(np.zeros((40, 40), "i2"), header, "DQ"),
    ]
    fits.HDUList([fits.PrimaryHDU(), science, *weights]).writeto(plain)
    integers = fits.ImageHDU((pixels * 100).astype("i2"), header, "SCI")
    integers.scale("int16", bscale=0.01, bzero=1.0)
    fits.HDUList([fits.PrimaryHDU(), integers]).writeto(scaled)
    kinds = ("RICE_1", "GZIP_2", "HCOMPRESS_1")
    compressed = [
        fits.CompImageHDU(array, header, name=name, compression_type=kind)
        for array, name, kind in zip(
            (pixels, errors, np.zeros((40, 40), "i2")), ("SCI", "ERR", "DQ"), kinds, strict=True
        )
    ]
    fits.HDUList([fits.PrimaryHDU(), *compressed]).writeto(tiles)
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    named = [fits.ImageHDU(pixels, header, name) for name in ("F277W_SCI", "F444W_SCI")]
    fits.HDUList([fits.PrimaryHDU(), *named]).writeto(bands)
    y, x = np.mgrid[-10:11, -10:11]
    point = fits.PrimaryHDU(np.exp(-(x**2 + y**2) / 8.0))
    point.header["PIXELSCL"] = 0.03
    point.writeto(psf)
    for path in (plain, scaled, tiles, bands, psf):
        _seal(path)
    readers = (_cutouts, _cutouts, _cutouts, _cutouts, _all_images, _psf)
    paths = (plain, scaled, tiles, packed, bands, psf)
    return [
        Original(path, read, is_sealed=True) for path, read in zip(paths, readers, strict=True)
    ]


def _spectrum(path):
    spectrum = read_spectrum(path, wavelength_unit=None, flux_unit=None)
    names = ("wavelength", "flux", "flux_err")
    return {name: getattr(spectrum, name) for name in names}


def _spectra(folder):
    rng, n = np.random.default_rng(_SEED), 60
    wave, flux = np.linspace(0.6, 5.3, n), rng.uniform(1, 2, n)
    table = QTable({"wave": wave * u.um, "flux": flux * u.uJy, "err": np.full(n, 0.1) * u.uJy})
    table["dq"] = np.zeros(n, dtype=int)
    names = ("table.fits", "images.fits", "jwst.fits", "table.ecsv", "table.parquet", "table.vot")
    plain, images, jwst, ecsv, parquet, votable = (folder / name for name in names)
    for path in (plain, ecsv, parquet):
        table.write(path)
    table.write(votable, format="votable")
    arrays = {"DATA": flux, "ERR": np.full(n, 0.1), "WAVELENGTH": wave * 1e-6}
    hdus = [fits.ImageHDU(array, name=name) for name, array in arrays.items()]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(images)
    extension = fits.BinTableHDU(table, name="EXTRACT1D")
    fits.HDUList([fits.PrimaryHDU(), extension]).writeto(jwst)
    for path in (plain, images, jwst):
        _seal(path)
    sealed = [Original(path, _spectrum, is_sealed=True) for path in (plain, images, jwst)]
    return sealed + [Original(path, _spectrum) for path in (ecsv, parquet, votable)]


def _make_rows(start, stop):
    rows = np.arange(start, stop)
    sample = RowTable({"redshift": 6.0 + 0.1 * rows, "flux_F277W": (1.0 + rows) * u.nJy})
    sample["flux_err_F277W"] = np.full(len(rows), 0.1) * u.nJy
    return as_sample(sample), RowTable({"id": [f"{i} " for i in rows], "A_V": 0.1 * rows})


def _simulation(path):
    simulated = read_simulation(path)
    sample, truth = simulated.read()
    again = simulated.truth()
    return (
        _columns(sample)
        | {f"true {k}": v for k, v in _columns(truth).items()}
        | {"again": again["A_V"]}
    )


def _simulations(folder):
    path = folder / "simulation"
    write_chunks(_make_rows, 5, path, manifest={"seed": 1, "bands": ["F277W"]}, chunk_rows=2)
    return [Original(path, _simulation, is_sealed=True)]


def _model(path):
    from dustest.estimators.run.files.model_file import read_model

    manifest, weights = read_model(path, kind=("CNNEstimator", "FusionEstimator", "Any"))
    return weights | {"parameters": np.array(str(manifest["parameters"]))}


def _network(path):
    from dustest import CNNEstimator

    network = CNNEstimator.load(path)
    return {"parameters": np.array(str(sorted(network.get_params().items(), key=str)))}


def _models(folder):
    from dustest.estimators.run.files.model_file import write_model

    small, large = folder / "small.model", folder / "large.model"
    manifest = {"kind": "Any", "parameters": {"bands": ["F277W"], "x": 1.5}, "created": {}}
    weights = {"bias": np.arange(3.0), "kernel": np.ones((4, 4), "f4")}
    write_model(small, manifest, weights)
    shutil.copy(str(files("dustest") / "resources" / "models" / "nircam-1band.model"), large)
    return [Original(small, _model, is_sealed=True)] * 3 + [
        Original(large, _network, is_sealed=True)
    ]


def _calibration(path):
    from dustest import CalibratedEstimator

    estimator = MeurerEstimator(preset="Fu")
    calibrated = CalibratedEstimator.load(path, estimator)
    return {"parameters": np.array(str(sorted(map(str, calibrated.get_params(deep=False)))))}


def _calibrations(folder):
    path = folder / "meurer.calibration"
    shutil.copy(str(files("dustest") / "resources" / "meurer-CEERS-Fu.calibration"), path)
    return [Original(path, _calibration, is_sealed=True)]


def _store(path):
    (store,) = list(path.glob("*.sqlite"))
    output = path / store.name.removesuffix(".sqlite")
    table = _estimator().estimate(_photometry(), output=output, resume=True)
    output.unlink()
    return _columns(table)


def _estimator():
    return ConstantEstimator().fit(_photometry(), np.linspace(0.1, 0.5, _ROWS))


def _stores(folder):
    path = folder / "run"
    path.mkdir()
    _estimator().estimate(_photometry(), output=path / "result.ecsv")
    (path / "result.ecsv").unlink()
    return [Original(path, _store, is_sealed=True)]


KINDS = {
    "catalogs": _catalogs,
    "images": _images,
    "spectra": _spectra,
    "stores": _stores,
    "simulations": _simulations,
    "models": _models,
    "calibrations": _calibrations,
}
"""Functions that make the undamaged files of each kind."""
