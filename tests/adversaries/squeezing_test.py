import numpy as np

from fr_poison.adversaries import squeezing
from fr_poison.data import squeeze


def test_a_cloak_in_the_lowest_bits_is_gone_before_the_network_sees_it():
  # 5 bits leave steps of 8: 98..101 become 99, so a cloak of 1 to 2 levels
  # around 100 changes no embedding, here the mean of each channel.
  clean = np.full((2, 4, 4, 3), 100, np.uint8)
  cloak = np.array([[[[1, 0, 1]]], [[[-2, -1, 0]]]])
  cloaked = (clean + cloak).astype(np.uint8)
  means = lambda images: images.mean((1, 2))
  assert (means(clean) != means(cloaked)).any()
  squeezed = squeezing.embed(means, squeeze.bit_depth(5), cloaked)
  np.testing.assert_array_equal(squeezed, np.full((2, 3), 99))
  np.testing.assert_array_equal(
    squeezing.embed(means, squeeze.bit_depth(5), clean), squeezed
  )
