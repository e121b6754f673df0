"""Makes schemas that kubeconform reads of those that the Python package kubernetes-validate brings: it has no others without
a network. Usage: kubernetes-schemas.py SOURCE TARGET"""

import json
import pathlib
import sys

source, target = map(pathlib.Path, sys.argv[1:])
target.mkdir(parents=True, exist_ok=True)
for file in source.glob("*.json"):
    # Names of a server that does not exist; the definitions are in the file beside.
    schema = json.loads(file.read_text().replace('"/api/_definitions.json#', '"_definitions.json#'))
    schema.pop("$id", None)
    (target / file.name).write_text(json.dumps(schema))
