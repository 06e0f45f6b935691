"""What a user with a network of their own reads after a slip."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fr_poison import attacks, extractors
from fr_poison.attacks import constraints, gradient, objectives, optimizers
from fr_poison.detectors import base
from fr_poison.extractors import Extractor
from fr_poison.training import heads, step
from fr_poison.types import InputError

RNG = jax.random.key(0)
IMAGES = np.random.default_rng(0).random((2, 4, 4, 3), np.float32)
PARAMS = [jnp.ones((48, 4))]


def good(params, images):
  return images.reshape(len(images), -1) @ params


def run(embed_fns=(good,), params=PARAMS, images=IMAGES, **more):
  make, settings = more.pop('make', attacks.pgd), more.pop('settings', {})
  attack = make(embed_fns, **{'num_steps': 1} | settings)
  more = {'rng': RNG} | more
  return attacks.run(attack, params, images=images, **more)


def _targeted(embed_fns, num_steps):
  return attacks.pgd(embed_fns, targeted=True, num_steps=num_steps)


def _aimed(*targets, **more):
  return {'make': _targeted, 'targets': list(targets)} | more


def _gives(change):
  return {'embed_fns': [lambda p, x: change(good(p, x))]}


ONES = np.ones
SLIPS = [
  (_gives(lambda e: (e, 0)), r'embed_fns\[0\]: gave a tuple; .*\[2, D\]'),
  (_gives(lambda e: e[0]), r'embed_fns\[0\]: gave float32 \[4\]; .*\[2, D\]'),
  (_gives(lambda e: e.astype(int)), r'embed_fns\[0\]: gave int32 .*floating'),
  ({'embed_fns': good}, 'embed_fns: a function; a list of functions'),
  ({'embed_fns': [PARAMS]}, r'embed_fns\[0\]: a list; a function'),
  ({'embed_fns': [], 'params': []}, 'embed_fns: no network given'),
  ({'params': PARAMS[0]}, 'params: an array; a list with one entry'),
  ({'params': {'params': 1}}, 'params: a dict; a list with one entry'),
  ({'params': PARAMS * 2}, 'params: 2 given for 1 networks'),
  ({'rng': 0}, 'rng: 0; one key expected, such as jax.random.key'),
  ({'rng': jax.random.split(RNG)}, r'rng: key.* \[2\]; one key expected'),
  ({'settings': {'epsilon': '8/255'}}, "epsilon: '8/255' is outside"),
  ({'settings': {'num_steps': 3.0}}, 'num_steps: 3.0; a whole number'),
  (_aimed(ONES(7)), r'targets\[0\]: \[7\]; \[4\] or \[2, 4\] expected'),
  (_aimed(ONES((5, 4))), r'targets\[0\]: \[5, 4\]; \[4\] or \[2, 4\]'),
  (_aimed(ONES(4) * np.nan), r'targets\[0\]: NaN or infinite'),
  (_aimed(ONES(4), ONES(4)), 'targets: 2 for 1; a list with one array'),
  ({'make': _targeted}, 'targets: NoneType; a list with one array'),
  ({'targets': [ONES(4)]}, 'targets: given, but this attack .* takes none'),
  ({'start': IMAGES * np.nan}, 'start: NaN or infinite'),
  ({'start': IMAGES[0]}, r'start: \[4, 4, 3\]; \[2, 4, 4, 3\] expected'),
  (
    {'images': np.nextafter(ONES((1, 4, 4, 3), np.float32), np.float32(2))},
    r'images: pixels in \[1.0000001, 1.0000001\], .*; clip them',
  ),
  (
    {'images': jnp.asarray(IMAGES, jnp.bfloat16)},
    'images: expected float32 .*, got bfloat16; it has no room for 256',
  ),
  ({'images': IMAGES[0]}, r'images: expected shape \[B, H, W, 3\]'),
]


@pytest.mark.parametrize('given, message', SLIPS, ids=[m for _, m in SLIPS])
def test_each_slip_is_one_line_of_what_came_and_what_is_expected(
  given, message
):
  with pytest.raises(InputError, match=f'^{message}') as caught:
    run(**given)
  assert '\n' not in str(caught.value)


def test_what_the_users_function_raises_passes_through_with_a_note():
  def broken(params, images):
    raise LookupError('of the user')

  with pytest.raises(LookupError) as caught:
    run([broken])
  assert caught.value.args == ('of the user',)
  (note, *_) = caught.value.__notes__
  assert note.startswith('Raised by embed_fns[0]') and 'params[0]' in note
  # So does what others call.
  extractor = Extractor(broken, PARAMS[0], None, 4, None)
  codes = np.zeros((2, 4, 4, 3), np.uint8)
  detector = base.Detector(lambda images: broken(None, images), 'n', 'f', '')
  training = step.make_train_step(
    broken, heads.softmax(), optimizers.make('adam', 'linf', 0.1)
  )
  state = step.create({'params': {}}, {}, optimizers.make('adam', 'linf', 0.1))
  batch = {'images': IMAGES, 'labels': np.zeros(2, int), 'mask': np.ones(2)}
  batch['position'] = np.arange(2)
  for call, name in (
    (lambda: extractors.embed(extractor, codes), 'extractor.embed_fn'),
    (lambda: detector.score(codes), 'score'),
    (lambda: training(state, batch, RNG), 'train_fn'),
  ):
    with pytest.raises(LookupError) as caught:
      call()
    assert caught.value.__notes__[0].startswith(f'Raised by {name}')


def test_an_objective_of_ones_own_gives_one_number_a_picture():
  mean = objectives.Objective(
    lambda params, images, targets: (),
    lambda params, reference, images, rngs: jnp.mean(images),
  )
  attack = gradient.gradient_attack(
    mean,
    constraints.unbounded(),
    optimizers.make('sign', 'linf', 0.1),
    num_steps=1,
  )
  with pytest.raises(InputError, match=r'^objective.distance: gave \[\]; one'):
    attacks.run(attack, [], RNG, IMAGES)


def test_a_detector_that_is_attacked_gives_log_odds():
  attack = attacks.evading_pgd([good, good], num_steps=1)
  with pytest.raises(InputError, match=r'^embed_fns\[1\]: gave \[2, 4\].*odds'):
    attacks.run(attack, PARAMS * 2, RNG, IMAGES)


def test_a_filter_of_ones_own_gives_pictures():
  detector = base.Detector(lambda images: 1.0, 'n', 'f', '')
  with pytest.raises(InputError, match=r'^score: gave \[\]; one number'):
    detector.score(np.zeros((2, 4, 4, 3), np.uint8))


def test_a_traced_setting_is_one_line():
  made = lambda epsilon: run(settings={'epsilon': epsilon})[0]
  with pytest.raises(InputError, match='^epsilon: a traced number; a plain'):
    jax.eval_shape(made, 0.1)
