"""Files of a training: what they hold, and whose they are."""

import json
import os
import signal

import jax
import numpy as np
import pytest

from fr_poison import checkpoints
from fr_poison.training import run as training_run
from fr_poison.training.loop import Means
from fr_poison.training.step import TrainState
from fr_poison.types import InputError, Stopped

START = {'network': {'name': 'toy'}, 'rate': 1}


class Toy:
  """A `Trainer` that adds: the loss of step n is 0.1 n, or NaN at `bad`."""

  num_steps = 6
  has_classes = True

  def __init__(self, width=2, bad=None, signal_after=None):
    self.width, self.bad, self.signal_after = width, bad, signal_after

  def init(self):
    return self._state(0, np.zeros(self.width, np.float32))

  def _state(self, step, w):
    params = {'extractor': {'w': jax.numpy.asarray(w)}, 'head': {}}
    return TrainState(jax.numpy.int32(step), params, {}, (), {})

  def steps(self, state, sampler):
    for number in range(int(state.step) + 1, self.num_steps + 1):
      loss = np.nan if number == self.bad else 0.1 * number
      w = np.asarray(state.params['extractor']['w']) + loss
      state = self._state(number, w)
      sums = {'loss': loss, 'correct': 1.0, 'count': 2.0}
      if number == self.signal_after:
        os.kill(os.getpid(), signal.SIGTERM)
      yield state, {k: jax.numpy.float32(v) for k, v in sums.items()}


class Epochs:
  """The only thing that is asked of a `Sampler`."""

  steps_per_epoch = 3


@pytest.fixture
def train(tmp_path):
  def run(trainer, description=START, folder=tmp_path, **kwargs):
    return training_run.run(
      trainer, Epochs(), folder, description=description, **kwargs
    )

  return run


def _metrics(folder):
  lines = (folder / 'metrics.jsonl').read_text().splitlines()
  found = [json.loads(line) for line in lines]
  return [{k: v for k, v in m.items() if k != 'seconds'} for m in found]


def test_a_line_an_epoch_and_evaluations_when_asked(train, tmp_path):
  seen = []

  def evaluate(state):
    assert isinstance(state.step, np.ndarray)
    seen.append(int(state.step))
    return {'eval': 0.5}

  state = train(Toy(), evaluate=evaluate, eval_every=2, save_every=2)
  # (0.1 + 0.2 + 0.3) / 6 pictures, of which 3 were right; then 0.4 to 0.6.
  start, first, second = _metrics(tmp_path)
  assert start == {'step': 0, 'eval': 0.5}
  assert first == {'step': 3, 'loss': pytest.approx(0.1), 'accuracy': 0.5}
  assert second['loss'] == pytest.approx(0.25) and second['eval'] == 0.5
  assert seen == [0, 6] and state.step == 6
  np.testing.assert_allclose(state.params['extractor']['w'], 2.1, rtol=1e-6)
  names = [p.name for p in (tmp_path / 'checkpoints').iterdir()]
  assert names == ['6']  # every second epoch


def test_a_head_without_classes_has_no_accuracy(train, tmp_path, monkeypatch):
  monkeypatch.setattr(Toy, 'has_classes', False)
  train(Toy())
  assert _metrics(tmp_path)[0].keys() == {'step', 'loss'}


def test_a_stop_within_an_epoch_leaves_no_trace(train, tmp_path):
  with pytest.raises(Stopped, match='stopped at step 2 of 6'):
    train(Toy(signal_after=2))
  assert _metrics(tmp_path) == []
  train(Toy())
  whole = train(Toy(), folder=tmp_path / 'whole')
  stopped = checkpoints.read(tmp_path / 'checkpoints')[0]
  np.testing.assert_array_equal(
    stopped['params']['extractor']['w'], whole.params['extractor']['w']
  )
  assert _metrics(tmp_path) == _metrics(tmp_path / 'whole')


def test_an_old_step_that_a_kill_left_goes(train, tmp_path):
  train(Toy(), keep=2)  # 3 and 6, as if killed before 3 was deleted
  train(Toy(), keep=1)
  names = [p.name for p in (tmp_path / 'checkpoints').iterdir()]
  assert names == ['6']


def test_a_finished_training_is_not_touched(train, tmp_path):
  train(Toy())
  before = (tmp_path / 'metrics.jsonl').read_bytes()
  state = train(Toy(bad=1))
  assert state.step == 6 and isinstance(state.step, np.ndarray)
  assert (tmp_path / 'metrics.jsonl').read_bytes() == before


@pytest.mark.parametrize('bad, last', [(5, 'checkpoints/3'), (2, 'none')])
def test_a_loss_that_is_not_finite_names_steps_and_way_back(
  bad, last, train, tmp_path
):
  first = 4 if bad > 3 else 1
  text = f'between steps {first} and {first + 2};.*checkpoint: .*{last}$'
  with pytest.raises(InputError, match=text):
    train(Toy(bad=bad))
  steps = [m['step'] for m in _metrics(tmp_path)]
  assert steps == ([3] if bad > 3 else [])


def test_another_network_or_training_is_refused(train, tmp_path):
  with pytest.raises(Stopped):
    train(Toy(signal_after=4))
  shape = r'params/extractor/w \(float32\[2\], wanted float32\[3\]\)'
  with pytest.raises(InputError, match=f'another architecture.*{shape}'):
    train(Toy(width=3))
  with pytest.raises(InputError, match=r'another training \(rate 1, now 2\)'):
    train(Toy(), START | {'rate': 2})
  # Without a checkpoint there is nothing to confuse.
  (tmp_path / 'other').mkdir()
  (tmp_path / 'other' / 'training.json').write_text('{"rate": 2}')
  assert train(Toy(width=3), folder=tmp_path / 'other').step == 6


def test_a_folder_that_cannot_be_written_is_one_line(train, tmp_path):
  (tmp_path / 'metrics.jsonl').mkdir()
  with pytest.raises(InputError, match='metrics.jsonl: Is a directory'):
    train(Toy())


@pytest.mark.parametrize('last', ['{"st', '[' * 100_000 + '\n'])
def test_outdated_and_odd_lines_are_dropped(train, tmp_path, last):
  with pytest.raises(Stopped):
    train(Toy(signal_after=4))
  with (tmp_path / 'metrics.jsonl').open('a') as file:
    file.write('{"step": 5, "loss": 7.0}\n' + last)
  train(Toy())
  assert [m['step'] for m in _metrics(tmp_path)] == [3, 6]


def test_each_step_that_is_left_is_shown(train):
  with pytest.raises(Stopped):
    train(Toy(signal_after=4))
  seen = []

  def progress(label, unit):
    def show(items, total):
      seen.append((label, unit, total))
      for item in items:
        seen.append(item)
        yield item

    return show

  train(Toy(), label='toy', progress=progress)
  assert seen == [('toy', 'step', 2), 5, 6]


def test_a_stop_does_not_change_the_last_digit_of_a_mean():
  losses = np.random.default_rng(0).uniform(0, 9, 50).astype(np.float32)
  steps = [{'loss': x, 'correct': 0.0, 'count': 3.0} for x in losses]
  whole, first = Means(), Means()
  for sums in steps:
    whole.add(sums)
  for sums in steps[:21]:
    first.add(sums)
  rest = Means(0, first.sums(21))
  for sums in steps[21:]:
    rest.add(sums)
  assert rest.take(50) == whole.take(50)
  # Emptied by it.
  assert rest.take(50) == {}
