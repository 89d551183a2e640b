"""What the parts of a protocol are called in English and Spanish, for findings and reports."""

from odisea.protocol.fact import Text

_SECTIONS = """
identification | Identification | Identificación
status | Registry record | Ficha del registro
sponsors | Sponsors | Patrocinadores
sites | Sites | Sedes
ethics | Ethics | Ética
design | Design | Diseño
arms | Arms | Grupos
contrasts | Contrasts | Contrastes
interventions | Interventions | Intervenciones
population | Population | Población
schedule | Schedule | Calendario
instruments | Instruments | Instrumentos
objectives | Objectives | Objetivos
hypothesis | Hypothesis | Hipótesis
important_difference | Important difference | Diferencia importante
outcomes | Outcomes | Desenlaces
estimands | Estimands | Estimandos
intercurrent_events | Intercurrent events | Eventos intercurrentes
randomisation | Randomisation | Aleatorización
blinding | Blinding | Cegamiento
sample_size | Sample size | Tamaño de muestra
harms | Harms | Daños
data_management | Data management | Manejo de datos
data_sharing | Data sharing | Datos compartidos
references | References | Referencias
sources | Sources | Fuentes
analysis | Analysis | Análisis
coding | Coding of covariates | Codificación de covariables
imputation | Imputation model | Modelo de imputación
responder | Responder rule | Regla de respondedor
programme | Programme | Programa
"""

_FIELDS = """
acronym | acronym | acrónimo
adherence_analysis | analysis of adherence and effect | análisis de la adherencia y su papel en el efecto
adherence_measures | measures of adherence | medidas de adherencia
adherence_support | support of adherence | apoyo a la adherencia
age_rationale | reason for the age limits | motivo de los límites de edad
age_years | eligible ages | edades elegibles
aggregation | aggregation of the outcome | agregación del desenlace
aims | aims | propósitos
allocation | allocation | asignación
alpha | significance level | nivel de significación
also_masked | roles blinded according to the text | funciones cegadas según el texto
amendments | handling of amendments | cómo se manejan las enmiendas
analysed_per_arm | participants analysed per arm | participantes analizados por grupo
analysis_plan_access | access to the analysis plan | acceso al plan de análisis
analysis_seed | seed of the imputation draws | semilla de las imputaciones
ancillary_consent | consent for further studies | consentimiento para otros estudios
approval_id | approval number | número de aprobación
arm_proportion | expected proportion in the arm | proporción esperada en el grupo
assumption_checks | checks of the model's assumptions | comprobación de los supuestos de los modelos
attitude | pragmatic or explanatory attitude | actitud pragmática o explicativa
attrition | expected attrition | pérdida esperada
attrition_definition | definition of attrition | definición de la pérdida
attrition_difference | difference in attrition between arms | diferencia de pérdida entre los grupos
block_sizes | whereabouts of the block sizes | lugar donde constan los tamaños de bloque
brief_title | brief title | título breve
centres | number of centres | número de centros
centres_described | number of centres that the wording implies | número de centros que sugiere el texto
check | check of the blinding | comprobación del cegamiento
citation | citation | cita
city | city | ciudad
claim | claim against which the result is held | afirmación con la que se contrasta el resultado
cluster_size | participants per cluster | participantes por conglomerado
clustering | allowance for clustering | cómo se toman en cuenta los conglomerados
code | access to the statistical code | acceso al código estadístico
collaborators | collaborators | colaboradores
collection | collection of harms | cómo se recogen los daños
committee | ethics committee | comité de ética en investigación
committees | committees and their duties | comités y sus funciones
comparator_rationale | reason for the comparator | motivo para elegir el comparador
comparison | kind of comparison | tipo de comparación
comparison_in_title | comparison named in the title | comparación que anuncia el título
compensation_for_harm | compensation for harm | indemnización por daños
completed_by | who completes it | quién lo responde
completion | completion date | fecha de término
completion_type | type of the completion date | si la fecha de término es real o estimada
concealment | concealment of the allocation | ocultamiento de la asignación
concealment_mechanism | mechanism of concealment | mecanismo de ocultamiento
concomitant_care | concomitant care | atención concomitante
condition | condition | padecimiento
conditions | conditions | padecimientos
confidence_level | confidence level | nivel de confianza
confidentiality | confidentiality | confidencialidad
conflicts_of_interest | conflicts of interest | conflictos de interés
consent | informed consent | consentimiento informado
consent_process | who obtains consent and how | quién obtiene el consentimiento informado y cómo
contamination | protection against contamination | cómo se evita que la intervención llegue a otros grupos
contributors | who wrote the protocol | quién escribió el protocolo
control_proportion | expected proportion in the reference arm | proporción esperada en el grupo de referencia
controllers | kind of body that holds the personal data | tipo de entidad que resguarda los datos personales
correlation | correlation of baseline and follow-up | correlación entre inicio y seguimiento
country | country | país
covariate_selection | selection of covariates | selección de covariables
covariate_term | term used for the covariates | término usado para las covariables
covariates | covariates | covariables
crossover | crossover between arms | cruce entre grupos
date | date | fecha
declarations | declarations followed | declaraciones y leyes que se siguen
definition | definition | definición
delivered_by | who delivers it | quién la imparte
deliverer_qualification | qualification of who delivers it | formación de quien la imparte
diary_days_per_week | diary days per week | días de diario por semana
difference | expected difference | diferencia esperada
dissemination | dissemination of the results | difusión de los resultados
domain | outcome domain | dominio del desenlace
duration_weeks | duration in weeks | duración en semanas
emergency_unblinding | emergency unblinding | apertura del ciego en emergencias
enrolment_type | type of the enrolment number | si el número de participantes es real o estimado
ethics_committee | number of the ethics committee | número del comité de ética en investigación
events_of_interest | harms of interest | daños de interés
exercise_dose | dose of exercise | dosis de ejercicio
feasibility_criteria | criteria of feasibility | criterios de factibilidad
fidelity | fidelity of delivery | fidelidad con que se aplica la intervención
first_submitted | date of first submission to the registry | fecha del primer envío al registro
format | individual or group format | formato individual o grupal
formula | formula that joins the components | fórmula que une los componentes
framework | framework (superiority or other) | marco (superioridad u otro)
funding | funding | financiamiento
generation | generation of the sequence | generación de la secuencia
grading | grading of harms | clasificación de los daños
harms_analysis | analysis of harms | análisis de los daños
healthy_volunteers | healthy volunteers | voluntarios sanos
icc | intracluster correlation | correlación intraconglomerado
implementation | who generates and enrols and assigns | quién genera la secuencia y quién incluye y asigna
independent_monitoring_committee | independent monitoring committee | comité independiente de monitoreo de datos y seguridad
individual_data | sharing of individual data | acceso a datos individuales
inflation | allowance for attrition | ajuste por pérdidas
institution | institution | institución
inter_institutional_review | review of inter-institutional protocols | revisión de protocolos interinstitucionales
interim | interim analyses | análisis intermedios
language | language version | versión lingüística
last_update | last update | última actualización
lead | lead sponsor | patrocinador principal
learning_platform | learning platform | plataforma educativa
level | level | nivel
licence | licence | licencia
live_session_group_size | group size of live sessions | tamaño de grupo de las sesiones en vivo
live_session_minutes | length of live sessions in minutes | duración de las sesiones en vivo en minutos
live_sessions_per_week | live sessions per week | sesiones en vivo por semana
logins_per_week | logins per week expected | ingresos a la plataforma previstos por semana
m | number of imputations | número de imputaciones
margin | margin | margen
masked | roles blinded according to the registry | funciones cegadas según el registro
materials | materials | materiales
measured_at | visits at which it is measured | visitas en que se mide
messaging | messaging service | servicio de mensajería
method | method | método
metric | analysis metric | métrica de análisis
minimum_answered | fewest answered items for a score | mínimo de reactivos respondidos para puntuar
missing_data | handling of missing data | manejo de datos faltantes
missing_item_rule | rule for unanswered items | regla para reactivos sin responder
mode | mode of administration | modo de aplicación
model | intervention model | modelo de intervención
module_schedule | calendar of the modules | calendario de los módulos
modules | number of modules | número de módulos
monitoring_rationale | reason given for the monitoring | motivo dado para el monitoreo
monitoring_risk_class | risk class in the reason for the monitoring | clase de riesgo en el motivo del monitoreo
multiplicity | handling of multiple tests | manejo de pruebas múltiples
n_covariates | number of covariate columns | número de columnas de covariables
official_title | official title | título oficial
organisation_study_id | study number of the organisation | número de estudio de la institución
outcomes_after_discontinuation | outcomes after stopping the intervention | medición de quienes suspenden la intervención
overall | recruitment status | estado del reclutamiento
oversight | who oversees the trial | quién supervisa el ensayo
participant_retention | measures to retain participants | medidas para retener participantes
per_arm | participants per arm | participantes por grupo
phase | phase | fase
planned_enrolment | planned enrolment | participantes previstos
planned_n | planned participants of the arm | participantes previstos del grupo
population | analysed population | población analizada
post_trial_access | access after the trial | acceso después del ensayo
power | power | potencia
primary_completion | primary completion date | fecha de la última medición del desenlace primario
primary_purpose | primary purpose | propósito principal
privacy_statute | privacy law that applies | ley de protección de datos que aplica
procedure | procedure of blinding | procedimiento de cegamiento
progression | progression of the exercises | progresión de los ejercicios
prohibited_care | care that is not allowed | atención no permitida
protocol_access | access to the protocol | acceso al protocolo
protocol_date | date of the protocol | fecha del protocolo
protocol_version | version of the protocol | versión del protocolo
pseudonymisation | pseudonymisation | seudonimización o separación de nombres y datos
public_involvement | involvement of patients and the public | participación de pacientes y público
quality_control | quality control of data entry | control de calidad de la captura
r_squared | share of variance explained by covariates | proporción de varianza explicada por las covariables
random_element | random element of the minimisation | elemento aleatorio de la minimización
range | range | rango
ratio | allocation ratio | razón de asignación
rationale | scientific rationale | justificación científica
reason | reason | motivo
recall_period | recall period | periodo de referencia
recruitment | recruitment | reclutamiento
recruitment_rate_per_week | recruitment per week counted on | ritmo de reclutamiento previsto por semana
registered_measure | measure in the registry's outcome list | medida en la lista de desenlaces del registro
registered_time_frame | time frame in the registry's outcome list | plazo en la lista de desenlaces del registro
registry_id | registry number | número de registro
rescue_care | rescue treatment | tratamiento de rescate
resolution | step of measurement | paso de la medición
responsible_party | responsible party | parte responsable
results_posted | results posted | resultados publicados
retention_years | years of retention | años de conservación
risk_basis | sentence of the regulation behind the risk class | frase del reglamento en que se apoya la clase de riesgo
risk_class | risk class | clase de riesgo
risk_rationale | reason for the risk class | motivo de la clase de riesgo
roles | role of sponsor and funder | papel del patrocinador y del financiador
roles_separated | separation of those who enrol from the sequence | separación entre quien incluye y la secuencia
sanitary_authorisation | sanitary authorisation | autorización sanitaria
screening_log | screening log | registro de tamizaje
secondary_gain | sick leave and compensation and litigation | incapacidad y trámite de pensión y litigio
sensitivity | sensitivity of the sample size to its inputs | sensibilidad del tamaño de muestra a sus supuestos
setting | setting | ámbito
sex | eligible sex | sexo elegible
sidedness | sidedness of the test | si la prueba es unilateral o bilateral
software | software | programa estadístico
spanish_title | title in Spanish | título en español
standard_deviation | standard deviation | desviación estándar
standard_deviation_source | source of the standard deviation | fuente de la desviación estándar
standardised | standardised delivery | aplicación estandarizada
standardised_effect | standardised effect | efecto estandarizado
start | start date | fecha de inicio
start_type | type of the start date | si la fecha de inicio es real o estimada
state | state | estado
statement | statement | enunciado
status | recruitment status | estado del reclutamiento
stopping_criteria | criteria to stop or change it | criterios para suspenderla o modificarla
strata | number of strata | número de estratos
strategy | strategy | estrategia
stratification | stratification | estratificación
study_type | study type | tipo de estudio
subgroups | subgroup analyses | análisis de subgrupos
summary | summary measure | medida de resumen
system | data system | sistema de datos
tailoring | tailoring to the participant | adaptación al participante
target_difference | target difference | diferencia objetivo
target_difference_basis | basis of the target difference | fundamento de la diferencia objetivo
target_difference_citation | citation for the target difference | cita de la diferencia objetivo
target_difference_method | method of setting the target difference | método para fijar la diferencia objetivo
target_difference_realistic | evidence that the target difference is realistic | evidencia de que la diferencia objetivo es realista
test | statistical test | prueba estadística
third_party_safeguards | safeguards with third parties | garantías de protección con terceros
time_frame | time frame | plazo
total | total number of participants | número total de participantes
trial_monitoring | monitoring of the conduct | monitoreo de la conducción del ensayo
type | type | tipo
unit | unit | unidad
unmasked | roles not blinded | funciones no cegadas
value | value | valor
variables | imputation variables | variables de imputación
verification | verification of the criterion | verificación del criterio
version | version | versión
videos_per_week | videos per week | videos por semana
where | where it is delivered | dónde se imparte
why | rationale | justificación
window_days | window of the visit in days | ventana de la visita en días
"""


def _table(lines: str) -> dict[str, Text]:
    rows = (line.split(" | ") for line in lines.strip().splitlines())
    return {name: Text(en=english, es=spanish) for name, english, spanish in rows}


SECTIONS = _table(_SECTIONS)
FIELDS = _table(_FIELDS)
