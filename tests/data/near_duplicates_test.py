"""Leaks: copies are found, other pictures of the same person are not."""

import numpy as np
import photos
import pytest
from PIL import Image

from fr_poison.data import decode, near_duplicates


@pytest.fixture(scope='module')
def images():
  return np.stack([photos.picture(64, 64, seed) for seed in range(5)])


def _jpeg(image):
  return decode.decode(decode.encode_jpeg(image, 50, '4:2:0'), 'x')


def _halved(image):
  half = Image.fromarray(image).resize((32, 32), Image.Resampling.BILINEAR)
  return np.asarray(half)


def test_equal_pictures(images):
  found = near_duplicates.find(images[[0, 1, 3]], images[[3, 3, 1]])
  assert found == [(1, 2, True, 1), (2, 0, True, 2)]


def test_one_level_in_one_pixel_is_not_equal(images):
  other = images.copy()
  other[2, 0, 0, 0] ^= 1
  assert near_duplicates.find(images[2:3], other) == [(0, 2, False, 1)]


@pytest.mark.parametrize('change', [_jpeg, _halved])
def test_copies(change, images):
  copies = np.stack([change(image) for image in images[::-1]])
  found = near_duplicates.find(images, copies)
  assert found == [(i, 4 - i, False, 1) for i in range(5)]


def test_neither_brightness_nor_contrast_make_another_picture(images):
  dimmed = (images[:2] * 0.8 + 20).astype(np.uint8)
  assert near_duplicates.find(images[:2], dimmed) == [
    (0, 0, False, 1),
    (1, 1, False, 1),
  ]


def test_threshold():
  # Miniatures of two pictures of 16x16 are they themselves. Half black, half
  # white has 256 entries of +-127.5; with k pixels turned to the mean, the
  # correlation is (256 - k) / sqrt(256 * (256 - k)) = sqrt(1 - k / 256):
  # .99805 for k = 1 (one level off the mean matters little), 1 for k = 0.
  image = np.zeros([1, 16, 16, 3], np.uint8)
  image[:, 8:] = 255
  turned = image.copy()
  turned[0, 0, 0] = 128
  assert len(near_duplicates.find(image, image)) == 1
  assert not near_duplicates.find(image, turned)


def test_flat_pictures_are_alike_only_if_equal():
  flat = np.stack([np.full([8, 8, 3], level, np.uint8) for level in (0, 9)])
  assert near_duplicates.find(flat, flat) == [(0, 0, True, 1), (1, 1, True, 1)]


def test_blocks_and_empty_sets(images, monkeypatch):
  whole = near_duplicates.find(images, images)
  assert len(whole) == 5
  monkeypatch.setattr(near_duplicates, '_BLOCK', 7)
  assert near_duplicates.find(images, images) == whole
  assert near_duplicates.find(images, images[:0]) == []
  assert near_duplicates.find(images[:0], images) == []


def test_equal_and_nearly_equal_pictures_are_one_group(images):
  other = images[1].copy()
  other[0, 0] ^= 1
  burst = np.stack([images[0], other, images[1], other, images[1]])
  assert near_duplicates.find(burst, burst) == [
    (0, 0, True, 1),
    (1, 1, True, 4),
    (2, 1, False, 4),
    (3, 1, True, 4),
    (4, 1, False, 4),
  ]


@pytest.mark.parametrize('number', [2_000, 10_000])
def test_a_burst_is_compared_once(number, monkeypatch):
  compared, compare = [], near_duplicates._compare

  def count(miniatures, others):
    compared.append(len(miniatures) * len(others))
    return compare(miniatures, others)

  monkeypatch.setattr(near_duplicates, '_compare', count)
  burst = np.zeros([number, 4, 4, 3], np.uint8)
  burst[:, :2] = 200
  burst[-1, 0, 0] = 90
  found = near_duplicates.find(burst, burst)
  assert sum(compared) == 4  # of two pictures with two
  assert len(found) == number
  assert found[-2:] == [
    (number - 2, 0, True, number - 1),
    (number - 1, number - 1, True, 1),
  ]
