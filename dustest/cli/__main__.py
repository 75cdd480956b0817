"""``python -m dustest.cli``."""

from dustest.cli import main

raise SystemExit(main())
