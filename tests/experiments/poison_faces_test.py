"""Loose photographs: the face in each is cloaked where recognizers look."""

import numpy as np
import photos
import poison
import pytest
from photos import CONFIG

from fr_poison import extractors
from fr_poison.data import align, decode, detect_faces

pytest.importorskip('dlib', reason='dlib is not installed')
LOOSE = {'a.png': (40, 30), 'b.png': (10, 20)}  # where the faces begin
SIDE = 100


@pytest.fixture
def cloaked(tmp_path, monkeypatch, compiled_once):
  """(input, output): two faces at `LOOSE`, and a picture without."""
  source, output = tmp_path / 'in', tmp_path / 'out'
  source.mkdir()
  places = {}
  for i, (name, place) in enumerate(LOOSE.items()):
    image = photos.picture(150, 160, i)
    decode.write_png(source / name, image)
    places[image.tobytes()] = align.template_points('dlib', SIDE) + place
  decode.write_png(source / 'none.png', photos.picture(150, 160, 2))

  def find_faces(image, template):
    assert template == 'dlib'
    found = places.get(np.ascontiguousarray(image).tobytes())
    return [] if found is None else [detect_faces.Face(None, found, 1.0)]

  monkeypatch.setattr(detect_faces, 'find_faces', find_faces)
  poison.run(CONFIG | {'align': 'dlib'}, source, output)
  return source, output


def test_faces_are_cloaked_and_nothing_else(cloaked):
  rows = photos.rows_of(cloaked[1])
  assert rows['none.png']['reason'] == 'no face'
  assert rows['none.png']['status'] == 'failed'
  pairs = {row['input']: images for row, *images in photos.pairs_of(*cloaked)}
  assert pairs.keys() == LOOSE.keys()
  for name, (original, cloak) in pairs.items():
    left, top = LOOSE[name]
    inside = np.zeros(original.shape, bool)
    inside[top : top + SIDE + 1, left : left + SIDE + 1] = True
    change = cloak.astype(int) - original
    assert not change[~inside].any() and 0 < np.abs(change).max() <= 8
    # The numbers are those of the face: in all of the picture it is less.
    error = np.mean(change[inside] ** 2)
    psnr = 10 * np.log10(255**2 / error)
    assert rows[name]['psnr'] == pytest.approx(psnr, rel=1e-2)


def test_a_recognizer_that_aligns_sees_what_the_row_says(cloaked):
  network = extractors.load('mobileface')
  rows = photos.rows_of(cloaked[1])
  for name, place in LOOSE.items():
    landmarks = align.template_points('dlib', SIDE) + place
    faces = [
      align.align(decode.read_image(folder / name), landmarks)
      for folder in cloaked
    ]
    e = extractors.embed(network, np.stack(faces))
    e /= np.linalg.norm(e, axis=1, keepdims=True)
    moved = rows[name]['feature_displacement']['saved']
    assert moved == pytest.approx(np.sum((e[1] - e[0]) ** 2), rel=0.05)
    assert moved > 0.05
