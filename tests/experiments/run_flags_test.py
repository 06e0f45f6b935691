"""Where results go that nobody has named a folder for."""

import pytest
import run_flags


@pytest.mark.parametrize(
  'config, folder',
  [
    ('experiments/configs/orl.py', 'results/orl'),
    ('experiments/configs/orl.py:smoke', 'results/orl-smoke'),
    ('/a.b/end_to_end.py:preset=adam', 'results/end_to_end-preset=adam'),
    ('x.py:smoke,preset=../../adam', 'results/x-smoke-preset=..-..-adam'),
  ],
)
def test_another_argument_has_another_folder(config, folder):
  assert run_flags.default_workdir(config) == folder
