"""Where results go that nobody has named a folder for."""

import hashlib

import pytest
import run_flags


@pytest.mark.parametrize(
  'config, folder',
  [
    ('experiments/configs/orl.py', 'results/orl'),
    ('experiments/configs/orl.py:smoke', 'results/orl-smoke'),
    ('/a.b/end_to_end.py:preset=adam', 'results/end_to_end-preset=adam'),
    ('x.py:smoke,seed=1', 'results/x-smoke-seed=1'),
  ],
)
def test_another_argument_has_another_folder(config, folder):
  assert run_flags.default_workdir(config) == folder


@pytest.mark.parametrize(
  'config, folder',
  [
    ('x.py:smoke,preset=../../adam', 'results/x-smoke-preset=..-..-adam'),
    # Otherwise one folder, everywhere or on some systems.
    ('x.py:networks=a+b', 'results/x-networks=a-b'),
    ('x.py:networks=a-b', 'results/x-networks=a-b'),
    ('x.py:Smoke', 'results/x-Smoke'),
  ],
)
def test_words_that_are_not_all_have_a_hash(config, folder):
  argument = config.partition(':')[2].encode()
  digest = hashlib.sha256(argument).hexdigest()[:8]
  assert run_flags.default_workdir(config) == f'{folder}-{digest}'
