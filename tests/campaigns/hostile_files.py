"""What fuzz.py tries: every reader of files that somebody else may write.

Each target is a reader, and small files as they should be: what is damaged.
"""

import gzip
import json
import pathlib
import pickle
import random
import shutil
import tarfile
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from properties import expanding, seeds

from fr_poison import config_args, saved_step, strict_json
from fr_poison.data import decode, exif, folder
from fr_poison.data.datasets import insightface, megaface, trees
from fr_poison.extractors import cache
from fr_poison.extractors.convert import reading
from fr_poison.photos import manifest
from fr_poison.report import record_file, sources

_FACES = 'Ann_0001.jpg', 'Bob_0001.jpg', 'Bob_0002.jpg'


class Target(NamedTuple):
  """A reader of the file at a path, and the files that it is for."""

  read: Callable[[pathlib.Path], object]
  # Each writes one to the path that it is given, or returns it.
  seeds: list[Callable[[pathlib.Path], bytes | None]]
  # Each makes one that no damage to those would: it should be refused, or be
  # as little work as it is long.
  builders: tuple[Callable[[random.Random], bytes], ...] = ()


def whole_files(target: Target, path: pathlib.Path) -> list[bytes]:
  """The bytes of the target's seeds; `path` is where they may be written."""
  return [seed(path) or path.read_bytes() for seed in target.seeds]


def _picture(path):
  data = path.read_bytes()
  image = decode.decode(data, path.name)
  kept = decode.decode(exif.pixels_only(data, image), 'kept')
  np.testing.assert_array_equal(kept, image)
  small, about = image[:8, :4], exif.kept(data)
  cloak = decode.decode(decode.encode_jpeg(small, exif=about), 'cloak')
  assert cloak.shape == small.shape  # it lies as its pixels do


def _headers(rng):
  kinds = tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME
  return expanding.headers(rng.choice(kinds), rng.randint(1, 3))


def _read_all(files):
  return [file.read() for file in files]


def _record_file(path):
  path.with_suffix('.idx').write_bytes(seeds.RECORDIO_INDEX)
  _read_all(record.file for record in insightface.records(path))


def _record_index(path):
  shutil.copy(path, path.with_suffix('.idx'))
  path.with_suffix('.rec').write_bytes(seeds.RECORDIO)
  rows = insightface.records(path.with_suffix('.rec'))
  _read_all(record.file for record in rows)


def _tfjs(path):
  path.with_name('a.bin').write_bytes(bytes(2))
  reading.read(path)


def _openvino(path):
  path.with_suffix('.bin').write_bytes(seeds.openvino()[1])
  reading.read(path)


def _frbench(path):
  reading.read(path)
  reading.read_config(path)


def _frbench_config(path):
  config = path.with_name('config.yaml')
  path.rename(config)
  reading.read_config(path.parent)


def _records(path):
  sources.read([path])
  record_file.read(path)


def _rows(path):
  path.rename(path.with_name('manifest.jsonl'))
  manifest.Manifest(path.parent, path.parent, {}, 'c0de')


def _step(path):
  path.rename(path.with_name(saved_step.MANIFEST))
  saved_step.find(path.parent)


def _argument(path):
  text = path.read_bytes().decode(errors='replace')
  config_args.parse(text, smoke=False, seed=0, rate=0.5, kind=('a', 'b'))


def _weights(*names):
  return [lambda path, name=name: seeds.weights(name) for name in names]


def _text(*texts):
  return [lambda path, text=text: text.encode() for text in texts]


_ROW = {'input': 'a.jpg', 'output': None, 'config_hash': 'c0de'}
_SEALED_ROW = strict_json.sealed(_ROW)
_STEP = {'format': 1, 'step': 1, 'description': {'network': None}}
_STEP |= {'versions': {}, 'arrays': {}, 'files': {}}
_SEALED_STEP = _STEP | {'sha256': saved_step._digest(_STEP)}
_LISTS = json.dumps({'path': ['1/2@N00/3.jpg', 'Ann/Ann_1.png'], 'id': []})
_PAIRS = '1\t1\nBob\t1\t2\nAnn\t1\tBob\t2\n'
_DETECTION = {
  **{'detector': 'statistics', 'features': 'noise', 'train_attack': 'fawkes'},
  **{'test_attack': 'lowkey', 'epsilon': 0.03, 'jpeg': '', 'auc': 0.9},
  **{'auc_ci': [0.8, 1], 'average_precision': 0.9, 'num_people': 20},
  'tpr_at_fpr': {'0.01': 0.5},
}

TARGETS = {
  'pictures': Target(
    _picture,
    [lambda path, f=f: seeds.picture(f) for f in seeds.PICTURES],
    (lambda rng: expanding.scans(rng.choice([1, 30, 1000])),),
  ),
  'archives': Target(
    lambda path: _read_all(folder.files(path)),
    [
      lambda path: seeds.archive(),
      lambda path: gzip.compress(seeds.archive(), mtime=0),
    ],
    (expanding.archive, _headers),
  ),
  'torch': Target(
    reading.read,
    _weights(*seeds.TORCH),
    (lambda rng: expanding.in_torch(expanding.pickled(rng)),),
  ),
  'onnx': Target(reading.read, _weights(*seeds.ONNX), (expanding.onnx_parts,)),
  'safetensors': Target(
    reading.read, _weights('net.safetensors'), (expanding.contradicting,)
  ),
  'tfjs': Target(_tfjs, _text(json.dumps(seeds.TFJS)), (expanding.tfjs,)),
  'dlib': Target(reading.read, [lambda path: seeds.dlib()]),
  'mxnet': Target(reading.read, [lambda path: seeds.mxnet()]),
  'openvino': Target(_openvino, [lambda path: seeds.openvino()[0]]),
  'frbench': Target(
    _frbench, [lambda path: seeds.frbench()], (expanding.archive,)
  ),
  'frbench configs': Target(_frbench_config, [lambda path: seeds.FRBENCH]),
  'tflite': Target(reading.read, [lambda path: seeds.tflite()]),
  'pickles': Target(
    reading.read,
    [lambda path: pickle.dumps({'conv': seeds.ARRAYS})],
    (expanding.pickled,),
  ),
  'converted': Target(
    cache.read,
    [
      lambda p: cache.write(
        p, 'net', seeds.ARRAYS, source='a', source_sha256='1'
      )
    ],
    (expanding.contradicting,),
  ),
  'records': Target(
    _records,
    [
      lambda path: record_file.write(path, [seeds.RECORD]),
      *_text(json.dumps(seeds.RECORD), json.dumps(_DETECTION)),
    ],
  ),
  'rows of cloaks': Target(
    _rows, _text(json.dumps(_ROW) + '\n', json.dumps(_SEALED_ROW) + '\n')
  ),
  'checkpoints': Target(_step, _text(json.dumps(_SEALED_STEP))),
  'arguments': Target(_argument, _text('smoke,seed=3,rate=1e-3,kind=b')),
  'record files': Target(_record_file, [lambda path: seeds.RECORDIO]),
  'record indices': Target(
    _record_index,
    [lambda path: seeds.RECORDIO_INDEX],
    (expanding.record_index,),
  ),
  'megaface': Target(megaface.read_list, _text(_LISTS)),
  'facescrub': Target(trees.read_list, _text('name\turl\nAnn Lee\thttp')),
  'lfw': Target(lambda path: trees.read_pairs(path, _FACES), _text(_PAIRS)),
}
