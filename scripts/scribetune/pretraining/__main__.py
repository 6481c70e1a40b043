"""`python -m scribetune.pretraining`: one sitting; see `scribetune.pretraining.trainer`."""

from scribetune.pretraining.trainer import main

main()
