"""Command line as ``python -m dustest``."""

from dustest.cli import main

raise SystemExit(main())
