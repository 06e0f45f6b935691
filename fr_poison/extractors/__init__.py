"""Pictures -> embeddings: face networks in Flax, pretrained or trained here."""

from fr_poison.extractors.embedding import embed
from fr_poison.extractors.loading import (
  create,
  from_state_dict,
  load,
  to_state_dict,
  train_fn,
  with_params,
)
from fr_poison.extractors.registry import (
  PIXELS,
  Extractor,
  NetworkSpec,
  architectures,
  names,
  spec,
)

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
