"""Sparsity that rises with training: quickly at first, when there is much to spare, then more and more slowly."""

from dataclasses import dataclass

from minidl.settings import check_number, check_whole


@dataclass(frozen=True)
class GradualSparsity:
    """s_t = s_f + (s_i − s_f) (1 − (t − t₀) / (n Δt))³ for t = t₀, t₀ + Δt, ..., t₀ + n Δt, and s_f from there on.

    A function of the number of steps taken, for ``Pruning``. Between two of these t the sparsity stays what it was, and
    before t₀ it is 0.

    Parameters
    ----------
    final_sparsity, initial_sparsity : float
        s_f and s_i, s_i ≤ s_f.
    begin_step, end_step : int
        t₀ and t₀ + n Δt. Training should go on for a while after the end.
    frequency : int
        Δt, the steps from one pruning to the next, in which the network recovers.

    Notes
    -----
    Where Δt does not divide the steps from begin to end, the last pruning is at the end all the same.
    Source: Zhu & Gupta 2017, "To prune, or not to prune", section 3, equation (1).

    Examples
    --------
    >>> s = GradualSparsity(0.8, begin_step=100, end_step=300, frequency=50)
    >>> [round(s(t), 4) for t in (99, 100, 150, 199, 200, 250, 300, 999)]
    [0.0, 0.0, 0.4625, 0.4625, 0.7, 0.7875, 0.8, 0.8]
    """

    final_sparsity: float
    end_step: int
    begin_step: int = 0
    initial_sparsity: float = 0.0
    frequency: int = 100

    def __post_init__(self):
        who = "GradualSparsity"
        check_number(who, "final_sparsity", self.final_sparsity, "[0, 1)")
        check_number(who, "initial_sparsity", self.initial_sparsity, "[0, 1)")
        check_whole(who, "begin_step", self.begin_step, lowest=0)
        check_whole(who, "end_step", self.end_step)
        check_whole(who, "frequency", self.frequency)
        if self.end_step <= self.begin_step:
            raise ValueError(f"{who} expects end_step > begin_step, got {self.end_step} <= {self.begin_step}.")
        if self.initial_sparsity > self.final_sparsity:
            raise ValueError(
                f"{who} expects initial_sparsity <= final_sparsity, got {self.initial_sparsity} > "
                f"{self.final_sparsity}: what is pruned stays pruned."
            )

    def __call__(self, step: int) -> float:
        """s_t after ``step`` steps."""
        if step < self.begin_step:
            return 0.0
        if step >= self.end_step:
            return self.final_sparsity
        t = (step - self.begin_step) // self.frequency * self.frequency  # the latest pruning, counted from t₀
        left = 1 - t / (self.end_step - self.begin_step)
        return self.final_sparsity + (self.initial_sparsity - self.final_sparsity) * left**3
