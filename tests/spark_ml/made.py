"""Pictures in every form that a column may hold."""

import numpy as np
from rasterio.io import MemoryFile

from tests.models.small import PX


def picture(seed: int = 0, height: int = 40, width: int = 50, channels: int = 3) -> np.ndarray:
    """Smooth noise uint8 (height, width, channels), red first, so that JPEG keeps it and resampling matters."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (-(-height // 4), -(-width // 4), channels), dtype=np.uint8)
    return np.ascontiguousarray(np.repeat(np.repeat(coarse, 4, axis=0), 4, axis=1)[:height, :width])


def encoded(image: np.ndarray, driver: str = "PNG", **options) -> bytes:
    height, width, count = image.shape
    with MemoryFile() as file:
        with file.open(
            driver=driver, width=width, height=height, count=count, dtype=image.dtype.name, **options
        ) as target:
            target.write(image.transpose(2, 0, 1))
        return bytes(file.getbuffer())


def struct_of(image: np.ndarray, origin: str = "") -> dict:
    """Spark's image struct: blue first."""
    height, width, channels = image.shape
    swapped = image if channels == 1 else image[..., [2, 1, 0, 3][:channels]]
    mode = {1: 0, 3: 16, 4: 24}[channels]
    values = (origin, height, width, channels, mode, np.ascontiguousarray(swapped).tobytes())
    return dict(zip(("origin", "height", "width", "nChannels", "mode", "data"), values, strict=True))


IMAGE_SCHEMA = "struct<origin:string,height:int,width:int,nChannels:int,mode:int,data:binary>"
SIDE = PX
