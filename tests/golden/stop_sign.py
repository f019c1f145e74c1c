"""Draw the stop sign of tests/stop_sign.rs as a CMYK JPEG, which the image crate does not write.

usage: python tests/golden/stop_sign.py      (from the top of the repository; needs Pillow)
"""
from PIL import Image, ImageDraw

OUT = "tests/golden/pictures/stop_sign_cmyk.jpg"
X, Y, RADIUS = 220, 90, 60


def octagon(radius):
    corner = radius * (2**0.5 - 1)
    half = [(radius, corner), (corner, radius), (-corner, radius), (-radius, corner)]
    return [(X + x, Y + y) for x, y in half + [(-x, -y) for x, y in half]]


if __name__ == "__main__":
    picture = Image.new("RGB", (320, 240), (150, 190, 230))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 168, 320, 240), fill=(90, 140, 70))
    draw.rectangle((X - 5, Y, X + 5, 240), fill=(120, 120, 120))
    draw.polygon(octagon(RADIUS), fill=(240, 240, 240))
    draw.polygon(octagon(RADIUS * 0.88), fill=(180, 20, 30))
    draw.text((X, Y), "STOP", fill=(240, 240, 240), anchor="mm", font_size=RADIUS * 0.55)
    picture.convert("CMYK").save(OUT, quality=80)
