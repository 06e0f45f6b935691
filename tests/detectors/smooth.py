"""Soft pictures and a cloak that is easy to see: a checkerboard."""

import numpy as np

SIZE = 16


def pictures(count, seed=0):
  """Grey planes, brighter towards a random side, uint8 [count, 16, 16, 3]."""
  rng = np.random.default_rng(seed)
  down, right = np.indices((SIZE, SIZE)) / SIZE - 0.5
  slopes = rng.uniform(-60, 60, (count, 2, 1, 1))
  planes = slopes[:, 0] * down + slopes[:, 1] * right
  planes += rng.uniform(90, 166, (count, 1, 1))
  return np.repeat(np.rint(planes)[..., None], 3, -1).astype(np.uint8)


def cloak(images, levels=6):
  """Every other pixel brighter by so many levels, the others darker."""
  signs = 1 - 2 * (np.indices(images.shape[1:3]).sum(0) % 2)
  return (images + levels * signs[..., None]).astype(np.uint8)
