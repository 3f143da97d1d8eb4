# SPDX-License-Identifier: Apache-2.0
"""deploy/calico-vpp: what can be tested without a cluster.

kustomize applies the patches, Kubernetes' schemas accept the result, and VPP accepts the commands
and the stanza, with a node's address instead of its annotation.
"""

import re
import shutil
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from dockerfile_parse import DockerfileParser

from support import accounts, generator, installation, meter
from support.flows import of_records
from support.link import Link, add_link
from support.process import run
from support.traffic import many_flows
from support.vpp import Vpp
from support.waiting import until

CALICO_VPP = installation.ROOT / "deploy" / "calico-vpp"

SCHEMAS = "1.37"

ANNOTATION = "__NODE_ANNOTATION:projectcalico.org/IPv4Address__"

COLLECTOR = "192.0.2.10"

# A minimal replacement of Calico-VPP's manifest, with what the patches change and more.
STAND_IN = """
apiVersion: v1
kind: ConfigMap
metadata:
  name: calico-vpp-config
  namespace: calico-vpp-dataplane
data:
  CALICOVPP_CONFIG_TEMPLATE: unix { exec /etc/vpp/startup.exec }
---
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: calico-vpp-node
  namespace: calico-vpp-dataplane
spec:
  selector:
    matchLabels:
      k8s-app: stand-in
  template:
    metadata:
      labels:
        k8s-app: stand-in
    spec:
      containers:
      - name: agent
        image: calicovpp/agent:v3.32.0
      - name: vpp
        image: calicovpp/vpp:v3.32.0
        envFrom:
        - configMapRef:
            name: calico-vpp-config
        volumeMounts:
        - mountPath: /etc/vpp
          name: vpp-config
      volumes:
      - name: vpp-config
        hostPath:
          path: /etc/vpp
"""


@pytest.fixture
def patched(tmp_path) -> dict[str, dict]:
    """The manifest after applying the component, by kind."""
    kubectl = installation.program("kubectl")
    shutil.copytree(CALICO_VPP, tmp_path / "component")
    (tmp_path / "stand-in.yaml").write_text(STAND_IN)
    (tmp_path / "kustomization.yaml").write_text(
        "resources: [stand-in.yaml]\ncomponents: [component]\n"
    )
    text = run([kubectl, "kustomize", tmp_path])
    return by_kind(text)


def by_kind(text: str) -> dict[str, dict]:
    return {document["kind"]: document for document in yaml.safe_load_all(text)}


def containers(daemon_set: dict) -> dict[str, dict]:
    found = daemon_set["spec"]["template"]["spec"]["containers"]
    return {container["name"]: container for container in found}


def commands() -> str:
    """The content of /etc/vpp/startup.exec."""
    config_map = yaml.safe_load((CALICO_VPP / "configmap.yaml").read_text())
    (template,) = config_map["data"].values()
    return template


def stanza() -> str:
    """The stanza in README.md."""
    readme = (CALICO_VPP / "README.md").read_text()
    (found,) = re.findall(r"^```\n(flowmeter \{\n.*?^\}\n)```$", readme, re.MULTILINE | re.DOTALL)
    return found


def on_node(template: str, address: str, collector: str) -> str:
    """A template as vpp-manager expands it, with the collector that an operator has set."""
    assert ANNOTATION in template and COLLECTOR in template, template
    return template.replace(ANNOTATION, address).replace(COLLECTOR, collector)


def test_the_patches_change_image_and_commands_and_nothing_else(patched):
    expected = by_kind(STAND_IN)
    expected["ConfigMap"]["data"]["CALICOVPP_CONFIG_EXEC_TEMPLATE"] = commands()
    assert patched["ConfigMap"] == expected["ConfigMap"]
    before, after = containers(expected["DaemonSet"]), containers(patched["DaemonSet"])
    image = after["vpp"].pop("image")
    assert "calico-vpp-flowmeter" in image
    assert before["vpp"].pop("image") != image
    assert after == before
    for document in (patched, expected):
        del document["DaemonSet"]["spec"]["template"]["spec"]["containers"]
    assert patched["DaemonSet"] == expected["DaemonSet"]


def test_kubernetes_accepts_the_result(patched):
    assert patched.keys() == {"ConfigMap", "DaemonSet"}
    for document in patched.values():
        kubernetes_validate.validate(document, SCHEMAS, strict=True)


def test_the_image_is_calico_vpp_s_with_the_package():
    dockerfile = DockerfileParser(str(CALICO_VPP / "Dockerfile"), env_replace=False)
    instructions = [
        (line["instruction"], line["value"])
        for line in dockerfile.structure
        if line["instruction"] != "COMMENT"
    ]
    name, _, release = dict(instructions)["ARG"].removeprefix("CALICO_VPP=").partition(":")
    assert name == "calicovpp/vpp"
    daemon_set = yaml.safe_load((CALICO_VPP / "daemonset.yaml").read_text())
    assert containers(daemon_set)["vpp"]["image"].endswith(f":{release}")
    # The last stage is based on that image, and installs the package of the previous stage.
    assert instructions[-2] == ("FROM", "${CALICO_VPP}")
    assert "from=build" in instructions[-1][1]
    assert "dpkg --install /build/vpp-plugin-flowmeter_*.deb" in instructions[-1][1]
    assert "vpp-plugin-flowmeter" in (installation.ROOT / "cmake" / "CMakeLists.txt").read_text()


def start_with_commands(start_vpp, tmp_path: Path, text: str) -> Vpp:
    """A VPP that runs these commands from a file when it starts."""
    file = tmp_path / "startup.exec"
    file.write_text(text + "\n")
    return start_vpp(stanzas=f"unix {{ exec {file} }}", plugins=("flowmeter", "memif"))


def assert_pods_are_metered(vpp: Vpp) -> None:
    """Asserts that new interfaces of pods are metered. memif works on any machine."""

    def interfaces() -> str:
        return vpp.cli("show flowmeter interfaces")

    def are_set() -> bool:
        return all(f"{pattern} all both" in interfaces() for pattern in ("tun*", "memif*"))

    def is_metered() -> bool:
        lines = [line for line in interfaces().splitlines() if line.startswith("interface memif0/0")]
        return len(lines) == 1 and all(
            f"{family} {side}" in lines[0] for family in ("ip4", "ip6") for side in ("rx", "tx")
        )

    until("the patterns to be set", are_set)
    vpp.configure("create interface memif id 0 master mode ip")
    until("memif0/0 to be metered", is_metered)


def assert_exports(vpp: Vpp, link: Link) -> None:
    """Asserts that the collector on this link gets records from the node's address."""
    sink = meter.add_sink(link)
    source = meter.add_metered(vpp)
    sent = many_flows(10)
    generator.replay(vpp, source, sent.frames)
    records = sink.wait_for_records(accounts.flush(vpp).exported_records)
    of_records(records).assert_equal(sent.flows, source)
    assert {address for address, _ in sink.sources} == {link.vpp_address}


# Addresses of link 0: VPP's, as in an annotation, and the collector's.
NODE, NODE_COLLECTOR = "192.0.2.2/29", "192.0.2.1"


def test_vpp_accepts_the_commands(start_vpp, tmp_path):
    vpp = start_with_commands(start_vpp, tmp_path, on_node(commands(), NODE, NODE_COLLECTOR))
    link = add_link(vpp, 0)
    assert_pods_are_metered(vpp)
    assert_exports(vpp, link)


def test_a_node_without_the_annotation_has_its_network(start_vpp, tmp_path):
    """VPP runs and meters, but the exporter is not set."""
    vpp = start_with_commands(start_vpp, tmp_path, on_node(commands(), ANNOTATION, NODE_COLLECTOR))
    assert_pods_are_metered(vpp)
    until("VPP's error message", lambda: f"src {ANNOTATION}: expected" in vpp.log())
    assert NODE_COLLECTOR not in vpp.cli("show flowmeter exporter")


def test_vpp_accepts_the_stanza(start_vpp):
    text = on_node(stanza(), NODE, NODE_COLLECTOR)
    vpp = start_vpp(stanzas=text, plugins=("flowmeter", "memif"))
    link = add_link(vpp, 0)
    assert_pods_are_metered(vpp)
    assert_exports(vpp, link)


def test_the_stanza_without_the_annotation(start_vpp):
    """The placeholder is taken for the name of a missing interface, and VPP says so."""
    text = on_node(stanza(), ANNOTATION, NODE_COLLECTOR)
    vpp = start_vpp(stanzas=text, plugins=("flowmeter", "memif"))
    assert_pods_are_metered(vpp)
    shown = vpp.cli("show flowmeter exporter")
    assert f"src {ANNOTATION}: no such interface" in shown
