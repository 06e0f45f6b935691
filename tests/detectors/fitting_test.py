import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fr_poison.detectors import fitting
from fr_poison.types import InputError

ROWS = np.float32([1, 2, 3, 4, 5])


def minimize(power=2, **settings):
  """The mean over a batch of |x - row|^power, from x = 0; and all batches."""
  seen = []

  def batch_fn(step, index):
    seen.append(index.tolist())
    return ROWS[index]

  settings = {
    'num_epochs': 60,
    'batch_size': 2,
    'learning_rate': 0.2,
  } | settings
  loss_fn = lambda x, batch, rng: jnp.mean(jnp.abs(x - batch) ** power)
  recipe, start = fitting.SmallNetwork(**settings), jnp.zeros(())
  return recipe.minimize(loss_fn, start, len(ROWS), batch_fn), seen


def test_it_ends_near_the_minimum():
  # Of squares that is the mean, but the last row of an epoch weighs twice.
  found, seen = minimize()
  np.testing.assert_allclose(found, 3, atol=0.3)
  assert len(seen) == 60 * 3 and {len(batch) for batch in seen} == {2}
  for epoch in range(60):
    assert set(sum(seen[3 * epoch : 3 * epoch + 3], [])) == set(range(5))
  # In another order every time: there are 120.
  assert len({str(seen[i : i + 3]) for i in range(0, 180, 3)}) > 30


def test_the_rate_falls_to_zero_over_the_whole_training():
  # The slope is -1 below all rows, so Adam moves by the rate: in step t of T
  # by (1 + cos(pi t / T)) / 2 of it, which sums up to (T + 1) / 2. T is 12.
  found, seen = minimize(power=1, num_epochs=4, learning_rate=0.01)
  assert len(seen) == 12
  np.testing.assert_allclose(found, 0.01 * 13 / 2, rtol=1e-4)


def test_every_step_draws_numbers_of_its_own():
  drawn = []

  def loss_fn(x, batch, rng):
    jax.debug.callback(drawn.append, jax.random.uniform(rng))
    return jnp.sum((x - batch) ** 2)

  recipe = fitting.SmallNetwork(num_epochs=2, batch_size=2)
  recipe.minimize(loss_fn, jnp.zeros(()), 5, lambda step, rows: ROWS[rows])
  jax.effects_barrier()
  assert len(drawn) == len({float(x) for x in drawn}) == 6


def test_everything_follows_from_the_seed():
  first, seen = minimize(num_epochs=2)
  again, seen_again = minimize(num_epochs=2)
  assert (first, seen) == (again, seen_again)
  assert minimize(num_epochs=2, seed=1)[1] != seen


@pytest.mark.parametrize(
  ('setting', 'value'),
  [
    ('num_epochs', 0),
    ('num_epochs', 1.5),
    ('batch_size', True),
    ('seed', -1),
    ('learning_rate', np.nan),
  ],
)
def test_numbers_that_cannot_be_meant_are_refused(setting, value):
  with pytest.raises(InputError, match=setting):
    minimize(**{setting: value})


def test_a_loss_that_is_not_finite_names_its_first_step():
  # Adam goes by the learning rate at first: from 0 to 1e30, whose square is
  # beyond float32.
  with pytest.raises(InputError, match='not finite in step 2;'):
    minimize(learning_rate=1e30, num_epochs=1)
  # Also when many epochs went well before.
  explode = lambda x, batch, rng: jnp.where(batch < 120, x**2, jnp.nan)
  with pytest.raises(InputError, match='not finite in step 121;'):
    recipe = fitting.SmallNetwork(num_epochs=75, batch_size=1)
    batch_fn = lambda step, index: np.float32(step)
    recipe.minimize(explode, jnp.zeros(()), 2, batch_fn)


def test_arrays_are_named_by_their_place():
  tree = {'params': {'b': jnp.ones(1), 'a': [jnp.zeros(2)]}}
  assert {k: v.shape for k, v in fitting.flat(tree).items()} == {
    "['params']['a'][0]": (2,),
    "['params']['b']": (1,),
  }


def _kept(folder, seed=0):
  """The network of `seed`, and whether it was trained now."""
  trained = []

  def train():
    trained.append(seed)
    kernel = np.random.default_rng(seed).standard_normal((3, 2), np.float32)
    return {'params': {'dense': {'kernel': kernel}}}

  pictures = [np.zeros((1, 2, 2, 3), np.uint8)]
  found = fitting.kept(folder, 'toy', pictures, {'seed': seed}, train)
  return found['params']['dense']['kernel'], bool(trained)


def test_what_was_trained_is_read_back_bit_for_bit(tmp_path):
  fresh, _ = _kept(None)
  for is_new in (True, False):
    kernel, trained = _kept(tmp_path)
    assert trained == is_new
    np.testing.assert_array_equal(kernel, fresh)
  assert _kept(tmp_path, 1)[1] and len([*tmp_path.iterdir()]) == 2


def test_a_file_of_another_training_or_damage_is_refused(tmp_path):
  _kept(tmp_path)
  (path,) = tmp_path.iterdir()
  data = path.read_bytes()
  rng = np.random.default_rng(0)
  for i in rng.integers(len(data) - 24, len(data), 10):  # of the numbers
    changed = bytearray(data)
    changed[i] ^= 1 << int(rng.integers(8))
    path.write_bytes(changed)
    with pytest.raises(InputError, match='^.*toy-.*safetensors: .*delete it'):
      _kept(tmp_path)
  path.unlink()
  _kept(tmp_path, 1)
  next(tmp_path.iterdir()).rename(path)
  with pytest.raises(InputError, match='another training; delete it'):
    _kept(tmp_path)
