"""What an autoencoder of clean faces cannot reproduce is suspicious.

MagNet (Meng and Chen, CCS 2017): the network learns clean pictures alone, so
that a detector needs no attack to be trained on, and its reconstruction, back
among the pictures that it knows, replaces the one that was scraped. The
variational one (Kingma and Welling, ICLR 2014) keeps its codes near a normal
distribution, too. Both are convolutional.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Float

from fr_poison import checks
from fr_poison.attacks.base import is_grey, mono
from fr_poison.data.batches import map_batches
from fr_poison.data.faces import to_float
from fr_poison.detectors import base, fitting
from fr_poison.layers import Conv
from fr_poison.types import Array, Images, InputError, Params, Rng

NAME = 'autoencoder'
KINDS = ('plain', 'variational')
_ERRORS = {'l1': jnp.abs, 'l2': jnp.square}
_BATCH_SIZE = 32  # pictures reconstructed at a time


class Network(nn.Module):
  """Pictures [B, H, W, 3] in [0, 1] -> the same through a narrow code."""

  features: tuple[int, ...]
  code_size: int
  variational: bool

  @nn.compact
  def __call__(self, images, rng=None):
    """Reconstructs in [0, 1], and gives the codes' divergences [B].

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
      x = Conv(self.features[i - 1] if i else 3, 3, padding=1)(x)
      x = nn.relu(x) if i else nn.sigmoid(x)
    return x, divergence


def kl_divergence(
  mean: Float[Array, 'B ...'], log_variance: Float[Array, 'B ...']
) -> Float[Array, ' B']:
  """Measures normal codes against the standard normal ones."""
  terms = mean**2 + jnp.exp(log_variance) - log_variance - 1
  return jnp.sum(terms, tuple(range(1, terms.ndim))) / 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Autoencoder(fitting.SmallNetwork):
  """Scores by the mean error of the reconstruction, learnt of clean faces.

  It purifies by reconstructing, as MagNet's reformer; grey stays grey.

  Attributes:
    kind: 'plain' or 'variational'.
    error: of the score, 'l1' or 'l2', in [0, 1] pixel units.
    features: channels after each halving of the picture.
    code_size: channels of the code, at the smallest size.
    noise: standard deviation, in [0, 1] pixel units, of what is added to the
      pictures that go in while it learns, as in MagNet.
    kl_weight: of the divergence over the number of pixel values; twice the
      variance that a reconstruction is thought to have.
  """

  kind: str = 'plain'
  error: str = 'l2'
  num_epochs: checks.Count = 40
  batch_size: checks.Count = 16
  features: tuple[checks.Count, ...] = (16, 32, 64)
  code_size: checks.Count = 16
  noise: checks.NotNegative = 0.025
  kl_weight: checks.NotNegative = 1e-3
  learns_from_cloaks = False

  def __post_init__(self):
    """Checks the names, too."""
    super().__post_init__()
    checks.known('kind', self.kind, KINDS)
    checks.known('error', self.error, _ERRORS)
    if not self.features:
      raise InputError('features: none given, one or more expected')

  def detector(self, params: Params, size: tuple[int, int]) -> base.Detector:
    """Makes the detector of a trained network, for pictures of `size`."""
    network, settings = self._network(), dataclasses.asdict(self)
    score = functools.partial(_score, network, self.error, params)
    reform = functools.partial(_reform, network, params)
    settings |= {'detector': NAME, 'size': size}
    return base.Detector(
      lambda images: map_batches(score, images, _BATCH_SIZE),
      NAME,
      self.kind,
      base.digest(settings, fitting.flat(params)),
      size,
      lambda images: map_batches(reform, images, _BATCH_SIZE),
    )

  def loss(
    self, network: Network, params: Params, images: Images, rng: Rng
  ) -> Float[Array, '']:
    """Computes what training minimises, the mean of the pictures'."""
    rngs = jax.random.split(rng)
    noisy = images + self.noise * jax.random.normal(rngs[0], images.shape)
    found, divergence = network.apply(params, jnp.clip(noisy, 0, 1), rngs[1])
    error = jnp.mean((found - images) ** 2)
    return error + self.kl_weight * jnp.mean(divergence) / images[0].size

  def _network(self):
    is_variational = self.kind == 'variational'
    return Network(tuple(self.features), self.code_size, is_variational)

  def _fit(self, clean, cloaked, extractor, folder):
    network, size = self._network(), clean.shape[1:3]
    loss_fn = functools.partial(self.loss, network)
    batch_fn = lambda step, index: to_float(clean[index])
    params = self.train(network, loss_fn, [clean], batch_fn, size, folder)
    return self.detector(params, size)


def _reconstruct(network, params, images):
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
