import pytest

from fr_poison.report import trade_off


def test_each_choice_has_its_worst_cloak_and_its_clean_accuracy(make_record):
  none = lambda **fields: make_record('none', '', rate=0.0, **fields)
  drawing = trade_off.draw(
    [
      make_record(rate=0.9),
      make_record('fawkes', rate=0.97),  # the worst
      make_record(rate=0.1, adversary='adaptive'),
      none(accuracy=0.99),
      none(accuracy=0.97, adversary='adaptive'),
      make_record(rate=0.1, adversary='top2'),  # nothing without a cloak
    ]
  )
  # The more robust comes first; robustness is 1 - the protection rate.
  assert drawing.alt == (
    'mobileface, adaptive: robustness 90%, accuracy 97%. '
    'mobileface: robustness 3%, accuracy 99%'
  )
  (axis,) = drawing.figure.axes
  points = [
    x.get_xydata()[0, 0] for x in axis.lines if len(x.get_xydata()) == 1
  ]
  assert points == pytest.approx([90, 3, 97, 99])
  # The interval [0.93, 1] of the protection rate, turned round.
  bar = axis.collections[1].get_segments()[0]
  assert bar[:, 0].tolist() == pytest.approx([0, 7])


def test_one_choice_is_no_trade_off(make_record):
  records = [make_record(), make_record('none', '', rate=0.0)]
  assert trade_off.draw(records) is None
  assert trade_off.draw([]) is None
