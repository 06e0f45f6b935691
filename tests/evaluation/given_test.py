"""Pictures in two trees or in one, of any size, to pairs of faces."""

import importlib.util

import numpy as np
import photos
import pytest
from PIL import Image

from fr_poison import evaluation
from fr_poison.data import decode, detect_faces
from fr_poison.data.datasets import orl
from fr_poison.data.faces import FaceSet
from fr_poison.evaluation import given, overlay, scrape
from fr_poison.types import InputError


def _write(path, image):
  path.parent.mkdir(parents=True, exist_ok=True)
  decode.write_png(path, image)


def _cloak(image):
  return np.where(image < 128, image + 8, image - 8).astype(np.uint8)


@pytest.fixture
def trees(tmp_path):
  """Two pictures of one person, flat, and their cloaks."""
  for i in range(2):
    image = photos.picture(80, 60, i)
    _write(tmp_path / 'Ann' / f'{i}.png', image)
    _write(tmp_path / 'B' / f'{i}.png', _cloak(image))
  return tmp_path


def _read(root, cloaked='B', alignment='none'):
  cloaked = cloaked and str(root / cloaked)
  return given.Folders(str(root / 'Ann'), cloaked, align=alignment).read()


def test_a_flat_folder_is_one_person(trees):
  found = _read(trees)
  assert not found.left_out
  assert found.faces.names == ('originals/Ann',)
  assert found.faces.paths == ('originals/0.png', 'originals/1.png')
  assert found.faces.labels.tolist() == [0, 0]
  assert found.faces.images.shape == found.cloaked.shape == (2, 112, 112, 3)
  for original, cloaked in zip(found.faces.images, found.cloaked, strict=True):
    # The middle square, from 60 to 112 pixels: within 8 levels.
    change = cloaked.astype(int) - original
    assert 4 < np.abs(change).max() <= 8
  assert found.notes == [(), ()]


def test_folders_are_people_and_cloaks_may_lie_beside(trees):
  for i in range(2):
    cloak = decode.read_image(trees / 'B' / f'{i}.png')
    _write(trees / 'Ann' / 'Zoë' / f'{i}_cloaked.png', cloak)
    (trees / 'Ann' / f'{i}.png').rename(trees / 'Ann' / 'Zoë' / f'{i}.png')
  for cloaked in (None, 'Ann'):
    found = _read(trees, cloaked)
    assert found.faces.names == ('originals/Zoë',)
    assert not found.left_out


def test_what_is_odd_about_a_pair_is_noted(trees):
  first, second = (trees / 'B' / f'{i}.png' for i in range(2))
  original = decode.read_image(trees / 'Ann' / '0.png')
  for cloak, notes in [
    (original, ('same',)),
    (photos.picture(80, 60, 9), ('other',)),
    (np.asarray(Image.fromarray(original).resize((120, 160))), ('size',)),
    (np.asarray(Image.fromarray(original).resize((60, 60))), ('aspect',)),
  ]:
    _write(first, cloak)
    found, _ = _read(trees).notes
    # A stretched or a resized picture may also look like another one.
    assert found[: len(notes)] == notes
    assert set(found) <= set(overlay.NOTES)
  second.write_bytes(b'<html>')
  with pytest.raises(InputError, match='2 usable pairs.*1.png: .*a web page'):
    _read(trees)


def test_red_and_blue_exchanged_is_noted_if_there_is_colour(trees):
  original = decode.read_image(trees / 'Ann' / '0.png')
  grey = np.repeat(original[..., :1], 3, -1)
  tinted = grey + np.uint8([3, 0, 0])  # less than a cloak changes
  for image, notes in ((original, ('bgr',)), (grey, ()), (tinted, ())):
    _write(trees / 'Ann' / '0.png', image)
    _write(trees / 'B' / '0.png', _cloak(image)[..., ::-1])
    assert _read(trees).notes[0] == notes


def test_an_empty_folder_is_listed(trees):
  (trees / 'Ann' / 'Bob').mkdir()
  assert _read(trees).left_out == [('Bob/', 'an empty folder')]


def test_people_are_put_among_others(trees):
  found = _read(trees)
  other = FaceSet(
    np.zeros((2, 112, 112, 3), np.uint8),
    np.zeros(2, np.int32),
    ('Ann',),
    ('0.png', '1.png'),
    found.faces.alignment,
  )
  faces, images = found.among(other)
  assert faces.names == ('originals/Ann', 'Ann')
  assert faces.labels.tolist() == [0, 0, 1, 1]
  np.testing.assert_array_equal(images[:2], found.cloaked)
  np.testing.assert_array_equal(images[2:], other.images)
  # And the originals are still there.
  np.testing.assert_array_equal(faces.images[:2], found.faces.images)
  assert (faces.images[:2] != images[:2]).any()
  protocol = evaluation.Protocol.draw(faces, protected=[0], num_splits=1)
  scrape.cloaked(protocol, images)


def test_cloaks_are_turned_upright_first(trees):
  exif = Image.Exif()
  exif[0x0112] = 3  # upside down
  image = Image.fromarray(decode.read_image(trees / 'Ann' / '0.png'))
  image.rotate(180).save(trees / 'B' / '0.png', exif=exif)
  assert _read(trees).notes[0] == ('same',)


def test_trees_that_cannot_be_paired(trees):
  with pytest.raises(InputError, match=r'cloaked: .*: no such folder'):
    _read(trees, 'C')
  with pytest.raises(InputError, match='cloaked: no pair among 2 pict'):
    _read(trees, None)
  (trees / 'empty').mkdir()
  with pytest.raises(InputError, match='cloaked: .*empty: no pictures'):
    _read(trees, 'empty')
  (trees / 'B').rename(trees / 'B_')
  for i in range(2):
    (trees / 'B_' / f'{i}.png').rename(trees / 'B_' / f'{i}-fawkes.png')
  with pytest.raises(InputError, match='nearest: 0.png and 0-fawkes.png'):
    _read(trees, 'B_')
  (trees / 'Ann' / 'cloaked').mkdir()
  with pytest.raises(InputError, match='cloaked: is inside'):
    _read(trees, 'Ann/cloaked')


def test_placements_say_what_they_are(monkeypatch):
  placement = lambda align: given.Folders('A', align=align).placement()
  assert placement('none').alignment == 'centre-112'
  already = placement('already')
  assert already.alignment == 'dlib-112'
  # Prepared data sets of the two must not be taken for one another.
  assert already.details not in ('', *detect_faces.POLICIES)
  monkeypatch.setattr(detect_faces, '_detector', _not_installed)
  with pytest.raises(InputError, match='^align: .*--config.align=already'):
    placement('dlib')


def _not_installed():
  raise InputError('dlib: not installed')


@pytest.mark.skipif(
  importlib.util.find_spec('dlib') is None, reason='needs the extra align'
)
def test_no_face_is_a_reason(trees):
  reason = 'no face; where these are face crops, .*'
  listed = f'left out: 0.png: {reason}; 1.png: {reason}'
  with pytest.raises(InputError, match=listed):
    _read(trees, alignment='dlib')


@pytest.mark.skipif(
  importlib.util.find_spec('dlib') is None, reason='needs the extra align'
)
def test_a_cloak_that_hides_its_face_is_noted(trees):
  face = decode.read_image(orl._find_source(None) / 's1' / '1.pgm')
  hidden = face.copy()
  hidden[:] = face.mean((0, 1))
  for i, cloak in enumerate((_cloak(face), hidden)):
    _write(trees / 'Ann' / f'{i}.png', face)
    _write(trees / 'B' / f'{i}.png', cloak)
  seen, unseen = _read(trees, alignment='dlib').notes
  assert 'hidden' not in seen and 'hidden' in unseen
