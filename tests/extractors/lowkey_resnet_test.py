"""LowKey's ResNets are those of its authors' program."""

import pytest
from extractors import recipe


def test_resnet50_is_the_authors(golden):
  recipe.check_published('lowkey_resnet50', golden('lowkey_resnet50'))


@pytest.mark.parametrize(
  'depth, count',
  [
    # torchvision's 23,508,032 without the last layer, and instead of that a
    # norm of 2048, a dense layer from 2048 * 4 * 4 to 512, a norm of 512.
    (50, 23_508_032 + 4096 + 32_768 * 512 + 512 + 1024),
    # A bottleneck of n channels has 17 n^2 + 12 n; 17 more of 256.
    (101, 40_290_880 + 17 * 1_117_184),
    # 4 more of 128 and 13 more of 256; the authors' program has 74,926,656.
    (152, 59_283_008 + 4 * 280_064 + 13 * 1_117_184),
  ],
)
def test_parameters_are_as_many_as_the_authors(depth, count):
  assert recipe.count_parameters(f'lowkey_resnet{depth}') == count
