"""Cloaks that lie elsewhere than their originals, or are hardly any."""

import importlib.util

import numpy as np
import photos
import pytest
from PIL import Image

from fr_poison import metrics
from fr_poison.data import datasets, decode
from fr_poison.evaluation import overlay
from fr_poison.types import InputError

needs_dlib = pytest.mark.skipif(
  importlib.util.find_spec('dlib') is None, reason='needs the extra align'
)


def _cloak(image, levels=4):
  return np.where(image < 128, image + levels, image - levels).astype(np.uint8)


def _place(original, cloaked, data=None, several_faces=None):
  data = data or decode.encode_png(cloaked)
  *placed, notes = overlay.place(original, cloaked, data, several_faces)
  return metrics.psnr(*placed), notes


def _saved(original, image, **kwargs):
  """Notes on an image that was saved as a JPEG."""
  data = decode.encode_jpeg(image, **kwargs)
  return _place(original, decode.decode(data, 'x'), data)[1]


@pytest.mark.parametrize('quality', [95, 75, 40])
@pytest.mark.parametrize('subsampling', ['4:4:4', '4:2:0'])
def test_what_was_only_saved_again_is_noted(quality, subsampling):
  image = photos.picture(150, 130, 0)
  settings = {'quality': quality, 'subsampling': subsampling}
  assert _saved(image, image, **settings) == ('hardly',)
  small = np.asarray(Image.fromarray(image).resize((104, 120)))
  assert _saved(image, small, **settings) == ('size', 'hardly')
  if quality > 40:  # which leaves little of it
    assert _saved(image, _cloak(image), **settings) == ()


def test_a_level_here_and_there_is_no_cloak():
  image = photos.picture(112, 112, 0)
  nearly = image.copy()
  nearly[::3] ^= 1
  assert _place(image, nearly)[1] == ('hardly',)
  assert _place(image, _cloak(image, 2))[1] == ()
  assert _place(image, image)[1] == ('same',)


@pytest.mark.parametrize('shape', [(150, 130), (112, 112)])
def test_mirrored_and_turned_cloaks_are_turned_back(shape):
  image = photos.picture(*shape, 0)
  cloak = _cloak(image)
  for other, note in [
    (cloak[:, ::-1], 'mirrored'),
    *((np.rot90(cloak, quarters), 'turned') for quarters in (1, 2, 3)),
  ]:
    psnr, notes = _place(image, np.ascontiguousarray(other))
    assert notes == (note,) and psnr > 35
  psnr, notes = _place(image, photos.picture(*shape, 9))
  assert notes == ('other',)


@pytest.fixture(scope='module')
def photograph():
  """A face of ORL, 140 pixels wide, in a square with something around it."""
  image = photos.picture(300, 300, 0)
  face = Image.fromarray(datasets.load('orl').images[0]).resize((140, 140))
  image[60:200, 70:210] = np.asarray(face)
  return image


@needs_dlib
def test_a_cloak_that_was_cropped_is_put_on_its_own_face(photograph):
  cloak = _cloak(photograph)
  crops = {
    'own': cloak[30:250, 40:260],  # a square of a square
    'aspect': cloak[30:250, 20:280],
  }
  shifted = np.roll(cloak, 25, (0, 1))
  padded = np.pad(cloak, ((0, 0), (60, 60), (0, 0)))
  for image, note in [
    *((image, note) for note, image in crops.items()),
    (shifted, 'own'),
    (padded, 'aspect'),
  ]:
    psnr, notes = _place(photograph, image, several_faces='skip')
    assert notes == (note,) and psnr > 23
  mirrored = np.ascontiguousarray(cloak[:, ::-1])
  psnr, notes = _place(photograph, mirrored, several_faces='skip')
  assert notes == ('mirrored',) and psnr > 30


@needs_dlib
def test_a_cloak_that_lies_on_its_original_stays_there(photograph):
  psnr, notes = _place(photograph, _cloak(photograph), several_faces='skip')
  assert notes == () and psnr > 35
  black = photos.picture(300, 300, 5) // 16
  assert _place(photograph, black, several_faces='skip')[1] == (
    'hidden',
    'other',
  )
  with pytest.raises(InputError, match='no face'):
    _place(photograph, black[:200], several_faces='skip')
