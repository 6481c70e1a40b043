"""
Input documents. The user's PDFs need no rule; while data/raw is empty, this one makes the sample corpus.

REQUIRED INPUTS: none
OUTPUTS: data/samples/<name>.pdf and the Markdown each page was made from, data/samples/truth/<name>/p<NNNN>.md
"""

if plan.documents.sample_specs:

    rule make_samples:
        """Compile the sample corpus with Typst: byte-identical for the same seed."""
        output:
            pdfs=[
                f"data/samples/{spec.name}.pdf" for spec in plan.documents.sample_specs
            ],
        log:
            "logs/make_samples.log",
        benchmark:
            "benchmarks/jobs/make_samples.tsv"
        conda:
            "../envs/cpu.yaml"
        resources:
            mem_mb=plan.memory_mb(1000),
        params:
            **plan.reuse("make_samples"),
            settings=plan.settings("samples"),
        script:
            "../scripts/make_samples.py"


rule samples:
    """Target: the sample corpus; nothing where PDFs of the user's are there."""
    input:
        [f"data/samples/{spec.name}.pdf" for spec in plan.documents.sample_specs],
    localrule: True
