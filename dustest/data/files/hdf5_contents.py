"""Checks of HDF5 files before they are read."""

import io

from dustest.data.errors import ReadError
from dustest.data.files.limits import check_memory

__all__ = ["check_hdf5", "is_hdf5"]


def is_hdf5(source):
    """Whether a file is one of HDF5; False without h5py, which reads them.

    Parameters
    ----------
    source : pathlib.Path or io.BytesIO
        The file, or its content.

    Returns
    -------
    found : bool
        False for a content in memory.
    """
    try:
        import h5py
    except ImportError:
        return False
    return not isinstance(source, io.BytesIO) and bool(h5py.is_hdf5(source))


def check_hdf5(path, size):
    """Check that an HDF5 file refers to no other file, and how large its datasets are.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    size : int
        Its bytes.

    Raises
    ------
    ReadError
        If it has external links, external storage or virtual datasets, or its datasets are too
        large to read.
    """
    import h5py

    with h5py.File(path, "r") as file:
        total, groups, seen = 0, [file["/"]], set()
        while groups:
            group = groups.pop()
            place = h5py.h5o.get_info(group.id).addr
            if place in seen:
                continue
            seen.add(place)
            for item in _members(group, path):
                if isinstance(item, h5py.Group):
                    groups.append(item)
                elif isinstance(item, h5py.Dataset):
                    _check_storage(item, path)
                    total += max(item.size or 0, 0) * item.dtype.itemsize
                    check_memory(total, size, f"the datasets of the file {path}")


def _members(group, path):
    """Members of a group; links to other files are errors."""
    import h5py

    for name in group:
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            msg = (
                f"the file {path} has a link {name!r} to the file {link.filename!r}, which is "
                "not followed: copy what it refers to into the file, as by h5repack"
            )
            raise ReadError(msg)
        if isinstance(link, h5py.HardLink):
            yield group[name]


def _check_storage(dataset, path):
    """Raise an error if the data of a dataset are in other files."""
    if dataset.is_virtual or dataset.external:
        msg = (
            f"the dataset {dataset.name!r} of the file {path} has its data in other files, which "
            "are not read: copy them into the file, as by h5repack"
        )
        raise ReadError(msg)
