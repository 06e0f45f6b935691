"""The flags of every program that runs a config into a folder of results."""

import hashlib
import pathlib
import re
from typing import NamedTuple

import distributed
from absl import flags
from config_flag import CONFIG
from ml_collections import config_flags

from fr_poison.data import file_names
from fr_poison.types import InputError

_WORKDIR = flags.DEFINE_string(
  'workdir',
  None,
  'Results; default results/<name of the config file>-<its argument>.',
)
_DATA_DIR = flags.DEFINE_string(
  'data_dir', None, "The data set's own folders; default: the installed copy."
)


class Run(NamedTuple):
  """What to run, and where."""

  config: dict
  workdir: pathlib.Path
  data_dir: str | None


def parse(argv: list[str], example: str) -> Run:
  """Finds the other processes, if there are any; returns the flags' values.

  Args:
    argv: what is left of the command line: nothing, see cli.py.
    example: a config file, for the message.

  Raises:
    InputError: there is no --config.
  """
  del argv
  if CONFIG.value is None:
    raise InputError(f'--config: missing, e.g. experiments/configs/{example}')
  distributed.start()
  path = config_flags.get_config_filename(flags.FLAGS['config'])
  workdir = pathlib.Path(_WORKDIR.value or default_workdir(path))
  return Run(CONFIG.value.to_dict(), workdir, _DATA_DIR.value)


def default_workdir(config: str) -> str:
  """Names the folder of 'configs/orl.py:smoke': results/orl-smoke.

  Another argument makes another config, whose results replace no others: where
  its words would not be enough for that, a part of its hash follows.
  """
  path, _, argument = config.partition(':')
  words = re.findall(r'[\w.=]+', argument)
  if file_names.fold(argument) != ','.join(words):
    words.append(hashlib.sha256(argument.encode()).hexdigest()[:8])
  return '-'.join([f'results/{pathlib.Path(path).stem}', *words])
