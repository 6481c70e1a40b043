"""Snakemake's Slurm executor beside builds that use no Slurm: `late_pandas` keeps it from slowing every start."""
