"""Work over this process's devices, of which the tests have four."""

import jax
import numpy as np
import pytest
import toys
from jax.sharding import NamedSharding

from fr_poison import attacks, extractors, parallel
from fr_poison.types import InputError

RNG = jax.random.key(0)
LOCAL = jax.local_devices()


def test_a_number_a_list_or_what_there_is():
  assert parallel.chosen(None) == tuple(LOCAL)
  assert parallel.chosen(3) == tuple(LOCAL[:3])
  assert parallel.chosen(LOCAL[2:]) == tuple(LOCAL[2:])
  with jax.default_device(LOCAL[1]):
    assert parallel.chosen(None) == (LOCAL[1],)


def test_pictures_that_were_put_somewhere_stay_there():
  images = toys.images(2)
  assert parallel.chosen(None, images) == tuple(LOCAL)
  placed = jax.device_put(images, LOCAL[3])
  assert parallel.chosen(None, placed) == (LOCAL[3],)
  spread = parallel.put(parallel.mesh(LOCAL[1:3]), images, parallel.SPLIT)
  assert parallel.chosen(None, spread) == tuple(LOCAL[1:3])
  attack, _ = toys.ATTACKS['pgd']
  adv_images, _ = attacks.run(attack, [toys.params()], RNG, placed)
  assert adv_images.devices() == {LOCAL[3]}


@pytest.mark.parametrize(
  'devices', [0, 5, 1.5, [], [LOCAL[0]] * 2], ids=lambda x: str(x)[:20]
)
def test_devices_that_are_not_there_are_refused(devices):
  with pytest.raises(InputError, match='devices: '):
    parallel.chosen(devices)


def test_each_device_runs_the_program_of_one():
  mesh, sizes = parallel.mesh(LOCAL), []

  def function(static, whole, part):
    sizes.append(part.shape)
    return {'sum': static * whole + part.sum(0)}

  rows = np.arange(24, dtype=np.float32).reshape(4, 3, 2)
  whole = parallel.put(mesh, np.float32(1), parallel.WHOLE)
  parts = parallel.put(mesh, rows, parallel.SPLIT)
  assert isinstance(parts.sharding, NamedSharding)
  found = parallel.each(function, 10, mesh, whole, parts)['sum']
  np.testing.assert_array_equal(found, 10 + rows.sum(1))
  assert len(found.sharding.device_set) == 4 and set(sizes) == {(3, 2)}
  assert parallel.join(mesh, parts).devices() == {LOCAL[0]}
  same = lambda static, whole, part: part
  parallel.each(same, 0, mesh, (), parts)
  assert not parts.is_deleted()
  parallel.each(same, 0, mesh, (), parts, donate=True)
  assert parts.is_deleted()


_OWN = np.random.default_rng(1).standard_normal((5, 8)).astype(np.float32)
_CASES = {
  'a price': toys.ATTACKS['lowkey'],
  'own targets': (toys.ATTACKS['fawkes_plain'][0], {'targets': [_OWN]}),
  'targets for all': toys.ATTACKS['tip_im'],
  'people': (
    attacks.opom([toys.embed_fn], num_steps=2),
    {'groups': [0, 1, 0, 1, 2]},
  ),
}


@pytest.mark.parametrize('case', _CASES)
def test_the_same_bytes_on_any_number_of_devices(case):
  attack, extra = _CASES[case]
  images, params = toys.images(), [toys.params()]
  run = lambda devices: attacks.run(
    attack, params, RNG, images, **extra, devices=devices
  )
  expected, info = run(1)
  for number in (2, 3, 4):
    adv_images, other = run(number)
    np.testing.assert_array_equal(adv_images, expected)
    # What is measured of them, jaxlib 0.10 puts together in another order.
    for key, values in info.items():
      np.testing.assert_allclose(other[key], values, rtol=1e-5)


def test_on_a_cpu_two_pictures_are_a_program_however_many_there_are():
  sizes = set()

  def embed_fn(params, images):
    sizes.add(len(images))
    return toys.embed_fn(params, images)

  attack = attacks.pgd([embed_fn], epsilon=0.1, num_steps=1)
  attacks.run(attack, [toys.params()], RNG, toys.images(5), devices=1)
  assert sizes == {2}


def test_embeddings_are_the_same_on_any_number_of_devices(little):
  network = extractors.load('mobileface')
  images = np.random.default_rng(0).integers(0, 256, (33, 112, 112, 3))
  images = images.astype(np.uint8)
  expected = extractors.embed(network, images, devices=1)
  for number in (2, 3, 4):
    found = extractors.embed(network, images, devices=number)
    np.testing.assert_array_equal(found, expected)
