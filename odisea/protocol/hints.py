"""What to write in each field of the YAML files: one line per field, for the JSON Schemas that editors complete and check with.

A line is `field | hint`; `# Model` opens the fields of a model. Words of enumerations and the ways of writing a fact are not
repeated here: the schema adds them. Three headings are shapes and no models: Head, Text and Fact.
"""

from typing import Any

_SHAPES = """
# Head
kind | What the file is; the loader refuses a file of another kind.
schema | Version of the file's schema, in quotes.
# Text
en | The text in English.
es | The text in Spanish.
# Fact
derived | The value that follows from what is stated.
from | How the value follows; one text, or en and es.
proposed | The value chosen here, not by the source; allowed under analysis and in instrument files only.
reason | Why this value is proposed; one text, or en and es.
by | Who proposes it; may stand once for the file under proposals.
date | When it was proposed: YYYY-MM or YYYY-MM-DD, in quotes; may stand once for the file under proposals.
# Proposals
by | Who makes the proposals of this file where a proposal does not say it itself.
date | When they were made: YYYY-MM or YYYY-MM-DD, in quotes.
"""

_PROTOCOL = """
# Protocol
odisea | The head of the file.
proposals | Author and date of every proposed value that does not name its own.
trial | Short name of the trial: small letters, digits and underscores; result folders carry it.
sources | Documents that the facts were read from.
identification | Names and numbers of the trial.
status | Recruitment status and dates of the registry record.
sponsors | Who is responsible for the trial, who pays for it and who steers it.
sites | Places where participants are recruited.
ethics | Approval, risk, consent, oversight and privacy.
design | The kind of trial and why it was chosen.
arms | Two or more arms, in the order in which reports list them.
contrasts | Comparisons of two arms; the effect is arm minus reference.
interventions | What participants receive, by a short name that the arms refer to.
population | Who can take part, and how many are planned.
schedule | The visits in order of time, and what is recorded between them.
instruments | Instrument files by a short name: a file's name from this folder, such as instruments/odi.yaml.
objectives | Objectives, each with the outcomes that answer it.
hypothesis | What the trial expects to show.
important_difference | The smallest difference that matters, as the source gives it.
outcomes | Outcomes by a short name; analyses, estimands and the export use the names.
estimands | What is to be estimated: the five attributes of ICH E9(R1).
randomisation | How participants are allocated; never block sizes or a list.
blinding | Who does not know the allocation, and how that is kept up.
sample_size | The sample-size statement with every input of the calculation (DELTA2).
harms | How harms are defined, collected and graded.
data_management | Where data live, how they are protected and how participants are kept in the trial.
data_sharing | What is shared with others, and where protocol and plan can be read.
references | Publications that the record cites.
analysis | Coding of the covariates and the analysis plans; here values may be proposed.
export | The contract of the export folder.
# SourceSpec
id | Short name of the source: small letters, digits and underscores.
reference | The document so that a reader finds it: registry and number, or title and version.
as_of | Day on which it was read or issued: YYYY-MM or YYYY-MM-DD, in quotes.
note | What the document does not show; a text.
# Identification
registry_id | Number in the trial registry.
title | The title that reports print, in both languages.
organisation_study_id | Study number of the organisation.
brief_title | Brief title as registered.
official_title | Official title as registered, word for word.
spanish_title | Official title in Spanish as registered.
acronym | Acronym of the trial.
protocol_version | Version of the protocol document, in quotes.
protocol_date | Date of that version: YYYY-MM or YYYY-MM-DD, in quotes.
amendments | How amendments are decided, numbered and made known; a text.
conditions | Conditions under study, as the registry lists them; a list of texts.
# RecordStatus
overall | Recruitment status in the registry's code, such as RECRUITING or COMPLETED.
start | Start of the study: YYYY-MM or YYYY-MM-DD, in quotes.
start_type | Whether the start has happened or is estimated.
primary_completion | Last measurement of the primary outcome: YYYY-MM or YYYY-MM-DD, in quotes.
completion | End of the study: YYYY-MM or YYYY-MM-DD, in quotes.
completion_type | Whether the end has happened or is estimated.
first_submitted | Day of the first submission to the registry: YYYY-MM-DD, in quotes; compared with the start.
last_update | Day of the last update of the record: YYYY-MM-DD, in quotes.
results_posted | Whether the registry shows results; true or false.
# Organisation
name | Name of the organisation; never a person.
type | Class of the organisation in the registry's code, such as OTHER_GOV, INDUSTRY or OTHER.
# Sponsors
lead | The lead sponsor: name and type.
collaborators | The collaborators; a list of name and type, [] where there are none.
responsible_party | Who is responsible in the registry's code, such as SPONSOR or PRINCIPAL_INVESTIGATOR.
funding | Who pays, in money and in kind; a text.
roles | What part sponsor and funder have in design, conduct, analysis and reporting; a text.
committees | Steering and other committees, their members' functions and duties; a text.
contributors | Who wrote the protocol, by function; a text without personal data.
conflicts_of_interest | Conflicts of interest of the investigators, or that there are none; a text.
# Site
id | Short name of the site.
name | Name of the site.
city | City.
state | State or province.
country | Country.
status | Recruitment status of the site in the registry's code.
# Ethics
committee | The committee that approved the trial, with its number.
ethics_committee | Number of the ethics committee where it is another body than the one that approved; in quotes.
institution | The institution that the committee belongs to.
approval_id | Number of the approval.
inter_institutional_review | How a protocol of several institutions was reviewed, or that one takes part; a text.
risk_class | Risk class of the research under the health regulation.
risk_rationale | Why the research is in that class; a text.
risk_basis | Article and sentence of the regulation on which the class rests; a text.
consent | How informed consent is given.
consent_process | Who obtains consent, when and how; a text.
ancillary_consent | Consent for further studies of data or specimens, or that there are none; a text.
independent_monitoring_committee | Whether an independent committee watches safety and data; true or false.
monitoring_rationale | Why there is such a committee, or none; a text.
monitoring_risk_class | Risk class that the reason for the monitoring speaks of.
trial_monitoring | How the conduct of the trial is watched and how often; a text.
oversight | Who oversees the trial; a list of short codes.
declarations | Declarations and laws that the trial follows; a list of texts.
confidentiality | How personal data are kept confidential; a text.
controllers | Whether public or private bodies hold the personal data: it decides which privacy law applies.
privacy_statute | The privacy law that applies, by name.
sanitary_authorisation | The health authority's authorisation, or why none is needed; a text.
compensation_for_harm | What participants receive who suffer harm; a text.
post_trial_access | What participants are offered after the trial; a text.
public_involvement | How patients and the public took part in design and conduct; a text.
# Design
rationale | What is known, and why the trial is needed; a text.
comparator_rationale | Why this comparator was chosen; a text.
study_type | Study type in the registry's code, such as INTERVENTIONAL.
phase | Phase in the registry's code; NA for a trial that is not of a drug.
allocation | Allocation in the registry's code, such as RANDOMIZED.
model | Intervention model in the registry's code, such as PARALLEL or CROSSOVER.
primary_purpose | Primary purpose in the registry's code, such as TREATMENT or PREVENTION.
framework | What the trial is to show about the difference.
margin | Margin of non-inferiority or equivalence in points of the outcome; a number above 0.
attitude | Whether the trial asks about everyday care or about ideal conditions.
comparison | What the design compares: a treatment on top of the comparator, in its place, or against placebo.
comparison_in_title | What the title says is compared.
crossover | Whether participants change arms by design; true or false.
setting | Where the trial takes place: kind of care and of place; a text.
centres | Number of centres that recruit; a whole number from 1.
centres_described | Number of centres that the wording of the source implies.
aims | What the trial sets out to study; a list.
feasibility_criteria | Figures that decide whether a full trial is feasible; a text.
# Arm
id | Short name of the arm: small letters, digits and underscores; contrasts and data use it.
label | What the arm is called in reports.
type | Type of the arm in the registry's code.
planned_n | Participants planned in this arm; a whole number.
interventions | Names of the interventions that the arm receives; a list.
# Contrast
id | Short name of the comparison: small letters, digits and underscores.
arm | The arm of which the effect is asked.
reference | The arm with which it is compared.
label | What the comparison is called in reports.
# Component
id | Short name of the part: small letters, digits and underscores.
label | What the part is called.
content | Tags of what the part holds, the same in every arm, so that overlap shows; a list.
# Programme
modules | Number of modules; a whole number.
module_schedule | In which week each module opens; a text.
live_sessions_per_week | Live sessions per week; a number from 0.
live_session_minutes | Length of a live session in minutes.
live_session_group_size | Participants in one live session; a whole number.
videos_per_week | Videos to watch per week; a number from 0.
logins_per_week | Logins to the platform expected per week; a number from 0.
diary_days_per_week | Days per week on which the diary is to be filled in; from 0 to 7.
# Intervention
label | What the intervention is called in reports.
type | Type in the registry's code, such as BEHAVIORAL, DRUG, DEVICE or OTHER.
why | Rationale: how it is meant to work (TIDieR 2); a text.
components | The parts of the intervention; a list.
materials | Materials used, as short codes (TIDieR 3); a list.
duration_weeks | Duration in weeks; a whole number.
programme | What is scheduled: modules, sessions, diary; only where something is.
exercise_dose | Sets, repetitions, intensity and days of the exercise (TIDieR 8); a text.
progression | When and how the exercise becomes harder; a text.
tailoring | What is adapted to the participant, when and how (TIDieR 9); a text.
delivered_by | Who delivers it, by profession (TIDieR 5); a text.
deliverer_qualification | Training and experience of who delivers it (TIDieR 5); a text.
format | Whether it is given to one person or to several together (TIDieR 6).
where | Where it is delivered (TIDieR 7); a text.
fidelity | How it is made sure that it is delivered as planned (TIDieR 11); a text.
adherence_measures | What is counted as adherence, as short codes; a list.
adherence_support | How adherence is supported; a text.
contamination | How it is kept from participants of other arms, and how exposure there is recorded; a text.
stopping_criteria | When it is changed or stopped for a participant; a text.
concomitant_care | Other care that is allowed alongside; a text.
prohibited_care | Other care that is not allowed; a text.
rescue_care | What a participant who gets worse receives; a text.
standardised | Whether it is delivered the same way everywhere; true or false.
# Check
variable | What is compared: a recorded variable, or OUTCOME@VISIT.
op | The comparison; ge and le include the value, gt and lt do not.
value | What it is compared with: [low, high] for between (both included), otherwise one value.
# Criterion
id | A letter and a number: I1, I2 for inclusion, E1, E2 for exclusion.
text | The criterion as a reader would say it.
check | The criterion as a comparison that data can be held against; leave it out where there is none.
verification | How the site makes sure of it where no recorded value does; a text.
# Ages
min | Lowest eligible age in completed years.
max | Highest eligible age in completed years, itself eligible.
# Population
condition | The condition that participants have; a text.
recruitment | How and where participants are found; a text.
planned_enrolment | Participants planned over all arms; a whole number.
enrolment_type | Whether the enrolment has happened or is estimated.
healthy_volunteers | Whether healthy volunteers can take part; true or false.
sex | Eligible sex.
age_years | Eligible ages in completed years.
age_rationale | Why there is an age limit; a text.
recruitment_rate_per_week | Participants randomised per week over all sites that the source counts on; a number above 0.
screening_log | How people who were assessed and not included are recorded; a text.
secondary_gain | How sick leave, compensation and litigation are handled; a text.
inclusion | Inclusion criteria; a list.
exclusion | Exclusion criteria; a list.
# Visit
id | Short name of the visit: small letters, digits and underscores.
week | Planned time in weeks from randomisation; 0 is baseline.
label | What the visit is called in reports.
window_days | Days allowed before and after the planned day, [before, after]; whole numbers from 0.
activities | What is done at the visit, as short codes; a list.
# Schedule
visits | The visits in order of time; one or more.
continuous | What is recorded all the time between visits, as short codes; a list.
weekly | What is done or recorded every week, as short codes; a list.
# Objective
id | Short name of the objective.
level | Rank of the objective.
text | The objective as a reader would say it.
outcomes | Names of the outcomes that answer it; a list.
# Hypothesis
statement | The hypothesis as the source words it; a text.
outcome | Name of the outcome that it speaks of.
difference | Expected difference between arms in points of the outcome.
claim | Against what the result is to be held: no difference, or the expected difference.
# ImportantDifference
outcome | Name of the outcome.
value | Smallest difference that matters, in the unit below; above 0.
unit | Unit of the difference, such as points or percent.
level | Whether it is a change within a person or a difference between arms: the two are not the same.
citation | Publication that the value was taken from.
# Outcome
label | What the outcome is called in reports.
kind | Kind of value that a participant has.
level | Rank of the outcome.
instrument | Name of its instrument; unit, range, resolution and direction are taken from there.
direction | Whether lower or higher values are better; needed where there is no instrument.
unit | Unit of the values, such as points, days or share; needed where there is no instrument.
range | Lowest and highest possible value, [low, high].
resolution | Step at which a value is recorded; above 0.
visits | Visits with a value in the export, by name; leave it out for an outcome that cannot be executed.
baseline | Name of the visit of the baseline value.
arms | Names of the arms in which it is recorded; leave it out where that is all of them.
registered_measure | The measure word for word as in the registry's outcome list.
registered_time_frame | The time frame word for word as in the registry's outcome list.
definition | What exactly is measured; a text.
domain | What is measured, as a short code: disability, pain, quality_of_life, adherence, satisfaction, harms.
metric | What is taken from each participant.
aggregation | How participants' values become one figure per arm.
time_frame | When it is measured, in words; a text.
measured_at | Visits at which the source says it is measured, whether or not the export holds it; a list of names.
components | Names of the records that the outcome is made of; a list.
formula | How the components are joined to one value; a text.
# IntercurrentEvent
event | Short name of the event: small letters, digits and underscores.
label | What the event is called in reports.
strategy | How the event is dealt with (ICH E9(R1)).
# Estimand
id | Short name of the estimand: small letters, digits and underscores.
label | What the estimand is called in reports.
objective | Identifier of the objective that it serves.
population | Of whom it speaks; a text.
contrast | Identifier of the contrast: the treatment attribute.
outcome | Name of the outcome: the variable attribute.
visit | Name of the visit at which the outcome is taken.
summary | The population-level summary.
intercurrent_events | Events after randomisation and how each is dealt with; a list.
# Randomisation
ratio | Participants per arm in the order of the arms; whole numbers, [1, 1] for equal arms.
unit | What is randomised.
generation | How the sequence is generated, with which program; a text.
method | Method of allocation.
block_sizes | Where the block sizes are kept; the sizes themselves never stand in this file.
stratification | Variables that the sequence is stratified by; a list of names, [] where there are none.
strata | Number of strata, all combinations counted; a whole number.
random_element | Probability of the preferred arm in minimisation; from 0.5 to 1.
concealment | Whether the next allocation is hidden until a participant is included; true or false.
concealment_mechanism | How it is hidden; a text.
implementation | Who generates the sequence, who includes and who assigns, by function; a text.
roles_separated | Whether those who include and assign have no access to the sequence; true or false.
# Blinding
level | Level of masking as the registry codes it.
masked | Roles masked according to the registry; a list.
also_masked | Roles masked according to the text only; a list.
unmasked | Roles that know the allocation; a list.
reason | Why somebody is not masked; a text.
procedure | How masking is kept up; a text.
emergency_unblinding | When and how the allocation of one participant is opened; a text.
check | How it is checked afterwards whether masking held; a text.
# SampleSize
total | Participants to randomise over all arms; a whole number.
per_arm | Participants to randomise in each arm, in the order of the arms; whole numbers.
power | Power of the test; a proportion from 0 to 1, such as 0.8.
alpha | Significance level; a proportion from 0 to 1, such as 0.05.
sidedness | Whether the test has two sides or one.
test | The statistical test that the calculation is for.
outcome | Name of the outcome that the calculation is for.
target_difference | Difference to detect, arm minus reference, in points of the outcome (of proportions: from 0 to 1).
target_difference_basis | Why this difference: important, realistic or both; a text.
target_difference_method | How the difference was set (DELTA2).
target_difference_realistic | Evidence that a difference of this size can be expected; a text.
target_difference_citation | Publication that the difference was taken from.
standard_deviation | Standard deviation of the outcome in points, within arms; above 0.
standard_deviation_source | Where the standard deviation was taken from.
standardised_effect | Difference divided by the standard deviation; a number without unit.
correlation | Correlation of baseline with follow-up that the calculation uses; from -1 to 1.
attrition | Expected loss; the proportion of randomised participants without the outcome, from 0 to 1.
attrition_definition | What counts as lost; a text.
attrition_difference | Expected loss of arm minus reference; a proportion from -1 to 1.
clustering | How clusters, such as therapists or groups, are allowed for; a text.
multiplicity | How several primary comparisons are allowed for; a text.
sensitivity | How the size changes with its inputs; a text.
analysed_per_arm | Participants with the outcome that the calculation needs in each arm; whole numbers.
icc | Intracluster correlation; from 0 to 1.
cluster_size | Mean number of participants per cluster; above 1.
control_proportion | Expected proportion in the reference arm; from 0 to 1.
arm_proportion | Expected proportion in the other arm; from 0 to 1.
r_squared | Share of the outcome's variance that the covariates explain; from 0 to 1.
n_covariates | Number of covariate columns in the model; a whole number from 0.
inflation | How the loss a was allowed for: divide is n / (1 - a), multiply is n x (1 + a).
# Harms
definition | What counts as a harm; a text.
collection | How, by whom and how often harms are collected; a text.
grading | How severity, seriousness and relation to the intervention are judged; a text.
events_of_interest | Harms that are expected and asked for, as short codes; a list.
# DataManagement
system | System in which the data are entered.
learning_platform | Platform on which the programme runs.
messaging | Messaging service used with participants.
third_party_safeguards | How data with third parties are protected; a text.
pseudonymisation | How names are replaced and who holds the key; a text.
quality_control | How entry errors are prevented and found; a text.
retention_years | Years that data are kept after the end of the trial; a number from 0.
participant_retention | How participants are kept in the trial; a text.
outcomes_after_discontinuation | Whether outcomes are still collected from those who stop the intervention; true or false.
# DataSharing
individual_data | Which individual data are shared, with whom and when; a text.
protocol_access | Where the full protocol can be read; a text.
analysis_plan_access | Where the statistical analysis plan can be read; a text.
code | Where the statistical code can be read; a text.
dissemination | How the results reach participants, clinicians and the public; a text.
# Reference
citation | The publication, in full.
pmid | Its PubMed number, in quotes.
doi | Its DOI, without an address before it.
role | What it is cited for, as a short code such as background or result.
# BodyMassIndex
height_cm | Column of participants.csv with the height in centimetres.
weight_kg | Column of participants.csv with the weight in kilograms.
# Classes
column | Column of participants.csv with the number.
levels | Classes by name, each [low, high] with both ends included and without overlap.
# Levels
column | Column of participants.csv with the code.
codes | The codes in the order of the model's columns; two or more.
# Coding
kind | Whether it enters the model as one number or as one column per level.
label | What the covariate is called in reports.
unit | Unit of the number, such as years or kg/m2.
column | Column of participants.csv that is copied; give exactly one of column, bmi, classes and levels.
bmi | Body-mass index from two columns; give exactly one of column, bmi, classes and levels.
classes | Classes of a number; give exactly one of column, bmi, classes and levels.
levels | Levels of a code; give exactly one of column, bmi, classes and levels.
reference | The level without a column of its own; categorical codings only.
# ResponderRule
improvement_of_at_least | Smallest improvement from baseline of a responder, in points of the outcome; above 0.
percent_improvement_of_at_least | Smallest improvement from baseline of a responder, in percent of the baseline value; above 0, at most 100.
attained | The value of the outcome that a responder reaches or passes; needs no baseline.
unit | Unit of the number; percent with the percent rule, else points.
# RecordCount
label | What the count is called in reports.
file | File of the export folder whose rows are counted per participant.
column | Column that a counted row must have equal to the value; every row counts without it.
equals | The value that the column of a counted row has.
# ProposedEstimand
label | What the estimand is called in reports.
population | Whom the question is about.
contrast | Identifier of the contrast; the treatments that are compared.
outcome | Name of the outcome.
visit | Name of the visit.
summary | The population-level summary.
strategies | Strategy of each intercurrent event by its short name, such as stops_programme.
reason | Why the question is asked beside those of the source.
# Delta
arm | Points added to imputed values of the arm.
reference | Points added to imputed values of the reference.
# Imputation
variables | Variables of the imputation model: names of codings and OUTCOME@VISIT, recorded in every arm; a list.
m | Number of imputations; a whole number from 2, 20 or more are usual.
# AnalysisSpec
id | Short name of the analysis: small letters, digits and underscores.
label | What the analysis is called in reports.
outcome | Name of the outcome.
visit | Name of the visit at which the outcome is compared.
contrast | Identifier of the contrast.
method | Statistical method; what each can be combined with stands in docs/reference/methods.md.
missing_data | How missing outcomes are dealt with.
measure | What is estimated; a mean difference, or for responders a log odds ratio, risk difference or risk ratio.
variance | Variance of the estimate; the method's first where it is left out.
role | Part that the analysis plays in the plan.
family | Name of the multiplicity family that the test belongs to.
truth | The quantity that the analysis aims at; none where there is none (conditional odds ratio).
estimand | Identifier of the estimand that it estimates.
covariates | Names of codings and OUTCOME@VISIT in place of the plan's covariates; [] for none.
imputation_from | Name of the plan whose imputation model is used in place of this plan's.
auxiliary | What is recorded after baseline and helps the imputation, in order; OUTCOME@VISIT and names of counts.
m | Number of imputations in place of the plan's, or automatic.
delta | Points added to imputed values; with missing_data delta_adjusted only.
permutations | How many allocations a re-randomisation test draws; from 99.
subgroup | The covariate whose interaction with the arm is estimated.
baseline_missing | Whether missing baseline values are filled in or their participants left out.
reason | Why the analysis is proposed where the source does not state it; leave it out where it does.
# Plan
label | What the plan is called in reports.
population | Who is analysed.
alpha | Significance level; a proportion from 0 to 1, such as 0.05.
sidedness | Whether tests have two sides.
covariates | Covariates of every analysis: names of codings and OUTCOME@VISIT; a list, [] for none.
missing_data | How missing outcomes are dealt with.
imputation | The imputation model; needed by analyses with multiple imputation.
analysis_seed | Seed of the imputation draws of a real trial, fixed before unblinding; a whole number from 0.
responder | Per outcome name, the rule that makes a participant a responder.
multiplicity | How several tests are allowed for; a text.
interim | Interim analyses and stopping rules, or that there are none; a text.
analyses | The analyses; one or more.
# AnalysisPlans
covariate_term | What the source calls the covariates.
covariate_selection | How covariates are chosen.
confidence_level | Level of the intervals; a proportion from 0 to 1, such as 0.95.
assumption_checks | How the assumptions of the models are checked; a text.
subgroups | Subgroup analyses, or that there are none; a text.
adherence_analysis | How adherence and its relation to the effect are analysed; a text.
harms_analysis | How harms are analysed; a text.
software | Statistical program and version; a text.
coding | How recorded columns enter models, by a short name that plans refer to.
estimands | Estimands that the plans propose beside those of the source, by a short name.
counts | Counts of records per participant, by a short name that imputation models refer to.
plans | Analysis plans by name, such as as_registered and as_recommended.
# Export
dictionaries | Dictionary files named from this folder, the core first.
"""

_INSTRUMENT = """
# Instrument
odisea | The head of the file.
proposals | Author and date of every proposed value that does not name its own.
instrument | Short name of the instrument: small letters, digits and underscores.
label | What the instrument is called in reports.
measures | What it measures.
score | How the score is made: 100 x sum / highest possible sum of the answered items, or the recorded value itself.
direction | Whether lower or higher scores are better.
unit | Unit of the score, such as points.
range | Lowest and highest possible score, [low, high].
resolution | Step at which a typed score is recorded; above 0.
items | The items as the export folder holds them; only with score percent_of_maximum.
minimum_answered | A score exists when at least so many items are answered; from 1 to the number of items.
missing_item_rule | What an unanswered item counts as.
version | Version of the instrument used.
language | Language version used.
mode | How it is administered: on paper, on a screen, by interview.
recall_period | Period that the questions ask about.
licence | Who licenses it and whether a licence is held; a text.
completed_by | Who gives the answers.
# Items
file | File of the export folder with one row per participant and visit, ending in .csv.
columns | Columns of the items in the instrument's order; a list.
range | Lowest and highest value of an item, [low, high]; whole numbers.
names | One short code per item in the same order, without licensed wording; a list.
"""

_DICTIONARY = """
# DictionaryFile
odisea | The head of the file.
dictionary | Short name of the dictionary: small letters, digits and underscores.
missing_reasons | Reasons for missing values by code, each with its text.
files | Files of the export folder by name, ending in .csv.
# FilePart
description | What one row of the file is; needed where no earlier dictionary has the file.
key | Columns that together name a row; a list, [] where rows have no name.
required | Whether the file must be in the folder; true or false.
restricted | Whether the file stays out of the export folder and of every shared package; true or false.
arms | Names of the arms whose participants can have rows; leave it out for all.
columns | Columns by name.
# ColumnSpec
type | Type of the cells: cat is one of codes, date is YYYY-MM-DD, datetime is ISO 8601 with offset.
description | What the column holds.
required | Whether the column must stand in the file's header; true or false.
filled | Whether no cell may be empty; true or false.
unit | Unit of the number, such as cm, kg or weeks.
range | Lowest and highest allowed number, [low, high], both allowed; int and num only.
codes | The allowed codes in order; cat only.
codes_from | Where the codes come from in place of a list; cat only.
pattern | Regular expression that the whole cell matches, in quotes; id and text only.
resolution | Step at which the number is recorded; above 0; int and num only.
missing_reason_column | Column that holds a missing reason exactly where this one is empty.
arms | Names of the arms in which the column is recorded; leave it out for all.
"""

_WAIVERS = """
# WaiverFile
odisea | The head of the file.
trial | Short name of the trial, as in its protocol; the file is refused for another.
waivers | Accepted findings; they stay in every report and are counted apart.
# Waiver
rule | Identifier of the rule, such as GAP-02.
path | spec_path of the finding as findings.json gives it; leave it out to accept every finding of the rule.
by | Who accepts it: name or function.
date | Day of the acceptance: YYYY-MM-DD, in quotes.
until | Last day on which it holds: YYYY-MM-DD, in quotes; after it the finding counts again.
reason | Why it is acceptable; one text, or en and es.
"""

_VARIANT = """
# Variant
odisea | The head of the file.
variant | Short name of the variant: small letters, digits and underscores; the file is called so.
trial | Short name of the trial, as in its protocol; the variant is refused for another.
label | What the variant is called in reports.
about | How the variant differs from the registered design, and what stays as it is.
changes | What is added to the protocol's facts.
# Changes
added_visits | Visits added to the schedule; a contact by message is a visit too.
added_measurements | Per outcome name, the visits at which it is recorded besides; a list.
"""

_MAPPING = """
# SiteMapping
odisea | The head of the file.
trial | Short name of the trial, as in its protocol.
protocol | The trial's protocol file, named from this file's folder.
origin | Whether the raw files are of real people; it changes banners only.
missing_reason | Code of the dictionary: why a value is missing where the raw files do not say it.
sources | Raw files by a short name.
people | Who stands in the raw files, and who of them is no participant.
participants | Columns of participants.csv by name, and what each is made of.
allocation | The arm; written beside the export folder, never into it.
visit_date | The day of a visit, in a source with a visit column.
outcomes | Outcomes by name, and where their values stand.
files | Further files of the dictionary by name, and how each is made.
# SourceFile
file | Name of the raw file in the raw folder.
encoding | Encoding of the file, such as utf-8 or latin-1.
delimiter | Character between cells; one character in quotes.
decimal | Decimal sign of the numbers.
missing | Texts that mean no value; an empty cell always does.
participant | How the source names its persons.
visit | Column of the visit where a row is a visit; leave it out where a row is a person.
skip | Rows that are left out, and why; a list.
# Identifier
column | Column of the identifier; or row_number: true.
row_number | Whether the number of the row names the person; true or false.
whole_number | Whether the identifier is a number that may be written with decimals (1001.0 is 1001); true or false.
prefix | Text put before the identifier.
digits | Digits to pad the identifier to with zeros; from 0 to 12.
# VisitColumn
column | Column that says at which visit a row was recorded.
codes | Raw text to name of the visit.
ignored | Raw texts of rows that the trial does not use; a list.
# Skip
when | Which rows.
reason | Why they are left out.
# Condition
column | Raw column that is tested; add exactly one of among, missing, below and above.
among | The cell's text is one of these; texts in quotes.
missing | Whether the cell is missing; true or false.
below | The cell's number is below this.
above | The cell's number is above this.
# Value
column | Raw column; or a constant.
constant | The same text for everybody; or a column.
source | Name of the source; leave it out for that of the persons.
at | Name of the visit whose row holds the value.
codes | Raw text to exported code; a text that is not listed is an error.
factor | Exported number = raw number x factor + offset.
offset | Added after the factor.
date_format | How the raw file writes days; it is never guessed.
# Exclusion
when | Which persons.
outcome | What became of them in the flow of participants.
reason_code | Short code of the reason: letters, digits and underscores.
note | What a reader should know about it.
# People
source | Name of the source with one row or more per person.
excluded | Who is no participant; the first rule that applies counts.
# OutcomeRule
each_visit | Column with the value in a source that has a visit column.
visits | Value by the name of the visit, in a source with one row per person.
missing_reason | Code of the dictionary in place of the mapping's own.
# FileRule
source | Name of the source; leave it out for that of the persons.
columns | Exported columns by name: one exported row per row of the source.
visits | Exported columns by name of the visit: one exported row per person and visit.
"""

_SIMULATE = """
# Assumptions
odisea | The head of the file.
trial | Short name of the trial, as in its protocol.
grades | What the grades A to D mean.
sources | Sources by a short name, each as a reader finds it.
parameters | Every parameter that the simulator reads, by its name.
intercurrent_events | Events after randomisation by name, each with how the estimand by strategy deals with it.
closed_days | Days without recruitment, visits or sessions, in periods; a list, [] for none.
randomisation | How the simulated trial is randomised; never the plan of the real trial.
programme_arm | Identifier of the arm that receives the programme.
# IntercurrentEvent
label | What the event is called in reports.
strategy | treatment_policy: it changes nothing; hypothetical: as if it did not happen; composite: a non-response.
# ClosedDays
first | First day: YYYY-MM-DD, in quotes.
last | Last day, closed as well: YYYY-MM-DD, in quotes.
label | What the days are called in reports.
# SitePlan
odisea | The head of the file.
trial | Identifier of the protocol that the plan is for.
randomisation | How the real list is drawn; kept from everybody who recruits.
# RandomisationPlan
method | Method of randomisation.
block_sizes | Permuted blocks: sizes drawn with equal chance; each a multiple of the sum of the ratio; a list.
bias | Biased coin, minimisation: chance of the favoured arm; above 0, at most 1. Left out: 2/3 and 0.8.
limit | Big stick: largest difference between arms; a whole number from 1. Left out: 3.
urn_start | Urn: balls of each arm at the start; from 0. Left out: 0.
urn_added | Urn: balls of the other arms added after a draw; above 0. Left out: 1.
measure | Minimisation: how the imbalance of a level is measured. Left out: range.
stratify_by | Names of the factors whose combinations each have a sequence of their own; a list.
minimise_over | Factors that minimisation balances; a list.
factors | Every factor that is named above, by its name.
# MinimisationFactor
factor | Name of the factor.
weight | Its weight beside the others; above 0. Left out: 1.
# Factor
column | Recorded column that the levels come from, such as age_years or odi@baseline.
levels | Codes of the category, or names of the ranges between the cuts from low to high; a list.
cuts | Rising limits between the ranges of a number; one fewer than levels. Not for a category.
# Parameter
kind | target: calibrated on the observed score; input: used as it stands; check: compared with the result, never used.
value | The assumed value, in the unit below.
low | Lower end of the plausible range, in the unit below.
high | Upper end of the plausible range, in the unit below.
unit | Unit, such as points, weeks, share or correlation.
source | Names of the sources; a list, [] where there is none.
grade | How well the sources support it: A same population, B similar, C analogous, D no source.
note | What a reader should know about it.
# Scenarios
odisea | The head of the file.
trial | Short name of the trial, as in its protocol.
monte_carlo | Seed and number of simulated trials where the command line gives none.
calibration | Seed and size of the calibration cohort.
scenarios | Named truths: each changes some assumptions.
# MonteCarlo
seed | Seed of the random numbers; a whole number from 0.
replicates | Simulated trials per scenario; a whole number from 1.
# CalibrationSpec
seed | Seed of the random numbers; a whole number from 0.
people | Simulated people in the calibration cohort; at least 1000000.
# ScenarioSpec
label | What the scenario is called in reports.
about | What is true in it, for a reader.
textbook | Whether it is two normal measurements with chance losses only, to check against formulas; true or false.
required | Whether it belongs to every full run; true or false.
replicates | Simulated trials of this scenario in place of the file's number; from 1.
participants | Participants in place of the protocol's number; from 4.
randomisation | How this scenario is randomised, in place of the file's randomisation.
set | Changed assumptions: name of the parameter and its value.
follows_the_model | Parameters that are not set and follow from the others; a list.
"""


def _table(*blocks: str) -> dict[tuple[str, str], str]:
    hints: dict[tuple[str, str], str] = {}
    owner = ""
    for line in "".join(blocks).splitlines():
        if line.startswith("# "):
            owner = line[2:]
        elif line:
            field, hint = line.split(" | ")
            hints[owner, field] = hint
    return hints


HINTS = _table(_SHAPES, _PROTOCOL, _INSTRUMENT, _DICTIONARY, _WAIVERS, _VARIANT, _MAPPING, _SIMULATE)
"""What to write, by model and field as it stands in YAML."""

EXAMPLES: dict[tuple[str, str], Any] = {
    ("SourceSpec", "as_of"): "2026-01-15",
    ("Organisation", "type"): "OTHER_GOV",
    ("Sponsors", "lead"): {"name": "Public Institute of Health", "type": "OTHER_GOV"},
    ("Sponsors", "collaborators"): [{"name": "State University", "type": "OTHER"}],
    ("Ethics", "oversight"): ["principal_investigator", "local_ethics_committee"],
    ("Design", "aims"): ["effectiveness", "safety"],
    ("Check", "value"): [18, 60],
    ("Criterion", "check"): {"variable": "age_years", "op": "between", "value": [18, 60]},
    ("Population", "age_years"): {"min": 18, "max": 60},
    ("Visit", "window_days"): [7, 7],
    ("Visit", "activities"): ["odi", "vas"],
    ("Outcome", "range"): [0, 100],
    ("Outcome", "visits"): ["baseline", "week6"],
    ("Outcome", "measured_at"): ["baseline", "week6"],
    ("Randomisation", "ratio"): [1, 1],
    ("Randomisation", "block_sizes"): "in_restricted_document",
    ("Randomisation", "stratification"): ["site"],
    ("Blinding", "masked"): ["OUTCOMES_ASSESSOR", "DATA_ANALYST"],
    ("SampleSize", "per_arm"): [100, 100],
    ("SampleSize", "power"): 0.8,
    ("SampleSize", "attrition"): 0.2,
    ("Classes", "levels"): {"none": [0, 0], "some": [1, 9]},
    ("Coding", "bmi"): {"height_cm": "height_cm", "weight_kg": "weight_kg"},
    ("Coding", "levels"): {"column": "physical_activity", "codes": ["low", "moderate", "high"]},
    ("Imputation", "variables"): ["odi@baseline", "age"],
    ("Plan", "covariates"): ["odi@baseline", "age"],
    ("Plan", "responder"): {"odi": {"proposed": {"improvement_of_at_least": 10, "unit": "points"}, "reason": "usual"}},
    ("Protocol", "instruments"): {"odi": "instruments/odi.yaml"},
    ("Export", "dictionaries"): ["dictionary/core.yaml", "dictionary/my_trial.yaml"],
    ("Instrument", "range"): [0, 100],
    ("Items", "range"): [0, 5],
    ("Items", "columns"): ["item_01", "item_02"],
    ("ColumnSpec", "range"): [0, 10],
    ("ColumnSpec", "codes"): ["low", "moderate", "high"],
    ("ColumnSpec", "pattern"): "[A-Za-z0-9_-]+",
    ("Waiver", "rule"): "GAP-02",
    ("Waiver", "path"): "/status/first_submitted",
    ("Waiver", "until"): "2027-06-30",
    ("Changes", "added_measurements"): {"vas": ["week1", "week2"]},
    ("VisitColumn", "codes"): {"1": "baseline", "2": "week6"},
    ("Value", "codes"): {"1": "male", "2": "female"},
    ("Condition", "among"): ["0"],
    ("RandomisationPlan", "block_sizes"): [4, 6],
    ("RandomisationPlan", "stratify_by"): ["age_band"],
    ("RandomisationPlan", "minimise_over"): [{"factor": "age_band", "weight": 1}],
    ("RandomisationPlan", "factors"): {"age_band": {"column": "age_years", "levels": ["under_40", "from_40"], "cuts": [40]}},
    ("Factor", "levels"): ["under_40", "from_40"],
    ("Factor", "cuts"): [40],
    ("ClosedDays", "first"): "2026-12-21",
    ("ScenarioSpec", "set"): {"effect": -4.5},
}
"""A value of a field whose shape is not obvious."""
