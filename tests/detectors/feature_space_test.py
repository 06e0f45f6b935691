import jax
import numpy as np
import pytest
import toy_network
from photos import picture

from fr_poison import extractors, roc
from fr_poison.attacks import perceptual
from fr_poison.attacks.alexnet import LpipsFeatures
from fr_poison.data.faces import to_float
from fr_poison.detectors import trunks
from fr_poison.detectors.feature_space import FeatureSpace, FineTuned
from fr_poison.extractors import load
from fr_poison.layers import Conv
from fr_poison.types import InputError

SIZE = 32
TRAINING = {
  'num_epochs': 4,
  'batch_size': 8,
  'optimizer': {'learning_rate': 3e-2},
  'flip': 0.0,
}


def _photos(seeds):
  return np.stack([picture(SIZE, SIZE, seed) for seed in seeds])


def _cloaked(images, seed=0):
  """Grey, of 2x2 squares, up to 5 levels."""
  rng = np.random.default_rng(seed)
  squares = rng.choice([-5, 5], (len(images), SIZE // 2, SIZE // 2, 1))
  cloak = squares.repeat(2, 1).repeat(2, 2)
  return np.clip(images + cloak, 0, 255).astype(np.uint8)


def _area(detector, clean, cloaked):
  scores = detector.score(np.concatenate([clean, cloaked]))
  is_cloaked = np.repeat([False, True], [len(clean), len(cloaked)])
  return roc.auc(scores, is_cloaked)


CLEAN, OTHERS = _photos(range(16)), _photos(range(100, 116))
CLOAKED, OTHERS_CLOAKED = _cloaked(CLEAN), _cloaked(OTHERS, 1)
# Of three people, who look different; the cloak is one channel's.
LABELS = np.arange(24) % 3
FACES = toy_network.pictures(LABELS)
FACES_CLOAKED = FACES + np.uint8([0, 25, 0])
PAIR = FACES[:16], FACES_CLOAKED[:16]


def _fit(network, pair=PAIR, **settings):
  return FeatureSpace('toy', **settings).fit(*pair, extractor=network)


@pytest.fixture(scope='module')
def frozen():
  return FeatureSpace('alexnet').fit(CLEAN, CLOAKED)


def test_alexnets_features_are_what_lpips_computes_before_its_weights():
  network = trunks.load('alexnet')
  features = extractors.embed(network, CLEAN[:2])
  convolutions = lambda params, images: LpipsFeatures().apply(
    params,
    images,
    capture_intermediates=lambda module, _: isinstance(module, Conv),
    mutable=['intermediates'],
  )
  _, state = jax.jit(convolutions)(perceptual.load_lpips(), to_float(CLEAN[:2]))
  layers = [
    np.maximum(state['intermediates'][f'conv{i}']['__call__'][0], 0)
    for i in range(1, 6)
  ]
  expected = [x.mean((1, 2)) for x in layers] + [x.std((1, 2)) for x in layers]
  assert features.shape == (2, network.spec.embedding_size) == (2, 2304)
  np.testing.assert_allclose(features, np.concatenate(expected, -1), atol=1e-5)


def test_alexnet_finds_a_cloak_on_people_it_never_saw(frozen):
  assert _area(frozen, OTHERS, OTHERS_CLOAKED) > 0.95
  assert (frozen.name, frozen.features) == ('feature_space', 'alexnet')


def test_vgg16s_features_are_what_its_first_program_computes(golden):
  expected, network = golden('vgg16'), trunks.load('vgg16')
  features = extractors.embed(network, expected['images'])
  assert features.shape == (2, network.spec.embedding_size)
  # Its weights are rounded to float16.
  error = np.abs(features - expected['statistics']).max(0)
  assert error.max() <= 5e-4 * expected['statistics'].max()
  with pytest.raises(InputError, match='^images: 3x9, but vgg16 needs .* 4x4'):
    extractors.embed(network, CLEAN[:1, :3, :9])


def test_vgg16_finds_a_cloak_on_people_it_never_saw():
  detector = FeatureSpace('vgg16').fit(CLEAN, CLOAKED)
  assert _area(detector, OTHERS, OTHERS_CLOAKED) > 0.95
  assert detector.features == 'vgg16'


def test_a_score_is_of_one_picture_alone(frozen):
  scores = frozen.score(OTHERS)
  alone = [frozen.score(OTHERS[i : i + 1])[0] for i in (9, 2)]
  np.testing.assert_allclose(alone, scores[[9, 2]], atol=1e-4)
  assert frozen.score(OTHERS[:0]).shape == (0,)


def test_alexnet_is_trained_on_columns_of_one_size():
  images = np.concatenate([CLEAN, CLOAKED])
  network = trunks.standardized(trunks.load('alexnet'), images)
  columns = extractors.embed(network, images)
  np.testing.assert_allclose(columns.mean(0), 0, atol=1e-3)
  deviations = columns.std(0)
  np.testing.assert_allclose(deviations[deviations > 0], 1, atol=1e-2)
  # From the third layer on there is one position, so no deviation in space.
  assert (deviations > 0).mean() > 0.4
  assert network.input_size == SIZE


def test_fine_tuned_alexnet_starts_from_the_frozen_one(frozen):
  small = {'num_epochs': 1, 'batch_size': 32}
  small |= {'optimizer': {'learning_rate': 1e-7}}
  recipe = FineTuned('alexnet', TRAINING | small)
  tuned = recipe.fit(CLEAN, CLOAKED)
  images = np.concatenate([OTHERS[:4], OTHERS_CLOAKED[:4]])
  before, after = frozen.score(images), tuned.score(images)
  np.testing.assert_allclose(after, before, atol=0.05)
  assert (before != after).all()  # one small step was made
  assert tuned.features == 'alexnet_fine_tuned'
  assert tuned.digest != frozen.digest


def test_a_network_learns_end_to_end():
  recipe = FineTuned('toy', TRAINING, start_head='random')
  tuned = recipe.fit(*PAIR, extractor=toy_network.extractor())
  assert _area(tuned, FACES[16:], FACES_CLOAKED[16:]) > 0.95


def test_what_resizes_takes_any_size_and_what_does_not_only_one():
  network = toy_network.extractor()
  resizing = network._replace(
    embed_fn=lambda params, images: network.embed_fn(
      params, jax.image.resize(images, (len(images), 8, 8, 3), 'linear')
    )
  )
  large = FACES[:4].repeat(2, 1).repeat(2, 2)
  scores = _fit(resizing).score(large)
  assert scores.shape == (4,)
  # As pixels and AlexNet do.
  as_they_are = network._replace(spec=network.spec._replace(input_size=0))
  detector = _fit(as_they_are)
  with pytest.raises(InputError, match='^images: pictures of 16x16, .* 8x8'):
    detector.score(large)


def test_digests_are_of_what_was_learnt_on_which_weights():
  network = toy_network.extractor()
  params = jax.tree.map(np.array, network.params)
  kernel = params['params']['Conv_0']['kernel']
  kernel[0, 0, 0, 0] = np.nextafter(kernel[0, 0, 0, 0], np.float32(9))
  fit = lambda params, C: _fit(network._replace(params=params), C=C)
  detectors = [fit(x, C) for x in (network.params, params) for C in (1.0, 0.5)]
  detectors.append(_fit(network._replace(mirrored=True), C=1.0))
  assert len({detector.digest for detector in detectors}) == 5
  again = fit(network.params, 1.0)
  assert again.digest == detectors[0].digest
  np.testing.assert_array_equal(again.score(FACES), detectors[0].score(FACES))


def test_what_it_cannot_judge_or_learn_is_refused(frozen):
  trunk = trunks.load('alexnet')
  tune = lambda network, *pair, **changes: FineTuned(
    'toy', TRAINING | changes
  ).fit(*pair, extractor=network)
  for message, call in (
    ('images: pictures of 31x32', lambda: frozen.score(OTHERS[:, 1:])),
    ('cloaked: no pictures', lambda: _fit(trunk, (CLEAN, CLEAN[:0]))),
    (
      'images: 30x32, but alexnet needs at least 31x31',
      lambda: _fit(trunk, (CLEAN[:, 2:], CLOAKED[:, 2:])),
    ),
    (
      'clean: 31x32; alexnet learns from squares',
      lambda: tune(trunk, CLEAN[:, 1:], CLOAKED[:, 1:]),
    ),
    (
      'training.head: softmax expected, not arcface',
      lambda: FineTuned('toy', TRAINING | {'head': {'name': 'arcface'}}),
    ),
    (
      'training.num_epochs: 0;',
      lambda: FineTuned('toy', TRAINING | {'num_epochs': 0}),
    ),
    ('training: .*momentum', lambda: FineTuned('toy', {'momentum': 1})),
    ('start_head: ', lambda: FineTuned('toy', TRAINING, start_head='x')),
    (
      'network: pixels has no weights to train',
      lambda: tune(load('pixels'), *PAIR),
    ),
    ('C: ', lambda: FeatureSpace('toy', C=-1.0)),
  ):
    with pytest.raises(InputError, match=f'^{message}'):
      call()


def test_a_detector_as_a_network_gives_its_scores_and_gradients():
  detector = _fit(toy_network.extractor())
  odds = detector.network
  images = np.concatenate([FACES[16:], FACES_CLOAKED[16:]])
  scores = extractors.embed(odds, images)
  assert scores.shape == (16, 1)
  np.testing.assert_allclose(
    scores[:, 0], detector.score(images), rtol=1e-3, atol=1e-3
  )
  up = jax.grad(lambda x: odds.embed_fn(odds.params, x).sum())(to_float(images))
  assert np.abs(up).max() > 0
