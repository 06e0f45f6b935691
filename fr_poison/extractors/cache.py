"""Published networks' weights, converted once, in a folder of the user's.

A converted file is safetensors: our flat float32 variables, and beside them
whose they are, where they are from, and their SHA-256. So it vouches for
itself, wherever it lies, and one rename puts all of it in its place.
"""

import contextlib
import os
import pathlib
import shlex
import sys
import time
import urllib.parse
from collections.abc import Callable

import numpy as np
import safetensors.numpy
from flax import traverse_util

from fr_poison import files, weights
from fr_poison.extractors import download
from fr_poison.extractors.registry import NetworkSpec
from fr_poison.types import InputError, Params

try:
  import fcntl
except ImportError:  # Windows, where nothing keeps two downloads apart
  fcntl = None

# Other addresses are pages, on which a person has to agree to something.
_FILES = ('.bin', '.onnx', '.pt', '.pth', '.safetensors')
_EVERY = 5  # seconds between two lines of progress


def path_of(name: str) -> pathlib.Path:
  """Says where a network's weights are kept: $FR_POISON_CACHE/NAME.safetensors.

  Without that variable it is the fr_poison folder of $XDG_CACHE_HOME or of
  ~/.cache.
  """
  folder = os.environ.get('FR_POISON_CACHE')
  if not folder:
    caches = os.environ.get('XDG_CACHE_HOME') or '~/.cache'
    folder = os.path.join(caches, 'fr_poison')
  # Unlike pathlib's, not an error where nobody has a home.
  return pathlib.Path(os.path.expanduser(folder)) / f'{name}.safetensors'


def write(
  path: str | os.PathLike,
  name: str,
  variables: Params,
  *,
  source: str,
  source_sha256: str,
) -> None:
  """Writes a converted file, the whole of it or nothing.

  Args:
    path: of the file; its folder is made.
    name: the network's, in the registry.
    variables: {'params': ..., 'batch_stats': ...} of its module.
    source: the address or name of the published file.
    source_sha256: of the published file.

  Raises:
    InputError: it cannot be written.
  """
  path = pathlib.Path(path)
  flat = {
    key: np.ascontiguousarray(array, np.float32)
    for key, array in weights.flatten(variables).items()
  }
  about = {
    'network': name,
    'sha256': weights.digest(flat),
    'source': source,
    'source_sha256': source_sha256,
  }
  _make_folder(path.parent)
  files.write_atomic(path, safetensors.numpy.save(flat, about))


def read(path: str | os.PathLike) -> tuple[str, Params]:
  """Reads the network's name and its verified variables of a converted file.

  Raises:
    InputError: the file is missing, not a converted one, or damaged.
  """
  try:
    with safetensors.safe_open(path, 'numpy') as file:
      about = file.metadata() or {}
      flat = {key: file.get_tensor(key) for key in file.keys()}
  except (OSError, safetensors.SafetensorError) as error:
    raise _refused(path, str(error)) from error
  if not {'network', 'sha256'} <= about.keys():
    raise _refused(path, 'it does not say whose weights it holds')
  if weights.digest(flat) != about['sha256']:
    raise InputError(
      f'{path}: weight file is damaged (its arrays have another SHA-256 than '
      'it says); delete it'
    )
  try:
    return about['network'], traverse_util.unflatten_dict(flat, sep='/')
  except (IndexError, TypeError, ValueError) as error:
    raise _refused(path, 'an array below another') from error


def _refused(path, reason):
  path = pathlib.Path(path)
  if not path.is_file():
    return InputError(f'{path}: no such file')
  return InputError(
    f'{path}: damaged, or not a converted weight file ({reason}); one that '
    f'the authors published is converted by {_command("NAME", path)}'
  )


def _command(network, source):
  return (
    f'python experiments/convert_weights.py --network={network} '
    f'--source={shlex.quote(str(source))}'
  )


def fill(
  entry: NetworkSpec, convert: Callable[[pathlib.Path], Params] | None
) -> pathlib.Path:
  """Gives the file of a network's weights, which a download may have to make.

  Args:
    entry: the network's.
    convert: makes variables from the path of the published file; None asks
      nobody for it.

  Raises:
    InputError: it is not there and may not be asked for, its address is no
      file's, `download.fetch` or `convert` failed, or nothing can be written.
  """
  path = path_of(entry.name)
  if path.exists():
    return path
  if convert is None or not _is_file(entry.url):
    raise _missing(entry, path)
  _make_folder(path.parent)
  with _locked(path.parent):
    if not path.exists():  # Another process may have been faster.
      _download(entry, convert, path)
  return path


def _missing(entry, path):
  """Says what to do where weights are neither shipped nor kept."""
  command = _command(entry.name, 'FILE')
  if not entry.url:
    ways = 'none are published; give the path of a checkpoint'
  elif _is_file(entry.url):
    ways = f'--download fetches {entry.url}, or give your own FILE: {command}'
  else:
    ways = f'get FILE from {entry.url}, then: {command}'
  return InputError(f'network: no weights of {entry.name} in {path}; {ways}')


def _download(entry, convert, path):
  original, last = path.with_suffix('.download'), time.monotonic()
  say = lambda line: print(f'{entry.name}: {line}', file=sys.stderr, flush=True)

  def report(done, total):
    nonlocal last
    if time.monotonic() - last >= _EVERY:
      last = time.monotonic()
      whole = f' of {total / 1e6:.0f}' if total else ''
      say(f'{done / 1e6:.0f}{whole} MB')

  say(f'downloading {entry.url}')
  digest = download.fetch(
    entry.url, original, sha256=entry.sha256, report=report
  )
  if not entry.sha256:
    say(f'SHA-256 {digest}, and no other to compare it with')
  try:
    variables = convert(original)
    write(path, entry.name, variables, source=entry.url, source_sha256=digest)
  finally:
    original.unlink()


def _is_file(url):
  return urllib.parse.urlsplit(url).path.endswith(_FILES)


def _make_folder(folder):
  try:
    folder.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    hint = ''
    if folder == path_of('').parent:
      hint = '; set FR_POISON_CACHE to a folder that can be written'
    raise InputError(f'{folder}: {error.strerror}{hint}') from error


@contextlib.contextmanager
def _locked(folder):
  """Lets one download at a time; ends with the process, however that ends."""
  descriptor = os.open(folder, os.O_RDONLY) if fcntl else None
  try:
    if fcntl:
      with contextlib.suppress(OSError):  # Some file systems have no locks.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    yield
  finally:
    if fcntl:
      os.close(descriptor)
