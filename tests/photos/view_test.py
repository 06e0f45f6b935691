"""The face in a picture: found, shown to networks, changed and put back."""

import numpy as np
import photos
import pytest

from fr_poison.data import align, detect_faces
from fr_poison.photos import view as view_lib
from fr_poison.photos.view import Frame
from fr_poison.types import InputError

IMAGE = photos.picture(210, 180, 0)
# Upright, a little smaller than its template, anywhere.
FACE = align.template_points('dlib', 90)


def _face(landmarks):
  """Its box is 2/3 as wide as dlib's template."""
  side = np.ptp(landmarks[:, 0]) / np.ptp(FACE[:, 0]) * 60
  left, top = landmarks.min(0)
  return detect_faces.Face(
    np.array([left, top, left + side, top + side]), landmarks
  )


@pytest.fixture
def find(monkeypatch):
  def call(landmarks, image=IMAGE, policy='skip', alignment='dlib'):
    faces = [_face(x) for x in landmarks]
    monkeypatch.setattr(
      detect_faces, 'find_faces', lambda image, template, far: [*faces]
    )
    return view_lib.find(image, alignment, policy)

  return call


def test_a_face_crop_is_taken_as_it_is():
  view = view_lib.find(IMAGE, 'none', 'skip')
  (frame,) = view.frames
  assert frame == Frame() and view.align == 'none'
  assert frame.edges is None and IMAGE[frame.box].shape == IMAGE.shape
  assert frame.look(IMAGE, 112).shape == (112, 112, 3)


@pytest.mark.parametrize('place', [(50, 70), (-20, -10), (120, 150)])
def test_a_network_sees_the_aligned_face(find, place):
  landmarks = FACE + place  # also half outside the picture
  (frame,) = find([landmarks]).frames
  expected = align.warp(IMAGE, landmarks, 112, 'dlib')
  found = frame.look(IMAGE[frame.box], 112)
  np.testing.assert_allclose(found, expected, atol=1e-3)
  part = IMAGE[frame.box]
  assert min(part.shape[:2]) >= 11 and max(part.shape[:2]) <= 92


def test_only_the_face_is_changed_and_softly_at_its_edges(find):
  (frame,) = find([FACE + (50, 70)]).frames
  part = IMAGE[frame.box]
  rows = frame.back(np.full((112, 112, 3), 8, np.int16), *part.shape[:2])
  change = rows[:]
  assert rows.shape == part.shape
  np.testing.assert_array_equal(rows[20:31], change[20:31])
  assert change.shape == part.shape and change.dtype == np.float32
  assert change.max() == 8 and change.min() == 0
  middle = change[45]
  assert 0 < middle[1, 0] < 3 and (middle[6:-6] == 8).all()
  whole = IMAGE.copy()
  whole[frame.box] = 0
  changed = (whole != IMAGE).any(-1)
  rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
  assert (rows[0], rows[-1]) == (70, 160)  # 90 pixels from (50, 70), and one
  assert (columns[0], columns[-1]) == (50, 140)


def test_no_face_and_several(find):
  with pytest.raises(InputError, match='^no face; .*--config.align=none'):
    find([])
  two = [FACE + (50, 70), 1.2 * FACE]
  with pytest.raises(InputError, match='^2 faces; --config.several_faces=all'):
    find(two)
  (frame,) = find(two, policy='largest').frames
  view = find(two, policy='all')
  assert len(view.frames) == 2 and view.frames[0].edges == frame.edges  # first
  assert view.face_share == pytest.approx(1.2 * 60 / 210)


def test_a_tiny_face_at_the_edge_has_room_for_a_window(find):
  (frame,) = find([align.template_points('dlib', 4) - 3]).frames
  assert IMAGE[frame.box].shape[:2] == (11, 11)


@pytest.mark.parametrize(
  'scale, number, align, share',
  [
    (2.4, 1, 'none', 0.686),  # a crop: on the template it would be all there is
    (2.0, 1, 'wide', 0.571),
    (2.4, 2, 'wide', 0.686),  # of two, neither is what the picture was cut to
    (1.0, 0, 'none', None),  # small: a crop in which detectors find no face
  ],
)
def test_auto_goes_by_how_much_of_the_picture_is_face(
  find, scale, number, align, share
):
  faces = [scale * FACE + (10 * i, 0) for i in range(number)]
  view = find(faces, policy='all', alignment='auto')
  assert view.align == align
  assert [frame.edges is None for frame in view.frames] == [align == 'none'] * (
    number or 1
  )
  assert view.face_share == (share and pytest.approx(share, abs=1e-3))


def test_auto_takes_no_large_picture_without_a_face_for_a_crop(find):
  with pytest.raises(InputError, match='^no face; '):
    find([], photos.picture(100, 257, 0), alignment='auto')
