"""Readers of catalogues, mosaics and spectra, which return a `~dustest.data.GalaxySample`."""

from dustest.io._formats.readers import read_table
from dustest.io.aperture_photometry import add_photometry
from dustest.io.catalogs import read_catalog
from dustest.io.cutouts import add_cutouts
from dustest.io.demo import load_demo
from dustest.io.images import read_images
from dustest.io.layouts import LAYOUTS, Layout, LayoutColumn, get_layout, register_layout
from dustest.io.lines import add_lines
from dustest.io.opened_catalogs import OpenedCatalog, open_catalog
from dustest.io.spectra import Spectrum, add_spectra, read_spectrum

__all__ = [
    "LAYOUTS",
    "Layout",
    "LayoutColumn",
    "OpenedCatalog",
    "Spectrum",
    "add_cutouts",
    "add_lines",
    "add_photometry",
    "add_spectra",
    "get_layout",
    "load_demo",
    "open_catalog",
    "read_catalog",
    "read_images",
    "read_spectrum",
    "read_table",
    "register_layout",
]
