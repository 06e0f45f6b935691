"""Our own files after an accident: what was in them, or InputError."""

import json
import shutil

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from properties import hostile, seeds

from fr_poison import saved_step
from fr_poison.checkpoints import Checkpoints, read
from fr_poison.data import folder
from fr_poison.data.datasets import insightface
from fr_poison.report import kinds, record_file
from fr_poison.types import InputError


def _try(folder, function, *args):
  """What `function` gives; None if it refuses in one line."""
  with hostile.watched(folder):
    try:
      return function(*args)
    except InputError as error:
      assert '\n' not in str(error)
      return None


@hypothesis.given(
  st.one_of(
    hostile.damaged(json.dumps(seeds.RECORD).encode()),
    st.builds(
      lambda key, value: json.dumps(seeds.RECORD | {key: value}).encode(),
      st.sampled_from(sorted(seeds.RECORD)),
      hostile.VALUES,
    ),
  )
)
def test_a_damaged_record(tmp_path, data):
  path = tmp_path / 'records.jsonl'
  path.write_bytes(data)
  for record in _try(tmp_path, record_file.read, path) or ():
    kinds.validate(record)


STATE = {'params': {'kernel': np.arange(12, dtype=np.float32).reshape(3, 4)}}


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
  path = tmp_path_factory.mktemp('checkpoints')
  checkpoints = Checkpoints(path, description={'network': None})
  checkpoints.save(1, STATE)
  return path / '1'


def _resealed(body, key, value):
  """A manifest of another content whose own sum is right."""
  body = body | {key: value}
  del body['sha256']
  return json.dumps(body | {'sha256': saved_step._digest(body)}).encode()


def test_a_damaged_manifest(saved, tmp_path):
  path = shutil.copytree(saved, tmp_path / '1')
  intact = (saved / saved_step.MANIFEST).read_bytes()
  body = json.loads(intact)
  entry = {'shape': [3, 4], 'dtype': 'float32', 'kind': 'array'}
  forged = st.one_of(
    st.builds(
      lambda key, value: _resealed(body, key, value),
      st.sampled_from(sorted(body.keys() - {'sha256', 'description'})),
      hostile.VALUES,
    ),
    st.builds(
      lambda key, value: _resealed(
        body, 'arrays', {'params/kernel': entry | {key: value}}
      ),
      st.sampled_from(sorted(entry)),
      st.one_of(
        hostile.VALUES, st.sampled_from([[10**12, 10**6], [-1], ['3', 4]])
      ),
    ),
  )

  @hypothesis.given(st.one_of(hostile.damaged(intact), forged))
  def check(data):
    (path / saved_step.MANIFEST).write_bytes(data)
    found = _try(tmp_path, read, path)
    if found is not None and found[0]:
      np.testing.assert_array_equal(
        found[0]['params']['kernel'], STATE['params']['kernel']
      )

  check()


def _read_all(files):
  for file in files:
    try:
      file.read()
    except InputError as error:
      assert '\n' not in str(error)


@hypothesis.given(hostile.damaged(seeds.archive()))
def test_a_damaged_archive(tmp_path, data):
  path = tmp_path / 'faces.tar'
  path.write_bytes(data)
  _try(tmp_path, lambda: _read_all(folder.files(path)))


@hypothesis.given(
  hostile.damaged(seeds.RECORDIO),
  hostile.damaged(seeds.RECORDIO_INDEX),
)
def test_a_damaged_row_of_records(tmp_path, data, index):
  path = tmp_path / 'train.rec'
  path.write_bytes(data)
  path.with_suffix('.idx').write_bytes(index)
  _try(tmp_path, lambda: _read_all(r.file for r in insightface.records(path)))
