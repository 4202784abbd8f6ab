"""An account's org chart as a drawing: people as boxes, lines as the CRM has them, seats where nobody is known.

Rows of contact_result and coverage_slot come in; a drawing or an indented list leaves, for the template
`org_chart.html`. `people` finds who stands under whom, `tidy` where each box goes, `drawing` puts boxes, lines and
words together. Next room: `pages`.
"""
