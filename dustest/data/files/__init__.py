"""Files: where they may be written, and how tables travel through them."""
