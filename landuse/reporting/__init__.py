"""A report of a comparison to forward: what was compared, what changed, how surely, and what limits the answer.

What is said is gathered from the folder of `diff` and the maps it names (`compared`, `map_pictures`, `top_sites`,
`by_district`, `sample`, `card`), laid out by a template that escapes every word (`page`), and printed by a browser (`pdf`).
"""

import landuse.light_rasterio  # noqa: F401
