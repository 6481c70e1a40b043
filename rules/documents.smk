"""
Input documents. The user's PDFs need no rule; while data/raw is empty, this one makes the sample corpus.

REQUIRED INPUTS: none
OUTPUTS: data/samples/<name>.pdf and the Markdown each page was made from, data/samples/truth/<name>/p<NNNN>.md
"""

if plan.sample_specs:

    rule make_samples:
        """Compile the sample corpus with Typst: byte-identical for the same seed."""
        output:
            pdfs=[f"data/samples/{spec.name}.pdf" for spec in plan.sample_specs],
        log:
            "logs/make_samples.log",
        benchmark:
            "benchmarks/jobs/make_samples.tsv"
        conda:
            "../envs/cpu.yaml"
        resources:
            mem_mb=1000,
        params:
            settings=plan.settings("samples"),
            code=plan.code("make_samples"),
            environment=plan.environment,
            repairs=plan.repairs("make_samples"),
        script:
            "../scripts/make_samples.py"
