"""Marks that differ in shape, so that none is told by its colour; a word always stands beside them."""

_OPEN = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="24" height="24">'
_LINE = 'fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"'

CHECK = f'{_OPEN}<circle cx="12" cy="12" r="11" fill="#00614a"/><path d="M6.5 12.5l4 4 7-8" {_LINE}/></svg>'
CROSS = f'{_OPEN}<rect x="1" y="1" width="22" height="22" rx="3" fill="#9b2915"/><path d="M7.5 7.5l9 9M16.5 7.5l-9 9" {_LINE}/></svg>'
WARNING = (
    f'{_OPEN}<path d="M12 1.5L23.2 22H.8z" fill="#8a5a00"/><path d="M12 9v6" {_LINE}/><circle cx="12" cy="18.7" r="1.5" fill="#fff"/></svg>'
)
QUESTION = (
    f'{_OPEN}<path d="M12 .8L23.2 12 12 23.2.8 12z" fill="#40576e"/>'
    f'<path d="M9.4 9.8a2.7 2.7 0 1 1 3.9 2.5c-.9.5-1.3 1-1.3 2" {_LINE}/><circle cx="12" cy="17.6" r="1.4" fill="#fff"/></svg>'
)
NOTE = (
    f'{_OPEN}<circle cx="12" cy="12" r="11" fill="#40576e"/><path d="M12 11v6" {_LINE}/><circle cx="12" cy="7" r="1.5" fill="#fff"/></svg>'
)

MARKS = {"met": CHECK, "not_met": CROSS, "unclear": QUESTION, "note": NOTE}
STATES = {"holds": CHECK, "conditions": WARNING, "fails": CROSS, "inconclusive": QUESTION}
