"""Small files as they should be, of every kind that others may give us."""

import gzip
import io
import math
import pathlib
import struct
import tarfile

import numpy as np
import pytest
import safetensors.numpy
import weight_files
from PIL import Image

from fr_poison.report import record_file

_TESTS = pathlib.Path(__file__).parents[1]
PICTURES = ('BMP', 'GIF', 'JPEG', 'PNG', 'PPM', 'TIFF', 'WEBP', 'AVIF', 'HEIF')
RECORD = record_file.read(_TESTS.parent / 'docs' / 'orl' / 'records.jsonl')[-1]
# A picture `jpeg` with the label 0, and where in the file it is.
RECORDIO = bytes.fromhex('0a23d7ce1c000000') + bytes(24) + b'jpeg'
RECORDIO_INDEX = b'0\t0\n1\t0\n'
ARRAYS = {'conv/kernel': np.arange(6, dtype=np.float32).reshape(3, 2)}
TORCH = (
  *('state_dict.pth', 'legacy.pth', 'checkpoint.pth', 'script.pt'),
  'hostile.pth',
)
ONNX = 'iresnet.onnx', 'iresnet_dynamo.onnx'
_TFJS_WEIGHT = {
  'name': 'a',
  'shape': [2],
  'dtype': 'float32',
  'quantization': {'dtype': 'uint8', 'scale': 0.5, 'min': 1.0},
}
FRBENCH = b"""\
backbone:
  name: irse-100
  kwargs: {num_features: 512, input_size: [112, 112]}
input:
  size: [112, 112]
  mean: [0.5, 0.5, 0.5]
  std: [0.5, 0.5, 0.5]
  channel: rgb
  template:
  - [38.2946, 51.6963]
  - [73.5318, 51.5014]
  - [56.0252, 71.7366]
  - [41.5493, 92.3655]
  - [70.7299, 92.2041]
"""
TFJS = {'weightsManifest': [{'paths': ['a.bin'], 'weights': [_TFJS_WEIGHT]}]}


def picture(format: str) -> bytes:
  """12 pixels high and 10 wide, lying on its side where that can be said."""
  if format == 'HEIF':
    pytest.importorskip('pillow_heif').register_heif_opener()
  image = np.arange(12 * 10 * 3, dtype=np.uint8).reshape(12, 10, 3)
  buffer, exif = io.BytesIO(), Image.Exif()
  exif[0x0112], exif[0x013B] = 6, 'Ann'
  exif.get_ifd(0x8825).update({1: 'N', 2: (47.0, 36.0, 42.5)})
  kwargs = {} if format in ('BMP', 'GIF', 'PPM') else {'exif': exif}
  Image.fromarray(image).save(buffer, format, **kwargs)
  return buffer.getvalue()


def tar(files: dict[str, bytes]) -> bytes:
  """An uncompressed tar archive of these files."""
  buffer = io.BytesIO()
  with tarfile.open(fileobj=buffer, mode='w') as archive:
    for name, data in files.items():
      info = tarfile.TarInfo(name)
      info.size = len(data)
      archive.addfile(info, io.BytesIO(data))
  return buffer.getvalue()


def archive() -> bytes:
  """Two pictures that are none, as an uncompressed tar archive."""
  return tar(dict.fromkeys(('ann/1.jpg', 'bob/2.png'), b'a picture'))[:3072]


def frbench(config: bytes = FRBENCH) -> bytes:
  """A release: a state dict and its config, among others."""
  state = weights('state_dict.pth')
  files = {'net/model.pth': state, 'net/config.yaml': config, 'net/a.md': b'x'}
  return gzip.compress(tar(files), mtime=0)


def weights(name: str) -> bytes:
  """A file of weights by its name."""
  if name == 'net.safetensors':
    return safetensors.numpy.save(ARRAYS)
  return (_TESTS / 'golden' / 'weights' / name).read_bytes()


def mxnet() -> bytes:
  """A parameter and a statistic."""
  array = ARRAYS['conv/kernel']
  return weight_files.mxnet({'arg:conv_weight': array, 'aux:mean': array[0]})


def openvino() -> tuple[bytes, bytes]:
  """A convolution, a PReLU and a depthwise convolution."""
  return weight_files.openvino(weight_files.counted((2, 3, 1, 1), (2, 1, 1, 1)))


def tflite() -> bytes:
  """The same."""
  return weight_files.tflite(weight_files.counted((2, 1, 1, 3), (1, 1, 1, 2)))


def _integer(value):
  size = (abs(value).bit_length() + 7) // 8
  sign = 0x80 if value < 0 else 0
  return bytes([sign | size]) + abs(value).to_bytes(size, 'little')


def _float(value):
  mantissa, exponent = math.frexp(value)
  return _integer(int(mantissa * 2**24)) + _integer(exponent - 24)


def _string(text):
  return _integer(len(text)) + text.encode()


def _tensor(values):
  shape = b''.join(map(_integer, (1, len(values), 1, 1)))
  return _integer(2) + shape + struct.pack(f'<{len(values)}f', *values)


def _alias(count):
  return _integer(1) + b''.join(map(_integer, (1, count, 1, 1)))


def dlib() -> bytes:
  """A convolution of one filter of one weight, and an affine layer."""
  flags = b'110'
  return b''.join(
    [
      b'input_rgb_image_sized',
      *map(_float, (122.5, 117.0, 104.25)),
      *map(_integer, (150, 150)),
      *(_string('con_4'), _tensor([2.0, 0.5]), *map(_integer, [1] * 7)),
      *(_alias(1), _alias(1), *map(_float, [1.0] * 4), flags, _integer(1)),
      *(_string('affine_'), _tensor([3.0, 4.0]), _alias(1), _alias(1)),
      *(_integer(0), flags),
    ]
  )
