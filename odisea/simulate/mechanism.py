"""The data-generating mechanism as plain numbers: one named tuple per room, bundled in `Mechanism`.

Every field is a number or a small array, so that compiled code takes the bundle as it is. Distances and slopes are per
unit of the quantity named; standard deviations (sd) and logits as usual. `odisea.simulate.scenario` fills the bundle from
`simulate/*.yaml`; `odisea.simulate.calibrate` solves the fields that the observed-scale targets determine.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Rows of the recorded matrix: what the simulated clinic writes down about a randomised participant.
RECORDED = (
    "age_years",
    "sex",
    "height_cm",
    "weight_kg",
    "comorbidity_count",
    "physical_activity_level",
    "odi@baseline",
    "odi@week6",
    "vas@baseline",
    "vas@week6",
)
AGE, SEX, HEIGHT, WEIGHT, COMORBIDITY, ACTIVITY, ODI_BASELINE, ODI_WEEK6, VAS_BASELINE, VAS_WEEK6 = range(len(RECORDED))
CODES = {"sex": ("female", "male"), "physical_activity_level": ("low", "moderate", "high")}

WEEKS = 6
ITEMS = 10
CONTROL, TELE = 0, 1  # exposure to the programme, not the protocol's arm index

# Causes of loss, in the order of every array over causes.
CAUSES = ("mcar", "mar_covariates", "mar_adherence", "mnar")
MCAR, MAR_COVARIATES, MAR_ADHERENCE, MNAR = range(len(CAUSES))


class PopulationModel(NamedTuple):
    """Who comes to the clinic and who is eligible."""

    age_mean: float
    age_sd: float
    age_min: float
    age_max: float
    pain_mean: float
    pain_sd: float
    pain_min: float
    pain_steps: float  # steps of the pain scale per unit: 10 means one decimal
    mixing: Floats  # (6, 6) Cholesky factor: age, body mass, comorbidity, activity, disability, pain
    bmi_log_mean: float
    bmi_log_sd: float
    height_mean: Floats  # (2,) cm, female and male
    height_sd: Floats  # (2,) cm
    female_cut: float  # a standard normal number below it is a woman
    comorbidity_cuts: Floats  # (3,) cuts of a standard normal number: none | one | two | three
    activity_cuts: Floats  # (2,) low | moderate | high


class EngagementModel(NamedTuple):
    """Who starts, who stops, who takes part how much."""

    never_start_logit: float
    disengage_logit: float
    frailty_on_disengagement: float
    frailty_on_adherence: float
    live_logit: Floats  # (6,) attendance of the weekly live session while engaged
    diary_logit: Floats  # (6,) a diary day while engaged
    login_rate: Floats  # (6,) logins a week while engaged
    dose_weights: Floats  # (3,) live sessions, exercise days, modules opened; they sum to 1


class CourseModel(NamedTuple):
    """Latent disability by week, without and with the programme."""

    mean: float
    sd_baseline: float
    sd_week6: float
    stable_share: float
    weekly_correlation: float
    natural_change: float
    natural_cv: float
    natural_weeks: float
    effect: float  # change at full dose, negative is benefit
    effect_log_sd: float
    dose_curvature: float
    pain_follow_up_loading: float
    pain_per_disability: float


class MeasurementModel(NamedTuple):
    """How latent disability becomes answers."""

    item_width: float  # points of latent disability per answer category
    item_offsets: Floats  # (10,) in categories
    stable_sd: float  # person-by-item part that both visits share
    transient_sd: float
    item_max: float


class DropoutModel(NamedTuple):
    """Weekly cause-specific hazards of losing the week-6 outcome."""

    active: Ints  # (4,) 1 where the cause takes part
    log_hazard: Floats  # (4,) solved
    arm_shift: float  # solved: added to every log hazard in the tele arm
    timing: Floats  # (6,) weights of the weeks; the last is the final visit
    covariate_slopes: Floats  # (6,) log hazard per sd: age, body mass, baseline ODI, comorbidity, activity, baseline pain
    covariate_centres: Floats  # (6,)
    covariate_scales: Floats  # (6,)
    adherence_slope: float  # log hazard per unit of weekly adherence (0-1), tele arm only
    mnar_slope: Floats  # (2,) log hazard per sd of current disability: control, tele
    disability_centre: float
    disability_scale: float


class TextbookModel(NamedTuple):
    """Bivariate normal outcome, lost completely at random: what the closed forms assume."""

    mean: float
    sd: float
    correlation: float
    change: float
    effect: float
    loss: float


class AllocationModel(NamedTuple):
    """Permuted blocks; `exposed` is the index of the arm that receives the programme."""

    sizes: Ints
    ratio: Ints
    exposed: int


class Mechanism(NamedTuple):
    """Everything a replicate needs beside its key."""

    textbook: int  # 1: the outcome comes from `outcome`, else from people, weeks and items
    population: PopulationModel
    engagement: EngagementModel
    course: CourseModel
    measurement: MeasurementModel
    dropout: DropoutModel
    outcome: TextbookModel
    allocation: AllocationModel
