"""Fetches one file over https: bounded, resumed, checked, whole or not at all.

Nothing here runs unless a user asks for a download.
"""

import hashlib
import http.client
import itertools
import os
import pathlib
import re
import urllib.error
import urllib.request
from collections.abc import Callable

from fr_poison import version
from fr_poison.types import InputError

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


def fetch(
  url: str,
  path: pathlib.Path,
  *,
  sha256: str | None = None,
  report: Callable[[int, int | None], None] = lambda done, total: None,
) -> str:
  """Downloads a file and returns its SHA-256.

  What a broken download left (`PATH.part`) is gone on with, where the server
  can and its file is still the same. Only one process may do this at a time.

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
  tag = path.with_name(f'{path.name}.tag')  # of the file that `part` is from
  try:
    _receive(url, part, tag, report)
    with open(part, 'rb') as file:
      digest = hashlib.file_digest(file, 'sha256').hexdigest()
    tag.unlink(missing_ok=True)
    if sha256 not in (None, digest):
      part.unlink()
      raise InputError(
        f'{url}: not the published file (SHA-256 {digest[:12]}..., expected '
        f'{sha256[:12]}...); deleted'
      )
    os.replace(part, path)
  except OSError as error:
    raise InputError(f'{error.filename or part}: {error.strerror}') from error
  return digest


def _receive(url, part, tag, report):
  """Gets all of `url` into `part`, from where that ends if it is possible."""
  size = part.stat().st_size if part.exists() and tag.exists() else 0
  with _open(url, size, tag.read_text('utf-8') if size else '') as response:
    done = size if response.status == 206 else 0
    total = None if response.length is None else done + response.length
    chunks = _chunks(response, url)
    first = next(chunks, b'')
    _check_file(url, response, b'' if done else first, total)
    with open(part, 'ab' if done else 'wb') as file:
      if not done:  # only now that no byte of another file is left
        tag.write_text(_tag(response), 'utf-8')
      for chunk in itertools.chain([first], chunks):
        done += file.write(chunk)
        if done > _MAX_BYTES:
          raise InputError(f'{url}: more than {_MAX_BYTES} bytes')
        report(done, total)
  if total is not None and done < total:
    raise InputError(
      f'{url}: the connection ended after {done} of {total} bytes; ask again '
      'to go on from there'
    )


def _open(url, size, tag):
  headers = {'User-Agent': f'fr_poison/{version.__version__}'}
  if size and tag:
    headers |= {'Range': f'bytes={size}-', 'If-Range': tag}
  opener = urllib.request.OpenerDirector()
  for handler in _HANDLERS:
    opener.add_handler(handler())
  request = urllib.request.Request(url, headers=headers)
  try:
    response = opener.open(request, timeout=_TIMEOUT)
  except urllib.error.HTTPError as error:
    error.close()
    if error.code == 416 and 'Range' in headers:  # `part` is whole already
      return _open(url, 0, '')
    raise InputError(f'{url}: {error}') from error
  except (OSError, http.client.HTTPException) as error:
    reason = getattr(error, 'reason', error)
    raise InputError(f'{url}: cannot be downloaded ({reason})') from error
  sent = response.headers.get('Content-Range', '')
  if response.status == 206 and not sent.startswith(f'bytes {size}-'):
    response.close()
    raise InputError(f'{url}: asked for bytes {size}-, the server sent {sent}')
  return response


def _tag(response):
  """Finds what sets a changed file apart; '' where the server gives nothing."""
  etag = response.headers.get('ETag', '')
  weak = not etag or etag.startswith('W/')
  return response.headers.get('Last-Modified', '') if weak else etag


def _chunks(response, url):
  try:
    while chunk := response.read(_CHUNK):
      yield chunk
  except (OSError, http.client.HTTPException) as error:
    raise InputError(
      f'{url}: the connection broke ({error}); ask again to go on from there'
    ) from error


def _check_file(url, response, first, total):
  is_page = response.headers.get_content_type() == 'text/html'
  if is_page or _PAGE.match(first):
    raise InputError(
      f'{url}: the server answered with a web page ({total or "?"} bytes) '
      'instead of the file; open it in a browser'
    )
  if (total or 0) > _MAX_BYTES:
    raise InputError(f'{url}: {total} bytes, more than {_MAX_BYTES}')
