"""Makes the fixtures of the data room's tests with the reference implementations.

    python make_fixtures.py      (NumPy 2.4, Pillow 13)

All pixels are made up; nothing here comes from a data set.
"""

import pathlib
import pickle
import struct

import numpy as np
from PIL import Image, ImageOps

HERE = pathlib.Path(__file__).parent / "fixtures"
HERE.mkdir(exist_ok=True)

# CIFAR-10 batches, python version: value i of record r is (7 i + 13 r) mod 251.
i = np.arange(3072)
data = np.stack([(7 * i + 13 * r) % 251 for r in range(2)]).astype(np.uint8)
content = {"batch_label": "batch 1 of 1", "labels": [3, 9], "data": data,
           "filenames": ["first.png", "second.png"]}
for protocol in range(5):
    (HERE / f"cifar_protocol{protocol}.pickle").write_bytes(pickle.dumps(content, protocol))
fortran = dict(content, data=np.asfortranarray(data))
(HERE / "cifar_fortran.pickle").write_bytes(pickle.dumps(fortran, 4))
(HERE / "cifar_float.pickle").write_bytes(pickle.dumps(dict(content, data=data[:, :8] / 2), 2))
names = {"label_names": ["airplane", "automobile"], "num_vis": 3072}
(HERE / "meta.pickle").write_bytes(pickle.dumps(names, 2))


# The same as Python 2's cPickle wrote the official files: byte strings, protocol 2.
def text(value):
    b = value.encode()
    return b"U" + bytes([len(b)]) + b


python2 = b"".join([
    b"\x80\x02}q\x01(", text("data"), b"q\x02cnumpy.core.multiarray\n_reconstruct\nq\x03",
    b"cnumpy\nndarray\nq\x04K\x00\x85", text("b"), b"\x87Rq\x05(K\x01K\x02M\x00\x0c\x86",
    b"cnumpy\ndtype\nq\x06", text("u1"), b"K\x00K\x01\x87Rq\x07(K\x03", text("|"),
    b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T", struct.pack("<I", data.size),
    data.tobytes(), b"tb", text("labels"), b"]q\x08(K\x03K\x09eu."])
assert (pickle.loads(python2, encoding="bytes")[b"data"] == data).all()
(HERE / "cifar_python2.pickle").write_bytes(python2)

# NumPy archives: every accepted type, orders, ranks.
base = np.arange(24).reshape(2, 3, 4)
arrays = {f"type_{t}": (base - 5).astype(t) if t[0] in "if" else base.astype(t)
          for t in ["f8", "f4", "f2", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1"]}
arrays |= {"bool": base % 3 == 0, "big": base.astype(">f4"), "big_int": base.astype(">i8"),
           "fortran": np.asfortranarray(base.astype("f4")), "scalar": np.float64(2.5),
           "fortran_big": np.asfortranarray(base.astype(">i2")),
           "vector": np.arange(3, dtype="i4"), "empty": np.zeros((0, 3), "f4"),
           "folder/name.weight": np.ones((2, 2), "f4")}
np.savez(HERE / "arrays.npz", **arrays)
np.savez_compressed(HERE / "compressed.npz", zeros=np.zeros((64, 64), "f4"), base=base)
np.savez(HERE / "objects.npz", bad=np.array([{}], dtype=object))
np.savez(HERE / "strings.npz", bad=np.array(["a"]))

# Pictures.
y, x = np.mgrid[:23, :37]
rgb = np.stack([x * 6, y * 11, (x * y) % 256], -1).astype(np.uint8)
picture = Image.fromarray(rgb)
gray = picture.convert("L")
smooth = np.stack([127 + 120 * np.sin(x / 9), 127 + 120 * np.cos(y / 7), 4 * x + 2 * y], -1)
smooth = Image.fromarray(np.clip(smooth, 0, 255).astype(np.uint8))
alpha = Image.merge("RGBA", (*picture.split(), gray))
picture.save(HERE / "rgb.png")
gray.save(HERE / "gray.png")
alpha.save(HERE / "alpha.png")
picture.quantize(64).save(HERE / "palette.png")
Image.fromarray(np.asarray(gray).astype(np.uint16) * 257).save(HERE / "deep.png")
picture.save(HERE / "rgb.bmp")
picture.save(HERE / "rgb.webp", lossless=True)
picture.quantize(64).save(HERE / "palette.gif")
smooth.save(HERE / "smooth.jpg", quality=95)
exif = Image.Exif()
exif[0x0112] = 6
smooth.save(HERE / "turned.jpg", quality=95, exif=exif)


def opened(name):
    return np.asarray(Image.open(HERE / name).convert("RGB")).transpose(2, 0, 1)


def planes(image):
    a = np.asarray(image)
    return a[None] if a.ndim == 2 else a.transpose(2, 0, 1)


def cover_crop(image, width, height):
    """torchvision's Resize to the covering size, then CenterCrop."""
    w, h = image.size
    if width * h >= height * w:
        size = (width, max(int(width * h / w), height))
    else:
        size = (max(int(height * w / h), width), height)
    image = image.resize(size, Image.BILINEAR)
    left, top = round((size[0] - width) / 2.0), round((size[1] - height) / 2.0)
    return image.crop((left, top, left + width, top + height))


np.savez_compressed(
    HERE / "pictures.npz", rgb=planes(picture), gray=planes(gray),
    palette_png=opened("palette.png"), palette_gif=opened("palette.gif"),
    smooth=opened("smooth.jpg"),
    turned=planes(ImageOps.exif_transpose(Image.open(HERE / "turned.jpg"))),
    shrunk=planes(picture.resize((16, 12), Image.BILINEAR)),
    grown=planes(picture.resize((61, 50), Image.BILINEAR)),
    stretched=planes(picture.resize((9, 40), Image.BILINEAR)),
    cropped=planes(cover_crop(picture, 16, 16)),
    cropped_tall=planes(cover_crop(picture, 10, 31)),
    cropped_wide=planes(cover_crop(picture, 40, 9)),
    imagenet=((planes(cover_crop(picture, 16, 16)) / 255.0
               - np.array([0.485, 0.456, 0.406])[:, None, None])
              / np.array([0.229, 0.224, 0.225])[:, None, None]).astype("f4"))
