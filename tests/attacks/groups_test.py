"""What attacks promise whose unit is a person, over all of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import toys

from fr_poison import attacks
from fr_poison.attacks import by_person, perceptual
from fr_poison.types import InputError

RNG = jax.random.key(3)
SIZE = 12  # the smallest that has a DSSIM
EPSILON = 6 / 255
GROUPS = np.array([7, 2, 7, 2, 7, 2])  # the second picture is grey


def embed_fn(params, images):
  return jnp.tanh((images - 0.5).reshape(len(images), -1) @ params)


def _params(seed=0):
  rng = np.random.default_rng(seed)
  return [jnp.asarray(rng.standard_normal((SIZE**2 * 3, 6)) / 6, jnp.float32)]


def _attacks():
  nets, few = [embed_fn], {'epsilon': EPSILON, 'num_steps': 6}
  steps = few | {'learning_rate': None}
  epochs = {'epsilon': EPSILON, 'num_epochs': 6, 'learning_rate': 2 / 255}
  return {
    'opom': attacks.opom(nets, **steps),
    'opom_convex': attacks.opom(nets, 'convex_hull', **steps),
    'opom_affine': attacks.opom(nets, 'affine_hull', **steps),
    'chameleon': attacks.chameleon(nets, batch_size=2, **epochs),
    'protego_planar': attacks.protego_planar(nets, floor=0, **epochs),
    'diverse': attacks.diverse(nets, **few),
  }


ATTACKS = _attacks()
MASKED = [name for name in ATTACKS if name != 'diverse']
IMAGES = toys.images(6, SIZE)


def _run(name, images=IMAGES, groups=GROUPS, rng=RNG, params=None):
  adv_images, info = attacks.run(
    ATTACKS[name], params or _params(), rng, images, groups=groups
  )
  return np.asarray(adv_images), {k: np.asarray(v) for k, v in info.items()}


def _close(ours, expected):
  """Equal but for a grey level where a gradient's sign tips."""
  assert np.mean(np.abs(ours - expected) > 1e-6) < 0.01


@pytest.fixture(params=ATTACKS)
def name(request):
  return request.param


def test_saved_pixels_are_better_and_inside_the_budget(name):
  adv_images, info = _run(name)
  codes, originals = adv_images * 255, np.rint(IMAGES * 255)
  np.testing.assert_allclose(codes, np.rint(codes), atol=1e-4)
  assert adv_images.min() >= 0 and adv_images.max() <= 1
  change = np.abs(codes - originals)
  assert 0 < change.max() <= 6 + 1e-4
  np.testing.assert_allclose(info['linf'], change.max((1, 2, 3)) / 255, 1e-4)
  np.testing.assert_allclose(info['budget_used'], info['linf'] / EPSILON, 1e-5)
  assert info['improved'].all() and not info['zero_gradient'].any()
  np.testing.assert_allclose(info['start_score'], 0, atol=1e-6)
  (before,), (after,) = (
    [embed_fn(_params()[0], x)] for x in (IMAGES, adv_images)
  )
  unit = lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)
  moved = np.sum((unit(np.asarray(after)) - unit(np.asarray(before))) ** 2, 1)
  np.testing.assert_allclose(info['feature_distance'], moved, rtol=1e-4)
  if 'dssim' in info:
    dssim = perceptual.dssim(adv_images, IMAGES)
    np.testing.assert_allclose(info['dssim'], dssim, rtol=1e-4, atol=1e-6)


def test_grey_stays_grey_and_colour_may_change_by_channel(name):
  change = _run(name)[0] - IMAGES
  np.testing.assert_allclose(change[1], change[1][..., :1].repeat(3, -1))
  assert (change[3] != change[3][..., :1]).any()


def test_neither_order_nor_other_people_matter(name):
  together, info = _run(name)
  order = [3, 0, 5, 4, 2, 1]
  shuffled, other = _run(name, IMAGES[order], GROUPS[order])
  np.testing.assert_array_equal(shuffled, together[order])
  np.testing.assert_array_equal(other['score'], info['score'][order])
  own = GROUPS == 7
  alone, _ = _run(name, IMAGES[own], ['me'] * 3)
  np.testing.assert_array_equal(alone, together[own])


def test_deterministic_in_seed_and_in_all_pictures_of_the_person(name):
  first = _run(name)[0]
  np.testing.assert_array_equal(first, _run(name)[0])
  assert (first != _run(name, rng=jax.random.key(4))[0]).any()
  other = IMAGES.copy()
  other[4] = 1 - other[4]
  changed = _run(name, other)[0]
  np.testing.assert_array_equal(changed[GROUPS == 2], first[GROUPS == 2])
  assert (changed - other != first - IMAGES)[GROUPS == 7].any()


def test_the_key_is_of_all_pictures_whatever_their_order():
  init = jax.jit(ATTACKS['chameleon'].init)
  key = lambda images: jax.random.key_data(init(_params(), RNG, images).rng)
  images = IMAGES[:3]
  np.testing.assert_array_equal(key(images[::-1]), key(images))
  for number in range(3):
    other = images.copy()
    other[number, 0, 0] = 1 - other[number, 0, 0]
    assert (key(other) != key(images)).any()


@pytest.mark.parametrize('spoil', [0, np.nan])
def test_what_finds_nothing_gives_the_originals_back(name, spoil):
  adv_images, info = _run(name, params=[_params()[0] * spoil])
  np.testing.assert_array_equal(adv_images, IMAGES)
  assert not info['improved'].any() and not info['linf'].any()
  assert spoil or info['zero_gradient'].all()


@pytest.mark.parametrize('name', ['opom', 'diverse'])
def test_compiled_and_on_several_devices_it_is_the_same(name):
  attack, params = ATTACKS[name], _params()
  expected = _run(name)[0]

  def one(images):
    state = attack.init(params, RNG, images)
    body = lambda _, state: attack.step(params, state)
    state = jax.lax.fori_loop(0, attack.steps_for(3), body, state)
    return attack.finish(params, state)[0]

  people = np.stack([IMAGES[GROUPS == 7], IMAGES[GROUPS == 2]])
  spread = jax.pmap(jax.vmap(one))(people[:, None])[:, 0]
  _close(spread[0], expected[GROUPS == 7])
  _close(spread[1], expected[GROUPS == 2])
  whole = lambda x: attacks.run(attack, params, RNG, x, groups=GROUPS)[0]
  _close(jax.jit(whole)(IMAGES), expected)


@pytest.mark.parametrize('name', ['opom_convex', 'protego_planar'])
def test_what_fills_up_changes_nothing(name):
  attack, params = ATTACKS[name], _params()
  images, step = IMAGES[:3], jax.jit(attack.step)

  def run(images, **weights):
    state = jax.jit(attack.init)(params, RNG, images, **weights)
    for _ in range(attack.steps_for(3)):
      state = step(params, state)
    return jax.jit(attack.finish)(params, state)[0][:3]

  full = np.concatenate([images, images[:2]])
  _close(run(full, weights=np.array([1, 1, 1, 0, 0])), run(images))


def test_sizes_near_each_other_share_a_program():
  counts = 1, 2, 3, 5, 8, 9, 11, 17, 33, 530
  sizes = [by_person.padded_size(n) for n in counts]
  assert sizes == [1, 2, 3, 5, 8, 10, 12, 20, 40, 640]
  counts = np.arange(1, 1000)
  padded = np.array([by_person.padded_size(n) for n in counts.tolist()])
  assert (padded >= counts).all() and (padded < 1.25 * counts).all()
  assert len(np.unique(padded)) == 36


@pytest.mark.parametrize('name', MASKED)
def test_a_mask_is_what_was_added_and_fits_on_other_pictures(name):
  found = attacks.make_masks(ATTACKS[name], _params(), RNG, IMAGES, GROUPS)
  assert sorted(found) == [2, 7]
  put = attacks.apply_to_each(found, IMAGES, GROUPS)
  np.testing.assert_array_equal(put, _run(name)[0])
  new = toys.images(4, SIZE, seed=1)
  change = np.rint(255 * np.asarray(attacks.apply(found[7], new) - new))
  expected = np.rint(255 * np.asarray(found[7][0]))
  inside = (new[2] * 255 + expected >= 0) & (new[2] * 255 + expected <= 255)
  np.testing.assert_array_equal(change[2][inside], expected[inside])
  assert np.abs(change).max() <= 6


def test_the_pictures_of_a_person_that_do_not_fit_are_said_to():
  def step(params, state):
    raise jax.errors.JaxRuntimeError('RESOURCE_EXHAUSTED: out of memory')

  attack = ATTACKS['opom']._replace(step=step)
  with pytest.raises(MemoryError, match='groups, 2, 7: the 3 pictures of one'):
    attacks.run(attack, _params(), RNG, IMAGES, groups=GROUPS)


@pytest.mark.parametrize(
  'name, given, message',
  [
    ('opom', {}, r'groups: None; \[6\] labels expected'),
    ('opom', {'groups': GROUPS[:4]}, 'groups: 4 labels for 6 pictures'),
    ('opom', {'groups': GROUPS[:, None]}, r'groups: \[6, 1\]; \[6\] labels'),
    ('opom', {'groups': GROUPS, 'start': IMAGES}, 'start: given, but'),
    ('opom', {'groups': GROUPS, 'targets': [GROUPS]}, 'targets: given, but'),
    ('protego_planar', {'groups': [0, 0, 0, 0, 0, 5]}, 'groups, 5: images: 1'),
  ],
)
def test_a_slip_is_one_line(name, given, message):
  with pytest.raises(InputError, match=f'^{message}') as caught:
    attacks.run(ATTACKS[name], _params(), RNG, IMAGES, **given)
  assert '\n' not in str(caught.value)


def test_groups_are_refused_where_there_are_none():
  pgd = attacks.pgd([embed_fn], num_steps=1)
  with pytest.raises(InputError, match='groups: given, but this attack works'):
    attacks.run(pgd, _params(), RNG, IMAGES, groups=GROUPS)
  for attack in (pgd, ATTACKS['diverse']):
    with pytest.raises(InputError, match='attack: what it adds to a picture'):
      attacks.make_masks(attack, _params(), RNG, IMAGES, GROUPS)
