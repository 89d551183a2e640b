"""Rules on files and syntax (SYN): the loader applies them, so a protocol that could be loaded has passed them all.

They stand here so that the catalogue names them, with their texts, beside all others. What the loader says of a file that breaks
one is a `Problem` with the identifier of the rule (`odisea.errors`).
"""

from odisea.protocol.rules.rule import Case, Hit, rule

EVERYTHING = ("/*",)


def _passed(case: Case) -> tuple[Hit, ...]:
    """Never fires: the loader has refused every file that breaks the rule."""
    return ()


duplicate_key = rule("SYN-01", "error", "note", reads=EVERYTHING)(_passed)
no_anchors_or_tags = rule("SYN-02", "error", "note", reads=EVERYTHING)(_passed)
size_limits = rule("SYN-03", "error", "note", reads=EVERYTHING)(_passed)
traps_of_old_yaml = rule("SYN-04", "error", "note", reads=EVERYTHING)(_passed)
unusable_key_or_number = rule("SYN-05", "error", "note", reads=EVERYTHING)(_passed)
unknown_field = rule("SYN-06", "error", "note", reads=EVERYTHING)(_passed)
kind_and_version = rule("SYN-07", "error", "note", reads=("/odisea/kind", "/odisea/schema"))(_passed)
comma_or_percent = rule("SYN-08", "error", "note", reads=EVERYTHING)(_passed)
hidden_characters = rule("SYN-09", "error", "note", reads=EVERYTHING)(_passed)
empty_value = rule("SYN-10", "error", "note", reads=EVERYTHING)(_passed)
not_yaml = rule("SYN-11", "error", "note", reads=EVERYTHING)(_passed)
proposal_among_facts = rule("SYN-12", "error", "note", reads=EVERYTHING)(_passed)
missing_or_wrong_value = rule("SYN-13", "error", "note", reads=EVERYTHING)(_passed)
undeclared_name = rule("SYN-14", "error", "contradiction", reads=EVERYTHING)(_passed)
named_file = rule("SYN-15", "error", "note", reads=("/instruments/*", "/export/dictionaries"))(_passed)
