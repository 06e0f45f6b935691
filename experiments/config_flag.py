"""--config, of all programs."""

from ml_collections import config_flags

CONFIG = config_flags.DEFINE_config_file('config', None, 'What to do.')
