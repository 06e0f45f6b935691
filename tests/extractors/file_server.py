"""A web server of one file on this machine, which can misbehave."""

import contextlib
import http.server
import threading
import urllib.request

from fr_poison.extractors import cache


class FileServer(http.server.ThreadingHTTPServer):
  """Answers every request with `data`, in the way that a test sets."""

  daemon_threads = True

  def __init__(self, data):
    super().__init__(('127.0.0.1', 0), _Handler)
    self.data = data
    self.type = 'application/octet-stream'
    self.ranges = True  # honours Range
    self.length = True  # says how long the answer is
    self.stop_after = None  # bytes, then hangs up
    self.status = 200
    self.location = None
    self.sent = []  # bytes, by answer

  @property
  def url(self):
    return f'http://127.0.0.1:{self.server_port}/net.safetensors'


class _Handler(http.server.BaseHTTPRequestHandler):
  def do_GET(self):
    server, status, start = self.server, self.server.status, 0
    if server.ranges and self.headers.get('Range'):
      status, start = 206, int(self.headers['Range'][len('bytes=') : -1])
    if start >= len(server.data):
      status = 416
    if status >= 400:
      self.send_error(status)
      return
    self.send_response(status)
    body = server.data[start:]
    headers = {'Content-Type': server.type}
    if status == 206:
      end = len(server.data)
      headers['Content-Range'] = f'bytes {start}-{end - 1}/{end}'
    if server.length:
      headers['Content-Length'] = len(body)
    if server.location:
      headers['Location'] = server.location
    for name, value in headers.items():
      self.send_header(name, value)
    self.end_headers()
    body = body[: server.stop_after]
    server.sent.append(len(body))
    self.wfile.write(body)

  def log_message(self, *args):
    del args


@contextlib.contextmanager
def serving(data, monkeypatch):
  """A running server, which `cache.fetch` may ask although it has no TLS."""
  handlers = (urllib.request.HTTPHandler, *cache._HANDLERS[1:])  # no proxy
  monkeypatch.setattr(cache, '_HANDLERS', handlers)
  with FileServer(data) as server:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
      yield server
    finally:
      server.shutdown()
      thread.join()
