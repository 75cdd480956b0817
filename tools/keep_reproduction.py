"""Keep a finished reproduction of the paper in the documentation.

Run with ``python tools/keep_reproduction.py OUTPUT``, the folder that ``dustest reproduce`` has
written. Its tables and its record go to ``docs/reproduction/``, as do its figures, as PNG of
fewer pixels and colours. What was there before is removed first.
"""

import argparse
import shutil
from pathlib import Path

from PIL import Image

KEPT = Path(__file__).parents[1] / "docs" / "reproduction"
MOST_PIXELS, N_COLOURS = 1000, 64


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, help="folder that dustest reproduce has written")
    output = parser.parse_args(arguments).output
    for name in ("tables", "figures"):
        shutil.rmtree(KEPT / name, ignore_errors=True)
        (KEPT / name).mkdir(parents=True)
    shutil.copy(output / "reproduction.json", KEPT)
    for path in sorted(output.glob("tables/*.ecsv")):
        shutil.copy(path, KEPT / "tables")
    for path in sorted(output.glob("figures/*.png")):
        shrink(path, KEPT / "figures" / path.name)


def shrink(source, target):
    """Write a PNG again with fewer pixels and colours."""
    with Image.open(source) as image:
        small = image.convert("RGB")
        small.thumbnail((MOST_PIXELS, 10 * MOST_PIXELS), Image.Resampling.LANCZOS)
        small.quantize(N_COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)


if __name__ == "__main__":
    main()
