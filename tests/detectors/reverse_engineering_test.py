import jax.numpy as jnp
import numpy as np
import pytest
import toys
from detectors import smooth

from fr_poison import metrics
from fr_poison.detectors import residual, reverse_engineering
from fr_poison.detectors.residual import Residual
from fr_poison.extractors import Extractor, NetworkSpec
from fr_poison.types import InputError

TINY = {
  'num_epochs': 40,
  'batch_size': 16,
  'learning_rate': 1e-2,
  'crop': 12,
  'channels': 8,
  'depth': 3,
}


def fit(**settings):
  clean = smooth.pictures(32)
  return Residual(**TINY | settings).fit(clean, smooth.cloak(clean))


@pytest.fixture(scope='module')
def trained():
  return fit()


def known(change):
  """A detector that says what was added."""
  return reverse_engineering.detector(lambda images: np.float32(change), '', '')


def test_score_and_subtraction_by_hand():
  # 3 levels over half of the picture: a root mean square of 3 / sqrt(2).
  change = np.zeros((2, 2, 2, 3))
  change[0, 0] = 3 / 255
  change[1] = -2.6 / 255
  estimator = known(change)
  images = np.zeros((2, 2, 2, 3), np.uint8) + np.uint8([[[[1]]], [[[254]]]])
  scores = estimator.score(images)
  np.testing.assert_allclose(scores * 255, [3 / 2**0.5, 2.6], rtol=1e-6)
  purified = estimator.purify(images)
  # 1 - 3 and 254 + 2.6 end at the ends of the range.
  assert purified.dtype == np.uint8
  np.testing.assert_array_equal(purified[0, :, 0, 0], [0, 1])
  assert (purified[1] == 255).all()
  purified = estimator.purify(images // 2)
  # 127 + 2.6 is rounded, not cut.
  assert (purified[1] == 130).all()


def test_the_network_learns_what_a_tool_adds(trained):
  clean = smooth.pictures(8, seed=1)
  cloaked = smooth.cloak(clean)
  score = trained.score
  assert score(cloaked).min() > 3 * score(clean).max()
  purified = trained.purify(cloaked)
  assert metrics.psnr(purified, clean) > metrics.psnr(cloaked, clean) + 6
  untouched = trained.purify(clean)
  assert metrics.linf(untouched, clean) <= 2 / 255


def test_picture_and_perturbation_are_cut_out_at_one_place():
  # A negative: what is added, 255 - 2 x, is 2 x' - 255 wherever they agree.
  clean = np.random.default_rng(0).integers(0, 256, (3, 9, 7, 3), np.uint8)
  batch = residual.crops(
    [clean, 255 - clean], (5, 4), 0, 0, np.array([0, 4, 5, 3, 1, 4])
  )
  images, change = 255 * batch['images'], 255 * batch['change']
  assert images.shape == (6, 5, 4, 3)
  assert not change[[0, 4]].any()
  for row in (1, 2, 3, 5):
    np.testing.assert_allclose(change[row], 2 * images[row] - 255, atol=1e-3)


def test_the_network_takes_any_size_and_leaves_grey_pictures_grey(trained):
  for shape in ((2, 13, 9, 1), (1, 1, 1, 1), (0, 16, 16, 1)):
    images = np.full(shape, 90, np.uint8).repeat(3, -1)
    purified = trained.purify(images)
    assert purified.shape == images.shape and purified.dtype == np.uint8
    np.testing.assert_array_equal(purified, purified[..., :1].repeat(3, -1))


def test_an_estimate_depends_on_no_other_picture(trained):
  images = smooth.cloak(smooth.pictures(5, seed=3))
  for fn in (trained.score, trained.purify):
    np.testing.assert_array_equal(fn(images)[3:4], fn(images[3:4]))


def test_the_same_seed_gives_the_same_network_and_everything_counts(trained):
  assert trained.digest == fit().digest
  assert trained.name == 'reverse_engineering'
  others = fit(loss='l2', num_epochs=1), fit(num_epochs=1), fit(seed=1)
  assert len({trained.digest, *(other.digest for other in others)}) == 4


def test_pairs_that_are_none_are_refused():
  clean = smooth.pictures(4)
  cloaked = smooth.cloak(clean)
  with pytest.raises(InputError, match='cloaked: not as many'):
    Residual(**TINY).fit(clean, cloaked, cloaked[:3])


@pytest.mark.parametrize(
  'setting', [{'crop': 0}, {'depth': 1}, {'loss': 'ssim'}, {'seed': -1}]
)
def test_settings_that_cannot_be_meant_are_refused(setting):
  with pytest.raises(InputError, match=next(iter(setting))):
    Residual(**TINY | setting)


def network(embed_fn=toys.embed_fn, params=None):
  spec = NetworkSpec('toy', None, 0, 8)
  params = toys.params() if params is None else params
  return Extractor(embed_fn, params, spec, 0, None)


def search(**settings):
  settings = {'num_steps': 8, 'batch_size': 4} | settings
  return reverse_engineering.Consistency('toy', **settings)


def found_by(recipe):
  return recipe.fit(smooth.pictures(1), extractor=network())


MIRROR = ({'name': 'mirror'},)


def test_a_picture_that_is_its_own_view_is_left_alone():
  half = toys.images(2)[:, :, :16]
  images = np.uint8(np.rint(255 * np.concatenate([half, half[:, :, ::-1]], 2)))
  found = found_by(search(views=MIRROR))
  assert (found.score(images) == 0).all()
  np.testing.assert_array_equal(found.purify(images), images)


def test_the_change_makes_views_agree_and_costs_what_it_costs():
  images = np.uint8(np.rint(255 * toys.images(3)))
  objective = reverse_engineering.inconsistency(
    toys.embed_fn, [lambda rngs, images: images[:, :, ::-1]]
  )

  def disagreement(images):
    return objective.distance([toys.params()], (), images, None)

  cheap = search(views=MIRROR, penalty_weight=1.0)
  pictures = np.float32(images) / np.float32(255)
  restored = pictures - cheap.estimator(network())(images)
  assert (disagreement(restored) < 0.9 * disagreement(pictures)).all()
  # Of a grey picture only another grey one is looked for.
  np.testing.assert_array_equal(restored[1], restored[1, ..., :1].repeat(3, -1))
  dear = search(views=MIRROR, penalty_weight=1e6)
  found = [found_by(x) for x in (cheap, dear, search(views=MIRROR))]
  assert (found[1].score(images) < 0.5 * found[0].score(images)).all()
  assert len({detector.digest for detector in found}) == 3


def test_disagreement_by_hand():
  # f is the first two pixels' red; a view exchanges them. (3, 4) / 5 and
  # (4, 3) / 5 are sqrt(2) / 5 apart; with two views that are the picture itself
  # a third of the square, 2 / 75, is left.
  images = np.zeros((1, 1, 2, 3), np.float32)
  images[0, 0, :, 0] = 0.3, 0.4
  objective = reverse_engineering.inconsistency(
    lambda params, images: images[:, 0, :, 0],
    [
      lambda rngs, images: images[:, :, ::-1],
      *2 * [lambda rngs, images: images],
    ],
  )
  found = objective.distance([None], (), images, None)
  np.testing.assert_allclose(found, [2 / 75], rtol=1e-5)


@pytest.mark.parametrize(
  ('settings', 'field'),
  [
    ({'views': ()}, 'views'),
    ({'views': ({'name': 'sharpen'},)}, 'views'),
    ({'views': ({'name': 'mirror', 'quality': 75},)}, 'views: mirror'),
    ({'views': ({'name': 'jpeg', 'quality': 0},)}, 'quality'),
    ({'penalty_weight': 0.0}, 'penalty_weight'),
    ({'learning_rate': np.nan}, 'learning_rate'),
    ({'num_steps': 0}, 'num_steps'),
    ({'batch_size': 0}, 'batch_size'),
  ],
)
def test_a_search_that_cannot_be_meant_is_refused(settings, field):
  with pytest.raises(InputError, match=field):
    search(**settings)


def test_the_price_of_a_change_does_not_grow_with_the_picture():
  # f sees the halves' mean brightness, and a mirror exchanges them. The same
  # scene in twice as many pixels has the same best change of every pixel.
  def halves(params, images):
    del params
    width = images.shape[2] // 2
    left, right = images[:, :, :width], images[:, :, width:]
    return jnp.stack([left.mean((1, 2, 3)), right.mean((1, 2, 3))], -1)

  recipe = search(views=MIRROR, penalty_weight=1.0, num_steps=60)
  estimate = recipe.estimator(network(halves, {'unused': np.zeros(1)}))
  small = np.full((1, 8, 8, 3), 200, np.uint8)
  small[:, :, 4:] = 100
  large = small.repeat(4, 1).repeat(4, 2)
  change, same = estimate(small), estimate(large)
  assert np.abs(change).max() > 1 / 255
  np.testing.assert_allclose(
    same, change.repeat(4, 1).repeat(4, 2), atol=0.2 / 255
  )
