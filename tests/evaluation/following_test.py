"""Who follows people, in the four cells, on grey pictures and raw pixels."""

import numpy as np
import pytest

from fr_poison import evaluation, extractors
from fr_poison.data.faces import FaceSet
from fr_poison.data.splits import Split
from fr_poison.detectors.base import Detector
from fr_poison.evaluation import Protocol, Trainer, measure
from fr_poison.evaluation.views import CELLS
from fr_poison.recognizers.tracking import Tracker
from fr_poison.types import InputError

PIXELS = extractors.load('pixels')
FOLLOWS = Trainer(PIXELS, 'following', tracker=Tracker(), kind='dyntracker')
# Of the gallery's two pictures of person a the first one leaks, at 0; the
# probes are the others.
CLEAN = [0, 1, 35, 36, 50, 51, 52, 53, 100, 101, 102, 103]
CLOAKED = [200, 22, 21, 34]
SPLIT = Split(np.array([0, 1, 4, 5, 8, 9]), np.array([2, 3, 6, 7, 10, 11]))


def _grey(codes):
  codes = np.asarray(codes, np.uint8)[:, None, None, None]
  return np.broadcast_to(codes, (len(codes), 11, 11, 3)).copy()


def _protocol(strangers=None):
  faces = FaceSet(
    _grey(CLEAN),
    np.repeat([0, 1, 2], 4).astype(np.int32),
    ('a', 'b', 'c'),
    tuple(f'{i}.png' for i in range(12)),
  )
  return Protocol(faces, (0,), (SPLIT,), strangers=strangers)


def _measure(cell, trainer=FOLLOWS, protocol=None, **settings):
  return measure(
    protocol or _protocol(),
    _grey(CLOAKED + CLEAN[4:]),
    trainer,
    noise_control=False,
    **CELLS[cell]._asdict(),
    **settings,
  )


@pytest.mark.parametrize(
  'cell, error',
  [
    # The cloaked picture of the gallery, at 22, is nearer to 0 than to 50. It
    # leads to the probe at 35, and that to the one at 36.
    ('1A', 0),
    # Nothing leads to them.
    ('1B', 1),
    # From 0 to the cloaked probe at 21, and from there to 34.
    ('2B', 0),
    ('2A', 0),
  ],
)
def test_one_clean_picture_leads_to_the_others(cell, error):
  found = _measure(cell)
  assert found.protection.value == error and found.protection.count == 2
  assert found.accuracy.value == 1 and found.accuracy.count == 4
  assert found.fields['adversary'] == 'following'
  assert found.fields['kind'] == 'dyntracker'
  # Who does not follow has the gallery that there is, and gets 34 wrong.
  waits = _measure('2B', Trainer(PIXELS))
  assert waits.protection.value == 0.5


def test_the_honest_one_lets_wrong_ones_join():
  # All grey pictures have one direction, so that all of them are near enough:
  # 35 and 36 join as person b, at once.
  honest = Trainer(PIXELS, 'honest', tracker=Tracker(0.1))
  assert _measure('1A', honest).protection.value == 1
  assert _measure('1A').protection.value == 0


def test_a_linear_classifier_has_its_own_chain():
  # 34 is b's for it, who is in the middle, with or without 21.
  found = _measure('2B', recognizer='linear', C=0.5)
  assert found.protection.value == 0.5 and found.accuracy.value == 1
  assert found.fields['recognizer'] == 'linear'


def test_a_stranger_breaks_the_chain():
  strangers = FaceSet(_grey([24]), np.zeros(1, np.int32), ('s',), ('s.png',))
  assert _measure('2B', protocol=_protocol(strangers)).protection.value == 1


def test_what_cannot_be_followed_is_refused():
  assert not FOLLOWS.can_use('end_to_end') and FOLLOWS.can_use('linear')
  assert _measure('1A', retrieval=True).retrieval is None
  for name in 'k', 'top_k':
    with pytest.raises(InputError, match=f'^{name}: people are followed'):
      _measure('1A', **{name: 2})
  with pytest.raises(InputError, match='^strangers: of a trainer who follows'):
    _measure('1A', strangers=np.full(12, np.inf))
  keep = Detector(lambda x: np.zeros(len(x)), 'none', 'none', 'x')
  with pytest.raises(InputError, match='^tracker: of a trainer without'):
    evaluation.Trainer(PIXELS, tracker=Tracker(), detector=keep)
