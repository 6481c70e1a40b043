"""Runs roc-validator on a crate, offline: `python validate_crate.py CRATE PROFILE SEVERITY ISSUES.json`.

A program of its own, since roc-validator wants an older `rich` than the build: it has its own folder (PYTHONPATH). The
validator fetches the JSON-LD contexts from the network; here they come from the rocrate library, which has a later
version of the same terms, with those that moved put back.
"""

import json
import sys
from pathlib import Path
from typing import Any

_WORKFLOW_RUN = "https://w3id.org/ro/terms/workflow-run"
_MOVED = {
    "ComputationalWorkflow": "https://bioschemas.org/ComputationalWorkflow",
    "FormalParameter": "https://bioschemas.org/FormalParameter",
    "input": "https://bioschemas.org/ComputationalWorkflow#input",
    "output": "https://bioschemas.org/ComputationalWorkflow#output",
}


def contexts() -> dict[str, dict[str, Any]]:
    """Return the contexts by address."""
    from rocrate.vocabs import RO_CRATE

    run_terms = (
        "ParameterConnection", "connection", "sourceParameter", "targetParameter", "sha256", "environment",
        "resourceUsage", "containerImage", "ContainerImage",
    )  # fmt: skip
    return {
        "https://w3id.org/ro/crate/1.1/context": {"@context": RO_CRATE["@context"] | _MOVED},
        f"{_WORKFLOW_RUN}/context": {"@context": {term: f"{_WORKFLOW_RUN}#{term}" for term in run_terms}},
    }


def main(crate: Path, profile: str, severity: str) -> list[dict[str, str]]:
    """Return what the validator finds: severity, check, message and entity of each issue."""
    import requests
    from rocrate_validator import services
    from rocrate_validator.utils.http import HttpRequester

    known = contexts()

    def answer(_requester: object, address: str, **_options: object) -> requests.Response:
        response = requests.Response()
        response.status_code = 200 if address in known else 404
        response.headers["Content-Type"] = "application/ld+json"
        response._content = json.dumps(known.get(address, {})).encode()
        return response

    HttpRequester.get = HttpRequester.head = answer
    result = services.validate(
        {
            "rocrate_uri": str(crate),
            "profile_identifier": profile,
            "requirement_severity": severity,
            "no_cache": True,
        }
    )
    return [
        {
            "severity": issue.severity.name,
            "check": issue.check.identifier,
            "message": str(issue.message),
            "entity": str(issue.violatingEntity),
        }
        for issue in result.get_issues()
    ]


if __name__ == "__main__":
    issues = main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
    Path(sys.argv[4]).write_text(json.dumps(issues, indent=1), encoding="utf-8")
