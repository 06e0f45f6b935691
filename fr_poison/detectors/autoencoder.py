"""What an autoencoder of clean faces cannot reproduce is suspicious.

MagNet (Meng and Chen, CCS 2017): the network learns clean pictures alone, so
that a detector needs no attack to be trained on, and its reconstruction, back
among the pictures that it knows, replaces the one that was scraped. The
variational one (Kingma and Welling, ICLR 2014) keeps its codes near a normal
distribution, too. Both are convolutional.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from fr_poison import checks
from fr_poison.attacks.base import is_grey, mono
from fr_poison.data.batches import map_batches
from fr_poison.data.faces import to_float
from fr_poison.detectors import base, fitting
from fr_poison.detectors.base import Detector
from fr_poison.detectors.model import Model
from fr_poison.layers import Conv
from fr_poison.types import Array, Images, InputError, Params, Rng

NAME = 'autoencoder'
KINDS = ('plain', 'variational')
_ERRORS = {'l1': jnp.abs, 'l2': jnp.square}
_BATCH_SIZE = 32  # pictures reconstructed at a time


class Network(nn.Module):
  """Pictures [B, H, W, 3] in [0, 1] -> the same through a narrow code.

  Attributes:
    features: channels after each halving of the picture.
    code_size: channels of the code, at the smallest size.
    variational: the code has a variance.
  """

  features: tuple[int, ...]
  code_size: int
  variational: bool

  @nn.compact
  def __call__(self, images, rng=None):
    """Reconstructions in [0, 1], and the codes' divergences [B].

    Without `rng`, or where the code has no variance, the mean code counts.
    """
    x, sizes = 2 * images - 1, []
    for channels in self.features:
      sizes.append(x.shape[1:3])
      x = nn.relu(Conv(channels, 3, stride=2, padding=None)(x))
    code = Conv(self.code_size, 1, name='mean')(x)
    divergence = jnp.zeros(len(images))
    if self.variational:
      log_variance = Conv(self.code_size, 1, name='log_variance')(x)
      divergence = kl_divergence(code, log_variance)
      if rng is not None:
        noise = jax.random.normal(rng, code.shape)
        code = code + jnp.exp(log_variance / 2) * noise
    x = code
    for i, (height, width) in reversed([*enumerate(sizes)]):
      shape = (len(x), height, width, x.shape[-1])
      x = jax.image.resize(x, shape, 'linear')
      channels = self.features[i - 1] if i else 3
      x = Conv(channels, 3, padding=1)(x)
      x = nn.relu(x) if i else nn.sigmoid(x)
    return x, divergence


def kl_divergence(mean: Array, log_variance: Array) -> Array:
  """[B] of normal codes [B, ...] from the standard normal distribution."""
  terms = mean**2 + jnp.exp(log_variance) - log_variance - 1
  return jnp.sum(terms, tuple(range(1, terms.ndim))) / 2


@checks.checked
def fit(
  clean: np.ndarray,
  *,
  kind: str = 'plain',
  num_epochs: checks.Count = 40,
  batch_size: checks.Count = 16,
  learning_rate: checks.Positive = 2e-3,
  features: tuple[checks.Count, ...] = (16, 32, 64),
  code_size: checks.Count = 16,
  noise: checks.NotNegative = 0.025,
  kl_weight: checks.NotNegative = 1e-3,
  seed: checks.Seed = 0,
) -> Model:
  """Trains on clean faces only, by mean squared error.

  Args:
    clean: uint8 [N, H, W, 3].
    kind: 'plain' or 'variational'.
    num_epochs: how often every picture is seen.
    batch_size: pictures a step.
    learning_rate: the highest one, of Adam.
    features: channels after each halving of the picture.
    code_size: channels of the code.
    noise: standard deviation, in [0, 1] pixel units, of what is added to the
      pictures that go in while it learns, as in MagNet.
    kl_weight: of the divergence over the number of pixel values; twice the
      variance that a reconstruction is thought to have.
    seed: of the start, the order and all noise.

  Raises:
    InputError: no pictures, an unknown kind, a setting that cannot be meant,
      a loss that is not finite.
  """
  base.check_pictures(clean, 'clean')
  if not len(clean):
    raise InputError('clean: no pictures to learn from')
  loop = {
    'num_epochs': num_epochs,
    'batch_size': batch_size,
    'learning_rate': learning_rate,
    'seed': seed,
  }
  settings = loop | {
    'kind': kind,
    'features': tuple(features),
    'code_size': code_size,
    'noise': noise,
    'kl_weight': kl_weight,
    'size': clean.shape[1:3],
  }
  _check_settings(settings)
  network = _network(settings)
  start = jnp.zeros((1, *settings['size'], 3))
  params = jax.jit(network.init)(jax.random.key(seed), start)
  loss_fn = functools.partial(loss, network, noise, kl_weight)
  batch_fn = lambda step, index: to_float(clean[index])
  params = fitting.minimize(loss_fn, params, len(clean), batch_fn, **loop)
  return Model(params, settings)


def reform(model: Model, images: np.ndarray) -> np.ndarray:
  """MagNet's reformer: the reconstructions instead of the pictures.

  Args:
    model: of `fit`.
    images: uint8 [N, H, W, 3] of the size that it was trained on.

  Returns:
    uint8 [N, H, W, 3], grey for grey pictures.

  Raises:
    InputError: images are not that.
  """
  base.check_pictures(images, size=tuple(model.settings['size']))
  if not len(images):
    return images
  fn = functools.partial(_reform, _network(model.settings), model.params)
  return map_batches(fn, images, _BATCH_SIZE)


def detector(model: Model, *, error: str = 'l2') -> Detector:
  """Scores by the mean error of the reconstruction.

  Args:
    model: of `fit`.
    error: 'l1' or 'l2', in [0, 1] pixel units.

  Raises:
    InputError: unknown error. `score` refuses pictures of another size.
  """
  if error not in _ERRORS:
    raise InputError(f'error: {error!r} is unknown; known: {tuple(_ERRORS)}')
  network = _network(model.settings)
  fn = functools.partial(_score, network, error, model.params)
  settings = model.settings | {'detector': NAME, 'error': error}
  return base.make(
    lambda images: map_batches(fn, images, _BATCH_SIZE),
    name=NAME,
    features=model.settings['kind'],
    digest=base.digest(settings, fitting.flat(model.params)),
    size=tuple(model.settings['size']),
  )


def loss(
  network: Network,
  noise: float,
  kl_weight: float,
  params: Params,
  images: Images,
  rng: Rng,
) -> Array:
  """What `fit` minimises: the mean of a batch [B, H, W, 3] in [0, 1], []."""
  rngs = jax.random.split(rng)
  noisy = images + noise * jax.random.normal(rngs[0], images.shape)
  found, divergence = network.apply(params, jnp.clip(noisy, 0, 1), rngs[1])
  error = jnp.mean((found - images) ** 2)
  return error + kl_weight * jnp.mean(divergence) / images[0].size


def _reconstruct(network: nn.Module, params: Params, images: Images):
  found, _ = network.apply(params, images)
  return mono(found, is_grey(images))


@functools.partial(jax.jit, static_argnums=0)
def _reform(network, params, images):
  codes = jnp.round(255 * _reconstruct(network, params, images))
  return codes.astype(jnp.uint8)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _score(network, error, params, images):
  wrong = _reconstruct(network, params, images) - images
  return jnp.mean(_ERRORS[error](wrong), (1, 2, 3))


def _network(settings):
  return Network(
    tuple(settings['features']),
    settings['code_size'],
    settings['kind'] == 'variational',
  )


def _check_settings(settings):
  if settings['kind'] not in KINDS:
    raise InputError(f'kind: {settings["kind"]!r} is unknown; known: {KINDS}')
  if not settings['features']:
    raise InputError('features: none given, one or more expected')
