"""Faces whose red and blue were exchanged are kept apart from others."""

import numpy as np
import pytest

from fr_poison.data import colour_order

# Skin on a blue wall: the wall says nothing.
_SKINS = [(224, 188, 160), (198, 134, 66), (92, 56, 36)]


def _face(skin, *, light=(1, 1, 1)):
  image = np.full((40, 31, 3), (20, 40, 250), np.float64)
  image[10:32, 8:24] = skin
  return np.clip(image * light, 0, 255).astype(np.uint8)


@pytest.mark.parametrize('skin', _SKINS)
def test_skin_is_redder_than_blue(skin):
  face = _face(skin)
  cool = _face(skin, light=(0.9, 1, 1.1))
  images = np.stack([face, face[..., ::-1], cool, cool[..., ::-1]])
  found = colour_order.is_exchanged(images)
  assert found.tolist() == [False, True, False, True]


def test_grey_says_nothing():
  grey = np.full((2, 9, 9, 3), 130, np.uint8)
  grey[1, ..., 2] += 4  # as JPEG leaves it
  assert not colour_order.is_exchanged(grey).any()
  assert colour_order.is_exchanged(grey[:0]).shape == (0,)
