"""Files that would take more than they are long, by what a reader trusts.

Each function makes one, of about as many parts as are asked for.
"""

import bz2
import gzip
import io
import json
import lzma
import pickletools
import random
import struct
import tarfile
import zipfile

import numpy as np
from PIL import Image
from properties import seeds

_COMPRESS = gzip.compress, bz2.compress, lzma.compress, bytes
# What a nested value may be given as, `%s` being the nested value: a dict's
# key, an id of something outside, a name, a shape, and so on.
PLACES = {
  'key': b'}%sNs',
  'item': b']%sa',
  'id': b'(%sctorch\nFloatStorage\nX\1\0\0\0000X\3\0\0\0cpuK\1tQ',
  'storage': b'(X\7\0\0\0storage%s%s%sK\1tQ',
  'name': b'%sX\1\0\0\0x\x93',
  'tensor': b'ctorch._utils\n_rebuild_tensor_v2\n(%s%s%s%s\x89}tR',
  'call': b'ctorch._utils\n_rebuild_parameter\n%sR',
  'function': b'%s)R',
  'state': b'c__torch__\nA\n)\x81%sb',
  'dtype': b'cnumpy\ndtype\n%s\x85R',
}


def _torch(pickled, entries=()):
  buffer = io.BytesIO()
  with zipfile.ZipFile(buffer, 'w') as archive:
    archive.writestr('net/data.pkl', pickled)
    for name, data in entries:
      archive.writestr(name, data)
  return buffer.getvalue()


def memo_graph(place: str, depth: int, width: int = 2) -> bytes:
  """A pickle of a tuple of tuples of itself, width ** depth in all."""
  build = {2: b'\x86', 3: b'\x87'}[width]
  graph = b'()q\0'
  for i in range(depth):
    graph += b'h%c' % i * width + build + b'q%c' % (i + 1)
  part = PLACES[place]
  return b'\x80\2' + graph + part.replace(b'%s', b'h%c' % depth) + b't.'


def deep(place: str, depth: int) -> bytes:
  """A pickle of a tuple in a tuple in a tuple..."""
  nested = b'()' + b'\x85' * depth + b'q\0'
  return b'\x80\2' + nested + PLACES[place].replace(b'%s', b'h\0') + b't.'


def many(opcodes: bytes, count: int) -> bytes:
  """A pickle of a list of as many values as there may be opcodes for."""
  steps = len([*pickletools.genops(b'(' + opcodes + b'l.')]) - 3
  return b'\x80\4](' + opcodes * (count // steps) + b'e.'


def in_torch(pickled: bytes) -> bytes:
  """That pickle as the one of a PyTorch file."""
  return _torch(pickled)


def entries(count: int) -> bytes:
  """An archive of PyTorch's of empty entries."""
  return _torch(b'\x80\2N.', [(f'net/{i}', b'') for i in range(count)])


def archive(rng: random.Random, megabytes: int = 8) -> bytes:
  """A compressed archive whose headers may say other sizes than it has."""
  buffer = io.BytesIO()
  fields = {
    'GNU.sparse.size': '0',
    'size': rng.choice(['0', '-1', str(10**15)]),
  }
  with tarfile.open(fileobj=buffer, mode='w', format=tarfile.PAX_FORMAT) as tar:
    for kind in (tarfile.DIRTYPE, tarfile.REGTYPE, tarfile.REGTYPE):
      info = tarfile.TarInfo(rng.choice(['a/1.jpg', 'net/a.pth', 'a']))
      info.type, info.size = kind, rng.choice([0, 99, megabytes << 20])
      name = rng.choice([*fields, None, None])
      info.pax_headers = {name: fields[name]} if name else {}
      tar.addfile(info, io.BytesIO(bytes(info.size)))
  return rng.choice(_COMPRESS)(buffer.getvalue())


def headers(kind: bytes, count: int, fields: bytes = b'10 ab=cde\n') -> bytes:
  """An archive of headers that extend other headers, of 1 MB each."""
  info, data = tarfile.TarInfo('a'), fields * ((1 << 20) // len(fields))
  info.type, info.size = kind, len(data)
  header = info.tobuf(tarfile.USTAR_FORMAT)
  return (header + data + bytes(-len(data) % 512)) * count


def safetensors(text: str, data: bytes = b'') -> bytes:
  """A file of that header."""
  header = text.encode()
  return len(header).to_bytes(8, 'little') + header + data


def named(count: int, form: str, between: str = ',') -> str:
  """Text of as many parts, `%x` in it being another number in each."""
  return between.join(form % i if '%' in form else form for i in range(count))


def contradicting(rng: random.Random) -> bytes:
  """Safetensors whose offsets, shape and length may not be of one array."""
  entry = {
    'dtype': rng.choice(['F32', 'BOOL', 'F64']),
    'shape': rng.choice([[2], [2, 0, 2**40], [-2], [[2]], [2.0], [1] * 99]),
    'data_offsets': rng.choice([[0, 8], [8, 0], [0, 2**60], [4, 12], [0]]),
  }
  count = rng.randint(1, 3)
  return safetensors(
    json.dumps({f'a{i}': entry for i in range(count)}), bytes(8)
  )


def _length(count):
  digits = b''
  while count > 127:
    digits, count = digits + bytes([128 | count & 127]), count >> 7
  return digits + bytes([count])


def field(number: int, data: bytes) -> bytes:
  """A field of a protocol buffer."""
  return bytes([number << 3 | 2]) + _length(len(data)) + data


def onnx(graph: bytes) -> bytes:
  """A model of that graph."""
  return b'\x08\7' + field(7, graph)


def onnx_parts(rng: random.Random, count: int = 1000) -> bytes:
  """A model of many of one part, in any of its places."""
  part = rng.choice([b'', field(1, b''), field(5, b''), field(8, b'a')])
  for number in rng.choice([(1,), (5,), (1, 5), (11,), (1, 5, 6), (5, 13)]):
    part = field(number, part) * rng.choice([1, 30])
  return onnx(part * (count // 30))


def scans(count: int) -> bytes:
  """A progressive JPEG whose last scan is there again and again."""
  buffer = io.BytesIO()
  image = np.random.default_rng(0).integers(0, 255, [32, 32, 3], np.uint8)
  Image.fromarray(image).save(buffer, 'JPEG', progressive=True)
  data = buffer.getvalue()
  start, end = data.rindex(b'\xff\xda'), data.rindex(b'\xff\xd9')
  return data[:end] + data[start:end] * count + data[end:]


def record_index(rng: random.Random) -> bytes:
  """An index of RecordIO, many lines of which may name one record."""
  line = b'%d\t%d\n' % (rng.choice([1, 2**70]), rng.choice([0, 4, 2**70]))
  return line * rng.choice([1, 1000])


def pickled(rng: random.Random) -> bytes:
  """Any of the pickles above."""
  place = rng.choice([*PLACES])
  return rng.choice(
    [
      lambda: memo_graph(place, rng.choice([2, 40, 90]), rng.choice([2, 3])),
      lambda: deep(place, rng.choice([10, 3000, 20_000])),
      lambda: many(rng.choice([b'}', b'K\1\x85', b']\x94', b'N']), 10_000),
    ]
  )()


def tfjs(rng: random.Random) -> bytes:
  """A model.json one of whose numbers is something else."""
  weight = seeds.TFJS['weightsManifest'][0]['weights'][0]
  odd = rng.choice([[1] * 2, -1, True, 10**400, 0.5, {}, '1', [[1]]])
  quantization = dict(weight['quantization'])
  quantization[rng.choice(['scale', 'min', 'dtype'])] = odd
  changed = rng.choice([{'shape': odd}, {'quantization': quantization}])
  group = {'paths': ['a.bin'], 'weights': [weight | changed]}
  return json.dumps({'weightsManifest': [group]}).encode()


def arrays_of_nothing(count: int) -> bytes:
  """An MXNet file of arrays without numbers."""
  one = struct.pack('<IiIqiii', 0xF993FAC9, 0, 1, 0, 1, 0, 0)
  names = b''.join(struct.pack('<Q', 6) + b'%06d' % i for i in range(count))
  size = struct.pack('<Q', count)
  return struct.pack('<QQ', 0x112, 0) + size + one * count + size + names
