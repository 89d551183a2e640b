"""The data-generating mechanism as plain numbers: one named tuple per room, bundled in `Mechanism`.

Every field is a number or a small array, so that compiled code takes the bundle as it is. Distances and slopes are per
unit of the quantity named; standard deviations (sd) and logits as usual. `odisea.simulate.draft` fills the bundle from
`simulate/*.yaml`; `odisea.simulate.calibrate` solves the fields that the observed-scale targets determine.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from odisea.allocation.methods import Scheme

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WEEKS = 6
ITEMS = 10
SEX_LIFE = 7  # place of the item that many people leave unanswered

# Rows of the recorded matrix: what the simulated clinic writes down about a randomised participant.
RECORDED = (
    "age_years",
    "sex",
    "height_cm",
    "weight_kg",
    "comorbidity_count",
    "physical_activity_level",
    "education_years",
    "work_leave",
    "odi@baseline",
    "odi@week6",
    "vas@baseline",
    "vas@week6",
    *(f"vas@week{week}" for week in range(1, WEEKS)),
)
AGE, SEX, HEIGHT, WEIGHT, COMORBIDITY, ACTIVITY, EDUCATION, LEAVE, ODI_BASELINE, ODI_WEEK6, VAS_BASELINE, VAS_WEEK6, VAS_WEEK1 = range(13)
CODES = {"sex": ("female", "male"), "physical_activity_level": ("low", "moderate", "high"), "work_leave": ("false", "true")}
MAY_BE_MISSING = (HEIGHT, WEIGHT, COMORBIDITY, ACTIVITY)  # baseline variables that a clinic forgets to write down

CONTROL, TELE = 0, 1  # exposure to the programme, not the protocol's arm index

# Causes of loss, in the order of every array over causes.
CAUSES = ("mcar", "mar_covariates", "mar_adherence", "mnar")
MCAR, MAR_COVARIATES, MAR_ADHERENCE, MNAR = range(len(CAUSES))

# Intercurrent events other than stopping the programme, in the order of every array over events.
EVENTS = ("rescue", "other_rehabilitation", "surgery", "pregnancy")
RESCUE, OTHER_REHABILITATION, SURGERY, PREGNANCY = range(len(EVENTS))
STRATEGIES = ("treatment_policy", "hypothetical", "composite")

# Outcomes of screening beside the criteria: `odisea.simulate.population.screen`.
ENROLLED, DECLINED = 0, 1
FIRST_CRITERION = 2


class PopulationModel(NamedTuple):
    """Who comes to the clinic, who is eligible and who consents."""

    age_mean: float
    age_sd: float
    age_min: float
    age_max: float
    pain_mean: float
    pain_sd: float
    pain_min: float
    pain_steps: float  # steps of the pain scale per unit: 10 means one decimal
    mixing: Floats  # (8, 8) Cholesky factor: age, body mass, comorbidity, activity, disability, pain, frailty, expectation
    flare_size: float  # ODI points: a flare at consultation is this times |N(0, 1)|
    flare_pain: float  # VAS units per ODI point of the flare
    criteria: Floats  # (k,) share of candidates who fail each criterion of the protocol; 0 where a trait decides
    age_place: int  # place of the age criterion among them
    pain_place: int  # place of the pain criterion
    consent_logit: float
    consent_age: float  # logit per sd
    consent_leave: float  # logit of being on sick leave
    consent_expectation: float  # logit per sd
    leave_cut: float  # sick leave where the trait is at or above it
    leave_loading: float  # correlation of the sick-leave trait with disability
    education_mean: float
    education_sd: float
    education_loading: float  # correlation of schooling with age
    bmi_log_mean: float
    bmi_log_sd: float
    height_mean: Floats  # (2,) cm, female and male
    height_sd: Floats  # (2,) cm
    female_cut: float  # a standard normal number below it is a woman
    comorbidity_cuts: Floats  # (3,) cuts of a standard normal number: none | one | two | three
    activity_cuts: Floats  # (2,) low | moderate | high
    missing_share: float  # of each baseline variable that can be forgotten


class EngagementModel(NamedTuple):
    """Who starts, who stops, who takes part how much."""

    never_start_logit: float
    disengage_logit: float
    frailty_on_disengagement: float
    pain_on_disengagement: float  # logit per VAS unit of pain above baseline
    frailty_on_adherence: float
    adherence_shift: float  # solved: added to the logits of attendance and diary and to the log rate of logins
    live_logit: Floats  # (6,) attendance of the weekly live session while engaged
    diary_logit: Floats  # (6,) a diary day while engaged
    login_rate: Floats  # (6,) logins a week while engaged
    login_size: float  # size of the negative binomial: variance is mean + mean squared / size
    done_share: float  # of the diary days written down, those with exercise
    dose_weights: Floats  # (3,) live sessions, exercise days, modules opened; they sum to 1


class CourseModel(NamedTuple):
    """Latent disability and pain by week, without and with the programme."""

    mean: float
    sd_baseline: float
    sd_week6: float
    stable_share: float
    weekly_correlation: float
    natural_change: float
    natural_cv: float
    natural_weeks: float
    prognosis: float  # ODI points less improvement per unit of the index age + comorbidity - activity (traits)
    flare_weeks: float
    effect: float  # change at full dose, negative is benefit
    effect_log_sd: float
    dose_curvature: float
    threshold_weight: float  # part of the dose response that is a threshold
    threshold: float  # dose at the middle of the threshold
    threshold_width: float
    attention_share: float  # part of the effect that whoever starts has, whatever the dose
    leak_share: float  # of controls, those whom the programme's material reaches
    leak_effect: float  # part of the full effect that they have
    group_size: int  # participants per live-session group
    group_sd: float  # solved: sd of the group effect, ODI points
    pain_stable: float  # correlation of the pain that disability does not explain between baseline and a later week
    pain_own_share: float  # correlation of the pain trait with the disability trait at baseline
    pain_per_disability: float  # VAS units per ODI point
    pain_natural: float  # VAS units that pain falls over six weeks besides
    pain_per_effect: float  # VAS units per ODI point of the programme's effect


class EventModel(NamedTuple):
    """Intercurrent events after randomisation; arrays over `EVENTS`."""

    probability: Floats  # (2, 4) per week at average pain: control, programme
    pain_slope: Floats  # (4,) log probability per VAS unit above the mean at baseline
    shift: Floats  # (4,) ODI points from the event on
    pain_shift: Floats  # (4,) VAS units from the event on
    weeks: Ints  # (4,) how long the shift lasts, the event's week included; WEEKS: for good
    stops: Ints  # (4,) 1 where the event ends the programme
    female_only: Ints  # (4,) 1 where only women can have it
    strategy: Ints  # (5,) index in `STRATEGIES` of each event and, last, of stopping the programme


class MeasurementModel(NamedTuple):
    """How latent disability becomes answers."""

    item_width: float  # points of latent disability per answer category
    item_offsets: Floats  # (10,) in categories
    stable_sd: float  # person-by-item part that both visits share
    transient_sd: float
    item_max: float
    minimum_answered: int
    blank_sex_life: float  # share of people who leave that item blank at both visits
    blank_baseline: float  # probability that one of the other items is blank, per item: baseline
    blank_follow_up: float  # and week 6
    weekly_pain: int  # 1 where a pain score is asked for by message every week in both arms
    weekly_response: float  # share of those messages answered


class DropoutModel(NamedTuple):
    """Weekly cause-specific hazards of losing the week-6 outcome."""

    active: Ints  # (4,) 1 where the cause takes part
    log_hazard: Floats  # (4,) solved
    arm_shift: float  # solved: added to every log hazard in the tele arm
    timing: Floats  # (6,) weights of the weeks; the last is the final visit
    covariate_slopes: Floats  # (8,) log hazard per sd: age, body mass, baseline ODI, comorbidity, activity, pain, schooling, sick leave
    covariate_centres: Floats  # (8,)
    covariate_scales: Floats  # (8,)
    adherence_slope: float  # log hazard per unit of weekly adherence (0-1), tele arm
    frailty_slope: float  # log hazard per sd of frailty, control arm
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
    """How participants are randomised; `exposed` is the index of the arm that receives the programme."""

    scheme: Scheme
    exposed: int
    factor_rows: Ints  # (f,) recorded rows that the factors of stratification or minimisation are cut from
    factor_cuts: Floats  # (f, c) cuts of each, padded with infinity; a factor's level is the number of cuts at or below its value


class Mechanism(NamedTuple):
    """Everything a replicate needs beside its key."""

    textbook: int  # 1: the outcome comes from `outcome`, else from people, weeks and items
    population: PopulationModel
    engagement: EngagementModel
    course: CourseModel
    events: EventModel
    measurement: MeasurementModel
    dropout: DropoutModel
    outcome: TextbookModel
    allocation: AllocationModel


class Regime(NamedTuple):
    """Which potential outcome of a person is followed; the trial's own is `AS_TREATED`.

    Parameters
    ----------
    never_stops : int
        1: whoever is in the programme starts it and stays to the end ("all completed").
    full_dose : int
        1: the whole programme is taken up.
    by_strategy : int
        1: events whose strategy is hypothetical do not happen.
    """

    never_stops: int
    full_dose: int
    by_strategy: int


AS_TREATED = Regime(0, 0, 0)
COMPLETED = Regime(1, 0, 0)
FULL_DOSE = Regime(1, 1, 0)
BY_STRATEGY = Regime(0, 0, 1)
