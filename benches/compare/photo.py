"""The picture that is measured with."""
import io

import numpy as np
from PIL import Image


def photo():
    """A photograph's worth of detail, 640x480."""
    y, x = np.mgrid[0:480, 0:640].astype(np.float32)
    noise = np.random.default_rng(0).integers(0, 16, (480, 640, 1))
    waves = np.stack([np.sin(x / scale) * np.cos(y / scale) * 60 + 128 for scale in (90, 50, 20)], -1)
    return Image.fromarray((waves + noise).clip(0, 255).astype(np.uint8))


def jpeg(picture):
    """Its file, as a camera would write it."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()
