"""allenzhu2019's landscapes: training against momentum written out, and checkpoints that lose nothing."""

from __future__ import annotations

import os
import pickle

import pytest
import torch

import empirics
from bounds.errors import TheoryError
from empirics.experiments.allenzhu2019.landscape import FIGURES, checkpoint, images, train
from empirics.experiments.allenzhu2019.landscape.setting import ResidualHundred

DATA = images.prepare(empirics.load("digits", samples=20, **FIGURES["fig1"].LOAD))
SMALL = {"depth": 8, "width": 0.125, "epochs": 4, "batch_size": 8, "panel_epochs": (41, 82, 164), "weight_decay": 1e-3}


def asked(folder=None, **changes):
    return ResidualHundred(**SMALL | changes, checkpoints=None if folder is None else str(folder))


def weights(model):
    return torch.cat([t.detach().double().flatten() for t in model.state_dict().values()])


def all_panels(setting, progress=None):
    return {epoch: weights(model) for epoch, model in train.states(setting, "ResNet", DATA, "run", progress)}


def test_an_epoch_is_momentum_with_weight_decay_written_out():
    setting = asked(augment="none", learning_rate=0.05)
    now, other = (train.begin(setting, "ResNet", DATA) for _ in range(2))
    loss = train.one_epoch(setting, DATA, now)
    net, seen = other.model.train(), 0.0
    velocity = [torch.zeros_like(p) for p in net.parameters()]
    order = torch.randperm(20, generator=torch.Generator().manual_seed(0))
    for rows in (order[:8], order[8:16], order[16:]):
        value = torch.nn.functional.cross_entropy(net(DATA.X[rows]), DATA.y[rows])
        seen += float(value.detach()) * len(rows)
        slopes = torch.autograd.grad(value, list(net.parameters()))
        with torch.no_grad():
            for p, v, g in zip(net.parameters(), velocity, slopes, strict=True):
                v.mul_(0.9).add_(g + 1e-3 * p)
                p.sub_(0.05 * v)
    torch.testing.assert_close(weights(now.model), weights(net), rtol=1e-4, atol=1e-5)
    assert loss == pytest.approx(seen / 20, rel=1e-5)
    assert now.epoch == 1


def test_the_rate_drops_where_the_recipe_says():
    setting = asked()  # 4 epochs: drops after 2 and 3
    now, rates = train.begin(setting, "ResNet", DATA), []
    for _ in range(4):
        train.one_epoch(setting, DATA, now)
        rates.append(now.optimiser.param_groups[0]["lr"])
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.001])


def test_resumed_training_is_the_uninterrupted_one_bit_for_bit(tmp_path):
    whole = all_panels(asked())
    assert list(whole) == [1, 2, 4]

    def stop(line):
        if "epoch 3 " in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        all_panels(asked(tmp_path), stop)
    epochs: list[str] = []
    resumed = all_panels(asked(tmp_path), epochs.append)
    assert [line.split(",")[0] for line in epochs] == ["run: epoch 4 of 4"]
    assert all(torch.equal(whole[t], resumed[t]) for t in whole)
    assert {p.name for p in tmp_path.iterdir()} == {f"run.seed0{s}.pt" for s in ("", ".epoch1", ".epoch2", ".epoch4")}
    again: list[str] = []
    assert all(torch.equal(whole[t], v) for t, v in all_panels(asked(tmp_path), again.append).items())
    assert again == []  # nothing was left to train
    final = torch.load(tmp_path / "run.seed0.pt", weights_only=True)
    assert final["epoch"] == 4
    assert len(final["optimiser"]["state"]) == len(list(train.begin(asked(), "ResNet", DATA).model.parameters()))


@pytest.fixture
def trained(tmp_path):
    all_panels(asked(tmp_path, epochs=1))
    return tmp_path, tmp_path / "run.seed0.pt"


def refuses(setting, path, said):
    before = path.read_bytes()
    with pytest.raises(TheoryError, match=said) as error:
        all_panels(setting)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"no archive", lambda b: b[:-9]]
)
def test_a_damaged_checkpoint_is_refused_and_left_alone(trained, damage):
    folder, path = trained
    path.write_bytes(damage(path.read_bytes()))
    refuses(asked(folder, epochs=1), path, "is damaged or no checkpoint of this program")


class Trap:
    def __reduce__(self):
        return os.system, ("touch trapped",)


def test_a_checkpoint_with_code_is_not_executed(trained, monkeypatch):
    folder, path = trained
    monkeypatch.chdir(folder)
    torch.save({"format": Trap()}, path)
    refuses(asked(folder, epochs=1), path, "is damaged")
    path.write_bytes(pickle.dumps(Trap()))
    refuses(asked(folder, epochs=1), path, "is damaged")
    assert not (folder / "trapped").exists()


def test_checkpoints_of_others_are_refused_and_left_alone(trained):
    folder, path = trained
    torch.save({"model": {}}, path)
    refuses(asked(folder, epochs=1), path, "is damaged or no checkpoint of this program")
    path.unlink()
    kept = folder / "run.seed0.epoch1.pt"
    refuses(asked(folder, epochs=1, batch_size=5), kept, "has batch_size = 8, asked is 5")
    other = images.noisy(DATA, 0.2)
    with pytest.raises(TheoryError, match=f"has data = {DATA.digest}, asked is {other.digest}"):
        list(train.states(asked(folder, epochs=1), "ResNet", other, "run"))


def test_a_missing_panel_is_named(tmp_path):
    all_panels(asked(tmp_path, epochs=2))
    (tmp_path / "run.seed0.epoch1.pt").unlink()
    with pytest.raises(TheoryError, match=r"run\.seed0\.epoch1\.pt is missing though later epochs are there"):
        all_panels(asked(tmp_path, epochs=2))


def test_a_write_that_fails_leaves_the_old_file(trained, monkeypatch):
    folder, path = trained
    before = path.read_bytes()

    def full(state, file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    now = train.begin(asked(epochs=1), "ResNet", DATA)
    with pytest.raises(TheoryError, match="cannot be written"):
        checkpoint.Store(folder, "run.seed0", {}).save(now, keep=False)
    assert path.read_bytes() == before
    assert len(list(folder.iterdir())) == 2


def test_a_training_that_diverges_ends(tmp_path):
    assert all_panels(asked(tmp_path, learning_rate=1e30)) == {}
    assert list(tmp_path.iterdir()) == []
