"""Key-account status, coverage and whitespace, computed from a CRM's records and written back into them.

The house, in the order in which the data flows. START HERE: `jobs/refresh.toml` and `job`.

- `job`            reads a job file, runs its steps in order, holds the lock and the guards, notes how it ended
- `workspace`      puts one configured connection together: settings, mapping, CRM, store
- `steps.pull`     CRM to mirror, from the cursor
    - `crm`            what any CRM must do; `crm.salesforce` does it
    - `mapping`        records to rows, by `mappings/`; `convert` makes the values
    - `store`          rows, cursors, journal, runs and rejects, in two SQLite files
    - `steps.money`    every amount in the corporate currency
- `steps.enrich`   mirror through `insight`, on the `engine`, back into the mirror
- `steps.diff`     results against what the CRM has: the list of changes
- `steps.write_back`   changes to the CRM, each one journalled first
- `steps.undo`     a run's journal, backwards; `steps.decide` is what people decide about the programme
- `report`         the results as HTML
- `notify`         tells people how a run ended

Read by all of them: `schema` (the one vocabulary), `config` (settings, gathered), `errors` (what can go wrong).
In front of them: `cli`, one command per file. Beside them: `emulator`, a stand-in CRM that shares nothing with us.
"""

import os

# Before numpy is loaded: its own threads and the two that we run stand in each other's way, at six times the cost.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__version__ = "0.1.0"
