import numpy as np
import pytest
import toy_network

from fr_poison.adversaries import adaptive
from fr_poison.types import InputError

LABELS = np.array([3, 0, 3])
CLEAN = toy_network.pictures(LABELS)


def test_every_version_has_its_true_name():
  tools = [255 - CLEAN, CLEAN // 2]
  images, labels = adaptive.training_set(CLEAN, tools, LABELS)
  np.testing.assert_array_equal(labels, [3, 0, 3] * 3)
  np.testing.assert_array_equal(images[:3], CLEAN)
  np.testing.assert_array_equal(images[3:6], 255 - CLEAN)
  np.testing.assert_array_equal(images[6:], CLEAN // 2)
  assert images.dtype == np.uint8


def test_without_tools_the_clean_pictures_are_left():
  images, labels = adaptive.training_set(CLEAN, [], LABELS)
  np.testing.assert_array_equal(images, CLEAN)
  np.testing.assert_array_equal(labels, LABELS)


@pytest.mark.parametrize('wrong', [CLEAN[:2], CLEAN / np.float32(255)])
def test_other_pictures_than_were_given_are_refused(wrong):
  with pytest.raises(InputError, match=r'^cloaked\[1\]: .*uint8 \[3, 8, 8, 3'):
    adaptive.training_set(CLEAN, [CLEAN, wrong], LABELS)
