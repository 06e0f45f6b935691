"""The face in a picture: found, shown to networks, changed and put back."""

import face_frame
import numpy as np
import photos
import pytest
from face_frame import Frame

from fr_poison.data import align, detect_faces
from fr_poison.types import InputError

IMAGE = photos.picture(210, 180, 0)
# Upright, a little smaller than its template, anywhere.
FACE = align.template_points('dlib', 90)


@pytest.fixture
def find(monkeypatch):
  def call(landmarks, image=IMAGE, policy='skip'):
    faces = [detect_faces.Face(None, x, 1.0) for x in landmarks]
    monkeypatch.setattr(
      detect_faces, 'find_faces', lambda image, template: faces
    )
    return face_frame.find(image, 'dlib', policy)

  return call


def test_a_face_crop_is_taken_as_it_is():
  frame = face_frame.find(IMAGE, 'none', 'skip')
  assert frame == Frame() and frame.crop(IMAGE) is IMAGE
  assert frame.look(IMAGE, 112).shape == (112, 112, 3)


@pytest.mark.parametrize('place', [(50, 70), (-20, -10), (120, 150)])
def test_a_network_sees_the_aligned_face(find, place):
  landmarks = FACE + place  # also half outside the picture
  frame = find([landmarks])
  expected = align.warp(IMAGE, landmarks, 112)
  found = frame.look(frame.crop(IMAGE), 112)
  np.testing.assert_allclose(found, expected, atol=1e-3)
  part = frame.crop(IMAGE)
  assert min(part.shape[:2]) >= 11 and max(part.shape[:2]) <= 92


def test_only_the_face_is_changed_and_softly_at_its_edges(find):
  frame = find([FACE + (50, 70)])
  part = frame.crop(IMAGE)
  change = frame.back(np.full((112, 112, 3), 8, np.int16), part)
  assert change.shape == part.shape and change.dtype == np.float32
  assert change.max() == 8 and change.min() == 0
  middle = change[45]
  assert 0 < middle[1, 0] < 3 and (middle[6:-6] == 8).all()
  whole = frame.paste(IMAGE, np.zeros_like(part))
  changed = (whole != IMAGE).any(-1)
  rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
  assert (rows[0], rows[-1]) == (70, 160)  # 90 pixels from (50, 70), and one
  assert (columns[0], columns[-1]) == (50, 140)


def test_grey_pictures_have_one_channel_all_the_way(find):
  grey = IMAGE[..., :1]
  frame = find([FACE + (50, 70)], grey)
  assert frame.look(frame.crop(grey), 112).shape == (112, 112, 1)
  change = frame.back(np.ones((112, 112, 1), np.int16), frame.crop(grey))
  assert frame.paste(grey, frame.crop(grey) + change).shape == grey.shape


def test_no_face_and_several(find):
  with pytest.raises(InputError, match='^no face$'):
    find([])
  two = [FACE + (50, 70), FACE]
  with pytest.raises(InputError, match='^2 faces$'):
    find(two)


def test_a_tiny_face_at_the_edge_has_room_for_a_window(find):
  frame = find([align.template_points('dlib', 4) - 3])
  assert frame.crop(IMAGE).shape[:2] == (11, 11)
