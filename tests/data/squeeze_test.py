import io

import numpy as np
import pytest
from photos import picture
from PIL import Image

from fr_poison.data import squeeze
from fr_poison.types import InputError

# Of each squeezer at least one; all that comes in has to come out alike.
MATRIX = {
  'bit_depth': {'bits': 3},
  'chain': {'squeezers': squeeze.XU_JOINT},
  'gaussian': {'sigma': 1.5},
  'grayscale': {},
  'jpeg': {'quality': 40},
  'median': {'size': 2},
  'resize': {'scale': 0.5},
  'non_local_means': {'strength': 10.0, 'patch': 3, 'search': 5},
}
everything = pytest.mark.parametrize('name', sorted(MATRIX))


def _photos():
  return np.stack([picture(18, 14, seed) for seed in range(3)])


def _grey(rows):
  """One grey picture [1, H, W, 3] of the given pixels."""
  return np.repeat(np.uint8(rows)[None, ..., None], 3, -1)


def test_the_matrix_is_complete():
  assert sorted(MATRIX) == sorted(squeeze.NAMES)


@everything
def test_each_picture_alone_gives_the_same_as_among_others(name):
  images, squeezer = _photos(), squeeze.make(name, **MATRIX[name])
  before = images.copy()
  squeezed = squeezer(images)
  assert squeezed.shape == images.shape and squeezed.dtype == np.uint8
  assert (squeezed != images).mean() > 0.2
  np.testing.assert_array_equal(images, before)
  alone = np.concatenate([squeezer(images[i : i + 1]) for i in (2, 1, 0)])
  np.testing.assert_array_equal(alone[::-1], squeezed)
  assert squeezer(images[:0]).shape == (0, *images.shape[1:])


@everything
@pytest.mark.parametrize('shape', [(1, 1), (1, 7), (9, 2)])
def test_a_picture_of_one_grey_stays_of_one_grey(name, shape):
  # White is a level of any bit depth.
  images = np.full((1, *shape, 3), 255, np.uint8)
  squeezed = squeeze.make(name, **MATRIX[name])(images)
  np.testing.assert_array_equal(squeezed, images)
  if name not in ('bit_depth', 'chain', 'jpeg'):
    images = images - 158
    squeezed = squeeze.make(name, **MATRIX[name])(images)
    np.testing.assert_array_equal(squeezed, images)


@pytest.mark.parametrize('name', ['bit_depth', 'grayscale'])
def test_what_was_squeezed_stays_as_it_is(name):
  squeezer = squeeze.make(name, **MATRIX[name])
  once = squeezer(_photos())
  np.testing.assert_array_equal(squeezer(once), once)


@pytest.mark.parametrize(
  'squeezer',
  [
    squeeze.bit_depth(8),
    squeeze.median(1),
    squeeze.chain(()),
    squeeze.non_local_means(5.0, patch=3, search=1),
    squeeze.gaussian(0.01),
  ],
)
def test_identities(squeezer):
  np.testing.assert_array_equal(squeezer(_photos()), _photos())


def test_bit_depth_by_hand():
  # 5 bits: 100 * 31 / 255 = 12.16; level 12 is 12 * 255 / 31 = 98.7.
  # 1 bit: black below 127.5.
  images = _grey([[0, 100, 127, 128, 255]])
  for bits, expected in ((5, [0, 99, 123, 132, 255]), (1, [0, 0, 0, 255, 255])):
    np.testing.assert_array_equal(
      squeeze.bit_depth(bits)(images), _grey([expected])
    )


def test_five_bits_are_32_levels():
  levels = squeeze.bit_depth(5)(_grey([range(256)]))
  assert len(np.unique(levels)) == 32


def test_median_of_an_even_square_by_hand():
  # The square is the pixel, the one above, and those to their left, edge
  # pixels repeated; the third of the sorted four counts. At the lower right:
  # 10 20 [30] 40; at the upper right: 10 10 [20] 20.
  squeezed = squeeze.median(2)(_grey([[10, 20], [30, 40]]))
  np.testing.assert_array_equal(squeezed, _grey([[10, 20], [30, 30]]))


def test_median_drops_a_lone_pixel_in_its_channel_alone():
  images = _grey(np.full((5, 5), 90))
  images[0, 2, 2, 1], images[0, :, 3:, 2] = 255, 200
  squeezed = squeeze.median(3)(images)
  assert (squeezed[..., :2] == 90).all()
  np.testing.assert_array_equal(squeezed[..., 2], images[..., 2])


def test_half_the_size_holds_no_checkerboard_and_every_slope():
  rows, columns = np.mgrid[:16, :20]
  board = _grey(128 + 8 * (-1) ** (rows + columns))
  squeezed = squeeze.resize(0.5)(board).astype(int)
  assert abs(squeezed - 128).max() <= 1
  slope = _grey(100 + 3 * columns)
  squeezed = squeeze.resize(0.5)(slope).astype(int)
  assert squeezed.shape == slope.shape
  assert abs(squeezed - slope)[:, :, 2:-2].max() <= 1


def test_non_local_means_by_hand():
  # Levels 10 apart at strength 10 count exp(-1) = .3679. The row goes on as
  # 110 [100 110 110] 110. Left (100 + .7358 * 110) / 1.7358 = 104.2, middle
  # (.3679 * 100 + 2 * 110) / 2.3679 = 108.4, right 110.
  squeezed = squeeze.non_local_means(10.0, patch=1, search=3)(
    _grey([[100, 110, 110]])
  )
  np.testing.assert_array_equal(squeezed, _grey([[104, 108, 110]]))


def test_non_local_means_is_its_formula():
  image, strength, patch, search = picture(7, 6, 5), 30.0, 3, 5
  edge, reach = patch // 2, search // 2
  margin = edge + reach
  padded = np.pad(
    image.astype(float), ((margin,) * 2, (margin,) * 2, (0, 0)), 'reflect'
  )

  def around(y, x):
    return padded[y - edge : y + edge + 1, x - edge : x + edge + 1]

  expected = np.empty(image.shape)
  for y, x in np.ndindex(image.shape[:2]):
    p, total, weights = (y + margin, x + margin), 0, 0
    for dy, dx in np.ndindex(search, search):
      q = p[0] + dy - reach, p[1] + dx - reach
      difference = np.mean((around(*p) - around(*q)) ** 2)
      weight = np.exp(-difference / strength**2)
      total, weights = total + weight * padded[q], weights + weight
    expected[y, x] = total / weights
  squeezed = squeeze.non_local_means(strength, patch, search)(image[None])[0]
  assert np.abs(squeezed - expected).max() < 0.5001


def test_non_local_means_smooths_and_keeps_edges():
  rng = np.random.default_rng(0)
  clean = _grey(np.repeat([[60, 180]], 8, 1).repeat(16, 0))
  noisy = (clean + rng.integers(-6, 7, clean.shape)).astype(np.uint8)
  squeezed = squeeze.non_local_means(12.0)(noisy)
  before, after = (np.std(x - clean.astype(float)) for x in (noisy, squeezed))
  assert after < 0.5 * before
  blurred = squeeze.gaussian(1.5)(noisy)
  assert np.abs(blurred - clean.astype(float)).max() > 30
  assert np.abs(squeezed - clean.astype(float)).max() < 10


def test_gaussian_by_hand():
  # The filter's middle is 1 / sum(exp(-k^2 / 2), |k| <= 4) = .39895, its
  # neighbour exp(-1/2) times that. 255 * .39895^2 = 40.6; times .6065, 24.6.
  images = _grey(np.zeros((11, 11)))
  images[0, 5, 5, 0] = 255
  squeezed = squeeze.gaussian(1.0)(images)[0, 5, 5:7]
  np.testing.assert_array_equal(squeezed, [[41, 0, 0], [25, 0, 0]])


@pytest.mark.parametrize('subsampling', ['4:4:4', '4:2:2', '4:2:0'])
def test_jpeg_is_a_file_written_and_read(subsampling):
  image = picture(18, 14, 0)
  buffer = io.BytesIO()
  Image.fromarray(image).save(
    buffer, format='JPEG', quality=30, subsampling=subsampling
  )
  expected = np.asarray(Image.open(buffer))
  squeezed = squeeze.jpeg(30, subsampling)(image[None])[0]
  np.testing.assert_array_equal(squeezed, expected)


def test_grayscale_by_hand():
  # .299 R + .587 G + .114 B: 76.2, 149.7, 29.1.
  squeezed = squeeze.grayscale()(np.uint8([[np.eye(3) * 255]]))
  np.testing.assert_array_equal(squeezed, _grey([[76, 150, 29]]))


def test_chain_goes_from_first_to_last():
  # Grey before two levels or after: red is 76, so black, or stays 255 and is
  # 76 then.
  red = np.uint8([[[[255, 0, 0]]]])
  parts = {'name': 'grayscale'}, {'name': 'bit_depth', 'bits': 1}
  for squeezers, expected in ((parts, 0), (parts[::-1], 76)):
    squeezed = squeeze.make('chain', squeezers=squeezers)(red)
    np.testing.assert_array_equal(squeezed, np.full((1, 1, 1, 3), expected))


@pytest.mark.parametrize(
  ('name', 'settings', 'message'),
  [
    ('blur', {}, "squeezer: 'blur' is unknown"),
    ('bit_depth', {'depth': 5}, "bit_depth: .*'depth'"),
    ('bit_depth', {}, "bit_depth: .*'bits'"),
    ('bit_depth', {'bits': 0}, 'bits: 0'),
    ('bit_depth', {'bits': 9}, 'bits: 9'),
    ('bit_depth', {'bits': 2.5}, 'bits: 2.5'),
    ('median', {'size': 0}, 'size: 0'),
    ('median', {'size': float('nan')}, 'size: nan'),
    ('gaussian', {'sigma': 0.0}, 'sigma: 0.0'),
    ('gaussian', {'sigma': float('nan')}, 'sigma: nan'),
    ('gaussian', {'sigma': '1'}, "sigma: '1' is"),
    ('jpeg', {'quality': 0}, 'quality: 0'),
    ('jpeg', {'quality': 101}, 'quality: 101'),
    ('jpeg', {'quality': 9, 'subsampling': '4:1:1'}, "subsampling: '4:1:1'"),
    ('resize', {'scale': 0.0}, 'scale: 0.0'),
    ('resize', {'scale': 1.0}, 'scale: 1.0'),
    ('non_local_means', {'strength': -1.0}, 'strength: -1.0'),
    ('non_local_means', {'strength': float('inf')}, 'strength: inf'),
    ('non_local_means', {'strength': 4.0, 'patch': 2}, 'patch: 2 given, odd'),
    ('non_local_means', {'strength': 4.0, 'search': 4}, 'search: 4 given, odd'),
    ('chain', {'squeezers': ({'bits': 5},)}, "chain: .*'name'"),
    ('chain', {'squeezers': ({'name': 'mean'},)}, "'mean' is unknown"),
  ],
)
def test_what_cannot_be_made_is_refused(name, settings, message):
  with pytest.raises(InputError, match=f'^.*{message}'):
    squeeze.make(name, **settings)


@pytest.mark.parametrize(
  'images',
  [
    np.zeros((2, 4, 4, 3), np.float32),
    np.zeros((4, 4, 3), np.uint8),
    np.zeros((2, 4, 4, 1), np.uint8),
  ],
)
def test_only_stored_pictures_are_squeezed(images):
  with pytest.raises(InputError, match='images: expected uint8'):
    squeeze.median(2)(images)
