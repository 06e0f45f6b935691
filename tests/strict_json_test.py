import hashlib
import json

import numpy as np
import pytest

from fr_poison import strict_json
from fr_poison.types import InputError

CONTENT = {'b': [0.1, None], 'a': 'Zoë\ud800'}


def _text(content):
  return json.dumps(content).encode()


def test_the_sum_is_of_the_rest_as_text_of_sorted_keys():
  text = b'{"a":"Zo\\u00eb\\ud800","b":[0.1,null]}'
  expected = hashlib.sha256(text).hexdigest()[:16]
  assert strict_json.sealed(CONTENT) == CONTENT | {'checksum': expected}


@pytest.mark.parametrize(
  'content',
  [
    CONTENT,
    {},
    {'i': np.int64(3), 'f': np.float32(0.1), 'd': np.float64(0.1)},
    # Sorted as numbers 2 comes first, as text 10; in JSON they are text.
    {'x': {2: 'a', 10: ('b',)}},
  ],
)
def test_what_was_sealed_comes_back(content):
  sealed = strict_json.sealed(content)
  text = strict_json.dumps(sealed).encode()
  assert strict_json.loads(text) == json.loads(strict_json.dumps(content))


def test_no_other_digit_letter_or_name_is_taken():
  sealed = _text(strict_json.sealed({'rate': 0.25, 'names': ['a'], 'n': None}))
  found = []
  for at in range(len(sealed)):
    for bit in range(8):
      data = bytearray(sealed)
      data[at] ^= 1 << bit
      try:
        found.append(strict_json.loads(bytes(data)))
      except ValueError:
        continue
  # Only the name of the sum itself may change: what it vouched for is there.
  assert found
  for content in found:
    assert content.items() >= {'rate': 0.25, 'names': ['a'], 'n': None}.items()


def test_where_a_sum_is_asked_for_no_bit_may_change():
  sealed = _text(strict_json.sealed({'rate': 0.25, 'names': ['a']}))
  assert strict_json.unsealed(sealed) == {'rate': 0.25, 'names': ['a']}
  for at in range(len(sealed)):
    for bit in range(8):
      data = bytearray(sealed)
      data[at] ^= 1 << bit
      with pytest.raises(InputError):
        strict_json.unsealed(bytes(data))
  for text in (b'', b'[1]', b'{}', b'[' * 100_000, b'"checksum"', b'\xff'):
    with pytest.raises(InputError, match='damaged'):
      strict_json.unsealed(text)


@pytest.mark.parametrize('text', [b'[' * 33 + b']' * 33, b'{"a":[' * 10_000])
def test_what_is_nested_deeply_is_refused(text):
  assert strict_json.loads(b'[' * 32 + b']' * 32)
  with pytest.raises(InputError, match='nested more than 32 deep'):
    strict_json.loads(text)


def test_without_a_sum_it_is_taken_as_it_is():
  for content in (CONTENT, [1], None, 'checksum'):
    assert strict_json.loads(_text(content)) == content


@pytest.mark.parametrize('sum', [None, 0, '', [], 'f' * 16])
def test_another_sum_is_refused(sum):
  with pytest.raises(InputError, match='altered'):
    strict_json.loads(_text({'a': 1, 'checksum': sum}))


@pytest.mark.parametrize('text', [b'{"a": NaN}', b'-Infinity', b'\xff', b''])
def test_what_is_no_strict_json_is_refused(text):
  with pytest.raises(ValueError):
    strict_json.loads(text)


@pytest.mark.parametrize(
  'value', [np.nan, float('inf'), object(), {1: 'a', '': 2}]
)
def test_what_json_cannot_say_is_refused(value):
  with pytest.raises(InputError, match='strict JSON'):
    strict_json.dumps([value])
