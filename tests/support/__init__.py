"""What test modules share, imported as `from support import …`: materials, projects, trainings, and ways to run them.

Materials, made by hand: pdf_factory, tagged_pdf, hostile_pdfs and damaged_pdfs (PDFs); training_pages and
numbered_pages (splits of small pages); stand_in, tiny_qwen and tiny_grids (small models); benchmark_folder (public
benchmarks); lineage_factory (a lineage).
Folders that look like a build: report_folder, reviewed_build, audited_folder, audit_project; repository (git in one).
Work of other processes: worker_tasks, shared_work, shared_training, training_process. Whole builds: build (Snakemake
in a folder), clone (a project with git and DVC), mutations (what changes, and which jobs follow). Scorers and
validators: icdar2013, validate_crate, axe (pages in a browser). The documentation: documentation (its pages, read),
documented_commands (how `make docs-check` runs them).
"""
