"""Loss of the week-6 outcome as competing cause-specific hazards, week by week.

In week w the hazard of cause c is timing(w) exp(a_c + shift exposed + slopes); the week is survived with probability
exp(-sum of hazards), and a loss belongs to cause c with probability hazard_c / sum. Causes: completely at random; at
random given recorded baseline variables; for low engagement (in the programme arm by the week's recorded adherence, in
the control arm by the frailty that nobody records); not at random, by current latent disability. The same hazards give
drawn losses (a trial) and exact probabilities (calibration).
Source: Prentice et al. 1978, Biometrics 34:541 (cause-specific hazards); docs/explanation/data_generating_mechanism.md, part 5.
"""

import numpy as np
from numpy.typing import NDArray

from odisea.compiled import compiled
from odisea.elementary import exponential
from odisea.simulate.mechanism import (
    ACTIVITY,
    AGE,
    CAUSES,
    COMORBIDITY,
    EDUCATION,
    HEIGHT,
    LEAVE,
    MAR_ADHERENCE,
    MAR_COVARIATES,
    MCAR,
    MNAR,
    ODI_BASELINE,
    VAS_BASELINE,
    WEEKS,
    WEIGHT,
    DropoutModel,
)
from odisea.streams import Purpose, fill_uniform

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LOSS = int(Purpose.LOSS)
N_CAUSES = len(CAUSES)
NEVER = -1
SMALLEST_HAZARD = 1e-300  # keeps 0 / 0 away where nothing can be lost


@compiled
def covariate_score(model: DropoutModel, recorded: Floats, out: Floats) -> None:
    """Write the log hazard's part that recorded baseline variables explain, per participant."""
    slopes, centres, scales = model.covariate_slopes, model.covariate_centres, model.covariate_scales
    for i in range(out.size):
        metres = recorded[HEIGHT, i] / 100.0
        body_mass = recorded[WEIGHT, i] / (metres * metres)
        # A baseline score that is missing for its blank items says nothing; without this nobody who lacks it could be lost.
        before = centres[2] if np.isnan(recorded[ODI_BASELINE, i]) else recorded[ODI_BASELINE, i]
        out[i] = (
            slopes[0] * (recorded[AGE, i] - centres[0]) / scales[0]
            + slopes[1] * (body_mass - centres[1]) / scales[1]
            + slopes[2] * (before - centres[2]) / scales[2]
            + slopes[3] * (recorded[COMORBIDITY, i] - centres[3]) / scales[3]
            + slopes[4] * (recorded[ACTIVITY, i] - centres[4]) / scales[4]
            + slopes[5] * (recorded[VAS_BASELINE, i] - centres[5]) / scales[5]
            + slopes[6] * (recorded[EDUCATION, i] - centres[6]) / scales[6]
            + slopes[7] * (recorded[LEAVE, i] - centres[7]) / scales[7]
        )


@compiled
def relative_hazards(score: Floats) -> Floats:
    """Return the exponentials of the covariate scores: the same in every week."""
    out = np.empty(score.size)
    for i in range(score.size):
        out[i] = exponential(score[i])
    return out


@compiled
def weekly_hazards(
    model: DropoutModel,
    week: int,
    exposed: Ints,
    relative: Floats,
    frailty: Floats,
    live: Floats,
    diary: Floats,
    disability: Floats,
    hazards: Floats,
) -> None:
    """Write the cause-specific hazards of one week (0 is the first) into `hazards` (5, n); the last row is their sum.

    Parameters
    ----------
    exposed : int64 (n,)
        1 in the programme arm.
    relative : float64 (n,)
        Relative hazard by recorded baseline variables: the exponential of `covariate_score`.
    frailty : float64 (n,)
        Latent engagement: what low adherence is to the programme arm, it is to the control arm, where nobody records it.
    live, diary, disability : float64 (n,)
        Attendance (0/1) and diary days (0-7) of the week, latent disability at its end.
    """
    timing = model.timing[week]
    mcar, covariates, adherence, mnar, total = hazards[0], hazards[1], hazards[2], hazards[3], hazards[4]
    base_mcar = timing * model.active[MCAR] * exponential(model.log_hazard[MCAR])
    base_covariates = timing * model.active[MAR_COVARIATES] * exponential(model.log_hazard[MAR_COVARIATES])
    base_adherence = timing * model.active[MAR_ADHERENCE] * exponential(model.log_hazard[MAR_ADHERENCE])
    base_mnar = timing * model.active[MNAR] * exponential(model.log_hazard[MNAR])
    shift = exponential(model.arm_shift)
    slope_control, slope_programme = model.mnar_slope[0] / model.disability_scale, model.mnar_slope[1] / model.disability_scale
    for i in range(relative.size):
        in_programme = exposed[i] == 1
        arm = shift if in_programme else 1.0
        slope = slope_programme if in_programme else slope_control
        taken_up = 0.5 * (live[i] + diary[i] / 7.0)
        mcar[i] = arm * base_mcar
        covariates[i] = arm * base_covariates * relative[i]
        unwilling = -model.adherence_slope * (taken_up - 0.5) if in_programme else -model.frailty_slope * frailty[i]
        adherence[i] = arm * base_adherence * exponential(unwilling)
        mnar[i] = arm * base_mnar * exponential(slope * (disability[i] - model.disability_centre))
        total[i] = mcar[i] + covariates[i] + adherence[i] + mnar[i]


@compiled
def draw_loss(
    seed: int,
    replicate: int,
    model: DropoutModel,
    units: Ints,
    exposed: Ints,
    score: Floats,
    frailty: Floats,
    live: Floats,
    diary: Floats,
    disability: Floats,
    week_lost: Ints,
    cause: Ints,
) -> None:
    """Write the week of loss (0 to 5; 5 is the final visit) and its cause, or -1 for both.

    Parameters
    ----------
    live, diary : float64 (6, n)
    disability : float64 (7, n)
        Latent disability under the allocated arm.
    """
    uniforms, hazards = np.empty((4, units.size)), np.empty((N_CAUSES + 1, units.size))
    relative = relative_hazards(score)
    week_lost[:] = NEVER
    cause[:] = NEVER
    for week in range(WEEKS):
        fill_uniform(seed, replicate, LOSS, week, units, uniforms)
        weekly_hazards(model, week, exposed, relative, frailty, live[week], diary[week], disability[week + 1], hazards)
        total = hazards[N_CAUSES]
        for i in range(units.size):
            uniforms[2, i] = exponential(-total[i])
        for i in range(units.size):
            if cause[i] == NEVER and uniforms[0, i] >= uniforms[2, i]:
                week_lost[i] = week
                cause[i] = choose_cause(uniforms[1, i] * total[i], hazards[:, i])


@compiled
def choose_cause(place: float, hazards: Floats) -> int:
    """Return the cause in whose interval a place between 0 and the total hazard falls."""
    last = 0
    for cause in range(N_CAUSES):
        if hazards[cause] > 0.0:
            if place < hazards[cause]:
                return cause
            last = cause
        place -= hazards[cause]
    return last


@compiled
def add_loss_probabilities(
    model: DropoutModel,
    exposed: Ints,
    score: Floats,
    frailty: Floats,
    live: Floats,
    diary: Floats,
    disability: Floats,
    shares: Floats,
    kept: Floats,
) -> None:
    """Add every participant's probability of being lost first to each cause to `shares` (4,); write the rest into `kept` (n,)."""
    hazards, lost = np.empty((N_CAUSES + 1, score.size)), np.empty(score.size)
    relative = relative_hazards(score)
    total = hazards[N_CAUSES]
    kept[:] = 1.0
    for week in range(WEEKS):
        weekly_hazards(model, week, exposed, relative, frailty, live[week], diary[week], disability[week + 1], hazards)
        for i in range(score.size):
            stay = exponential(-total[i])
            lost[i] = kept[i] * (1.0 - stay) / max(total[i], SMALLEST_HAZARD)
            kept[i] *= stay
        for cause in range(N_CAUSES):
            own = hazards[cause]
            for i in range(score.size):
                own[i] *= lost[i]
            shares[cause] += own.sum()
