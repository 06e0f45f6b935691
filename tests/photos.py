"""A small folder as people have them, and how to read what poison.py makes."""

import hashlib
import io

import numpy as np
from PIL import Image

from fr_poison import strict_json
from fr_poison.data import decode

CONFIG = {
  'surrogates': ('mobileface',),
  'input_size': {},
  'attack': {'name': 'pgd', 'epsilon': 8 / 255, 'num_steps': 2},
  'max_dssim': None,
  'size': 112,
  'output': {'format': 'png', 'quality': 95, 'subsampling': '4:4:4'},
  'batch_size': 2,
  'seed': 0,
}
ODD = '-n\n<b>.png'
CLOAKS = {
  ODD: '-n\n<b>.png',
  'same.jpg': 'same.jpg.png',
  'same.png': 'same.png.png',
  'sub/grey.gif': 'sub/grey.png',
  'sub/turned.jpg': 'sub/turned.png',
}

# What files say beside their pixels, and no file that is written may.
SECRETS = 'Ann Owner', 'Camera 9', '47 Privet Drive', 'planted in XMP'


def exif(orientation):
  found = Image.Exif()
  found[0x0112] = orientation
  found[0x013B], found[0x0110] = SECRETS[:2]  # artist, model
  place = found.get_ifd(0x8825)
  place[1], place[2] = 'N', (47.0, 36.0, 42.5)
  place[27] = SECRETS[2].encode()  # how the place was found, free text
  return found


def check_pixels_only(data, name):
  """Nothing planted, and no field but what Pillow itself has to write."""
  for secret in (*SECRETS, 'Exif', 'eXIf'):
    assert secret.encode() not in data, name
  if name.endswith(('.png', '.jpg')):
    with Image.open(io.BytesIO(data)) as image:
      image.load()
      own = {'jfif', 'jfif_version', 'jfif_unit', 'jfif_density'}
      own |= {'progressive', 'progression'}
      assert not image.getexif() and image.info.keys() <= own, name


def picture(height, width, seed):
  """Soft shapes and some noise, uint8 [height, width, 3]."""
  rng = np.random.default_rng(seed)
  coarse = Image.fromarray(rng.integers(40, 216, (6, 6, 3)).astype(np.uint8))
  soft = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))
  noisy = soft + rng.normal(0, 4, soft.shape)
  return np.clip(noisy, 0, 255).astype(np.uint8)


def make_photos(root):
  (root / 'sub').mkdir(parents=True)
  save = lambda image, name, **kw: Image.fromarray(image).save(
    root / name, **kw
  )
  save(picture(130, 90, 0), ODD)
  save(picture(112, 112, 1), 'same.png')
  save(picture(112, 112, 2), 'same.jpg', quality=90)
  save(picture(64, 50, 3)[..., 0], 'sub/grey.gif')
  # Stored lying; upright it is 150 high.
  save(picture(100, 150, 4), 'sub/turned.jpg', exif=exif(6))
  data = (root / 'same.jpg').read_bytes()
  (root / 'broken.jpg').write_bytes(data[: len(data) // 2])
  (root / 'notes.txt').write_text('x')
  (root / '.hidden.png').write_bytes(data)
  (root / 'z.png').symlink_to(root / 'same.png')


def rows_of(output):
  lines = (output / 'manifest.jsonl').read_bytes().splitlines()
  return {row['input']: row for row in map(strict_json.loads, lines)}


def files_of(output):
  """Everything in the folder, to the byte."""
  return {
    str(path.relative_to(output)): path.read_bytes()
    for path in output.rglob('*')
    if path.is_file()
  }


def pairs_of(source, output):
  """(row, original, cloak as re-read) of every cloaked picture."""
  for row in rows_of(output).values():
    if row['output'] is not None:
      original = decode.read_image(source / row['input'])
      yield row, original, decode.read_image(output / row['output'])


def header_of(path):
  with Image.open(path) as image:
    return image


def sha256(path):
  return hashlib.sha256(path.read_bytes()).hexdigest()
