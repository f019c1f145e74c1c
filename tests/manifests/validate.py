"""Checks the manifests in docker/ against the schemas of what reads them; nothing is started, and no network asked.

usage: validate.py COMPOSE_SCHEMA      (make manifests-test fetches it with the other things that this needs)
"""
import json
import sys
from pathlib import Path

import jsonschema
import kubernetes_validate
import yaml
from kserve import V1beta1ExplainerSpec, V1beta1InferenceService, V1beta1InferenceServiceSpec, V1beta1PredictorSpec

VERSIONS = ["1.32", "1.37"]  # of Kubernetes
DOCKER = Path(__file__).parents[2] / "docker"


def compose(schema):
    manifest = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    # Younger than this copy of the schema.
    assert manifest.pop("name") == "glassbox"
    jsonschema.validate(manifest, schema)
    for service in manifest["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (DOCKER / source).exists() if source.startswith(".") else source in manifest["volumes"], volume


def kubernetes():
    kinds = []
    for manifest in yaml.safe_load_all((DOCKER / "kubernetes.yaml").read_text()):
        kinds.append(manifest["kind"])
        for version in VERSIONS:
            kubernetes_validate.validate(manifest, version, strict=True)
    assert kinds == ["Service", "Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget"], kinds


def known(part, model):
    """Asserts that `part` says nothing that KServe's `model` of it does not know."""
    unknown = set(part) - set(model.attribute_map.values())
    assert not unknown, f"{model.__name__}: {unknown}"


def kserve():
    manifest = yaml.safe_load((DOCKER / "kserve.yaml").read_text())
    known(manifest, V1beta1InferenceService)
    known(manifest["spec"], V1beta1InferenceServiceSpec)
    for name, model in [("predictor", V1beta1PredictorSpec), ("explainer", V1beta1ExplainerSpec)]:
        component = manifest["spec"][name]
        known(component, model)
        assert component["containers"][0]["name"] == "kserve-container"
        # What is not KServe's own in a component is a pod's.
        pod = {key: value for key, value in component.items() if key not in {"minReplicas", "maxReplicas"}}
        for version in VERSIONS:
            kubernetes_validate.validate(
                {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": pod}, version, strict=True
            )


if __name__ == "__main__":
    compose(json.loads(Path(sys.argv[1]).read_text()))
    kubernetes()
    kserve()
    print("the manifests are as their schemas want them")
