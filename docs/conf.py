"""Sphinx configuration."""

import builtins
import os
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

from sphinx_astropy.conf.v3 import *  # noqa: F403
from sphinx_astropy.conf.v3 import exclude_patterns, extensions, intersphinx_mapping

HERE = Path(__file__).parent
OFFLINE = bool(os.environ.get("DUSTEST_DOCS_OFFLINE"))

# -- Project ---------------------------------------------------------------------------------

project = "dustest"
author = "dustest developers"
copyright = f"2026, {author}"
release = installed_version(project)
version = release.split("+")[0]

# -- General ---------------------------------------------------------------------------------

extensions += ["sphinx_gallery.gen_gallery"]
exclude_patterns += ["**/_*.rst", "gallery/**/*.ipynb"]
automodapi_toctreedirnm = "reference/api"
templates_path = []

# -- Links -----------------------------------------------------------------------------------

nitpicky = True
nitpick_ignore = [
    tuple(line.split(None, 1))
    for line in (HERE / "nitpick-exceptions.txt").read_text().splitlines()
    if line and not line.startswith("#")
]

if OFFLINE:
    # Without the inventories of other projects only dustest's own names can be resolved.
    intersphinx_mapping.clear()
    nitpick_ignore_regex = [
        ("py:.*", r"(astropy|dask|dust_extinction|joblib|matplotlib|numpy|photutils)\..*"),
        ("py:.*", r"(scipy|sedpy|sklearn)\..*"),
        ("py:.*", rf"({'|'.join(sys.stdlib_module_names)})(\..*)?"),
        ("py:.*", rf"({'|'.join(dir(builtins))})"),
        ("std:(ref|term)", "metadata_routing|meta-estimator"),
    ]
else:
    intersphinx_mapping["photutils"] = ("https://photutils.readthedocs.io/en/stable/", None)
    intersphinx_mapping["sklearn"] = ("https://scikit-learn.org/stable/", None)
    intersphinx_mapping["dust_extinction"] = (
        "https://dust-extinction.readthedocs.io/en/stable/",
        None,
    )

# -- Output ----------------------------------------------------------------------------------

html_title = f"{project} {version}"
htmlhelp_basename = f"{project}doc"

# -- Gallery: every example is executed ------------------------------------------------------

sphinx_gallery_conf = {
    "capture_repr": (),  # figures speak for themselves
    "abort_on_example_error": True,
    "backreferences_dir": None,
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "min_reported_time": 5,
    "show_memory": False,
    "write_computation_times": False,
}


def write_tables(_app):
    """Write tables of the user guide from the records that the code itself uses."""
    from dataclasses import fields

    from dustest.data import FLAGS
    from dustest.estimators.meurer import IRX_BETA_RELATIONS
    from dustest.io.layouts import LAYOUTS
    from dustest.reproduction import PROFILES, Profile
    from dustest.validation import METRICS

    tables = {
        "flags": [
            ("Bit", "Value", "Name", "Meaning"),
            *((f.bit, f.value, f"``{f.name}``", f.description) for f in FLAGS.values()),
        ],
        "layouts": [
            ("Name", "Columns", "Unit"),
            *((f"``{lay.name}``", lay.description, lay.unit or "declared") for lay in LAYOUTS),
        ],
        "metrics": [
            ("Column", "Meaning"),
            *((f"``{m.name}``", m.description) for m in METRICS.values()),
        ],
        "profiles": [
            ("Number", *PROFILES),
            *(
                (f"``{field.name}``", *(getattr(p, field.name) for p in PROFILES.values()))
                for field in fields(Profile)
                if field.name != "name"
            ),
        ],
        "relations": [
            ("Name", "a", "b", "Reference"),
            *((f"``{r.name}``", r.a, r.b, r.reference) for r in IRX_BETA_RELATIONS.values()),
        ],
    }
    for name, rows in tables.items():
        (HERE / "user_guide" / f"_{name}_table.rst").write_text(_list_table(rows))


def _list_table(rows):
    """A list-table of rows of cells, the first row being the header."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in rows:
        marks = ("* -", *("  -" for _ in row[1:]))
        lines += [f"   {mark} {cell}" for mark, cell in zip(marks, row, strict=True)]
    return "\n".join(lines) + "\n"


def resolve_by_name(app, env, node, contnode):
    """Link a public name to the one place where it is documented, wherever it was looked for."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or ("." in target and not target.startswith("dustest.")):
        return None
    python = env.domains["py"]
    homes = [
        full
        for full, entry in python.objects.items()
        if full.rsplit(".", 1)[-1] == target.rsplit(".", 1)[-1] and not entry.aliased
    ]
    if len(homes) != 1:
        return None
    return python.resolve_xref(env, node["refdoc"], app.builder, "obj", homes[0], node, contnode)


def setup(app):
    """Generate pages before Sphinx reads them, and mend links after."""
    app.connect("builder-inited", write_tables)
    app.connect("missing-reference", resolve_by_name)
