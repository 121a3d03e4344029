"""Export several models, each in a process of its own."""

import json
from pathlib import Path

import modelexport

HERE = Path(__file__).parent

if __name__ == "__main__":
    jobs = [
        {"model": str(HERE / "models.py"), "output_path": "out/classifier.onnx"},
        {"model": "missing.py", "output_path": "out/missing.onnx"},
    ]
    Path("jobs.json").write_text(json.dumps(jobs, indent=4))
    report = modelexport.batch_export("jobs.json", processes=2)
    for job in report["jobs"]:
        print(job["name"], job["status"], job["error"] or "")
    assert [job["status"] for job in report["jobs"]] == ["done", "failed"]
