"""What a network is: its entry in the registry, and what all of them share."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Float, Float32

from fr_poison.extractors.convert.state_dict import Table
from fr_poison.layers import Conv
from fr_poison.types import Array, EmbedFn, Images, Params


class Inputs(NamedTuple):
  """What a network was trained on: (x - mean) / std of x in 0..255.

  `mean` and `std` are one number, or three in the order of `channels`.
  """

  mean: float | tuple[float, float, float] = 0.0
  std: float | tuple[float, float, float] = 1.0
  channels: str = 'RGB'

  def __str__(self):
    """Reads as a formula: 'BGR, (x - 0) / 255'."""
    return f'{self.channels}, (x - {self.mean}) / {self.std}'

  def scale(self, x: Float[Array, '... 3']) -> Float[Array, '... 3']:
    """Turns RGB in 0..255 into what the network takes."""
    if self.channels == 'BGR':
      x = x[..., ::-1]
    mean, std = (jnp.asarray(n, x.dtype) for n in (self.mean, self.std))
    return (x - mean) / std


class Crop(NamedTuple):
  """A rectangle of the canonical frame, whose side is 128."""

  left: float
  top: float
  width: float
  height: float


ARCFACE = Inputs(127.5, 127.5)
# Ends the names, in configs and records, of networks that give the mean of a
# picture's embedding and its mirror image's.
MIRRORED = ' mirrored'


class NetworkSpec(NamedTuple):
  """What a network is, apart from its weights, and where those are.

  Its module gets pictures at `input_size`, as `inputs` scales them, and gives
  embeddings, of length 1 where `normalized` says so.
  """

  name: str
  module: Callable[..., nn.Module]
  input_size: int
  embedding_size: int
  any_size: bool = False  # also takes other input sizes
  pretrained: bool = True  # its weights ship
  batch_norm: bool = False  # takes `train` and keeps running statistics
  min_size: int = 32
  inputs: Inputs = Inputs()  # channel order, mean and std
  normalized: bool = False  # the embeddings have length 1
  year: int | None = None  # in which the weights were published, where known
  template: str | None = None  # of its training's faces; see framing.CROPS
  family: str = ''  # of its graph: cloaks cross more within one
  licence: str = ''  # of the weights
  url: str = ''  # of the file, or of the page that leads to it
  sha256: str | None = None  # of that file, where known
  table: Table | None = None  # our names and the authors'
  ignored: str = ''  # pattern of what else the file may hold
  prefixes: tuple[str, ...] = ()  # what all of its keys may begin with

  def prepare(
    self, images: Images, size: int, dtype: Any
  ) -> Float[Array, 'B {size} {size} 3']:
    """Resizes and scales pictures for the module.

    Attacks go through it: the budget is counted outside, on the picture the
    user posts, whatever size the network works at.
    """
    return self.inputs.scale(jnp.asarray(255 * resize(images, size), dtype))


class Extractor(NamedTuple):
  """A network ready for use: `embed_fn(params, images) -> [B, D]`.

  `embed_fn` takes RGB float32 in [0, 1] of any size, on the network's own
  template (see `on_frame`), and does its resizing and scaling; embeddings are
  float32, as the network gives them, of length 1 only where `spec.normalized`
  says so.
  """

  embed_fn: EmbedFn
  params: Params
  spec: NetworkSpec
  input_size: int  # rows and columns it works at here; 0 for pixels
  sha256: str | None  # of the weights; None without any
  crop: Crop | None = None  # of the canonical frame, where it is shown that
  mirrored: bool = False  # gives the mean of picture and mirror image
  trained_by: str = ''  # the trainer who did so here, where that is said

  @property
  def origin(self) -> str:
    """The name of its weights: the network's, and that of who trained it."""
    return f'{self.spec.name} {self.trained_by}'.rstrip()

  @property
  def name(self) -> str:
    """Its name in records."""
    return self.origin + MIRRORED * self.mirrored


class Network(nn.Module, kw_only=True):
  """The options of all networks.

  `remat` keeps only the blocks' inputs for the gradient and computes the rest
  again. Those with batch norm are normalised by the batch when called with
  `train=True`, and update `batch_stats`; `axis_name` is the pmapped axis whose
  devices' batches count as one.
  """

  remat: bool = False
  axis_name: str | None = None

  @nn.nowrap
  def norm(
    self, x: Float[Array, 'B ...'], train: bool, epsilon: float = 1e-5
  ) -> Callable:
    """Gives `nn.BatchNorm` as PyTorch has it, in the dtype of `x`."""
    return functools.partial(
      nn.BatchNorm,
      not train,
      momentum=0.9,
      epsilon=epsilon,
      dtype=x.dtype,
      axis_name=self.axis_name,
    )

  @nn.nowrap
  def block(self, kind: Any) -> Any:
    """Gives the module, or with `remat` the one that computes again."""
    return nn.remat(kind) if self.remat else kind


def blocks(units: Sequence[int], width: int) -> Iterator[tuple[str, int, int]]:
  """Yields (name, features, stride) of every block, in order.

  Args:
    units: blocks a stage, the first of which has a stride.
    width: channels of the first stage; they double from stage to stage.
  """
  for i, count in enumerate(units):
    for j in range(count):
      yield f'stage{i + 1}_block{j + 1}', width << i, 1 if j else 2


def shortcut(
  x: Float[Array, 'B H W _'], features: int, stride: int, norm: Callable
) -> Float[Array, 'B _ _ {features}']:
  """Projects a block's input to the shape of its output."""
  conv = Conv(features, 1, stride=stride, use_bias=False, name='shortcut')
  return norm(name='shortcut_norm')(conv(x))


def dense_head(
  x: Float[Array, 'B H W C'], embedding_size: int, norm: Callable
) -> Float32[Array, 'B {embedding_size}']:
  """Applies norm, a dense layer over all positions, norm."""
  x = norm(name='norm')(x)
  # PyTorch flattens channels first, and the published weights expect it.
  x = x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)
  x = nn.Dense(embedding_size, name='dense')(x)
  x = norm(dtype=x.dtype, name='dense_norm')(x)
  return jnp.asarray(x, jnp.float32)


def resize(images: Images, size: int) -> Float[Array, 'B {size} {size} 3']:
  """Resizes bilinearly, antialiased.

  As two matrix products, so its gradient is fast in loops on CPU, too.
  """
  if images.shape[1:3] == (size, size):
    return images
  shape = (len(images), size, size, images.shape[-1])
  return jax.image.resize(images, shape, 'linear')
