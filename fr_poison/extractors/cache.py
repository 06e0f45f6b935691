"""Published networks' weights, fetched and converted once, in a user's folder.

A converted file is safetensors: our flat float32 variables, and beside them
whose they are, where they are from, and their SHA-256. So it vouches for
itself, wherever it lies, and one rename puts all of it in its place. Nothing
is downloaded unless a user asks for it.
"""

import hashlib
import http.client
import math
import os
import pathlib
import re
import shlex
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable

import numpy as np
import safetensors.numpy
from flax import traverse_util

from fr_poison import files, locks, text, version, weights
from fr_poison.extractors.convert import safetensors_file
from fr_poison.extractors.network import NetworkSpec
from fr_poison.types import InputError, Params

# Other addresses are pages, on which a person has to agree to something.
_FILES = (
  *('.bin', '.ckpt', '.onnx', '.params'),
  *('.pt', '.pth', '.safetensors'),
)
_EVERY = 5  # seconds between two lines of progress
_MAX_BYTES = 4 << 30
_TIMEOUT = 30  # seconds without a byte
_CHUNK = 1 << 20
_PAGE = re.compile(rb'(\xef\xbb\xbf)?\s*<(!doctype|html|\?xml)', re.IGNORECASE)
# Without a handler of http, ftp or file, no redirect can lead there either.
_HANDLERS = (
  urllib.request.ProxyHandler,
  urllib.request.HTTPSHandler,
  urllib.request.HTTPDefaultErrorHandler,
  urllib.request.HTTPRedirectHandler,
  urllib.request.HTTPErrorProcessor,
  urllib.request.UnknownHandler,
)


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


def _make_folder(folder):
  try:
    files.make_folder(folder)
  except InputError as error:
    if folder != path_of('').parent:
      raise
    hint = 'set FR_POISON_CACHE to a folder that can be written'
    raise InputError(f'{error}; {hint}') from error


def read(path: str | os.PathLike) -> tuple[str, Params]:
  """Reads the network's name and its verified variables of a converted file.

  Raises:
    InputError: the file is missing, not a converted one, or damaged.
  """
  path = pathlib.Path(path)
  if not path.is_file():
    raise InputError(f'{path}: no such file')
  try:
    flat, about = safetensors_file.read(path)
    name, digest = str(about['network']), about['sha256']
    variables = traverse_util.unflatten_dict(flat, sep='/')
  except (
    *(AttributeError, LookupError, RecursionError),
    *(TypeError, ValueError),  # an array below another
  ) as error:
    raise InputError(
      f'{path}: damaged, or not a converted weight file ({error}); one that '
      f'the authors published is converted by {_command("NAME", path)}'
    ) from error
  if weights.digest(flat) != digest:
    raise InputError(
      f'{path}: weight file is damaged (its arrays have another SHA-256 than '
      'it says); delete it'
    )
  return name, variables


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
      file's, `fetch` or `convert` failed, or nothing can be written.
  """
  path, command = path_of(entry.name), _command(entry.name, 'FILE')
  if path.exists():
    return path
  is_file = urllib.parse.urlsplit(entry.url).path.endswith(_FILES)
  if convert is None or not is_file:
    ways = f'get FILE from {entry.url}, then: {command}'
    if not entry.url:
      ways = 'none are published; give the path of a checkpoint'
    elif is_file:
      ways = f'--download fetches {entry.url}, or give your own FILE: {command}'
    raise InputError(f'network: no weights of {entry.name} in {path}; {ways}')
  _make_folder(path.parent)
  with locks.turn(path.parent):
    if not path.exists():  # Another process may have been faster.
      _download(entry, convert, path)
  return path


def _download(entry, convert, path):
  original, last = path.with_suffix('.download'), time.monotonic()
  say = lambda line: text.show(f'{entry.name}: {line}', file=sys.stderr)

  def report(done, total):
    nonlocal last
    if time.monotonic() - last >= _EVERY:
      last = time.monotonic()
      whole = f' of {total / 1e6:.0f}' if total else ''
      say(f'{done / 1e6:.0f}{whole} MB')

  if not entry.sha256:  # before anything is asked for
    say(
      'unpinned: nobody has noted the SHA-256 of the published file, so '
      'nobody can know whether what comes is that file'
    )
  say(f'downloading {entry.url}')
  digest = fetch(entry.url, original, sha256=entry.sha256, report=report)
  if not entry.sha256:
    say(f'SHA-256 {digest}, and no other to compare it with')
  try:
    variables = convert(original)
    write(path, entry.name, variables, source=entry.url, source_sha256=digest)
  finally:
    files.remove(original)


def fetch(
  url: str,
  path: pathlib.Path,
  *,
  sha256: str | None = None,
  report: Callable[[int, int | None], None] = lambda done, total: None,
) -> str:
  """Downloads a file and returns its SHA-256.

  Given `sha256`, a download that broke off goes on from what it left behind
  (`PATH.part`), if the server can. Only one process may do this at a time.

  Args:
    url: https, also after redirects.
    path: of the new file; its folder must exist.
    sha256: what the file must have; None for one that nobody has noted.
    report: called with the bytes that are there and, if the server says, all
      there will be.

  Raises:
    InputError: no answer, an error, a web page instead of the file, more than
      4 GiB, an end too early, no space left, or another SHA-256.
  """
  part = path.with_name(f'{path.name}.part')
  # Where there is no hash, nothing says whether the rest is of that file.
  with files.named(part):
    have = part.stat().st_size if sha256 and part.exists() else 0
  _receive(url, part, have, report)
  with files.opened(part, max_bytes=math.inf) as file:
    digest = hashlib.file_digest(file, 'sha256').hexdigest()
  if sha256 not in (None, digest):
    files.remove(part)
    raise InputError(
      f'{url}: not the published file (SHA-256 {digest[:12]}..., expected '
      f'{sha256[:12]}...); deleted'
    )
  files.rename(part, path)
  return digest


def _receive(url, part, have, report):
  """Gets `url` into `part`, from byte `have` on if the server can."""
  with _open(url, have) as response:
    done = have if response.status == 206 else 0
    total = None if response.length is None else done + response.length
    chunk = _read(response, url)
    is_page = response.headers.get_content_type() == 'text/html'
    if is_page or not done and _PAGE.match(chunk):
      raise InputError(
        f'{url}: the server answered with a web page ({total or "?"} bytes) '
        'instead of the file; open it in a browser'
      )
    if (total or 0) > _MAX_BYTES:
      raise InputError(f'{url}: {total} bytes, more than {_MAX_BYTES}')
    with files.open_own(part) as file:
      file.truncate(done)
      while chunk:
        done += file.write(chunk)
        if done > _MAX_BYTES:
          raise InputError(f'{url}: more than {_MAX_BYTES} bytes')
        report(done, total)
        chunk = _read(response, url)
  if total is not None and done < total:
    raise InputError(
      f'{url}: the connection ended after {done} of {total} bytes; ask again '
      'to go on from there'
    )


def _open(url, have):
  headers = {'User-Agent': f'fr_poison/{version.__version__}'}
  if have:
    headers |= {'Range': f'bytes={have}-'}
  opener = urllib.request.OpenerDirector()
  for handler in _HANDLERS:
    opener.add_handler(handler())
  request = urllib.request.Request(url, headers=headers)
  try:
    response = opener.open(request, timeout=_TIMEOUT)
  except urllib.error.HTTPError as error:
    error.close()
    if error.code == 416 and have:  # `part` is whole already, or of another
      return _open(url, 0)
    raise InputError(f'{url}: {error}') from error
  except (OSError, http.client.HTTPException) as error:
    reason = getattr(error, 'reason', error)
    raise InputError(f'{url}: cannot be downloaded ({reason})') from error
  sent = response.headers.get('Content-Range', '')
  if response.status == 206 and not sent.startswith(f'bytes {have}-'):
    response.close()
    raise InputError(f'{url}: asked for bytes {have}-, the server sent {sent}')
  return response


def _read(response, url):
  try:
    return response.read(_CHUNK)
  except (OSError, http.client.HTTPException) as error:
    raise InputError(
      f'{url}: the connection broke ({error}); ask again to go on from there'
    ) from error
