"""What each kind of trainer makes of cloaks, on raw pixels."""

import functools
import types

import numpy as np
import pytest

from fr_poison import evaluation, extractors
from fr_poison.adversaries import combining
from fr_poison.data.faces import FaceSet
from fr_poison.data.splits import Split
from fr_poison.detectors.base import Detector
from fr_poison.evaluation import Combination, Protocol, Trainer, measure, scrape
from fr_poison.recognizers.ranking import Ranking
from fr_poison.types import InputError

PIXELS = extractors.load('pixels')
WAITING = Trainer(PIXELS)


def _line(*brightness):
  """Three people of four grey pictures each, of these brightnesses."""
  labels = np.repeat([0, 1, 2], 4).astype(np.int32)
  codes = np.asarray(brightness, np.uint8)[:, None, None, None]
  faces = FaceSet(
    np.broadcast_to(codes, (12, 11, 11, 3)).copy(),
    labels,
    ('a', 'b', 'c'),
    tuple(f'{i}.png' for i in range(12)),
  )
  # The first three pictures of everybody are the gallery, the last the probe.
  test = np.arange(12) % 4 == 3
  split = Split(np.flatnonzero(~test), np.flatnonzero(test))
  return Protocol(faces, (0,), (split,))


# People at 0, 50 and 100; the cloak moves person a's pictures to 200.
LINE = _line(*(50 * (i // 4) + i % 4 for i in range(12)))


def _cloaked(protocol=LINE, value=200):
  images = protocol.faces.images.copy()
  images[protocol.to_cloak] = value
  return images


def _detector(cloaked_scores, clean_scores=None):
  """Scores of person a's cloaks, and of clean pictures; all others 0."""
  clean = np.zeros(12) if clean_scores is None else np.asarray(clean_scores)
  tables = {12: clean, 3: np.asarray(cloaked_scores, float)}
  return Detector(
    lambda images: tables[len(images)], 'by hand', 'none', repr(tables)
  )


def _rates(result):
  rates = result.protection, result.accuracy, *result[2:5]
  return [rate and rate.value for rate in rates]


def test_without_a_cloak_everybody_is_recognized():
  result = measure(LINE, scrape.clean(LINE), WAITING)
  assert _rates(result) == [0, 1, None, None, None]
  record = result.record()
  assert record['attack'] == 'none' and record['adversary'] == 'baseline'
  assert record['protection_rate'] == 0 and record['accuracy'] == 1
  assert 'noise_protection_rate' not in record


def test_a_cloak_protects_whom_it_moves_and_nobody_else():
  result = measure(LINE, _cloaked(), WAITING, noise_control=False)
  # Person a's probe, at 3, is nearest to person b's gallery at 50.
  assert _rates(result) == [1, 1, None, None, None]
  assert result.protection.count == result.fields['num_test_images'] == 1
  assert result.accuracy.count == 2


def test_accuracy_is_that_of_the_others():
  # Person c's probe, at 60, is taken for person b, at 50 to 52.
  codes = LINE.faces.images[:, 0, 0, 0].copy()
  codes[11] = 60
  result = measure(_line(*codes), _cloaked(), WAITING, noise_control=False)
  assert _rates(result)[:2] == [1, 0.5]
  low, high = result.record()['accuracy_ci']
  assert low < 0.5 < high


def test_probes_are_clean_and_one_person_is_cloaked_at_a_time(
  protocol, inverted
):
  # Whoever sees both people cloaked at once, or cloaked probes, gets others.
  together = measure(protocol, inverted, WAITING, noise_control=False)
  alone = [
    measure(
      Protocol(protocol.faces, (person,), protocol.splits),
      np.where(
        (protocol.faces.labels == person)[:, None, None, None],
        inverted,
        protocol.faces.images,
      ),
      WAITING,
      noise_control=False,
    )
    for person in protocol.protected
  ]
  rates = [result.protection for result in alone]
  assert together.protection.count == sum(rate.count for rate in rates)
  mean = np.average([r.value for r in rates], weights=[r.count for r in rates])
  assert together.protection.value == pytest.approx(mean)
  assert 0 < together.protection.value


def test_noise_is_measured_beside_the_cloak_and_keeps_its_own_distortion(
  protocol, inverted
):
  cloaks = scrape.cloaked(protocol, inverted, attack='mine')
  result = measure(protocol, cloaks, WAITING)
  noise = evaluation.noise_control(protocol, cloaks)
  alone = measure(protocol, noise, WAITING)
  assert result.noise_protection == alone.protection
  assert alone.noise_protection is None
  fields = alone.record()
  assert fields['attack'] == 'noise' and fields['control_of'] == 'mine'
  # Of the noise as it was saved, not of the cloak.
  assert (
    fields['dssim'] == scrape.cloaked(protocol, noise.images).fields['dssim']
  )
  assert fields['dssim'] != result.fields['dssim']


def test_a_filter_sees_gallery_and_probes_or_the_gallery_alone():
  # The filter moves everything by 48: then only probes that went through it
  # are still with their own person.
  move = lambda images: images + np.uint8(48)
  both = Trainer(PIXELS, 'moving', filter=move)
  gallery = Trainer(PIXELS, 'moving', filter=move, filter_probes=False)
  clean = scrape.clean(LINE)
  assert _rates(measure(LINE, clean, both))[:2] == [0, 1]
  # Galleries at 48, 98 and 148: probes at 53 and 103 go to the person before.
  assert _rates(measure(LINE, clean, gallery))[:2] == [0, 0]
  assert measure(LINE, clean, both).fields['adversary'] == 'moving'


def test_combinations_are_as_right_as_the_better_of_both(protocol, inverted):
  # Who inverts whatever is scraped of the protected people sees the originals.
  originals = protocol.faces.images
  undo = lambda images: (
    originals[-len(images) :] if len(images) == 24 else 255 - images
  )
  robust = Trainer(PIXELS, 'adaptive', filter=undo)
  low = functools.partial(combining.threshold, minimum_score=0.0)
  top2 = Combination(WAITING, robust, combining.top2, 'top2', ('linear',))
  threshold = Combination(
    WAITING, robust, low, 'threshold', ('nearest_neighbor',)
  )
  run = lambda *args: measure(protocol, inverted, *args, noise_control=False)
  assert run(WAITING, 'linear').protection.value > 0
  assert run(robust, 'linear').protection.value == 0
  both = run(top2, 'linear')
  assert both.protection.value == 0
  assert both.fields['top_k'] == 2 and both.fields['network'] == 'pixels'
  # No distance is below zero: the robust one is asked for every picture.
  assert run(threshold).protection.value == 0
  assert not threshold.can_use('linear') and top2.can_use('linear')


def test_a_detector_that_finds_a_cloak_leaves_its_person_unenrolled():
  found = measure(
    LINE,
    _cloaked(),
    Trainer(PIXELS, detector=_detector([1, 1, 1]), threshold=0.5),
  )
  # No probe of theirs counts; the others are recognized and enrolled.
  assert found.protection is None and found.accuracy.value == 1
  assert found.not_enrolled.value == 1 and found.others_not_enrolled.value == 0
  assert found.fields['num_test_images'] == 0
  blind = measure(
    LINE,
    _cloaked(),
    Trainer(PIXELS, detector=_detector([0, 0, 0]), threshold=0.5),
  )
  assert blind.protection.value == 1 and blind.not_enrolled.value == 0


def test_one_missed_picture_without_effect_ends_the_protection():
  images = _cloaked()
  images[1] = LINE.faces.images[1]
  for scores, expected in (([1, 0, 1], 0), ([0, 1, 0], 1)):
    trainer = Trainer(PIXELS, detector=_detector(scores), threshold=0.5)
    assert measure(LINE, images, trainer).protection.value == expected


def test_clean_pictures_are_lost_to_false_alarms():
  clean = np.where(LINE.faces.labels == 2, 1.0, 0.0)
  trainer = Trainer(PIXELS, detector=_detector([0, 0, 0], clean), threshold=0.5)
  found = measure(LINE, _cloaked(), trainer)
  assert found.others_not_enrolled.value == 0.5  # c of b and c
  assert found.accuracy.count == 1  # b alone
  # With a gallery of one person, that person is named; with none, nobody.
  alone = _detector([1, 1, 1], np.where(LINE.faces.labels == 1, 0.0, 1.0))
  for recognizer in ('nearest_neighbor', 'linear'):
    found = measure(
      LINE,
      _cloaked(),
      Trainer(PIXELS, detector=alone, threshold=0.5),
      recognizer,
    )
    assert found.protection is None and found.accuracy.value == 1
  nobody = Trainer(
    PIXELS, detector=_detector([1] * 3, np.ones(12)), threshold=0.5
  )
  assert _rates(measure(LINE, _cloaked(), nobody)) == [None, None, None, 1, 1]


def test_shares_are_over_splits_and_people(monkeypatch):
  # A second split has the last two pictures for a gallery. Of person a's cloaks
  # the last two are flagged, so nothing is left there; of c nothing ever is.
  last = np.arange(12) % 4 >= 2
  second = Split(np.flatnonzero(last), np.flatnonzero(~last))
  protocol = Protocol(LINE.faces, (0,), (*LINE.splits, second))
  assert len(protocol.to_cloak) == 4
  clean = np.where(LINE.faces.labels == 2, 1.0, 0.0)
  tables = {12: clean, 4: np.array([0.0, 0.0, 1.0, 1.0])}
  detector = Detector(lambda x: tables[len(x)], 'by hand', 'none', 'two')
  found = measure(
    protocol,
    _cloaked(protocol),
    Trainer(PIXELS, detector=detector, threshold=0.5),
  )
  assert found.not_enrolled.value == 0.5
  assert found.others_not_enrolled.value == 0.5
  # Picture 3 in the first split; pictures 0 and 1 do not count in the second.
  assert found.protection.count == 1 and found.protection.value == 1
  assert found.error.count == 3  # b's pictures 7, 4 and 5


def test_clean_scores_count_for_everybody_but_the_one_protected():
  # Both cloak; b's cloaks would drop b, and count where b is protected.
  protocol = Protocol(LINE.faces, (0, 1), LINE.splits)
  tables = {12: np.zeros(12), 6: np.repeat([0.0, 1.0], 3)}
  detector = Detector(lambda x: tables[len(x)], 'by hand', 'none', 'both')
  found = measure(
    protocol,
    _cloaked(protocol),
    Trainer(PIXELS, detector=detector, threshold=0.5),
    noise_control=False,
  )
  assert found.not_enrolled.value == 0.5 and found.not_enrolled.count == 2
  assert found.protection.count == 1  # a's, whose cloaks are not flagged
  assert found.others_not_enrolled.value == 0


def test_the_recognizer_gets_what_is_left(monkeypatch):
  seen = []

  def fit(embeddings, labels, *, k):
    seen.append((np.round(255 * embeddings[:, 0]), labels, k))

  def rank(model, probes, top_k):
    named = np.broadcast_to([0, 1], (len(probes), 2))[:, :top_k]
    return Ranking(named, np.zeros(named.shape))

  stub = types.SimpleNamespace(fit=fit, rank=rank)
  monkeypatch.setitem(evaluation.RECOGNIZERS, 'stub', stub)
  clean = np.where(LINE.faces.labels == 2, 1.0, 0.0)
  trainer = Trainer(
    PIXELS, detector=_detector([1.0, 0.0, 0.0], clean), threshold=0.5
  )
  found = measure(
    LINE, _cloaked(), trainer, 'stub', top_k=3, k=7, noise_control=False
  )
  ((codes, labels, k),) = seen
  np.testing.assert_array_equal(codes, [200, 200, 50, 51, 52])
  np.testing.assert_array_equal(labels, [0, 0, 1, 1, 1])
  # Two of two enrolled people are named, and one of them is right.
  assert k == 7 and found.protection.value == 0 and found.error.value == 0


def test_a_detector_that_drops_nothing_changes_nothing(protocol, inverted):
  keep = Detector(lambda images: np.zeros(len(images)), 'none', 'none', 'x')
  filtered = Trainer(PIXELS, detector=keep)
  for settings in ({}, {'top_k': 2}):
    plain, kept = (
      measure(protocol, inverted, trainer, noise_control=False, **settings)
      for trainer in (WAITING, filtered)
    )
    assert plain[:2] == kept[:2]


def test_whoever_is_nearer_to_a_stranger_is_not_recognized():
  # Distances of pixels: one grey level in every pixel and channel.
  step = np.sqrt(11 * 11 * 3) / 255
  clean = scrape.clean(LINE)
  near = {3: 0.5, 7: 1.5}  # a's probe is 1 level from their gallery, b's too
  strangers = np.full(12, np.inf)
  for row, levels in near.items():
    strangers[row] = levels * step
  result = measure(LINE, clean, WAITING, strangers=strangers)
  assert result.protection.value == 1 and result.accuracy.value == 1


def test_strangers_stand_beside_the_noise_control_too():
  images = LINE.faces.images.copy()
  images[LINE.to_cloak] += 8  # too little to mistake anybody
  alone = measure(LINE, images, WAITING)
  assert _rates(alone)[:3] == [0, 1, 0]
  # Somebody has every probe's very picture.
  among = measure(LINE, images, WAITING, strangers=np.zeros(12))
  assert _rates(among)[:3] == [1, 0, 1]


def test_top_k_and_number_of_splits_are_those_asked_for(protocol, inverted):
  run = lambda **settings: measure(
    protocol, inverted, WAITING, noise_control=False, **settings
  )
  assert run(num_splits=1).fields['num_splits'] == 1
  assert run().fields['num_splits'] == 3
  # Four of four people are always right.
  assert run(top_k=4).protection.value == 0
  assert run(top_k=4).fields['top_k'] == 4


def test_weights_and_networks_say_what_was_measured():
  network = PIXELS._replace(sha256='abc')
  trainer = Trainer(network, 'adaptive', network='mine')
  cloaks = scrape.cloaked(
    LINE, _cloaked(), surrogate=['other'], weights={'other': 'def'}
  )
  record = measure(LINE, cloaks, trainer, noise_control=False).record()
  assert record['weights'] == {'other': 'def', 'mine adaptive': 'abc'}
  assert record['network'] == 'mine' and record['adversary'] == 'adaptive'
  both = Trainer(extractors.mirrored(network), network='mine')
  mirrored = measure(LINE, cloaks, both, noise_control=False).record()
  assert mirrored['weights'] == {'other': 'def', 'mine mirrored': 'abc'}
  both = Trainer(extractors.mirrored(network))
  mirrored = measure(LINE, cloaks, both, noise_control=False).record()
  assert mirrored['weights'] == {'other': 'def', 'pixels mirrored': 'abc'}
  assert mirrored['network'] == 'pixels mirrored'
  waits = measure(LINE, cloaks, Trainer(network, network='mine')).record()
  assert waits['adversary'] == 'oblivious'
  own = measure(LINE, cloaks, Trainer(network, network='other')).record()
  assert own['adversary'] == 'baseline'


def test_what_cannot_be_measured_is_refused():
  cloaked = _cloaked()
  run = lambda images=cloaked, recognizer='nearest_neighbor', **settings: (
    measure(LINE, images, WAITING, recognizer, **settings)
  )
  for message, call in (
    ('recognizer: .cosine', lambda: run(recognizer='cosine')),
    ('images: uint8 .5, 1', lambda: run(_cloaked()[:5])),
    ('images: float', lambda: run(_cloaked() / 255)),
    ('training: missing', lambda: run(recognizer='end_to_end')),
    ('k: 99', lambda: run(k=99)),
    ('top_k: strangers', lambda: run(top_k=2, strangers=np.zeros(12))),
  ):
    with pytest.raises(InputError, match=f'^{message}'):
      call()
  with pytest.raises(TypeError, match='neighbours'):
    run(neighbours=3)
