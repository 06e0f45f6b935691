import numpy as np
import pytest

from fr_poison.data.splits import Split, split_per_person
from fr_poison.recognizers import nearest_neighbor
from fr_poison.types import InputError


def test_predicts_the_nearest_and_the_first_of_equals():
  gallery = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 0.0]])
  probes = np.array([[1.9, 0.0], [2.1, 0.0], [0.0, 1.0]])
  for labels, expected in (([7, 8, 9], [7, 8, 7]), ([9, 8, 7], [9, 8, 9])):
    model = nearest_neighbor.fit(gallery, np.array(labels))
    np.testing.assert_array_equal(
      nearest_neighbor.rank(model, probes).labels[:, 0], expected
    )


def test_ranks_distinct_people_by_their_nearest_picture():
  # On a line: person 5 at 0 and 1, 3 at 4, 8 at -2 and 10.
  gallery = np.array([[0.0], [4.0], [-2.0], [1.0], [10.0]])
  model = nearest_neighbor.fit(gallery, np.array([5, 3, 8, 5, 8]))
  ranking = nearest_neighbor.rank(model, np.array([[0.5], [8.0]]), top_k=3)
  np.testing.assert_array_equal(ranking.labels, [[5, 8, 3], [8, 3, 5]])
  # From .5: to 0 or 1, to -2, to 4. From 8: to 10, to 4, to 1.
  np.testing.assert_allclose(
    ranking.scores, [[-0.5, -2.5, -3.5], [-2.0, -4.0, -7.0]], rtol=1e-5
  )


def test_votes_count_before_distance_and_distance_breaks_their_ties():
  # From 0: person 1 at .5, person 2 at 1 and 1.5, person 4 at 2, 1 at 3.
  gallery = np.array([[0.5], [1.0], [1.5], [2.0], [3.0]])
  labels = np.array([1, 2, 2, 4, 1])
  expected = {
    1: [1, 2, 4],  # one vote for 1
    2: [1, 2, 4],  # one for 1, one for 2: 1 is nearer
    3: [2, 1, 4],  # two for 2, one for 1
    4: [2, 1, 4],  # 2, 1 and 1
    5: [1, 2, 4],  # two for 1 and two for 2: 1 is nearer
  }
  for k, order in expected.items():
    model = nearest_neighbor.fit(gallery, labels, k=k)
    ranking = nearest_neighbor.rank(model, np.zeros((1, 1)), top_k=3)
    np.testing.assert_array_equal(ranking.labels, [order])
    # Whatever k is, each one's nearest picture is at .5, 1 and 2.
    distance = dict(zip([1, 2, 4], [-0.5, -1.0, -2.0], strict=True))
    np.testing.assert_allclose(
      ranking.scores[0], [distance[label] for label in order], rtol=1e-5
    )


def test_normalised_embeddings_are_compared_by_direction():
  gallery, labels = np.array([[9.0, 0.0], [1.0, 1.0]]), np.array([0, 1])
  probe = np.array([[2.0, 0.1]])  # near (1, 1), but pointing at (9, 0)
  for normalize, expected in ((False, 1), (True, 0)):
    model = nearest_neighbor.fit(gallery, labels, normalize=normalize)
    assert nearest_neighbor.rank(model, probe).labels[:, 0][0] == expected


def _faces():
  """Five people with 4 to 8 pictures, mixed; clean, cloaked, labels."""
  rng = np.random.default_rng(1)
  labels = np.repeat(np.arange(5), [4, 8, 5, 6, 7]).astype(np.int32)
  labels = rng.permutation(labels)
  centres = rng.standard_normal((5, 4))
  clean = (centres[labels] + rng.standard_normal((30, 4))).astype(np.float32)
  cloaked = (clean + 2 * rng.standard_normal((30, 4))).astype(np.float32)
  return clean, cloaked, labels


@pytest.mark.parametrize(
  'top_k, settings',
  [
    (1, {}),
    (1, {'normalize': True}),
    (3, {}),
    (1, {'k': 3}),
    (5, {'k': 2, 'normalize': True}),
    (2, {'k': 7}),  # more than anybody has
  ],
)
def test_all_protected_people_at_once_equal_one_fit_each(
  monkeypatch, top_k, settings
):
  monkeypatch.setattr(nearest_neighbor, '_BLOCK', 7)  # several, one short
  clean, cloaked, labels = _faces()
  protected = [3, 1, 4]
  splits = [split_per_person(labels, seed=seed) for seed in range(2)]
  # Probes in an order that is not its own inverse, as a reversal is.
  splits.append(Split(np.arange(0, 30, 2), np.roll(np.arange(1, 30, 2), 4)))
  splits.append(Split(np.arange(15), np.arange(15, 20)))

  run = lambda cloaked: nearest_neighbor.rank_protected(
    clean, cloaked, labels, protected, splits, top_k=top_k, **settings
  )
  together = run(cloaked)
  for (train, test), ranking in zip(splits, together, strict=True):
    assert ranking.labels.shape == (3, len(test), top_k)
    for i, person in enumerate(protected):
      own = labels[train] == person
      gallery = np.where(own[:, None], cloaked[train], clean[train])
      model = nearest_neighbor.fit(gallery, labels[train], **settings)
      expected = nearest_neighbor.rank(model, clean[test], top_k)
      np.testing.assert_array_equal(ranking.labels[i], expected.labels)
      np.testing.assert_allclose(
        ranking.scores[i], expected.scores, rtol=1e-4, atol=1e-5
      )
  # The cloaks matter here, or this test could not fail.
  bare = run(clean)
  scores = lambda rankings: np.concatenate([r.scores for r in rankings], 1)
  assert (scores(bare) != scores(together)).any()


def test_equal_pictures_of_a_cloaked_person_keep_the_order_of_people():
  # Everybody at 0, cloaked or not: the first of the gallery, in every case.
  clean, labels = np.zeros((6, 2), np.float32), np.array([2, 0, 1, 2, 0, 1])
  split = Split(np.arange(3), np.arange(3, 6))
  (ranking,) = nearest_neighbor.rank_protected(
    clean, clean, labels, [0, 1, 2], [split], top_k=3
  )
  assert (ranking.labels == [2, 0, 1]).all()
  assert (ranking.scores == 0).all()


def test_somebody_without_training_pictures_is_never_named():
  clean, labels = np.array([[0.0], [1.0], [5.0]]), np.array([0, 1, 2])
  split = Split(np.array([1, 2]), np.array([0]))
  (ranking,) = nearest_neighbor.rank_protected(
    clean, clean, labels, [0, 1], [split], top_k=2
  )
  np.testing.assert_array_equal(ranking.labels, [[[1, 2]], [[1, 2]]])


def test_what_a_gallery_cannot_answer_is_refused():
  clean, labels = np.eye(4, dtype=np.float32), np.array([0, 0, 1, 1])
  split = Split(np.array([0, 2]), np.array([1, 3]))
  broken = np.where(np.eye(4) == 1, np.nan, clean)
  model = nearest_neighbor.fit(clean, labels)
  run = lambda clean=clean, cloaked=clean, **settings: (
    nearest_neighbor.rank_protected(
      clean, cloaked, labels, [0], [split], **settings
    )
  )
  for message, call in (
    ('top_k: 3; .* to 2', lambda: nearest_neighbor.rank(model, clean, 3)),
    ('top_k: 0', lambda: nearest_neighbor.rank(model, clean, 0)),
    ('k: 0', lambda: nearest_neighbor.fit(clean, labels, k=0)),
    ('k: 5', lambda: nearest_neighbor.fit(clean, labels, k=5)),
    ('embeddings: NaN', lambda: nearest_neighbor.fit(broken, labels)),
    ('probes: NaN', lambda: nearest_neighbor.rank(model, broken)),
    ('top_k: 3', lambda: run(top_k=3)),
    ('k: 3', lambda: run(k=3)),
    ('clean: NaN', lambda: run(clean=broken)),
    ('cloaked: NaN', lambda: run(cloaked=broken)),
  ):
    with pytest.raises(InputError, match=f'^{message}'):
      call()
  # Nobody looks at another's cloaks, or at those of test pictures.
  others = np.where(np.arange(4)[:, None] > 0, np.nan, clean)
  run(cloaked=others)


def test_no_probe_has_no_ranking():
  clean, labels = np.eye(4, dtype=np.float32), np.array([0, 0, 1, 1])
  model = nearest_neighbor.fit(clean, labels)
  assert nearest_neighbor.rank(model, clean[:0], 2).labels.shape == (0, 2)
  split = Split(np.arange(4), np.arange(0))
  (ranking,) = nearest_neighbor.rank_protected(
    clean, clean, labels, [0, 1], [split]
  )
  assert ranking.scores.shape == (2, 0, 1)
