"""Numbers that the tests in Rust make too: `vgg16::uniform`."""
import numpy as np


def uniform(seed, shape, scale):
    """float32 values in [-scale, scale), from a hash of seed and index."""
    with np.errstate(over="ignore"):
        h = np.arange(np.prod(shape), dtype=np.uint32) * np.uint32(0x9E3779B1) + np.uint32(seed * 0x85EBCA77 & 0xFFFFFFFF)
        for shift, factor in ((15, 0x2C1B3C6D), (12, 0x297A2D39)):
            h ^= h >> np.uint32(shift)
            h *= np.uint32(factor)
        h ^= h >> np.uint32(15)
    unit = (h >> np.uint32(8)).astype(np.float32) * np.float32(2**-23) - np.float32(1)
    return (unit * np.float32(scale)).reshape(shape)
