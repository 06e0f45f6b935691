import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fr_poison import extractors
from fr_poison.adversaries import puface
from fr_poison.extractors import NetworkSpec
from fr_poison.training import variables
from fr_poison.types import InputError

SIZE = 8
# What the tool adds: stripes of 6 levels.
CLOAK = 6 * (-1) ** np.arange(SIZE)[:, None, None]
RECIPE = {
  'num_epochs': 12,
  'batch_size': 8,
  'flip': 0.0,
  'optimizer': {'learning_rate': 1e-2},
}


def _smooth(count, seed=0):
  rng = np.random.default_rng(seed)
  corners = rng.integers(40, 216, (count, 2, 2, 3)).astype(np.uint8)
  shape = count, SIZE, SIZE, 3
  return np.array(jax.image.resize(corners, shape, 'linear'), np.uint8)


def _network(embed_fn):
  spec = NetworkSpec('means', None, SIZE, 3)
  return extractors.Extractor(embed_fn, jnp.ones(3), spec, SIZE, 'means')


MEANS = _network(lambda scale, x: scale * x.mean((1, 2)))


def _made(clean, cloaked, recipe=RECIPE, network=MEANS, **settings):
  settings = {'channels': 8, 'depth': 2} | settings
  made = puface.PuFace(**settings)
  pairs = made.training_set(clean, [cloaked])
  return made.training(puface.recipe(recipe), network, *pairs), pairs


def test_cloaks_are_shown_so_many_times_as_large_beside_the_clean_picture():
  clean = np.full((2, 1, 1, 3), 100, np.uint8)
  clean[1] = 250
  first, second = clean + np.uint8(3), clean - np.uint8([1, 0, 40])
  made = puface.PuFace(amplification=(2, 4.0))
  pairs, rows = made.training_set(clean, [first, second])
  assert pairs.shape == (10, 1, 1, 6) and pairs.dtype == np.uint8
  np.testing.assert_array_equal(rows, [0, 1] * 5)
  np.testing.assert_array_equal(pairs[..., 3:], clean[rows])
  shown = [
    *([100] * 3, [250] * 3),
    *([106] * 3, [255] * 3),  # 256 is none
    *([112] * 3, [255] * 3),
    *([98, 100, 20], [248, 250, 170]),
    *([96, 100, 0], [246, 250, 90]),  # 100 - 4 * 40 is none
  ]
  np.testing.assert_array_equal(pairs[:, 0, 0, :3], shown)


def test_the_loss_is_of_pixels_and_of_directions():
  clean = np.full((1, SIZE, SIZE, 3), 51, np.uint8)
  cloaked = clean.copy()
  cloaked[..., 0] = 102
  # Sees red and green alone: 45 degrees, and where red is doubled, .8 and .4
  # times sqrt(5) / 2. It is not asked about its scale.
  seen = _network(lambda scale, x: 7 * scale[:2] * x.mean((1, 2))[:, :2])
  recipe = RECIPE | {'num_epochs': 1, 'batch_size': 2}
  training, pairs = _made(
    clean, cloaked, recipe, seen, amplification=(1,), feature_weight=0.5
  )
  start = training.init()
  # Nothing is taken away.
  zero = jax.tree.map(jnp.zeros_like, start.params)
  step = training.steps(start.replace(params=zero), training.sampler(*pairs))
  _, sums = next(step)
  # Of two pairs the clean one costs nothing. Of the other a third of the
  # values is .2 off, and 2 - 2 cos(theta), cos = 3 / sqrt(10).
  expected = 0.2 / 3 + 0.5 * (2 - 2 * 3 / 10**0.5)
  assert float(sums['loss']) == pytest.approx(expected, rel=1e-4)
  assert float(sums['count']) == 2


def test_it_learns_to_take_away_what_the_tool_adds():
  clean, others = _smooth(24), _smooth(12, seed=1)
  training, pairs = _made(clean, (clean + CLOAK).astype(np.uint8))
  purify = puface.purifier(training, variables(training.fit(*pairs)))
  error = lambda images: np.abs(purify(images) - others.astype(int)).mean()
  # 6 levels, of people who were not in its training.
  assert error((others + CLOAK).astype(np.uint8)) < 2
  assert error(others) < 2
  grey = np.repeat(others[..., :1], 3, -1)
  purified = purify(grey)
  assert purified.dtype == np.uint8 and (purified != grey).any()
  np.testing.assert_array_equal(purified, purified[..., :1].repeat(3, -1))


@pytest.mark.parametrize(
  'settings, message',
  [
    ({'amplification': ()}, 'amplification: none given'),
    ({'amplification': (2.0, 0.0)}, 'amplification: 0.0'),
    ({'feature_weight': -1}, 'feature_weight: -1'),
    ({'depth': 1}, 'depth: 1'),
  ],
)
def test_settings_that_cannot_be_meant_are_refused(settings, message):
  with pytest.raises(InputError, match=message):
    puface.PuFace(**settings)


@pytest.mark.parametrize('name', ['head', 'label_smoothing', 'dtype'])
def test_a_recipe_says_nothing_that_is_not_read(name):
  with pytest.raises(InputError, match=rf'config.mine.{name}: a purifier'):
    puface.recipe({name: 0}, 'mine')
