"""What the Snakefile and DVC ask: the plan, why a job would run, the commit, the summary.

plan             the plan of a build, made when the Snakefile is read: shards, settings, and each rule's digests
plan_documents   its input documents, shard by shard: what the rules about them read and are told
plan_model       its base model: files, where it is loaded from, what it is asked, the memory it takes
plan_training    what a training is refused for before any job runs
plan_retention   the PDFs of the retention set, where a folder is named
plan_benchmarks  its public benchmarks: what their rules read, and what they leave
start            what comes before the first job and after the last: one build at a time, results kept
consent          whether a call may replace the results that are there: those of another corpus or base model
passwords        passwords that were given after a document could not be opened
prompts          the prompt: one string per task, used in records, training, evaluation and serving
config_files     YAML presets, JSON schema and table of keys, generated from `core.config`
reasons          why a build would run what it would run: files, keys, functions and libraries, in words
costs            what a build will take: jobs, pages, gigabytes, hours by stage
rates            how long work takes: of this folder's own past jobs, else the documentation's figures
refusals         how a build that cannot start says why: one message, before any work, and no traceback
leftovers        what earlier builds left of documents and shards that are no more
dvc_commit       dvc.lock and what git must have beside it, brought up to date after a build
terminal         what Snakemake says on the terminal: a line when a job starts, and one when it ends
kubernetes_jobs  Snakemake's jobs as Kubernetes Jobs: how they are submitted and asked for
slurm_jobs       what became of a job on a Slurm cluster, in words
status           how far a build is, asked from outside while it runs
status_page      the page of `scribetune status --serve`
summary          the closing summary of a build, from the files it left
"""
