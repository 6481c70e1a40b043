"""`python -m tiny_pretraining`: one sitting; see `tiny_pretraining.trainer`."""

from tiny_pretraining.trainer import main

main()
