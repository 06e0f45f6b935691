"""Who is cloaked: the four cells by hand, on grey pictures and raw pixels."""

import dataclasses

import numpy as np
import pytest

from fr_poison import evaluation, extractors
from fr_poison.data.faces import FaceSet
from fr_poison.data.splits import Split
from fr_poison.detectors.base import Detector
from fr_poison.evaluation import Protocol, Trainer, measure, scrape
from fr_poison.evaluation.views import CELLS
from fr_poison.types import InputError

PIXELS = extractors.load('pixels')
WAITING = Trainer(PIXELS)
CLEAN = [50 * (i // 4) + i % 4 for i in range(12)]
LAST = np.arange(12) % 4 == 3
SPLIT = Split(np.flatnonzero(~LAST), np.flatnonzero(LAST))


def _grey(codes):
  codes = np.asarray(codes, np.uint8)[:, None, None, None]
  return np.broadcast_to(codes, (len(codes), 11, 11, 3)).copy()


def _protocol(protected=(0,), splits=(SPLIT,), strangers=None):
  """People at 0, 50 and 100; of four pictures the last one is the probe."""
  faces = FaceSet(
    _grey(CLEAN),
    np.repeat([0, 1, 2], 4).astype(np.int32),
    ('a', 'b', 'c'),
    tuple(f'{i}.png' for i in range(12)),
  )
  return Protocol(faces, protected, splits, strangers=strangers)


LINE = _protocol()
AWAY = _grey([200] * 4 + CLEAN[4:])  # person a's gallery and probe


def _measure(cloaks, cell='1A', protocol=LINE, trainer=WAITING, **settings):
  own = CELLS[cell]._replace(others=settings.pop('others', 'clean'))
  return measure(
    protocol,
    cloaks,
    trainer,
    noise_control=False,
    **own._asdict(),
    **settings,
  )


@pytest.mark.parametrize(
  'cell, error', [('1A', 1), ('1B', 0), ('2A', 0), ('2B', 1)]
)
def test_whose_pictures_are_cloaked(cell, error):
  # The probe, at 3 or 200, and the gallery, at 0 to 2 or 200, are near or not.
  found = _measure(AWAY, cell)
  assert found.protection.value == error and found.accuracy.value == 1
  assert (found.protection.count, found.accuracy.count) == (1, 2)
  assert {k: found.fields[k] for k in CELLS[cell]._fields} == (
    CELLS[cell]._asdict()
  )


@pytest.mark.parametrize('name', CELLS)
def test_recall_is_the_share_of_the_persons_pictures_among_the_nearest(name):
  # One of person a's three pictures in the gallery stays clean, at 1.
  images = AWAY.copy()
  images[1] = 1
  found = _measure(images, name, retrieval=True)
  # A query at 3 finds it first, then two of b; one at 200 the other two first,
  # then c's, at 102.
  expected = {'1A': 1 / 3, '1B': 1, '2A': 2 / 3, '2B': 0}[name]
  assert found.retrieval.value == pytest.approx(expected)
  record = found.record()
  assert record['retrieval_recall'] == found.retrieval.value
  assert record['retrieval_recall_ci'] == list(found.retrieval[1:3])


def test_recall_is_over_people_and_strangers():
  """Two strangers at 4 are nearer to the probe, at 3, than two of its own."""
  codes = _grey([4, 4, 90])
  paths = 's.png', 't.png', 'u.png'
  strangers = FaceSet(codes, np.arange(3, dtype=np.int32), paths, paths)
  protocol = _protocol(strangers=strangers)
  found = _measure(scrape.clean(protocol), protocol=protocol, retrieval=True)
  # At distances of 1 and 1, and 1 (own, which comes first), 2 and 3.
  assert found.retrieval.value == pytest.approx(1 / 3)
  assert found.retrieval.count == 1
  closer = dataclasses.replace(strangers, images=_grey([3, 3, 3]))
  protocol = _protocol(strangers=closer)
  found = _measure(scrape.clean(protocol), protocol=protocol, retrieval=True)
  assert found.retrieval.value == 0


def test_who_else_is_cloaked_may_stand_in_the_gallery():
  # Cloaks of a: 210 in the gallery, 200 on the probe; of b: 201 and 215.
  protocol = _protocol(protected=(0, 1))
  images = _grey([210] * 3 + [200] + [201] * 3 + [215] + CLEAN[8:])
  alone = _measure(images, '2A', protocol, retrieval=True)
  assert alone.protection.value == 0 and alone.retrieval.value == 1
  assert alone.accuracy.count == 3  # a and b in the other's turn, and c
  both = _measure(images, '2A', protocol, others='cloaked', retrieval=True)
  assert both.protection.value == 1 and both.retrieval.value == 0
  # Who cloaked is not counted among those who did not.
  assert both.accuracy.count == 1 and both.accuracy.value == 1
  assert both.fields['others'] == 'cloaked'


def test_cloaked_probes_go_the_trainers_way():
  """Through the filter, or around it, as they like."""
  invert = lambda images: 255 - images
  both, gallery = (
    Trainer(PIXELS, filter=invert, filter_probes=x) for x in (True, False)
  )
  assert _measure(AWAY, '2A', trainer=both).protection.value == 0
  # The gallery at 55, b's at 203 to 205, and the probe at 200.
  assert _measure(AWAY, '2A', trainer=gallery).protection.value == 1


def test_cloaked_probes_may_be_a_strangers():
  images = _grey([210] * 3 + [200] + CLEAN[4:])
  strangers = FaceSet(_grey([199]), np.zeros(1, np.int32), ('s',), ('s.png',))
  protocol = _protocol(strangers=strangers)
  for cell, error in (('2A', 1), ('1B', 0)):
    assert _measure(images, cell, protocol).protection.value == error
  assert _measure(images, '2A').protection.value == 0
  # Behind a detector, too.
  keep = Detector(lambda x: np.zeros(len(x)), 'none', 'none', 'x')
  found = _measure(images, '2A', protocol, Trainer(PIXELS, detector=keep))
  assert found.protection.value == 1


def test_a_detector_looks_at_what_the_gallery_has():
  """It finds cloaks, and says nothing of probes."""
  score = lambda images: (images[:, 0, 0, 0] == 200).astype(float)
  finds = Trainer(
    PIXELS, detector=Detector(score, 'x', 'none', 'x'), threshold=0.5
  )
  for cell, gone, error in (('2A', 1, None), ('2B', 0, 1)):
    found = _measure(AWAY, cell, trainer=finds)
    assert found.not_enrolled.value == gone
    assert (found.protection and found.protection.value) == error


def test_masks_of_a_gallery_are_looked_at_in_its_split_alone():
  # In the second split the gallery is the last two pictures, and its mask does
  # nothing: only the first split's probe is taken for somebody else.
  last = np.arange(12) % 4 >= 2
  splits = SPLIT, Split(np.flatnonzero(last), np.flatnonzero(~last))
  protocol = _protocol(splits=splits)
  cloaks = scrape.cloaked(protocol, [AWAY, protocol.faces.images], probes=True)
  rate = lambda cell: _measure(cloaks, cell, protocol).protection
  assert rate('1A').value == pytest.approx(1 / 3) and rate('1A').count == 3
  assert rate('2A').value == 0
  assert rate('2B').value == pytest.approx(1 / 3)
  again = _measure(cloaks, '1A', protocol, num_splits=1).protection
  assert again.value == again.count == 1
  # The largest change is one of a gallery's pictures, in its split.
  assert cloaks.fields['linf'] == 200 / 255
  # Controls are made of each, and saving is of each.
  same = evaluation.saved(protocol, cloaks, lambda x: x, 'as they are')
  for found, expected in zip(same.by_split, cloaks.by_split, strict=True):
    np.testing.assert_array_equal(found, expected)


def test_controls_are_put_onto_probes_where_these_are_cloaked():
  protocol = _protocol(protected=(0, 1))
  images = protocol.faces.images.copy()
  images[:4] += np.uint8(10)
  images[4:8] += np.uint8(20)
  cloaks = scrape.cloaked(protocol, images)
  assert cloaks.probes
  found = evaluation.noise_control(protocol, cloaks, 'another')
  change = found.images[:, 0, 0, 0].astype(int) - CLEAN
  np.testing.assert_array_equal(change, [20] * 4 + [10] * 4 + [0] * 4)
  alone = dataclasses.replace(cloaks, probes=False)
  found = evaluation.noise_control(protocol, alone, 'another')
  assert found.images[3, 0, 0, 0] == CLEAN[3]


def test_what_no_cell_can_have_is_refused():
  galleries = scrape.cloaked(LINE, AWAY[LINE.to_cloak])
  everybody = _protocol(protected=(0, 1, 2))
  far = np.full(12, np.inf)
  for message, call in (
    ("probe: 'cloaked', but these", lambda: _measure(galleries, '2B')),
    ("probe: 'cloaked', but these", lambda: _measure(scrape.clean(LINE), '2A')),
    (
      "others: 'cloaked', but everybody",
      lambda: _measure(AWAY, protocol=everybody, others='cloaked'),
    ),
    ("others: 'mine' is unknown", lambda: _measure(AWAY, others='mine')),
    (
      'retrieval: linear',
      lambda: _measure(AWAY, recognizer='linear', retrieval=True),
    ),
    ('strangers: of clean', lambda: _measure(AWAY, '2A', strangers=far)),
    ('images: of 2 splits', lambda: scrape.cloaked(LINE, [AWAY, AWAY])),
  ):
    with pytest.raises(InputError, match=f'^{message}'):
      call()
