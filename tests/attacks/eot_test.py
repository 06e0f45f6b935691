import jax
import numpy as np
import pytest
import toys

from fr_poison import attacks
from fr_poison.attacks import jpeg, objectives
from fr_poison.types import InputError


def _displacement_after_jpeg(adv_images, images):
  params = toys.params()
  compress = lambda x: jpeg.jpeg(x, 75, '4:2:0')
  embed = lambda x: objectives.normalize(toys.embed_fn(params, x))
  return np.sum((embed(compress(adv_images)) - embed(images)) ** 2, -1)


def test_what_it_expects_to_survive_survives_better():
  images = toys.images()
  ball = {'epsilon': toys.EPSILON, 'num_steps': 6}
  results = [
    attacks.run(make([toys.embed_fn], **ball), [toys.params()], rng, images)
    for make in (attacks.pgd, attacks.eot_pgd)
    for rng in [jax.random.key(0)]
  ]
  (plain, _), (expecting, info) = results
  assert np.abs(expecting - images).max() <= toys.EPSILON + 1e-6
  assert info['improved'].all()
  moved = [_displacement_after_jpeg(x, images) for x in (plain, expecting)]
  assert moved[1].mean() > moved[0].mean()


def test_a_budget_that_is_none_is_refused():
  with pytest.raises(InputError, match='epsilon'):
    attacks.eot_pgd([toys.embed_fn], epsilon=2.0)
