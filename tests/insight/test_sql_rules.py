"""Every insight's SQL keeps to the dialect that DuckDB and Spark run verbatim with equal results."""

import re
from importlib import resources
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError

from connector.insight.steps import read_steps, reads
from connector.schema import TABLES

FOLDER = Path(str(resources.files("connector.insight")))
NAMES = sorted(str(f.relative_to(FOLDER).with_suffix("").as_posix()) for f in FOLDER.rglob("*.sql"))
AGGREGATES = {"SUM", "COUNT", "MIN", "MAX", "MEDIAN"}
SCALARS = {"COALESCE", "CASE", "IF", "EXP", "LN", "FLOOR", "LEAST", "GREATEST", "CAST", "AND", "OR", "XOR", "EXISTS"}
RANKS = {"ROWNUMBER", "ROW_NUMBER", "RANK", "PERCENT_RANK", "PERCENTRANK"}
FORBIDDEN = (
    *(exp.Qualify, exp.Filter, exp.Lambda, exp.Array, exp.Struct, exp.Bracket, exp.TableSample, exp.Pivot),
    *(exp.ILike, exp.IntDiv, exp.Interval, exp.With, exp.Lateral, exp.Unnest),
)
CASTS = {"BIGINT", "DOUBLE", "STRING"}
JOINS = {"", "INNER", "LEFT", "CROSS"}
# The last key of a window's order: an id, its rank (`_n`), or a name that is unique where it is ranked.
UNIQUE = re.compile(r"(^|_)(id|n|slot|family|pulled_by|other|industry|country|department)$")
# Read in one way by DuckDB and in another by Spark: a name or a text in double quotes, what \ escapes, a cast by ::,
# // which divides whole numbers in one of them only, and ^, a power here and bits there.
OTHERWISE = ('"', "`", "\\", "::", "//", "^", "~", "==")
_FLOAT = re.compile(r"(?<![\w.:])\d*\.\d+(?![\dEe])")
_WORD = re.compile(r"(?<![:\w]):([a-z_][a-z0-9_]*)")
STEPS = [pytest.param(step.sql, id=f"{name}:{step.table}") for name in NAMES for step in read_steps(name)]


def parse(sql: str, dialect: str = "duckdb") -> exp.Expression:
    """Tree of the one statement; our `:word` is read as a column-like parameter by both dialects."""
    trees = sqlglot.parse(_WORD.sub(r":\1", sql), dialect=dialect)
    assert len(trees) == 1, "a step is one statement"
    tree = trees[0]
    assert isinstance(tree, exp.Query), "a step is a SELECT"
    return tree


def function_faults(tree: exp.Expression) -> list[str]:
    """Functions outside the list."""
    allowed = AGGREGATES | SCALARS | RANKS
    found = []
    for node in tree.find_all(exp.Func):
        name = node.name if isinstance(node, exp.Anonymous) else type(node).__name__
        if name.upper() not in allowed and node.sql_name().upper() not in allowed:
            found.append(f"function {name} isn't in the list")
    return found


def cast_faults(tree: exp.Expression, text: str) -> list[str]:
    """Casts to types that the two engines don't both know."""
    names = re.findall(r"\bAS\s+([A-Za-z]+)\s*\)", text, re.IGNORECASE)
    kinds = {"BIGINT", "DOUBLE", "STRING", "VARCHAR", "INTEGER", "INT", "DATE", "TIMESTAMP", "TEXT", "REAL", "FLOAT"}
    wrong = {n.upper() for n in names if n.upper() in kinds} - CASTS
    wrong |= {c.to.sql() for c in tree.find_all(exp.TryCast)}
    wrong |= {c.to.sql() for c in tree.find_all(exp.Cast) if c.to.this.name not in ("BIGINT", "DOUBLE", "TEXT")}
    return [f"cast to {w}: only BIGINT, DOUBLE, STRING" for w in sorted(wrong)]


def sum_faults(tree: exp.Expression) -> list[str]:
    """Sums that aren't whole numbers: CAST(SUM(x) AS BIGINT), and no float inside that isn't made whole first."""
    found = []
    for node in tree.find_all(exp.Sum):
        outer = node.parent.parent if isinstance(node.parent, exp.Window) else node.parent
        if not (isinstance(outer, exp.Cast) and outer.to.this == exp.DataType.Type.BIGINT):
            found.append(f"{node.sql()}: write CAST(SUM(x) AS BIGINT)")
        if _has_float(node.this):
            found.append(f"{node.sql()}: sums floats; quantise to whole millionths first")
    return found


def _has_float(node: exp.Expression) -> bool:
    """Whether a float reaches this place; a cast to BIGINT or a comparison ends its way."""
    if isinstance(node, exp.Cast) and node.to.this == exp.DataType.Type.BIGINT:
        return False
    if isinstance(node, exp.Predicate):
        return False
    if isinstance(node, exp.Div | exp.Exp | exp.Ln):
        return True
    if isinstance(node, exp.Literal):
        return not node.is_string and not node.is_int
    return any(_has_float(child) for child in node.iter_expressions())


def division_faults(tree: exp.Expression) -> list[str]:
    """Divisions where neither side shows that it is a float."""
    return [
        f"{node.sql()}: multiply by 1.0E0 before dividing"
        for node in tree.find_all(exp.Div)
        if not (_has_float(node.this) or _has_float(node.expression))
    ]


def window_faults(tree: exp.Expression) -> list[str]:
    """Ranking windows whose order may tie."""
    found = []
    for window in tree.find_all(exp.Window):
        order = window.args.get("order")
        if order is None:
            if type(window.this).__name__.upper() in RANKS:
                found.append(f"{window.sql()}: has no ORDER BY")
            continue
        last = order.expressions[-1].this
        if not (isinstance(last, exp.Column) and UNIQUE.search(last.name)):
            found.append(f"{window.sql()}: the last key of ORDER BY must be an id")
    return found


def order_faults(tree: exp.Expression) -> list[str]:
    """Orders outside a window: a table has none."""
    cuts = [f"{node.sql()}: rank the rows instead" for node in tree.find_all(exp.Limit, exp.Offset)]
    outer = [n for n in tree.find_all(exp.Order) if not isinstance(n.parent, exp.Window)]
    return cuts + [f"{n.sql()}: order in a window" for n in outer]


def join_faults(tree: exp.Expression) -> list[str]:
    """Joins that only one engine has."""
    found = []
    for join in tree.find_all(exp.Join):
        kind = f"{join.method} {join.side} {join.kind}".strip().upper()
        if kind not in JOINS:
            found.append(f"{kind} JOIN: only JOIN, LEFT JOIN and CROSS JOIN")
        if join.args.get("using"):
            found.append("USING: say ON")
    return found


def all_faults(sql: str) -> list[str]:
    """Everything that is wrong with one step."""
    tree = parse(sql)
    parse(sql, "spark")
    found = function_faults(tree) + cast_faults(tree, sql) + sum_faults(tree) + division_faults(tree)
    found += window_faults(tree) + order_faults(tree) + join_faults(tree)
    found += [f"{mark}: means another thing on each engine" for mark in OTHERWISE if mark in sql]
    found += [f"{type(n).__name__} isn't allowed" for kind in FORBIDDEN for n in tree.find_all(kind)]
    found += [f"{d.sql()}: DISTINCT ON" for d in tree.find_all(exp.Distinct) if d.args.get("on")]
    found += [f"{g.sql()}: name what is grouped by" for g in tree.find_all(exp.Group) if not g.expressions]
    found += [f"SELECT * with {k}" for s in tree.find_all(exp.Star) for k, v in s.args.items() if v]
    found += [f"{f}: write a float with an exponent" for f in _FLOAT.findall(sql)]
    tables = {t.name for t in tree.find_all(exp.Table)}
    found += [f"{t}: say service_case or crm_user" for t in tables & {"case", "user"}]
    return found


@pytest.mark.parametrize("sql", STEPS)
def test_a_step_keeps_to_the_dialect(sql: str) -> None:
    assert all_faults(sql) == []


def test_steps_do_not_hide_a_table_of_the_mirror() -> None:
    made = [step.table for name in NAMES for step in read_steps(name)]
    assert not set(made) & {*TABLES, "service_case", "crm_user", "present_value"}


def test_no_two_steps_make_a_table_of_the_same_name() -> None:
    made = [step.table for name in NAMES for step in read_steps(name)]
    assert sorted(made) == sorted(set(made))


def test_what_the_steps_read_is_known_to_the_column() -> None:
    found = reads()
    for table, read in found.items():
        assert read.columns, table
    lines = found["opportunity_line"]
    assert (lines.table, set(lines.columns)) == (
        "opportunity_line",
        {"opportunity_id", "product_id", "amount_minor", "cost_minor", "ends_day"},
    )
    assert found["service_case"].table == "case"
    assert "name" not in found["opportunity"].columns
    assert "currency_rate" not in found


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT upper(name) AS name FROM account",
        "SELECT round(amount_minor) AS x FROM opportunity",
        "SELECT SUM(amount_minor) AS x FROM opportunity",
        "SELECT CAST(SUM(amount_minor * 0.5E0) AS BIGINT) AS x FROM opportunity",
        "SELECT amount_minor * 0.5 AS x FROM opportunity",
        "SELECT close_day / 7 AS week FROM opportunity",
        "SELECT id, row_number() OVER (ORDER BY name) AS n FROM account",
        "SELECT id FROM account QUALIFY row_number() OVER (ORDER BY id) = 1",
        "SELECT COUNT(*) FILTER (WHERE employees > 5) AS n FROM account",
        "SELECT * EXCLUDE (name) FROM account",
        "SELECT CAST(id AS VARCHAR) AS x FROM account",
        "SELECT current_date AS today",
        "SELECT list(id) AS ids FROM account",
        "SELECT sqrt(employees) AS x FROM account",
        "SELECT id FROM user",
        'SELECT "id" FROM account',
        "SELECT 'a\\n' AS x FROM account",
        "SELECT employees::BIGINT AS x FROM account",
        "SELECT employees // 2 AS x FROM account",
        "SELECT id FROM account ORDER BY id LIMIT 1",
        "SELECT a.id FROM account AS a ASOF JOIN contact AS c ON c.created_day <= a.created_day",
        "SELECT id FROM account AS a JOIN contact AS c USING (id)",
        "SELECT a.id FROM account AS a FULL JOIN contact AS c ON c.account_id = a.id",
        "SELECT avg(employees) AS x FROM account",
        "SELECT id FROM account WHERE name ILIKE 'a%'",
        "SELECT id FROM account WHERE created_at > DATE '2024-01-01'",
        "SELECT DISTINCT ON (name) id FROM account",
        "SELECT account_id, COUNT(*) AS n FROM contact GROUP BY ALL",
        "SELECT [1, 2] AS x",
        "SELECT lag(id) OVER (ORDER BY id) AS x FROM account",
    ],
)
def test_the_checker_sees_what_is_forbidden(sql: str) -> None:
    try:
        faults = all_faults(sql)
    except ParseError:
        faults = ["one of the two can't read it"]
    assert faults != []


def test_the_checker_lets_the_dialect_pass() -> None:
    sql = """
        SELECT account_id, CAST(SUM(CAST(floor(amount * 0.5E0 * 1.0E6 + 0.5E0) AS BIGINT)) AS BIGINT) AS x,
          rank() OVER (PARTITION BY account_id ORDER BY COALESCE(amount, 0.0E0) DESC, id) AS n
        FROM opportunity WHERE close_day <= :as_of GROUP BY account_id, amount, id
    """
    assert all_faults(sql) == []
