import pytest

from fr_poison.report import words


@pytest.mark.parametrize(
  'rate,text',
  [(0, '0'), (1, '100'), (0.5, '50'), (0.995, '99.5'), (0.998, '99.8'),
   (0.004, '0.4'), (1 - 1e-12, '100')],
)  # fmt: skip
def test_only_what_is_0_or_100_says_so(rate, text):
  assert words.percent(rate) == text


def test_intervals_round_outwards():
  assert words.interval([0.981, 1]) == '98-100'
  assert words.interval([0, 0.0185]) == '0-2'
  assert words.interval([0.07, 0.29]) == '7-29'  # 100 * 0.29 < 29


def test_labels_are_one_short_line():
  assert words.short('a\nb\x1b') == r'a b\x1b'
  assert words.short('x' * 31) == 'x' * 29 + '…'
  assert words.short('x' * 30) == 'x' * 30
