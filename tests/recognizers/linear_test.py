import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fr_poison.data.splits import Split
from fr_poison.recognizers import linear, logistic
from fr_poison.types import InputError

_CLOSE = dict(rtol=2e-3, atol=2e-4)  # float32 against float64


def _faces(num_people=4, num_columns=6, spread=1.0):
  """Clean, cloaked, labels; columns of all scales, two of them constant."""
  rng = np.random.default_rng(2)
  labels = np.repeat(np.arange(num_people), 8 + np.arange(num_people) % 3)
  labels = rng.permutation(labels) * 3
  shape = len(labels), num_columns
  centres = rng.standard_normal((3 * num_people, num_columns))
  clean = centres[labels] + spread * rng.standard_normal(shape)
  cloaked = clean + centres[::-1][labels]
  scale = np.geomspace(0.01, 100, num_columns)
  clean, cloaked = ((x * scale + 50) for x in (clean, cloaked))
  clean[:, 1] = 3
  clean[:, 2], cloaked[:, 2] = 0.1, 0.1  # 1 comes alive with a cloak
  return clean.astype(np.float32), cloaked.astype(np.float32), labels


def _reference(embeddings, labels, C=1.0, tolerance=1e-7):
  model = make_pipeline(
    StandardScaler(), LogisticRegression(C=C, tol=tolerance, max_iter=5000)
  )
  return model.fit(embeddings.astype(np.float64), labels)


@pytest.mark.parametrize('num_people, C', [(4, 1.0), (4, 0.05), (2, 1.0)])
def test_weights_and_probabilities_are_those_of_scikit_learn(num_people, C):
  clean, _, labels = _faces(num_people)
  train, probes = slice(0, None, 2), clean[1::2]
  expected = _reference(clean[train], labels[train], C)
  model = linear.fit(clean[train], labels[train], C=C, tolerance=1e-6)
  classifier = expected[-1]
  np.testing.assert_array_equal(model.labels, classifier.classes_)
  if num_people > 2:
    np.testing.assert_allclose(model.weights, classifier.coef_.T, **_CLOSE)
  else:  # one column for the second against the first
    weights = model.weights[:, 1] - model.weights[:, 0]
    np.testing.assert_allclose(weights, classifier.coef_[0], **_CLOSE)
  ranking = linear.rank(model, probes, num_people)
  probabilities = expected.predict_proba(probes.astype(np.float64))
  np.testing.assert_allclose(
    ranking.scores, np.sort(probabilities)[:, ::-1], **_CLOSE
  )
  np.testing.assert_array_equal(
    ranking.labels, model.labels[np.argsort(-probabilities)]
  )
  np.testing.assert_array_equal(
    linear.rank(model, probes).labels[:, 0], expected.predict(probes)
  )


def test_accuracy_is_that_of_scikit_learn_as_both_come():
  rng = np.random.default_rng(3)
  labels = np.repeat(np.arange(12), 40)
  centres = rng.standard_normal((12, 16))
  x = centres[labels] + 1.2 * rng.standard_normal((480, 16))
  x, half = x.astype(np.float32), np.arange(480) % 2 == 0
  expected = make_pipeline(StandardScaler(), LogisticRegression())
  expected.fit(x[half], labels[half])
  model = linear.fit(x[half], labels[half])
  ours = linear.rank(model, x[~half]).labels[:, 0] == labels[~half]
  theirs = expected.predict(x[~half]) == labels[~half]
  assert 0.5 < theirs.mean() < 0.99
  assert abs(ours.mean() - theirs.mean()) <= 0.005


def test_all_protected_people_at_once_equal_one_fit_each(monkeypatch):
  clean, cloaked, labels = _faces()
  cloaked[labels == 6] = np.nan  # not protected: nobody looks
  protected = [9, 0, 3]
  train, test = np.arange(0, len(labels), 2), np.arange(1, len(labels), 2)
  # The same shapes, so that all is compiled once: two of one person's
  # pictures change sides.
  other = [x.copy() for x in (train, test)]
  i, j = (
    np.flatnonzero(labels[train] == 9)[0],
    np.flatnonzero(labels[test] == 9)[0],
  )
  other[0][i], other[1][j] = test[j], train[i]
  splits = [Split(train, test), Split(*other)]
  monkeypatch.setattr(linear, '_chunk_size', lambda *_: 2)  # and one alone
  together = linear.rank_protected(
    clean, cloaked, labels, protected, splits, top_k=2, tolerance=1e-6
  )
  for (train, test), ranking in zip(splits, together, strict=True):
    assert ranking.labels.shape == ranking.scores.shape == (3, len(test), 2)
    for i, person in enumerate(protected):
      own = labels[train] == person
      gallery = np.where(own[:, None], cloaked[train], clean[train])
      expected = _reference(gallery, labels[train])
      scores = expected.predict_proba(clean[test].astype(np.float64))
      np.testing.assert_allclose(
        ranking.scores[i], np.sort(scores)[:, :-3:-1], **_CLOSE
      )
      order = np.argsort(-scores)[:, :2]
      np.testing.assert_array_equal(ranking.labels[i], expected.classes_[order])


def test_more_columns_than_pictures():
  # Two people who differ in all of 30,000 columns: by symmetry the same
  # weight everywhere, and probes half-way are a coin's throw.
  x = np.ones((8, 30_000), np.float32)
  x[::2] = -1
  model = linear.fit(x, np.arange(8) % 2)
  np.testing.assert_array_equal(
    linear.rank(model, x).labels[:, 0], np.arange(8) % 2
  )
  assert np.ptp(model.weights[:, 0]) < 1e-6
  middle = linear.rank(model, np.zeros((1, 30_000), np.float32))
  np.testing.assert_allclose(middle.scores, 0.5, atol=1e-5)


def test_what_cannot_be_fitted_is_refused():
  clean, _, labels = _faces()
  broken = np.where(np.arange(len(labels))[:, None] == 2, np.inf, clean)
  split = Split(np.flatnonzero(labels > 0), np.flatnonzero(labels == 0))
  run = lambda protected, **settings: linear.rank_protected(
    clean, clean, labels, protected, [split], **settings
  )
  for message, call in (
    ('C: 0 is', lambda: linear.fit(clean, labels, C=0)),
    ('C: nan is', lambda: linear.fit(clean, labels, C=np.nan)),
    ('tolerance: -1 is', lambda: run([3], tolerance=-1)),
    ('max_steps: 0;', lambda: linear.fit(clean, labels, max_steps=0)),
    ('embeddings: NaN .* row 2', lambda: linear.fit(broken, labels)),
    ('labels: 1 person', lambda: linear.fit(clean, 0 * labels)),
    ('label 0: no training picture', lambda: run([3])),
    ('label 0: no training picture', lambda: run([0])),
  ):
    with pytest.raises(InputError, match=f'^{message}'):
      call()


def test_a_cloak_that_changes_nothing_changes_no_probability():
  # The own column alone is already solved, so no step of L-BFGS is made.
  clean, _, labels = _faces()
  clean = clean.copy()
  clean[:, 1] = np.arange(len(clean))  # not constant: nothing comes alive
  train, test = np.arange(0, len(labels), 2), np.arange(1, len(labels), 2)
  (together,) = linear.rank_protected(
    clean, clean, labels, [3, 9], [Split(train, test)], top_k=3, tolerance=1e-6
  )
  model = linear.fit(clean[train], labels[train], tolerance=1e-6)
  expected = linear.rank(model, clean[test], 3)
  for labels_, scores in zip(*together, strict=True):
    np.testing.assert_array_equal(labels_, expected.labels)
    np.testing.assert_allclose(scores, expected.scores, rtol=1e-3, atol=1e-5)


def test_pictures_that_are_not_in_count_nothing():
  rng = np.random.default_rng(0)
  embeddings, labels = rng.standard_normal((9, 3)), np.arange(9) % 3
  is_in = np.arange(9) < 6
  mixed = np.append(embeddings[:6], 9 + embeddings[6:], 0)
  labels[6:] = 7, 0, 5  # of whom some are nobody's
  found = linear.fit(mixed, labels, is_in)
  expected = linear.fit(embeddings[:6], labels[:6])
  np.testing.assert_array_equal(found.labels, [0, 1, 2])
  for one, other in zip(found[:4], expected[:4], strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)


def _problem(shared, targets, **own):
  """A gallery as it is, or with what is given instead; logistic.py's."""
  plain = {
    'weights': np.ones(len(targets), np.float32),
    'rows': np.zeros(0, np.int32),
    'own': np.zeros((0, shared.shape[1]), np.float32),
    'own_target': np.int32(0),
    'own_weights': np.zeros(0, np.float32),
    'mean': np.zeros(shared.shape[1], np.float32),
    'scale': np.ones(shared.shape[1], np.float32),
    'penalty': np.float32(4),
  }
  return logistic.Problem(shared, targets, **plain | own)


def test_the_own_column_is_enough_only_where_all_derivatives_are_small():
  people, pictures, columns, seen, agreeing = 5, 10, 6, set(), []
  targets = np.repeat(np.arange(people, dtype=np.int32), pictures)
  rows = np.arange(len(targets), dtype=np.int32).reshape(people, -1)
  for seed in range(20):
    rng = np.random.default_rng(seed)
    draw = lambda *s, rng=rng: rng.standard_normal(s).astype(np.float32)
    shared = draw(people, columns)[targets] + draw(len(targets), columns)
    clean = logistic.solve(_problem(shared, targets), people, 1000, 1e-6)
    base = logistic.base(clean, shared, shared[:3])
    is_changed = seed >= 3
    problems = _problem(
      shared,
      targets,
      weights=np.float32(targets != np.arange(people)[:, None]),
      rows=rows,
      own=shared[rows] + 3 * is_changed * draw(columns),
      own_target=np.arange(people, dtype=np.int32),
      own_weights=np.ones(rows.shape, np.float32),
      mean=2 * draw(people, columns),
      scale=np.exp(0.3 * draw(people, columns)),
    )
    for tolerance in np.geomspace(3e-3, 0.3, 40):
      limits = 1000, tolerance
      solved, is_sure, _ = logistic.solve_column(
        base, problems, shared[:3], *limits, top_k=1
      )
      _, steps = logistic.solve_near(base, solved, problems, *limits)
      is_sure, is_more = np.asarray(is_sure), np.asarray(steps) > 0
      assert not np.any(is_sure & is_more), (seed, tolerance)
      if not is_changed:  # hardly anything is only bounded then
        agreeing.append(is_sure != is_more)
      seen |= {*zip(is_sure.tolist(), is_more.tolist(), strict=True)}
  assert {(True, False), (False, True)} <= seen and np.mean(agreeing) > 0.9
