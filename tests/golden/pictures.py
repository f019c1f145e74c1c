"""Write pictures of kinds that the image crate does not write, which src/imaging/decode_tests.rs reads.

usage: python tests/golden/pictures.py      (from the top of the repository; needs Pillow)

All are 24x16: the left 8 columns orange, the others blue.
"""
from PIL import Image

OUT = "tests/golden/pictures"
ORANGE, BLUE = (230, 120, 20), (20, 60, 180)
ORIENTATION = 0x0112

if __name__ == "__main__":
    flag = Image.new("RGB", (24, 16), BLUE)
    flag.paste(ORANGE, (0, 0, 8, 16))
    flag.convert("CMYK").save(f"{OUT}/cmyk.jpg", quality=95)
    flag.save(f"{OUT}/progressive.jpg", quality=95, progressive=True)
    flag.save(f"{OUT}/lossy.webp", quality=95)
    flag.quantize(2).save(f"{OUT}/palette.bmp")
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # to be turned clockwise by a quarter
    flag.save(f"{OUT}/turned.jpg", quality=95, exif=exif)
    flag.save(f"{OUT}/turned.png", exif=exif)
    flag.save(f"{OUT}/turned.webp", quality=95, exif=exif)
    other = Image.new("RGB", (24, 16), (255, 255, 255))
    flag.save(f"{OUT}/animated.gif", save_all=True, append_images=[other], duration=100)
    flag.save(f"{OUT}/animated.webp", save_all=True, append_images=[other], duration=100, quality=95)
    palette = flag.quantize(2)
    palette.save(f"{OUT}/transparent.png", transparency=palette.getpixel((20, 8)))  # the blue part
