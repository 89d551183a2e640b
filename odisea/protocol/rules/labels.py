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
adherence_measures | measures of adherence | medidas de adherencia
age_rationale | reason for the age limits | motivo de los límites de edad
age_years | eligible ages | edades elegibles
allocation | allocation | asignación
alpha | significance level | nivel de significación
also_masked | roles blinded according to the text | funciones cegadas según el texto
analysis_plan_access | access to the analysis plan | acceso al plan de análisis
analysis_seed | seed of the imputation draws | semilla de las imputaciones
approval_id | approval number | número de aprobación
attitude | pragmatic or explanatory attitude | actitud pragmática o explicativa
attrition | expected attrition | pérdida esperada
attrition_definition | definition of attrition | definición de la pérdida
attrition_difference | difference in attrition between arms | diferencia de pérdida entre grupos
block_sizes | whereabouts of the block sizes | lugar donde constan los tamaños de bloque
brief_title | brief title | título breve
centres | number of centres | número de centros
check | check of the blinding | comprobación del cegamiento
citation | citation | cita
city | city | ciudad
clustering | allowance for clustering | consideración de conglomerados
collaborators | collaborators | colaboradores
collection | collection of harms | recolección de daños
committee | ethics committee | comité de ética
comparison | kind of comparison | tipo de comparación
compensation_for_harm | compensation for harm | indemnización por daños
completed_by | who completes it | quién lo responde
completion | completion date | fecha de término
completion_type | type of the completion date | tipo de la fecha de término
concealment | concealment of the allocation | ocultamiento de la asignación
concealment_mechanism | mechanism of concealment | mecanismo de ocultamiento
concomitant_care | concomitant care | atención concomitante
condition | condition | padecimiento
conditions | conditions | padecimientos
confidentiality | confidentiality | confidencialidad
consent | informed consent | consentimiento informado
correlation | correlation of baseline and follow-up | correlación entre inicio y seguimiento
country | country | país
covariates | covariates | covariables
crossover | crossover between arms | cruce entre grupos
date | date | fecha
declarations | declarations followed | declaraciones seguidas
definition | definition | definición
delivered_by | who delivers it | quién la imparte
diary_days_per_week | diary days per week | días de diario por semana
difference | expected difference | diferencia esperada
duration_weeks | duration in weeks | duración en semanas
emergency_unblinding | emergency unblinding | apertura del ciego en emergencias
enrolment_type | type of the enrolment number | tipo del número de participantes
events_of_interest | harms of interest | daños de interés
exercise_dose | dose of exercise | dosis de ejercicio
feasibility_criteria | criteria of feasibility | criterios de factibilidad
fidelity | fidelity of delivery | fidelidad de la intervención
first_submitted | date of first submission to the registry | fecha del primer envío al registro
framework | framework (superiority or other) | marco (superioridad u otro)
funding | funding | financiamiento
generation | generation of the sequence | generación de la secuencia
grading | grading of harms | gradación de daños
healthy_volunteers | healthy volunteers | voluntarios sanos
implementation | who generates and enrols and assigns | quién genera e incluye y asigna
independent_monitoring_committee | independent monitoring committee | comité independiente de vigilancia
individual_data | sharing of individual data | acceso a datos individuales
institution | institution | institución
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
m | number of imputations | número de imputaciones
masked | roles blinded according to the registry | funciones cegadas según el registro
materials | materials | materiales
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
monitoring_rationale | reason given for the monitoring | motivo dado para la vigilancia
multiplicity | handling of multiple tests | manejo de pruebas múltiples
official_title | official title | título oficial
organisation_study_id | study number of the organisation | número de estudio de la institución
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
primary_completion | primary completion date | fecha de término primario
primary_purpose | primary purpose | propósito principal
privacy_statute | privacy law that applies | ley de privacidad aplicable
procedure | procedure of blinding | procedimiento de cegamiento
progression | progression of the exercises | progresión de los ejercicios
protocol_access | access to the protocol | acceso al protocolo
protocol_date | date of the protocol | fecha del protocolo
protocol_version | version of the protocol | versión del protocolo
pseudonymisation | pseudonymisation | seudonimización
public_involvement | involvement of patients and the public | participación de pacientes y público
range | range | rango
ratio | allocation ratio | razón de asignación
reason | reason | motivo
recall_period | recall period | periodo de referencia
recruitment | recruitment | reclutamiento
registered_measure | measure in the registry's outcome list | medida en la lista de desenlaces del registro
registered_time_frame | time frame in the registry's outcome list | plazo en la lista de desenlaces del registro
registry_id | registry number | número de registro
resolution | step of measurement | resolución de la medición
responsible_party | responsible party | parte responsable
results_posted | results posted | resultados publicados
retention_years | years of retention | años de conservación
risk_class | risk class | clase de riesgo
risk_rationale | reason for the risk class | motivo de la clase de riesgo
sanitary_authorisation | sanitary authorisation | autorización sanitaria
sex | eligible sex | sexo elegible
sidedness | sidedness of the test | lateralidad de la prueba
spanish_title | title in Spanish | título en español
standard_deviation | standard deviation | desviación estándar
standard_deviation_source | source of the standard deviation | fuente de la desviación estándar
standardised | standardised delivery | aplicación estandarizada
standardised_effect | standardised effect | efecto estandarizado
start | start date | fecha de inicio
start_type | type of the start date | tipo de la fecha de inicio
state | state | estado
statement | statement | enunciado
status | recruitment status | estado del reclutamiento
stopping_criteria | criteria to stop or change it | criterios para suspenderla o modificarla
strategy | strategy | estrategia
stratification | stratification | estratificación
study_type | study type | tipo de estudio
summary | summary measure | medida de resumen
system | data system | sistema de datos
tailoring | tailoring to the participant | adaptación al participante
target_difference | target difference | diferencia objetivo
target_difference_basis | basis of the target difference | fundamento de la diferencia objetivo
target_difference_citation | citation for the target difference | cita de la diferencia objetivo
test | statistical test | prueba estadística
third_party_safeguards | safeguards with third parties | salvaguardas con terceros
time_frame | time frame | plazo
total | total number of participants | número total de participantes
type | type | tipo
unit | unit | unidad
unmasked | roles not blinded | funciones no cegadas
value | value | valor
variables | imputation variables | variables de imputación
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
