import numpy as np

from fr_poison.verification import averages


def test_templates_average_media_first():
  embeddings = np.array([[1, 0], [0, -2], [3, 0], [0, 2]], np.float32)
  # Template 7: (1, 0) and (3, 0) are one video, (2, 0); with the picture
  # (0, 2) the mean is (1, 1). All three alike would give (4/3, 2/3).
  # Template 3 has another video of the same number.
  ids, found = averages.templates(embeddings, [7, 3, 7, 7], [1, 1, 1, 2])
  np.testing.assert_array_equal(ids, [3, 7])
  np.testing.assert_allclose(found, [[0, -1], [0.5**0.5, 0.5**0.5]])


def test_a_picture_and_its_mirror_image_are_added_up():
  # (3, 1) + (1, 3), and their order does not matter. The sum is of what the
  # network gives: (6, 0) + (0, 8) points along (3, 4).
  embeddings, mirrored = np.array([[3, 1], [6, 0]]), np.array([[1, 3], [0, 8]])
  expected = [[0.5**0.5, 0.5**0.5], [0.6, 0.8]]
  found = averages.flip_average(embeddings, mirrored)
  np.testing.assert_allclose(found, expected)
  found = averages.flip_average(mirrored, embeddings)
  np.testing.assert_allclose(found, expected)
