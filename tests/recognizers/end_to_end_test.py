import jax
import numpy as np
import pytest
import toy_network

from fr_poison.data.splits import Split
from fr_poison.recognizers import end_to_end, linear
from fr_poison.recognizers.end_to_end import Fitter, Public
from fr_poison.training import Recipe, Trainer
from fr_poison.types import InputError

PEOPLE = np.array([4, 7, 9])
LABELS = PEOPLE[np.arange(18) % 3]
CLEAN = toy_network.pictures(np.arange(18) % 3)
TRAIN, TEST = np.arange(12), np.arange(12, 18)
RECIPE = Recipe(
  num_epochs=6, batch_size=12, optimizer={'learning_rate': 3e-2}, flip=0.0
)


@pytest.fixture(scope='module')
def fitter():
  return Fitter(toy_network.extractor(), RECIPE)


@pytest.fixture
def galleries(monkeypatch):
  """The pictures of every fit from here on."""
  seen, fit = [], Fitter.fit

  def counted(self, images, labels):
    seen.append(images)
    return fit(self, images, labels)

  monkeypatch.setattr(Fitter, 'fit', counted)
  return seen


def test_it_learns_whom_it_is_shown(fitter):
  model = fitter.fit(CLEAN[TRAIN], LABELS[TRAIN])
  np.testing.assert_array_equal(model.people, PEOPLE)
  np.testing.assert_array_equal(
    end_to_end.rank(model, CLEAN[TEST]).labels[:, 0], LABELS[TEST]
  )
  ranking = end_to_end.rank(model, CLEAN[TEST], 3)
  np.testing.assert_array_equal(np.sort(ranking.labels), [PEOPLE] * 6)
  # Probabilities of all people, best first.
  np.testing.assert_allclose(ranking.scores.sum(1), 1, rtol=1e-5)
  assert (np.diff(ranking.scores) <= 0).all()
  before = toy_network.extractor().params['params']['Dense_0']['kernel']
  after = model.extractor.params['params']['Dense_0']['kernel']
  assert not np.allclose(before, after)  # all weights learn
  assert model.extractor.sha256 is None  # no longer the shipped ones


def test_one_protected_person_at_a_time(fitter, galleries):
  cloaked = CLEAN.copy()
  own = LABELS == 7
  cloaked[own] = CLEAN[LABELS == 9]  # these training pictures show another
  cloaked[LABELS == 4] = 0  # not protected: nobody looks
  splits = [Split(TRAIN, TEST), Split(np.arange(6, 18), np.arange(6))]
  rankings = end_to_end.rank_protected(
    CLEAN, cloaked, LABELS, [7], splits, fitter=fitter, top_k=2
  )
  for (train, test), ranking, seen in zip(
    splits, rankings, list(galleries), strict=True
  ):
    gallery = np.where(own[:, None, None, None], cloaked, CLEAN)[train]
    np.testing.assert_array_equal(seen, gallery)
    expected = end_to_end.rank(
      fitter.fit(gallery, LABELS[train]), CLEAN[test], 2
    )
    assert ranking.labels.shape == ranking.scores.shape == (1, 6, 2)
    np.testing.assert_array_equal(ranking.labels[0], expected.labels)
    np.testing.assert_array_equal(ranking.scores[0], expected.scores)
  # Who was never seen: the clean pictures are somebody else's.
  found = rankings[0].labels[0, :, 0]
  assert (found[LABELS[TEST] == 7] != 7).all()
  np.testing.assert_array_equal(found[LABELS[TEST] == 4], 4)


def test_equal_galleries_share_a_training(fitter, galleries):
  cloaked = CLEAN.copy()
  cloaked[LABELS == 7] //= 2
  cloaked[np.intersect1d(TEST, np.flatnonzero(LABELS == 9))] = 0  # not learned
  splits = [Split(TRAIN, TEST)]
  rank = lambda people: end_to_end.rank_protected(
    CLEAN, cloaked, LABELS, people, splits, fitter=fitter
  )[0]
  ranking = rank([4, 7, 9])
  assert len(galleries) == 2  # 4 and 9 together, 7
  np.testing.assert_array_equal(ranking.scores[0], ranking.scores[2])
  assert (ranking.scores[0] != ranking.scores[1]).any()
  np.testing.assert_array_equal(rank([9]).scores[0], ranking.scores[2])


def test_public_people_are_learned_and_never_answered():
  # Their pictures are those of the test: alone, they would be recognized.
  labels = np.array([0, 1, 0, 1])
  public = Public(toy_network.pictures(labels + 3), labels)
  fitter = Fitter(toy_network.extractor(), RECIPE, public)
  model = fitter.fit(CLEAN[TRAIN], LABELS[TRAIN])
  assert model.head['kernel'].shape == (6, 5)
  # Two more classes learned: the public pictures are theirs.
  embeddings = model.extractor.embed_fn(
    model.extractor.params, public.images.astype(np.float32) / 255
  )
  scores = model.logits(model.head, embeddings)
  np.testing.assert_array_equal(np.argmax(scores, 1), labels + 3)
  ranking = end_to_end.rank(model, public.images, 3)
  assert np.isin(ranking.labels, PEOPLE).all()
  np.testing.assert_allclose(ranking.scores.sum(1), 1, rtol=1e-5)
  with pytest.raises(InputError, match='^top_k: 4'):
    end_to_end.rank(model, CLEAN, 4)


def test_an_averaged_network_has_the_averaged_head(monkeypatch):
  def fit(self, images, labels, start):
    return start.replace(ema=jax.tree.map(lambda x: x + 1, start.ema))

  monkeypatch.setattr(Trainer, 'fit', fit)
  extractor = toy_network.extractor()
  model = Fitter(extractor, Recipe(ema_decay=0.9)).fit(CLEAN, LABELS)
  start = Fitter(extractor, Recipe()).fit(CLEAN, LABELS)
  np.testing.assert_array_equal(model.head['bias'], start.head['bias'] + 1)
  bias = lambda x: x.extractor.params['params']['Dense_0']['bias']
  np.testing.assert_array_equal(bias(model), bias(start) + 1)


def test_what_cannot_be_fitted_is_refused(fitter, galleries):
  extractor = toy_network.extractor()
  with pytest.raises(InputError, match='^head: triplet has no classes'):
    Fitter(extractor, Recipe(head={'name': 'triplet'}))
  arcface = Recipe(head={'name': 'arcface'})
  for recipe, start in (RECIPE, 'zero'), (arcface, 'linear'):
    with pytest.raises(InputError, match=f"^start_head: '{start}'"):
      Fitter(extractor, recipe, start_head=start)
  rank = lambda people, train, top_k=1: end_to_end.rank_protected(
    CLEAN,
    CLEAN,
    LABELS,
    people,
    [Split(train, TEST)],
    fitter=fitter,
    top_k=top_k,
  )
  with pytest.raises(InputError, match='^top_k: 4'):
    rank([4], TRAIN, 4)
  with pytest.raises(InputError, match='^label 7: no training picture'):
    rank([7], TRAIN[LABELS[TRAIN] != 7])
  assert not galleries  # before anything is trained


@pytest.mark.parametrize('ema_decay', [None, 0.9])
def test_a_linear_start_knows_what_the_linear_recognizer_does(
  monkeypatch, ema_decay
):
  monkeypatch.setattr(Trainer, 'fit', lambda self, images, labels, start: start)
  extractor, recipe = toy_network.extractor(), Recipe(ema_decay=ema_decay)
  fitter = Fitter(extractor, recipe, start_head='linear')
  model = fitter.fit(CLEAN[TRAIN], LABELS[TRAIN])
  embeddings = extractor.embed_fn(
    extractor.params, CLEAN.astype(np.float32) / 255
  )
  reference = linear.fit(embeddings[TRAIN], LABELS[TRAIN])
  expected = linear.rank(reference, embeddings[TEST], 3)
  found = end_to_end.rank(model, CLEAN[TEST], 3)
  np.testing.assert_array_equal(found.labels, expected.labels)
  np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-2)
