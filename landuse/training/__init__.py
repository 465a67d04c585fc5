"""What a head learns from: features and labels, where they lie, and which of them are held back."""

import landuse.light_rasterio  # noqa: F401
