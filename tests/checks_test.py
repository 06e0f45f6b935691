import numpy as np
import pytest

from fr_poison import checks
from fr_poison.types import InputError


@pytest.mark.parametrize(
  'ends, inside',
  [('[]', {0, 1, 2}), ('(]', {1, 2}), ('[)', {0, 1}), ('()', {1})],
)
def test_ends_belong_to_the_range_as_written(ends, inside):
  for value in (0, 1, 2):
    if value in inside:
      assert checks.number('x', value, 0, 2, ends=ends) == value
    else:
      with pytest.raises(InputError, match=f'^x: {value} is outside'):
        checks.number('x', value, 0, 2, ends=ends)


@pytest.mark.parametrize('value', [np.nan, np.inf, -1, True, None, '1', 'nan'])
def test_what_is_no_finite_number_in_the_range_is_refused(value):
  with pytest.raises(InputError, match=r'x: .* is outside \[0, inf\); so$'):
    checks.number('x', value, hint='; so')


def test_numbers_come_back_as_floats():
  found = checks.number('x', np.float32(0.5), 0, 1)
  assert found == 0.5 and type(found) is float


def test_whole_numbers_of_any_kind():
  assert checks.whole('n', np.int64(3)) == 3
  assert checks.whole('n', 0, 0) == 0
  for value in (0, 1.0, True, 5, None):
    with pytest.raises(InputError, match='n: .*; a whole number from 1 to 4'):
      checks.whole('n', value, 1, 4)
