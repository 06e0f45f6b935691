"""What each kind of trainer makes of cloaks, on raw pixels."""

import dataclasses
import functools
import types

import numpy as np
import pytest

from fr_poison import evaluation, extractors, intervals, metrics
from fr_poison.adversaries import combining
from fr_poison.data.faces import FaceSet
from fr_poison.data.splits import Split
from fr_poison.detectors.base import Detector
from fr_poison.evaluation import (
  Combination,
  Protocol,
  Retrained,
  Trainer,
  control,
  measure,
  scrape,
)
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
  noise, gone = result.noise_protection, result[3:5]
  rates = result.protection, result.accuracy, noise, *gone
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


def test_no_network_is_taken_for_that_of_a_cloak_which_names_none():
  record = measure(LINE, _cloaked(), WAITING).record()
  assert record['surrogate'] == [extractors.UNKNOWN]
  assert (record['adversary'], record['relation']) == ('oblivious', None)


def test_accuracy_is_that_of_the_others():
  # Person c's probe, at 60, is taken for person b, at 50 to 52.
  codes = LINE.faces.images[:, 0, 0, 0].copy()
  codes[11] = 60
  result = measure(_line(*codes), _cloaked(), WAITING, noise_control=False)
  assert _rates(result)[:2] == [1, 0.5]
  low, high = result.record()['accuracy_ci']
  assert low < 0.5 < high


def test_a_record_has_what_its_interval_is_computed_from(protocol, inverted):
  record = measure(protocol, inverted, WAITING, noise_control=False).record()
  people, wrong, totals = zip(*record['protection_counts'], strict=True)
  assert people == protocol.protected
  assert sum(totals) == record['num_test_images']
  assert sum(wrong) / sum(totals) == pytest.approx(record['protection_rate'])
  low, high, icc = intervals.interval(wrong, totals)
  assert record['protection_ci'] == [low, high]
  assert record['protection_icc'] == icc


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


def test_controls_are_measured_beside_the_cloak_each_under_its_name(
  protocol, inverted, monkeypatch
):
  # Nobody, one or both of the protected people look like another one.
  clean = protocol.faces.images
  moved = clean + np.uint8(128)  # round and round
  planted = {'spectrum': clean, 'envelope': inverted, 'another': moved}
  make = lambda protocol, cloaks, name: scrape.cloaked(protocol, planted[name])
  monkeypatch.setattr(control, 'noise_control', make)
  result = measure(protocol, clean ^ 1, WAITING)
  assert [result.controls[name].value for name in planted] == [0, 0.5, 1]
  record = result.record()
  fields = 'noise_protection', 'envelope_protection', 'another_protection'
  for field, rate in zip(fields, result.controls.values(), strict=True):
    assert record[f'{field}_rate'] == rate.value
    assert record[f'{field}_ci'] == [rate.low, rate.high]
  assert result.noise_protection == result.controls['spectrum']


def test_a_control_has_its_own_distortion_and_no_control(protocol, inverted):
  cloaks = scrape.cloaked(protocol, inverted, attack='mine', seconds=3)
  for name in evaluation.CONTROLS:
    found = evaluation.noise_control(protocol, cloaks, name)
    fields = measure(protocol, found, WAITING).record()
    assert fields['attack'] == 'noise' and fields['control_of'] == 'mine'
    assert fields['control'] == name and fields['seconds'] == 3
    # Of the control as it was saved, not of the cloak.
    again = scrape.cloaked(protocol, found.images).fields
    assert fields['dssim'] == again['dssim'] != cloaks.fields['dssim']
    assert not any(x.endswith('_protection_rate') for x in fields)


def test_those_controls_alone_are_measured_that_can_be(protocol, inverted):
  one = measure(protocol, inverted, WAITING, controls=('another',))
  assert list(one.controls) == ['another']
  assert not measure(protocol, inverted, WAITING, noise_control=False).controls
  # Of one protected person there is nobody else's cloak.
  record = measure(LINE, _cloaked(), WAITING).record()
  assert record['another_protection_rate'] is None
  assert 'another_protection_ci' not in record
  assert record['envelope_protection_rate'] is not None
  with pytest.raises(InputError, match="^control: 'noise'"):
    measure(protocol, inverted, WAITING, controls=('noise',))


def test_saved_cloaks_are_the_trainers_and_say_so(protocol, inverted):
  # A site that turns every brightness round gives the originals back.
  saved = evaluation.saved(
    protocol,
    scrape.cloaked(protocol, inverted),
    lambda images: 255 - images,
    'turned',
  )
  np.testing.assert_array_equal(saved.images, protocol.faces.images)
  bare = measure(protocol, scrape.clean(protocol), WAITING)
  result = measure(protocol, saved, WAITING)
  assert result[:2] == bare[:2] and result.controls == {}
  fields = result.record()
  assert fields['saved'] == 'turned' and fields['attack'] == 'given'
  assert fields['dssim'] == fields['linf'] == 0


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


def _seen_as(codes):
  """A filter: grey pictures of each of these levels as of another one."""

  def change(images):
    for old, new in codes.items():
      images = np.where(images == old, new, images)
    return images.astype(np.uint8)

  return change


def test_training_seeds_are_averaged_probe_by_probe():
  # Two probes of each person, a's at 2 and 3; the cloak is at 200.
  test = np.arange(12) % 4 >= 2
  splits = (Split(np.flatnonzero(~test), np.flatnonzero(test)),)
  protocol = Protocol(LINE.faces, (0,), splits)
  blind, sees = _seen_as({}), _seen_as({200: 1})
  # Takes a's second probe for b's, and b's second one for c's.
  confused = _seen_as({200: 1, 3: 52, 53: 101})
  network = PIXELS._replace(sha256='abc')
  members = {
    seed: Trainer(network, 'adaptive, x', filter=view, kind='adaptive')
    for seed, view in enumerate((blind, sees, confused), 4)
  }
  result = measure(
    protocol, _cloaked(protocol), Retrained(members), noise_control=False
  )
  # Wrong about a's first probe once in three, about the second one twice.
  wrong = [[1, 1], [0, 0], [0, 1]]
  assert result.protection == metrics.rate(wrong, [0, 0])
  assert result.protection.value == pytest.approx(1 / 2)
  wrong = [[0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]]
  assert result.error == metrics.rate(wrong, [1, 1, 2, 2])
  record = result.record()
  assert record['over_seeds'] == [1, 0, 0.5]
  assert record['training_seeds'] == [4, 5, 6]
  assert (record['adversary'], record['kind']) == ('adaptive, x', 'adaptive')
  names = [f'pixels adaptive, x, seed {seed}' for seed in members]
  assert record['weights'] == dict.fromkeys(names, 'abc')
  single = measure(protocol, _cloaked(protocol), members[4]).record()
  assert not {'over_seeds', 'training_seeds'} & single.keys()
  retrained = Retrained(members)
  once = measure(protocol, _cloaked(protocol), retrained, num_seeds=1).record()
  assert once.pop('training_seeds') == [4]
  assert once | {'wall_seconds': 0} == single | {'wall_seconds': 0}


def test_noise_and_combinations_are_averaged_over_seeds(protocol, inverted):
  cloaks = scrape.cloaked(protocol, inverted, attack='mine')
  dark = Trainer(PIXELS, 'adaptive', filter=lambda x: x // 200)
  alone = [measure(protocol, cloaks, trainer) for trainer in (WAITING, dark)]
  both = measure(protocol, cloaks, Retrained({0: WAITING, 1: dark}))
  noise = [result.noise_protection.value for result in alone]
  assert noise[0] != noise[1]
  assert both.noise_protection.value == pytest.approx(np.mean(noise))
  pairs = {
    seed: Combination(WAITING, one, combining.top2, 'top2', ('linear',))
    for seed, one in enumerate((WAITING, dark))
  }
  found = measure(protocol, cloaks, Retrained(pairs), 'linear')
  each = [measure(protocol, cloaks, x, 'linear') for x in pairs.values()]
  assert found.fields['over_seeds'] == [r.protection.value for r in each]
  assert found.fields['top_k'] == 2


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


def _strangers(*brightness, first_path=0):
  codes = np.asarray(brightness, np.uint8)[:, None, None, None]
  number = len(brightness)
  return FaceSet(
    np.broadcast_to(codes, (number, 11, 11, 3)).copy(),
    np.arange(number, dtype=np.int32),
    tuple(f'stranger {i}' for i in range(number)),
    tuple(f'other/{first_path + i}.png' for i in range(number)),
  )


def test_strangers_of_the_protocol_are_in_every_gallery():
  # A stranger at 5 is farther from a's probe, at 3, than a's picture at 2; one
  # at 53 is b's very probe, where b's nearest picture is a level away.
  for brightness, error, accuracy in (
    ((5, 30, 80), 0, 1),
    ((3, 53), 1, 0.5),
    ((53, 103), 0, 0),
  ):
    protocol = dataclasses.replace(LINE, strangers=_strangers(*brightness))
    result = measure(protocol, scrape.clean(protocol), WAITING)
    assert _rates(result)[:2] == [error, accuracy], brightness
    assert result.fields['num_gallery_people'] == 3 + len(brightness)


def test_a_cloak_moves_among_strangers():
  # A cloak to 10 leaves a's pictures nearest to a's probe, at 3, until there is
  # a stranger at 5; clean, a's are nearer than that.
  protocol = dataclasses.replace(LINE, strangers=_strangers(5))
  cloaked = _cloaked(value=10)
  rate = lambda protocol, images: (
    measure(protocol, images, WAITING, noise_control=False).protection.value
  )
  assert rate(LINE, cloaked) == 0 and rate(protocol, cloaked) == 1
  assert rate(protocol, scrape.clean(protocol)) == 0


def test_strangers_go_the_trainers_way():
  """Through the filter; those that the detector flags are dropped."""
  protocol = dataclasses.replace(LINE, strangers=_strangers(3, 53))
  inverts = Trainer(PIXELS, filter=lambda images: 255 - images)
  found = measure(protocol, scrape.clean(protocol), inverts)
  assert _rates(found)[:2] == [1, 0.5]
  scores = {12: np.zeros(12), 3: np.zeros(3), 2: np.array([2.0, 0.0])}
  detector = Detector(lambda x: scores[len(x)], 'by hand', 'none', 'digest')
  drops = Trainer(PIXELS, detector=detector, threshold=1.0)
  found = measure(protocol, scrape.clean(protocol), drops)
  assert _rates(found)[:2] == [0, 0.5]


def test_strangers_are_embedded_once_for_all_runs(tmp_path, monkeypatch):
  """A later run embeds nobody whom the store has, and everybody else."""
  embed, asked = extractors.embed, []
  network = PIXELS._replace(spec=PIXELS.spec._replace(embedding_size=363))
  spy = lambda network, images, *size: (
    asked.append(len(images)) or embed(network, images, *size)
  )
  monkeypatch.setattr(extractors, 'embed', spy)

  def run(brightness, sha256='a', **settings):
    asked.clear()
    shown = _strangers(*brightness)
    protocol = dataclasses.replace(LINE, strangers=shown, store=tmp_path)
    found = measure(
      protocol,
      scrape.clean(protocol),
      Trainer(network._replace(sha256=sha256), **settings),
    )
    return _rates(found)[:2], len(brightness) in asked

  few, others = (3, 53, 210, 220, 230), (5, 30, 80, 210, 220)
  inverted = {'filter': lambda images: 255 - images}
  for kept in False, True:
    assert run(few) == ([1, 0.5], not kept)
    assert run(others) == ([0, 1], not kept)
    assert run(few, **inverted) == ([1, 0.5], not kept)
    assert run(few, sha256='b') == ([1, 0.5], not kept)
    assert run(few, sha256=None) == ([1, 0.5], True)  # by what to know it?


@pytest.mark.parametrize('normalize', [False, True])
def test_a_network_that_grew_without_bound_is_measured_like_another(normalize):
  """Nobody's square fits into float32; who is nearest does not change."""
  protocol = dataclasses.replace(LINE, strangers=_strangers(5, 53))
  embed = lambda params, images: PIXELS.embed_fn(params, images) * 2.0**100
  long = Trainer(PIXELS._replace(embed_fn=embed))
  for images in scrape.clean(protocol), _cloaked(value=10):
    found, expected = (
      measure(protocol, images, x, normalize=normalize) for x in (long, WAITING)
    )
    assert _rates(found) == _rates(expected)


def test_other_recognizers_know_no_strangers():
  protocol = dataclasses.replace(LINE, strangers=_strangers(3))
  found = measure(protocol, scrape.clean(protocol), WAITING, 'linear')
  assert found.fields['num_gallery_people'] == 3
  for settings in {'k': 2}, {'top_k': 2}:
    with pytest.raises(InputError, match='strangers are measured with 1'):
      measure(protocol, scrape.clean(protocol), WAITING, **settings)


def test_a_stranger_is_nobody_who_is_evaluated():
  named = dataclasses.replace(_strangers(3), names=('a',))
  shown = dataclasses.replace(_strangers(3), paths=('3.png',))
  for others, both in ((named, 'a'), (shown, '3.png')):
    with pytest.raises(InputError, match=f'strangers: {both} is one of faces'):
      dataclasses.replace(LINE, strangers=others)


def test_given_distances_take_the_place_of_the_protocols_strangers():
  protocol = dataclasses.replace(LINE, strangers=_strangers(3, 53, 103))
  clean = scrape.clean(protocol)
  assert _rates(measure(protocol, clean, WAITING))[:2] == [1, 0]
  far = np.full(12, np.inf)
  found = measure(protocol, clean, WAITING, strangers=far)
  assert _rates(found)[:2] == [0, 1]
  assert _rates(measure(protocol, clean, WAITING))[:2] == [1, 0]


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
