"""What there is to know about a network: its entry in the registry."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from flax import linen as nn

from fr_poison.extractors.convert.state_dict import Entry
from fr_poison.extractors.preprocess import Inputs


class NetworkSpec(NamedTuple):
  """What a network is, apart from its weights, and where those are.

  `inputs` and `normalized` describe what the module does itself: it takes RGB
  in 0..255 whatever it was trained on.
  """

  name: str
  module: Callable[..., nn.Module]  # takes RGB in 0..255
  input_size: int
  embedding_size: int
  any_size: bool = False  # also takes other input sizes
  pretrained: bool = True  # its weights ship
  batch_norm: bool = False  # takes `train` and keeps running statistics
  min_size: int = 32
  inputs: Inputs = Inputs()  # channel order, mean and std
  normalized: bool = False  # the embeddings have length 1
  year: int | None = None  # in which the weights were published
  licence: str = ''  # of the weights
  url: str = ''  # of the file, or of the page that leads to it
  sha256: str | None = None  # of that file, where known
  # Under the authors' names: the table, what else a file may hold, and what
  # all of its keys may begin with (see convert.state_dict).
  entries: Callable[[], Iterable[Entry]] | None = None
  ignored: str = ''
  prefixes: tuple[str, ...] = ()
