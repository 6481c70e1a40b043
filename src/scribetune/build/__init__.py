"""What the Snakefile and DVC ask: the plan, why a job would run, the commit, the summary.

config_files     the files generated from the configuration model
dvc_commit       dvc.lock, DVC's record of stages, and what git must have beside it
leftovers        what earlier builds left of documents and shards that are no more
plan             the plan of a build, made when the Snakefile is read
plan_benchmarks  the public benchmarks of a build: what their rules read, and what they leave
plan_documents   the input documents of a build, shard by shard: what the rules about them read and are told
plan_model       the base model of a build
prompts          the prompt
reasons          why a build would run what it would run: files, keys, functions and libraries, in words
refusals         how a build that cannot start says why: one message, before any work, and no traceback
summary          the closing summary of a build, from the files it left; no data frame needed
"""
