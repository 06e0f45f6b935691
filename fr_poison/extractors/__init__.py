"""Pictures -> embeddings: face networks in Flax, pretrained or trained here."""

from fr_poison.extractors.framing import (
  check_crop,
  check_on_frame,
  mirrored,
  on_frame,
)
from fr_poison.extractors.loading import (
  PIXELS,
  UNKNOWN,
  architectures,
  create,
  embed,
  from_state_dict,
  load,
  names,
  relation,
  spec,
  to_state_dict,
  train_fn,
  with_params,
)
from fr_poison.extractors.network import (
  MIRRORED,
  Crop,
  Extractor,
  NetworkSpec,
)

__all__ = [
  'MIRRORED',
  'PIXELS',
  'UNKNOWN',
  'Crop',
  'Extractor',
  'NetworkSpec',
  'architectures',
  'check_crop',
  'check_on_frame',
  'create',
  'embed',
  'from_state_dict',
  'load',
  'mirrored',
  'names',
  'on_frame',
  'relation',
  'spec',
  'to_state_dict',
  'train_fn',
  'with_params',
]
