"""LowKey's own networks are those of its authors' program."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from extractors import recipe

from fr_poison.attacks import objectives
from fr_poison.extractors import lowkey


def test_ir50_and_the_mirrored_feature_are_the_authors(golden):
  arrays = golden('lowkey_ir50')
  extractor = recipe.check_published('lowkey_ir50', arrays)
  # What LowKey attacks.
  objective = objectives.displacement(
    [jax.jit(extractor.embed_fn)], mirrored=True
  )
  images = arrays['images'].astype(np.float32) / 255
  (ours,) = objective.reference([extractor.params], images, None)
  theirs = arrays['tta_feature']
  assert np.abs(ours - theirs).max() <= 5e-5 * theirs.std()


@pytest.mark.parametrize(
  'depth, count',
  [
    # Of the authors' program, as recorded with the golden embeddings.
    (50, 43_574_976),
    # A block of f channels has 18 f^2 + 5 f: two convolutions, two norms and
    # a slope each. IR-101 has 9 more of 128 and 16 more of 256 channels, and
    # IR-152 has 4 and 22.
    (101, 43_574_976 + 9 * 295_552 + 16 * 1_180_928),
    (152, 43_574_976 + 4 * 295_552 + 22 * 1_180_928),
  ],
)
def test_parameters_are_as_many_as_the_authors(depth, count):
  assert recipe.count_parameters(f'lowkey_ir{depth}') == count


def test_remat_and_training_reach_every_block():
  fields = {'units': (1, 1), 'width': 4, 'embedding_size': 6}
  plain = lowkey.LowkeyIR(**fields)
  again = lowkey.LowkeyIR(**fields, remat=True)
  codes = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3))
  images = codes.astype(np.float32)
  variables = recipe.random_variables(plain, images)

  @functools.partial(jax.jit, static_argnums=0)
  def gradients(module, variables):
    return jax.grad(lambda v: jnp.sum(module.apply(v, images) ** 2))(variables)

  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, 1e-3, 1e-4 * abs(b).max()),
    *(gradients(module, variables) for module in (again, plain)),
  )
  train = functools.partial(again.apply, train=True, mutable=['batch_stats'])
  _, state = jax.jit(train)(variables, images)
  old, new = variables['batch_stats'], state['batch_stats']
  changed = jax.tree.map(lambda a, b: (a != b).any(), old, new)
  assert all(jax.tree.leaves(changed))


def test_resnet50_is_the_authors(golden):
  recipe.check_published('lowkey_resnet50', golden('lowkey_resnet50'))


@pytest.mark.parametrize(
  'depth, count',
  [
    # torchvision's 23,508,032 without the last layer, and instead of that a
    # norm of 2048, a dense layer from 2048 * 4 * 4 to 512, a norm of 512.
    (50, 23_508_032 + 4096 + 32_768 * 512 + 512 + 1024),
    # A bottleneck of n channels has 17 n^2 + 12 n; 17 more of 256.
    (101, 40_290_880 + 17 * 1_117_184),
    # 4 more of 128 and 13 more of 256; the authors' program has 74,926,656.
    (152, 59_283_008 + 4 * 280_064 + 13 * 1_117_184),
  ],
)
def test_resnets_have_as_many_parameters_as_the_authors(depth, count):
  assert recipe.count_parameters(f'lowkey_resnet{depth}') == count
