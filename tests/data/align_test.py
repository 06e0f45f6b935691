"""Faces land on the template; nothing else about the picture changes."""

import numpy as np
import pytest
from PIL import Image

from fr_poison.data import align
from fr_poison.types import InputError

RNG = np.random.default_rng(0)
# A face tilted by 20 degrees, half again as large as the template.
TILT = 1.5 * np.array(
  [
    [np.cos(np.pi / 9), -np.sin(np.pi / 9)],
    [np.sin(np.pi / 9), np.cos(np.pi / 9)],
  ]
)
TILTED = align.template_points('dlib', 112) @ TILT.T + [70, 20]


def test_similarity_transform_by_hand():
  # A quarter turn, doubled, shifted by (10, 20): (x, y) -> (10-2y, 20+2x).
  source = np.array([[0, 0], [1, 0], [0, 1], [3, 2]])
  target = np.array([[10, 20], [10, 22], [8, 20], [6, 26]])
  np.testing.assert_allclose(
    align.similarity_transform(source, target),
    [[0, -2, 10], [2, 0, 20]],
    atol=1e-12,
  )


def test_similarity_transform_never_mirrors():
  source = np.array([[0, 0], [2, 0], [0, 1]])
  matrix = align.similarity_transform(source, source * [-1, 1])
  assert np.linalg.det(matrix[:, :2]) > 0


@pytest.mark.parametrize('mirror', [1, -1])
def test_similarity_transform_is_least_squares(mirror):
  source, noise = np.random.default_rng(0).normal(size=(2, 5, 2))
  target = source * [mirror, 1] + 0.1 * noise
  (a, c, tx), (b, d, ty) = align.similarity_transform(source, target)
  np.testing.assert_allclose([a, b], [d, -c], atol=1e-12)
  # The same by linear least squares in (a, b, tx, ty).
  x, y = source.T
  one, zero = np.ones(5), np.zeros(5)
  rows = np.stack([[x, -y, one, zero], [y, x, zero, one]])
  rows = rows.transpose(0, 2, 1).reshape(10, 4)
  want = np.linalg.lstsq(rows, target.T.ravel())[0]
  np.testing.assert_allclose([a, b, tx, ty], want, atol=1e-12)


def test_templates():
  # The nose: (.4901123136 + .25) / 1.5 * 150, (.6277975316 + .25) / 1.5 * 150.
  np.testing.assert_allclose(
    align.template_points('dlib', 150)[4], [74.01123136, 87.77975316]
  )
  # Twice InsightFace's tip of the nose at 112: 2 * 56.0252, 2 * 71.7366.
  np.testing.assert_allclose(
    align.template_points('arcface', 224)[2], [112.0504, 143.4732]
  )


def test_arcface_template():
  # Half the template, 10 to the right: the face has to grow twice.
  landmarks = align.template_points('arcface', 112) / 2 + [10, 0]
  image = _blob(112, 112, *landmarks[3])
  np.testing.assert_allclose(
    _centre(align.align(image, landmarks, 112, 'arcface')),
    align.template_points('arcface', 112)[3],
    atol=0.05,
  )


def test_agrees_with_dlib():
  dlib = pytest.importorskip('dlib', reason='dlib is not installed')
  # Interpolation keeps a ramp, whatever its kind: red is x, green is y.
  ramp = np.zeros((250, 250, 3), np.uint8)
  ramp[..., 0] = np.arange(250)
  ramp[..., 1] = np.arange(250)[:, None]
  points = dlib.points([dlib.point(*p) for p in np.rint(TILTED).astype(int)])
  face = dlib.full_object_detection(dlib.rectangle(60, 60, 180, 180), points)
  np.testing.assert_allclose(
    align.align(ramp, np.rint(TILTED), 150, 'dlib').astype(int)[20:-20, 20:-20],
    dlib.get_face_chip(ramp, face)[20:-20, 20:-20],
    atol=1,
  )


def _blob(height, width, x, y, sigma=3.0):
  ys, xs = np.mgrid[:height, :width]
  image = 255 * np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / (2 * sigma**2))
  return np.repeat(np.rint(image).astype(np.uint8)[..., None], 3, axis=-1)


def _centre(image):
  weights = image[..., 0].astype(float)
  ys, xs = np.mgrid[: weights.shape[0], : weights.shape[1]]
  return np.array([(xs * weights).sum(), (ys * weights).sum()]) / weights.sum()


@pytest.mark.parametrize('enlarged', [1, 4])  # 4: shrunk by whole pixels first.
@pytest.mark.parametrize('point', range(5))
def test_landmarks_land_on_the_template(point, enlarged):
  landmarks = TILTED * enlarged
  x, y = landmarks[point]
  image = _blob(260 * enlarged, 260 * enlarged, x, y, sigma=4 * enlarged)
  np.testing.assert_allclose(
    _centre(align.align(image, landmarks, 112, 'dlib')),
    align.template_points('dlib', 112)[point],
    atol=0.05,
  )


def test_identity_keeps_every_pixel():
  image = RNG.integers(0, 256, (112, 112, 3), np.uint8)
  np.testing.assert_array_equal(
    align.align(image, align.template_points('dlib', 112), 112, 'dlib'), image
  )


def test_agrees_with_pillow():
  image = RNG.integers(0, 256, (300, 280, 3), np.uint8)
  matrix = align.similarity_transform(
    TILTED, align.template_points('dlib', 112)
  )
  inverse = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
  inverse[:, 2] += 0.5 - inverse[:, :2] @ [0.5, 0.5]  # Pillow's pixel corners.
  want = Image.fromarray(image).transform(
    (112, 112), Image.Transform.AFFINE, inverse.ravel(), Image.BILINEAR
  )
  got = align.align(image, TILTED, 112, 'dlib')
  np.testing.assert_allclose(got.astype(int), np.asarray(want), atol=1)


def test_edge_pixels_go_on_beyond_the_picture():
  image = np.full((40, 40, 3), 9, np.uint8)
  image[:, -1] = 200
  got = align.align(image, align.template_points('dlib', 112) - 60, 112, 'dlib')
  np.testing.assert_array_equal(got[:, :99], 9)
  np.testing.assert_array_equal(got[:, 99:], 200)


def test_grey_stays_grey():
  grey = RNG.integers(0, 256, (500, 500, 1), np.uint8).repeat(3, -1)
  for scale in (0.5, 1, 3.3):
    image = align.align(grey, TILTED * scale, 112, 'dlib')
    assert (image == image[..., :1]).all()


@pytest.mark.parametrize(
  'landmarks', [np.zeros((5, 2)), np.full((5, 2), np.nan), np.zeros((68, 2))]
)
def test_refuses(landmarks):
  with pytest.raises(InputError, match='^landmarks: '):
    align.align(np.zeros((9, 9, 3), np.uint8), landmarks, 112, 'dlib')


def test_refuses_an_unknown_template():
  with pytest.raises(InputError, match="^template: 'x' is .*: wide, arcface"):
    align.template_points('x', 112)


def test_what_is_done_to_a_face_comes_back_to_its_place():
  change = RNG.normal(size=(112, 112, 3)).astype(np.float32)
  points = align.template_points('dlib', 112)
  np.testing.assert_allclose(
    align.warp_back(change, points, (112, 112), 'dlib'), change, atol=1e-5
  )
  back = align.warp_back(change, points + [7, 30], (150, 119), 'dlib')
  np.testing.assert_allclose(back[30:142, 7:], change, atol=1e-5)
  assert not back[:30].any() and not back[142:].any() and not back[:, :7].any()


@pytest.mark.parametrize('scale', [0.25, 0.6, 1, 2.5])
def test_a_change_is_seen_again_at_the_next_look(scale):
  # Soft, or pixels of another size could not hold it.
  y, x = np.mgrid[:112, :112]
  change = np.stack([np.sin(x / 9), np.cos(y / 11), np.sin((x + y) / 13)], -1)
  change = change.astype(np.float32)
  landmarks = TILTED * scale
  back = align.warp_back(change, landmarks, (int(220 * scale),) * 2, 'dlib')
  assert np.abs(back).max() <= 1
  seen = align.warp(back.astype(np.float32), landmarks, 112, 'dlib')
  inner = np.s_[9:-9, 9:-9]  # at its edges it fades into nothing
  np.testing.assert_allclose(seen[inner], change[inner], atol=0.08)


def test_nothing_changes_outside_the_template_s_square():
  ones = np.ones((112, 112, 1), np.float32)
  back = align.warp_back(ones, TILTED, (230, 230), 'dlib')
  assert set(np.unique(back)) == {0, 1}
  # The square of 112, half again as large, all of it in the picture.
  assert back.sum() == pytest.approx((1.5 * 112) ** 2, rel=0.01)


def test_rounding_is_all_that_aligning_adds():
  image = RNG.integers(0, 256, (500, 400, 3), np.uint8)
  for landmarks in (TILTED, TILTED * 2.2):  # also shrunk by whole pixels
    exact = align.warp(image, landmarks, 112, 'dlib')
    np.testing.assert_array_equal(
      align.align(image, landmarks, 112, 'dlib'), np.rint(exact)
    )
    real = align.warp(image.astype(np.float32) / 255, landmarks, 112, 'dlib')
    np.testing.assert_allclose(real * 255, exact, atol=1)


def test_a_small_face_gets_every_change_where_it_belongs():
  # A change that says its own place on the template, on a face of a quarter of
  # the size: each pixel gets the place that it is shown at, to a tenth.
  x = np.broadcast_to(np.arange(112.0)[None, :, None], (112, 112, 1))
  points = align.template_points('dlib', 112) / 4 + [3, 2]
  back = align.warp_back(x.astype(np.float32), points, (40, 40), 'dlib')
  columns = np.arange(40)
  shown = (columns - 3) * 4.0
  inner = (shown > 4) & (shown < 107)
  np.testing.assert_allclose(back[20, inner, 0], shown[inner], atol=0.1)
