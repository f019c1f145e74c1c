"""Write what Keras and torchvision make of pictures, which src/model/preprocessing_tests.rs compares with ours.

usage: python tests/golden/preprocessing.py      (from the top of the repository; needs keras, torch, torchvision, Pillow)

The pictures come from a formula that the test computes too. Of inputs larger than 32 pixels only every 7th row and column is
kept, so that the files stay small. Keras' `load_img` is asked for bilinear resizing (its default is the nearest pixel).
"""
import io
import os

os.environ.setdefault("KERAS_BACKEND", "torch")
import keras
import numpy as np
from PIL import Image
from torchvision import transforms

OUT = "tests/golden/preprocessing"
KERAS = {
    "caffe": keras.applications.vgg16.preprocess_input,
    "torch": keras.applications.densenet.preprocess_input,
    "tf": keras.applications.mobilenet.preprocess_input,
}
# mode, width and height of the picture, width and height of the input
STRETCHED = [
    ("caffe", 500, 375, 224, 224),
    ("caffe", 17, 23, 32, 32),
    ("caffe", 1, 1, 8, 8),
    ("torch", 300, 451, 32, 24),
    ("tf", 40, 9, 30, 28),
    ("tf", 32, 32, 32, 32),
]
# width and height of the picture, side of the input
CROPPED = [
    (500, 375, 224),
    (427, 639, 224),
    (301, 201, 30),
    (23, 17, 28),
    (9, 40, 28),
    (32, 32, 28),
    (1, 1, 8),
]


def picture(width, height):
    """Slopes of each channel, with a chessboard of 8 pixels upon them."""
    y, x, channel = np.indices((height, width, 3))
    values = x * (5 + 2 * channel) + y * (3 + channel) + (x // 8 + y // 8) % 2 * 90
    return Image.fromarray((values % 256).astype(np.uint8))


def save(name, tensor):
    step = 7 if max(tensor.shape[1:]) > 32 else 1
    np.save(f"{OUT}/{name}.npy", np.ascontiguousarray(tensor[:, ::step, ::step], np.float32))


def stretched(mode, width, height, input_width, input_height):
    file = io.BytesIO()
    picture(width, height).save(file, "png")
    resized = keras.utils.load_img(file, target_size=(input_height, input_width), interpolation="bilinear")
    tensor = KERAS[mode](keras.utils.img_to_array(resized), data_format="channels_last")
    save(f"{mode}_{width}x{height}_{input_width}x{input_height}", tensor.transpose(2, 0, 1))


def cropped(width, height, side):
    way = transforms.Compose([
        transforms.Resize(round(side * 256 / 224)),
        transforms.CenterCrop(side),
        transforms.ToTensor(),
        transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
    ])
    save(f"torchvision_{width}x{height}_{side}x{side}", way(picture(width, height)).numpy())


if __name__ == "__main__":
    for case in STRETCHED:
        stretched(*case)
    for case in CROPPED:
        cropped(*case)
