"""Readers of particle galaxies from files of cosmological simulations."""

import re
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from astropy import constants
from astropy import units as u
from astropy.cosmology import FlatLambdaCDM

from dustest.data.errors import InputError, ReadError
from dustest.data.files.contents import check_contents
from dustest.data.files.parsing import check_file, refuse_damaged, require
from dustest.data.files.paths import as_path
from dustest.simulate.galaxies.particle_galaxy import GasParticles, ParticleGalaxy, StarParticles

__all__ = ["list_galaxies", "read_particles"]

_GAS, _STARS = 0, 4
_MASS_UNIT = 1e10
"""Solar masses over h; lengths are comoving kpc over h."""
_COLD = 8000.0
"""Kelvin below which gas contains dust, as in Camps et al. 2016."""
_HYDROGEN = 0.76
_KERNEL_PER_CELL = 2.5
"""Kernel radius over the radius of a gas cell, as a sphere: about 16 cells are within."""
_HEADER = {
    "scale_factor": "Time",
    "hubble": "HubbleParam",
    "omega_matter": "Omega0",
    "box_size": "BoxSize",
}
_TAGGED = (
    *("coordinates", "initial_masses", "log10ages", "log10metallicities"),
    *("smoothing_lengths", "tau_v"),
)


@dataclass(frozen=True)
class _Frame:
    """Units, redshift and box of a snapshot."""

    scale_factor: float
    hubble: float
    omega_matter: float
    box_size: float | None

    @property
    def kpc(self):
        """Physical kpc of a unit of length."""
        return self.scale_factor / self.hubble

    @property
    def redshift(self):
        return 1.0 / self.scale_factor - 1.0

    def ages(self, formation):
        """Ages in yr of stars formed at scale factors."""
        cosmology = FlatLambdaCDM(100.0 * self.hubble, self.omega_matter, Tcmb0=0.0)
        ages = cosmology.age(self.redshift) - cosmology.age(1.0 / formation - 1.0)
        return np.maximum(ages.to_value(u.yr), 0.0)

    def wrap(self, offset):
        """Shortest offsets in the periodic box."""
        if self.box_size is None:
            return offset
        return offset - self.box_size * np.round(offset / self.box_size)

    def middle(self, position):
        """Median position of a galaxy, which may cross the faces of the box."""
        return position[0] + np.median(self.wrap(position - position[0]), axis=0)


def list_galaxies(path, *, catalog=None):
    """List the galaxies of a particle file.

    Parameters
    ----------
    path : str or path-like
        HDF5 file, see `read_particles`.
    catalog : str or path-like, optional
        HDF5 file with the subhaloes of a snapshot.

    Returns
    -------
    list
        Values for the argument ``galaxy`` of `read_particles`: names, numbers of the subhaloes
        with stars, or None for a file of one galaxy.

    Raises
    ------
    ReadError
        If a file is missing, damaged or of unknown layout.
    MissingDependencyError
        If h5py is not installed.

    Examples
    --------
    >>> from dustest.simulate import list_galaxies
    >>> list_galaxies("snapshot.hdf5", catalog="subhalo.hdf5")  # doctest: +SKIP
    [0, 1, 2, 3]
    """
    with _open(path) as file:
        if not _is_snapshot(file):
            return _tagged_names(file, path)
    if catalog is None:
        return [None]
    return np.flatnonzero(_read_catalog(catalog)[0][:, _STARS]).tolist()


def read_particles(
    path,
    galaxy=None,
    *,
    catalog=None,
    group=None,
    scale_factor=None,
    hubble=None,
    omega_matter=None,
    box_size=None,
):
    """Read a galaxy from a particle file of a cosmological simulation.

    Two layouts are recognised. **Snapshots and cutouts of IllustrisTNG and CAMELS** have groups
    ``PartType4`` (stars) and ``PartType0`` (gas), lengths in comoving kpc/h and masses in
    1e10 Msun/h. Star particles with a formation time that is not positive are winds, and are left
    out. Gas contains dust if it forms stars or is colder than 8000 K; without ``InternalEnergy``
    and ``ElectronAbundance``, only star formation is used. Its kernel radius is 2.5 cell radii, or
    ``SubfindHsml`` if there is no ``Density``. The centre is that of the subhalo, or the median
    star in a file of one galaxy. **Star particles with optical depths** are groups with
    ``coordinates``, ``log10ages``, ``tau_v`` and so on, with physical positions relative to the
    centre; their redshift is in the name of a group (``z006p000``).

    Parameters
    ----------
    path : str or path-like
        HDF5 file.
    galaxy : str or int, optional
        The galaxy, see `list_galaxies`: a name within the file, or the number of a subhalo of
        ``catalog``. Omit it for a file of one galaxy.
    catalog : str or path-like, optional
        HDF5 file with ``Subhalo/SubhaloLenType`` and ``Subhalo/SubhaloPos`` of a snapshot
        whose particles are those of the subhaloes, one after the other.
    group : str, optional
        Name of the galaxy; by default the name of the file, a slash, and ``galaxy``.
    scale_factor, hubble, omega_matter : float, optional
        Scale factor, Hubble constant over 100 km/s/Mpc and matter density; by default those of
        the header (``Time`` or ``Redshift``, ``HubbleParam``, ``Omega0``).
    box_size : float, optional
        Side of the periodic box in comoving kpc/h, by default ``BoxSize``; without either,
        galaxies must not cross its faces.

    Returns
    -------
    ParticleGalaxy
        The galaxy; its ``gas`` is None if the file has none for it.

    Raises
    ------
    ReadError
        If a file is missing, damaged or of unknown layout, its header or a column is missing, or
        its particles are invalid (see `StarParticles`).
    InputError
        If ``galaxy`` is not in the file, or does not match ``catalog``.
    MissingDependencyError
        If h5py is not installed.

    References
    ----------
    Nelson et al. 2019, ComAC 6, 2 (TNG); Villaescusa-Navarro et al. 2021, ApJ 915, 71 (CAMELS);
    Camps et al. 2016, MNRAS 462, 1057 (the dusty gas).

    Examples
    --------
    >>> from dustest.simulate import read_particles
    >>> galaxy = read_particles("snapshot.hdf5", 3, catalog="subhalo.hdf5")  # doctest: +SKIP
    >>> len(galaxy.stars), galaxy.redshift  # doctest: +SKIP
    (726, 0.1)
    """
    given = {
        "scale_factor": scale_factor,
        "hubble": hubble,
        "omega_matter": omega_matter,
        "box_size": box_size,
    }
    if group is None:
        stem = as_path(path, "path", "file").stem
        group = stem if galaxy is None else f"{stem}/{galaxy}"
    with _open(path) as file:
        if not _is_snapshot(file):
            return _read_tagged(file, path, galaxy, group, scale_factor)
        frame = _read_frame(file, path, given)
        rows, centre = _locate(file, path, galaxy, catalog)
        stars = _read_stars(file, path, rows[_STARS], frame)
        gas = _read_gas(file, path, rows[_GAS], frame)
    centre = frame.middle(stars["position"]) if centre is None else centre
    for columns in filter(None, (stars, gas)):
        columns["position"] = frame.wrap(columns["position"] - centre) * frame.kpc
    return _assemble(path, stars, gas, frame.redshift, group)


@contextmanager
def _open(path):
    """Open an HDF5 file; errors of the library become a `ReadError`."""
    require("h5py", "reading particle files")
    import h5py

    path = check_file(path)
    what = f"the file {path} cannot be read as HDF5, it may be truncated or damaged"
    with refuse_damaged(what):
        check_contents(path, "hdf5")
        with h5py.File(path, "r") as file:
            yield file


def _is_snapshot(file):
    """Whether a file is of the TNG layout."""
    return f"PartType{_STARS}" in file or f"PartType{_GAS}" in file


def _column(group, path, *names):
    """First column of these names in a group."""
    for name in names:
        if name in group:
            return group[name]
    msg = f"the file {path} has no {' or '.join(names)} in its group {group.name}"
    raise ReadError(msg)


def _read_frame(file, path, given):
    """Given values, or those of the header."""
    header = dict(file.attrs) | (dict(file["Header"].attrs) if "Header" in file else {})
    if "Time" not in header and "Redshift" in header:
        header["Time"] = 1.0 / (1.0 + float(header["Redshift"]))
    values = {}
    for name, key in _HEADER.items():
        value = header.get(key) if given[name] is None else given[name]
        if value is None and name == "box_size":
            values[name] = None
            continue
        if value is None or not (np.isfinite(value) and value > 0.0):
            state = "is missing" if value is None else f"is {value}, which is invalid,"
            msg = f"{key} {state} in the header of the file {path}: give {name}"
            raise ReadError(msg)
        values[name] = float(value)
    return _Frame(**values)


def _read_catalog(path):
    """Numbers of particles (n, 6) and positions (n, 3) of the subhaloes."""
    with _open(path) as file:
        if "Subhalo" not in file:
            msg = f"the file {path} has no group Subhalo: give the subhalo catalogue as catalog"
            raise ReadError(msg)
        subhaloes = file["Subhalo"]
        counts = _column(subhaloes, path, "SubhaloLenType")[:]
        position = _column(subhaloes, path, "SubhaloPos")[:]
    if counts.ndim != 2 or counts.shape[1] <= _STARS or position.shape != (len(counts), 3):
        msg = (
            f"the file {path} must hold SubhaloLenType of shape (n, 6) and SubhaloPos of shape "
            f"(n, 3), got {counts.shape} and {position.shape}"
        )
        raise ReadError(msg)
    return counts.astype(np.int64), position.astype(float)


def _locate(file, path, galaxy, catalog):
    """Rows of a galaxy by particle type, and its centre (None for a file that is one galaxy)."""
    if (galaxy is None) != (catalog is None):
        msg = (
            "galaxy (the number of a subhalo) and catalog go together for a snapshot, got "
            f"galaxy={galaxy!r} and catalog={catalog!r}; omit both for a file of one galaxy"
        )
        raise InputError(msg)
    if catalog is None:
        return {kind: slice(None) for kind in (_GAS, _STARS)}, None
    counts, position = _read_catalog(catalog)
    if not (isinstance(galaxy, int | np.integer) and 0 <= galaxy < len(counts)):
        msg = f"galaxy must be an integer from 0 to {len(counts) - 1}, got {galaxy!r}"
        raise InputError(msg)
    rows = {}
    for kind in (_GAS, _STARS):
        _check_counts(file, path, kind, counts[:, kind].sum(), catalog)
        start = counts[:galaxy, kind].sum()
        rows[kind] = slice(start, start + counts[galaxy, kind])
    return rows, position[galaxy]


def _check_counts(file, path, kind, expected, catalog):
    """Raise an error if catalogue and snapshot have different numbers of particles."""
    name = f"PartType{kind}"
    found = len(_column(file[name], path, "Coordinates")) if name in file else 0
    if found != expected:
        msg = (
            f"the subhaloes of {catalog} hold {expected} particles of {name}, but {path} holds "
            f"{found}: the snapshot must be cut to the particles of these subhaloes"
        )
        raise ReadError(msg)


def _read_stars(file, path, rows, frame):
    """Columns of the stars; positions are in the units of the file."""
    group = _column(file, path, f"PartType{_STARS}")
    formation = _column(group, path, "GFM_StellarFormationTime")[rows]
    born = formation > 0.0
    if not born.any():
        msg = f"the file {path} holds no stars there (winds left out): choose another galaxy"
        raise ReadError(msg)
    smoothing = _column(group, path, "StellarHsml", "SubfindHsml")[rows][born]
    return {
        "position": _column(group, path, "Coordinates")[rows][born].astype(float),
        "mass": _column(group, path, "GFM_InitialMass")[rows][born] * _MASS_UNIT / frame.hubble,
        "age": frame.ages(formation[born].astype(float)),
        "metallicity": _column(group, path, "GFM_Metallicity")[rows][born],
        "smoothing": smoothing * frame.kpc,
    }


def _read_gas(file, path, rows, frame):
    """Columns of the gas, positions in the units of the file; None without gas."""
    name = f"PartType{_GAS}"
    if name not in file:
        return None
    group = file[name]
    position = _column(group, path, "Coordinates")[rows].astype(float)
    if len(position) == 0:
        return None
    mass = _column(group, path, "Masses")[rows].astype(float)
    if "Density" in group:
        cell = np.cbrt(3.0 * mass / (4.0 * np.pi * group["Density"][rows]))
        smoothing = _KERNEL_PER_CELL * cell
    else:
        smoothing = _column(group, path, "SubfindHsml")[rows]
    return {
        "position": position,
        "mass": mass * _MASS_UNIT / frame.hubble,
        "metallicity": _column(group, path, "GFM_Metallicity")[rows],
        "smoothing": smoothing * frame.kpc,
        "dusty": _is_dusty(group, path, rows),
    }


def _is_dusty(group, path, rows):
    """Whether gas forms stars or is cold."""
    dusty = _column(group, path, "StarFormationRate")[rows] > 0.0
    if "InternalEnergy" in group and "ElectronAbundance" in group:
        electrons = group["ElectronAbundance"][rows]
        weight = 4.0 / (1.0 + 3.0 * _HYDROGEN + 4.0 * _HYDROGEN * electrons)
        per_energy = (constants.m_p * u.km**2 / u.s**2 / constants.k_B).to_value(u.K)
        dusty |= 2.0 / 3.0 * group["InternalEnergy"][rows] * weight * per_energy < _COLD
    return dusty


def _tagged_names(file, path):
    """Names of the groups of star particles with optical depths."""
    names = []

    def visit(name, item):
        if "tau_v" in getattr(item, "keys", list)():
            names.append(name)

    file.visititems(visit)
    if not names:
        msg = (
            f"the file {path} holds neither PartType4 (a snapshot) nor groups of star particles "
            "with tau_v"
        )
        raise ReadError(msg)
    return sorted(names)


def _read_tagged(file, path, galaxy, group, scale_factor):
    """A galaxy of star particles with optical depths."""
    names = _tagged_names(file, path)
    name = names[0] if galaxy is None and len(names) == 1 else galaxy
    if name not in names:
        msg = (
            f"galaxy must name one of the {len(names)} galaxies in {path}, such as {names[0]!r} "
            f"(see list_galaxies), got {galaxy!r}"
        )
        raise InputError(msg)
    data = {key: _column(file[name], path, key) for key in _TAGGED}
    stars = {
        "position": _with_unit(data["coordinates"]),
        "mass": _with_unit(data["initial_masses"]),
        "age": 10.0 ** data["log10ages"][:],
        "metallicity": 10.0 ** data["log10metallicities"][:],
        "smoothing": _with_unit(data["smoothing_lengths"]),
        "tau_v": data["tau_v"][:],
    }
    return _assemble(path, stars, None, _named_redshift(name, path, scale_factor), group)


def _with_unit(column):
    """Values of a column in the unit that it declares."""
    return u.Quantity(column[:], column.attrs["Units"])


def _named_redshift(name, path, scale_factor):
    """Redshift, as given or from the name of a group."""
    if scale_factor is not None:
        if not scale_factor > 0.0:
            msg = f"scale_factor must be above zero, got {scale_factor!r}"
            raise InputError(msg)
        return 1.0 / scale_factor - 1.0
    found = re.search(r"z(\d+)p(\d+)", name)
    if found is None:
        msg = f"the name {name!r} in the file {path} contains no redshift: give scale_factor"
        raise ReadError(msg)
    return float(f"{found[1]}.{found[2]}")


def _assemble(path, stars, gas, redshift, group):
    """Build the galaxy; errors of its records name the file."""
    try:
        gas = None if gas is None else GasParticles(**gas)
        return ParticleGalaxy(StarParticles(**stars), gas, redshift, group)
    except InputError as error:
        msg = f"the file {path} does not contain a valid galaxy: {error}"
        raise ReadError(msg) from error
