import jax
import jax.numpy as jnp
import numpy as np
import pytest
import toy_network

from fr_poison import extractors
from fr_poison.training import Recipe, Trainer, loop
from fr_poison.types import InputError

LABELS = np.arange(21) % 3
IMAGES = toy_network.pictures(LABELS)
SETTINGS = dict(
  num_epochs=6, batch_size=8, optimizer={'learning_rate': 3e-2}, seed=2
)


def _trainer(**changes):
  return Trainer(
    Recipe(**(SETTINGS | changes)),
    toy_network.extractor(),
    num_classes=3,
    num_images=len(LABELS),
  )


@pytest.fixture(scope='module')
def trainer():
  return _trainer()


@pytest.fixture(scope='module')
def trained(trainer):
  return trainer.fit(IMAGES, LABELS)


def _close(actual, expected, **tolerance):
  assert jax.tree.structure(actual) == jax.tree.structure(expected)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, **tolerance), actual, expected
  )


def test_a_training_learns(trainer, trained):
  assert trainer.num_steps == int(trained.step) == 18  # 6 epochs of 3
  probes = toy_network.pictures(LABELS, seed=1), LABELS
  before = trainer.evaluate(trainer.init(), *probes)
  after = trainer.evaluate(trained, *probes)
  assert before['accuracy'] < 0.8 and after['accuracy'] == 1
  assert after['loss'] < before['loss'] / 4
  start = trainer.extractor.params
  jax.tree.map(np.testing.assert_array_equal, start, toy_network.init())


def test_an_epoch_may_have_as_many_steps_as_it_says():
  long = _trainer(balanced=True, steps_per_epoch=50)
  assert long.num_steps == 6 * 50
  assert long.sampler(IMAGES, LABELS).steps_per_epoch == 50


def test_evaluation_counts_each_picture_once(trainer, trained):
  found = trainer.evaluate(trained, IMAGES, LABELS)
  # 21 pictures in three batches of 8, the last filled up.
  images = IMAGES.astype(np.float32) / 255
  variables = {
    'params': trained.params['extractor'],
    'batch_stats': trained.batch_stats,
  }
  embeddings = toy_network.embed_fn(variables, images)
  head = trained.params['head']
  scores = embeddings @ head['kernel'] + head['bias']
  losses = -jax.nn.log_softmax(scores)[np.arange(21), LABELS]
  assert found['loss'] == pytest.approx(float(losses.mean()), rel=1e-4)
  right = np.argmax(scores, 1) == LABELS
  assert found['accuracy'] == pytest.approx(right.mean())


def test_going_on_in_the_middle_changes_no_bit(trainer, trained):
  sampler = trainer.sampler(IMAGES, LABELS)
  for state, _ in trainer.steps(trainer.init(), sampler):
    if int(state.step) == 7:
      break
  saved = jax.tree.map(np.array, state)
  restored = jax.tree.map(jnp.asarray, saved)
  *_, (state, _) = trainer.steps(restored, sampler)
  _close(state, trained, rtol=0, atol=0)
  assert not list(trainer.steps(state, sampler))


def test_steps_are_compiled_once(caplog):
  trainer = _trainer(num_epochs=2)
  sampler = trainer.sampler(IMAGES, LABELS)
  state, compiled = trainer.init(), []
  with jax.log_compiles():
    for _ in trainer.steps(state, sampler):
      found = [m for m in caplog.messages if 'Finished XLA compilation' in m]
      compiled.append(len(found))
  assert compiled[0] > 0
  assert compiled == compiled[:1] * 6


def test_half_precision_keeps_parameters_and_comes_close(trainer, trained):
  state = _trainer(dtype='bfloat16').fit(IMAGES, LABELS)
  for leaf, like in zip(
    jax.tree.leaves(state), jax.tree.leaves(trained), strict=True
  ):
    assert leaf.dtype == like.dtype
  found = trainer.evaluate(state, IMAGES, LABELS)
  expected = trainer.evaluate(trained, IMAGES, LABELS)
  assert found['accuracy'] == 1
  assert found['loss'] != expected['loss']
  assert found['loss'] == pytest.approx(expected['loss'], abs=0.05)


def test_a_loss_that_is_not_finite_stops_after_its_epoch(trainer, monkeypatch):
  start = trainer.init()
  kernel = start.params['head']['kernel'].at[0, 0].set(jnp.nan)
  start.params['head']['kernel'] = kernel
  monkeypatch.setattr(trainer, 'init', lambda: start)
  # The first epoch has 3 steps; the other 5 are not waited for.
  with pytest.raises(InputError, match='steps 1 and 3; .* learning_rate'):
    trainer.fit(IMAGES, LABELS)


def test_means_are_over_pictures_since_the_last_call():
  means = loop.Means(4)
  means.add({'loss': jnp.float32(6.0), 'correct': 1, 'count': 2})
  means.add({'loss': jnp.float32(3.0), 'correct': 0, 'count': 1})
  assert means.take(6) == {'loss': 3, 'accuracy': pytest.approx(1 / 3)}
  means.add({'loss': np.inf, 'correct': 0, 'count': 1})
  with pytest.raises(InputError, match='between steps 7 and 8'):
    means.take(8)


def test_another_number_of_people_is_refused(trainer):
  with pytest.raises(InputError, match='pictures of 2 people, 3 expected'):
    trainer.sampler(IMAGES, LABELS % 2)


def test_an_averaged_training_ends_with_its_average():
  trainer = _trainer(ema_decay=0.5, num_epochs=1, flip=0)
  sampler = trainer.sampler(IMAGES, LABELS)
  # As numpy arrays, since each state is used up by the next step.
  average = jax.tree.map(np.array, trainer.init().params)
  for state, _ in trainer.steps(trainer.init(), sampler):
    average = jax.tree.map(
      lambda a, p: (a + np.array(p)) / 2, average, state.params
    )
  _close(state.ema, average, rtol=1e-5, atol=1e-6)


def test_matching_brings_versions_back_and_leaves_the_clean_ones():
  network = toy_network.extractor()
  clean, labels = IMAGES, np.arange(len(IMAGES))
  targets = extractors.embed(network, clean)
  matching = Trainer(
    Recipe(**(SETTINGS | {'num_epochs': 40, 'head': {'name': 'match'}})),
    network,
    num_classes=len(clean),
    num_images=2 * len(clean),
    targets=targets,
  )
  versions = np.concatenate([clean, clean[:, ::-1]]), np.tile(labels, 2)
  before = matching.evaluate(matching.init(), *versions)['loss']
  state = matching.fit(*versions)
  assert matching.evaluate(state, *versions)['loss'] < before / 4
  np.testing.assert_array_equal(state.params['head']['targets'], targets)


@pytest.mark.parametrize(
  'head, targets', [('match', None), ('softmax', [[1.0]])]
)
def test_targets_are_for_matching_alone(head, targets):
  with pytest.raises(InputError, match='^targets: '):
    Trainer(
      Recipe(head={'name': head}),
      toy_network.extractor(),
      num_classes=1,
      num_images=1,
      targets=targets,
    )
