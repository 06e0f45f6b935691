import pytest
from campaigns import bit_rot

# Orbax takes long to open, and damage_test.py has more of it; so does a set of
# pictures to be prepared, see kept_test.py.
_FEW = {'checkpoint': 1, 'embedding store': 1, 'prepared data set': 1}


@pytest.mark.parametrize('name', bit_rot.TARGETS)
def test_no_damage_is_silently_another_result(name, capsys, monkeypatch):
  for variable in ('FR_POISON_CACHE', 'TFDS_DATA_DIR'):  # which targets set
    monkeypatch.setenv(variable, 'nowhere')
  counts = bit_rot.run(name, per_file=_FEW.get(name, 3))
  assert counts.keys() <= {bit_rot.SAME, bit_rot.REFUSED, bit_rot.REPLACED}
  assert counts[bit_rot.REFUSED] + counts[bit_rot.REPLACED] > 3, counts
  assert not capsys.readouterr().out


def test_what_is_wrong_is_counted_as_wrong(tmp_path):
  bit_rot.TARGETS['detector'].write(tmp_path)
  target = bit_rot.TARGETS['detector']
  expected, _ = target.read(tmp_path)
  other = target._replace(read=lambda folder: ({'kernel': 0}, False))
  assert bit_rot.judge(target, tmp_path, expected) == bit_rot.SAME
  assert bit_rot.judge(other, tmp_path, expected) == bit_rot.WRONG
  broken = target._replace(read=lambda folder: {}['a'])
  assert 'KeyError' in bit_rot.judge(broken, tmp_path, expected)
