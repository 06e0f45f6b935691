"""Pictures -> embeddings: face networks in Flax, pretrained or trained here."""

from fr_poison.extractors.loading import (
  PIXELS,
  Extractor,
  architectures,
  create,
  embed,
  from_state_dict,
  load,
  names,
  spec,
  to_state_dict,
  train_fn,
  with_params,
)
from fr_poison.extractors.network import NetworkSpec

__all__ = [
  'PIXELS',
  'Extractor',
  'NetworkSpec',
  'architectures',
  'create',
  'embed',
  'from_state_dict',
  'load',
  'names',
  'spec',
  'to_state_dict',
  'train_fn',
  'with_params',
]
