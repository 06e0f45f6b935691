"""All attacks as people run JAX: its modes, its transformations, its types.

Mostly by `eval_shape`, which traces and compiles nothing.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import toys
from flax import linen, nnx

from fr_poison import attacks
from fr_poison.attacks import constraints, objectives, optimizers, transforms

RNG = jax.random.key(3)
SIZE = 12  # the smallest that has a DSSIM
DEPTH = 6  # of embeddings


def embed_fn(params, images):
  """Linear; like most networks it does not take a batch of 0."""
  return images.reshape(len(images), -1) @ params


def _params(size=SIZE, depth=DEPTH):
  rng = np.random.default_rng(0)
  return jnp.asarray(rng.standard_normal((size * size * 3, depth)), jnp.float32)


def _table():
  """name -> (how to make it, its pictures' size, its targets)."""
  few = {'num_steps': 3}
  target, candidates = [jnp.ones(DEPTH)], [jnp.eye(4, DEPTH)]
  lpips = {'lpips_params': toys.lpips_params()}
  make = attacks
  return {
    'lowkey': (make.lowkey, few | lpips, 32, None),
    'lowkey_ball': (make.lowkey, few | {'lpips_weight': 0.0}, SIZE, None),
    'fawkes_v1': (make.fawkes, few, SIZE, None),
    'fawkes_v03': (make.fawkes, few | {'version': '0.3'}, SIZE, target),
    'fawkes_plain': (make.fawkes, few | {'version': 'plain'}, SIZE, target),
    'pgd': (make.pgd, few, SIZE, None),
    'pgd_l2': (make.pgd, few | {'norm': 'l2'}, SIZE, None),
    'pgd_adam': (
      make.pgd,
      few | {'optimizer': 'adam', 'restarts': 2, 'targeted': True},
      SIZE,
      target,
    ),
    'pgd_momentum': (make.pgd, few | {'optimizer': 'momentum'}, SIZE, None),
    'eot_pgd': (make.eot_pgd, few, SIZE, None),
    'evading_pgd': (make.evading_pgd, few, SIZE, None),
    'feature_shift': (make.feature_shift, {}, SIZE, candidates),
    'protected_set': (make.protected_set, few, SIZE, candidates),
    'tip_im': (make.tip_im, few, SIZE, candidates),
    'opom': (make.opom, few, SIZE, None),
    'opom_convex': (make.opom, few | {'variant': 'convex_hull'}, SIZE, None),
    'opom_affine': (make.opom, few | {'variant': 'affine_hull'}, SIZE, None),
    'chameleon': (make.chameleon, {'num_epochs': 2}, SIZE, None),
    'protego_planar': (make.protego_planar, {'num_epochs': 2}, SIZE, None),
    'diverse': (make.diverse, few, SIZE, None),
  }


TABLE = _table()


def _made(name, embed_fn=embed_fn):
  """The attack, its params, and the other arguments of `init`."""
  make, settings, size, targets = TABLE[name]
  embed_fns, params = [embed_fn], [_params(size)]
  if name == 'evading_pgd':
    embed_fns, params = [embed_fn] * 2, [*params, _params(size, 1)]
  extra = {} if targets is None else {'targets': targets}
  return make(embed_fns, **settings), params, extra


def _images(name, count=3):
  return jnp.asarray(toys.images(count, TABLE[name][2]))


@pytest.fixture(params=TABLE)
def name(request):
  return request.param


def _types(tree):
  return jax.tree.map(lambda x: (x.shape, x.dtype, x.weak_type), tree)


def _check_types(name, embed_fn=embed_fn, dtype=jnp.float32, count=3):
  """A step keeps all types, in a scan, too; float32 comes out."""
  attack, params, extra = _made(name, embed_fn)
  images = _images(name, count).astype(dtype)
  init = lambda images: attack.init(params, RNG, images, **extra)
  state, seen = jax.eval_shape(init, images), []

  def body(state, _):
    after = attack.step(params, state)
    seen.append(_types(jax.tree.map(jax.typeof, after)))
    return after, None

  scan = lambda state: jax.lax.scan(body, state, length=2)[0]
  assert _types(jax.eval_shape(scan, state)) == _types(state)
  assert seen[0] == _types(state)  # which a scan would have made fit
  adv_images, info = jax.eval_shape(attack.finish, params, state)
  assert adv_images.dtype == jnp.float32
  assert adv_images.shape == images.shape
  assert {str(x.dtype) for x in info.values()} == {'float32', 'bool'}
  assert {x.shape for x in info.values()} == {(count,)}


def test_types_are_kept_in_64_bit_mode(name):
  with jax.enable_x64(True):
    _check_types(name, dtype=jnp.float64)


def test_types_are_kept_under_strict_promotion_of_types_and_ranks(name):
  strict = jax.numpy_dtype_promotion('strict')
  with strict, jax.numpy_rank_promotion('raise'):
    _check_types(name, count=1 + (name == 'protego_planar'))


@pytest.mark.parametrize('dtype', [jnp.bfloat16, jnp.float16])
def test_types_are_kept_with_embeddings_of_half_precision(name, dtype):
  half = lambda params, images: embed_fn(params, images).astype(dtype)
  with jax.numpy_dtype_promotion('strict'):
    _check_types(name, half)


@pytest.mark.parametrize('name', ['pgd', 'fawkes_plain'])
def test_64_bit_mode_changes_no_pixel(name):
  attack, params, extra = _made(name)
  images = _images(name)
  expected, _ = attacks.run(attack, params, RNG, images, **extra)
  with jax.enable_x64(True):
    whole = jax.jit(lambda x: attacks.run(attack, params, RNG, x, **extra)[0])
    wide = whole(images)
  difference = np.asarray(wide) != np.asarray(expected)
  assert wide.dtype == jnp.float32 and difference.mean() < 0.01


def test_a_state_can_be_donated_and_nothing_of_the_callers_goes_with_it(name):
  attack, params, extra = _made(name)
  images = _images(name)
  state = attack.init(params, RNG, images, **extra)  # not compiled
  leaves = [x for x in jax.tree.leaves(state) if x.dtype != RNG.dtype]
  pointers = [x.unsafe_buffer_pointer() for x in leaves if x.size]
  assert len(set(pointers)) == len(pointers)
  step = jax.jit(attack.step, donate_argnums=1)
  params = jax.device_put(params)
  with jax.transfer_guard('disallow'):
    after = jax.block_until_ready(step(params, state))
  assert int(after.step) == 1
  given = (params, images, extra, RNG, TABLE[name][1])
  assert not any(
    x.is_deleted() for x in jax.tree.leaves(given) if isinstance(x, jax.Array)
  )


def test_a_whole_run_transfers_only_what_it_was_given():
  attack, params, _ = _made('pgd')
  params, images = jax.device_get(params), toys.images(2, SIZE)
  with jax.transfer_guard('disallow'):
    adv_images, _ = attacks.run(attack, params, RNG, images)
  assert len(adv_images) == 2


def test_of_no_pictures_none_come_back(name):
  attack, params, extra = _made(name)
  images = _images(name, 0)
  if name == 'fawkes_plain':  # also with targets of their number
    extra = {'targets': [jnp.zeros((0, DEPTH))]}
  if attack.unit == 'group':
    extra = {'groups': []}
  adv_images, info = attacks.run(attack, params, RNG, images, **extra)
  assert adv_images.shape == images.shape and adv_images.dtype == jnp.float32
  traced = lambda x: attacks.run(attack, params, RNG, x, **extra)
  _, shapes = jax.eval_shape(traced, images)
  assert _types(shapes) == _types(info)
  assert info['improved'].shape == (0,)


def test_an_attack_is_vmapped_and_pmapped(name):
  attack, params, extra = _made(name)
  if attack.unit == 'group':
    extra = {'groups': [0, 0]}

  def one(image):
    images = image[None]
    if attack.unit == 'group':  # each is a person of two pictures
      images = jnp.stack([image, 1 - image])
    return attacks.run(attack, params, RNG, images, **extra)[0][0]

  images = _images(name, 4)[:, None]
  shape = jax.eval_shape(jax.pmap(jax.vmap(one)), images)
  assert shape.shape == images.shape


def test_a_step_is_scanned_in_the_callers_shard_map(name):
  # Which by default tells what differs between devices from what does not.
  attack, params, extra = _made(name)
  mesh = jax.sharding.Mesh(np.array(jax.devices()[:2]), ('x',))
  part = jax.sharding.PartitionSpec('x')

  @jax.shard_map(mesh=mesh, in_specs=part, out_specs=part)
  def cloaked(images):
    state = attack.init(params, RNG, images, **extra)
    step = lambda state, _: (attack.step(params, state), None)
    return attack.finish(params, jax.lax.scan(step, state, length=2)[0])[0]

  images = _images(name, 4)
  assert jax.eval_shape(cloaked, images).shape == images.shape


@pytest.mark.parametrize('name', ['fawkes_v1', 'tip_im', 'chameleon'])
def test_a_step_is_vmapped_over_keys_and_weights(name):
  attack, params, extra = _made(name)
  images = _images(name)
  several = jax.tree.map(lambda x: jnp.stack([x, 2 * x]), params)

  def one(params, rng):
    state = attack.init(params, rng, images, **extra)
    return attack.finish(params, attack.step(params, state))[0]

  found = jax.eval_shape(jax.vmap(one), several, jax.random.split(RNG))
  assert found.shape == (2, *images.shape)


@pytest.mark.parametrize('name', ['pgd', 'opom'])
def test_every_generators_key_gives_draws_of_a_picture_alone(name):
  # Side by side, other generators than threefry draw by the number of keys.
  attack, params, extra = _made(name)
  init = lambda rng: attack.init(params, rng, _images(name), **extra)
  for rng in (jax.random.key(3, impl='rbg'), jax.random.PRNGKey(3), RNG):
    assert jax.eval_shape(init, rng).rngs.dtype == RNG.dtype


def test_an_attack_made_in_a_trace_is_not_kept_beyond_it():
  def cloaked(scale, images):
    scaled = lambda params, images: scale * embed_fn(params, images)
    attack, params = attacks.pgd([scaled], num_steps=2), [_params()]
    return attack.step(params, attack.init(params, RNG, images)).adv_images

  with jax.checking_leaks():
    jax.eval_shape(cloaked, jnp.float32(2), _images('pgd'))


def test_distances_are_float32_whatever_the_network_answers_in():
  # (1, .01) and (1, .03) in bfloat16, whose next numbers to 1 are .008 away:
  # the unit vectors' difference would be lost in it.
  images = jnp.full((1, 1, 2, 3), 0.01).at[0, 0, 1].set(0.03)
  first = lambda params, x: jnp.stack([x[:, 0, 0, 0] * 0 + 1, x[:, 0, 0, 0]], 1)
  half = lambda params, x: first(params, x).astype(jnp.bfloat16)
  objective = objectives.displacement([half])
  reference = objective.reference([None], images, None)
  found = objective.distance([None], reference, images[:, :, ::-1], None)
  a, b = (
    np.asarray(half(None, x), np.float64) for x in (images, images[:, :, ::-1])
  )
  unit = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)
  expected = np.sum((unit(a) - unit(b)) ** 2, 1)
  np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_a_network_may_be_of_linen_or_of_nnx():
  images, kernel = _images('pgd', 2), _params()
  flat = lambda x: x.reshape(len(x), -1)
  dense = linen.Dense(DEPTH, use_bias=False)
  layer = nnx.Linear(len(kernel), DEPTH, use_bias=False, rngs=nnx.Rngs(0))
  layer.kernel.set_value(kernel) if hasattr(
    layer.kernel, 'set_value'
  ) else setattr(layer.kernel, 'value', kernel)
  graph, weights = nnx.split(layer)
  found = [
    attacks.run(attacks.pgd([f], num_steps=2), [p], RNG, images)[0]
    for f, p in (
      (embed_fn, kernel),
      (
        lambda params, x: dense.apply(params, flat(x)),
        {'params': {'kernel': kernel}},
      ),
      (lambda params, x: nnx.merge(graph, params)(flat(x)), weights),
    )
  ]
  np.testing.assert_array_equal(found[1], found[0])
  np.testing.assert_array_equal(found[2], found[0])


def test_equal_arguments_make_equal_attacks(name):
  if name == 'lowkey':  # its weights have no hash; with those that ship:
    ours = [attacks.lowkey([embed_fn], num_steps=3) for _ in range(2)]
  else:
    ours = [_made(name)[0] for _ in range(2)]
  assert ours[0] == ours[1] and hash(ours[0]) == hash(ours[1])
  make, settings, _, _ = TABLE[name]
  other = make([lambda params, images: embed_fn(params, images)], **settings)
  assert other != ours[0]


def test_equal_numbers_of_any_type_make_equal_attacks():
  ours = attacks.pgd([embed_fn], num_steps=np.int64(3), epsilon=0.5)
  assert ours == attacks.pgd((embed_fn,), epsilon=np.float32(0.5), num_steps=3)
  assert ours != attacks.pgd([embed_fn], epsilon=0.25, num_steps=3)


def test_an_equal_attack_is_not_compiled_again():
  traces = []

  def counted(params, images):
    traces.append(1)
    return embed_fn(params, images)

  def run():
    own = attacks.gradient_attack(
      objectives.expectation(
        objectives.displacement([counted]), [transforms.flip()]
      ),
      constraints.linf_ball(0.1),
      optimizers.make('momentum', 'linf', 0.01),
      num_steps=2,
    )
    for attack in (attacks.pgd([counted], num_steps=2), own):
      attacks.run(attack, [_params()], RNG, _images('pgd', 1))

  run()
  before = len(traces)
  run()
  assert len(traces) == before > 0


def test_what_cannot_be_compared_is_made_anew():
  # optax makes new functions each time, so these may be different.
  make = lambda: attacks.gradient_attack(
    objectives.displacement([embed_fn]),
    constraints.linf_ball(0.1),
    optax.sgd(0.1),
    num_steps=1,
  )
  assert make() != make()
