import numpy as np
import pytest

from fr_poison.data.faces import FaceSet
from fr_poison.evaluation import Protocol


def faces(num_people=4, num_pictures=6, size=12):
  """People of one brightness each, with noise: easy to tell apart."""
  rng = np.random.default_rng(0)
  labels = np.repeat(np.arange(num_people), num_pictures).astype(np.int32)
  codes = 60 * labels[:, None, None, None] + rng.integers(
    0, 40, (len(labels), size, size, 3)
  )
  return FaceSet(
    codes.astype(np.uint8),
    labels,
    tuple('abcdefgh'[:num_people]),
    tuple(f'{i}.png' for i in range(len(labels))),
  )


@pytest.fixture
def protocol():
  return Protocol.draw(faces(), num_protected=2, num_splits=3, seed=0)


@pytest.fixture
def inverted(protocol):
  """Protected people look like the one whose brightness is the opposite."""
  images = protocol.faces.images.copy()
  images[protocol.to_cloak] = 255 - images[protocol.to_cloak]
  return images
