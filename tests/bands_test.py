"""Every row is in one band, and none is computed before it is asked for."""

import numpy as np
import pytest

from fr_poison import bands


@pytest.mark.parametrize('height, width', [(1, 1), (7, 3), (20, 9), (3, 1000)])
@pytest.mark.parametrize('multiple', [1, 4])
def test_bands_are_all_rows(height, width, multiple, monkeypatch):
  monkeypatch.setattr(bands, '_PIXELS', 30)
  found = list(bands.bands(height, width, multiple))
  rows = [row for band in found for row in range(height)[band]]
  assert rows == list(range(height))
  for band in found[:-1]:
    number = band.stop - band.start
    assert number % multiple == 0
    assert number == multiple or number * width <= 30


def test_no_row_no_band():
  assert list(bands.bands(0, 0)) == []


def test_rows_are_computed_where_they_are_asked_for(monkeypatch):
  asked, array = [], np.arange(60).reshape(5, 4, 3)

  def give(rows):
    asked.append((rows.start, rows.stop))
    return array[rows]

  rows = bands.Rows(array.shape, give)
  assert rows.shape == (5, 4, 3) and not asked
  np.testing.assert_array_equal(rows[1:3], array[1:3])
  np.testing.assert_array_equal(rows[-2:], array[3:])
  np.testing.assert_array_equal(rows[:], array)
  assert asked == [(1, 3), (3, 5), (0, 5)]
  asked.clear()
  monkeypatch.setattr(bands, '_PIXELS', 2 * 4)
  np.testing.assert_array_equal(rows[1:], array[1:])
  assert asked == [(1, 3), (3, 5)]
