"""The flags of every program that runs a config into a folder of results."""

import hashlib
import pathlib
import re
from typing import NamedTuple

import config_flag
import distributed
from absl import flags

from fr_poison.data import file_names

_WORKDIR = flags.DEFINE_string(
  'workdir',
  None,
  'The folder of results; default: results/FILE-ARGUMENT.',
)
_DATA_DIR = flags.DEFINE_string(
  'data_dir',
  None,
  "The data set's own folder or archive; default: the installed copy.",
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
    Stopped: see `config_flag.given`.
  """
  del argv
  config = config_flag.given(example)
  distributed.start()
  workdir = _WORKDIR.value or default_workdir(config_flag.path())
  return Run(config.to_dict(), pathlib.Path(workdir), _DATA_DIR.value)


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
