"""poison.py's wall time against its device's: how long the device waits.

The device's time is that of the same attacks and embeddings with no other work
beside them. JPEGs are drawn: soft shapes with noise. Nobody looks for faces.
Memory is what the process's peak grew by while pictures were cloaked.
"""

import pathlib
import tempfile
from collections.abc import Iterator

import jax
import numpy as np
from PIL import Image

from benchmarks import timing
from fr_poison import extractors, files, photos
from fr_poison.data import decode
from fr_poison.photos.cloak import Cloaker
from fr_poison.photos.view import Frame

_NETWORK, _ATTACK = 'mobileface', {'name': 'lowkey'}
_SIZES = {'250x250': (250, 250), '4000x3000': (3000, 4000)}  # height, width
_TILE = 250


def _draw(height, width, seed):
  """A JPEG, whose bytes are about those of a photograph."""
  rng = np.random.default_rng(seed)
  coarse = Image.fromarray(rng.integers(40, 216, (6, 6, 3)).astype(np.uint8))
  soft = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))
  tile = rng.integers(-8, 9, (_TILE, _TILE, 3), np.int16)
  noise = np.tile(tile, (-(-height // _TILE), -(-width // _TILE), 1))
  noise = noise[:height, :width]
  return decode.encode_jpeg(np.clip(soft + noise, 0, 255).astype(np.uint8))


def _measure(shape, num_pictures, num_steps, batch_size, repeats):
  """Seconds of the whole and of the device, and bytes that pictures took.

  These are what the process's peak grew by, once all was compiled.
  """
  settings = photos.Settings(
    surrogates=(_NETWORK,),
    attack=_ATTACK | {'num_steps': num_steps},
    size=112,
    batch_size=batch_size,
    align='none',
  )
  networks = [extractors.load(_NETWORK)]
  cloaker, frame = Cloaker(settings, networks), Frame()
  image = decode.decode(_draw(*shape, 0), 'JPEG')
  # What is attacked does not change how long it takes.
  batch = [(cloaker.show(image, frame), frame)] * cloaker.number
  _, parts = cloaker.put(image, [frame], [(None, None)])
  measured = cloaker.measure(image, image, parts)

  def device():
    for _ in range(-(-num_pictures // cloaker.number)):
      cloaker.changes(batch)
    return [cloaker.embed(measured) for _ in range(num_pictures)]

  jax.block_until_ready(device())  # compiles it
  before = timing.peak_bytes()
  with tempfile.TemporaryDirectory() as folder:
    source, output = (pathlib.Path(folder) / x for x in ('in', 'out'))
    for i in range(num_pictures):
      files.write_atomic(source / f'{i}.jpg', _draw(*shape, i))

    def whole():
      run = photos.Run(source, output, settings, networks)
      with run.opened(overwrite=True):
        return len(list(run.cloak()))

    ways = {'whole': whole, 'device': device}
    seconds, _ = timing.medians(ways, repeats)
  memory = timing.peak_bytes() - before
  return seconds['whole'], seconds['device'], memory


def lines(
  num_small: int,
  num_large: int,
  *,
  num_steps: int,
  batch_size: int,
  repeats: int,
) -> Iterator[str]:
  """Times poison.py's work on two folders, a line of the table each.

  Args:
    num_small: pictures of 250x250.
    num_large: of 12 million pixels.
    num_steps: of the attack.
    batch_size: pictures that are attacked at a time; on CPU always two.
    repeats: turns of each.
  """
  yield (
    f'{_ATTACK["name"]} on {_NETWORK}, {num_steps} steps\n'
    'pictures   number  poison [s]  device [s]  poison/device  memory [MB]'
  )
  numbers = num_small, num_large
  for (name, shape), number in zip(_SIZES.items(), numbers, strict=True):
    how = shape, number, num_steps, batch_size, repeats
    whole, device, memory = _measure(*how)
    yield (
      f'{name:9} {number:7} {whole:11.2f} {device:11.2f} '
      f'{whole / device:14.2f} {memory / 1e6:12.0f}'
    )
