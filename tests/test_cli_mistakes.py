"""Every mistake on the command line gets one line that names it, and exit code 2."""

from __future__ import annotations

import pytest

INJECTIONS = (
    "__import__('os').system('id')",
    "exec('1')",
    "(lambda: 1)()",
    "z.__class__",
    "open('x')",
    "[z for z in 1]",
)
MISTAKES = [
    *[(["eval", "banerjee2023.gamma", "--m", value], f"m = {value}") for value in ("-5", "0")],
    (["eval", "banerjee2023.gamma", "--m", "2.5"], "m = 2.5"),
    (["eval", "banerjee2023.gamma", "--m", "nan"], "'nan'"),
    (["eval", "banerjee2023.gamma", "--m", "inf", "--rho", "0"], "'inf'"),
    (["eval", "banerjee2023.gamma", "--m", "many"], "'many'"),
    (["eval", "banerjee2023.gamma", "--m", ""], "m = ''"),
    (["eval", "banerjee2023.gamma", "--m"], "--m"),
    (["eval", "banerjee2023.c_H", "--gamma="], "gamma = ''"),
    (["eval", "banerjee2023.gamma", "5"], "'5'"),
    (["eval", "banerjee2023.psi_H", "--L", "1", "--gamma", "1"], "L >= 2"),
    (["required-width", "--L", "0"], "L = 0"),
    (["required-width", "--samples", "-5"], "n = -5"),
    (["required-width", "--delta", "0.1"], "--separation"),
    (["required-width", "--data", "digit"], "digits"),
    (["required-width", "--scenario", "mnist"], "mnist_mlp"),
    (["required-width", "--against", "samples=10:1", "--plot", "x.png"], "empty"),
    (["required-width", "--plot", "/nowhere/x.png", "--paper", "quoted", "--against", "samples=10:20:2"], "/nowhere"),
    (["required-width", "--against", "samples=10:100"], "--plot"),
    (["eval", "liu2020"], "bounds list liu2020"),
    (["sweep", "banerjee2023.c_H"], "--over"),
    (["sweep", "banerjee2023.c_H", "--over", "gamma"], "--over gamma"),
    (["sweep", "banerjee2023.c_H", "--over", "gamma=1:2", "--gamma", "1"], "both swept and given"),
    (["side-by-side", "hessian_nor"], "hessian_norm"),
    (["kernel", "quoted"], "kernel"),
    (["kernel", "song2021", "--L", "3"], "no parameter 'L'"),
    (["data", "nothing.npz"], "nothing.npz"),
    (["scenarios", "mnist"], "mnist_mlp"),
    (["eval", "hessian_norm"], "liu2020.hessian_norm"),
    (["eval", "fu2018.kappa", "--singular_values", "3,x"], "singular_values"),
    (["required-width", "--m", "100"], "solved for"),
    (["required-width", "--failure", "2"], "failure = 2"),
    (["required-width", "--hidden-layers", "2", "--L", "3"], "hidden-layers"),
    (["required-width", "--hidden-layers", "2", "--depth", "3"], "hidden-layers"),
    (["largest", "rho", "--m", "1e9", "--paper", "banerjee2023", "--hidden-layers", "2", "--L", "3"], "hidden-layers"),
    (["sweep", "banerjee2023.c_H", "--over", "L=2:3", "--over", "depth=4:5", "--gamma", "1"], "swept twice"),
    (["sweep", "banerjee2023.c_H", "--over", "gamma=1:1e400:log"], "1e400"),
    (["sweep", "allenzhu2019.forward_drift", "--over", "m=2:4", "--plot", "x.png"], "no logarithm"),
    (["kernel", "banerjee2023", "--L", "2.5"], "L = 2.5"),
    (["kernel", "banerjee2023", "--sigma_1", "0"], "sigma_1 = 0"),
    (["kernel", "allenzhu2019", "--L", "1e400"], "float64"),
    (["kernel", "banerjee2023", "--sigma_1", "1e200"], "float64"),
    (["kernel", "song2021", "--n", "4", "--save", "/nowhere/k.npy"], "/nowhere"),
    (["required-width", "--paper", "banerjee2032"], "banerjee2023"),
    (["eval", "gama"], "did you mean banerjee2023.gamma"),
    (["show", "c_HH"], "did you mean"),
    (["eval", "banerjee2023.gamma", "--m", "9", "--rhoo", "1"], "did you mean rho"),
    (["eval", "banerjee2023.gamma", "--m", "9", "--beta_phi", "1"], "does not depend on beta_phi"),
    (["eval", "banerjee2023.c_H", "--gamma", "1", "--sigma_1", "1"], "gamma and sigma_1"),
    (["eval", "banerjee2023.c_H", "--gamma", "1", "--activation", "relu"], "relu"),
    (["eval", "banerjee2023.c_H", "--gamma", "1", "--activation", "tahn"], "did you mean tanh"),
    (["eval", "banerjee2023.c_H", "--gamma", "1", "--activation", "tanh", "--phi_0", "1"], "phi_0"),
    (["eval", "banerjee2023.h", "--gamma", "1"], "needs l"),
    (["eval", "banerjee2023.gamma", "--m", "9", "--defaults", "1"], "defaults"),
    (["eval", "banerjee2023.gamma", "--m", "9", "--quantity", "1"], "quantity"),
    (["eval"], "KEY"),
    (["evaluate"], "evaluate"),
    (["eval", "banerjee2023.iterations", "--chi", "0.5", "--loss_0", "1", "--loss_star", "2"], "loss_star"),
    *[(["eval", "banerjee2023.c_H", "--gamma", "1", "--activation", text], "") for text in INJECTIONS],
]


@pytest.mark.parametrize(("arguments", "needle"), MISTAKES, ids=lambda x: " ".join(x) if isinstance(x, list) else "")
def test_mistakes_take_one_line_and_exit_2(arguments, needle, bash):
    code, out, err = bash(*arguments)
    assert (code, out, len(err.strip().splitlines())) == (2, "", 1), err
    assert needle in err
