"""The flag of the programs that train networks and do nothing else."""

from absl import flags

TENSORBOARD = flags.DEFINE_bool(
  'tensorboard', False, 'Write event files beside metrics.jsonl.'
)
