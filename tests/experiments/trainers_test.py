"""Which trainers a config has: each by its name, trained by its own recipe."""

import dataclasses

import numpy as np
import pytest
import trainers

from fr_poison import extractors
from fr_poison.data.faces import FaceSet
from fr_poison.evaluation import Trainer, learning
from fr_poison.evaluation.trainer import members
from fr_poison.recognizers.ranking import Ranking

PIXELS = extractors.load('pixels')
SOFT = {'num_epochs': 1}
HARD = {'num_epochs': 2, 'seed': 5}
RAW = {'kind': 'nearest_neighbor'}


def _adaptive(training, **more):
  own = {'kind': 'adaptive', 'networks': ('pixels',), 'attacks': ()}
  return own | {'training': training} | more


@pytest.fixture
def make(monkeypatch, tmp_path):
  """make(adversaries, recognizers, given) -> answers, trainings."""
  # Two grey people.
  codes = np.array([100, 110, 200, 220], np.uint8)[:, None, None, None]
  images = np.broadcast_to(codes, (4, 8, 8, 3))
  labels = np.arange(4, dtype=np.int32) // 2
  faces = FaceSet(images, labels, ('a', 'b'), tuple('0123'))
  public = learning.PublicPeople(
    faces, faces, {'pixels': PIXELS}, {}, (), tmp_path
  )
  trained = []

  def train(kind, chosen, extractor, people):
    assert extractor is PIXELS and people is public
    trained.append((kind, chosen['training']))
    return PIXELS._replace(sha256=repr(chosen['training'])), None

  monkeypatch.setattr(learning, 'train', train)

  def call(adversaries, given=None, **recognizers):
    recognizers = recognizers or {'raw': RAW}
    people = public
    if call.surrogates:
      people = dataclasses.replace(public, surrogates=call.surrogates)
    found = trainers.make(adversaries, ['pixels'], recognizers, people, given)
    return found, trained

  call.surrogates = ()
  return call


def test_each_recipe_is_a_training_and_a_trainer(make):
  found, trained = make(
    {'oblivious': {}, 'soft': _adaptive(SOFT), 'hard': _adaptive(HARD)}
  )
  assert trained == [('adaptive', SOFT), ('adaptive', HARD)]
  found = [*map(members, found)]
  names = [[(s, t.adversary, t.kind) for s, t in x.items()] for x in found]
  assert names == [
    [(None, '', '')],
    [(0, 'soft', 'adaptive')],
    [(5, 'hard', 'adaptive')],
  ]
  assert found[2][5].extractor.sha256 == repr(HARD)


def test_every_training_seed_is_a_network(make):
  (one,), trained = make({'hard': _adaptive(HARD, training_seeds=3)})
  seeds = [5, 6, 7]
  assert trained == [('adaptive', HARD | {'seed': seed}) for seed in seeds]
  assert list(one.members) == seeds
  assert [t.adversary for t in one.members.values()] == ['hard'] * 3


def test_the_first_of_several_is_the_training_that_a_single_one_is():
  found = learning.retrainings(_adaptive(SOFT, training_seeds=2))
  assert found[0] == learning.retrainings(_adaptive(SOFT))[0] == _adaptive(SOFT)
  assert found[1] == _adaptive(SOFT | {'seed': 1}) and len(found) == 2


def test_a_purifier_is_a_filter_before_the_network_as_it_is(make, monkeypatch):
  filters = []

  def train_purifier(chosen, extractor, people):
    assert extractor is PIXELS
    filters.append(lambda images: images)
    return filters[-1]

  monkeypatch.setattr(learning, 'train_purifier', train_purifier)
  washing = _adaptive(SOFT, training_seeds=2) | {'kind': 'puface'}
  (one,), _ = make({'washing': washing})
  for seed, filter_ in enumerate(filters):
    member = one.members[seed]
    assert member.filter is filter_ and member.extractor is PIXELS
    assert (member.adversary, member.kind) == ('washing', 'puface')
  assert len(filters) == 2


def test_who_learns_from_cloaks_on_a_trained_network_comes_after_it(
  make, monkeypatch
):
  seen = []

  def train(kind, chosen, extractor, people):
    seen.append((chosen['training'], [*people.networks]))
    return PIXELS._replace(sha256=repr(chosen['training'])), None

  monkeypatch.setattr(learning, 'train', train)
  make.surrogates = 'pixels', 'pixels+pixels soft'
  adversaries = {
    'answer': _adaptive(HARD, surrogates=('pixels', 'pixels+pixels soft')),
    'soft': _adaptive(SOFT, surrogates=('pixels',), training_seeds=2),
    'deaf': _adaptive(HARD, surrogates=('pixels',)),
  }
  found, _ = make(adversaries)
  assert [x.adversary for x in found] == ['soft', 'answer', 'deaf']
  assert seen[:2] == [(SOFT, ['pixels']), (SOFT | {'seed': 1}, ['pixels'])]
  assert seen[2] == (HARD, ['pixels', 'pixels soft'])
  own = trainers.networks_of(found)
  assert [*own] == ['pixels soft', 'pixels answer', 'pixels deaf']
  # The first training seed's.
  assert own['pixels soft'].sha256 == repr(SOFT)
  assert own['pixels soft'].name == 'pixels soft'


def test_a_combination_has_the_robust_trainer_that_it_names(make):
  found, _ = make(
    {
      'oblivious': {},
      'soft': _adaptive(SOFT),
      'hard': _adaptive(HARD, training_seeds=2),
      'pair': {'kind': 'top2', 'accurate': 'pixels', 'robust': 'hard'},
    },
    raw=RAW,
    linear={},
  )
  waits, _, hard, pair = found
  assert list(pair.members) == [5, 6] and pair.adversary == 'pair'
  for seed, one in pair.members.items():
    assert one.parts == (waits, hard.members[seed]) and one.kind == 'top2'
  assert pair.can_use('linear', 'linear')
  assert pair.can_use('nearest_neighbor', 'raw')


def test_a_threshold_is_of_one_way_to_measure_distances(make):
  found, _ = make(
    {
      'oblivious': {},
      'soft': _adaptive(SOFT),
      'threshold': {'accurate': 'pixels', 'robust': 'soft', 'quantile': 0.5},
    },
    raw=RAW,
    angle=RAW | {'normalize': True},
    linear={},
  )
  rules = found[2:]
  able = [[r.can_use('', x) for x in ('raw', 'angle', 'linear')] for r in rules]
  assert able == [[True, False, False], [False, True, False]]
  # Grey pictures all have one direction: normalized, nobody's two are apart.
  far = Ranking(np.array([[0]]), np.array([[-0.001]]))
  robust = Ranking(np.array([[1]]), np.array([[-9.0]]))
  asked = [rule.first.combine(far, robust).labels.item() for rule in rules]
  assert asked == [0, 1]


@pytest.mark.parametrize(
  'labels, expected',
  [
    (['soft'], ['soft']),  # the only one of its kind
    (['adaptive', 'soft'], ['adaptive', 'soft']),  # the one so called
    (['hard', 'soft'], ['hard', 'soft', 'adaptive']),  # none: another one
  ],
)
def test_a_network_that_is_given_takes_its_place(make, labels, expected):
  given = Trainer(PIXELS._replace(sha256='given'), 'adaptive', 'pixels')
  found, trained = make({x: _adaptive(SOFT) for x in labels}, given)
  assert [t.adversary for t in found] == expected
  (one,) = (
    t
    for trainer in found
    for t in members(trainer).values()
    if t.extractor.sha256 == 'given'
  )
  assert one.adversary == (expected[0] if len(expected) < 3 else expected[2])
  assert len(trained) == len(found) - 1
