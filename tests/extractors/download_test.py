import hashlib
import os
import socket

import full_disk
import numpy as np
import pytest
from extractors import file_server

from fr_poison.extractors import cache
from fr_poison.types import InputError

DATA = np.random.default_rng(0).bytes(3000)
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def server(monkeypatch):
  monkeypatch.setattr(cache, '_CHUNK', 500)
  with file_server.serving(DATA, monkeypatch) as server:
    yield server


@pytest.fixture
def path(tmp_path):
  return tmp_path / 'net.download'


def _names(path):
  return sorted(os.listdir(path.parent))


def _fetch(server, path, **settings):
  return cache.fetch(server.url, path, sha256=SHA256, **settings)


def _break_off(server, path, after=1000):
  server.stop_after = after
  with pytest.raises(InputError, match=f'ended after {after} of 3000 bytes'):
    _fetch(server, path)
  server.stop_after = None


def test_gets_the_whole_file_and_reports_how_far_it_is(server, path):
  heard = []
  report = lambda done, total: heard.append((done, total))
  digest = cache.fetch(server.url, path, sha256=SHA256, report=report)
  assert digest == SHA256 and path.read_bytes() == DATA
  assert heard == [(done, 3000) for done in range(500, 3001, 500)]
  assert _names(path) == ['net.download']


def test_goes_on_where_the_connection_broke(server, path):
  _break_off(server, path)
  assert not path.exists()
  assert _fetch(server, path) == SHA256
  assert server.sent == [1000, 2000] and path.read_bytes() == DATA


def test_goes_on_where_the_process_was_killed(server, path):
  def kill(done, total):
    if done == 1500:
      raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt):
    _fetch(server, path, report=kill)
  assert _fetch(server, path) == SHA256
  assert server.sent[1] == 1500 and path.read_bytes() == DATA


def test_begins_anew_where_the_server_cannot_go_on(server, path):
  _break_off(server, path)
  server.ranges = False
  assert _fetch(server, path) == SHA256
  assert server.sent == [1000, 3000] and path.read_bytes() == DATA


def test_the_rest_of_another_file_is_found_and_deleted(server, path):
  _break_off(server, path)
  server.data = DATA[::-1]
  with pytest.raises(InputError, match='not the published file'):
    _fetch(server, path)
  assert _names(path) == []


def test_begins_anew_where_no_hash_would_notice_another_file(server, path):
  _break_off(server, path)
  server.data = DATA[::-1]
  cache.fetch(server.url, path)
  assert server.sent == [1000, 3000] and path.read_bytes() == DATA[::-1]


def test_begins_anew_where_nothing_was_left_to_get(server, path):
  path.with_name('net.download.part').write_bytes(DATA)
  assert _fetch(server, path) == SHA256
  assert path.read_bytes() == DATA


def test_refuses_another_part_than_asked_for(server, path):
  server.status = 206
  server.ranges = False
  _break_off(server, path)  # bytes 0- of a first request
  with pytest.raises(InputError, match='asked for bytes 1000-, .* bytes 0-'):
    _fetch(server, path)


def test_refuses_and_deletes_another_file(server, path):
  wrong = '0' * 64
  expected = f'{SHA256[:12]}..., expected 000000000000...'
  with pytest.raises(InputError, match=expected):
    cache.fetch(server.url, path, sha256=wrong)
  assert _names(path) == []


@pytest.mark.parametrize(
  'page',
  [
    {'type': 'text/html; charset=utf-8'},
    {'data': b'\xef\xbb\xbf\n<!doctype HTML><title>Quota exceeded</title>'},
    {'data': b'<html></html>', 'length': False},
  ],
  ids=['type', 'doctype', 'html'],
)
def test_says_that_it_got_a_web_page(server, path, page):
  vars(server).update(page)
  with pytest.raises(InputError, match=r'net.*: .* a web page \((\d+|\?) byt'):
    cache.fetch(server.url, path)
  assert _names(path) == []


def test_a_web_page_does_not_replace_what_is_there(server, path):
  _break_off(server, path)
  server.ranges, server.type = False, 'text/html'
  with pytest.raises(InputError, match='web page'):
    _fetch(server, path)
  server.ranges, server.type = True, 'application/octet-stream'
  _fetch(server, path)
  assert server.sent[-1] == 2000 and path.read_bytes() == DATA


@pytest.mark.parametrize('length', [True, False])
def test_bounds_the_size(server, path, monkeypatch, length):
  monkeypatch.setattr(cache, '_MAX_BYTES', 1200)
  server.length = length
  with pytest.raises(InputError, match='more than 1200'):
    cache.fetch(server.url, path)
  # A size that is known is refused before the first byte is kept.
  kept = [] if length else ['net.download.part']
  assert _names(path) == kept


@pytest.mark.parametrize('status', [403, 404, 503])
def test_passes_on_the_servers_refusal(server, path, status):
  server.status = status
  with pytest.raises(InputError, match=f'net.safetensors: .*{status}'):
    cache.fetch(server.url, path)
  assert _names(path) == []


@pytest.mark.parametrize('url', ['ftp://127.0.0.1/x', 'https://127.0.0.1:1/x'])
def test_follows_redirects_over_https_only(server, path, url):
  server.status, server.location = 302, url
  reason = 'unknown url type: ftp' if url[:3] == 'ftp' else 'refused'
  with pytest.raises(InputError, match=reason):
    cache.fetch(server.url, path)


@pytest.mark.parametrize('url', ['http://127.0.0.1:1/x', 'file:///etc/passwd'])
def test_asks_over_https_only(path, url):
  with pytest.raises(InputError, match='cannot be downloaded .unknown url typ'):
    cache.fetch(url, path)


def test_does_not_wait_forever(server, path, monkeypatch):
  monkeypatch.setattr(cache, '_TIMEOUT', 0.1)
  with socket.create_server(('127.0.0.1', 0)) as silent:
    url = f'http://127.0.0.1:{silent.getsockname()[1]}/x'
    with pytest.raises(InputError, match='timed out'):
      cache.fetch(url, path)


def test_a_full_disk_is_named(server, path):
  refused = pytest.raises(InputError, match='net.download.part: File too large')
  with full_disk.after(1200), refused:
    cache.fetch(server.url, path)
